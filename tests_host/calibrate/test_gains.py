"""Gains, offsets and delays: what comes out makes the firmware's own arithmetic read the truth."""

from __future__ import annotations

import math
import random

import pytest

from tools.calibrate import Doubt
from tools.calibrate.gains import (
    SPAN16,
    Mean,
    Pilot,
    delay_us,
    gain_ppm,
    offset,
    pilot,
    proximity_zero,
    steady,
)


def test_a_mean_of_what_stands_still() -> None:
    dice = random.Random(1)
    mean = steady([dice.gauss(230_000, 300) for _ in range(50)], "L1")
    assert mean.value == pytest.approx(230_000, rel=0.001)
    with pytest.raises(Doubt, match=r"L1: moves by \d+\.\d %"):
        steady([dice.gauss(230_000, 9_000) for _ in range(50)], "L1")
    with pytest.raises(Doubt, match="L1: 9 fresh readings are too few"):
        steady([1.0] * 9, "L1")


@pytest.mark.parametrize("old", [0, 25_000, -90_000])
@pytest.mark.parametrize("true_ppm", [0, 13_000, -40_000, 120_000])
def test_a_gain_makes_the_reading_true(old: int, true_ppm: int) -> None:
    raw = 16_000 / (1 + true_ppm / 1e6)  # what the channel gives without calibration
    measured = Mean(raw * (1 + old / 1e6), 30)
    assert gain_ppm(measured, 16_000, old, 100_000, "L1") == pytest.approx(true_ppm, abs=1)


def test_gains_that_are_none() -> None:
    with pytest.raises(Doubt, match=r"less than 5 % of the range \(100000\)"):
        gain_ppm(Mean(4_000, 30), 4_900, 0, 100_000, "current L2")
    with pytest.raises(Doubt, match=r"is off by \+50 %, which is no calibration"):
        gain_ppm(Mean(20_000, 30), 30_000, 0, 100_000, "current L2")
    with pytest.raises(Doubt, match="reads nothing"):
        gain_ppm(Mean(0, 30), 30_000, 0, 100_000, "current L2")


def test_an_offset() -> None:
    assert offset([34.0] * 20, 0, 60, "L1") == -34
    assert offset([10.0] * 20, -34, 60, "L1") == -44
    with pytest.raises(Doubt, match="something flows"):
        offset([61.0] * 20, 0, 60, "L1")


@pytest.mark.parametrize("lagging", [True, False])
@pytest.mark.parametrize("factor", [0.3, 0.5, 0.85])
@pytest.mark.parametrize("late_us", [-300, -20, 0, 55, 250])
@pytest.mark.parametrize("old", [0, 40])
def test_a_delay(lagging: bool, factor: float, late_us: int, old: int) -> None:
    """The board shows the current `late_us` after its voltage, of which `old` is corrected."""
    angle = math.acos(factor) * (1 if lagging else -1)
    seen = angle + 2 * math.pi * 50 * (late_us - old) * 1e-6
    assert 0 < seen * (1 if lagging else -1) < math.pi / 2, "beyond it the sign is lost"
    power = Mean(2_000 * math.cos(seen), 30)
    found = delay_us(power, 2_000, 2_000 * factor, 2_000, lagging, 50, old, "L1")
    assert found == pytest.approx(late_us, abs=1)


def test_delays_that_do_not_show() -> None:
    with pytest.raises(Doubt, match=r"power factor of 0\.98 does not show a delay"):
        delay_us(Mean(980, 30), 1_000, 980, 1_000, True, 50, 0, "L1")
    with pytest.raises(Doubt, match="calibrate its gains first"):
        delay_us(Mean(1_100, 30), 1_000, 500, 1_000, True, 50, 0, "L1")
    with pytest.raises(Doubt, match="is no calibration"):
        delay_us(Mean(10, 30), 1_000, 850, 1_000, True, 50, 0, "L1")
    with pytest.raises(Doubt, match=r"power factor of 0\.00"):
        delay_us(Mean(10, 30), 1_000, 0, 0, True, 50, 0, "L1")


LOW, HIGH = -18_000, 20_000


def plateau(true_mv: float, made: Pilot, used: Pilot, span: int = 4096) -> float:
    """What sense reads (Sense._pilot_mv) of a front end off by `made`, under the calibration
    `used`."""
    step = (HIGH - LOW) / SPAN16 * 4096 / span
    code16 = (true_mv - LOW) / (step * (1 + made.gain_ppm / 1e6)) - made.zero_code16
    return (code16 + used.zero_code16) * step * (1 + used.gain_ppm / 1e6) + LOW


@pytest.mark.parametrize("made", [Pilot(0, 0), Pilot(23_000, -300), Pilot(-60_000, 900)])
@pytest.mark.parametrize("old", [Pilot(0, 0), Pilot(5_000, 40)])
@pytest.mark.parametrize("span", [4096, 4064])
def test_the_pilot(made: Pilot, old: Pilot, span: int) -> None:
    points = [(plateau(mv, made, old, span), mv) for mv in (11_850.0, -11_920.0)]
    found = pilot(LOW, HIGH, old, points, span)
    assert found.gain_ppm == pytest.approx(made.gain_ppm, abs=2)
    assert found.zero_code16 == pytest.approx(made.zero_code16, abs=1)
    for mv in (12_000, 9_000, 6_000, 3_000, -12_000):
        assert plateau(mv, made, found, span) == pytest.approx(mv, abs=2)


def test_pilots_that_are_none() -> None:
    with pytest.raises(Doubt, match="20 V apart"):
        pilot(LOW, HIGH, Pilot(0, 0), [(12_000, 12_000), (9_000, 9_000)])
    with pytest.raises(Doubt, match="reads the same"):
        pilot(LOW, HIGH, Pilot(0, 0), [(5_000, 12_000), (5_000, -12_000)])
    with pytest.raises(Doubt, match="look at the divider"):
        pilot(LOW, HIGH, Pilot(0, 0), [(6_000, 12_000), (-6_000, -12_000)])


@pytest.mark.parametrize("off", [0, 200, -500])
def test_the_proximity(off: int) -> None:
    def read(true_ohm: float, zero: int) -> float:  # as Sense._cable
        code16 = true_ohm / (1_000 + true_ohm) * SPAN16 - off + zero
        return code16 * 1_000 / (SPAN16 - code16)

    found = proximity_zero(1_000, read(680, 30), 680, 30)
    assert found == pytest.approx(off, abs=1)
    for ohm in (100, 220, 680, 1_500):
        assert read(ohm, found) == pytest.approx(ohm, rel=0.001, abs=1)
    with pytest.raises(Doubt, match="too far off"):
        proximity_zero(1_000, 150, 680, 0)
    with pytest.raises(Doubt, match="reads open"):
        proximity_zero(1_000, 1_000_000, 680, 0)
    with pytest.raises(Doubt, match="50 to 3000"):
        proximity_zero(1_000, 10, 10, 0)
