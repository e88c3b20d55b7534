# islet: the one permission that may survive a reset: the user of this session is authorised.
# GPL-3.0-or-later
#
# safety.md 3: only over a watchdog's or the program's own reset, proved by its cause and by a seal
# in registers that a power cut clears, and only while the same car stays: the pilot in B to D from
# the first sample, never A. Any doubt ends it.

from firmware import image as im
from firmware.base.viper import const

_AUTHORISED = const(1)  # of the seal's 16 bits
_GATEWAY = const(2)
_STALE_MS = const(2_000)
_WAIT_MS = const(5_000)  # for the first sample

ABSENT, PRESENT, UNSEEN = 0, 1, 2


def car(image):
    """ABSENT, PRESENT (pilot in B to D; T2: reported connected) or UNSEEN."""
    if image.site[im.TOPOLOGY] == _GATEWAY:
        if image.readings[im.DEVICE_AGE_MS + im.INVERTER] > _STALE_MS:
            return UNSEEN
        return PRESENT if image.readings[im.DEVICE_PLUGGED + im.INVERTER] else ABSENT
    state = image.commands[im.POINT_PILOT_STATE]
    if state == im.PILOT_B or state == im.PILOT_C or state == im.PILOT_D:
        return PRESENT
    return UNSEEN if state == im.PILOT_UNKNOWN else ABSENT


class Seal:
    """board: reset_cause() "reset" or "power"; sealed() the 16 bits that seal(bits) left, -1 when
    nothing is there. `step(dt_ms)` in every control cycle."""

    def __init__(self, board, image):
        self._image = image
        self._board = board
        word = board.sealed()
        kept = board.reset_cause() == "reset" and word >= 0 and word & _AUTHORISED != 0
        self._wait_ms = _WAIT_MS if kept else 0
        self._said = -1

    def step(self, dt_ms):
        image = self._image
        seen = car(image)
        if self._wait_ms > 0:
            self._wait_ms -= dt_ms
            if seen == UNSEEN:
                return  # the seal stays: a reset may come again
            if seen == PRESENT:
                image.requests[im.POINT_AUTHORISED] = 1
            self._wait_ms = 0
        bits = _AUTHORISED if seen == PRESENT and image.requests[im.POINT_AUTHORISED] else 0
        if bits != self._said:
            self._said = bits
            self._board.seal(bits)
