# islet: limits and wishes as ranges with a source and a reason; the arbiter.
# GPL-3.0-or-later
#
# Every limiting source's range contains zero, so standing still is always allowed; only MARKET,
# the wish, may exclude zero. GRID_CODE and PANEL claim from their own files.

from array import array

from firmware import image as im
from firmware.base.viper import const
from firmware.core.limits import kernel
from firmware.core.limits.growth import Offer, ramp
from firmware.core.limits.hardware import claim_evse, claim_inverter
from firmware.core.limits.leases import Leases

OPEN = const(2_000_000)  # wider than any current in mA or power in W: no limit
_SOC_STALE_MS = const(120_000)  # INV-11
_SOC_JUMP_PERMILLE = const(100)  # no battery moves so far between two readings
_SOC_DOUBT_MS = const(60_000)
_RESERVE_GAP_PERMILLE = const(10)  # above the reserve before discharge begins again
_RAMP_MS = const(10_000)  # zero to rating, at least; and at least five responses
_LONGEST_STEP_MS = const(1_000)  # keeps W * ms below 2**30


def _clamp(value, low, high):
    if value < low:
        return low
    return high if value > high else value


class Limits:
    """Collects the claims of all sources in the image and decides SETPOINT_W and OFFER_MA."""

    def __init__(self, image):
        self._image = image
        self._commands = image.commands
        self._offer = Offer(image)
        self._leases = Leases(image)
        self._market = Said(image, im.MARKET_SEQ, im.MARKET_TTL_MS, self._claim_market)
        self._reserve = Reserve(image)

    def claim(
        self, source, device, low, high, reason, node=-1, leg=-1, value=0, low_reason=im.UNKNOWN
    ):
        """State a range for a device: mA per leg (EVSE) or W (INVERTER).

        `reason` says why `high`, and also why `low` unless `low_reason` does.
        """
        kernel.claim(
            self._commands,
            im.CLAIM_LOW + source * im.DEVICES + device,
            im.SOURCES * im.DEVICES,
            low,
            high,
            reason,
            node,
            leg,
            value,
            low_reason,
            source == im.MARKET,
        )

    def step(self, dt_ms):
        """Claim for HARDWARE, OPERATOR, RESERVE and MARKET, then arbitrate."""
        image = self._image
        claim_evse(image, self)
        claim_inverter(image, self)
        self._leases.step(dt_ms, self)
        self._market.step(dt_ms)
        self._reserve.claim(dt_ms, self)
        self._offer.claim_pause(dt_ms, self)
        self.arbitrate()
        self._setpoint(dt_ms)
        self._offer.step(dt_ms, image.commands[im.GRANT_HIGH + im.EVSE])

    def arbitrate(self):
        """Intersect all claims in the order of their sources; remember who moved each end."""
        kernel.arbitrate(self._commands, im.CLAIM_LOW, im.SOURCES, im.GRANT_LOW, im.DEVICES)

    def _claim_market(self, device, stands):
        """INV-8: a wish expires, and then the device stands still."""
        requests = self._image.requests
        if not stands:
            self.claim(im.MARKET, device, 0, 0, im.REASON_NO_GOAL)
            return
        high = requests[im.MARKET_HIGH + device]
        low = requests[im.MARKET_LOW + device] if device != im.EVSE else 0
        if high < low:
            high = low
        self.claim(im.MARKET, device, low, high, im.REASON_GOAL, -1, -1, high)

    def _setpoint(self, dt_ms):
        image = self._image
        commands = image.commands
        target_w = _clamp(
            0, commands[im.GRANT_LOW + im.INVERTER], commands[im.GRANT_HIGH + im.INVERTER]
        )
        rating_w = image.site[
            im.DEVICE_CHARGE_W + im.INVERTER
            if target_w > 0
            else im.DEVICE_DISCHARGE_W + im.INVERTER
        ]
        ramp_ms = 5 * image.site[im.DEVICE_RESPONSE_MS + im.INVERTER]
        if ramp_ms < _RAMP_MS:
            ramp_ms = _RAMP_MS
        step_w = rating_w * (dt_ms if dt_ms < _LONGEST_STEP_MS else _LONGEST_STEP_MS) // ramp_ms
        commands[im.SETPOINT + im.INVERTER] = ramp(
            commands[im.SETPOINT + im.INVERTER], target_w, step_w if step_w else 1
        )


class Said:
    """Each device's request: it stands from when it was last said, by its sequence number, until
    its time is up. `claim(device, stands)` only when that changes: a claim stays where it is."""

    def __init__(self, image, sequence, ttl_ms, claim):
        self._requests = image.requests
        self._sequence = sequence
        self._ttl_ms = ttl_ms
        self._claim = claim
        self._seen = array("i", [0] * im.DEVICES)
        self._age_ms = array("i", [im.AGE_MAX_MS] * im.DEVICES)
        self._stands = array("i", [im.UNKNOWN] * im.DEVICES)

    def step(self, dt_ms):
        ages = self._age_ms
        requests = self._requests
        for device in range(im.DEVICES):
            said = requests[self._sequence + device]
            age_ms = ages[device] + dt_ms
            if said != self._seen[device]:
                self._seen[device] = said
                self._stands[device] = im.UNKNOWN
                age_ms = 0
            ages[device] = age_ms if age_ms < im.AGE_MAX_MS else im.AGE_MAX_MS
            ttl_ms = requests[self._ttl_ms + device]
            stands = age_ms < ttl_ms
            if stands != self._stands[device]:
                self._stands[device] = stands
                self._claim(device, stands)


class Reserve:
    """INV-11: no discharge at or below the owner's reserve, or when the charge is not known."""

    def __init__(self, image):
        self._image = image
        self._first = True
        self._reached = True
        self._last = im.UNKNOWN
        self._doubt_ms = 0

    def claim(self, dt_ms, limits):
        image = self._image
        if self._first:
            self._first = False
            limits.claim(im.RESERVE, im.EVSE, -OPEN, OPEN, im.REASON_NONE)
        soc = self._plausible(dt_ms)
        if soc < 0:
            self._reached = True
            limits.claim(im.RESERVE, im.INVERTER, 0, OPEN, im.REASON_SOC_UNKNOWN)
            return
        state = image.commands[im.ISLAND_STATE]
        outage = state == im.ISLAND_ISLANDED or state == im.ISLAND_STARTING
        reserve = image.requests[im.OUTAGE_RESERVE_PERMILLE if outage else im.RESERVE_PERMILLE]
        if soc <= reserve:
            self._reached = True
        elif soc >= reserve + _RESERVE_GAP_PERMILLE or soc == 1000:
            self._reached = False
        low = 0 if self._reached else -OPEN
        limits.claim(im.RESERVE, im.INVERTER, low, OPEN, im.REASON_RESERVE, -1, -1, soc)

    def _plausible(self, dt_ms):
        """SoC in permille, or -1: unknown, old, or jumped while the same car was connected."""
        readings = self._image.readings
        soc = readings[im.DEVICE_SOC_PERMILLE + im.INVERTER]
        if soc < 0 or soc > 1000 or readings[im.DEVICE_SOC_AGE_MS + im.INVERTER] > _SOC_STALE_MS:
            self._last = im.UNKNOWN
            return im.UNKNOWN
        if not readings[im.DEVICE_PLUGGED + im.INVERTER]:
            self._last = soc
            self._doubt_ms = 0
            return soc
        doubt_ms = self._doubt_ms - dt_ms
        moved = soc - self._last
        if self._last >= 0 and not -_SOC_JUMP_PERMILLE <= moved <= _SOC_JUMP_PERMILLE:
            doubt_ms = _SOC_DOUBT_MS
        self._doubt_ms = doubt_ms if doubt_ms > 0 else 0
        self._last = soc
        return soc if doubt_ms <= 0 else im.UNKNOWN
