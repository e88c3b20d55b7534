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
from .instruments import Instruments, shown
from .inverter import Inverter
from .loads import Loads
from .network import Network
from .panel import Panel
from .point import Point
from .reading import Readings, of_house
from .rows import Rows
from .script import Change, Script, Trace
from .segment import Segment, angle_between
from .spec import HouseSpec, from_dict, schema_of
from .switchgear import Switchgear

__all__ = [
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
DEAD = (0.0, 0.0, 0.0)  # V, of terminals
NOTHING = (0j, 0j, 0j)
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
        self.readings: list[tuple[int, Readings]] = []  # new ones, and from when on
        self.panel = panel = Panel(spec)
        self.circuits, self.index = panel.circuits, panel.index
        legs, nominal = spec.legs, (spec.nominal_v, spec.nominal_hz)
        self.grid = Grid(spec.grid, legs, *nominal, seed)
        circuits = len(self.circuits)
        self.loads = Loads(spec.loads, start, seed, legs, spec.nominal_v, circuits)
        self.switchgear = Switchgear(spec, seed)
        self.relays, self.protection = self.switchgear.relays, self.switchgear.protection
        rows = Rows(spec, panel, self.relays, start)
        self.points, self.cars, self.converters = rows.points, rows.cars, rows.converters
        self.sources, self.storages, self.meters = rows.sources, rows.storages, rows.meters
        self.plugs, self.gateways = rows.plugs, rows.gateways
        self.followers, self.branches, self.rows = rows.followers, rows.branches, rows.by_name
        self.no_point = rows.no_point
        self.switchgear.wire(self.converters)
        self.meter_us = 0 if self.meters else NEVER
        self.instruments = Instruments()
        self.network = Network(self)
        self.script = Script()
        self.grid_rad = self.house_rad = self.form_rad = 0.0
        self.house_hz = spec.nominal_hz
        self.tick_us = 0
        self.due_us = self.settled_us = 0
        self.touched = True
        self._last: Segment | None = None
        self.counts = truth.Counts()
        self.names = truth.names_of(self)
        self.controls = controls.table(self)
        self._parts: list[Any] = [
            *(self, self.grid, self.loads, self.panel, self.switchgear, self.instruments),
            *(self.switchgear.voltage_relay, self.protection, self.network, self.script),
            *(self.counts, *self.circuits, *self.relays.values(), *self.loads.appliances),
            *(self.grid._dice, self.loads._dice, *(r._dice for r in self.relays.values())),
            *rows.parts(),
        ]
        self.shown: Readings = (0, (), ())  # what the devices' registers show
        self._settle()
        self.edges.clear()  # the first levels are in `contacts`

    # --- what others call -------------------------------------------------------------------

    def set_output(self, name: str, level: bool | None) -> None:
        """Drive an output of the unit, or let it float (None): then the islanding switch's driver
        holds its state, and pull-downs keep the others off."""
        gear = self.switchgear
        if name not in gear.outputs:
            raise ValueError(f"output {name!r}, allowed {', '.join(gear.outputs)}")
        if gear.outputs[name] is not level:
            gear.outputs = {**gear.outputs, name: level}
            self.touched = True

    def set_pilot(self, frequency_hz: float, duty: float | None, index: int = 0) -> None:
        """Of the board's pilot `index`. Duty 0…1: 1.0 steady +12 V, 0.0 steady −12 V; None: not
        driven, 0 V."""
        level = -1.0 if duty is None else float(duty)
        if not (level == -1.0 or 0 <= level <= 1):
            raise ValueError(f"pilot duty {duty}, allowed 0…1")
        point = self.points[index] if index < len(self.points) else self.no_point
        if (frequency_hz, level) != (point.pilot_hz, point.pilot_duty):
            point.pilot_hz, point.pilot_duty = frequency_hz, level
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
        """Back to a snapshot; segments, edges and readings since are void and cleared."""
        for part, saved in zip(self._parts, state, strict=True):
            part.__dict__.update(saved)
        self.segments.clear()
        self.edges.clear()
        self.readings.clear()
        self._last = None

    def advance(self, to_us: int) -> None:
        """Let time pass to `to_us`; appends to `segments`, `edges`, `readings`."""
        if to_us < self.now_us:
            raise ValueError(f"advance to {to_us} µs, allowed {self.now_us} and later")
        if self.changed:
            self._settle()
        while self.now_us < to_us:
            end = min(to_us, self.due_us, self.meter_us)
            self._pass(end, end - self.now_us)
            measured = end >= self.meter_us
            if measured:
                self._measure(end)
            if end >= self.due_us:
                self._settle()
            elif measured:
                self._show()

    @property
    def changed(self) -> bool:
        """Something was changed since time last passed."""
        return self.touched or any(c.touched for c in self.converters)

    @property
    def contacts(self) -> dict[str, bool]:
        """What each feedback contact reads now."""
        return self.switchgear.contacts

    # --- what is where ----------------------------------------------------------------------

    @property
    def former(self) -> Inverter | None:
        """The converter that forms."""
        for converter in self.converters:
            if converter.mode == "form":
                return converter
        return None

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
        if former := self.former:
            self.form_rad = (self.form_rad + turn * former.form_hz) % math.tau
        for converter in self.converters:
            converter.store(dt_us)
            converter.now_us = end_us
        for storage in self.storages:
            storage.store(dt_us)
        source = self.network.source
        if source == "grid":
            self.house_rad = self.grid_rad
        elif source == "form":
            self.house_rad = self.form_rad
        else:
            self.house_rad = (self.house_rad + turn * self.house_hz) % math.tau
        self.now_us = end_us

    def _measure(self, now_us: int) -> None:
        """The meters whose time it is take a measurement."""
        n = self.network
        for meter in self.meters:
            if now_us < meter.due_us:
                continue
            if meter.at == 0:
                meter.sample(now_us, n.grid_v, n.main_a, self.grid_side()[0])
            else:
                volts = n.house_v if self.panel.fed[meter.at] else NOTHING
                meter.sample(now_us, volts, self.circuits[meter.at].a, self.house_hz)
        self.meter_us = min(meter.due_us for meter in self.meters)

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
        self._show()

    def _show(self) -> None:
        """The devices on the bus put what is so into their registers."""
        shown = of_house(self)
        if shown != self.shown:
            self.shown = shown
            self.readings.append((self.now_us, shown))

    def _tick(self, now_us: int) -> None:
        self.tick_us = (now_us // SECOND_US + 1) * SECOND_US
        self.grid.tick()
        self.loads.tick(now_us)
        self.panel.stale = True
        for source in self.sources:
            source.tick(now_us)

    def _devices(self, now_us: int, dt_us: int) -> tuple[Any, ...]:
        """Relays, cars, converters, sources take their next step; the switches they leave."""
        gear, n = self.switchgear, self.network
        for point in self.points:
            if self.released(point):
                self._release_weld(self.circuits[point.at])
        for name in gear.drive(now_us):
            self._switched(name, self.relays[name].closed)
        for car, point in self.plugs:
            car.settle_mating(now_us, point.contactor.closed and n.level() > 0.2)
            car.sense(now_us, self._offer(car, point), n.car_volts(car))
            car.step(now_us, dt_us)
        for car, gateway in self.gateways:
            car.settle_mating(now_us, abs(gateway.w) > 100)
            car.step(now_us, dt_us)
        for converter in self.converters:
            converter.wire_enable(gear.enable(converter))
            converter.touched = False
            converter.step(now_us, dt_us)
        for source in self.sources:
            source.step(now_us)
        for storage in self.storages:
            storage.step(now_us, n.grid_w(), n.source)
        if self.panel.stale:
            self.panel.admit(self.loads, not self.relays["loads"].closed)
        return self._switches()

    def _switched(self, name: str, closed: bool) -> None:
        """The main contacts of a relay have moved."""
        self.panel.stale = True
        relay = self.relays[name]
        point = next((p for p in self.points if p.contactor is relay), None)
        if point is not None:
            point.switched(closed)
        elif name == "island":
            self.counts.tied(self, closed)

    def released(self, point: Point) -> bool:
        """The release of the breaker that feeds a charging point has voltage."""
        return bool(point.release and self.switchgear.outputs.get(point.release))

    def _release_weld(self, breaker: Circuit) -> None:
        if not breaker.tripped:
            breaker.trip()
            self.panel.stale = True

    def _switches(self) -> tuple[Any, ...]:
        """Whatever makes another round necessary when it changes."""
        return (
            self.network.source,
            [c.mode for c in self.converters],
            [s.connected for s in self.sources],
            [s.own_w for s in self.storages],
            [(c.amps > 0, c.live_us != NEVER) for c in self.cars],
            [r.closed for r in self.relays.values()],
        )

    @staticmethod
    def _offer(car: Car, point: Point) -> float:
        if not car.plugged or car.pilot != "normal" or point.pilot_duty <= 0:
            return NO_PILOT
        return offered_a(point.pilot_duty)

    def _electrical(self, now_us: int, dt_us: int) -> None:
        """Solve, then show the devices their new terminals."""
        n = self.network
        was, was_rad, was_tied = n.source, self.house_rad, n.tied
        n.solve(dt_us)
        if n.source != was:
            self._source_changed(was, was_rad, was_tied)
        if n.source == "grid":
            self.house_hz, self.house_rad = self.grid.hz, self.grid_rad
        elif n.source == "form" and (former := self.former) is not None:
            self.house_hz, self.house_rad = former.form_hz, self.form_rad
        else:
            self.house_hz = n.drift_hz
        volts = tuple(abs(v) for v in n.house_v)
        island = n.source == "form"
        for converter in self.converters:
            converter.w = n.power_w(converter.flow)
            converter.a = self._signed(converter.flow)
            converter.see(now_us, volts if n.wired(converter) else DEAD, self.house_hz, island)
        for source in self.sources:
            source.w = n.power_w(source.flow)
            source.see(now_us, volts if n.wired(source) else DEAD, self.house_hz, island)
        for storage in self.storages:
            storage.w = n.power_w(storage.flow)
            storage.see(now_us, volts if n.wired(storage) else DEAD, self.house_hz)
        legs_pu = [v / self.nominal_v for v in volts[: self.legs]]
        self.switchgear.see(now_us, legs_pu)
        self.counts.see(self, legs_pu)

    def _source_changed(self, was: str, was_rad: float, was_tied: bool) -> None:
        """The house's voltage has another origin than before."""
        n = self.network
        if n.source == "drift":
            n.drift_hz = self.house_hz
        elif n.source == "form" and was == "grid":
            self.form_rad = self.house_rad
        elif n.source == "grid" and was in ("drift", "form"):
            apart = angle_between(was_rad, self.grid_rad)
            self.counts.reclosed(apart, was == "form" and was_tied)
            if apart > JUMP_DEG and was == "drift":
                for converter in self.converters:
                    if converter.mode == "follow":
                        converter.fail("phase jump")
                for source in self.sources:
                    source.connected = False
                    source.watch.good_us = -1

    def _signed(self, amps: tuple[complex, ...]) -> tuple[float, ...]:
        """RMS per leg with the sign of its active power."""
        pairs = zip(self.network.house_v, amps, strict=True)
        return tuple(-abs(a) if (v * a.conjugate()).real < 0 else abs(a) for v, a in pairs)

    def _plan(self) -> None:
        """When to look again; every 10 ms, on the whole, while something moves."""
        now_us = self.now_us
        due = min(self.tick_us, self.loads.due_us, self.script.due_us)
        due = min(due, self.switchgear.due_us(now_us))
        moving = self.network.source == "drift"
        for circuit in self.circuits:
            due = min(due, circuit.due_us)
            moving = moving or circuit.hot
        for car in self.cars:
            due = min(due, car.due_us)
            moving = moving or car.moving
        for follower in self.followers:
            due = min(due, follower.due_us)
        for converter in self.converters:
            moving = moving or converter.moving
        if moving:
            due = min(due, (now_us // STEP_US + 1) * STEP_US)
        self.due_us = max(due, now_us + 1)
        if self._last is not None and not self._last.goes_on_as(shown(self, now_us)):
            self._last = None
