# islet: how commands follow their limits: shed at once, grow slowly.
# GPL-3.0-or-later
#
# The panel is measured late: the car may take 5 s to follow, a meter a second to answer. Growing
# by the whole headroom each time would overshoot and swing (seen in the field: 6 to 16 A with
# unity gain and one late sample). So growth is slower than the slowest answer.

from firmware import image as im
from firmware.base.viper import const
from firmware.core.vehicle.pilot import LEAST_MA

_RAISE_MA = const(2_000)  # a raise, shared by the legs: three legs move the sum three times
_RAISE_MS = const(5_000)  # PWM changes at most so often; a car has followed by then
_REST_MS = const(3_000)  # steady +12 V for so long before PWM comes again
_WAIT_LEAST_MS = const(5_000)
_WAIT_MOST_MS = const(300_000)
_WELL_MS = const(600_000)
_BRIEF_MS = const(2_000)  # a want of current that is over by then was a reading's, or a start's


def ramp(now, target, step):
    """Next setpoint: towards zero at once, away from it by at most `step` (all W)."""
    if target > 0:
        grown = (now if now > 0 else 0) + step
        return grown if grown < target else target
    grown = (now if now < 0 else 0) - step
    return grown if grown > target else target


class Offer:
    """OFFER_MA from the grant: 0, or 6 A and up.

    A stop for want of current lasts a pause; one for want of data until its instrument has been
    fresh again for a while, and so does one for a want that the next readings deny.
    """

    def __init__(self, image):
        self._image = image
        self._changed_ms = im.AGE_MAX_MS
        self._pause_ms = 0
        self._brief_ms = 0  # a want of current may still prove to have been none
        self._had_ma = 0
        self._blind = False
        self._seen_ms = im.AGE_MAX_MS  # since the instruments above the car are fresh
        self._wait_ms = _WAIT_LEAST_MS  # for so long they must be, before it goes on

    def claim_pause(self, dt_ms, limits):
        """While the pause lasts, it is the PANEL's claim."""
        self._watch_sight(dt_ms)
        left_ms = self._pause_ms - dt_ms
        commands = self._image.commands
        if self._brief_ms > 0:
            self._brief_ms -= dt_ms
            room_ma = commands[im.CLAIM_HIGH + im.PANEL * im.DEVICES + im.EVSE]
            if room_ma >= self._had_ma and left_ms > _WAIT_LEAST_MS:
                left_ms = _WAIT_LEAST_MS
        self._pause_ms = left_ms if left_ms > 0 else 0
        reason = im.REASON_PAUSE
        if left_ms <= 0 and commands[im.SETPOINT + im.EVSE] == 0 and not self._blind:
            left_ms = self._wait_ms - self._seen_ms
            reason = im.REASON_METER_BACK
        if left_ms > 0:
            slot = im.PANEL * im.DEVICES + im.EVSE
            node = commands[im.CLAIM_NODE + slot]
            limits.claim(
                im.PANEL, im.EVSE, 0, 0, reason, node, commands[im.CLAIM_LEG + slot], left_ms
            )

    def _watch_sight(self, dt_ms):
        """Whether the panel says zero because it does not see; each time it asks for twice as much
        patience, until all has been well for long."""
        commands = self._image.commands
        slot = im.PANEL * im.DEVICES + im.EVSE
        blind = commands[im.CLAIM_HIGH + slot] < LEAST_MA
        reason = commands[im.CLAIM_REASON + slot]
        blind = blind and (
            reason == im.REASON_METER_STALE
            or reason == im.REASON_INSTRUMENT
            or reason == im.REASON_UNPROVED
        )
        if not blind:
            seen_ms = self._seen_ms + dt_ms
            self._seen_ms = seen_ms if seen_ms < im.AGE_MAX_MS else im.AGE_MAX_MS
            if seen_ms > _WELL_MS:
                self._wait_ms = _WAIT_LEAST_MS
        elif not self._blind and (
            commands[im.SETPOINT + im.EVSE] or self._seen_ms < self._wait_ms
        ):
            if self._seen_ms <= _WELL_MS and self._wait_ms < _WAIT_MOST_MS:
                self._wait_ms *= 2
            self._seen_ms = 0
        self._blind = blind

    def step(self, dt_ms, granted_ma):
        """Write OFFER_MA."""
        commands = self._image.commands
        changed_ms = self._changed_ms + dt_ms
        self._changed_ms = changed_ms if changed_ms < im.AGE_MAX_MS else im.AGE_MAX_MS
        offer_ma = commands[im.SETPOINT + im.EVSE]
        lacks = self._lacks_current()
        next_ma = self._next(offer_ma, granted_ma if granted_ma >= LEAST_MA else 0)
        if next_ma == offer_ma:
            return
        if next_ma == 0 and lacks:
            self._pause_ms = self._image.site[im.DEVICE_PAUSE_MS + im.EVSE]
            self._brief_ms = _BRIEF_MS
            self._had_ma = offer_ma
        self._changed_ms = 0
        commands[im.SETPOINT + im.EVSE] = next_ma

    def _next(self, offer_ma, target_ma):
        if target_ma <= offer_ma:
            return target_ma
        if offer_ma == 0:
            return LEAST_MA if self._changed_ms >= _REST_MS else 0
        if self._changed_ms < _RAISE_MS:
            return offer_ma
        grown_ma = offer_ma + _RAISE_MA // self._image.site[im.DEVICE_LEGS + im.EVSE]
        return grown_ma if grown_ma < target_ma else target_ma

    def _lacks_current(self):
        """Car and owner would go on; the panel cannot carry 6 A, and knows it."""
        commands = self._image.commands
        return (
            commands[im.CLAIM_HIGH + im.HARDWARE * im.DEVICES + im.EVSE] >= LEAST_MA
            and commands[im.CLAIM_HIGH + im.MARKET * im.DEVICES + im.EVSE] >= LEAST_MA
            and commands[im.CLAIM_HIGH + im.PANEL * im.DEVICES + im.EVSE] < LEAST_MA
            and not self._blind
        )
