# islet: asks the house whether what is published is so, twice a second, beside the referee.
# GPL-3.0-or-later
from __future__ import annotations

import json
import re
from array import array
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any

from firmware import image as im
from firmware.people import alerts as words_alerts
from firmware.people import words
from firmware.people.names import takes_offer
from firmware.people.reasons import Reasons
from firmware.people.state import State
from firmware.policy.takers import WHY_NAMES
from tests_host.people.truth import alerts, reasons, states
from tests_host.people.truth.world import Said, World
from tools.twin.referee import Referee
from tools.twin.referee.rule import Moment
from tools.twin.view.devices import names_of, own_pilots
from tools.twin.view.events import reason_names

EVERY_US = 500_000
LATE_US = 1_500_000  # so long a sentence may lag behind the house: debounce, contacts, readings
NULL_S = 4.0  # so long after its last answer nothing of it is shown
NEAR_A, NEAR_V, NEAR_W, NEAR_PERCENT = 1.5, 6.0, 300, 3.0
NAMES = {code: name.upper() for code, name in reason_names().items()}
OPTION = re.compile(r"\b[a-z]+(?:\.|_)[a-z]+(?:_[a-z]+)*\b|\{|\}|None|True|False")


@lru_cache(maxsize=4096)
def _names_an_option(text: str) -> bool:
    return OPTION.search(text) is not None


class Asked:
    """Stands between a run and its referee. `untrue` are sentences that were not so for longer
    than a moment, with how often, and an example of each."""

    def __init__(self, judge: Referee, proved: tuple[str, ...]) -> None:
        self._judge = judge
        self.world = World(judge.case, proved)
        self.count: Counter[str] = Counter()
        self.untrue: Counter[str] = Counter()
        self.examples: dict[str, str] = {}
        self._since: dict[tuple[str, str], int] = {}
        self._reasons: Reasons | None = None
        self._state: State | None = None
        self._own = own_pilots(judge.case.told.site)
        self._gone = False  # what is published is of a life that is over

    def findings(self) -> Sequence[str]:
        return self._judge.findings()

    def summary(self) -> dict[str, Any]:
        return self._judge.summary()

    def restarted(self, t_us: int, asked: bool = False) -> None:
        self._judge.restarted(t_us, asked)
        self._gone = True

    def booted(self, t_us: int) -> None:
        self._judge.booted(t_us)
        self._boot(t_us)

    def _boot(self, t_us: int) -> None:
        self.world.boot(t_us / 1e6)
        self._reasons = None
        self._since.clear()

    def observe(
        self, t_us: int, truth: Mapping[str, Any], image: Mapping[str, array[int]] | None = None
    ) -> None:
        self._judge.observe(t_us, truth, image)
        self.world.observe(Moment(t_us, truth, truth, 0.0, None, (), ()))
        if not image or "commands" not in image or "site" not in image:
            self._gone = False
            return
        if t_us % EVERY_US or self._gone:
            return
        mine = self.world.image
        for name, values in image.items():
            getattr(mine, name)[:] = values
        if self._reasons is None:
            names = names_of(self.world.site, mine.site)
            self._reasons = Reasons(names, mine.readings, mine.commands, mine.trips, ())
            self._state = State(mine, "asked", names)
        self._reasons.hear(mine.requests)
        wrong: set[tuple[str, str]] = set()
        for said, so in self.sentences():
            self.count[said.name] += 1
            key = said.name, said.of
            if not so or _names_an_option(said.text):
                wrong.add(key)
                if t_us - self._since.setdefault(key, t_us) > LATE_US:
                    self.untrue[said.name] += 1
                    self.examples.setdefault(said.name, f"{t_us / 1e6:g} s {said.of}: {said.text}")
        self._since = {key: at for key, at in self._since.items() if key in wrong}

    # --- what is said now ---------------------------------------------------------------------

    def sentences(self) -> Iterator[tuple[Said, bool]]:
        yield from self._states()
        yield from self._alerts()
        yield from self._claims()
        yield from self._figures()

    def _states(self) -> Iterator[tuple[Said, bool]]:
        commands = self.world.image.commands
        names = self._names
        rows = [("island", "", im.ISLAND_STATE), ("grid", "", im.GRID_STATE)]
        for row in names.points():
            name = names.point(row)
            rows.append(("contactor", name, im.POINT_CONTACTOR_STATE + row))
            if name not in self._own:
                rows.append(("pilot", name, im.POINT_PILOT_STATE + row))
        for what, of, at in rows:
            state, text = words.state_text(what, commands[at])
            yield self._ask(states.TABLES[what][state], Said(f"{what} {state}", of, text=text))
        note, text = words.state_text("note", commands[im.ISLAND_NOTE])
        if text:
            yield self._ask(alerts.NOTES[note], Said(f"note {note}", text=text))

    @property
    def _names(self) -> Any:
        assert self._reasons is not None
        return self._reasons.names

    def _ask(self, so: Any, said: Said) -> tuple[Said, bool]:
        return said, so is None or bool(so(self.world, said))

    def _alerts(self) -> Iterator[tuple[Said, bool]]:
        commands, names, reasons_ = self.world.image.commands, self._names, self._reasons
        assert reasons_ is not None
        for row in words_alerts.faults(names, commands):
            said = Said(f"fault {row['fault']}", row["of"] or "", text=row["text"])
            yield self._ask(alerts.FAULTS[row["fault"]], said)
        for row in words_alerts.trips(names, self.world.image.trips[im.TRIPPED]):
            said = Said(f"trip {row['trip']}", row["of"] or "", text=row["text"])
            yield self._ask(alerts.TRIPS[row["trip"]], said)
        for row in reasons_.silent():
            so = alerts.silent(self.world, Said(row["silent"]))
            yield Said("silent", row["silent"], text=row["text"]), so
        headline = reasons_.headline()
        if headline == "All is well.":
            yield self._ask(alerts.well, Said("all is well", text=headline))

    def _claims(self) -> Iterator[tuple[Said, bool]]:
        image, names, told = self.world.image, self._names, self._reasons
        commands = image.commands
        assert told is not None
        for device in names.devices():
            ends = [(im.CLAIM_REASON, im.CLAIM_HIGH)]
            if not takes_offer(image.site, device):
                ends.append((im.CLAIM_LOW_REASON, im.CLAIM_LOW))
            for source in range(im.SOURCES):
                at = source * im.DEVICES + device
                for which, bound in ends:
                    code = commands[which + at]
                    text = told.sentence(source, device, which)
                    node = commands[im.CLAIM_NODE + at]
                    said = Said(
                        f"reason {NAMES[code]}",
                        names.device(device),
                        names.node(node) if node >= 0 else "",
                        commands[im.CLAIM_LEG + at],
                        commands[im.CLAIM_VALUE + at],
                        commands[bound + at],
                        text,
                    )
                    yield self._claim(source, code, said, device)

    def _claim(self, source: int, code: int, said: Said, device: int) -> tuple[Said, bool]:
        if source == im.MARKET and code in (im.REASON_GOAL, im.REASON_NO_GOAL):
            why = self.world.image.requests[im.MARKET_WHY + device]
            if why < len(WHY_NAMES) and words.WISHES[why][0] == (code == im.REASON_GOAL):
                said = said._replace(name=f"wish {WHY_NAMES[why]}")
                return self._ask(reasons.WISHES[WHY_NAMES[why]], said)
        so = reasons.REASONS[NAMES[code]]
        if isinstance(so, tuple):
            which = max(0, min(said.value, len(so) - 1))
            said, so = said._replace(name=f"{said.name} {which}"), so[which]
        if any(said.text.startswith(text.split("{}")[0]) for _, text in words.LOOSE):
            return said._replace(name=f"{said.name} loose"), True
        return self._ask(so, said)

    def _figures(self) -> Iterator[tuple[Said, bool]]:
        """What is published as a number is one of the house's of the last seconds, and what nobody
        hears any more is null."""
        w, names, state = self.world, self._names, self._state
        assert state is not None
        state.take()
        dumb = w.silent(w.instrument(names.node(0)), NULL_S)
        for leg, ma in enumerate(self._shown("nodes", 0)["ma"] or ()):
            key = f"main_l{leg + 1}_a"
            so = w.near(ma / 1000, lambda t, k=key: t[k], NEAR_A) or w.instruments_planted()
            yield Said("amperes of the service", key, text=f"{ma} mA"), so and not dumb
        for side in ("grid", "house"):
            section = self._shown(side)
            for leg, mv in enumerate(section["mv"] or ()):
                key = f"{side}_l{leg + 1}_v"
                so = w.near(mv / 1000, lambda t, k=key: t[k], NEAR_V) or w.planted("sensors.")
                yield Said(f"volts of the {side}", key, text=f"{mv} mV"), so
        for device in names.devices():
            yield from self._figures_of(names.device(device), self._shown("devices", device))

    def _shown(self, section: str, *row: int) -> dict[str, Any]:
        """A section of the published state, or one row of it."""
        assert self._state is not None
        return json.loads("".join(self._state.pieces_of(section, *row)))

    def _figures_of(self, name: str, shown: dict[str, Any]) -> Iterator[tuple[Said, bool]]:
        w = self.world
        if f"{name}.w" not in w.truth:
            return
        odd = w.planted(f"{name}.", f"bus.{name}", "sensors.evse", *w.cars_of(name))
        percent = shown.get("soc_permille")
        if percent is not None and f"{name}.soc_percent" in w.truth:
            so = w.near(percent / 10, lambda t: t[f"{name}.soc_percent"], NEAR_PERCENT)
            yield Said("charge", name, text=f"{percent} permille"), so or odd
        if shown["w"] is not None:
            near_w = NEAR_W + abs(shown["w"]) // 20
            so = w.near(shown["w"], lambda t: t[f"{name}.w"], near_w)
            so = (so or odd) and not w.silent(name, NULL_S)
            yield Said("watts of a device", name, text=f"{shown['w']} W"), so
        if shown["plugged"] is not None and w.cars_of(name):
            so = w.car(name, "plugged", shown["plugged"])
            yield Said("plugged", name, text=str(shown["plugged"]).lower()), so or odd
        if shown.get("mode") is not None:
            mode = "off" if shown["mode"] == "stop" else str(shown["mode"])
            so = w.lately(lambda t: t[f"{name}.mode"] == mode)
            yield Said("mode", name, text=mode), so or odd
