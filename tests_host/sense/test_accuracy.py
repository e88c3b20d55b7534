"""Sense against the truth: what numpy put into the samples must come out of the readings."""

from __future__ import annotations

import numpy as np
import pytest

from firmware import image as im
from tests_host.fields import EVSE as CHARGER
from tests_host.sense.waves import (
    CP,
    EVSE,
    GRID,
    HOUSE,
    MAIN,
    PEAK,
    PP,
    Bench,
    Wave,
    as_samples,
    pwm,
)

LEG = 2 * np.pi / 3


def mains(bench: Bench, volts: float = 230.0, fifth: float = 0.0) -> None:
    for leg in range(3):
        for c in (GRID, HOUSE):
            bench.waves[c + leg] = Wave(volts, -leg * LEG, fifth)


@pytest.mark.parametrize("hz", [50.0, 60.0])
@pytest.mark.parametrize("share", [0.05, 0.1, 0.3, 0.6, 0.9])
def test_rms_within_half_a_percent(share: float, hz: float) -> None:
    """5 to 90 % of the range (with 5 % harmonic and offset 100 % would clip), noise 1.5 codes."""
    bench = Bench()
    bench.hz = hz
    truth = {c: PEAK[c] / np.sqrt(2) * share for c in PEAK}
    for c, rms in truth.items():
        for leg in range(3):
            bench.waves[c + leg] = Wave(rms, leg * 1.1 + c, 0.05, offset=30 - 20 * leg)
    bench.run(0.5)
    live = bench.image.live
    fields = [
        (im.DEVICE_MA + CHARGER * im.LEGS, EVSE),
        (im.GRID_MV, GRID),
        (im.HOUSE_MV, HOUSE),
        (im.NODE_MA, MAIN),
    ]
    if share < 0.1:
        fields.pop()  # the voltage is too low to give the current a direction
    for field, c in fields:
        for leg in range(3):
            assert abs(live[field + leg]) == pytest.approx(truth[c] * 1000, rel=0.005)
    for field, c in ((im.POINT_FAST_MA, EVSE), (im.FAST_GRID_MV, GRID)):
        # 20 ms are 1.2 cycles of 60 Hz: the double frequency leaves up to 6.3 %
        assert live[field] == pytest.approx(truth[c] * 1000, rel=0.005 if hz == 50 else 0.07)


@pytest.mark.parametrize("amps", [15.0, 60.0, 200.0])
@pytest.mark.parametrize("degrees", [0, 20, 36.8, -36.8, 180, 143.2, 216.8])
@pytest.mark.parametrize("hz", [50.0, 60.0])
def test_active_power_within_one_percent(amps: float, degrees: float, hz: float) -> None:
    """Power factor 0.8 and better, both directions; current carries the sign of the power."""
    bench = Bench()
    bench.hz = hz
    mains(bench, 230.0, fifth=0.03)
    for leg in range(3):
        phase = -leg * LEG - np.radians(degrees)
        bench.waves[MAIN + leg] = Wave(amps, phase, 0.0, offset=20)
    bench.run(0.5)
    live = bench.image.live
    truth = 230.0 / np.sqrt(1 + 0.03**2) * amps * np.cos(np.radians(degrees))
    for leg in range(3):
        assert live[im.NODE_W + leg] == pytest.approx(truth, rel=0.01)
        assert live[im.NODE_MA + leg] == pytest.approx(amps * 1000 * np.sign(truth), rel=0.005)
    assert live[im.NODE_AGE_MS] == 0


@pytest.mark.parametrize("delay_us", [150, -100, 60])
def test_sensor_delay_is_calibrated_away(delay_us: int) -> None:
    """A CT that is late turns the power at a bad power factor; its calibration turns it back."""
    bench = Bench()
    mains(bench)
    late = 2 * np.pi * 50 * delay_us * 1e-6
    for leg in range(3):
        bench.waves[MAIN + leg] = Wave(100.0, -leg * LEG - np.radians(36.87) - late)
    bench.run(0.5)
    truth = 230.0 * 100 * 0.8
    wrong = abs(bench.image.live[im.NODE_W] - truth) / truth
    for leg in range(3):
        bench.analog.delay_us[MAIN + leg] = delay_us
    bench.sense.calibrate()
    bench.run(0.2)
    assert wrong > 0.01
    assert bench.image.live[im.NODE_W] == pytest.approx(truth, rel=0.01)


def test_gain_is_calibrated() -> None:
    bench = Bench()
    mains(bench)
    bench.analog.gain_ppm[GRID] = 25_000
    bench.sense.calibrate()
    bench.run(0.5)
    assert bench.image.live[im.GRID_MV] == pytest.approx(235_750, rel=0.005)
    assert bench.image.live[im.GRID_MV + 1] == pytest.approx(230_000, rel=0.005)


@pytest.mark.parametrize("hz", [45.5, 47.6, 49.8, 50.0, 50.13, 51.9, 59.3, 60.0, 62.4])
def test_frequency_within_10_mhz(hz: float) -> None:
    bench = Bench()
    bench.hz = hz
    mains(bench, fifth=0.03)
    bench.run(1.0)
    assert bench.image.live[im.GRID_MHZ] == pytest.approx(hz * 1000, abs=10)
    assert bench.image.live[im.HOUSE_MHZ] == pytest.approx(hz * 1000, abs=10)


def test_frequency_is_unknown_below_a_tenth_of_the_voltage_and_comes_back() -> None:
    bench = Bench()
    mains(bench)
    bench.run(0.5)
    mains(bench, 20.0)
    bench.run(0.3)
    assert bench.image.live[im.GRID_MHZ] == 0
    mains(bench)
    bench.run(0.5)
    assert bench.image.live[im.GRID_MHZ] == pytest.approx(50_000, abs=10)


def test_frequency_is_taken_from_another_leg_when_the_first_is_lost() -> None:
    bench = Bench()
    mains(bench)
    bench.run(0.5)
    bench.waves[GRID] = Wave(0.0)
    bench.run(0.6)
    assert bench.image.live[im.GRID_MHZ] == pytest.approx(50_000, abs=10)


@pytest.mark.parametrize("high", [12.0, 9.0, 6.0, 3.0])
@pytest.mark.parametrize("duty", [0.08, 0.1, 0.16, 0.27, 0.5, 0.53, 0.9, 0.94])
def test_pilot_plateaus_within_150_mv(high: float, duty: float) -> None:
    bench = Bench()
    bench.pilot = pwm(duty, high)
    bench.run(0.02)
    live = bench.image.live
    assert live[im.POINT_HIGH_MV] == pytest.approx(high * 1000, abs=150)
    assert live[im.POINT_LOW_MV] == pytest.approx(-12_000, abs=150)
    assert live[im.POINT_PILOT_AGE_MS] == 0


@pytest.mark.parametrize("volts", [12.0, 9.0, 6.0, 3.0, 0.0, -12.0])
def test_steady_pilot_has_one_plateau(volts: float) -> None:
    bench = Bench()
    bench.pilot = lambda t: np.full_like(t, volts)
    bench.run(0.01)
    live = bench.image.live
    assert live[im.POINT_HIGH_MV] == live[im.POINT_LOW_MV] == pytest.approx(volts * 1000, abs=50)


def test_missing_diode_shows_as_a_high_low_plateau() -> None:
    bench = Bench()
    bench.pilot = pwm(0.27, 6.0, -6.0)
    bench.run(0.01)
    assert bench.image.live[im.POINT_LOW_MV] == pytest.approx(-6_000, abs=150)


@pytest.mark.parametrize("at_ms", [0.5, 3.3, 5.0, 9.6])
def test_unplugging_shows_within_20_ms(at_ms: float) -> None:
    """INV-2: the first block that lies wholly after the change shows it, at most 20 ms later."""
    bench = Bench()
    before, after = pwm(0.27, 6.0), pwm(0.27, 12.0)
    at = 0.1 + at_ms / 1000
    bench.pilot = lambda t: np.where(t < at, before(t), after(t))
    bench.run(0.12)
    assert bench.image.live[im.POINT_HIGH_MV] == pytest.approx(12_000, abs=150)


@pytest.mark.parametrize(
    ("away_ms", "counts"), [(10, 0), (50, 0), (75, 0), (100, 1), (150, 1), (900, 1)]
)
def test_a_for_100_ms_is_an_unplugging_and_shorter_is_a_glitch(away_ms: int, counts: int) -> None:
    """At any phase, in steps of 10 ms; however long, it counts once."""
    for at_ms in (100, 103, 107):
        bench = Bench()
        before, after = pwm(0.27, 6.0), pwm(0.27, 12.0)
        begin, end = at_ms / 1000, (at_ms + away_ms) / 1000
        bench.pilot = lambda t, a=begin, b=end, x=before, y=after: np.where(
            (t > a) & (t <= b), y(t), x(t)
        )
        bench.run(1.2)
        assert bench.image.live[im.POINT_PILOT_UNPLUGS] == counts, at_ms


def test_a_step_of_a_steady_pilot_is_no_pwm() -> None:
    bench = Bench()
    bench.pilot = lambda t: np.where(t < 0.005, 12.0, 9.0)
    bench.run(0.01)
    assert bench.image.live[im.POINT_HIGH_MV] == bench.image.live[im.POINT_LOW_MV]


@pytest.mark.parametrize("ohm", [100, 220, 680, 1500])
def test_cable_resistor_within_2_percent(ohm: int) -> None:
    bench = Bench()
    bench.pp_ohm = ohm
    bench.run(0.1)
    assert bench.image.live[im.POINT_PROXIMITY_OHM] == pytest.approx(ohm, rel=0.02)
    assert bench.image.live[im.POINT_PROXIMITY_AGE_MS] == 0


def test_no_cable_is_open_even_when_the_converter_stands_at_its_rail() -> None:
    bench = Bench()
    bench.noise = 0
    bench.run(0.1)
    assert bench.image.live[im.POINT_PROXIMITY_OHM] == 1_000_000
    assert bench.image.live[im.POINT_PROXIMITY_AGE_MS] == 0


AGES = {
    GRID: im.GRID_AGE_MS,
    HOUSE: im.HOUSE_AGE_MS,
    EVSE: im.DEVICE_AGE_MS + CHARGER,
    MAIN: im.NODE_AGE_MS,
}


@pytest.mark.parametrize("c", [*AGES, CP, PP])
@pytest.mark.parametrize("code", [0, 1234, 4095])
def test_inv_4_a_stuck_channel_is_not_fresh(c: int, code: int) -> None:
    """INV-4: frozen is invalid. Only the reading of that channel ages; it comes back by itself."""
    bench = Bench()
    bench.pp_ohm = 220
    mains(bench)
    bench.run(0.3)
    codes = bench.codes(30)
    codes[:, c] = code
    bench.feed(codes)
    live = bench.image.live
    ages = {**AGES, CP: im.POINT_PILOT_AGE_MS, PP: im.POINT_PROXIMITY_AGE_MS}
    stale = {key for key, field in ages.items() if live[field] >= 290}
    if c == PP and code != 1234:
        assert stale == set()  # an open or a shorted resistor is a reading
    elif c == GRID:
        assert stale == {GRID, MAIN}  # power has lost its reference
    else:
        assert stale == {c}
    assert (live[im.FAST_AGE_MS] >= 290) == (c in (GRID, EVSE))
    bench.run(0.3)
    assert all(live[field] == 0 for field in (*ages.values(), im.FAST_AGE_MS))


def test_inv_4_a_clipped_current_still_trips_but_is_not_fresh() -> None:
    bench = Bench()
    mains(bench)
    for leg in range(3):
        bench.waves[EVSE + leg] = Wave(300.0, leg)
    bench.run(0.2)
    assert bench.image.live[im.POINT_FAST_MA] > 90_000
    assert bench.image.live[im.FAST_AGE_MS] >= 190
    assert bench.image.live[im.DEVICE_AGE_MS + CHARGER] >= 190


def test_a_current_without_voltage_has_no_direction() -> None:
    bench = Bench()
    for leg in range(3):
        bench.waves[MAIN + leg] = Wave(50.0, leg)
    bench.run(0.3)
    assert bench.image.live[im.NODE_AGE_MS] >= 290
    for leg in range(3):
        bench.waves[MAIN + leg] = Wave(0.0)
    bench.run(0.3)
    assert bench.image.live[im.NODE_AGE_MS] == 0
    assert bench.image.live[im.NODE_W] == 0


def test_unused_legs_are_not_looked_at() -> None:
    bench = Bench(legs=1)
    mains(bench)
    codes = bench.codes(30)
    for c in (EVSE, MAIN, GRID, HOUSE):
        codes[:, c + 1 : c + 3] = 2048
    bench.feed(codes)
    live = bench.image.live
    assert all(live[field] == 0 for field in (*AGES.values(), im.FAST_AGE_MS))


def test_charger_node_takes_the_chargers_own_current() -> None:
    bench = Bench()
    mains(bench)
    bench.image.site[im.NODE_INSTRUMENT] = im.INSTRUMENT_POINT
    bench.image.site[im.NODE_INSTRUMENT_ROW] = 0
    for leg in range(3):
        bench.waves[EVSE + leg] = Wave(16.0, -leg * LEG)
    bench.run(0.3)
    live = bench.image.live
    assert live[im.NODE_MA] == pytest.approx(16_000, rel=0.005)
    assert live[im.NODE_W] == pytest.approx(3680, rel=0.01)
    assert live[im.NODE_AGE_MS] == 0


def test_a_block_of_another_size_is_not_taken() -> None:
    bench = Bench()
    bench.image.site[im.LEG_COUNT] = 1
    bench.sense.on_block(as_samples(bench.codes(1)), 47)
    assert bench.image.live[im.POINT_PILOT_AGE_MS] > 0
