# islet: what islet's own devices drew or fed back, over the last three seconds.
# GPL-3.0-or-later

from array import array

from firmware import image as im
from firmware.base.viper import const
from firmware.core.panel import pairing_kernel as kernel
from firmware.core.panel.kernel import (
    BELOW_EVSE,
    BELOW_INVERTER,
    H_EVSE_HIGH,
    H_EVSE_LOW,
    H_INVERTER_HIGH,
    H_INVERTER_LOW,
    H_INVERTER_W_HIGH,
    H_INVERTER_W_LOW,
    RING,
    SLOT_SIZE,
)
from firmware.core.vehicle.pilot import LEAST_MA

_EVSE_STALE_MS = const(500)
_INVERTER_STALE_MS = const(2_000)  # INV-4
_WORST_AGE_MS = const(2_000)  # INV-4
_T2 = const(2)


class History:
    """A ring of slots (H_* of the kernel); each step writes one.

    A device that is not measured lately is entered with its worst credible range: drawing nothing
    where that hides headroom, its rating where that hides load. A leg it does not use stays zero.
    """

    def __init__(self, image):
        self.image = image
        self._readings = image.readings
        self._commands = image.commands
        self._site = image.site
        self.slots = array("i", [0] * (RING * SLOT_SIZE))
        self.head = 0
        self.has_evse = False
        self.has_inverter = False
        self.evse_fresh = False
        self.inverter_fresh = False
        self.worst_bits = 0
        self._offer_ma = self._told_w = 0
        self._evse_worst_ms = self._inverter_worst_ms = 0
        self._evse_settles_ms = self._inverter_settles_ms = 0
        self._inverter_age_ms = self._evse_age_ms = 0
        self._evse_legs = self._inverter_legs = 0
        self._evse_max_ma = 0
        self._lowest_w = self._highest_w = 0  # of a silent inverter, and per leg
        self._lowest_ma = self._highest_ma = 0

    def declare(self):
        """Read the site. In T2 the charging contactor only isolates the gateway: its current is
        the inverter's own, and must not be counted twice."""
        site = self._site
        self.has_evse = site[im.DEVICE_NODE + im.EVSE] >= 0 and site[im.TOPOLOGY] != _T2
        self.has_inverter = site[im.DEVICE_NODE + im.INVERTER] >= 0
        self._evse_legs = site[im.DEVICE_LEGS + im.EVSE] if self.has_evse else 0
        self._evse_max_ma = site[im.DEVICE_MAX_MA + im.EVSE]
        self._inverter_legs = site[im.DEVICE_LEGS + im.INVERTER] if self.has_inverter else 0
        self._evse_settles_ms = site[im.DEVICE_RESPONSE_MS + im.EVSE] + _WORST_AGE_MS
        self._inverter_settles_ms = site[im.DEVICE_RESPONSE_MS + im.INVERTER] + _WORST_AGE_MS
        volts = site[im.NOMINAL_MV] // 1000
        self._lowest_w = -site[im.DEVICE_DISCHARGE_W + im.INVERTER]
        self._highest_w = site[im.DEVICE_CHARGE_W + im.INVERTER]
        self._lowest_ma = self._per_leg_ma(self._lowest_w, volts)
        self._highest_ma = self._per_leg_ma(self._highest_w, volts)

    def push(self, dt_ms):
        readings = self._readings
        self._note_orders(dt_ms)
        self.head = (self.head + 1) & (RING - 1)
        self.evse_fresh = readings[im.DEVICE_AGE_MS + im.EVSE] <= _EVSE_STALE_MS
        age_ms = readings[im.DEVICE_AGE_MS + im.INVERTER]
        self.inverter_fresh = age_ms <= _INVERTER_STALE_MS
        slot = self.head * SLOT_SIZE
        if self.has_evse:
            self._write_evse(slot)
        if self.has_inverter:
            self._write_inverter(slot)
        if self.inverter_fresh and age_ms < self._inverter_age_ms + dt_ms:
            # a new sample, already old when it came
            kernel.backdate(self.slots, self.head, age_ms, dt_ms, H_INVERTER_LOW, 8)
        self._inverter_age_ms = age_ms
        age_ms = readings[im.DEVICE_AGE_MS + im.EVSE]
        if self.evse_fresh and age_ms < self._evse_age_ms + dt_ms:
            kernel.backdate(self.slots, self.head, age_ms, dt_ms, H_EVSE_LOW, 6)
        self._evse_age_ms = age_ms

    def _note_orders(self, dt_ms):
        """`worst_bits`: devices sent towards zero, not by the panel, perhaps not yet there.
        What the panel said last still stands in the claims."""
        commands = self._commands
        offer_ma = commands[im.SETPOINT + im.EVSE]
        left_ms = self._evse_worst_ms - dt_ms
        left_ma = commands[im.CLAIM_HIGH + im.PANEL * im.DEVICES + im.EVSE]
        if offer_ma < self._offer_ma and offer_ma < left_ma and left_ma >= LEAST_MA:
            left_ms = self._evse_settles_ms
        self._offer_ma = offer_ma
        self._evse_worst_ms = left_ms if left_ms > 0 else 0
        told_w = commands[im.SETPOINT + im.INVERTER]
        last_w = self._told_w
        high = im.CLAIM_HIGH + im.PANEL * im.DEVICES + im.INVERTER
        left_ms = self._inverter_worst_ms - dt_ms
        if 0 < last_w > told_w and told_w < commands[high]:
            left_ms = self._inverter_settles_ms
        if 0 > last_w < told_w and told_w > commands[high - im.CLAIM_HIGH + im.CLAIM_LOW]:
            left_ms = self._inverter_settles_ms
        self._told_w = told_w
        self._inverter_worst_ms = left_ms if left_ms > 0 else 0
        bits = BELOW_EVSE if self._evse_worst_ms else 0
        self.worst_bits = bits | BELOW_INVERTER if self._inverter_worst_ms else bits

    def _write_evse(self, slot):
        if self.evse_fresh:
            legs = self._evse_legs
            kernel.measured(
                self.slots,
                slot + H_EVSE_LOW,
                self._readings,
                im.DEVICE_MA + im.EVSE * im.LEGS,
                legs,
            )
            return
        for leg in range(self._evse_legs):
            self.slots[slot + H_EVSE_LOW + leg] = 0
            self.slots[slot + H_EVSE_HIGH + leg] = self._evse_max_ma

    def _write_inverter(self, slot):
        slots = self.slots
        legs = self._inverter_legs
        if self.inverter_fresh:
            readings = self._readings
            slots[slot + H_INVERTER_W_LOW] = slots[slot + H_INVERTER_W_HIGH] = readings[
                im.DEVICE_W + im.INVERTER
            ]
            kernel.measured(
                slots, slot + H_INVERTER_LOW, readings, im.DEVICE_MA + im.INVERTER * im.LEGS, legs
            )
            return
        slots[slot + H_INVERTER_W_LOW] = self._lowest_w
        slots[slot + H_INVERTER_W_HIGH] = self._highest_w
        for leg in range(legs):
            slots[slot + H_INVERTER_LOW + leg] = self._lowest_ma
            slots[slot + H_INVERTER_HIGH + leg] = self._highest_ma

    def _per_leg_ma(self, power_w, volts):
        return power_w // self._site[im.DEVICE_LEGS + im.INVERTER] * 1000 // volts

    def evse_draw_ma(self, leg):
        """What the car draws or may draw at once: the larger of measurement and standing offer."""
        if leg >= self._evse_legs:
            return 0
        offer_ma = self._commands[im.SETPOINT + im.EVSE]
        if not self.evse_fresh:
            return offer_ma
        drawn_ma = self._readings[im.DEVICE_MA + im.EVSE * im.LEGS + leg]
        return drawn_ma if drawn_ma > offer_ma else offer_ma

    def inverter_draw_ma(self, leg, volts):
        """What the inverter draws or has been told to draw; delivering counts as nothing."""
        if leg >= self._inverter_legs:
            return 0
        told_w = self._commands[im.SETPOINT + im.INVERTER]
        told_ma = self._per_leg_ma(told_w, volts) if told_w > 0 else 0
        if not self.inverter_fresh:
            return told_ma
        drawn_ma = self._readings[im.DEVICE_MA + im.INVERTER * im.LEGS + leg]
        return drawn_ma if drawn_ma > told_ma else told_ma

    def drawn_ma(self):
        """What the car draws now on its most loaded leg."""
        readings = self._readings
        most_ma = 0
        for leg in range(self._evse_legs):
            if readings[im.DEVICE_MA + im.EVSE * im.LEGS + leg] > most_ma:
                most_ma = readings[im.DEVICE_MA + im.EVSE * im.LEGS + leg]
        return most_ma

    def inverter_w(self):
        return self._readings[im.DEVICE_W + im.INVERTER]
