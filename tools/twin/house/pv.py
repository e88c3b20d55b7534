# islet: PV modules, or a generator, with their own inverter.
# GPL-3.0-or-later
from __future__ import annotations

from datetime import datetime, timedelta

from . import profiles
from .field import wires
from .point import Point
from .spec import Place, SourceSpec
from .watch import Watch

NEVER = 1 << 62


class Source:
    """`w` is its load-convention power (never positive); `available_w` what the sun would give."""

    def __init__(
        self,
        spec: SourceSpec,
        at: int,
        legs: int,
        place: Place,
        start: datetime,
        nominal: tuple[float, float],
    ) -> None:
        self.kind, self.name, self.at = "source", spec.name, at  # its circuit
        self.point: Point | None = None  # no contactor in its circuit
        self._spec, self._place = spec, place
        midnight = start.replace(hour=0, minute=0, second=0, microsecond=0)
        self._midnight = midnight
        self._offset_us = round((start - midnight).total_seconds() * 1e6)
        self.nominal_v, self.nominal_hz = nominal
        self.legs = wires(spec.legs, legs)
        self.rated_w = spec.w_rated or spec.w_peak
        self.watch = Watch(spec.watch, self.nominal_hz)
        self.cloud = spec.cloud
        self.override_w: float | None = None
        self.fault = False
        self.connected = False
        self.ramp_us = -NEVER  # connected after an absence at
        self.available_w = 0.0
        self.goal_w = 0.0  # positive: what its inverter tries to deliver
        self.w = 0.0
        self.flow: tuple[complex, ...] = (0j, 0j, 0j)
        self.hz = self.nominal_hz
        self.due_us = NEVER
        self.produced_wh = 0.0

    def sunshine(self, now_us: int) -> float:
        """Clear-sky AC power of the modules in W; a generator's own."""
        if self._spec.kind == "steady":
            return self._spec.w_peak
        day, us = divmod(now_us + self._offset_us, 86_400_000_000)
        curve = profiles.sun(self._spec, self._place, self._midnight + timedelta(days=day))
        index, rest = divmod(us / 1e6, profiles.SUN_STEP_S)
        i = int(index)
        part = rest / profiles.SUN_STEP_S
        return self._spec.w_peak * (curve[i] * (1 - part) + curve[i + 1] * part)

    def tick(self, now_us: int) -> None:
        """Each second: sun, clouds, ramp, frequency-watt."""
        sun = self.override_w
        if sun is None:
            sun = self.sunshine(now_us) * self.cloud
        self.available_w = min(self.rated_w, sun)
        self._goal(now_us)

    def _goal(self, now_us: int) -> None:
        limit = self.rated_w
        over_hz = self.hz - self.nominal_hz - self._spec.droop_start_hz
        if over_hz > 0:
            limit *= max(0.0, 1 - over_hz * self._spec.droop_percent_per_hz / 100)
        if self._spec.ramp_s:
            grown = (now_us - self.ramp_us) / (self._spec.ramp_s * 1e6)
            limit = min(limit, self.rated_w * grown)
        self.goal_w = min(self.available_w, limit) if self.connected else 0.0

    def step(self, now_us: int) -> None:
        if self.connected:
            if self.fault or self.watch.tripped(now_us):
                self.connected = False
        elif not self.fault and self.watch.ready(now_us):
            self.connected = True
            self.ramp_us = -NEVER if self.watch.loose else now_us
        self._goal(now_us)
        self.due_us = self.watch.due_us(now_us, self.connected)

    def see(self, now_us: int, volts: tuple[float, ...], hz: float, island: bool) -> None:
        self.hz = hz
        used = [volts[k] for k in self.legs]
        nominal = self.nominal_v
        self.watch.look(now_us, min(used) / nominal, max(used) / nominal, hz, island)
        self.due_us = self.watch.due_us(now_us, self.connected)

    def limit_a(self) -> float:
        return 1.1 * self.rated_w / len(self.legs) / self.nominal_v

    def drawn_w(self) -> float:
        """What it takes per leg now, of given power: never positive."""
        return -self.goal_w / len(self.legs) if self.connected else 0.0
