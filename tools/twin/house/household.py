# islet: a battery of the household's own, which islet does not command: holds the meter at a goal.
# GPL-3.0-or-later
from __future__ import annotations

import math

from .field import wires
from .point import Point
from .spec import StorageSpec
from .storage import Battery
from .watch import Watch

NEVER = 1 << 62
ZERO: tuple[complex, ...] = (0j, 0j, 0j)


class Household:
    """Each `period_s` it looks at the service's power, all legs summed, and moves its own by
    `gain` of what is missing to its goal. `w` is in the load convention. Where nothing but
    followers is left it leaves at once, so an unintended island does not have it."""

    def __init__(
        self, spec: StorageSpec, at: int, legs: int, nominal: tuple[float, float]
    ) -> None:
        self.kind, self.name, self.at = "storage", spec.name, at  # its circuit
        self.point: Point | None = None  # no contactor in its circuit
        self.nominal_v = nominal[0]
        self.legs, self.power_w = wires(spec.legs, legs), spec.power_w
        self.goal_w, self.gain = spec.goal_w, spec.gain
        self.standby = False
        self.battery = Battery(spec.capacity_kwh, spec.soc_percent)
        self.watch = Watch(spec.watch, nominal[1])
        self.period_us = round(spec.period_s * 1e6)
        self.connected = False
        self.look_us = self.due_us = 0
        self.own_w = 0.0  # aimed at
        self.w = 0.0
        self.flow = ZERO

    def step(self, now_us: int, service_w: float, source: str) -> None:
        if self.connected:
            if self.watch.tripped(now_us) or source not in ("grid", "form"):
                self.connected, self.watch.loose = False, False
                self.watch.good_us = -1
        elif self.watch.ready(now_us):
            self.connected = True
        if now_us >= self.look_us:
            self.look_us = now_us + self.period_us
            if source == "grid":
                self.own_w -= self.gain * (service_w - self.goal_w)
        if not self.connected or self.standby or source != "grid":
            self.own_w = 0.0
        most_w = 0.0 if self.battery.soc_percent >= 100 else self.power_w
        least_w = 0.0 if self.battery.soc_percent <= 0 else -self.power_w
        self.own_w = max(least_w, min(most_w, self.own_w))
        self._plan(now_us)

    def see(self, now_us: int, volts: tuple[float, ...], hz: float) -> None:
        used = [volts[k] for k in self.legs]
        low, high = min(used) / self.nominal_v, max(used) / self.nominal_v
        self.watch.look(now_us, low, high, hz, False)
        self._plan(now_us)

    def drawn_w(self) -> float:
        """What it takes per leg now, of given power."""
        return self.own_w / len(self.legs)

    def limit_a(self) -> float:
        return math.inf

    def _plan(self, now_us: int) -> None:
        self.due_us = min(self.look_us, self.watch.due_us(now_us, self.connected))

    def store(self, dt_us: int) -> None:
        battery = self.battery
        wh = battery.wh + self.w * dt_us / 3.6e9
        battery.wh = min(battery.capacity_wh, max(0.0, wh))
