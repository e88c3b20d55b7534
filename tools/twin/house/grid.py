# islet: the supply: voltage, frequency, impedance, sags, outage.
# GPL-3.0-or-later
from __future__ import annotations

import cmath
import math

from .dice import Dice
from .spec import GridSpec

# angle of each leg: single, split phase (180°), three phase (positive sequence)
ANGLES_DEG = {1: (0, 0, 0), 2: (0, 180, 0), 3: (0, -120, 120)}
WANDER_S = 30.0  # how slowly the frequency wanders


def rotation(legs: int) -> tuple[complex, ...]:
    """Unit phasor of each leg; absent legs are 0."""
    angles = ANGLES_DEG[legs]
    return tuple(cmath.rect(1, math.radians(angles[k])) if k < legs else 0j for k in range(3))


class Grid:
    def __init__(self, spec: GridSpec, legs: int, volts: float, hz: float, seed: int) -> None:
        self.voltage_pu = spec.voltage_pu
        self.l1_pu = self.l2_pu = self.l3_pu = 1.0
        self.frequency_hz = hz
        self.outage = False
        self.neighbour_w = spec.neighbour_w
        self.phase_jump_deg = 0.0
        self.pen_open = False
        self.earthing = spec.earthing
        self.earth_ohm = spec.earth_ohm
        self.neutral_v = 0j  # of the house's neutral against earth, when its PEN is lost
        self._street_s = tuple(w / volts**2 for w in spec.street_w)
        self._street = rotation(2 if legs == 2 else 3)
        self.wander_hz = spec.wander_hz
        self.wandered_hz = 0.0
        self.admittance = 1 / complex(spec.r_ohm, spec.x_ohm)
        self._volts = volts
        self._rotation = rotation(legs)
        self._dice = Dice(seed, "grid")

    @property
    def hz(self) -> float:
        return self.frequency_hz + self.wandered_hz

    def tick(self) -> None:
        """Each second: the frequency wanders (first-order, standard deviation wander_hz)."""
        if self.wander_hz:
            kick = self.wander_hz * math.sqrt(2 / WANDER_S) * self._dice.normal()
            self.wandered_hz += kick - self.wandered_hz / WANDER_S

    def emf(self) -> tuple[complex, ...]:
        """Open-circuit voltage of each leg; 0 in an outage."""
        if self.outage:
            return (0j, 0j, 0j)
        volts = self._volts * self.voltage_pu
        a, b, c = self._rotation
        legs = (a * volts * self.l1_pu, b * volts * self.l2_pu, c * volts * self.l3_pu)
        if not self.pen_open:
            return legs
        n = self.neutral_v
        return tuple(v - n if v else v for v in legs)

    def touch_v(self) -> float:
        """Of what is earthed through the PEN, a car's body too, against the ground."""
        return abs(self.neutral_v) if self.earthing == "tn_c_s" else 0.0

    def float_neutral(self, house_v: tuple[complex, ...], amps: tuple[complex, ...]) -> float:
        """The neutral's voltage behind a lost PEN, from what flows (Millman): all legs of the
        street pull it, the electrode holds it. By how much it has moved, V."""
        before, self.neutral_v = self.neutral_v, 0j
        if self.pen_open and not self.outage:
            volts = self._volts * self.voltage_pu
            own = self.emf()
            pull, ties = 0j, complex(1 / self.earth_ohm)
            for k in range(3):
                y = complex(self._street_s[k])
                if abs(house_v[k]) > 1:
                    y += amps[k] / house_v[k]
                pull += (own[k] or self._street[k] * volts) * y
                ties += y
            self.neutral_v = pull / ties
        return abs(self.neutral_v - before)

    def neighbour_s(self) -> float:
        """Admittance of the neighbours' load per leg, when the break is upstream of them."""
        return self.neighbour_w / self._volts**2 if self.outage else 0.0
