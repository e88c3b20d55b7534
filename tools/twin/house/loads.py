# islet: what the household uses: standard profile, and appliances as steps on top.
# GPL-3.0-or-later
from __future__ import annotations

import math
import random
from bisect import bisect_right
from datetime import datetime, timedelta

from . import profiles
from .dice import Dice
from .spec import ApplianceSpec, LoadsSpec

NEVER = 1 << 62
DAY_S = 86_400
OVEN_HEAT_S, OVEN_PAUSE_S, OVEN_FIRST_S = 90, 60, 480  # thermostat; typical, no source


class Appliance:
    """A load of fixed admittance, switched by its plan of the day or by `forced`."""

    def __init__(self, spec: ApplianceSpec, seed: int) -> None:
        self.spec = spec
        self.forced: bool | None = None
        self._seed = seed
        self._plans: dict[int, list[float]] = {}  # pure function of (seed, day), not state

    def on(self, day: int, second: float) -> bool:
        if self.forced is not None:
            return self.forced
        return bisect_right(self.plan(day), second) % 2 == 1

    def next_s(self, day: int, second: float) -> float:
        """The plan's next switching this day, or the day's end."""
        plan = self.plan(day)
        i = bisect_right(plan, second)
        return plan[i] if i < len(plan) else DAY_S

    def plan(self, day: int) -> list[float]:
        """Seconds of the day at which it switches on, off, on, …"""
        if day not in self._plans:
            self._plans = {day: self._make(day)}
        return self._plans[day]

    def _make(self, day: int) -> list[float]:
        spec = self.spec
        rng = random.Random(f"{self._seed} {spec.name} {day}")
        if spec.at is not None:
            uses = [(int(t[:2]) * 3600 + int(t[3:]) * 60, spec.minutes * 60) for t in spec.at]
        elif spec.kind == "oven":
            uses = [(rng.uniform(17.5, 19) * 3600, 60 * rng.uniform(30, 60))]
        elif spec.kind == "kettle":
            hours = (7, 10, 16, 20)
            uses = [((h + rng.random()) * 3600, rng.uniform(120, 240)) for h in hours]
        elif spec.kind == "heat_pump":
            uses = []
            at = rng.uniform(0, 1800)
            while at < DAY_S:
                run = rng.uniform(900, 1800)
                uses.append((at, run))
                at += run + rng.uniform(1200, 2700)
        else:
            uses = []
        times: list[float] = []
        for start, length in sorted(uses):
            start = max(start, times[-1] + 1 if times else 0)
            end = min(start + length, DAY_S - 1)
            if start < end:
                times += self._thermostat(start, end)
        return [round(t, 3) for t in times]

    def _thermostat(self, start: float, end: float) -> list[float]:
        if self.spec.kind != "oven":
            return [start, end]
        times = [start, min(start + OVEN_FIRST_S, end)]
        while (at := times[-1] + OVEN_PAUSE_S) < end:
            times += [at, min(at + OVEN_HEAT_S, end)]
        return times


class Loads:
    """All loads as admittances: `y[circuit][leg]` siemens at nominal voltage."""

    def __init__(
        self, spec: LoadsSpec, start: datetime, seed: int, legs: int, volts: float, circuits: int
    ) -> None:
        self._start = start.replace(hour=0, minute=0, second=0, microsecond=0)
        self._offset_s = (start - self._start).total_seconds()
        self._profile, self._kwh = spec.profile, spec.annual_kwh
        self._legs, self._v2 = legs, volts * volts
        self._reactive = math.tan(math.acos(spec.power_factor))
        self._circuits = circuits
        self.flicker = spec.flicker_percent / 100
        self.scale = 1.0
        self.l1_w: float | None = None  # drives the base load of a leg
        self.l2_w: float | None = None
        self.l3_w: float | None = None
        self.appliances = [Appliance(a, seed) for a in spec.appliances]
        self.base_w = (0.0, 0.0, 0.0)
        self.running: tuple[bool, ...] = ()
        self.due_us = 0
        self._dice = Dice(seed, "loads")
        self.y: list[tuple[complex, ...]] = []

    def _clock(self, now_us: int) -> tuple[int, float]:
        day, second = divmod(now_us / 1e6 + self._offset_s, DAY_S)
        return int(day), second

    def tick(self, now_us: int) -> None:
        """Each second: base load of the profile, with flicker."""
        day, second = self._clock(now_us)
        date = (self._start + timedelta(days=day)).date()
        watts = profiles.household(self._profile, date)[int(second // 900)] * self._kwh
        given = (self.l1_w, self.l2_w, self.l3_w)
        base = []
        for leg in range(3):
            w = given[leg]
            if w is None:
                w = watts / self._legs * self.scale
                if self.flicker and w:
                    w *= max(0.0, 1 + self.flicker * self._dice.normal())
            base.append(w if leg < self._legs else 0.0)
        self.base_w = tuple(base)

    def step(self, now_us: int) -> bool:
        """Switch appliances by plan; True if one changed."""
        if not self.appliances:
            self.due_us = NEVER
            return False
        day, second = self._clock(now_us)
        running = tuple(a.on(day, second + 5e-7) for a in self.appliances)
        soonest = min(a.next_s(day, second + 5e-7) for a in self.appliances)
        self.due_us = round((day * DAY_S + soonest - self._offset_s) * 1e6)
        if self.due_us <= now_us:
            self.due_us = now_us + 1_000
        changed = running != self.running
        self.running = running
        return changed

    def admit(self, base: int, index: dict[str, int], shed: bool) -> None:
        """Rebuild `y`; `base` is the base load's circuit, `shed` drops the sheddable loads."""
        y = [[0j, 0j, 0j] for _ in range(self._circuits)]
        for leg in range(3):
            y[base][leg] = self.base_w[leg] * complex(1, -self._reactive) / self._v2
        for appliance, on in zip(self.appliances, self.running, strict=True):
            spec = appliance.spec
            if not on or (shed and spec.sheddable):
                continue
            reactive = math.tan(math.acos(spec.power_factor))
            row = y[index[spec.circuit] if spec.circuit else base]
            for leg in spec.legs:
                row[leg - 1] += spec.w / len(spec.legs) * complex(1, -reactive) / self._v2
        self.y = [tuple(row) for row in y]
