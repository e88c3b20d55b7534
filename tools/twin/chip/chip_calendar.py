# islet: the date on the simulated chip, which the twin sets.
# GPL-3.0-or-later

from micropython import const

EPOCH_2020_MIN = const(26_297_280)  # minutes from 1970 to 2020


class Calendar:
    """Minutes since 2020-01-01 UTC, set now and then, kept by the chip's own clock."""

    def __init__(self):
        self._minute = -1  # at _set_ms; -1 never set
        self._set_ms = 0

    def minute(self, now_ms):
        return -1 if self._minute < 0 else self._minute + (now_ms - self._set_ms) // 60_000

    def set(self, minute, now_ms):
        """Takes effect when it tells something new: the seconds since stay."""
        if self._minute < 0 or self.minute(now_ms) != minute:
            self._minute = minute
            self._set_ms = now_ms

    def epoch_s(self, now_ms):
        """Seconds since 1970; while never set the chip began at their zero."""
        if self._minute < 0:
            return now_ms // 1000
        return (EPOCH_2020_MIN + self._minute) * 60 + (now_ms - self._set_ms) // 1000
