"""Whose reading goes where, and the very edges of what is believed."""

from __future__ import annotations

from array import array

import pytest

from firmware import image as im
from firmware.chips.circuit import Meter
from firmware.sense import atm90e32_kernel, calibration
from firmware.sense.atm90e32 import Atm90e32
from firmware.sense.atm90e32_setup import Scales, registers
from tests_host.sense.metering_bench import AMPS_NV, GRID, MAINS, VOLTS_NV
from tests_host.sense.test_points import bench
from tests_host.sense.waves import EVSE, Bench, Wave
from tests_host.sense.waves import GRID as GRID_CHANNEL
from tests_host.sense.waves import HOUSE as HOUSE_CHANNEL

ROW = Meter((17, GRID, MAINS, 1, VOLTS_NV, AMPS_NV))


@pytest.mark.parametrize(
    ("mv", "ma", "is_blind"), [(20_000, 501, 0), (19_999, 501, 1), (19_999, 500, 0)]
)
def test_a_leg_is_blind_below_the_least_voltage_and_above_the_most_current(
    mv: int, ma: int, is_blind: int
) -> None:
    voltages, currents = array("i", [230_000, mv]), array("i", [16_000, ma])
    assert atm90e32_kernel.blind(voltages, currents, 20_000, 500, 2) == is_blind


@pytest.mark.parametrize("rms", [300.0, 350.0, 420.0])
def test_a_sine_beyond_the_range_is_a_voltage_and_a_stuck_input_is_none(rms: float) -> None:
    """The range ends at 318 V."""
    made = Bench()
    for c in (GRID_CHANNEL, HOUSE_CHANNEL):
        for leg in range(3):
            made.waves[c + leg] = Wave(230.0, -leg * 2.0944)
    made.waves[GRID_CHANNEL] = Wave(rms)
    made.run(0.2)
    assert made.image.live[im.GRID_AGE_MS] <= 20
    codes = made.codes(20)
    codes[:, GRID_CHANNEL] = 4095
    made.feed(codes)
    assert made.image.live[im.GRID_AGE_MS] >= 190


def test_a_metering_chip_is_told_that_a_sag_shows_after_one_period() -> None:
    """docs/metering.md: peaks below the thresholds for 20 ms set the flag."""
    told = dict(zip(*registers(Scales(ROW), 103_000, 20_000, False, -1), strict=True))
    assert told[0x05] == 20 << 8 | 20, "SagPeakDetCfg: ms of a peak's search, and of a sag"


@pytest.mark.parametrize(("step", "said"), [(50, 13), (-50, -12), (60, 60), (-60, -60)])
def test_jitter_of_a_twentieth_of_a_hertz_is_averaged_and_more_is_followed(
    step: int, said: int
) -> None:
    class Spi:
        def write_readinto(self, out: bytes, into: bytearray) -> None: ...

    made = Atm90e32(Spi(), lambda _: None, ROW)
    for mhz in (50_000, 50_000, 50_000, 50_000, 50_000 + step):
        made._follow(mhz, 0, 100)
    assert made.mhz == 50_000 + said


@pytest.mark.parametrize("point", range(im.POINTS))
def test_both_plateaus_of_a_steady_pilot_are_its_own_points(point: int) -> None:
    made = bench(point)
    made.pilot = lambda t: 0 * t + 9.0
    made.run(0.1)
    live = made.image.live
    for row, mv in ((point, 9_000), (1 - point, 12_000)):
        assert live[im.POINT_HIGH_MV + row] == live[im.POINT_LOW_MV + row]
        assert live[im.POINT_LOW_MV + row] == pytest.approx(mv, abs=100)


def test_a_circuit_is_as_old_as_its_points_current_whatever_the_pilot_says() -> None:
    """INV-4: a transformer that fails takes its circuit's reading with it."""
    made = bench(0)
    made.run(0.3)
    assert made.image.live[im.NODE_AGE_MS + 1] == 0
    codes = made.codes(30)
    codes[:, EVSE] = 4095
    made.feed(codes)
    assert made.image.live[im.POINT_PILOT_AGE_MS] == 0
    assert made.image.live[im.NODE_AGE_MS + 1] >= 290


def test_a_calibrator_is_told_both_current_and_power_of_the_mains() -> None:
    image = im.Image()
    image.site[im.LEG_COUNT], image.site[im.NODE_COUNT] = 1, 1
    image.site[im.NODE_INSTRUMENT] = im.INSTRUMENT_CT
    live = image.live
    live[im.NODE_MA], live[im.NODE_W], live[im.NODE_AGE_MS] = 10_000, -2_300, 100
    said = calibration.readings(image)
    assert (said["mains_ma"], said["mains_w"]) == ([10_000], [-2_300])
