# islet: what the inverter was granted of late.
# GPL-3.0-or-later

from array import array

from firmware.base.viper import const

_BUCKET_MS = const(500)
_BUCKETS = const(32)  # power of two: 16 s of grants, above 8 s response + 2 s age + latency
_LONGEST_MS = const(15_000)  # what the buckets hold


class Grants:
    """The loosest grant of each half second, standing still included."""

    def __init__(self):
        self._lows = array("i", [0] * _BUCKETS)
        self._highs = array("i", [0] * _BUCKETS)
        self._now = self._now_ms = 0
        self.low_w = self.high_w = 0  # of the last `since`

    def enter(self, low_w, high_w, dt_ms):
        """The grant in force during the last step."""
        i = self._now
        self._now_ms += dt_ms
        if self._now_ms >= _BUCKET_MS:
            self._now_ms = 0
            i = self._now = (i + 1) & (_BUCKETS - 1)
            self._lows[i] = low_w
            self._highs[i] = high_w
        if low_w < self._lows[i]:
            self._lows[i] = low_w
        if high_w > self._highs[i]:
            self._highs[i] = high_w

    def since(self, ms):
        """Set low_w and high_w to the loosest of the last so many ms."""
        i = self._now
        left_ms = (ms if ms < _LONGEST_MS else _LONGEST_MS) - self._now_ms
        low_w, high_w = self._lows[i], self._highs[i]
        while left_ms > 0:
            i = (i - 1) & (_BUCKETS - 1)
            if self._lows[i] < low_w:
                low_w = self._lows[i]
            if self._highs[i] > high_w:
                high_w = self._highs[i]
            left_ms -= _BUCKET_MS
        self.low_w = low_w
        self.high_w = high_w
