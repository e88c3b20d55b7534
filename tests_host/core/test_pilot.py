"""The control pilot: windows, hysteresis, debounce, diode, staleness, duty code."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firmware import image as f
from firmware.core.vehicle import pilot
from firmware.core.vehicle.pilot import Pilot, classify, duty_permille
from tests_host.core.builders import healthy, put
from tests_host.fields import EVSE

UNKNOWN, A, B, C, D, E, F, DIODE = range(8)
# IEC 61851-1 detection windows as quoted in the facts, written again
WINDOWS = {A: (11_000, 13_000), B: (8_000, 10_000), C: (5_000, 7_000), D: (2_000, 4_000)}
WINDOWS |= {E: (-1_000, 1_000), F: (-13_000, -11_000)}
GAPS = (((10_001, 10_999), B, A), ((7_001, 7_999), C, B), ((4_001, 4_999), C, D))
GAPS += (((1_001, 1_999), D, E),)


def expected(level_mv: int, previous: int) -> int:
    for state, (low, high) in WINDOWS.items():
        if low <= level_mv <= high:
            return state
    for (low, high), keeps, other in GAPS:
        if low <= level_mv <= high:
            return keeps if previous == keeps else other
    return UNKNOWN


def test_every_millivolt_from_every_state() -> None:
    """An exhaustive walk over the levels: 32001 levels from each of 8 states."""
    for previous in range(8):
        for level_mv in range(-16_000, 16_001):
            assert classify(level_mv, previous) == expected(level_mv, previous), level_mv


def test_the_exhaustive_walk_notices_a_changed_row(monkeypatch: pytest.MonkeyPatch) -> None:
    changed = pilot.FLOOR_MV[:]
    changed[3] = 7_999
    monkeypatch.setattr(pilot, "FLOOR_MV", changed)
    with pytest.raises(AssertionError):
        test_every_millivolt_from_every_state()


class Line:
    """A pilot with its image; each call is one control step."""

    def __init__(self, **site: int) -> None:
        self.image = healthy(**site)
        self.pilot = Pilot(self.image)

    def step(
        self, high_mv: int, low_mv: int | None = None, age_ms: int = 0, **requests: int
    ) -> int:
        low_mv = high_mv if low_mv is None else low_mv
        readings = self.image.readings
        put(readings, POINT_HIGH_MV=high_mv, POINT_LOW_MV=low_mv, POINT_PILOT_AGE_MS=age_ms)
        put(self.image.requests, **requests)
        self.pilot.step(100)
        return self.image.commands[f.POINT_PILOT_STATE]

    def pwm(self, on: bool = True) -> None:
        self.image.commands[f.POINT_DUTY_PERMILLE] = 266 if on else 1000

    def faults(self) -> int:
        return self.image.commands[f.FAULTS]


LEVELS_MV = (12_000, 9_000, 6_000, 3_000, 0, -12_000, 10_500, 7_500, 4_500, 1_500, -6_000)


def test_debounce_of_every_sequence() -> None:
    """Levels x debounce, exhaustively for four steps: a state needs two steps in a row, so one
    sample neither latches nor clears; nothing is claimed that was not just seen. What takes power
    away within its bound is the guard's."""
    for sequence in itertools.product(LEVELS_MV, repeat=4):
        line = Line()
        state, seen_before = UNKNOWN, None
        for level_mv in sequence:
            seen = expected(level_mv, state)
            now = line.step(level_mv)
            if seen in (seen_before, state):
                assert now == seen, sequence
            else:
                assert now == state, sequence
            state, seen_before = now, seen


def test_a_gap_never_keeps_a_car_in_c_that_is_nearly_gone() -> None:
    line = Line()
    assert [line.step(level_mv) for level_mv in (6_000, 6_000, 7_500)][-1] == C
    assert line.step(10_500) == C
    assert line.step(10_500) == A


@pytest.mark.parametrize("age_ms", [201, 5_000, f.AGE_MAX_MS])
def test_a_stale_pilot_is_unknown_at_once(age_ms: int) -> None:
    line = Line()
    line.step(6_000)
    assert line.step(6_000) == C
    assert line.step(6_000, age_ms=age_ms) == UNKNOWN
    assert not line.faults() & f.FAULT_PILOT  # silent is not odd
    line.step(6_000)
    assert line.step(6_000) == C


@pytest.mark.parametrize("level_mv", [0, -12_000, -6_000, 14_000])
def test_odd_levels_are_a_fault_that_goes_by_itself(level_mv: int) -> None:
    line = Line()
    line.step(12_000)
    line.step(12_000)
    line.step(level_mv)
    assert not line.faults()  # one sample latches nothing
    line.step(level_mv)
    assert line.faults() & f.FAULT_PILOT
    line.step(12_000)
    assert line.faults() & f.FAULT_PILOT  # nor does one clear it
    line.step(12_000)
    assert not line.faults()


def test_diode_is_verified_only_by_a_low_plateau_under_pwm() -> None:
    """INV-1"""
    line = Line()
    for _ in range(3):
        line.step(9_000, -12_000)
    assert not line.pilot.diode_ok  # no PWM: such a low plateau proves nothing
    line.pwm()
    line.step(9_000, -12_000, age_ms=90)
    assert not line.pilot.diode_ok  # sampled before PWM began
    line.step(9_000, -12_000)
    assert line.pilot.diode_ok
    line.step(12_000, -12_000)
    line.step(12_000, -12_000)
    assert not line.pilot.diode_ok  # another connection, another proof


@pytest.mark.parametrize("low_mv", [-10_999, -8_800, -5_600, 0, 9_000, -13_001])
def test_a_missing_diode_latches_until_replugged_or_acknowledged(low_mv: int) -> None:
    line = Line()
    line.pwm()
    assert [line.step(9_000, low_mv) for _ in range(12)][-1] == DIODE
    assert line.faults() & f.FAULT_DIODE
    line.pwm(False)
    assert line.step(9_000) == DIODE  # without PWM nothing can be seen, so it stays
    assert line.step(12_000) == DIODE
    assert line.step(12_000) == A
    assert not line.faults()
    line.pwm()
    for _ in range(12):
        line.step(9_000, low_mv)
    line.pwm(False)
    line.step(9_000, ACKNOWLEDGE_SEQ=1)
    line.step(9_000)
    assert line.step(9_000) == B


def test_one_odd_low_plateau_is_not_a_fault() -> None:
    line = Line()
    line.pwm()
    states = [line.step(6_000, low_mv) for low_mv in (-12_000, -12_000, -12_000, -5_000, -12_000)]
    assert states[1:] == [C] * 4
    assert not line.faults()


def test_300_ms_of_a_poor_low_plateau_latch_nothing() -> None:
    """The guard has opened; a fault is named after a second of it."""
    line = Line()
    line.pwm()
    for _ in range(3):
        line.step(6_000, -12_000)
    for _ in range(3):
        assert line.step(6_000, -5_600) == C
        assert not line.pilot.diode_ok  # nothing closes meanwhile
    line.step(6_000, -12_000)
    assert line.pilot.diode_ok and not line.faults()


def test_a_missing_diode_is_looked_for_again_three_times() -> None:
    """After a minute each; then until unplugged or acknowledged."""
    line = Line()
    line.pwm()
    looks, was = 0, False
    for _ in range(6_000):  # 10 min
        line.step(9_000, -8_800)
        fault = line.faults() & f.FAULT_DIODE != 0
        looks += was and not fault
        was = fault
    assert looks == 3 and was
    line.step(9_000, -8_800, ACKNOWLEDGE_SEQ=1)
    assert not line.faults()
    for _ in range(30):
        line.step(9_000, -12_000)
    assert line.pilot.diode_ok and not line.faults()


def test_a_short_unplugging_is_counted_and_ends_what_a_connection_ends() -> None:
    line = Line()
    line.pwm()
    for _ in range(12):
        line.step(9_000, -8_800)
    assert line.faults() & f.FAULT_DIODE
    put(line.image.readings, POINT_PILOT_UNPLUGS=1)
    line.step(9_000, -12_000)
    assert line.pilot.unplugged and line.image.commands[f.POINT_UNPLUGS] == 1
    assert not line.faults()
    line.step(9_000, -12_000)
    assert not line.pilot.unplugged and line.image.commands[f.POINT_UNPLUGS] == 1


def test_a_gateways_report_counts_as_unplugging() -> None:
    """T2; a silent one has not said so."""
    line = Line(TOPOLOGY=2)
    reports = ((1, 0), (0, 2_001), (1, 0), (0, 0), (0, 0), (1, 0), (1, 0))
    seen = []
    for plugged, age_ms in reports:
        put(line.image.readings, INVERTER_PLUGGED=plugged, INVERTER_AGE_MS=age_ms)
        line.step(12_000)
        seen.append(line.image.commands[f.POINT_UNPLUGS])
    assert seen == [0, 0, 0, 1, 1, 1, 1]


def test_a_gateway_owns_its_pilot() -> None:
    line = Line(TOPOLOGY=2)
    line.step(0)
    assert line.step(6_000) == UNKNOWN
    assert not line.faults()


@pytest.mark.parametrize(
    ("amperes", "permille"),
    [
        *((0, 1000), (5.999, 1000), (6, 100), (10, 166), (16, 266), (32, 533), (51, 850)),
        *((52, 850), (52.5, 850), (63, 892), (80, 960), (200, 960)),
    ],
)
def test_duty_of_known_currents(amperes: float, permille: int) -> None:
    """IEC 61851-1 Annex A as quoted: 16 A 26.67 %, 32 A 53.33 %, 63 A 89.2 %."""
    assert duty_permille(round(amperes * 1000)) == permille


@given(st.integers(6_000, 80_000))
def test_the_duty_never_offers_more_than_asked(offer_ma: int) -> None:
    duty = duty_permille(offer_ma)
    read_by_car_ma = duty * 60 if duty <= 850 else (duty - 640) * 250
    assert read_by_car_ma <= offer_ma
    assert offer_ma - read_by_car_ma < 1_750


def test_drive_follows_the_offer() -> None:
    line = Line()
    line.image.commands[f.SETPOINT + EVSE] = 16_000
    line.pilot.drive()
    assert line.image.commands[f.POINT_DUTY_PERMILLE] == 266
