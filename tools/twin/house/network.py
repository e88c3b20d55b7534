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
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from . import House

ROUNDS = 12
PEN_ROUNDS, PEN_CLOSE_V = 30, 0.01  # until the neutral of a lost PEN is at rest
CLOSE_ENOUGH_V = 1e-6
DRIFT_TAU_S = 0.03  # how fast the voltage of an unintended island settles
DRIFT_MAX_PU = 1.4
STRAY_S = 1e-5  # admittance that is always there: capacitors, wiring
ZERO = (0j, 0j, 0j)


class Network:
    """State of the wires. Currents are + into the circuit or device."""

    def __init__(self, house: House) -> None:
        self.house = house
        self.grid_v: tuple[complex, ...] = ZERO
        self.house_v: tuple[complex, ...] = ZERO
        self.main_a: tuple[complex, ...] = ZERO  # from the grid into the house
        self.neighbour_a: tuple[complex, ...] = ZERO  # from the house into a dead grid
        self.evse_a: tuple[complex, ...] = ZERO  # through islet's charging contactor
        self.car_a: tuple[complex, ...] = ZERO
        self.inverter_a: tuple[complex, ...] = ZERO
        self.pv_a: tuple[complex, ...] = ZERO
        self.household_a: tuple[complex, ...] = ZERO
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
        legs, nominal, grid = h.legs, h.nominal_v, h.grid
        main_on = not h.circuits[0].tripped
        self.present = present = main_on and not grid.outage
        emf = grid.emf() if present else ZERO
        y_grid = grid.admittance if present else 0j
        y_neighbour = grid.neighbour_s() if main_on else 0.0
        inverter, pv, car = h.inverter, h.pv, h.car
        on_inverter = inverter is not None and h.inverter_wired()
        forming = on_inverter and inverter is not None and inverter.mode == "form"
        following = on_inverter and inverter is not None and inverter.mode == "follow"
        e_form, y_form = ZERO, 0.0
        if forming and inverter is not None:
            angle = h.form_rad - h.grid_rad if present and h.switchgear.any_pole() else 0.0
            turn = cmath.rect(nominal, angle)
            e_form = tuple(
                turn * pu * r for pu, r in zip(inverter.form_pu(), h.rotation, strict=True)
            )
            y_form = 1 / inverter.form_ohm
        pv_on = pv is not None and pv.connected and h.panel.fed[h.panel.pv_at]
        car_amps = car.amps if h.car_wired() else 0.0
        own = h.household
        own_on = own is not None and h.panel.fed[h.panel.household_at]
        amps_own = [0.0, 0.0, 0.0]
        volts, tied, drifting = [0j, 0j, 0j], False, False
        amps_inverter, amps_pv = [0.0, 0.0, 0.0], [0.0, 0.0, 0.0]
        lim_inverter = inverter.limit_a() if inverter is not None else 0.0
        lim_pv = pv.limit_a() if pv is not None else 0.0
        y_legs = h.panel.y_legs
        for k in range(legs):
            pole = h.relays["island"].pole(k)
            tied = tied or pole
            w_inverter = 0.0
            if following and inverter is not None and k < inverter.legs:
                w_inverter = inverter.goal_w / inverter.legs
            w_pv = pv.goal_w / pv.legs if pv_on and pv is not None and k < pv.legs else 0.0
            w_own = own.own_w / own.legs if own_on and own is not None and k < own.legs else 0.0
            a_car = car_amps if k < h.car_legs else 0.0
            y_source = y_grid if pole else 0j
            current = emf[k] * y_source
            if forming and inverter is not None and k < inverter.legs:
                y_source += y_form
                current += e_form[k] * y_form
            v = self.house_v[k]
            if y_source:
                y = y_source + y_legs[k]
                if v == 0:
                    v = current / y
                a_inverter = a_pv = a_own = 0.0
                for _ in range(ROUNDS):
                    m = abs(v)
                    if m < 1:
                        a_inverter = a_pv = a_own = 0.0
                        new = current / y
                    else:
                        a_inverter = max(-lim_inverter, min(lim_inverter, w_inverter / m))
                        a_pv = -min(lim_pv, w_pv / m)
                        a_own = w_own / m
                        new = (current - (v / m) * (a_car + a_inverter + a_pv + a_own)) / y
                    change = abs(new - v)
                    v = new
                    if change < CLOSE_ENOUGH_V:
                        break
                amps_inverter[k], amps_pv[k], amps_own[k] = a_inverter, a_pv, a_own
                if not current:
                    v = 0j
            else:
                v = self._drift(
                    k,
                    dt_us,
                    y_legs[k] + (y_neighbour if pole else 0.0) + STRAY_S,
                    (a_car, min(0.0, w_inverter), max(0.0, w_inverter), w_pv),
                    (lim_inverter, lim_pv),
                    amps_inverter,
                    amps_pv,
                )
                drifting = drifting or v != 0
            volts[k] = v
        self.tied = tied
        if tied and present:
            self.source = "grid"
        else:
            self.source = "form" if forming else "drift" if drifting else "dead"
        self.house_v = (volts[0], volts[1], volts[2])
        devices = (amps_inverter, amps_pv, amps_own)
        self._currents(emf, y_neighbour, e_form, y_form, devices, car_amps, forming)

    def _drift(
        self,
        k: int,
        dt_us: int,
        y: complex,
        wants: tuple[float, float, float, float],
        limits: tuple[float, float],
        amps_inverter: list[float],
        amps_pv: list[float],
    ) -> complex:
        """Voltage of leg k without a voltage source; leaves the devices' currents."""
        h = self.house
        m = abs(self.house_v[k])
        a_car, w_out, w_in, w_pv = wants
        if m < 1 or (w_out == 0 and w_pv == 0):
            return 0j
        out_inverter = min(limits[0], -w_out / m)
        out_pv = min(limits[1], w_pv / m)
        in_inverter = min(limits[0], w_in / m)  # its current limit, also at a sinking voltage
        drawn = a_car + in_inverter
        target = max(0.0, (out_inverter + out_pv - drawn) / y.real)
        target = min(target, DRIFT_MAX_PU * h.nominal_v)
        m += (target - m) * min(1.0, dt_us * 1e-6 / DRIFT_TAU_S)
        if m < 1:
            return 0j
        v = m * h.rotation[k]
        # what flows is what the loads take at this voltage: the sources share it
        flows = y.real * m + drawn
        scale = flows / (out_inverter + out_pv)
        amps_inverter[k] = -out_inverter * scale + in_inverter
        amps_pv[k] = -out_pv * scale
        return v

    def drift(self, dt_us: int) -> None:
        """Frequency of an unintended island: its sources' active detection drives it up."""
        if self.source != "drift":
            return
        h = self.house
        rate = 0.0
        for device in (h.inverter, h.pv):
            if device is not None and device.connected and device.watch.anti_islanding:
                watch = device.watch
                span_hz = watch.f_high_hz - h.spec.nominal_hz + 0.05
                rate = max(rate, span_hz / watch.detect_s)
        self.drift_hz = min(h.spec.nominal_hz + 15, self.drift_hz + rate * dt_us * 1e-6)

    def _currents(
        self,
        emf: tuple[complex, ...],
        y_neighbour: float,
        e_form: tuple[complex, ...],
        y_form: float,
        devices: tuple[list[float], list[float], list[float]],
        car_amps: float,
        forming: bool,
    ) -> None:
        """Branch currents from the node voltages; the slack closes Kirchhoff's sum exactly."""
        h = self.house
        inverter = h.inverter
        amps_inverter, amps_pv, amps_own = devices
        rows: list[list[complex]] = [[0j, 0j, 0j] for _ in range(7)]
        main, neighbour, loads, car, inv, pv, own = rows
        grid_v = [0j, 0j, 0j]
        for k in range(h.legs):
            v = self.house_v[k]
            m = abs(v)
            u = v / m if m else 0j
            pole = h.relays["island"].pole(k)
            loads[k] = v * h.panel.y_legs[k]
            car[k] = u * car_amps if k < h.car_legs else 0j
            pv[k] = u * amps_pv[k]
            own[k] = u * amps_own[k]
            neighbour[k] = v * (y_neighbour + STRAY_S) if pole and not self.present else 0j
            forms = forming and inverter is not None and k < inverter.legs
            inv[k] = (v - e_form[k]) * y_form if forms else u * amps_inverter[k]
            drawn = loads[k] + car[k] + pv[k] + own[k]
            if pole and self.present:
                main[k] = drawn + inv[k]
            else:
                main[k] = -neighbour[k]
                if forms:
                    inv[k] = -drawn - neighbour[k]
                elif self.source == "drift" and m:
                    self._slack(k, drawn + neighbour[k], inv, pv)
                    main[k] = -neighbour[k]
            grid_v[k] = v if pole else emf[k]
        self.main_a, self.neighbour_a = tuple(main), tuple(neighbour)
        self.loads_a, self.car_a = tuple(loads), tuple(car)
        self.inverter_a, self.pv_a, self.household_a = tuple(inv), tuple(pv), tuple(own)
        self.grid_v = tuple(grid_v)
        self.evse_a = self.inverter_a if h.gateway else self.car_a

    @staticmethod
    def _slack(k: int, drawn: complex, inv: list[complex], pv: list[complex]) -> None:
        """In an unintended island the sources also carry the loads' reactive current."""
        rest = drawn + inv[k]
        if abs(inv[k]) >= abs(pv[k]):
            inv[k] -= rest
        else:
            pv[k] -= rest

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
        for at, amps in (
            (h.panel.car_at, self.car_a),
            (h.panel.inverter_at, self.inverter_a),
            (h.panel.pv_at, self.pv_a),
            (h.panel.household_at, self.household_a),
        ):
            if at >= 0:
                self._add(own[at], inflow[at], amps)
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
