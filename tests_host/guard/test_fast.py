"""The guard between its ticks: what trips in a block of samples, and what does not."""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from typing import Any

import pytest

from firmware import image as f
from firmware.guard import Guard
from firmware.guard.fast import Fast
from tests_host.conftest import ROOT, RunDevice
from tests_host.guard.rig import FRAME_US, FRAMES, PEAK_MA, Blocks, Rig

CONTACTOR, ISLAND, BOND, ENABLE, LOADS = 1, 2, 4, 8, 16
ON_GRID = CONTACTOR | ISLAND | ENABLE | LOADS
BLOCK_US = FRAMES * FRAME_US
HZ = 50
STEADY_C = 6_000

Signal = Callable[[float], float]


def post(permits: int = ON_GRID, **site: int) -> Rig:
    made = Rig(Guard, Fast, permits, **site)
    assert made.tripped == 0
    return made


def sine(rms_ma: float, phase: float = 0.0, onset_us: float = -1) -> Signal:
    def current(us: float) -> float:
        if us < onset_us:
            return 0
        return rms_ma * math.sqrt(2) * math.sin(2 * math.pi * HZ * us / 1e6 + phase)

    return current


def pwm(high_mv: float, duty: float, before_mv: float = STEADY_C, onset_us: float = -1) -> Signal:
    """1 kHz with edges of 10 us; the high level is before_mv until the onset."""

    def pilot(us: float) -> float:
        high = high_mv if us >= onset_us else before_mv
        into = us % 1000
        if into < 10:
            return -12_000 + (high + 12_000) * into / 10
        if into < duty * 1000:
            return high
        if into < duty * 1000 + 10:
            return high - (high + 12_000) * (into - duty * 1000) / 10
        return -12_000

    return pilot


def steady(mv: float) -> Signal:
    return lambda _us: mv


# --- over-current -----------------------------------------------------------------------------


@pytest.mark.parametrize("factor", [1.5, 2.0, 3.0])
def test_an_overcurrent_is_seen_in_its_block(factor: float) -> None:
    """Confirmation of one block: within 8 ms of its onset, at any phase."""
    dice = random.Random(1)
    rms_ma = min(2 * 32_000 * factor, 0.98 * PEAK_MA / math.sqrt(2))
    for _ in range(40):
        rig = post()
        onset = rig.now_us + dice.random() * BLOCK_US
        took = rig.run(steady(STEADY_C), sine(rms_ma, dice.random() * 6.3, onset), 8)
        assert rig.tripped == f.TRIP_OVERCURRENT
        assert took is not None and rig.now_us - onset < 7_700
        assert rig.outputs == ON_GRID & ~CONTACTOR
        assert 2 * 32_000 <= rig.image.trips[f.TRIP_VALUE] < rms_ma * 1.01


@pytest.mark.parametrize("rms_ma", [0, 32_000, 63_000])
def test_twice_the_rating_is_allowed(rms_ma: float) -> None:
    assert post().run(steady(STEADY_C), sine(rms_ma), 400) is None


@pytest.mark.parametrize("confirm_ms", [20, 40])
def test_it_is_confirmed_over_full_cycles(confirm_ms: int) -> None:
    dice = random.Random(2)
    for _ in range(20):
        rig = post(POINT_OVERCURRENT_MS=confirm_ms)
        onset = rig.now_us + dice.random() * BLOCK_US
        rig.run(steady(STEADY_C), sine(70_000, dice.random() * 6.3, onset), 60)
        assert rig.tripped == f.TRIP_OVERCURRENT
        assert confirm_ms * 1000 - BLOCK_US <= rig.now_us - onset <= confirm_ms * 1000 + 13_000


def test_half_a_cycle_is_not_confirmed() -> None:
    """A single half wave of twice the limit, again and again, but never two in a row."""
    rig = post(POINT_OVERCURRENT_MS=20)

    def current(us: float) -> float:
        return sine(130_000)(us) if us % 60_000 < 10_000 else 0

    assert rig.run(steady(STEADY_C), current, 400) is None


def test_short_peaks_at_the_rating_are_no_overcurrent() -> None:
    """A load with a crest factor of 3 at its rated 32 A: peaks of 96 A, above the trip's 90.5."""
    rig = post(POINT_OVERCURRENT_MS=20)

    def current(us: float) -> float:
        into = us % 10_000
        size = 96_000 if 4_400 < into < 5_500 else 0
        return size if us % 20_000 < 10_000 else -size

    assert rig.run(steady(STEADY_C), current, 400) is None


def test_inrush_is_blanked() -> None:
    """INV-13 all the same: blanked for 100 ms after the output went on, then watched."""
    rig = post(ON_GRID & ~CONTACTOR)
    rig.image.commands[f.PERMITS] = ON_GRID
    while not rig.outputs & CONTACTOR:
        rig.run(steady(STEADY_C), sine(100_000), 1)
    closed_us = rig.now_us
    rig.run(steady(STEADY_C), sine(100_000), 100)
    assert rig.tripped == f.TRIP_OVERCURRENT
    assert 100_000 <= rig.now_us - closed_us <= 112_000


@pytest.mark.parametrize("breaking_ma", [80_000, 200_000])
def test_what_cannot_be_broken_is_left_to_the_breaker(breaking_ma: int) -> None:
    """Above the declared breaking capacity, and out of the converter's range: both unknown."""
    rig = post(POINT_OVERCURRENT_MS=20, POINT_BREAKING_MA=breaking_ma)
    assert rig.run(steady(STEADY_C), sine(130_000), 400) is None


def test_it_opens_once_the_contacts_can_break_it() -> None:
    rig = post(POINT_OVERCURRENT_MS=20, POINT_BREAKING_MA=80_000)
    assert rig.run(steady(STEADY_C), sine(100_000), 40) is None
    assert rig.run(steady(STEADY_C), sine(70_000), 40) is not None
    assert rig.tripped == f.TRIP_OVERCURRENT


def test_an_open_contactor_has_nothing_to_open() -> None:
    assert post(ON_GRID & ~CONTACTOR).run(steady(STEADY_C), sine(100_000), 100) is None


# --- grid, dead-man -----------------------------------------------------------------------------


@pytest.mark.parametrize(("nominal_mhz", "overdue_ms"), [(50_000, 12), (60_000, 10)])
@pytest.mark.parametrize("dead_grid_ms", [0, 100])
def test_a_crossing_overdue_drops_the_enable(
    nominal_mhz: int, overdue_ms: int, dead_grid_ms: int
) -> None:
    rig = post(NOMINAL_MHZ=nominal_mhz, DEAD_GRID_MS=dead_grid_ms)
    last_us = rig.now_us - 1_000
    while not rig.tripped:
        rig.crossings.age = rig.now_us + BLOCK_US - last_us
        rig.run(steady(STEADY_C), steady(0), 1)
    late_ms = (rig.now_us - last_us) / 1000 - overdue_ms - dead_grid_ms
    assert rig.tripped == f.TRIP_DEAD_GRID and rig.outputs == ON_GRID & ~ENABLE
    assert 0 <= late_ms <= BLOCK_US / 1000


def test_a_dead_grid_is_nothing_to_an_island() -> None:
    rig = post(BOND | ENABLE | LOADS)
    rig.crossings.age = 1_000_000_000
    assert rig.run(steady(STEADY_C), steady(0), 40) is None


def test_before_anything_is_enabled_no_crossing_is_no_trip() -> None:
    """At start the metering chip that shows them is not configured yet."""
    rig = post(ON_GRID & ~ENABLE)
    rig.crossings.age = 1_000_000_000
    rig.image.live[f.CROSSING_AGE_MS] = 1_000_000
    assert rig.run(steady(STEADY_C), steady(0), 40) is None
    rig.image.commands[f.PERMITS] = ON_GRID
    assert rig.run(steady(STEADY_C), steady(0), 1) is not None
    assert rig.tripped == f.TRIP_DEAD_GRID and not rig.outputs & ENABLE


def test_a_dead_man_that_dropped_is_a_trip() -> None:
    """The relays have fallen without us: they must not come back without core."""
    rig = post()
    fed = rig.dead_man.fed
    rig.run(steady(STEADY_C), steady(0), 40)
    assert rig.dead_man.fed == fed + 40
    rig.dead_man.dropped = 1
    rig.run(steady(STEADY_C), steady(0), 1)
    assert rig.tripped == f.TRIP_SAMPLING
    assert rig.outputs == ON_GRID & ~(CONTACTOR | ENABLE)


def test_a_board_without_crossings_and_dead_man() -> None:
    rig = post()
    bare: Any = rig
    bare.crossings = bare.dead_man = None
    rig.fast = Fast(rig.image, rig.guard, bare, rig.fast._middles)
    assert rig.run(steady(STEADY_C), sine(32_000), 40) is None


# --- the one latch ------------------------------------------------------------------------------


def test_inv_13_a_trip_between_ticks_is_latched_like_any_other() -> None:
    """INV-13: it stays until acknowledged, counted once, with the tick's own order of outputs."""
    rig = post()
    rig.run(steady(12_000), steady(0), 8)
    trips = rig.image.trips
    assert (trips[f.TRIPPED], trips[f.TRIP_COUNT]) == (f.TRIP_PILOT, 1)
    assert rig.run(steady(STEADY_C), steady(0), 200) is not None  # still tripped
    assert not rig.outputs & CONTACTOR
    rig.image.commands[f.TRIP_ACK] = f.TRIP_PILOT
    rig.run(steady(STEADY_C), steady(0), 1)
    for _ in range(12):
        rig.tick()
    assert rig.tripped == 0 and rig.outputs == ON_GRID


def test_inv_12_an_unarmed_guard_writes_nothing() -> None:
    """INV-12: until core has sensed the site the pins are the hardware's."""
    rig = post()
    rig.guard = Guard(rig.image, rig)
    rig.fast = Fast(rig.image, rig.guard, rig, rig.fast._middles)
    written = rig.written
    codes = Blocks(rig.analog).make(0, steady(12_000), sine(100_000))
    for _ in range(3):
        rig.fast.on_block(codes, 0)
    rig.guard.strike(f.TRIP_STOP)
    assert rig.written == written and rig.tripped == 0


def test_a_strike_drops_at_once_and_the_next_tick_latches() -> None:
    rig = post()
    rig.image.live[f.INPUTS] = f.IN_RCD
    rig.guard.strike_by(f.IN_RCD)
    assert rig.outputs == ON_GRID & ~CONTACTOR
    assert rig.tripped == 0
    rig.tick()
    assert rig.tripped == f.TRIP_RCD
    assert rig.image.trips[f.TRIP_VALUE] == f.IN_RCD
    rig.image.live[f.INPUTS] = 0
    for _ in range(50):
        rig.tick()
    assert rig.outputs == ON_GRID & ~CONTACTOR


class Struck(Guard):
    """A pin's interrupt cuts in at the n-th place where the guard touches board or image."""

    at = -1

    def _place(self) -> None:
        self.at -= 1
        if self.at == 0:
            self.strike(f.TRIP_STOP)

    def _listen(self, dt_ms: int) -> None:
        self._place()
        super()._listen(dt_ms)
        self._place()

    def _row(self, i: int, dt_ms: int) -> int:
        self._place()
        drops = super()._row(i, dt_ms)
        self._place()
        return drops

    def _take_marks(self) -> None:
        self._place()
        super()._take_marks()
        self._place()

    def _write(self, outputs: int) -> None:
        self._place()
        super()._write(outputs)
        self._place()


@pytest.mark.parametrize("place", range(1, 12))
def test_inv_13_a_strike_may_cut_in_anywhere(place: int) -> None:
    """INV-13: whatever tick() was doing, the outputs are off when it is done, and stay so."""
    rig = post()
    rig.guard = Struck(rig.image, rig)
    rig.tick()
    board = rig.write_outputs
    rig.guard.at = place
    rig.tick()
    if rig.guard.at <= 0:  # it came
        assert not rig.outputs & (CONTACTOR | ENABLE)
    for _ in range(3):
        rig.tick()
    struck = rig.guard.at <= 0
    assert struck == (rig.tripped == f.TRIP_STOP)
    assert struck == (not rig.outputs & CONTACTOR)
    assert board == rig.write_outputs


def test_inv_13_what_a_strike_drops_does_not_come_up_again() -> None:
    """INV-13: not even for the microseconds between reading the mark and the pins' register; the
    strike comes as soon as it may."""

    class Cut(Rig):
        held = False
        waits = False  # a pin's interrupt
        came_at = 0

        def hold(self) -> bool:
            self.held = True
            return False

        def resume(self, state: bool) -> None:
            self.held = state
            self.cut_in()

        def cut_in(self) -> None:
            if self.waits and not self.held:
                self.waits = False
                self.guard.strike(f.TRIP_STOP)
                self.came_at = self.written

        def write_outputs(self, bits: int) -> None:
            self.cut_in()
            super().write_outputs(bits)

    rig = Cut(Guard, Fast, permits=ON_GRID)
    rig.waits = True
    rig.tick()
    assert rig.came_at and not rig.waits
    for i in range(rig.came_at - 1, rig.written):
        assert not rig.history[i & 63] & (CONTACTOR | ENABLE)
    rig.tick()
    assert rig.tripped == f.TRIP_STOP


def test_nothing_is_allocated(run_device: RunDevice) -> None:
    """Blocks, trips and a strike with the heap locked, in 32 bits."""
    said = run_device(ROOT / "tests_host/guard/device/no_allocation.py").split()
    tripped = f.TRIP_OVERCURRENT | f.TRIP_PILOT | f.TRIP_DEAD_GRID
    tripped |= f.TRIP_SAMPLING | f.TRIP_STOP
    assert said == ["0", str(tripped)]
