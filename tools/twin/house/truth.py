# islet: what is true, as one flat dictionary for the referee, expectations and the live view.
# GPL-3.0-or-later
from __future__ import annotations

import cmath
import math
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from . import House
    from .relay import Relay

Value = float | int | bool | str
LEGS = ("l1", "l2", "l3")
LIVE_PU = 0.1  # a dead grid is "live" above this

# Names with <leg>, <circuit>, <appliance>, <relay>, <point> … stand for one field each. Signs:
# + is drawn.
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
    "<circuit>_<leg>_a": "current into the circuit, sign of its power",
    "<circuit>_n_a": "current of its neutral, the sum of its legs as phasors",
    "<circuit>_n_deg": "its angle, L1's nominal voltage being 0",
    "<circuit>_heat": "thermal state of its breaker, hottest leg: 1 trips",
    "<circuit>_tripped": "its breaker has tripped",
    "<circuit>_bus_a": "highest sum of inflows of its busbar, any leg (only with a busbar)",
    "<circuit>_bus_heat": "thermal state of its busbar: 1 is its rating held (only with a busbar)",
    "breaker_trips": "trips of all breakers so far",
    "<relay>_closed": "main contacts of island, bond, loads",
    "estop": "emergency stop pressed",
    "rcd": "RCD tripped",
    "overtemp": "too hot",
    "ventilation": "ventilation confirmed",
    "service_switch": "lockable service switch pulled",
    "neutral_v": "of the neutral against earth, behind a lost PEN",
    "touch_v": "of a car's body against the ground, where its earth is that PEN",
    "ne_bonds": "neutral-earth bonds of the house's neutral now",
    "ne_bonds_most": "most at any time",
    "unbonded_forming_s": "time something formed with other than one bond",
    "dead_grid_live": "our side energises a dead grid",
    "dead_grid_live_s": "for so long, all told",
    "dead_grid_fed_w": "power into it, all sources",
    "dead_grid_fed_wh": "energy into it, all sources",
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
# of each row, by its name
OF_POINT = {
    "<point>.<leg>_a": "current through its contactor, sign of its power",
    "<point>.w": "power through it",
    "<point>.closed": "its main contacts, any of their poles",
    "<point>.closings": "count",
    "<point>.openings": "count",
    "<point>.opened_a": "current at its last opening",
    "<point>.opened_max_a": "highest current at any opening",
    "<point>.pilot_duty": "duty of its pilot, −1 not driven",
    "<point>.released": "circuit whose breaker the release of a weld holds open, or nothing",
}
OF_CAR = {
    "<car>.w": "power it draws, also behind a gateway",
    "<car>.plugged": "connector is in",
    "<car>.state": "A, B, C, D, E from its own side",
    "<car>.soc_percent": "state of charge",
    "<car>.offer_a": "current the pilot offers as it reads it, −1 no pilot",
    "<car>.charged_wh": "energy drawn at a charging point",
    "<car>.parted_live": "times its power pins parted under voltage",
}
OF_CONVERTER = {
    "<converter>.<leg>_a": "its current, sign of its power",
    "<converter>.w": "its power, − is discharge",
    "<converter>.mode": "off, follow, form",
    "<converter>.fault": "name of its fault, empty if none",
    "<converter>.setpoint_w": "setpoint it follows",
    "<converter>.enabled": "hard-wired enable arrives",
    "<converter>.charged_wh": "energy drawn",
    "<converter>.discharged_wh": "energy delivered",
    "<converter>.dead_grid_wh": "its share of the energy into a dead grid",
    "<converter>.soc_percent": "state of charge behind it",
    "<converter>.writes": "registers written to it",
    "<converter>.worn": "writes of the one written most",
    "<converter>.breaches": "writes that its maker forbids",
    "<converter>.breach": "the last of them",
}
OF_SOURCE = {
    "<source>.<leg>_a": "its current, sign of its power",
    "<source>.w": "its power, never positive",
    "<source>.available_w": "what the sun would give (positive)",
    "<source>.connected": "it feeds",
    "<source>.produced_wh": "energy (positive)",
}
OF_STORAGE = {
    "<storage>.w": "its power",
    "<storage>.soc_percent": "state of charge",
}
TEXT |= OF_POINT | OF_CAR | OF_CONVERTER | OF_SOURCE | OF_STORAGE
NOTHING = (0j, 0j, 0j)
ISLAND_ROWS = ("poor", "under_50", "under_85", "over_110", "over_120", "uneven")
BURNING_ROWS = ("125", "120", "uneven")
GOOD_PU = 0.85  # an island's first good voltage


class Counts:
    """What has to be added up along the way."""

    def __init__(self) -> None:
        self.imported_wh = self.exported_wh = 0.0
        self.bonds_most = 0
        self.unbonded_s = 0.0
        self.dead_s = self.dead_wh = 0.0
        self.forming_on_grid_s = 0.0
        self.reclosed_deg = self.reclosed_most_deg = 0.0
        self.closed_live = self.returned_live = 0
        self.island_s = (0.0,) * len(ISLAND_ROWS)
        self.burning_s = (0.0,) * len(BURNING_ROWS)
        self._good = False  # the island's voltage has been
        self._island: tuple[bool, ...] = ()  # rows of ISLAND_ROWS that hold now, empty: none
        self._burning: tuple[bool, ...] = ()

    def tied(self, house: House, closed: bool) -> None:
        """The islanding switch has moved."""
        n = house.network
        if closed and n.present and not n.tied and n.level() > LIVE_PU:
            self.closed_live += 1

    def reclosed(self, deg: float, returned: bool) -> None:
        """The grid came onto a live house; `returned`: through a closed switch, a formed one."""
        self.reclosed_deg = deg
        self.reclosed_most_deg = max(self.reclosed_most_deg, deg)
        self.returned_live += int(returned)

    def see(self, house: House, legs_pu: list[float]) -> None:
        """The house's legs from now on, of nominal."""
        n = house.network
        low, high = min(legs_pu), max(legs_pu)
        self._island = self._burning = ()
        if any(c.mode == "form" and c.enabled for c in house.converters):
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
        n = house.network
        grid_w = n.grid_w()
        wh = grid_w * dt_us / 3.6e9
        if wh > 0:
            self.imported_wh += wh
        else:
            self.exported_wh -= wh
        for meter in house.meters:
            meter.count(n.power_w(house.circuits[meter.at].a) if meter.at else grid_w, dt_us)
        for source in house.sources:
            source.produced_wh -= source.w * dt_us / 3.6e9
        for car, _ in house.plugs:
            if car.amps:
                car.charge(n.power_w(car.flow), dt_us)
        bonds = bonds_of(house)
        if bonds > self.bonds_most:
            self.bonds_most = bonds
        if n.tied and not n.present and n.level() > LIVE_PU:
            fed_w = dead_w(house)
            self.dead_s += dt_us * 1e-6
            self.dead_wh += fed_w * dt_us / 3.6e9
            out = [max(0.0, -c.w) for c in house.converters]
            total = sum(out) + sum(-s.w for s in house.sources)
            for converter, w in zip(house.converters, out, strict=True):
                if total > 0:
                    converter.dead_grid_wh += fed_w * w / total * dt_us / 3.6e9
        if self._island:
            self.island_s = _longer(self.island_s, self._island, dt_us)
        if self._burning:
            self.burning_s = _longer(self.burning_s, self._burning, dt_us)
        if house.former is not None:
            if n.tied or house.switchgear.neutral_shut():
                self.forming_on_grid_s += dt_us * 1e-6
            if bonds != 1:
                self.unbonded_s += dt_us * 1e-6


def _longer(times_s: tuple[float, ...], holds: tuple[bool, ...], dt_us: int) -> tuple[float, ...]:
    return tuple(t + dt_us * 1e-6 * on for t, on in zip(times_s, holds, strict=True))


def bonds_of(house: House) -> int:
    """Neutral-earth bonds of the house's neutral now."""
    bonds = house.switchgear.bonds()
    for converter in house.converters:
        if converter.bonds_itself and converter.mode == "form":
            bonds += 1
    return bonds


def dead_w(house: House) -> float:
    """Power flowing into the dead grid; nothing beyond an open main breaker."""
    n = house.network
    if n.present or not n.tied or house.circuits[0].tripped:
        return 0.0
    return n.power_w(n.neighbour_a)


def _signed(v: complex, a: complex) -> float:
    return -abs(a) if (v * a.conjugate()).real < 0 else abs(a)


def of(house: House) -> dict[str, Value]:
    n, counts = house.network, house.counts
    live = n.tied and not n.present and n.level() > LIVE_PU
    out: dict[str, Value] = {
        "t_s": house.now_us / 1e6,
        "grid_hz": house.grid_side()[0] if any(n.grid_v) else 0.0,
        "grid_present": n.present,
        "house_hz": house.house_hz if any(n.house_v) else 0.0,
        "house_source": n.source,
        "grid_w": n.grid_w(),
        "import_wh": counts.imported_wh,
        "export_wh": counts.exported_wh,
        "loads_w": n.power_w(n.loads_a),
        "breaker_trips": sum(c.trips for c in house.circuits),
        "estop": house.protection.estop,
        "rcd": house.protection.rcd,
        "overtemp": house.protection.overtemp,
        "ventilation": house.protection.ventilation,
        "service_switch": house.protection.service_switch,
        "neutral_v": abs(house.grid.neutral_v),
        "touch_v": house.grid.touch_v(),
        "ne_bonds": bonds_of(house),
        "ne_bonds_most": counts.bonds_most,
        "unbonded_forming_s": counts.unbonded_s,
        "dead_grid_live": live,
        "dead_grid_live_s": counts.dead_s,
        "dead_grid_fed_w": dead_w(house) if live else 0.0,
        "dead_grid_fed_wh": counts.dead_wh,
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
    for appliance, on in zip(house.loads.appliances, house.loads.running, strict=True):
        out[f"loads_{appliance.spec.name}"] = on
    for name in ("island", "bond", "loads"):
        out[f"{name}_closed"] = _shut(house.relays[name])
    _circuits(house, out)
    _rows(house, out)
    return out


def _shut(relay: Relay) -> bool:
    return relay.closed or relay.pole_welded >= 0


AMPS = "l1_a l2_a l3_a "
FIELDS = {  # of a row of each kind, in the order of `_rows`
    "points": AMPS + "w closed closings openings opened_a opened_max_a pilot_duty released",
    "cars": "w plugged state soc_percent offer_a charged_wh parted_live",
    "converters": AMPS
    + "w mode fault setpoint_w enabled charged_wh discharged_wh dead_grid_wh soc_percent "
    "writes worn breaches breach",
    "sources": AMPS + "w available_w connected produced_wh",
    "storages": "w soc_percent",
}


def names_of(house: House) -> tuple[str, ...]:
    """Names of the fields of all rows of a house."""
    return tuple(
        f"{row.name}.{field}"
        for kind, fields in FIELDS.items()
        for row in getattr(house, kind)
        for field in fields.split()
        if field not in AMPS or LEGS.index(field[:2]) < house.legs
    )


def _rows(house: House, out: dict[str, Value]) -> None:
    """What is true of each row, by its name."""
    n = house.network
    found: list[Value] = []
    for p in house.points:
        found += _amps(house, p.flow)
        found += (n.power_w(p.flow), _shut(p.contactor), p.closings, p.openings, p.opened_a)
        released = house.circuits[p.at].name if house.released(p) else ""
        found += (p.opened_max_a, p.pilot_duty, released)
    behind = {id(car): converter.w for car, converter in house.gateways}
    for car in house.cars:
        found += (behind[id(car)] if id(car) in behind else n.power_w(car.flow), car.plugged)
        found += (car.state(), car.soc_percent, car.offer_a, car.charged_wh, car.parted_live)
    for c in house.converters:
        found += _amps(house, c.flow)
        found += (c.w, c.mode, c.fault, c.setpoint_w, c.enabled, c.charged_wh, c.discharged_wh)
        found += (c.dead_grid_wh, c.soc_percent)
        found += (c.ways.writes, c.ways.worn, c.ways.breaches, c.ways.breach)
    for source in house.sources:
        found += _amps(house, source.flow)
        found += (source.w, source.available_w, source.connected, source.produced_wh)
    for storage in house.storages:
        found += (storage.w, storage.battery.soc_percent)
    out.update(zip(house.names, found, strict=True))


def _amps(house: House, flow: tuple[complex, ...]) -> list[float]:
    if flow == NOTHING:
        return [0.0] * house.legs
    volts = house.network.house_v
    return [_signed(volts[k], flow[k]) for k in range(house.legs)]


@cache
def _names(circuit: str) -> tuple[str, ...]:
    """Of a circuit's fields, in the order of `_circuits`."""
    fields = [f"{leg}_a" for leg in LEGS]
    fields += ["n_a", "n_deg", "heat", "tripped", "bus_a", "bus_heat"]
    return tuple(f"{circuit}_{field}" for field in fields)


def _circuits(house: House, out: dict[str, Value]) -> None:
    volts, legs = house.network.house_v, range(house.legs)
    for circuit in house.circuits:
        names, flow = _names(circuit.name), circuit.a
        if flow == NOTHING:
            for k in legs:
                out[names[k]] = 0.0
            amps = angle = 0.0
        else:
            for k in legs:
                out[names[k]] = _signed(volts[k], flow[k])
            amps, angle = cmath.polar(sum(flow))
        out[names[3]], out[names[4]] = amps, math.degrees(angle)
        out[names[5]] = max(circuit.heat)
        out[names[6]] = circuit.tripped
        if circuit.bus_a:
            out[names[7]] = max(circuit.bus_load_a)
            out[names[8]] = max(circuit.bus_heat)


def finite(values: dict[str, Value]) -> bool:
    """No field has become infinite or not a number."""
    return all(math.isfinite(v) for v in values.values() if isinstance(v, float))
