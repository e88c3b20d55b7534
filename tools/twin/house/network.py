# islet: the electrical network: one node per leg, solved anew at every change.
# GPL-3.0-or-later
"""Phasors (RMS, load convention) of the house's node, behind the islanding switch.

Per leg: V = (E_grid·Y_grid + E_form·Y_form − I(V)) / (Y_grid + Y_form + Y_loads), where I(V) are
devices of given power or current (car, following inverter, PV) in phase with V, found by a few
rounds. Without any voltage source, devices that still deliver carry an unintended island whose
voltage settles where their power meets the load's, and whose frequency their active detection
drives away. Wires inside the house have no impedance.
"""

from __future__ import annotations

import cmath
import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from . import House
    from .car import Car
    from .inverter import Inverter
    from .point import Point
    from .rows import Follower

    Active = tuple[Follower, list[float]]  # what follows, and its currents

ROUNDS = 12
PEN_ROUNDS, PEN_CLOSE_V = 30, 0.01  # until the neutral of a lost PEN is at rest
CLOSE_ENOUGH_V = 1e-6
DRIFT_TAU_S = 0.03  # how fast the voltage of an unintended island settles
DRIFT_MAX_PU = 1.4
STRAY_S = 1e-5  # admittance that is always there: capacitors, wiring
ZERO = (0j, 0j, 0j)
Ask = tuple[list[float], float, float]  # its currents by leg, W per leg, most A


class Network:
    """State of the wires. Currents are + into the circuit or device."""

    def __init__(self, house: House) -> None:
        self.house = house
        self.grid_v: tuple[complex, ...] = ZERO
        self.house_v: tuple[complex, ...] = ZERO
        self.main_a: tuple[complex, ...] = ZERO  # from the grid into the house
        self.neighbour_a: tuple[complex, ...] = ZERO  # from the house into a dead grid
        self.loads_a: tuple[complex, ...] = ZERO
        self.source = "grid"  # of the house's voltage: grid, form, drift, dead
        self.tied = True  # some pole of the islanding switch is closed
        self.present = True  # the grid stands at the switch
        self.drift_hz = house.spec.nominal_hz

    def solve(self, dt_us: int) -> None:
        """Find voltages and currents for the present switches and devices."""
        self._solve(dt_us)
        grid = self.house.grid
        if grid.pen_open or grid.neutral_v:
            for _ in range(PEN_ROUNDS):
                moved_v = grid.float_neutral(self.house_v, self.main_a)
                self._solve(0)
                if moved_v < PEN_CLOSE_V:
                    break

    def _solve(self, dt_us: int) -> None:
        h = self.house
        nominal, grid = h.nominal_v, h.grid
        main_on = not h.circuits[0].tripped
        self.present = present = main_on and not grid.outage
        emf = grid.emf() if present else ZERO
        y_grid = grid.admittance if present else 0j
        y_neighbour = grid.neighbour_s() if main_on else 0.0
        formers = [c for c in h.converters if c.mode == "form" and self.wired(c)]
        forms: list[tuple[Inverter, list[complex], float]] = []  # with its EMF and admittance
        for former in formers:
            angle = h.form_rad - h.grid_rad if present and h.switchgear.any_pole() else 0.0
            turn = cmath.rect(nominal, angle)
            e_form = [turn * pu * r for pu, r in zip(former.form_pu(), h.rotation, strict=True)]
            forms.append((former, e_form, 1 / former.form_ohm))
        car_a, asks, active = self._wants()
        volts, tied, drifting = [0j, 0j, 0j], False, False
        y_legs, island = h.panel.y_legs, h.relays["island"]
        for k in range(h.legs):
            pole = island.pole(k)
            tied = tied or pole
            y_source = y_grid if pole else 0j
            current = emf[k] * y_source
            for former, e_form, y_form in forms:
                if k in former.legs:
                    y_source += y_form
                    current += e_form[k] * y_form
            v = self.house_v[k]
            if y_source:
                y = y_source + y_legs[k]
                if v == 0:
                    v = current / y
                v = self._settled(k, v, current, y, car_a[k], asks[k]) if current else 0j
            else:
                y = y_legs[k] + (y_neighbour if pole else 0.0) + STRAY_S
                v = self._drift(k, dt_us, y, car_a[k], asks[k])
                drifting = drifting or v != 0
            volts[k] = v
        self.tied = tied
        if tied and present:
            self.source = "grid"
        else:
            self.source = "form" if formers else "drift" if drifting else "dead"
        self.house_v = (volts[0], volts[1], volts[2])
        self._currents(emf, y_neighbour, forms, car_a, active)

    @staticmethod
    def _settled(
        k: int, v: complex, current: complex, y: complex, car_a: float, asks: list[Ask]
    ) -> complex:
        """Voltage of leg k at a voltage source; leaves the devices' currents."""
        for _ in range(ROUNDS):
            m = abs(v)
            if m < 1:
                for amps, _, _ in asks:
                    amps[k] = 0.0
                new = current / y
            else:
                drawn = car_a
                for amps, w, most in asks:
                    a = w / m
                    if a > most:
                        a = most
                    elif a < -most:
                        a = -most
                    amps[k] = a
                    drawn += a
                new = (current - (v / m) * drawn) / y
            change = abs(new - v)
            v = new
            if change < CLOSE_ENOUGH_V:
                break
        return v

    def _wants(self) -> tuple[list[float], list[list[Ask]], list[Active]]:
        """By leg what cars draw, and what devices of given power ask for; and who these are."""
        h = self.house
        car_a = [0.0, 0.0, 0.0]
        for car in h.cars:
            if car.amps and self.car_wired(car):
                for k in car.legs:
                    car_a[k] += car.amps
        asks: list[list[Ask]] = [[], [], []]
        active: list[Active] = []
        for device in h.followers:
            w = device.drawn_w()
            if w and self.wired(device):
                amps = [0.0, 0.0, 0.0]
                active.append((device, amps))
                ask = (amps, w, device.limit_a())
                for k in device.legs:
                    asks[k].append(ask)
        return car_a, asks, active

    def _drift(self, k: int, dt_us: int, y: complex, car_a: float, asks: list[Ask]) -> complex:
        """Voltage of leg k without a voltage source; leaves the devices' currents."""
        h = self.house
        m = abs(self.house_v[k])
        asks = [ask for ask in asks if ask[2] != math.inf]  # a battery of the household's leaves
        if m < 1 or not any(w < 0 for _, w, _ in asks):
            return 0j
        out_a, drawn = 0.0, car_a
        for _, w, most in asks:
            if w < 0:
                out_a += min(most, -w / m)
            else:
                drawn += min(most, w / m)  # its current limit, also at a sinking voltage
        target = max(0.0, (out_a - drawn) / y.real)
        target = min(target, DRIFT_MAX_PU * h.nominal_v)
        before = m
        m += (target - m) * min(1.0, dt_us * 1e-6 / DRIFT_TAU_S)
        if m < 1:
            return 0j
        # what flows is what the loads take at this voltage: the sources share it
        flows = y.real * m + drawn
        scale = flows / out_a
        for amps, w, most in asks:
            amps[k] = -min(most, -w / before) * scale if w < 0 else min(most, w / before)
        return m * h.rotation[k]

    def drift(self, dt_us: int) -> None:
        """Frequency of an unintended island: its sources' active detection drives it up."""
        if self.source != "drift":
            return
        h = self.house
        rate = 0.0
        for device in (*h.converters, *h.sources):
            if device.connected and device.watch.anti_islanding:
                watch = device.watch
                span_hz = watch.f_high_hz - h.spec.nominal_hz + 0.05
                rate = max(rate, span_hz / watch.detect_s)
        self.drift_hz = min(h.spec.nominal_hz + 15, self.drift_hz + rate * dt_us * 1e-6)

    def _currents(
        self,
        emf: tuple[complex, ...],
        y_neighbour: float,
        forms: list[tuple[Inverter, list[complex], float]],
        car_a: list[float],
        active: list[Active],
    ) -> None:
        """Branch currents from the node voltages; the slack closes Kirchhoff's sum exactly."""
        h = self.house
        main, neighbour, loads, grid_v = [0j] * 3, [0j] * 3, [0j] * 3, [0j] * 3
        for branch in h.branches:
            branch.flow = ZERO
        cars = [(car, [0j] * 3) for car, _ in h.plugs if car.amps and self.car_wired(car)]
        flows = [(device, amps, [0j] * 3) for device, amps in active]
        formed = [(former, e_form, y_form, [0j] * 3) for former, e_form, y_form in forms]
        others = [flow for device, _, flow in flows if device.kind != "converter"]
        converters = [flow for device, _, flow in flows if device.kind == "converter"]
        converters += [flow for _, _, _, flow in formed]
        island, y_legs = h.relays["island"], h.panel.y_legs
        for k in range(h.legs):
            v = self.house_v[k]
            m = abs(v)
            u = v / m if m else 0j
            pole = island.pole(k)
            drawn = loads[k] = v * y_legs[k]
            if car_a[k]:
                for car, flow in cars:
                    if k in car.legs:
                        flow[k] = u * car.amps
                        drawn += flow[k]
            for _, amps, flow in flows:
                flow[k] = u * amps[k]
            for flow in others:
                drawn += flow[k]
            slack = None  # what forms closes the sum
            for former, e_form, y_form, flow in formed:
                if k in former.legs:
                    flow[k] = (v - e_form[k]) * y_form
                    slack = slack or flow
            if pole and self.present:
                for flow in converters:
                    drawn += flow[k]
                main[k] = drawn
            else:
                neighbour[k] = v * (y_neighbour + STRAY_S) if pole else 0j
                main[k] = -neighbour[k]
                if slack is not None:
                    for flow in converters:
                        if flow is not slack:
                            drawn += flow[k]
                    slack[k] = -drawn - neighbour[k]
                elif self.source == "drift" and m:  # the largest carries the reactive current too
                    rest = drawn + neighbour[k]
                    for flow in converters:
                        rest += flow[k]
                    max((f for _, _, f in flows), key=lambda f, k=k: abs(f[k]))[k] -= rest
            grid_v[k] = v if pole else emf[k]
        self.main_a, self.neighbour_a = tuple(main), tuple(neighbour)
        self.loads_a, self.grid_v = tuple(loads), tuple(grid_v)
        for car, flow in cars:
            car.flow = tuple(flow)
        for device, _, flow in flows:
            device.flow = tuple(flow)
        for former, _, _, flow in formed:
            former.flow = tuple(flow)
        for point in h.points:
            point.flow = self._through(point)

    def _through(self, point: Point) -> tuple[complex, ...]:
        """The current of all that lies behind a point's contactor."""
        h = self.house
        behind = [c.flow for c in h.cars if c.point is point]
        behind += [c.flow for c in h.converters if c.point is point]
        if len(behind) == 1:
            return behind[0]
        return tuple(sum((flow[k] for flow in behind), 0j) for k in range(3))

    def car_wired(self, car: Car) -> bool:
        """Mains reach the car through its point's contactor and the plug."""
        point = car.point
        if point is None or not (point.contactor.closed and car.mated):
            return False
        return self.house.panel.fed[point.at]

    def car_volts(self, car: Car) -> float:
        """Lowest of its legs, of nominal."""
        if not self.car_wired(car):
            return 0.0
        return min(abs(self.house_v[k]) for k in car.legs) / self.house.nominal_v

    def wired(self, device: Follower) -> bool:
        """Mains reach a device; a gateway's lie behind its point's contactor."""
        point = device.point
        return (point is None or point.contactor.closed) and self.house.panel.fed[device.at]

    def load_circuits(self, now_us: int) -> None:
        """Currents of the circuits and their busbars, from the leaves to the service."""
        h = self.house
        volts = self.house_v
        circuits = h.circuits
        own: list[list[complex]] = []
        inflow = [[0.0, 0.0, 0.0] for _ in circuits]
        for i, y in enumerate(h.loads.y):
            if h.panel.fed[i]:
                own.append([volts[0] * y[0], volts[1] * y[1], volts[2] * y[2]])
            else:
                own.append([0j, 0j, 0j])
        for device in h.branches:
            self._add(own[device.at], inflow[device.at], device.flow)
        for i in range(len(circuits) - 1, 0, -1):
            parent = circuits[i].parent
            self._add(own[parent], inflow[parent], own[i])
        for i, circuit in enumerate(circuits):
            amps = tuple(own[i])
            if i == 0:
                amps = self.main_a
            bus = inflow[i]
            if circuit.bus_a:
                for k in range(h.legs):
                    if (volts[k] * amps[k].conjugate()).real > 0:
                        bus[k] += abs(amps[k])
            circuit.load(now_us, amps, (bus[0], bus[1], bus[2]))

    def _add(
        self, into: list[complex], inflow: list[float], amps: tuple[complex, ...] | list[complex]
    ) -> None:
        for k in range(self.house.legs):
            a = amps[k]
            if a:
                into[k] += a
                if (self.house_v[k] * a.conjugate()).real < 0:
                    inflow[k] += abs(a)

    def power_w(self, amps: tuple[complex, ...]) -> float:
        """Active power of a device at the house's node."""
        a, b, c = self.house_v
        x, y, z = amps
        return (a * x.conjugate()).real + (b * y.conjugate()).real + (c * z.conjugate()).real

    def grid_w(self) -> float:
        """Active power through the service, + import."""
        a, b, c = self.grid_v
        x, y, z = self.main_a
        return (a * x.conjugate()).real + (b * y.conjugate()).real + (c * z.conjugate()).real

    def level(self) -> float:
        """Highest voltage of the house's side, of nominal."""
        return max(abs(v) for v in self.house_v) / self.house.nominal_v
