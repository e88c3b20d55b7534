# islet: the car: pilot, cable, onboard charger, battery, habits and faults.
# GPL-3.0-or-later
from __future__ import annotations

import math

from .point import Point
from .spec import CarSpec
from .storage import Battery

NEVER = 1 << 62
READY_OHM, VENTILATION_OHM, PLUGGED_OHM = 882.0, 246.0, 2740.0  # to PE behind the diode [ESW]
SOURCE_OHM = 1000.0
DIODE_V = 0.7
PILOT_LOST_US = 100_000  # the car ends its own current (IEC 61851-1, unchecked)
UNDER_VOLTAGE_PU = 0.8
NO_PILOT = -1.0


def offered_a(duty: float) -> float:
    """Current a PWM duty (0…1) offers [PZ, CPT]; 0 where it offers none (also 5 % and steady)."""
    percent = duty * 100
    if percent < 7.995 or percent > 97.005:
        return 0.0
    if percent < 10:
        return 6.0
    if percent <= 85:
        return 0.6 * percent
    return 2.5 * (percent - 64) if percent <= 96 else 80.0


class Car(Battery):
    """One car. Currents in A per leg, state of charge as energy in Wh. `point`: what it is plugged
    into, None at a gateway; `legs`: those of the house that its phases are on."""

    def __init__(self, spec: CarSpec, point: Point | None) -> None:
        super().__init__(spec.capacity_kwh, spec.soc_percent)
        self.name, self.place, self.point = spec.name, spec.at, point
        self.at = point.at if point is not None else -1  # its circuit
        self.plugged = spec.plugged
        self.wants = spec.wants
        self.target_percent = spec.target_percent
        self.taper_percent = spec.taper_percent
        self.legs = point.legs[: spec.legs] if point is not None else ()
        self.min_a = spec.min_a
        self.max_a = spec.max_a
        self.efficiency = spec.efficiency
        self.reaction_s = spec.reaction_s
        self.start_s = spec.start_s
        self.up_a_per_s = spec.up_a_per_s
        self.down_a_per_s = spec.down_a_per_s
        self.unplug_ms = spec.unplug_ms
        self.proximity_ohm = spec.proximity_ohm
        self.ventilation = spec.ventilation
        self.diode = spec.diode
        self.pilot = spec.pilot
        self.ignores_offer = spec.ignores_offer
        self.keeps_drawing = spec.keeps_drawing
        self.overdraw_a = spec.overdraw_a
        self.mated = spec.plugged  # power pins touch
        self.s2 = False  # switch of the pilot: asks for power (state C or D)
        self.amps = 0.0  # drawn per leg
        self.offer_a = NO_PILOT  # as the wire says now
        self.seen_a = 0.0  # as the car has taken notice of
        self.react_us = NEVER
        self.part_us = NEVER
        self.live_us = NEVER  # mains present: may start at
        self.due_us = NEVER
        self.moving = False
        self.parted_live = 0  # power pins parted under voltage
        self.charged_wh = 0.0  # at a point
        self.flow: tuple[complex, ...] = (0j, 0j, 0j)

    def plug(self, now_us: int, plugged: bool) -> None:
        """The pilot's pin makes last and breaks first."""
        self.plugged = plugged
        if plugged:
            self.mated, self.part_us = True, NEVER
        elif self.mated:
            self.part_us = now_us + round(self.unplug_ms * 1000)

    def ohm(self) -> float:
        """Resistance of the car between pilot and earth, behind its diode."""
        if self.pilot == "short":
            return 0.0
        if not self.plugged or self.pilot == "open":
            return math.inf
        if not self.s2:
            return PLUGGED_OHM
        return VENTILATION_OHM if self.ventilation else READY_OHM

    def pilot_v(self, source_v: float) -> float:
        """Voltage on the pilot when the unit drives ±12 V through 1 kΩ."""
        ohm = self.ohm()
        if ohm == 0 or math.isinf(ohm):
            return 0.0 if ohm == 0 else source_v
        if not self.diode:
            return source_v * ohm / (ohm + SOURCE_OHM)
        if source_v < DIODE_V:
            return source_v
        return (source_v - DIODE_V) * ohm / (ohm + SOURCE_OHM) + DIODE_V

    def state(self) -> str:
        """The vehicle's state as a letter, from its own side."""
        if self.pilot == "short":
            return "E"
        if not self.plugged or self.pilot == "open":
            return "A"
        return "B" if not self.s2 else "D" if self.ventilation else "C"

    def hungry(self) -> bool:
        return self.wants and self.soc_percent < self.target_percent

    def sense(self, now_us: int, offer_a: float, volts_pu: float) -> None:
        """What the car sees: the offer (NO_PILOT: no signal) and its mains voltage."""
        if offer_a != self.offer_a:
            self.offer_a = offer_a
            wait_us = round(self.reaction_s * 1e6)
            if offer_a == NO_PILOT:
                self.react_us = min(self.react_us, now_us + PILOT_LOST_US)
            elif self.react_us == NEVER:
                self.react_us = now_us + wait_us
        if volts_pu < UNDER_VOLTAGE_PU:
            self.live_us = NEVER
            self.amps = 0.0
        elif self.live_us == NEVER:
            self.live_us = now_us + round(self.start_s * 1e6)

    def step(self, now_us: int, dt_us: int) -> None:
        """Follow what was seen; dt_us since the last step."""
        if now_us >= self.react_us:
            self.react_us = NEVER
            withdrawn = self.offer_a == 0 and self.keeps_drawing
            if not withdrawn:
                self.seen_a = max(0.0, self.offer_a)
            if self.offer_a == NO_PILOT:  # no ramp: the onboard charger drops out
                self.amps, self.s2 = 0.0, False
        if not self.moving:
            dt_us = 0  # it stood still until now
        goal = self._goal()
        if goal > 0:
            self.s2 = self.plugged
        elif self.amps == 0:
            self.s2 = False
        want = goal if now_us >= self.live_us else 0.0
        if want > self.amps:
            start = max(self.amps, min(self.min_a, want))
            self.amps = min(want, start + self.up_a_per_s * dt_us * 1e-6)
        elif want < self.amps:
            self.amps = max(want, self.amps - self.down_a_per_s * dt_us * 1e-6)
            if self.amps < self.min_a:
                self.amps = want
        self.moving = self.amps != want
        self.due_us = min(self.react_us, self.part_us)
        if now_us < self.live_us:
            self.due_us = min(self.due_us, self.live_us)

    def _goal(self) -> float:
        if not self.hungry() or not self.mated:
            return 0.0
        if self.ignores_offer:
            return self.max_a
        if self.seen_a <= 0:
            return 0.0
        soc = self.soc_percent
        taper = 1.0
        if soc > self.taper_percent:
            taper = max(0.1, 1 - 0.9 * (soc - self.taper_percent) / (100.001 - self.taper_percent))
        return max(self.min_a, min(self.seen_a, self.max_a * taper)) + self.overdraw_a

    def settle_mating(self, now_us: int, live: bool) -> None:
        """Part the power pins when their time has come; `live`: they carry voltage."""
        if now_us >= self.part_us:
            self.part_us = NEVER
            self.mated = False
            self.parted_live += live
            self.amps = 0.0

    def charge(self, ac_w: float, dt_us: int) -> None:
        self.charged_wh += ac_w * dt_us / 3.6e9
        self.wh = min(self.capacity_wh, self.wh + ac_w * self.efficiency * dt_us / 3.6e9)
