"""Numbers out of registers: exact arithmetic is the judge."""

from __future__ import annotations

import math
import struct
from fractions import Fraction

from hypothesis import example, given, settings
from hypothesis import strategies as st

from firmware.bus.registers import (
    INVALID,
    MAX_DEN,
    MAX_NUM,
    float_scaled,
    scaled,
    signed16,
    signed32,
)
from tests_host.conftest import RunDevice

NUM = st.integers(1, MAX_NUM)
DEN = st.integers(1, MAX_DEN)


def words(value: float) -> tuple[int, int]:
    high, low = struct.unpack(">HH", struct.pack(">f", value))
    return high, low


@settings(max_examples=2000)
@given(st.integers(0, 0xFFFF), st.integers(0, 0xFFFF), NUM, DEN)
@example(*words(230.04999), 1000, 1)
@example(*words(-0.0005), 1000, 1)
def test_float_is_off_by_less_than_one_unit(high: int, low: int, num: int, den: int) -> None:
    (value,) = struct.unpack(">f", struct.pack(">HH", high, low))
    got = float_scaled(high, low, num, den)
    if not math.isfinite(value):
        assert got == INVALID
        return
    true = Fraction(value) * num / den
    if got == INVALID:
        assert abs(Fraction(value) * num) > 2**29  # beyond the integers of the chip
    else:
        assert abs(got - true) < 1


@given(st.floats(-2000, 2000, width=32))
def test_milliamperes_are_the_nearest(amps: float) -> None:
    """1/65536 of fraction is lost, so a tie may fall either way."""
    assert abs(float_scaled(*words(amps), 1000, 1) - Fraction(amps) * 1000) <= Fraction(
        1, 2
    ) + Fraction(1, 60)


@given(st.integers(-(2**30) + 2, 2**30 - 2), NUM, DEN)
def test_scaled_is_the_nearest(value: int, num: int, den: int) -> None:
    got = scaled(value, num, den)
    true = Fraction(value * num, den)
    assert (abs(true) > 2**29) if got == INVALID else abs(got - true) <= Fraction(1, 2)


@given(st.integers(-(2**31), 2**31 - 1))
def test_signed_registers(value: int) -> None:
    frame = struct.pack(">i", value)
    got = signed32(frame, 0, 2)
    assert got == value or (got == INVALID and abs(value) > 2**29)
    assert signed16(frame, 0) == value >> 16


def test_no_step_leaves_30_bits(run_device: RunDevice) -> None:
    """On the 32-bit interpreter a larger integer needs heap, and the heap is locked."""
    script = """
import micropython
from firmware.bus.registers import float_scaled, scaled, MAX_NUM, MAX_DEN
NUMS = (1, 1000, MAX_NUM)
DENS = (1, 7, MAX_DEN)
def walk():
    total = 0
    for exponent in range(256):
        for low in (0, 1, 0x5555, 0xFFFF):
            for num in NUMS:
                for den in DENS:
                    got = float_scaled(exponent << 7 | 0x7F, low, num, den)
                    total = total + (got & 0xFFFF) & 0xFFFF
    for bits in range(30):
        for num in NUMS:
            for den in DENS:
                total = total + (scaled((1 << bits) - 1, num, den) & 0xFFFF) & 0xFFFF
    return total
total = walk()
micropython.heap_lock()
total = walk()
micropython.heap_unlock()
print(total)
"""
    assert run_device(script).strip().isdigit()
