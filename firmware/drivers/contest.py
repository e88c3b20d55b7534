# islet: whether something else writes to a device what islet has written.
# GPL-3.0-or-later
#
# A register that was read back as written and then holds something else is written again. Where
# that happens four times within ten minutes, a maker's app or an energy manager writes it too, and
# two hands would go on without end: islet says zero once and no more, until a person acknowledges.

from firmware import image as im
from firmware.base.clock import ticks_diff
from firmware.base.viper import const

_TIMES = const(4)
_WITHIN_MS = const(600_000)
FIELD = "other hand"


class Contest:
    """Of one device; `device` offers wrong() and right()."""

    def __init__(self, image, device):
        self._requests = image.requests
        self._device = device
        self.stands = False
        self._times = 0
        self._first_ms = 0
        self._seq = image.requests[im.ACKNOWLEDGE_SEQ]

    def changed(self, now):
        """It holds something else than it did."""
        if not self._times or ticks_diff(now, self._first_ms) > _WITHIN_MS:
            self._times = 0
            self._first_ms = now
        self._times += 1
        if self._times >= _TIMES and not self.stands:
            self.stands = True
            text = "something else writes to it too, left at zero until somebody acknowledges"
            self._device.wrong(FIELD, text)

    def over(self):
        """A person has acknowledged: it begins anew."""
        if self._seq == self._requests[im.ACKNOWLEDGE_SEQ]:
            return False
        self._seq = self._requests[im.ACKNOWLEDGE_SEQ]
        stood, self.stands, self._times = self.stands, False, 0
        if stood:
            self._device.right(FIELD)
        return stood
