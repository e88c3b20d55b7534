# islet: the referee's parts: thermal model, timers, grid code, expectations.
# GPL-3.0-or-later
from __future__ import annotations

from typing import Any

import pytest

from tests_host.twin.referee_kit import (
    Timeline,
    at,
    case,
    commands,
    play,
)
from tools.twin.referee.case import grid_code
from tools.twin.referee.rule import Since
from tools.twin.referee.thermal import Body, constants
from tools.twin.scenario import Event, Expectation


@pytest.mark.parametrize(
    ("curve", "rating", "multiple", "least_s", "most_s"),
    [
        ("C", 16, 1.13, 3600, None),
        ("C", 16, 1.45, 0, 3600),
        ("C", 16, 2.55, 1, 60),
        ("B", 63, 2.55, 1, 120),
        ("UL489", 20, 1.00, 7200, None),
        ("UL489", 20, 1.35, 0, 3600),
        ("UL489", 20, 2.00, 0, 120),
        ("UL489", 200, 2.00, 0, 600),
    ],
)
def test_thermal_model_meets_the_standards_points(
    curve: str, rating: float, multiple: float, least_s: float, most_s: float | None
) -> None:
    limit, tau_s = constants(curve, rating)
    body = Body(rating, limit, tau_s)
    time_s = 0.0
    while body.warm(multiple * rating, 1.0) < 1 and time_s < 7201:
        time_s += 1
    assert time_s >= least_s and (most_s is None or time_s <= most_s)


def test_since_forgives_a_short_break() -> None:
    since = Since(0.1)
    assert since.see(0, True) == 0
    assert since.see(50_000, False) >= 0
    assert since.see(90_000, True) == pytest.approx(0.09)
    since.see(100_000, False)
    assert since.see(200_000, False) == -1
    assert since.see(300_000, True) == 0


def test_grid_code_comes_from_the_data_with_the_sites_overrides() -> None:
    site = {"grid_code": "en50549", "grid_code_overrides": {"enter_delay_s": 10}}
    code = grid_code(site, 230, 3)
    assert (code.delay_s, code.low_pu, code.high_hz) == (10, 0.85, 50.2)
    with pytest.raises(ValueError, match=r"site.grid_code: 'xx', allowed as4777a"):
        grid_code({"grid_code": "xx"}, 230, 3)


def test_an_update_is_a_silence_of_the_inverter_for_its_time() -> None:
    events = (
        Event(5, "update", "inverter", (30, {}), 15),
        Event(40, "bus", "inverter", "busy", 2),
        Event(50, "bus", "inverter", "acknowledge", 2),
        Event(60, "bus", "inverter", "silent"),
    )
    known = case(events=events)
    silent = [t for t in range(65) if known.bus_fault("inverter", t)]
    assert silent == [*range(5, 20), 40, 41, *range(60, 65)]
    assert not any(known.meter_fault(device, 10) for device in known.devices)


# --- expectations ------------------------------------------------------------------------------


def judged(rows: Timeline, **expectation: Any) -> dict[str, Any]:
    given: dict[str, Any] = {"that": "grid_w", "from_s": 1.0, "to_s": 3.0, "text": "so"}
    given |= expectation
    return play(rows, case(), (Expectation(**given),)).summary()["expectations"][0]


@pytest.mark.parametrize(
    ("expectation", "ok", "figure"),
    [
        ({"at_most": 1000}, True, 1000.0),
        ({"at_least": 1001}, False, 1000.0),
        ({"that": "inverter.mode", "equals": "follow"}, True, "follow"),
        ({"that": "island_closed", "equals": False}, False, True),
        ({"when": "ever", "at_least": 2000}, False, 1000.0),
        ({"when": "end", "at_most": 1000}, True, 1000.0),
        ({"rise": True, "at_most": 0}, True, 0.0),
        ({"from_s": 10.0, "to_s": 20.0, "at_most": 0}, None, None),
        ({"to_s": 20.0, "when": "end", "at_most": 0}, None, 1000.0),
        ({"to_s": 20.0, "when": "ever", "at_most": 0}, None, 1000.0),
        ({"to_s": 20.0, "when": "ever", "at_most": 1000}, True, 1000.0),
        ({"to_s": 20.0, "at_most": 0}, False, 1000.0),
        ({"to_s": None, "at_most": 0}, False, 1000.0),
    ],
)
def test_expectation(expectation: dict[str, Any], ok: bool | None, figure: Any) -> None:
    result = judged(at(0, 5), **expectation)
    assert (result["ok"], result["figure"]) == (ok, figure)
    assert (result.get("note") == "not reached") == (ok is None)


def test_expectation_only_looks_at_its_window() -> None:
    rows = [*at(0, 0.9, grid_w=9e3), *at(1, 3), *at(3.1, 4, grid_w=9e3)]
    assert judged(rows, at_most=1000)["ok"]


def test_expectation_of_the_process_image() -> None:
    rows = at(0, 5, image=commands(POINT_CONTACTOR_STATE=2))
    assert judged(rows, that="islet.POINT_CONTACTOR_STATE", equals=2)["ok"]
    assert judged(at(0, 5), that="islet.POINT_CONTACTOR_STATE", equals=2)["ok"] is None


def test_a_failed_expectation_fails_the_run_and_an_unreached_one_does_not() -> None:
    given: dict[str, Any] = {"that": "grid_w", "from_s": 1.0, "to_s": 3.0, "text": "so"}
    bad = Expectation(**given, at_most=0)
    given |= {"from_s": 100.0, "to_s": 200.0}
    late = Expectation(**given, at_most=0)
    assert not play(at(0, 5), case(), (bad,)).summary()["ok"]
    assert play(at(0, 5), case(), (late,)).summary()["ok"]
