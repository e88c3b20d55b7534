"""What the guard counts begins anew each time; and its rows say the same as its kernel at the very
edge of what they allow."""

from __future__ import annotations

import math

import pytest

from firmware import image as f
from firmware.chips.circuit import Analog
from firmware.guard import INRUSH_MS, Guard, island
from firmware.guard.fast import Fast
from firmware.guard.kernel import HOUSE, ON_MS, PILOT_B_MV, SWING_MV
from tests_host.core.builders import put
from tests_host.guard import rig as rig_module
from tests_host.guard.rig import Rig
from tests_host.guard.test_fast import STEADY_C, post, sine, steady
from tests_host.guard.test_guard import CONTACTOR, ENABLE, ISLAND, Post, islanded


def bonded(duty: Post) -> Post:
    """With the bond's trip, its cause gone."""
    duty.tick(60, INPUTS=f.IN_BOND)
    assert duty.tripped == f.TRIP_BOND
    put(duty.image.live, INPUTS=0)
    return duty


def test_a_cause_that_is_back_at_once_is_confirmed_again() -> None:
    """The time since the trip is not the time of the next cause."""
    duty = bonded(Post(ISLAND | ENABLE))
    put(duty.image.commands, TRIP_ACK=f.TRIP_BOND)
    for _ in range(60):
        duty.tick()
        if not duty.tripped:
            break
    assert duty.tripped == 0
    assert duty.tick(INPUTS=f.IN_BOND) & ENABLE
    assert duty.tick(30) & ENABLE and duty.tripped == 0
    duty.tick(30)
    assert duty.tripped == f.TRIP_BOND


def test_each_trip_waits_for_two_beats_of_its_own() -> None:
    """Those since an earlier trip do not count."""
    duty = bonded(Post(ISLAND | ENABLE))
    put(duty.image.commands, TRIP_ACK=f.TRIP_BOND)
    duty.tick(60)
    assert duty.tripped == 0
    bonded(duty)
    put(duty.image.live, INPUTS=0)
    duty.beating = False
    duty.tick(10)
    assert duty.tripped == f.TRIP_BOND, "acknowledged, and no beat since"
    duty.beating = True
    duty.tick(30)
    assert duty.tripped == 0


def test_inrush_is_blanked_at_each_closing() -> None:
    duty = Post()
    duty.tick(INRUSH_MS // 10 + 2)
    assert duty.guard.own[ON_MS] >= INRUSH_MS
    put(duty.image.commands, PERMITS=ISLAND)
    duty.tick(2)
    put(duty.image.commands, PERMITS=ISLAND | CONTACTOR)
    duty.tick()
    assert duty.guard.own[ON_MS] <= 10


@pytest.mark.parametrize(("swing_mv", "unfit"), [(SWING_MV, True), (SWING_MV - 1, False)])
def test_the_least_swing_that_tells_of_a_diode(swing_mv: int, unfit: bool) -> None:
    duty = Post()
    put(duty.image.live, POINT_HIGH_MV=6_000, POINT_LOW_MV=6_000 - swing_mv)
    assert bool(duty.guard.vehicle_unfit(0)) is unfit


@pytest.mark.parametrize(("over_mv", "over"), [(0, False), (1, True)])
def test_an_island_is_over_its_limit_beyond_119_percent(over_mv: int, over: bool) -> None:
    duty = islanded()
    duty.guard.own[HOUSE] = 1
    most_mv = 119 * (duty.image.site[f.NOMINAL_MV] // 100) + over_mv
    put(duty.image.live, FAST_AGE_MS=0, FAST_HOUSE_MV=(230_000, most_mv, 230_000))
    assert island.over(duty.guard) is over
    assert duty.guard.value == most_mv


@pytest.mark.parametrize(("house_ms", "grid_ms", "holds"), [(500, 9_000, True), (501, 0, False)])
def test_a_house_that_is_live_is_known_by_its_own_age(
    house_ms: int, grid_ms: int, holds: bool
) -> None:
    """INV-18: the bond waits for the house's voltage, not for the grid's."""
    duty = islanded()
    put(duty.image.live, INPUTS=f.IN_ISLAND_OPEN | f.IN_BOND, HOUSE_MV=(230_000, 0, 0))
    put(duty.image.live, HOUSE_AGE_MS=house_ms, GRID_AGE_MS=grid_ms)
    assert island._holds(duty.image) is holds


@pytest.mark.parametrize("gain_ppm", [-20_000, 0, 20_000])
def test_a_calibrated_pilot_has_the_code_of_its_level(gain_ppm: int) -> None:
    """Within one code of 4095 (rounding of the gain); without the gain it is off by 40."""
    rig = Rig(Guard, Fast)
    rig.analog.gain_ppm[0] = gain_ppm
    span_mv = (rig.analog.high[0] - rig.analog.low[0]) * (1 + gain_ppm / 1e6)
    code = math.ceil((PILOT_B_MV - rig.analog.low[0]) * 4095 / span_mv)
    assert rig.fast._pilot_code(0, PILOT_B_MV) == pytest.approx(code, abs=1)


@pytest.mark.parametrize("owns", [1, 0])
def test_a_device_with_a_pilot_of_its_own_is_not_asked_by_the_boards(owns: int) -> None:
    """Whichever row it has, not only the first."""
    duty = Post(CONTACTOR)
    put(duty.image.live, POINT_HIGH_MV=12_000)
    duty.image.site[f.POINT_DEVICE] = 1
    for device in range(f.DEVICES):
        duty.image.site[f.DEVICE_OWNS_PILOT + device] = owns if device == 1 else 1 - owns
    duty.tick(3)
    assert bool(duty.tripped & f.TRIP_PILOT) is not bool(owns)


def test_an_over_current_is_confirmed_from_its_own_begin() -> None:
    """However long the guard has been on duty."""
    rig = post(POINT_OVERCURRENT_MS=200)
    assert rig.run(steady(STEADY_C), steady(0), 200) is None
    took_us = rig.run(steady(STEADY_C), sine(80_000), 200)
    assert took_us is not None and 195_000 <= took_us <= 220_000


def test_a_current_on_the_first_channel_is_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    """A board may sample it before all else."""
    usual = rig_module.analog

    def turned() -> Analog:
        made = usual()
        for column in (made.signal, made.low, made.high):
            column[0], column[2] = column[2], column[0]
        return made

    signals = rig_module.Blocks(usual())
    monkeypatch.setattr(rig_module, "analog", turned)
    rig = post()
    for _ in range(40):
        codes = signals.make(rig.now_us, steady(STEADY_C), sine(80_000))
        codes[0::3], codes[2::3] = codes[2::3], codes[0::3]
        rig.one(codes)
    assert rig.tripped == f.TRIP_OVERCURRENT
