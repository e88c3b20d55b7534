# islet: what is true, as one flat dictionary for the referee, expectations and the live view.
# GPL-3.0-or-later
from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from . import House

Value = float | int | bool | str
LEGS = ("l1", "l2", "l3")
LIVE_PU = 0.1  # a dead grid is "live" above this

# Names with <leg>, <circuit>, <appliance>, <relay> stand for one field each. Signs: + is drawn.
TEXT = {
    "t_s": "time since the start, s",
    "grid_<leg>_v": "voltage on the grid's side of the islanding switch",
    "grid_hz": "its frequency",
    "grid_present": "the supply stands at the switch (no outage, main breaker closed)",
    "house_<leg>_v": "voltage on the house's side",
    "house_hz": "its frequency",
    "house_source": "what carries it: grid, form, drift (unintended island), dead",
    "main_<leg>_a": "service current, sign of its power",
    "grid_w": "service power, − is export",
    "import_wh": "energy imported",
    "export_wh": "energy exported",
    "loads_w": "household",
    "loads_<appliance>": "appliance is on",
    "pv_w": "PV, never positive",
    "pv_available_w": "what the sun would give (positive)",
    "pv_connected": "PV inverter feeds",
    "pv_wh": "PV energy (positive)",
    "household_w": "a battery of the household that islet does not command",
    "evse_<leg>_a": "current through the charging contactor, sign of its power",
    "evse_w": "power through it",
    "car_w": "power the car draws, also behind a gateway",
    "car_plugged": "connector is in",
    "car_state": "A, B, C, D, E from the car's own side",
    "car_soc_percent": "car's state of charge",
    "car_offer_a": "current the pilot offers as the car reads it, −1 no pilot",
    "car_wh": "energy drawn by the car (AC charging point)",
    "pilot_duty": "duty of the pilot, −1 not driven",
    "parted_live": "times the power pins parted under voltage",
    "inverter_w": "inverter, − is discharge",
    "inverter_<leg>_a": "its current, sign of its power",
    "inverter_mode": "off, follow, form",
    "inverter_fault": "name of its fault, empty if none",
    "inverter_setpoint_w": "setpoint it follows",
    "inverter_enabled": "hard-wired enable arrives",
    "inverter_charged_wh": "energy drawn",
    "inverter_discharged_wh": "energy delivered",
    "soc_percent": "state of charge behind the inverter; without one the car's",
    "<circuit>_<leg>_a": "current into the circuit, sign of its power",
    "<circuit>_heat": "thermal state of its breaker, hottest leg: 1 trips",
    "<circuit>_tripped": "its breaker has tripped",
    "<circuit>_bus_a": "highest sum of inflows of its busbar, any leg (only with a busbar)",
    "<circuit>_bus_heat": "thermal state of its busbar: 1 is its rating held (only with a busbar)",
    "breaker_trips": "trips of all breakers so far",
    "<relay>_closed": "main contacts of contactor, island, bond, loads",
    "contactor_closings": "count",
    "contactor_openings": "count",
    "contactor_opened_a": "current at its last opening",
    "contactor_opened_max_a": "highest current at any opening",
    "estop": "emergency stop pressed",
    "rcd": "RCD tripped",
    "overtemp": "too hot",
    "ventilation": "ventilation confirmed",
    "service_switch": "lockable service switch pulled",
    "released": "circuit whose breaker the release of a weld holds open, or nothing",
    "neutral_v": "of the neutral against earth, behind a lost PEN",
    "touch_v": "of a car's body against the ground, where its earth is that PEN",
    "ne_bonds": "neutral-earth bonds of the house's neutral now",
    "ne_bonds_most": "most at any time",
    "unbonded_forming_s": "time something formed with other than one bond",
    "dead_grid_live": "our side energises a dead grid",
    "dead_grid_live_s": "for so long, all told",
    "dead_grid_fed_w": "power into it, all sources",
    "dead_grid_fed_wh": "energy into it, all sources",
    "dead_grid_inverter_wh": "of that, the inverter's share",
    "forming_on_grid_s": "time forming with a pole of the islanding switch closed, grid or not",
    "reclosed_deg_most": "largest phase error when the grid came onto a live house",
    "reclosed_deg": "the same of the last time",
    "closed_live": "times the islanding switch closed onto a live house, the grid behind it",
    "returned_live": "times the grid came back, through a closed switch, onto a formed house",
    "island_poor_s": "time enabled and forming, no leg's voltage having been good yet",
    "island_under_50_s": "time enabled and forming with a leg under 0.50, once it was good",
    "island_under_85_s": "likewise under 0.85",
    "island_over_110_s": "time enabled and forming with a leg over 1.10",
    "island_over_120_s": "likewise over 1.20",
    "island_uneven_s": "likewise one leg over 1.15 and another under 0.90: a lost neutral",
    "burning_125_s": "time on the grid with a leg of the house over 1.25",
    "burning_120_s": "likewise over 1.20",
    "burning_uneven_s": "likewise one leg over 1.15 and another under 0.85",
}
ISLAND_ROWS = ("poor", "under_50", "under_85", "over_110", "over_120", "uneven")
BURNING_ROWS = ("125", "120", "uneven")
GOOD_PU = 0.85  # an island's first good voltage


class Counts:
    """What has to be added up along the way."""

    def __init__(self) -> None:
        self.closings = self.openings = 0
        self.opened_a = self.opened_max_a = 0.0
        self.bonds_most = 0
        self.unbonded_s = 0.0
        self.dead_s = self.dead_wh = self.dead_inverter_wh = 0.0
        self.forming_on_grid_s = 0.0
        self.reclosed_deg = self.reclosed_most_deg = 0.0
        self.closed_live = self.returned_live = 0
        self.car_wh = 0.0
        self.island_s = (0.0,) * len(ISLAND_ROWS)
        self.burning_s = (0.0,) * len(BURNING_ROWS)
        self._good = False  # the island's voltage has been
        self._island: tuple[bool, ...] = ()  # rows of ISLAND_ROWS that hold now, empty: none
        self._burning: tuple[bool, ...] = ()

    def switched(self, house: House, name: str, closed: bool) -> None:
        n = house.network
        if name == "island" and closed and n.present and not n.tied and n.level() > LIVE_PU:
            self.closed_live += 1
        if name != "contactor":
            return
        if closed:
            self.closings += 1
            return
        self.openings += 1
        self.opened_a = max(abs(a) for a in house.network.evse_a)
        self.opened_max_a = max(self.opened_max_a, self.opened_a)

    def reclosed(self, deg: float, returned: bool) -> None:
        """The grid came onto a live house; `returned`: through a closed switch, a formed one."""
        self.reclosed_deg = deg
        self.reclosed_most_deg = max(self.reclosed_most_deg, deg)
        self.returned_live += int(returned)

    def see(self, house: House, legs_pu: list[float]) -> None:
        """The house's legs from now on, of nominal."""
        inverter, n = house.inverter, house.network
        low, high = min(legs_pu), max(legs_pu)
        self._island = self._burning = ()
        if inverter is not None and inverter.mode == "form" and inverter.enabled:
            self._good = good = self._good or low >= GOOD_PU
            rows = (
                not good,
                good and low < 0.5,
                good and low < GOOD_PU,
                high > 1.1,
                high > 1.2,
                high > 1.15 and low < 0.9,
            )
            self._island = rows if any(rows) else ()
        else:
            self._good = False
        if high > 1.15 and n.source == "grid":
            self._burning = (high > 1.25, high > 1.2, low < 0.85)

    def count(self, house: House, dt_us: int) -> None:
        """dt_us pass as things stand."""
        n, inverter, pv, car = house.network, house.inverter, house.pv, house.car
        house.meter.count(n.grid_w(), dt_us)
        if pv is not None:
            pv.produced_wh -= pv.w * dt_us / 3.6e9
        if not house.gateway and car.amps:
            w = n.power_w(n.car_a)
            self.car_wh += w * dt_us / 3.6e9
            car.charge(w, dt_us)
        bonds = bonds_of(house)
        if bonds > self.bonds_most:
            self.bonds_most = bonds
        if n.tied and not n.present and n.level() > LIVE_PU:
            fed_w = dead_w(house)
            self.dead_s += dt_us * 1e-6
            self.dead_wh += fed_w * dt_us / 3.6e9
            out = max(0.0, -inverter.w) if inverter is not None else 0.0
            total = out + (-pv.w if pv is not None else 0.0)
            if total > 0:
                self.dead_inverter_wh += fed_w * out / total * dt_us / 3.6e9
        if self._island:
            self.island_s = _longer(self.island_s, self._island, dt_us)
        if self._burning:
            self.burning_s = _longer(self.burning_s, self._burning, dt_us)
        if inverter is not None and inverter.mode == "form":
            if n.tied or house.switchgear.neutral_shut():
                self.forming_on_grid_s += dt_us * 1e-6
            if bonds != 1:
                self.unbonded_s += dt_us * 1e-6


def _longer(times_s: tuple[float, ...], holds: tuple[bool, ...], dt_us: int) -> tuple[float, ...]:
    return tuple(t + dt_us * 1e-6 * on for t, on in zip(times_s, holds, strict=True))


def bonds_of(house: House) -> int:
    """Neutral-earth bonds of the house's neutral now."""
    inverter = house.inverter
    own = inverter is not None and inverter.bonds_itself and inverter.mode == "form"
    return house.switchgear.bonds() + int(own)


def dead_w(house: House) -> float:
    """Power flowing into the dead grid; nothing beyond an open main breaker."""
    n = house.network
    if n.present or not n.tied or house.circuits[0].tripped:
        return 0.0
    return n.power_w(n.neighbour_a)


def _signed(v: complex, a: complex) -> float:
    return -abs(a) if (v * a.conjugate()).real < 0 else abs(a)


def of(house: House) -> dict[str, Value]:
    n, car, meter, counts = house.network, house.car, house.meter, house.counts
    inverter, pv = house.inverter, house.pv
    gateway = house.gateway
    live = n.tied and not n.present and n.level() > LIVE_PU
    out: dict[str, Value] = {
        "t_s": house.now_us / 1e6,
        "grid_hz": house.grid_side()[0] if any(n.grid_v) else 0.0,
        "grid_present": n.present,
        "house_hz": house.house_hz if any(n.house_v) else 0.0,
        "house_source": n.source,
        "grid_w": n.grid_w(),
        "import_wh": meter.imported_wh,
        "export_wh": meter.exported_wh,
        "loads_w": n.power_w(n.loads_a),
        "pv_w": pv.w if pv else 0.0,
        "pv_available_w": pv.available_w if pv else 0.0,
        "pv_connected": pv.connected if pv else False,
        "pv_wh": pv.produced_wh if pv else 0.0,
        "household_w": house.household.w if house.household else 0.0,
        "evse_w": n.power_w(n.evse_a),
        "car_w": inverter.w if gateway and inverter else n.power_w(n.car_a),
        "car_plugged": car.plugged,
        "car_state": car.state(),
        "car_soc_percent": car.soc_percent,
        "car_offer_a": car.offer_a,
        "car_wh": counts.car_wh,
        "pilot_duty": house.pilot_duty,
        "parted_live": car.parted_live,
        "inverter_w": inverter.w if inverter else 0.0,
        "inverter_mode": inverter.mode if inverter else "off",
        "inverter_fault": inverter.fault if inverter else "",
        "inverter_setpoint_w": inverter.setpoint_w if inverter else 0.0,
        "inverter_enabled": inverter.enabled if inverter else False,
        "inverter_charged_wh": inverter.charged_wh if inverter else 0.0,
        "inverter_discharged_wh": inverter.discharged_wh if inverter else 0.0,
        "soc_percent": inverter.soc_percent if inverter else car.soc_percent,
        "breaker_trips": sum(c.trips for c in house.circuits),
        "contactor_closings": counts.closings,
        "contactor_openings": counts.openings,
        "contactor_opened_a": counts.opened_a,
        "contactor_opened_max_a": counts.opened_max_a,
        "estop": house.protection.estop,
        "rcd": house.protection.rcd,
        "overtemp": house.protection.overtemp,
        "ventilation": house.protection.ventilation,
        "service_switch": house.protection.service_switch,
        "released": house.released(),
        "neutral_v": abs(house.grid.neutral_v),
        "touch_v": house.grid.touch_v(),
        "ne_bonds": bonds_of(house),
        "ne_bonds_most": counts.bonds_most,
        "unbonded_forming_s": counts.unbonded_s,
        "dead_grid_live": live,
        "dead_grid_live_s": counts.dead_s,
        "dead_grid_fed_w": dead_w(house) if live else 0.0,
        "dead_grid_fed_wh": counts.dead_wh,
        "dead_grid_inverter_wh": counts.dead_inverter_wh,
        "forming_on_grid_s": counts.forming_on_grid_s,
        "reclosed_deg_most": counts.reclosed_most_deg,
        "reclosed_deg": counts.reclosed_deg,
        "closed_live": counts.closed_live,
        "returned_live": counts.returned_live,
    }
    for row, row_s in zip(ISLAND_ROWS, counts.island_s, strict=True):
        out[f"island_{row}_s"] = row_s
    for row, row_s in zip(BURNING_ROWS, counts.burning_s, strict=True):
        out[f"burning_{row}_s"] = row_s
    for k in range(house.legs):
        leg, v = LEGS[k], n.house_v[k]
        out[f"grid_{leg}_v"] = abs(n.grid_v[k])
        out[f"house_{leg}_v"] = abs(v)
        out[f"main_{leg}_a"] = _signed(n.grid_v[k], n.main_a[k])
        out[f"evse_{leg}_a"] = _signed(v, n.evse_a[k])
        out[f"inverter_{leg}_a"] = _signed(v, n.inverter_a[k])
    for appliance, on in zip(house.loads.appliances, house.loads.running, strict=True):
        out[f"loads_{appliance.spec.name}"] = on
    for relay_name, relay in house.relays.items():
        out[f"{relay_name}_closed"] = relay.closed or relay.pole_welded >= 0
    _circuits(house, out)
    return out


def _circuits(house: House, out: dict[str, Value]) -> None:
    for circuit in house.circuits:
        name = circuit.name
        for k in range(house.legs):
            out[f"{name}_{LEGS[k]}_a"] = _signed(house.network.house_v[k], circuit.a[k])
        out[f"{name}_heat"] = max(circuit.heat)
        out[f"{name}_tripped"] = circuit.tripped
        if circuit.bus_a:
            out[f"{name}_bus_a"] = max(circuit.bus_load_a)
            out[f"{name}_bus_heat"] = max(circuit.bus_heat)


def finite(values: dict[str, Value]) -> bool:
    """No field has become infinite or not a number."""
    return all(math.isfinite(v) for v in values.values() if isinstance(v, float))
