# islet: frequency of one side of the islanding switch, from its zero crossings.
# GPL-3.0-or-later

from array import array

from firmware.sense import kernel

_TICKS = 256  # per frame, as kernel.crossing counts
_FAR = 0x10000000
_SHARE = 50  # a cycle differs from the one before by less than 2 %: 4 Hz/s make 0.2


class Frequency:
    """Counts upward crossings of one leg; `mhz` is 0 until known.

    The time from the first to the last crossing of some 0.2 s, so one crossing's noise is divided
    by ten cycles. A cycle that differs from the one before by more than a frequency can (a gap, a
    jump of phase) makes it unknown, and counting begins anew: no stretch holds a gap.
    `follow(channel, hysteresis)` chooses the leg, -1 none."""

    def __init__(self, rate_hz, frames):
        self.mhz = 0
        self.channel = -1
        self._rate_hz = rate_hz
        self._frames = frames
        self._shortest = rate_hz * _TICKS * 18 // 100
        self._hysteresis = 0
        self._state = array("i", [0, 0])
        self._elapsed = -1  # ticks from the first crossing to this block, -1 none seen yet
        self._last = 0  # ticks from the first crossing to the last one
        self._cycles = 0
        self._cycle = 0  # ticks of the last cycle, 0 none yet
        self._least = rate_hz * _TICKS // 71
        self._most = rate_hz * _TICKS // 40

    def follow(self, channel, hysteresis):
        if channel != self.channel:
            self.channel = channel
            self._hysteresis = hysteresis
            self.restart()

    def since(self):
        """Ticks from the last crossing to the end of the last block, -1 unknown."""
        return self._elapsed - self._last if self._elapsed >= 0 else -1

    def restart(self):
        """What was counted says nothing any more."""
        self.mhz = 0
        self._elapsed = -1
        self._cycles = 0
        self._last = 0
        self._cycle = 0
        self._state[1] = 0

    def on_block(self, samples, stride, middle):
        frames = self._frames
        at = kernel.crossing(
            samples, frames, stride, self.channel, middle, self._hysteresis, self._state
        )
        if self._elapsed < 0:
            if at >= 0:
                self._begin(at)
            return
        cycle = self._elapsed - self._last
        if at >= 0:
            cycle += at
            if not self._regular(cycle):
                self.mhz = 0
                self._begin(at)
                return
            self._cycle = cycle
            self._cycles += 1
            self._last = self._elapsed + at
        elif cycle > self._most:
            self.restart()  # one is missing
            return
        if self._elapsed < _FAR:
            self._elapsed += frames * _TICKS

    def _begin(self, at):
        """Count from the crossing in this block."""
        self._elapsed = self._frames * _TICKS - at
        self._cycles = self._last = self._cycle = 0

    def _regular(self, cycle):
        if not self._least <= cycle <= self._most:
            return False
        before = self._cycle
        step = cycle - before
        return before == 0 or -before < step * _SHARE < before

    def update(self):
        """At the end of a window: a new value if there are crossings enough."""
        if self._last < self._shortest:
            return
        period = self._last * 16 // self._cycles  # of one cycle, in 1/4096 frame
        ticks_per_s = self._rate_hz * 4096
        hz = ticks_per_s // period
        self.mhz = hz * 1000 + (ticks_per_s - hz * period) * 1000 // period
        self._elapsed -= self._last
        self._last = 0
        self._cycles = 0
