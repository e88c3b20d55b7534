# islet: RMS of a voltage and a current and their real power, in floats and in islet's kernels.
# GPL-3.0-or-later
#
# The same codes for both, as the converter left them in memory. The rival goes the way of
# emonlib's calcVI: of each pair of samples an offset that follows by 1/1024 is taken away, both
# squares and the product with the voltage shifted by PHASECAL are added up, and crossings are
# counted. It also reads the converter itself, sample by sample; to islet DMA brings them.

import gc
import time
from array import array
from math import cos, pi, sqrt

from machine import ADC

from firmware.sense import kernel

_FRAMES, _BLOCKS = 52, 10  # 52 frames are 10 ms, so a window is five cycles
_PAIRS = _FRAMES * _BLOCKS
_PER_CYCLE = 104
_MIDDLE = 2048
_VOLTS, _AMPS = 1500, 900  # peaks, in codes
_LAG = pi / 5
_PHASECAL = 1.0


def _codes():
    codes = array("H", [0] * (2 * _PAIRS))
    for n in range(_PAIRS):
        angle = 2 * pi * n / _PER_CYCLE
        codes[2 * n] = _MIDDLE + round(_VOLTS * cos(angle))
        codes[2 * n + 1] = _MIDDLE + round(_AMPS * cos(angle - _LAG))
    return codes


def _calculate(codes):
    offset_v = offset_i = float(_MIDDLE)
    filtered_v = sum_v = sum_i = sum_p = 0.0
    start = codes[0]
    crossings, above = 0, False
    for n in range(0, 2 * _PAIRS, 2):
        last_v = filtered_v
        sample_v = codes[n]
        sample_i = codes[n + 1]
        offset_v += (sample_v - offset_v) / 1024
        filtered_v = sample_v - offset_v
        offset_i += (sample_i - offset_i) / 1024
        filtered_i = sample_i - offset_i
        sum_v += filtered_v * filtered_v
        sum_i += filtered_i * filtered_i
        shifted_v = last_v + _PHASECAL * (filtered_v - last_v)
        sum_p += shifted_v * filtered_i
        was, above = above, sample_v > start
        if was != above:
            crossings += 1
    return sqrt(sum_v / _PAIRS), sqrt(sum_i / _PAIRS), sum_p / _PAIRS


def _convert(volts, amps):
    for _ in range(_PAIRS):
        volts.read_u16()
        amps.read_u16()


def _took_us(work, *arguments):
    gc.collect()
    start = time.ticks_us()
    work(*arguments)
    return time.ticks_diff(time.ticks_us(), start)


def rival(_limit_ms):
    codes = _codes()
    return {
        "found": _calculate(codes),
        "pairs": _PAIRS,
        "us": _took_us(_calculate, codes),
        "convert_us": _took_us(_convert, ADC(26), ADC(27)),
    }


class _Kernels:
    """Their buffers, made once as in the firmware."""

    def __init__(self, codes):
        size = 2 * _FRAMES
        self.blocks = [codes[n * size : (n + 1) * size] for n in range(_BLOCKS)]
        self.offsets = array("i", [_MIDDLE] * 2)
        self.rows = array("i", [0] * (2 * kernel.FIELDS))
        self.steps = array("i", [0] * 4)
        self.found = array("i", [0] * 4)

    def window(self):
        rows = self.rows
        power = late = 0
        last = _MIDDLE
        kernel.clear(rows, 2)
        for block in self.blocks:
            kernel.scan(block, _FRAMES, 2, self.offsets, rows, self.steps)
            power += kernel.product(block, _FRAMES, 2, 0, 1, _MIDDLE, _MIDDLE)
            late += kernel.product_late(block, _FRAMES, 2, 0, 1, _MIDDLE, _MIDDLE, last)
            last = block[2 * _FRAMES - 2]
        found = self.found
        found[0] = kernel.rms(rows[8], 1, 0)  # times the root of the samples, by 4
        found[1] = kernel.rms(rows[kernel.FIELDS + 8], 1, 0)
        found[2], found[3] = power, late


def islet(_limit_ms):
    kernels = _Kernels(_codes())
    us = _took_us(kernels.window)
    volts, amps, power, _ = kernels.found
    found = 4 * volts / sqrt(_PAIRS), 4 * amps / sqrt(_PAIRS), 16 * power / _PAIRS
    return {"found": found, "pairs": _PAIRS, "us": us}
