"""The guard and the island: its proofs, its limits, and the bond that goes last (INV-5, 6, 18)."""

from __future__ import annotations

import pytest

from firmware import image as f
from firmware.guard.kernel import HOUSE
from tests_host.core.builders import put
from tests_host.guard.test_guard import BOND, ENABLE, ISLAND, Post, islanded

# --- interlock --------------------------------------------------------------------------------


def test_inv_6_bond_and_switch_are_never_both_closed() -> None:
    """INV-6: never both written; a bond that reads closed beside the closed switch is a glitch
    for as long as relays may take, then it costs the enable."""
    post = Post(ISLAND | ENABLE)
    put(post.image.commands, PERMITS=ISLAND | BOND | ENABLE)
    assert post.tick(3) == ISLAND | ENABLE
    assert post.tick(50, INPUTS=f.IN_BOND) == ISLAND | ENABLE
    assert post.tick(3) == ISLAND
    assert post.tripped == f.TRIP_BOND


def test_inv_6_a_bond_that_is_on_bars_the_switch() -> None:
    """INV-6"""
    post = islanded()
    put(post.image.commands, PERMITS=ISLAND)
    post.tick(30)
    assert post.outputs == BOND
    put(post.image.live, HOUSE_MV=(0, 0, 0))
    post.tick(40)
    assert post.outputs == ISLAND


@pytest.mark.parametrize("live", [(23_100, 0, 0), (0, 23_100, 0), (0, 0, 23_100), ()])
@pytest.mark.parametrize("opened", [True, False])
def test_inv_18_the_bond_outlives_the_enable_whoever_takes_it(
    live: tuple[int, ...], opened: bool
) -> None:
    """INV-18: for the device's stop time, and as long as the house is live behind an open
    switch; a mirror that says closed counts as open until the device has stopped (INV-6)."""
    post = islanded(STOP_MS=700)
    put(post.image.live, HOUSE_MV=live or (0, 0, 0))
    put(post.image.live, INPUTS=f.IN_BOND | (f.IN_ISLAND_OPEN if opened else 0))
    put(post.image.commands, PERMITS=0, SETPOINT_MODE=f.MODE_STOP)
    for _ in range(80):
        assert post.tick() == BOND
    post.tick(2)
    assert bool(post.outputs & BOND) == (live != () and opened)


# --- limits of an island ----------------------------------------------------------------------

V = 1_000


@pytest.mark.parametrize(
    ("volts", "trip", "ms"),
    [
        ((275, 230, 230), f.TRIP_ISLAND, 160),
        ((230, 230, 275), f.TRIP_ISLAND, 160),
        ((264, 208, 230), f.TRIP_NEUTRAL, 100),
        ((230, 230, 116), f.TRIP_SHORT, 200),
        ((0, 0, 0), f.TRIP_SHORT, 200),
    ],
)
@pytest.mark.parametrize("good", [True, False])
def test_an_island_beyond_its_fast_limits(
    volts: tuple[int, int, int], trip: int, ms: int, good: bool
) -> None:
    """Over-rows from the enable, under-rows from the first good voltage; samples are 25 ms old
    at most, and the enable goes within the limit beside them."""
    post = islanded()
    post.guard.own[HOUSE] = 1
    first = (230 * V, 230 * V, 230 * V) if good else (40 * V, 40 * V, 40 * V)
    assert post.tick(50, FAST_HOUSE_MV=first) & ENABLE
    put(post.image.live, FAST_HOUSE_MV=tuple(volt * V for volt in volts))
    assert post.tick(ms // 20) & ENABLE, "not at the first sign"
    post.tick(ms // 10 - ms // 20)
    if trip == f.TRIP_SHORT and not good:
        assert post.tripped == 0
    else:
        assert post.tripped == trip and not post.outputs & ENABLE


@pytest.mark.parametrize("volts", [(270, 230, 230), (258, 220, 230), (230, 230, 122)])
def test_an_island_within_its_fast_limits(volts: tuple[int, int, int]) -> None:
    post = islanded()
    post.guard.own[HOUSE] = 1
    post.tick(10, FAST_HOUSE_MV=(230 * V, 230 * V, 230 * V))
    assert post.tick(200, FAST_HOUSE_MV=tuple(volt * V for volt in volts)) & ENABLE
    assert post.tripped == 0


GAPS = (
    ((275, 230), f.TRIP_ISLAND, 140),
    ((264, 208), f.TRIP_NEUTRAL, 80),
    ((116, 230), f.TRIP_SHORT, 180),
)


def by_turns(
    volts: tuple[int, int], leg: int, legs: int, on_ms: int, every_ms: int, run_ms: int
) -> int:
    """The trips of an island whose legs stand at these for so long of every so long."""
    post = islanded(LEG_COUNT=legs)
    post.guard.own[HOUSE] = 1
    good = [230 * V, 230 * V, 230 * V]
    post.tick(10, FAST_HOUSE_MV=tuple(good))
    bad = good.copy()
    bad[leg], bad[(leg + 1) % legs] = volts[0] * V, volts[1] * V
    for ms in range(0, run_ms, 10):
        post.tick(FAST_HOUSE_MV=tuple(bad if ms % every_ms < on_ms else good))
    assert bool(post.outputs & ENABLE) == (post.tripped == 0)
    return post.tripped


@pytest.mark.parametrize("legs", [2, 3])
@pytest.mark.parametrize(("volts", "trip", "ms"), GAPS)
def test_a_gap_in_a_fast_limit_does_not_begin_anew(
    volts: tuple[int, int], trip: int, ms: int, legs: int
) -> None:
    """Over 1.20 for 150 of every 300 ms is over 1.20; what is rare does not add up."""
    for leg in range(legs):
        assert by_turns(volts, leg, legs, ms - 20, 2 * ms, 1_000) == trip, leg
        assert by_turns(volts, leg, legs, 20, 80, 2_000) == trip, leg
        assert by_turns(volts, leg, legs, ms - 20, 12 * ms, 20_000) == 0, leg
        assert by_turns(volts, leg, legs, 10, 110, 20_000) == 0, leg


def test_a_gap_in_any_other_cause_does() -> None:
    post = islanded()
    for _ in range(20):
        assert post.tick(2, INPUTS=f.IN_BOND) & ENABLE
        assert post.tick(1, INPUTS=f.IN_BOND | f.IN_ISLAND_OPEN) & ENABLE


@pytest.mark.parametrize("inputs", [0, f.IN_BOND, f.IN_ISLAND_OPEN])
def test_inv_5_forming_without_proof_loses_the_enable(inputs: int) -> None:
    """INV-5: within 100 ms of losing the mirror contact or the bond."""
    post = islanded()
    assert not post.tick(3, INPUTS=inputs) & ENABLE
    assert post.tripped == f.TRIP_INTERLOCK


def test_an_island_without_a_bond_of_its_own() -> None:
    post = Post(ENABLE, BOND_NEEDED=0)
    put(post.image.trips, TRIPPED=0)
    put(post.image.commands, SETPOINT_MODE=f.MODE_FORM)
    assert post.tick(10, INPUTS=f.IN_ISLAND_OPEN) == ENABLE
