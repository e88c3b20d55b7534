"""A window that holds a gap has no frequency: gaps of 5 to 150 ms, at all phases, 50 and 60 Hz."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from firmware import image as im
from tests_host.sense.waves import FRAMES, GRID, HOUSE, RATE_HZ, Bench, Wave

WINDOW = 10  # blocks


def supplied(hz: float, rms: float = 230.0) -> Bench:
    bench = Bench()
    bench.hz = hz
    for side in (GRID, HOUSE):
        for leg in range(3):
            bench.waves[side + leg] = Wave(rms, phase=-leg * 2 * np.pi / 3)
    bench.run(0.5)
    return bench


def readings_over(bench: Bench, codes: np.ndarray) -> list[int]:
    """GRID_MHZ after each window."""
    found = []
    for at in range(0, len(codes), FRAMES * WINDOW):
        bench.feed(codes[at : at + FRAMES * WINDOW])
        found.append(bench.image.live[im.GRID_MHZ])
    return found


@settings(max_examples=60, deadline=None)
@given(
    hz=st.sampled_from([47.6, 50.0, 51.4, 57.1, 60.0, 61.7]),
    gap_ms=st.integers(5, 150),
    phase=st.floats(0, 1),
    left=st.sampled_from([0.0, 0.05, 0.3]),
)
def test_a_gap_makes_no_frequency(hz: float, gap_ms: int, phase: float, left: float) -> None:
    bench = supplied(hz)
    codes = bench.codes(80)
    begin = int((0.15 + phase / hz) * RATE_HZ)
    end = begin + gap_ms * RATE_HZ // 1000
    for channel in range(GRID, HOUSE + 3):
        gap = codes[begin:end, channel]
        codes[begin:end, channel] = np.rint(2048 + (gap.astype(float) - 2048) * left)
    found = readings_over(bench, codes)
    for mhz in found:
        assert mhz == 0 or mhz == pytest.approx(hz * 1000, abs=120)
    assert found[-1] == pytest.approx(hz * 1000, abs=10)
    assert bench.image.live[im.HOUSE_MHZ] == pytest.approx(hz * 1000, abs=10)


@settings(max_examples=20, deadline=None)
@given(degrees=st.integers(20, 180), at=st.floats(0, 1))
def test_a_jump_of_phase_is_no_frequency(degrees: int, at: float) -> None:
    bench = supplied(50.0)
    first = bench.codes(40)
    for wave in bench.waves.values():
        wave.phase += np.radians(degrees)
    second = bench.codes(40)
    cut = int(at * FRAMES * WINDOW)
    codes = np.concatenate([first, second])
    codes[len(first) - cut : len(first)] = second[:cut] if cut else second[:0]
    found = readings_over(bench, codes)
    for mhz in found:
        assert mhz == 0 or mhz == pytest.approx(50_000, abs=120)
    assert found[-1] == pytest.approx(50_000, abs=10)


def test_a_slope_of_four_hertz_a_second_is_followed() -> None:
    """Rate of change that inverters must ride through (facts: AS/NZS 4777.2)."""
    bench = supplied(50.0)
    for step in range(10):
        bench.hz = 50.0 - 0.04 * step
        for wave in bench.waves.values():  # the phase goes on
            t = bench.block * FRAMES / RATE_HZ
            wave.phase += 2 * np.pi * 0.04 * t if step else 0
        bench.run(0.1)
        assert abs(bench.image.live[im.GRID_MHZ] - bench.hz * 1000) <= 120


@pytest.mark.parametrize("rms", [330.0, 345.0, 400.0])
def test_a_voltage_beyond_the_range_is_seen_as_burning(rms: float) -> None:
    """A lost neutral may lift a leg far over the converter's range: it is not 'unknown'."""
    bench = supplied(50.0)
    bench.waves[GRID] = Wave(rms)
    bench.run(0.3)
    assert bench.image.live[im.GRID_AGE_MS] <= 100
    assert bench.image.live[im.GRID_MV] > 1.25 * 230_000


def test_an_input_stuck_at_an_end_is_no_voltage() -> None:
    bench = supplied(50.0)
    codes = bench.codes(30)
    codes[:, GRID] = 4095
    bench.feed(codes)
    assert bench.image.live[im.GRID_AGE_MS] >= 300
