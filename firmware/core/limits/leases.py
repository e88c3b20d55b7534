# islet: leases: what issuers limit, intersected; and when one ends (INV-8).
# GPL-3.0-or-later
#
# A lease belongs to its issuer: nobody else's message shortens it, its end leaves the others
# standing. What stands is found anew when one was given, released, or is over.

from array import array

from firmware import image as im
from firmware.base.viper import const
from firmware.core.limits import kernel

_LONGEST_MS = const(1_000)  # a step that came late shortens no lease given meanwhile
_LOW, _HIGH, _BY_LOW, _BY_HIGH = const(0), const(1), const(2), const(3)


class Leases:
    """Writes HELD_* and UP_S, and claims for all issuers together."""

    def __init__(self, image):
        self._requests = image.requests
        self._commands = image.commands
        self._found = array("i", [0] * 4)
        self._seq = im.UNKNOWN
        self._end_s = 0  # the next end of one that stands
        self._ms = 0

    def step(self, dt_ms, limits):
        commands = self._commands
        ms = self._ms + (dt_ms if dt_ms < _LONGEST_MS else _LONGEST_MS)
        up_s = commands[im.UP_S]
        if ms >= 1000:
            ms -= 1000
            up_s += 1
            commands[im.UP_S] = up_s if up_s < im.AGE_MAX_MS else im.AGE_MAX_MS - 1
        self._ms = ms
        seq = self._requests[im.LEASE_SEQ]
        if seq == self._seq and up_s < self._end_s:
            return
        self._seq = seq
        self._end_s = kernel.hold(
            self._requests,
            commands,
            im.ISSUERS * im.LEASED,
            im.LEASE_STEPS,
            im.LEASE_LOW,
            im.LEASE_BACK_LOW,
            im.HELD_LOW,
            up_s,
        )
        for device in range(im.DEVICES):
            self._claim(device, limits)

    def _claim(self, device, limits):
        found = self._found
        kernel.strictest(
            self._commands,
            found,
            im.HELD_LOW + 1 + device,
            im.ISSUERS,
            im.LEASED,
            im.ISSUERS * im.LEASED,
        )
        by_low, by_high = found[_BY_LOW], found[_BY_HIGH]
        if by_low < 0:
            by_low = by_high
        if by_high < 0:
            by_high = by_low
        low, high = found[_LOW], found[_HIGH]
        value = high if by_high >= 0 else 0
        reason = _reason(by_high)
        limits.claim(im.OPERATOR, device, low, high, reason, -1, -1, value, _reason(by_low))


def _reason(issuer):
    if issuer < 0:
        return im.REASON_NONE
    return im.REASON_OWNER - 1 + issuer if issuer else im.REASON_OPERATOR
