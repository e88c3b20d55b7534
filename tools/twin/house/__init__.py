# islet: the simulated house: physical truth at the level of RMS phasors, with exact event times.
# GPL-3.0-or-later
"""`House` knows nothing of the firmware: it has outputs to be set, and inputs, devices and truth.

Time is whole µs since the start. `advance` passes time in stretches of constant phasors: up to a
second when nothing moves, 10 ms when something ramps, and exactly to the µs at every event.
State is kept in plain values that are replaced and never changed in place, so that a snapshot is
a copy of each part's `__dict__`.
"""

from __future__ import annotations

import math
from datetime import datetime
from typing import Any

from . import controls, truth
from .car import NO_PILOT, Car, offered_a
from .circuit import Circuit
from .grid import Grid, rotation
from .household import Household
from .instruments import Instruments, shown
from .inverter import Inverter
from .loads import Loads
from .meter import Meter
from .network import Network
from .panel import Panel
from .pv import Pv
from .script import Change, Script, Trace
from .segment import Segment, angle_between
from .spec import HouseSpec, from_dict, schema_of
from .switchgear import CONTACTS, OUTPUTS, Switchgear

__all__ = [
    "CONTACTS",
    "OUTPUTS",
    "Change",
    "House",
    "HouseSpec",
    "Segment",
    "Trace",
    "from_dict",
    "schema_of",
]

NEVER = 1 << 62
SECOND_US = 1_000_000
STEP_US = 10_000
JUMP_DEG = 20.0  # following sources trip when the grid comes back further out of phase


class House:
    """One house from `spec`, beginning at `start` (local time, with zone), random by `seed`."""

    def __init__(self, spec: HouseSpec, start: datetime, seed: int = 0) -> None:
        self.spec, self.start, self.seed = spec, start, seed
        self.legs, self.nominal_v = spec.legs, spec.nominal_v
        self.rotation = rotation(spec.legs)
        self.now_us = 0
        self.segments: list[Segment] = []
        self.edges: list[tuple[int, str, bool]] = []
        self.gateway = spec.charger is not None and spec.charger.kind == "dc"
        self.panel = Panel(spec)
        self.circuits, self.index = self.panel.circuits, self.panel.index
        nominal = (spec.nominal_v, spec.nominal_hz)
        self.grid = Grid(spec.grid, spec.legs, *nominal, seed)
        self.car = Car(spec.car)
        self.car_legs = min(spec.car.legs, spec.charger.legs) if spec.charger else 0
        behind = self.car if self.gateway else None
        self.inverter = Inverter(spec.inverter, nominal, behind) if spec.inverter else None
        self.pv = Pv(spec.pv, spec.place, start, nominal) if spec.pv else None
        household = spec.household
        self.household = Household(household, nominal) if household else None
        circuits = len(self.circuits)
        self.loads = Loads(spec.loads, start, seed, spec.legs, spec.nominal_v, circuits)
        self.meter = Meter(spec.meter)
        self.instruments = Instruments()
        self.switchgear = Switchgear(spec, seed)
        self.relays, self.protection = self.switchgear.relays, self.switchgear.protection
        self.network = Network(self)
        self.script = Script()
        self.pilot_hz, self.pilot_duty = 1000.0, -1.0  # −1: not driven
        self.grid_rad = self.house_rad = self.form_rad = 0.0
        self.house_hz = spec.nominal_hz
        self.tick_us = 0
        self.due_us = self.settled_us = 0
        self.touched = True
        self._last: Segment | None = None
        self.counts = truth.Counts()
        self.controls = controls.table(self)
        devices = (self.inverter, self.pv)
        self._parts: list[Any] = [self, self.grid, self.car, self.loads, self.meter, self.panel]
        self._parts += [
            self.switchgear,
            self.switchgear.voltage_relay,
            self.instruments,
            self.protection,
            self.network,
            self.script,
            self.counts,
            *self.circuits,
        ]
        self._parts += [*self.relays.values(), *self.loads.appliances]
        self._parts += [r._dice for r in self.relays.values()]
        self._parts += [self.grid._dice, self.loads._dice]
        self._parts += [part for d in devices if d for part in (d, d.watch)]
        if self.inverter:
            self._parts.append(self.inverter.obeys)
        if self.inverter and not self.gateway:
            self._parts.append(self.inverter.battery)
        if own := self.household:
            self._parts += [own, own.watch, own.battery]
        self._settle()
        self.edges.clear()  # the first levels are in `contacts`

    # --- what others call -------------------------------------------------------------------

    def set_output(self, name: str, level: bool | None) -> None:
        """Drive an output of the unit, or let it float (None): then the islanding switch's driver
        holds its state, and pull-downs keep the others off."""
        if name not in OUTPUTS:
            raise ValueError(f"output {name!r}, allowed {', '.join(OUTPUTS)}")
        gear = self.switchgear
        if gear.outputs[name] is not level:
            gear.outputs = {**gear.outputs, name: level}
            self.touched = True

    def set_pilot(self, frequency_hz: float, duty: float | None) -> None:
        """Duty 0…1: 1.0 steady +12 V, 0.0 steady −12 V; None: not driven, 0 V."""
        level = -1.0 if duty is None else float(duty)
        if not (level == -1.0 or 0 <= level <= 1):
            raise ValueError(f"pilot duty {duty}, allowed 0…1")
        if (frequency_hz, level) != (self.pilot_hz, self.pilot_duty):
            self.pilot_hz, self.pilot_duty = frequency_hz, level
            self.touched = True

    def apply(self, name: str, value: Any) -> None:
        """Change something by its dotted name, now; ValueError names what is allowed."""
        controls.apply(self, name, value)
        self.panel.stale = True
        self.touched = True

    def schedule(self, changes: list[Change], traces: list[Trace] | None = None) -> None:
        """Have `apply` done at exact times, within `advance`."""
        self.script.load(changes, traces or [])
        self.touched = True

    def truth(self) -> dict[str, float | int | bool | str]:
        """Everything true now, flat, units in the names (truth.TEXT explains each)."""
        return truth.of(self)

    def snapshot(self) -> Any:
        """Everything that can change, cheap."""
        return [part.__dict__.copy() for part in self._parts]

    def restore(self, state: Any) -> None:
        """Back to a snapshot; segments and edges since are void and cleared."""
        for part, saved in zip(self._parts, state, strict=True):
            part.__dict__.update(saved)
        self.segments.clear()
        self.edges.clear()
        self._last = None

    def advance(self, to_us: int) -> None:
        """Let time pass to `to_us`; appends to `segments` and `edges`."""
        if to_us < self.now_us:
            raise ValueError(f"advance to {to_us} µs, allowed {self.now_us} and later")
        if self.touched or (self.inverter is not None and self.inverter.touched):
            self._settle()
        while self.now_us < to_us:
            end = min(to_us, self.due_us, self.meter.due_us)
            self._pass(end, end - self.now_us)
            if end >= self.meter.due_us:
                n = self.network
                self.meter.sample(end, n.grid_v, n.main_a, self.grid_side()[0])
            if end >= self.due_us:
                self._settle()

    @property
    def contacts(self) -> dict[str, bool]:
        """What each feedback contact reads now."""
        return self.switchgear.contacts

    # --- wiring, asked by the network -------------------------------------------------------

    def car_wired(self) -> bool:
        """Mains reach the car through contactor and plug."""
        at = self.panel.car_at
        wired = at >= 0 and self.panel.fed[at]
        return wired and self.relays["contactor"].closed and self.car.mated

    def inverter_wired(self) -> bool:
        """Mains reach the inverter; a gateway's lie behind islet's contactor."""
        on = not self.gateway or self.relays["contactor"].closed
        return on and self.panel.fed[self.panel.inverter_at]

    def grid_side(self) -> tuple[float, float]:
        """Frequency and phase on the grid's side of the islanding switch."""
        if self.network.present or not self.network.tied:
            return self.grid.hz, self.grid_rad
        return self.house_hz, self.house_rad

    # --- time -------------------------------------------------------------------------------

    def _pass(self, end_us: int, dt_us: int) -> None:
        """Constant phasors from now to end_us: record, warm, count, turn."""
        last = self._last
        if last is not None and self.segments and self.segments[-1] is last:
            last.t1_us = end_us
        else:
            self._last = last = shown(self, end_us)
            self.segments.append(last)
        for circuit in self.circuits:
            if circuit.warm(dt_us):
                self.due_us = end_us
        self.counts.count(self, dt_us)
        turn = math.tau * dt_us * 1e-6
        self.grid_rad = (self.grid_rad + turn * self.grid.hz) % math.tau
        inverter = self.inverter
        if inverter is not None:
            if inverter.mode == "form":
                self.form_rad = (self.form_rad + turn * inverter.form_hz) % math.tau
            inverter.store(dt_us)
            inverter.now_us = end_us
        if self.household is not None:
            self.household.store(dt_us)
        source = self.network.source
        if source == "grid":
            self.house_rad = self.grid_rad
        elif source == "form":
            self.house_rad = self.form_rad
        else:
            self.house_rad = (self.house_rad + turn * self.house_hz) % math.tau
        self.now_us = end_us

    def _settle(self) -> None:
        """Let everything due happen at now, and find the new state of the network."""
        now_us = self.now_us
        dt_us, self.settled_us = now_us - self.settled_us, now_us
        self.touched = False
        for name, value in self.script.due(now_us):
            controls.apply(self, name, value)
            self.panel.stale = True
        if now_us >= self.tick_us:
            self._tick(now_us)
        if now_us >= self.loads.due_us or self.panel.stale:
            self.panel.stale = self.loads.step(now_us) or self.panel.stale
        self.touched = False
        for circuit in self.circuits:
            if now_us >= circuit.due_us or (
                circuit.curve != "none" and not circuit.tripped and max(circuit.heat) >= 1.0
            ):
                circuit.trip()
        self.network.drift(dt_us)
        for turn in range(6):  # voltages move devices, devices move voltages: until at rest
            before = self._devices(now_us, dt_us if turn == 0 else 0)
            self._electrical(now_us, dt_us if turn == 0 else 0)
            if before == self._switches():
                break
        self.network.load_circuits(now_us)
        self.edges += self.switchgear.report(now_us)
        self._plan()

    def _tick(self, now_us: int) -> None:
        self.tick_us = (now_us // SECOND_US + 1) * SECOND_US
        self.grid.tick()
        self.loads.tick(now_us)
        self.panel.stale = True
        if self.pv is not None:
            self.pv.tick(now_us)

    def _devices(self, now_us: int, dt_us: int) -> tuple[Any, ...]:
        """Relays, car, inverter, PV take their next step; the switches they leave."""
        gear = self.switchgear
        if name := self.released():
            self._release_weld(self.circuits[self.index[name]])
        for name in gear.drive(now_us):
            self.counts.switched(self, name, self.relays[name].closed)
            self.panel.stale = True
        car, inverter = self.car, self.inverter
        if not self.gateway:
            car.settle_mating(
                now_us, self.relays["contactor"].closed and self.network.level() > 0.2
            )
            car.sense(now_us, self._offer(), self._car_volts())
        else:
            car.settle_mating(now_us, inverter is not None and abs(inverter.w) > 100)
        car.step(now_us, dt_us)
        if inverter is not None:
            inverter.wire_enable(gear.enable())
            inverter.touched = False
            inverter.step(now_us, dt_us)
        if self.pv is not None:
            self.pv.step(now_us)
        if self.household is not None:
            self.household.step(now_us, self.network.grid_w(), self.network.source)
        if self.panel.stale:
            self.panel.admit(self.loads, not self.relays["loads"].closed)
        return self._switches()

    def released(self) -> str:
        """The circuit of the charging point, while the release of its breaker has voltage."""
        charger = self.spec.charger
        if charger is None or not self.spec.protection.release:
            return ""
        return charger.circuit if self.switchgear.outputs["release"] else ""

    def _release_weld(self, point: Circuit) -> None:
        if not point.tripped:
            point.trip()
            self.panel.stale = True

    def _switches(self) -> tuple[Any, ...]:
        """Whatever makes another round necessary when it changes."""
        inverter, pv, car = self.inverter, self.pv, self.car
        return (
            self.network.source,
            inverter.mode if inverter is not None else "",
            pv.connected if pv is not None else False,
            self.household.own_w if self.household is not None else 0.0,
            car.amps > 0,
            car.live_us != NEVER,
            tuple(r.closed for r in self.relays.values()),
        )

    def _offer(self) -> float:
        if not self.car.plugged or self.car.pilot != "normal" or self.pilot_duty <= 0:
            return NO_PILOT
        return offered_a(self.pilot_duty)

    def _car_volts(self) -> float:
        if not self.car_wired():
            return 0.0
        return min(abs(v) for v in self.network.house_v[: self.car_legs]) / self.nominal_v

    def _electrical(self, now_us: int, dt_us: int) -> None:
        """Solve, then show the devices their new terminals."""
        n, inverter, pv = self.network, self.inverter, self.pv
        was, was_rad, was_tied = n.source, self.house_rad, n.tied
        n.solve(dt_us)
        if n.source != was:
            self._source_changed(was, was_rad, was_tied)
        if n.source == "grid":
            self.house_hz, self.house_rad = self.grid.hz, self.grid_rad
        elif n.source == "form" and inverter is not None:
            self.house_hz, self.house_rad = inverter.form_hz, self.form_rad
        else:
            self.house_hz = n.drift_hz
        volts = tuple(abs(v) for v in n.house_v)
        island = n.source == "form"
        if inverter is not None:
            inverter.w = n.power_w(n.inverter_a)
            inverter.a = self._signed(n.inverter_a)
            seen = volts if self.inverter_wired() else (0.0, 0.0, 0.0)
            inverter.see(now_us, seen, self.house_hz, island)
        if pv is not None:
            pv.w = n.power_w(n.pv_a)
            pv.a = self._signed(n.pv_a)
            seen = volts if self.panel.fed[self.panel.pv_at] else (0.0, 0.0, 0.0)
            pv.see(now_us, seen, self.house_hz, island)
        if (own := self.household) is not None:
            own.w = n.power_w(n.household_a)
            seen = volts if self.panel.fed[self.panel.household_at] else (0.0, 0.0, 0.0)
            own.see(now_us, seen, self.house_hz)
        legs_pu = [v / self.nominal_v for v in volts[: self.legs]]
        self.switchgear.see(now_us, legs_pu)
        self.counts.see(self, legs_pu)

    def _source_changed(self, was: str, was_rad: float, was_tied: bool) -> None:
        """The house's voltage has another origin than before."""
        n, inverter = self.network, self.inverter
        if n.source == "drift":
            n.drift_hz = self.house_hz
        elif n.source == "form" and was == "grid":
            self.form_rad = self.house_rad
        elif n.source == "grid" and was in ("drift", "form"):
            apart = angle_between(was_rad, self.grid_rad)
            self.counts.reclosed(apart, was == "form" and was_tied)
            if apart > JUMP_DEG and was == "drift":
                if inverter is not None and inverter.mode == "follow":
                    inverter.fail("phase jump")
                if self.pv is not None:
                    self.pv.connected = False
                    self.pv.watch.good_us = -1

    def _signed(self, amps: tuple[complex, ...]) -> tuple[float, ...]:
        """RMS per leg with the sign of its active power."""
        pairs = zip(self.network.house_v, amps, strict=True)
        return tuple(-abs(a) if (v * a.conjugate()).real < 0 else abs(a) for v, a in pairs)

    def _plan(self) -> None:
        """When to look again; every 10 ms, on the whole, while something moves."""
        car, inverter, pv, now_us = self.car, self.inverter, self.pv, self.now_us
        due = min(self.tick_us, self.loads.due_us, self.script.due_us, car.due_us)
        due = min(due, self.switchgear.due_us(now_us))
        moving = car.moving or self.network.source == "drift"
        for circuit in self.circuits:
            due = min(due, circuit.due_us)
            moving = moving or circuit.hot
        if inverter is not None:
            due = min(due, inverter.due_us)
            moving = moving or inverter.moving
        if pv is not None:
            due = min(due, pv.due_us)
        if self.household is not None:
            due = min(due, self.household.due_us)
        if moving:
            due = min(due, (now_us // STEP_US + 1) * STEP_US)
        self.due_us = max(due, now_us + 1)
        if self._last is not None and not self._last.goes_on_as(shown(self, now_us)):
            self._last = None
