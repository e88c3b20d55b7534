# islet: the one permission that may survive a reset: the user of this session is authorised.
# GPL-3.0-or-later
#
# safety.md 3: only over a watchdog's or the program's own reset, proved by its cause and by a seal
# in registers that a power cut clears, and only while the same car stays: the pilot in B to D from
# the first sample, never A. Any doubt ends it. Each point has a bit of the seal's 16.

from array import array

from firmware import image as im
from firmware.base.viper import const

_STALE_MS = const(2_000)
_WAIT_MS = const(5_000)  # for the first sample

ABSENT, PRESENT, UNSEEN = const(0), const(1), const(2)


def car(image, point=0):
    """ABSENT, PRESENT (pilot in B to D; of a device that speaks with the car itself: reported
    connected) or UNSEEN."""
    site, device = image.site, image.site[im.POINT_DEVICE + point]
    if device >= 0 and site[im.DEVICE_OWNS_PILOT + device]:
        if image.readings[im.DEVICE_AGE_MS + device] > _STALE_MS:
            return UNSEEN
        return PRESENT if image.readings[im.DEVICE_PLUGGED + device] else ABSENT
    state = image.commands[im.POINT_PILOT_STATE + point]
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
        kept = word if board.reset_cause() == "reset" and word >= 0 else 0
        self._waits_ms = array("i", [_WAIT_MS * (kept >> p & 1) for p in range(im.POINTS)])
        self._said = -1

    def step(self, dt_ms):
        bits = 0
        for point in range(im.POINTS):
            bits |= self._holds(point, dt_ms) << point
        if bits != self._said:
            self._said = bits
            self._board.seal(bits)

    def _holds(self, point, dt_ms):
        """Whether the seal says so of this point; one that waits for its car keeps it, for a reset
        may come again."""
        requests, waits = self._image.requests, self._waits_ms
        seen = car(self._image, point)
        if waits[point] > 0:
            waits[point] -= dt_ms
            if seen == UNSEEN:
                return 1
            if seen == PRESENT:
                requests[im.POINT_AUTHORISED + point] = 1
            waits[point] = 0
        return 1 if seen == PRESENT and requests[im.POINT_AUTHORISED + point] else 0
