# islet: how often devices were written in all, over resets and power cuts.
# GPL-3.0-or-later
#
# A record says a number that is not yet reached: a restart goes on from there, so what is counted
# is never less than what was written. It is written anew when that is reached, so that our own
# flash bears a few records a day and not one for each write. It belongs to the device's name, in
# whatever row of the configuration that stands.

from binascii import crc32

from firmware import image as im
from firmware.base.clock import ticks_ms
from firmware.base.viper import const
from firmware.ledger.keep import WAITS_LEFT, WORN
from firmware.ledger.ring import topic

_NONE = (0, 0, 0, 0)
_LEAST = const(8)  # writes that a record is ahead by, or a sixteenth of a day's


class Worn:
    """keep: holds the records. wears: drivers' Wear by the rows of their devices, which have these
    names. `step` once a second."""

    def __init__(self, keep, names, wears):
        self._keep = keep
        self._names = names
        self.wears = wears
        self._said = {}  # numbers in the records, by row
        # all are read before one is written, for rows may have changed places
        records = [keep.said(topic(WORN, row)) or _NONE for row in range(im.DEVICES)]
        for device, wear in wears.items():
            own = records[device]
            self._said[device] = own[1] if own[0] == self._name(device) else 0
            for name, count, a_day, _ in records:
                if name == self._name(device) and count > wear.before:
                    wear.before, wear.a_day = count, a_day

    def _name(self, device):
        """Never 0, which is no record's."""
        crc = crc32(self._names.device(device).encode()) | 1
        return crc - 0x1_0000_0000 if crc & 0x8000_0000 else crc

    def step(self, _dt_ms):
        now = ticks_ms()
        for device, wear in self.wears.items():
            wear.step(now)
            count = wear.count()
            if count > self._said[device]:
                ahead = count + max(_LEAST, wear.today() >> 4, wear.a_day >> 4)
                record = (self._name(device), ahead, wear.a_day, 0)
                self._keep.put(topic(WORN, device), record, WAITS_LEFT)
                if self._keep.said(topic(WORN, device)) == record:
                    self._said[device] = ahead
