# islet: what islet's own devices drew or fed back, over the last three seconds.
# GPL-3.0-or-later

from array import array

from firmware.core.panel_kernel import (
    H_EVSE_HIGH,
    H_EVSE_LOW,
    H_INVERTER_HIGH,
    H_INVERTER_LOW,
    H_INVERTER_W_HIGH,
    H_INVERTER_W_LOW,
    SLOT_SIZE,
)
from firmware.image import (
    EVSE_AGE_MS,
    EVSE_LEGS,
    EVSE_MA,
    EVSE_MAX_MA,
    EVSE_NODE,
    INVERTER_AGE_MS,
    INVERTER_CHARGE_W,
    INVERTER_DISCHARGE_W,
    INVERTER_LEGS,
    INVERTER_MA,
    INVERTER_NODE,
    INVERTER_W,
    LEGS,
    NOMINAL_MV,
    OFFER_MA,
    SETPOINT_W,
    TOPOLOGY,
    const,
)

_RING = const(32)  # slots, one a step: 3.2 s at the control cycle, a power of two
_EVSE_STALE_MS = const(500)
_INVERTER_STALE_MS = const(2_000)  # INV-4
_T2 = const(2)


class History:
    """A ring of slots (H_* of the kernel); each step writes one, `at` finds an older one.

    A device that is not measured lately is entered with its worst credible range: drawing nothing
    where that hides headroom, its rating where that hides load.
    """

    def __init__(self, image):
        self.image = image
        self.slots = array("i", [0] * (_RING * SLOT_SIZE))
        self.has_evse = False
        self.has_inverter = False
        self.evse_fresh = False
        self.inverter_fresh = False
        self._head = 0
        self._inverter_age_ms = 0

    def declare(self):
        """Read the site. In T2 the charging contactor only isolates the gateway: its current is
        the inverter's own, and must not be counted twice."""
        site = self.image.site
        self.has_evse = site[EVSE_NODE] >= 0 and site[TOPOLOGY] != _T2
        self.has_inverter = site[INVERTER_NODE] >= 0

    def push(self, dt_ms):
        readings = self.image.readings
        self._head = (self._head + 1) & (_RING - 1)
        self.evse_fresh = readings[EVSE_AGE_MS] <= _EVSE_STALE_MS
        age_ms = readings[INVERTER_AGE_MS]
        self.inverter_fresh = age_ms <= _INVERTER_STALE_MS
        slot = self._head * SLOT_SIZE
        self._write_evse(slot)
        self._write_inverter(slot)
        if self.inverter_fresh and age_ms < self._inverter_age_ms + dt_ms:
            self._backdate(age_ms, dt_ms)  # a new sample, already old when it came
        self._inverter_age_ms = age_ms

    def at(self, age_ms, dt_ms):
        """Offset of the slot written age_ms ago, at most the ring's length."""
        steps = (age_ms + dt_ms // 2) // max(1, dt_ms)
        if steps > _RING - 1:
            steps = _RING - 1
        return ((self._head - steps) & (_RING - 1)) * SLOT_SIZE

    def _backdate(self, age_ms, dt_ms):
        steps = min(_RING - 1, (age_ms + dt_ms // 2) // max(1, dt_ms))
        for back in range(1, steps + 1):
            self._write_inverter(((self._head - back) & (_RING - 1)) * SLOT_SIZE)

    def _write_evse(self, slot):
        site = self.image.site
        for leg in range(LEGS):
            low_ma = high_ma = 0
            if self.has_evse and leg < site[EVSE_LEGS]:
                if self.evse_fresh:
                    low_ma = high_ma = self.image.readings[EVSE_MA + leg]
                else:
                    high_ma = site[EVSE_MAX_MA]
            self.slots[slot + H_EVSE_LOW + leg] = low_ma
            self.slots[slot + H_EVSE_HIGH + leg] = high_ma

    def _write_inverter(self, slot):
        site = self.image.site
        readings = self.image.readings
        slots = self.slots
        low_w = high_w = 0
        if self.has_inverter:
            low_w = high_w = readings[INVERTER_W]
            if not self.inverter_fresh:
                low_w = -site[INVERTER_DISCHARGE_W]
                high_w = site[INVERTER_CHARGE_W]
        slots[slot + H_INVERTER_W_LOW] = low_w
        slots[slot + H_INVERTER_W_HIGH] = high_w
        volts = site[NOMINAL_MV] // 1000
        for leg in range(LEGS):
            low_ma = high_ma = 0
            if self.has_inverter and leg < site[INVERTER_LEGS]:
                if self.inverter_fresh:
                    low_ma = high_ma = readings[INVERTER_MA + leg]
                else:
                    low_ma = self._per_leg_ma(low_w, volts)
                    high_ma = self._per_leg_ma(high_w, volts)
            slots[slot + H_INVERTER_LOW + leg] = low_ma
            slots[slot + H_INVERTER_HIGH + leg] = high_ma

    def _per_leg_ma(self, power_w, volts):
        return power_w // self.image.site[INVERTER_LEGS] * 1000 // volts

    def evse_draw_ma(self, leg):
        """What the car draws or may draw at once: the larger of measurement and standing offer."""
        site = self.image.site
        if not self.has_evse or leg >= site[EVSE_LEGS]:
            return 0
        offer_ma = self.image.commands[OFFER_MA]
        if not self.evse_fresh:
            return offer_ma
        return max(offer_ma, self.image.readings[EVSE_MA + leg])

    def inverter_draw_ma(self, leg, volts):
        """What the inverter draws or has been told to draw; delivering counts as nothing."""
        site = self.image.site
        if not self.has_inverter or leg >= site[INVERTER_LEGS]:
            return 0
        told_ma = self._per_leg_ma(self.image.commands[SETPOINT_W], volts)
        if not self.inverter_fresh:
            return max(0, told_ma)
        return max(0, told_ma, self.image.readings[INVERTER_MA + leg])

    def own_high_w(self, slot, volts):
        """Highest credible power of islet's devices at a slot, W (the car at unity cos phi)."""
        total_w = self.slots[slot + H_INVERTER_W_HIGH]
        for leg in range(LEGS):
            total_w += self.slots[slot + H_EVSE_HIGH + leg] * volts // 1000
        return total_w
