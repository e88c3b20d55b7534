# islet: the grid's zero crossings on a pin: is it there, and how fast.
# GPL-3.0-or-later
#
# A hard pin interrupt notes the time of each rising edge (both directions of the voltage make one,
# ZX of an ATM90E32). It comes before all others (chips/rp2.py), so it is late by microseconds,
# garbage collection or not; over 0.2 s that is next to nothing.
#
# Edges closer together than a half cycle can be are noise: they prove no life and move nothing.
#
# (viper's ptr32(address) is no call of a type)
# pyright: reportCallIssue=false

from array import array

import micropython
from machine import Pin

from firmware.base.viper import const

# the ring of times in us, and behind it:
_COUNT = const(32)  # edges that count, all told
_STEADY = const(33)  # in a row, a plausible half cycle apart
_EDGE_US = const(34)  # time of the last edge, noise or not
_SEEN = const(35)  # _COUNT, _AGE_US and time of the last look
_AGE_US = const(36)
_LOOK_US = const(37)
_SIZE = const(38)

_SHORTEST_US = const(7_000)  # of a half cycle, 71 Hz
_LONGEST_US = const(12_500)  # 40 Hz
_JUMP_US = const(400)  # from one period to the next; 4 Hz/s make 40
_HALVES = const(20)  # in a frequency: 0.2 s at 50 Hz; even, so that an offset cancels
_OLDEST_US = const(1_000_000_000)


@micropython.viper
def _span_us(buffer) -> int:
    """Of the last _HALVES half cycles, 0 when they were not all regular."""
    ring = ptr32(buffer)
    if ring[_STEADY] < _HALVES:
        return 0
    count = ring[_COUNT]
    return ring[(count - 1) & 31] - ring[(count - 1 - _HALVES) & 31]


class Crossings:
    def __init__(self, pin):
        self._ring = array("i", [0] * _SIZE)
        self._ring[_AGE_US] = _OLDEST_US
        self._pin = Pin(pin, Pin.IN, Pin.PULL_DOWN)
        self._pin.irq(self._edge, Pin.IRQ_RISING, hard=True)

    @micropython.viper
    def _edge(self, _pin):
        ring = ptr32(self._ring)
        now = ptr32(0x40054000)[10]
        count = ring[_COUNT]
        alone = now - ring[_EDGE_US]
        ring[_EDGE_US] = now
        if alone >= 0 and alone < _SHORTEST_US and count:
            return
        gone = now - ring[(count - 1) & 31]
        # whole periods, which an offset leaves alone: a gap or a jump of phase shows between two
        step = now - ring[(count - 2) & 31] - ring[(count - 1) & 31] + ring[(count - 3) & 31]
        if (
            gone >= _SHORTEST_US
            and gone <= _LONGEST_US
            and step + _JUMP_US > 0
            and step < _JUMP_US
        ):
            ring[_STEADY] = ring[_STEADY] + 1
        else:
            ring[_STEADY] = 0
        ring[count & 31] = now
        ring[_COUNT] = count + 1

    @micropython.viper
    def age_us(self) -> int:
        """Since the last crossing, at most 1000 s; counted up while none comes, for the timer
        wraps. From the sampling interrupt, at least every half hour. Allocates nothing."""
        ring = ptr32(self._ring)
        count = ring[_COUNT]
        now = ptr32(0x40054000)[10]  # TIMERAWL
        if count != ring[_SEEN]:
            ring[_SEEN] = count
            age = now - ring[(count - 1) & 31]
            if age < 0:  # one that came between the two lines
                age = 0
        else:
            age = ring[_AGE_US] + (now - ring[_LOOK_US])
            if age < 0 or age > _OLDEST_US:
                age = _OLDEST_US
        ring[_AGE_US] = age
        ring[_LOOK_US] = now
        return age

    def mhz(self):
        """The grid's frequency over the last 0.2 s, 0 while unknown. Allocates nothing."""
        span_us = _span_us(self._ring)
        if span_us <= 0 or self._ring[_AGE_US] > 2 * _LONGEST_US:
            return 0
        half64 = span_us * 64 // _HALVES  # of a half cycle, in us/64
        hz32 = 1_000_000_000 // half64  # 32e9 / half64 without leaving 30 bits
        return hz32 * 32 + (1_000_000_000 - hz32 * half64) * 32 // half64
