"""Mistakes planted in the guard's table, and the tests that catch them."""

from __future__ import annotations

import pytest

from firmware import guard as guard_module
from firmware import image as f
from firmware.guard import island
from tests_host.core.planted import plant
from tests_host.guard import test_guard, test_guard_island
from tests_host.guard.test_guard import CONTACTOR

GUARD_MISTAKES = {
    "a late core keeps the enable": (f.TRIP_STALE_PERMIT, 3, CONTACTOR),
    "pilot drops nothing": (f.TRIP_PILOT, 3, 0),
    "pilot waits": (f.TRIP_PILOT, 2, 30),
    "dead grid drops nothing": (f.TRIP_DEAD_GRID, 3, 0),
    "interlock keeps the enable": (f.TRIP_INTERLOCK, 3, 0),
    "a glitch of the bond costs the enable": (f.TRIP_BOND, 2, 20),
    "overcurrent at once": (f.TRIP_OVERCURRENT, 2, 0),
    "a pulled service switch keeps the enable": (f.TRIP_SERVICE, 3, 0),
    "the bond goes with a pulled service switch": (f.TRIP_SERVICE, 4, 0),
    "an enable that does not arrive stays": (f.TRIP_ENABLE, 3, 0),
    "a slow enable relay is named": (f.TRIP_ENABLE, 2, 20),
}
PROOFS = (
    lambda: test_guard.test_the_dead_man_takes_the_enable_first_and_the_bond_last(),
    lambda: test_guard.test_inv_2_the_open_command_is_out_in_the_tick_that_sees_it(9_000),
    lambda: test_guard.test_a_dead_grid_drops_the_enable_after_the_sites_time(),
    lambda: test_guard_island.test_inv_6_bond_and_switch_are_never_both_closed(),
    lambda: test_guard_island.test_inv_5_forming_without_proof_loses_the_enable(0),
    lambda: test_guard.test_one_odd_block_is_not_an_overcurrent(),
    lambda: test_guard.test_a_pulled_service_switch_takes_the_enable_until_a_person(),
    lambda: test_guard.test_an_enable_that_does_not_arrive_is_named_after_the_relays_time(True),
)


def test_without_its_order_the_bond_goes_too_early(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(island, "order", lambda _guard, outputs, _dt_ms: outputs)
    with pytest.raises(AssertionError):
        test_guard.test_the_dead_man_takes_the_enable_first_and_the_bond_last()
    with pytest.raises(AssertionError):
        test_guard_island.test_inv_6_a_bond_that_is_on_bars_the_switch()


HELD = "if not stopped or _holds(image):"
LIVE = "live[im.HOUSE_MV + leg] * 10 > image.site[im.NOMINAL_MV]"


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (HELD, "if _holds(image):"),
        (HELD, "if not stopped:"),
        (LIVE, "live[im.HOUSE_MV] * 10 > image.site[im.NOMINAL_MV]"),
        (LIVE, "live[im.HOUSE_MV + leg] * 9 > image.site[im.NOMINAL_MV]"),
        ("live[im.INPUTS] & im.IN_ISLAND_OPEN == 0 or", "False or"),
        (
            "own[OFF_MS] >= stop_ms + im.BOND_MARGIN_MS",
            "own[OFF_MS] >= stop_ms",
        ),
    ],
)
def test_a_mistake_in_that_order_is_caught(
    old: str, new: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    plant(monkeypatch, island, old, new)
    with pytest.raises(AssertionError):
        for opened in (True, False):
            for live in ((23_100, 0, 0), (0, 0, 23_100), ()):
                test_guard_island.test_inv_18_the_bond_outlives_the_enable_whoever_takes_it(
                    live, opened
                )


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("(dt_ms + _DRAIN - 1) // _DRAIN if bit & _ADDS_UP else 0", "self._time_ms[i]"),
        ("(dt_ms + _DRAIN - 1) // _DRAIN if bit & _ADDS_UP else 0", "dt_ms // 20"),
        ("(dt_ms + _DRAIN - 1) // _DRAIN if bit & _ADDS_UP else 0", "dt_ms // 2"),
        (
            "_ADDS_UP = im.TRIP_ISLAND + im.TRIP_NEUTRAL + im.TRIP_SHORT",
            "_ADDS_UP = im.TRIP_ISLAND",
        ),
        ("if time_ms <= 0:", "if time_ms < 99:"),
    ],
)
def test_a_mistake_about_a_gap_is_caught(
    old: str, new: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    plant(monkeypatch, guard_module, old, new)
    with pytest.raises(AssertionError):
        for gap in test_guard_island.GAPS:
            test_guard_island.test_a_gap_in_a_fast_limit_does_not_begin_anew(*gap, 3)


@pytest.mark.parametrize("name", GUARD_MISTAKES)
def test_a_planted_mistake_is_caught(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    bit, column, value = GUARD_MISTAKES[name]
    rows = [
        (*row[:column], value, *row[column + 1 :]) if row[0] == bit else row
        for row in guard_module.TABLE
    ]
    monkeypatch.setattr(guard_module, "TABLE", tuple(rows))
    caught = 0
    for proof in PROOFS:
        try:
            proof()
        except AssertionError:
            caught += 1
    assert caught
