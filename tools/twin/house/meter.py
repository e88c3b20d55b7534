# islet: the house meter: measures with its own period, so that a reading has a true age.
# GPL-3.0-or-later
from __future__ import annotations

from .spec import MeterSpec


class Meter:
    """volts, amps (sign of the power), watts per leg; hz; import_wh, export_wh; sampled_us."""

    def __init__(self, spec: MeterSpec) -> None:
        self.update_s = spec.update_s
        self.gain = 1 + spec.gain_permille / 1000
        self.frozen = False
        self.volts = self.amps = self.watts = (0.0, 0.0, 0.0)
        self.hz = 0.0
        self.import_wh = self.export_wh = 0.0
        self.imported_wh = self.exported_wh = 0.0  # true energy, all legs summed
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
        gain = self.gain
        watts = [(v * i.conjugate()).real * gain for v, i in zip(volts, amps, strict=True)]
        self.volts = (abs(volts[0]), abs(volts[1]), abs(volts[2]))
        self.watts = (watts[0], watts[1], watts[2])
        sizes = [abs(i) * gain for i in amps]
        self.amps = tuple(-a if w < 0 else a for a, w in zip(sizes, watts, strict=True))
        self.hz = hz if max(self.volts) > 1 else 0.0
        self.import_wh, self.export_wh = self.imported_wh, self.exported_wh

    def count(self, grid_w: float, dt_us: int) -> None:
        wh = grid_w * self.gain * dt_us / 3.6e9
        if wh > 0:
            self.imported_wh += wh
        else:
            self.exported_wh -= wh
