# islet: a meter: measures with its own period, so that a reading has a true age.
# GPL-3.0-or-later
from __future__ import annotations

from .field import wires
from .spec import LEGS, MeterSpec

NOTHING: tuple[complex, ...] = (0j, 0j, 0j)
ORDERS = ("123", "132", "213", "231", "312", "321")


class Meter:
    """volts, amps (sign of the power), watts per leg; hz; import_wh, export_wh; sampled_us.

    Its faults: `l1_gain` … factors of a leg's current (−1 turned round, 0 dead), `l1_add_a` … what
    a spike adds, `order` which leg each channel has, `frozen_leg`, `frozen`, and `zeros`, a frame
    that is well formed and empty. `at` is the circuit it measures, `legs` its channels'."""

    def __init__(self, spec: MeterSpec, at: int, legs: int) -> None:
        self.name, self.at = spec.name, at
        self.legs = wires(spec.legs, legs)
        self.update_s = spec.update_s
        self.gain = 1 + spec.gain_permille / 1000
        self.l1_gain = self.l2_gain = self.l3_gain = 1.0
        self.l1_add_a = self.l2_add_a = self.l3_add_a = 0.0
        self.order = ORDERS[0]
        self.frozen = self.zeros = False
        self.frozen_leg = "none"
        self.volts = self.amps = self.watts = (0.0, 0.0, 0.0)
        self.hz = 0.0
        self.import_wh = self.export_wh = 0.0
        self.imported_wh = self.exported_wh = 0.0  # all legs summed
        self.sampled_us = 0
        self.due_us = 0

    def sample(
        self, now_us: int, volts: tuple[complex, ...], amps: tuple[complex, ...], hz: float
    ) -> None:
        """Take a measurement, unless frozen."""
        self.due_us = now_us + round(self.update_s * 1e6)
        if self.frozen:
            return
        self.sampled_us = now_us
        if self.zeros:
            self.volts = self.amps = self.watts = (0.0, 0.0, 0.0)
            self.hz = self.import_wh = self.export_wh = 0.0
            return
        gains = (self.l1_gain, self.l2_gain, self.l3_gain)
        adds = (self.l1_add_a, self.l2_add_a, self.l3_add_a)
        volts = tuple(volts[k] for k in self.legs) + NOTHING[len(self.legs) :]
        amps = tuple(amps[k] for k in self.legs) + NOTHING[len(self.legs) :]
        rows: list[tuple[float, float, float]] = []
        for k in range(3):
            if self.frozen_leg == LEGS[k]:
                rows.append((self.volts[k], self.amps[k], self.watts[k]))
                continue
            v, i = volts[k], amps[int(self.order[k]) - 1]
            m = abs(v)
            if adds[k] and m > 1:
                i += adds[k] * v / m
            i *= self.gain * gains[k]
            w = (v * i.conjugate()).real
            rows.append((m, -abs(i) if w < 0 else abs(i), w))
        a, b, c = rows
        self.volts = (a[0], b[0], c[0])
        self.amps = (a[1], b[1], c[1])
        self.watts = (a[2], b[2], c[2])
        self.hz = hz if max(self.volts) > 1 else 0.0
        self.import_wh, self.export_wh = self.imported_wh, self.exported_wh

    def count(self, w: float, dt_us: int) -> None:
        wh = w * self.gain * dt_us / 3.6e9
        if wh > 0:
            self.imported_wh += wh
        else:
            self.exported_wh -= wh
