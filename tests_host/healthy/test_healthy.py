# islet: 500 healthy houses with the whole firmware: nothing is found, nothing is accused.
# GPL-3.0-or-later
"""A rule that finds a planted fault is worth nothing if it also finds one where there is none. The
first houses are run by `make test`, and each that something was ever held against; all of them by
`make soak`, others for so long by `make soak SECONDS=3600`, and by themselves:

    python -m tests_host.healthy --houses 500
"""

from __future__ import annotations

import itertools
import json
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests_host.healthy.document import house
from tests_host.healthy.play import Result, play
from tests_host.healthy.sweep import found, house_hours, note, sweep
from tools.twin import scenario

HOUSES = 500
SLICE = (0, 1, 2, 3, 4, 6, *found())  # a second or two each


@pytest.mark.parametrize("seed", SLICE)
def test_nothing_is_held_against_a_healthy_house(seed: int) -> None:
    result = play(seed)
    assert not result.wrong, "\n".join(result.lines())


@pytest.mark.soak
@pytest.mark.timeout(600)
@pytest.mark.parametrize("seed", [n for n in range(HOUSES) if n not in SLICE])
def test_nor_against_the_others(seed: int) -> None:
    result = play(seed)
    assert not result.wrong, "\n".join(result.lines())


def test_the_runner_is_not_blind() -> None:
    """A stop that somebody presses, a site that is refused: neither passes as a healthy house."""
    pressed = house(2)
    pressed["events"].append({"at_s": 5, "set": "protection.estop", "to": True})
    assert any("TRIPPED.stop" in row for row in play(2, 8, document=pressed).wrong)
    refused = house(2)
    refused["site"]["legs"] = 4
    assert any("configuration: legs" in row for row in play(2, 2, document=refused).wrong)


def test_a_sweep_runs_one_a_core_as_long_as_it_is_to() -> None:
    ran: list[int] = []
    with ThreadPoolExecutor(2) as pool:

        def house_of(seed: int) -> Result:
            ran.append(seed)
            return Result(seed, "", seconds=90.0)

        results = list(sweep(pool, house_of, range(5, 10), 2))
        assert sorted(r.seed for r in results) == sorted(ran) == [5, 6, 7, 8, 9]
        assert house_hours(results, 45.0) == 10.0
        ran.clear()
        assert list(sweep(pool, house_of, itertools.count(), 2, 0.0)) == ran == []
        assert len(list(sweep(pool, house_of, itertools.count(), 2, 0.05))) == len(ran) > 2


def test_a_finding_becomes_a_seed_that_is_run_ever_since(tmp_path: Path) -> None:
    file = tmp_path / "found.json"
    file.write_text('{"96": "before"}\n')
    bad = Result(7, "", wrong=["INV-1: 3 s something", "latched: it"])
    assert note(bad, file) and not note(bad, file)
    assert found(file) == {7: "INV-1: 3 s something", 96: "before"}
    assert set(found()) <= set(SLICE)


def test_a_seed_is_always_the_same_house() -> None:
    assert json.dumps(house(7)) == json.dumps(house(7)) != json.dumps(house(8))


def test_all_are_good_scenarios() -> None:
    for seed in range(0, HOUSES, 12):
        scenario.parse(house(seed), Path(f"house_{seed}.json"))


def test_they_vary_in_what_a_healthy_world_has() -> None:
    seen: Counter[str] = Counter()
    for seed in range(HOUSES):
        document = house(seed)
        site, physical = document["site"], document["house"]
        for device in site["devices"]:
            seen["gateway" if device.get("owns_pilot") else device["kind"]] += 1
        seen[f"{site['legs']} legs"] += 1
        seen[f"{site['nominal_hz']} Hz"] += 1
        seen[site["grid_code"]] += 1
        seen[site["owner"]["goal"]] += 1
        for part in ("sources", "storages", "converters", "cars"):
            seen[part] += part in physical
        for event in document["events"]:
            seen[event.get("set") or event.get("controller") or event["mqtt"]["topic"]] += 1
    rare = {name: count for name, count in seen.items() if count < 10}
    assert not rare, rare
    assert {"point", "converter", "gateway", "50 Hz", "60 Hz"} <= set(seen)
    assert {"1 legs", "2 legs", "3 legs"} <= set(seen)
    assert {"grid.outage", "car.plugged", "car.wants", "reset", "off"} <= set(seen)
