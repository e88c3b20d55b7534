# islet: the guard's look at every block of samples, a few milliseconds after they were taken.
# GPL-3.0-or-later
#
# A board that samples by DMA hands over a block (2.5 ms) as soon as it is full; tick() comes with
# every fourth. What must open within a cycle is seen here: over-current, a lost pilot, a grid that
# has missed a zero crossing. Latching and pins are the guard's (trip). No allocation, no float.
#
# A board may hand blocks over late, four with each tick, if on_block() can have the next one at
# once when it asks: enough for the pilot, while over-current is left to the tick there.
#
# A pilot is lost when it was last proved so long ago that the next block would come after INV-2's
# 20 ms, less what the interrupt may be late (INV-9). So a glitch of 10 ms opens nothing: what is
# ridden through is 16 ms less the gaps between proofs before and after it, which depend on the
# duty: 11 ms from 16 A on, 7 ms at 6 A and the worst phase, where a high plateau is seen every 1
# to 4 ms only.
#
# The RMS of a sine says nothing before its cycle is over, so over-current starts from the peak of
# a block. It is confirmed over OVERCURRENT_MS, in which every half cycle must have had such a
# peak, and the RMS of the last cycle must be above the limit as well: a load that draws short
# peaks at its rated current is none. Peaks beyond the contactor's breaking capacity, or out of
# the converter's range, are left to the breaker.

from array import array

from firmware import image as im
from firmware.base.viper import const
from firmware.guard import fast_kernel as kernel
from firmware.guard.causes import by_pilot
from firmware.guard.kernel import OVERDUE, PILOT_B_MV, PILOT_D_MV

_HALF_US = const(12_500)  # peaks of one half cycle and the next are never further apart
_CYCLE_US = const(20_000)
_LOST_US = const(19_000)  # INV-2: 20 ms, of which the interrupt may be 1 late (INV-9)
_TICK_US = const(10_000)
_RAIL = const(2040)  # codes from the middle; beyond, the converter's end is near


class Fast:
    """`on_block(codes, first)` for every block. `middles` are sense's offsets, channel by channel.

    Of the board it takes `crossings` (age_us(): since the grid's last zero crossing) and
    `dead_man` (feed(): 1 when it had dropped), each None where there is none, and `late_blocks`:
    it hands them over with the tick unless asked."""

    def __init__(self, image, guard, board, middles):
        self._image = image
        self._commands = image.commands
        self._buffers = (image.commands, image.trips, guard.own)
        self._guard = guard
        self._middles = middles
        analog = self._analog = board.analog
        self._block_us = analog.frame_ns * analog.block_frames // 1000
        self._crossed_us = board.crossings.age_us if board.crossings is not None else None
        self._feed = board.dead_man.feed if board.dead_man is not None else None
        self._late = getattr(board, "late_blocks", False)
        site = image.site
        self._islands = site[im.ISLAND_CAPABLE]
        self._overdue_us = OVERDUE * 1000 // site[im.NOMINAL_MHZ] + site[im.DEAD_GRID_MS] * 1000
        self._watch = 0
        self._ma16 = array("i", [0] * im.POINTS)
        self.memories = [array("i", [0] * kernel.SIZE) for _ in range(im.POINTS)]
        self.calibrate()

    def calibrate(self):
        """Take the site's limits and the channels' scales into codes."""
        for point in range(im.POINTS):
            self._calibrate(point)
        self._watched = [
            memory
            for memory in self.memories
            if memory[kernel.PILOT] >= 0 or memory[kernel.CURRENT] >= 0
        ]

    def _calibrate(self, point):
        memory, analog, site = self.memories[point], self._analog, self._image.site
        memory[kernel.NUMBER] = point
        memory[kernel.COIL] = im.OUT_CONTACTOR << im.OUT_SHIFT * point
        memory[kernel.FRAMES], memory[kernel.STRIDE] = analog.block_frames, analog.count
        asked = by_pilot(site, point)
        c = memory[kernel.PILOT] = analog.find("pilot", 0, point) if asked else -1
        if c >= 0:
            memory[kernel.HIGH] = self._pilot_code(c, PILOT_B_MV)
            memory[kernel.LOW] = self._pilot_code(c, PILOT_D_MV)
            frame_us = self._block_us // analog.block_frames
            most = memory[kernel.GONE_MOST] = (_LOST_US - self._block_us) // frame_us
            self._watch = most - _TICK_US // frame_us  # frames; by the next tick it might be lost
        device = site[im.POINT_DEVICE + point]
        looks = device >= 0 and not self._late
        leg = site[im.DEVICE_LEG + device * im.LEGS] if looks else 0
        c = memory[kernel.CURRENT] = analog.find("evse_ct", leg, point) if looks else -1
        if c >= 0:
            self._current_codes(memory, c, device)

    def _pilot_code(self, c, mv):
        """The lowest code that is at least so many mV: what sense makes of codes, backwards."""
        analog = self._analog
        span_mv = analog.high[c] - analog.low[c]
        span_mv += span_mv * analog.gain_ppm[c] // 1_000_000
        code16 = (mv - analog.low[c]) * 4095 * 16 // span_mv - analog.zero_code16[c]
        return (code16 + 15) // 16

    def _current_codes(self, memory, c, device):
        analog, site = self._analog, self._image.site
        point = memory[kernel.NUMBER]
        peak_ma = analog.high[c] + analog.high[c] * analog.gain_ppm[c] // 1_000_000
        limit_ma = 2 * site[im.DEVICE_MAX_MA + device]
        memory[kernel.PEAK_LIMIT] = limit_ma * 2047 // peak_ma * 1414 // 1000
        most = site[im.POINT_BREAKING_MA + point] * 2047 // peak_ma * 1414 // 1000
        memory[kernel.PEAK_MOST] = min(most, _RAIL)
        cycle = min((_CYCLE_US + self._block_us // 2) // self._block_us, kernel.RING_SIZE)
        memory[kernel.CYCLE] = cycle
        limit = min(limit_ma * 2047 // peak_ma, 2047)
        memory[kernel.SQUARES_LIMIT] = limit * limit * cycle * analog.block_frames
        confirm_us = site[im.POINT_OVERCURRENT_MS + point] * 1000
        memory[kernel.CONFIRM] = confirm_us // self._block_us
        memory[kernel.HALF] = _HALF_US // self._block_us
        memory[kernel.QUIET] = kernel.LONG
        # RMS of a sine for a peak of 1/16 code
        self._ma16[point] = peak_ma * 16 // 2047 * 707 // 1000

    def on_block(self, codes, first):
        """In the sampling interrupt, for each block of samples; True: the next at once, please."""
        soon = False
        for memory in self._watched:
            found = kernel.look(first, 0, 0, codes, self._middles, memory, self._buffers)
            if found:
                self._trip(memory, found)
            if self._watch < memory[kernel.GONE] <= memory[kernel.GONE_MOST]:
                soon = True
        if self._crossed_us is not None:
            age_us = self._crossed_us()
            if age_us > self._overdue_us:
                self._grid_dead(age_us)
        if self._feed is not None and self._feed():
            self._guard.trip(im.TRIP_SAMPLING, 0)
        return soon

    def _trip(self, memory, found):
        point = memory[kernel.NUMBER]
        shift = im.TRIP_SHIFT * point
        if found & kernel.LOST_PILOT:
            self._guard.trip(im.TRIP_PILOT << shift, self._pilot_mv(memory))
        if found & kernel.OVERCURRENT:
            peak_ma = memory[kernel.PEAK] * self._ma16[point] >> 4
            self._guard.trip(im.TRIP_OVERCURRENT << shift, peak_ma)

    def _grid_dead(self, age_us):
        """It matters only on the grid, and to a source."""
        permits = self._commands[im.PERMITS]
        if permits & im.OUT_ENABLE and (permits & im.OUT_ISLAND or not self._islands):
            self._guard.trip(im.TRIP_DEAD_GRID, age_us // 1000)

    def _pilot_mv(self, memory):
        """The highest level in the block."""
        analog, c = self._analog, memory[kernel.PILOT]
        mv16 = (analog.high[c] - analog.low[c]) // 16
        return (memory[kernel.HIGHEST] * mv16 // 4095 << 4) + analog.low[c]
