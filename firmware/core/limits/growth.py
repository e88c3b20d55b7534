# islet: how commands follow their limits: shed at once, grow slowly.
# GPL-3.0-or-later
#
# The panel is measured late: the car may take 5 s to follow, a meter a second to answer. Growing
# by the whole headroom each time would overshoot and swing (seen in the field: 6 to 16 A with
# unity gain and one late sample). So growth is slower than the slowest answer.

from firmware import image as im
from firmware.base.timer import grown
from firmware.base.viper import const
from firmware.core.limits import columns
from firmware.core.vehicle.pilot import LEAST_MA

_RAISE_MA = const(2_000)  # a raise, shared by the legs: three legs move the sum three times
_RAISE_MS = const(5_000)  # PWM changes at most so often; a car has followed by then
_REST_MS = const(3_000)  # steady +12 V for so long before PWM comes again
_WAIT_LEAST_MS = const(5_000)
_WAIT_MOST_MS = const(300_000)
_WELL_MS = const(600_000)
_RAMP_MS = const(10_000)  # zero to rating, at least; and at least five responses
_LONGEST_STEP_MS = const(1_000)  # keeps W * ms below 2**30
_WHILE_MS = const(400)  # less than what rests to the witness, so that a ramp stays one step
_AFTER_LESS_MS = const(2_000)
_SETTLE_MS = const(10_000)  # more by less than the dead band, wanted for so long, is told too
_BRIEF_MS = const(2_000)  # a want of current that is over by then was a reading's, or a start's


def ramp(now, target, step):
    """Next setpoint: towards zero at once, away from it by at most `step` (all W)."""
    if target > 0:
        grown = (now if now > 0 else 0) + step
        return grown if grown < target else target
    grown = (now if now < 0 else 0) - step
    return grown if grown > target else target


class Setpoint:
    """SETPOINT of a device that takes a power, from its grant: zero as far as it may.

    What jitters is not told each time: some devices keep a setpoint in a memory that wears out.
    Less is told at once, always; more is the least that was wanted for a whole while, which what
    jitters does not reach. Proof, relief and an island wait for nothing, nor does a site of
    coordinated backfeed.
    """

    def __init__(self, image, device):
        site = image.site
        self._commands = image.commands
        self._device = device
        self._charge_w = site[im.DEVICE_CHARGE_W + device]
        self._discharge_w = site[im.DEVICE_DISCHARGE_W + device]
        ramp_ms = 5 * site[im.DEVICE_RESPONSE_MS + device]
        self._ramp_ms = ramp_ms if ramp_ms > _RAMP_MS else _RAMP_MS
        self._dead_w = 0 if site[im.COORDINATED] else site[im.DEVICE_DEAD_BAND_W + device]
        self._wanted_w = 0
        self._told_ms = im.AGE_MAX_MS  # since SETPOINT changed
        self._while_ms = _WHILE_MS  # more must be wanted for so long
        self._way = 1  # in which more is wanted: 1 drawing, -1 delivering
        self._more_ms = self._settle_ms = 0  # for so long: in this while, in all
        self._more = self._settle = 0  # the least of each, in W of that way

    def step(self, dt_ms):
        commands, device = self._commands, self._device
        target_w = 0
        if commands[im.GRANT_LOW + device] > 0:
            target_w = commands[im.GRANT_LOW + device]
        if commands[im.GRANT_HIGH + device] < target_w:
            target_w = commands[im.GRANT_HIGH + device]
        rating_w = self._charge_w if target_w > 0 else self._discharge_w
        dt_ms = dt_ms if dt_ms < _LONGEST_STEP_MS else _LONGEST_STEP_MS
        step_w = rating_w * dt_ms // self._ramp_ms
        told_w = commands[im.SETPOINT + device]
        may_wait = self._may_wait()
        wanted_w = ramp(self._wanted_w if may_wait else told_w, target_w, step_w if step_w else 1)
        self._wanted_w = wanted_w
        self._told_ms = grown(self._told_ms, dt_ms)
        if may_wait:
            wanted_w = self._paced(told_w, wanted_w, dt_ms)
        else:
            self._more_ms = self._settle_ms = 0
        if wanted_w != told_w:
            self._told_ms = 0
            commands[im.SETPOINT + device] = wanted_w

    def _may_wait(self):
        """Only what the owner's goal wants, beside the grid."""
        if self._dead_w == 0:
            return False
        commands = self._commands
        goal = commands[im.CLAIM_REASON + im.MARKET * im.DEVICES + self._device] == im.REASON_GOAL
        return goal and commands[im.ISLAND_STATE] == im.ISLAND_GRID

    def _paced(self, told_w, wanted_w, dt_ms):
        """What to tell it now, W."""
        way = -1 if told_w < 0 or (told_w == 0 and wanted_w < 0) else 1
        told, wanted = way * told_w, way * wanted_w
        if wanted <= told or way != self._way:
            self._way = way
            self._more_ms = self._settle_ms = 0
        if wanted <= told:
            if wanted < told:
                self._while_ms = _AFTER_LESS_MS
                if self._told_ms < _WHILE_MS:  # again: so much less that the next needs no write
                    wanted -= self._dead_w
            return way * wanted if wanted > 0 else 0
        if self._more_ms == 0 or wanted < self._more:
            self._more = wanted
        if self._settle_ms == 0 or wanted < self._settle:
            self._settle = wanted
        self._more_ms += dt_ms
        self._settle_ms += dt_ms
        if self._more_ms < self._while_ms:
            return told_w
        self._more_ms = 0
        if told == 0 or self._more > told + self._dead_w:
            told = self._more
        elif self._settle_ms >= _SETTLE_MS:
            told = self._settle
        else:
            return told_w
        self._settle_ms = 0
        self._while_ms = _WHILE_MS
        return way * told


class Offer:
    """SETPOINT of a device that takes an offer, from its grant: 0, or its least and up.

    A stop for want of current lasts a pause; one for want of data until its instrument has been
    fresh again for a while, and so does one for a want that the next readings deny.
    """

    def __init__(self, image, device):
        site = image.site
        self._commands = image.commands
        self._device = device
        self._slot = im.PANEL * im.DEVICES + device
        least_ma = site[im.DEVICE_LEAST + device]
        self._least_ma = least_ma if least_ma > LEAST_MA else LEAST_MA
        self._raise_ma = _RAISE_MA // columns.legs(site, device)
        self._pause_most_ms = site[im.DEVICE_PAUSE_MS + device]
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
        commands, slot = self._commands, self._slot
        if self._brief_ms > 0:
            self._brief_ms -= dt_ms
            room_ma = commands[im.CLAIM_HIGH + slot]
            if room_ma >= self._had_ma and left_ms > _WAIT_LEAST_MS:
                left_ms = _WAIT_LEAST_MS
        self._pause_ms = left_ms if left_ms > 0 else 0
        reason = im.REASON_PAUSE
        if left_ms <= 0 and commands[im.SETPOINT + self._device] == 0 and not self._blind:
            left_ms = self._wait_ms - self._seen_ms
            reason = im.REASON_METER_BACK
        if left_ms > 0:
            node, leg = commands[im.CLAIM_NODE + slot], commands[im.CLAIM_LEG + slot]
            limits.claim(im.PANEL, self._device, 0, 0, reason, node, leg, left_ms)

    def _watch_sight(self, dt_ms):
        """Whether the panel says zero because it does not see; each time it asks for twice as much
        patience, until all has been well for long."""
        commands, slot = self._commands, self._slot
        blind = commands[im.CLAIM_HIGH + slot] < self._least_ma
        reason = commands[im.CLAIM_REASON + slot]
        blind = blind and (
            reason == im.REASON_METER_STALE
            or reason == im.REASON_INSTRUMENT
            or reason == im.REASON_UNPROVED
        )
        if not blind:
            self._seen_ms = grown(self._seen_ms, dt_ms)
            if self._seen_ms > _WELL_MS:
                self._wait_ms = _WAIT_LEAST_MS
        elif not self._blind and commands[im.SETPOINT + self._device]:
            if self._seen_ms <= _WELL_MS and self._wait_ms < _WAIT_MOST_MS:
                self._wait_ms *= 2
            self._seen_ms = 0
        elif self._seen_ms < self._wait_ms and reason != im.REASON_UNPROVED:
            self._seen_ms = 0
        self._blind = blind

    def step(self, dt_ms):
        """Write SETPOINT."""
        commands = self._commands
        self._changed_ms = grown(self._changed_ms, dt_ms)
        offer_ma = commands[im.SETPOINT + self._device]
        granted_ma = commands[im.GRANT_HIGH + self._device]
        next_ma = self._next(offer_ma, granted_ma if granted_ma >= self._least_ma else 0)
        if next_ma == offer_ma:
            return
        if next_ma == 0 and self._lacks_current():
            self._pause_ms = self._pause_most_ms
            self._brief_ms = _BRIEF_MS
            self._had_ma = offer_ma
        self._changed_ms = 0
        commands[im.SETPOINT + self._device] = next_ma

    def _next(self, offer_ma, target_ma):
        if target_ma <= offer_ma:
            return target_ma
        if offer_ma == 0:
            return self._least_ma if self._changed_ms >= _REST_MS else 0
        if self._changed_ms < _RAISE_MS:
            return offer_ma
        grown_ma = offer_ma + self._raise_ma
        return grown_ma if grown_ma < target_ma else target_ma

    def _lacks_current(self):
        """Car and owner would go on; the panel cannot carry the least, and knows it."""
        commands, device, least_ma = self._commands, self._device, self._least_ma
        return (
            commands[im.CLAIM_HIGH + im.HARDWARE * im.DEVICES + device] >= least_ma
            and commands[im.CLAIM_HIGH + im.MARKET * im.DEVICES + device] >= least_ma
            and commands[im.CLAIM_HIGH + self._slot] < least_ma
            and not self._blind
        )
