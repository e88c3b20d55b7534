"""What people read is asked of the house itself, never of the firmware's own image."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from firmware import image as im
from firmware.people import words
from firmware.people.names import Names
from firmware.people.state import State
from tests_host import whole
from tests_host.people import truth as told
from tools.twin import scenario
from tools.twin.referee import Referee
from tools.twin.view.devices import commanded, own_pilots, point_names

SHIPPED = Path(scenario.__file__).parent / "scenarios"
RUNS = (
    ("sunny_day", 20),
    ("outage", 60),
    ("silent_bus", 60),
    ("stale_meter", 40),
    ("unplugged", 60),
)
LATE_US = 1_500_000  # so long a state may lag behind the house: debounce, contacts, readings
FIGURE_US = 5_000_000  # a figure is one of the house's of the last seconds
NEAR_A, NEAR_PERCENT = 1.5, 3.0


@pytest.mark.parametrize("what", told.TABLES)
def test_every_sentence_has_its_predicate(what: str) -> None:
    assert tuple(told.TABLES[what]) == words.STATES[what][0]


class Asked:
    """Stands where the referee does: asks twice a second whatever is published."""

    def __init__(self, site: Mapping[str, Any]) -> None:
        nodes = [row["name"] for row in site["nodes"]]
        self.image = im.Image()
        names = Names(
            self.image.site,
            nodes,
            [row.name for row in commanded(site)],
            point_names(site),
        )
        self.state = State(self.image, "asked", names)
        self.own = own_pilots(site)
        self.reserves = told.reserves(site)
        self.away = False  # the grid has been
        self.count: Counter[str] = Counter()
        self.untrue: Counter[str] = Counter()
        self.since: dict[str, int] = {}
        self.past: list[tuple[int, Mapping[str, Any]]] = []

    def observe(self, t_us: int, truth: Mapping[str, Any], image: Mapping[str, Any]) -> None:
        self.past = [row for row in self.past if t_us - row[0] < FIGURE_US] + [(t_us, truth)]
        self.away = self.away or not truth["grid_present"]
        if t_us % 500_000 or "commands" not in image or "site" not in image:
            return
        for section, values in image.items():
            getattr(self.image, section)[:] = values
        shown = json.loads("".join(self.state.take().pieces(("requests", "unit"))))
        wrong = set()
        for sentence, right in self.asked(shown, truth):
            self.count[sentence] += 1
            if not right:
                wrong.add(sentence)
                if t_us - self.since.setdefault(sentence, t_us) > LATE_US:
                    self.untrue[sentence] += 1
        self.since = {key: at for key, at in self.since.items() if key in wrong}

    def asked(self, shown: dict[str, Any], truth: Mapping[str, Any]) -> Iterator[tuple[str, bool]]:
        rows = [("island", "", shown["island"]["state"]), ("grid", "", shown["grid"]["state"])]
        for name, point in shown["points"].items():
            rows.append(("contactor", name, point["contactor"]))
            if name not in self.own:
                rows.append(("pilot", name, point["pilot"]))
        for what, of, state in rows:
            predicate = told.TABLES[what][state]
            if predicate is not None:
                yield f"{what} {state}", bool(predicate(truth, of))
        for limits in shown["limits"].values():
            for claim in limits["claims"]:
                for text in {claim["text"], claim["low_text"]}:
                    for part, so in told.SAID:
                        if part in text:
                            yield part, bool(so(text, truth, self.away, self.reserves))
        service = shown["nodes"][0]
        for leg, ma in enumerate(service["ma"] or ()):
            yield "amperes of the service", self.near(f"main_l{leg + 1}_a", ma / 1000, NEAR_A)
        for name, device in shown["devices"].items():
            if device.get("soc_permille") is not None:
                percent = device["soc_permille"] / 10
                yield "charge", self.near(f"{name}.soc_percent", percent, NEAR_PERCENT)

    def near(self, key: str, value: float, by: float) -> bool:
        was = [truth[key] for _, truth in self.past]
        return min(was) - by <= value <= max(was) + by


@pytest.mark.parametrize(("name", "seconds"), RUNS)
def test_what_is_said_is_so(name: str, seconds: int, monkeypatch: pytest.MonkeyPatch) -> None:
    path = SHIPPED / f"{name}.json"
    asked = Asked(scenario.load(path).site)
    observe = Referee.observe

    def both(self: Referee, t_us: int, truth: Any, image: Any) -> None:
        observe(self, t_us, truth, image)
        asked.observe(t_us, truth, image)

    monkeypatch.setattr(Referee, "observe", both)
    whole.play(path, seconds=seconds)
    print(f"asked {name}: {sum(asked.count.values())} times, untrue {dict(asked.untrue)}")
    assert sum(asked.count.values()) > 100
    assert not asked.untrue, asked.untrue
