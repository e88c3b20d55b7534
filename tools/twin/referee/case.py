# islet: what the referee knows of a case before it begins: the scenario, and the grid code.
# GPL-3.0-or-later
"""Ratings come from the physical house, promises (reserve, response, export limit, grid code) from
the site's configuration, faults from the scenario's events. Nothing comes from the firmware."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from tools.twin.referee.planted import PLANTS
from tools.twin.scenario import Event, Scenario
from tools.workshop import ROOT

GRIDCODES = ROOT / "firmware" / "gridcodes"
ADDRESSED = ("silent", "crc", "exception", "other", "busy")  # no answer counts under these
MOVING_A = 0.5


@dataclass(frozen=True)
class Circuit:
    """A breaker, what feeds it, and which of islet's devices hang below: "evse", "inverter"."""

    name: str
    parent: str | None
    breaker_a: float
    curve: str
    bus_a: float
    devices: tuple[str, ...]
    cable_a: float = 0  # of its conductors, 0 as the breaker


@dataclass(frozen=True)
class TripRow:
    kind: str  # ov, uv of nominal; of, uf in Hz
    level: float
    time_s: float

    def beyond(self, volts_pu: list[float], hz: float) -> bool:
        if self.kind == "ov":
            return max(volts_pu) > self.level
        if self.kind == "uv":
            return min(volts_pu) < self.level
        return hz > self.level if self.kind == "of" else 0 < hz < self.level


@dataclass(frozen=True)
class GridCode:
    """Enter-service window, delay, and what ends service."""

    nominal_v: float
    legs: int
    low_pu: float
    high_pu: float
    low_hz: float
    high_hz: float
    delay_s: float
    trips: tuple[TripRow, ...] = ()
    dead_s: float = 1.0  # a dead grid is confirmed after this
    rides: tuple[TripRow, ...] = ()  # the ride-through curve, in steps

    def volts_pu(self, truth: Mapping[str, Any]) -> list[float]:
        names = ("grid_l1_v", "grid_l2_v", "grid_l3_v")[: self.legs]
        return [truth[name] / self.nominal_v for name in names]

    def inside(self, truth: Mapping[str, Any], margin_pu: float, margin_hz: float) -> bool:
        """The grid stands in the window, widened by margins nobody can measure within."""
        if not truth["grid_present"]:
            return False
        volts = self.volts_pu(truth)
        good = min(volts) >= self.low_pu - margin_pu and max(volts) <= self.high_pu + margin_pu
        return good and self.low_hz - margin_hz <= truth["grid_hz"] <= self.high_hz + margin_hz


def grid_code(site: Mapping[str, Any], nominal_v: float, legs: int) -> GridCode:
    """From firmware/gridcodes, with the site's overrides; read with no code of the firmware's."""
    name = site.get("grid_code", "default_50hz")
    path = GRIDCODES / f"{name}.json"
    if not path.exists():
        known = ", ".join(sorted(p.stem for p in GRIDCODES.glob("*.json")))
        raise ValueError(f"site.grid_code: {name!r}, allowed {known}")
    data = json.loads(path.read_text(encoding="utf-8"))
    enter = data["enter"]
    overrides = site.get("grid_code_overrides") or {}
    trips, rides = (
        tuple(
            TripRow(
                row["kind"],
                (row["permille"] if "permille" in row else row["mhz"]) / 1000,
                row["time_ms"] / 1000,
            )
            for row in data.get(rows, ())
        )
        for rows in ("trips", "ride_through")
    )
    return GridCode(
        nominal_v,
        legs,
        enter["low_permille"] / 1000,
        enter["high_permille"] / 1000,
        enter["low_mhz"] / 1000,
        enter["high_mhz"] / 1000,
        overrides.get("enter_delay_s", enter["delay_ms"] / 1000),
        trips,
        overrides.get("grid_loss_s", data["grid_loss"]["ms"] / 1000),
        rides,
    )


@dataclass
class Case:
    """Everything fixed about a run."""

    circuits: tuple[Circuit, ...]
    nominal_v: float
    gateway: bool
    enter: GridCode
    metered: tuple[str, ...] = ()  # devices with a meter above them
    export_limit_w: float = -1
    reserve_percent: float = 100
    outage_reserve_percent: float = 100
    evse_response_s: float = 5
    inverter_response_s: float = 2
    inverter_rating_w: float = 0
    islandable: bool = False  # the site has an islanding switch
    automatic: bool = False  # and uses it in an outage by itself
    carries_w: float = 0  # most its island carries
    least_soc_percent: float = 0  # the inverter's own floor
    form_s: float = 1  # from its enable to a good voltage
    neutral_switched: bool = True
    inverter_legs: int = 0
    inverter_node_a: float = 0  # rating of its circuit as the site has it
    revert_s: float = 10
    delay_s: tuple[float, float] = (0.025, 0.025)  # of the house's voltages: fast way, mean
    settings: Mapping[str, Any] = field(default_factory=dict)  # dotted input: value at the start
    events: tuple[Event, ...] = ()
    site: Mapping[str, Any] = field(default_factory=dict)  # the configuration as it is
    evse_error: float = 0.0  # declared, of what measures the charging point
    fits: bool = False  # the inverter's whole nameplate fits INV-4's static rule
    witnessed: bool = True  # something but its own report measures it
    pen_watched: bool = False  # the site's supply may lose its PEN

    def setting(self, name: str, t_s: float) -> Any:
        """A dotted input of the house at t_s: from its start, then by the scenario's events."""
        value = self.settings.get(name)
        for event in self.events:
            if event.kind == "set" and event.target == name and event.at_s <= t_s:
                value = event.value
        return value

    def welded(self, t_s: float) -> bool:
        """The scenario holds the point's contactor, or one of its poles: nobody opens it."""
        pole = self.setting("relays.contactor.welded_pole", t_s)
        return bool(self.setting("relays.contactor.welded", t_s)) or pole not in (None, "none")

    def event_at(self, prefix: str, t_s: float, within_s: float = 0.3) -> bool:
        """The scenario itself has just set an input with this prefix."""
        return any(
            event.kind == "set" and event.target.startswith(prefix)
            and 0 <= t_s - event.at_s <= within_s
            for event in self.events
        )  # fmt: skip

    def bus_fault(self, device: str, t_s: float) -> str:
        """The fault the scenario has put on the device's answers, empty if none."""
        for event in self.events:
            if event.kind not in ("bus", "update") or event.target != device:
                continue
            fault = "silent" if event.kind == "update" else str(event.value)
            lasts = event.at_s <= t_s and (event.for_s is None or t_s < event.at_s + event.for_s)
            if lasts and fault in ADDRESSED:
                return fault
        return ""

    def meter_fault(self, t_s: float) -> str:
        if self.setting("meter.frozen", t_s):
            return "frozen"
        return self.bus_fault("meter", t_s)

    def inverter_silent(self, t_s: float) -> bool:
        return bool(self.bus_fault("inverter", t_s))

    def unwitnessed(self, t_s: float) -> bool:
        """Nothing measures the inverter, and nothing has to."""
        return self.fits and (not self.witnessed or bool(self.meter_fault(t_s)))

    def response_s(self, now: Mapping[str, Any]) -> float:
        """Declared response of the slowest device that carries current."""
        slowest = 0.0
        for device, response_s in (
            ("evse", self.evse_response_s),
            ("inverter", self.inverter_response_s),
        ):
            if device == "evse" and self.gateway:
                continue
            names = (f"{device}_{leg}_a" for leg in ("l1", "l2", "l3"))
            if any(abs(now.get(name, 0.0)) > MOVING_A for name in names):
                slowest = max(slowest, response_s)
        return slowest


SETTINGS = (
    ("car.diode", True),
    ("car.proximity_ohm", 220.0),
    ("relays.contactor.welded", False),
    ("inverter.ignores_setpoint", False),
    ("meter.frozen", False),
    ("relays.island.open_ms", 20.0),
    ("relays.island.close_ms", 60.0),
)


SAMPLED_S = (0.025, 0.025)  # safety.md §5: each circuit states it
CHIP_S = (0.150, 0.840)  # a metering chip's flags, and its mean


def _delay_s(board: Mapping[str, Any], legs: int) -> tuple[float, float]:
    """Delay of a circuit's house voltages, from its JSON; without one they are sampled."""
    sampled = [c for c in board.get("channels", ()) if c.get("signal") == "house_v"]
    chips = [c for c in board.get("meters", ()) if c.get("volts") == "house"]
    return CHIP_S if chips and len(sampled) < legs else SAMPLED_S


def of(scenario: Scenario, board: Mapping[str, Any] | None = None) -> Case:
    """The case of a scenario, on a circuit board (its JSON)."""
    house, site = scenario.house, scenario.site
    owner, evse, inverter = (site.get(k) or {} for k in ("owner", "evse", "inverter"))
    gateway = house.charger is not None and house.charger.kind == "dc"
    where: dict[str, str | None] = {}
    if house.charger is not None and not gateway:
        where["evse"] = house.charger.circuit
    if house.inverter is not None:
        charger = house.charger.circuit if house.charger is not None else None
        where["inverter"] = house.inverter.circuit or charger
    parents = {c.name: c.parent for c in house.circuits}
    above = {device: _line(name, parents) for device, name in where.items()}
    circuits = tuple(
        Circuit(
            c.name, c.parent, c.breaker_a, c.curve, c.bus_a,
            tuple(d for d, line in above.items() if c.name in line),
            _cable_a(site, c),
        )
        for c in house.circuits
    )  # fmt: skip
    start = {name: _initial(house, name, default) for name, default in SETTINGS}
    start |= _built(house) | {trace.name: math.nan for trace in scenario.traces}
    discharge_w, island = inverter.get("discharge_w", 0), site.get("island") or {}
    metered = _metered(site, gateway)
    return Case(
        circuits,
        house.nominal_v,
        gateway,
        grid_code(site, house.nominal_v, house.legs),
        metered,
        site.get("export_limit_w", -1),
        owner.get("reserve_percent", 100),
        owner.get("outage_reserve_percent", 100),
        evse.get("response_s", 5),
        inverter.get("response_s", 2),
        max(inverter.get("charge_w", 0), inverter.get("discharge_w", 0)),
        bool(island.get("capable", False)),
        bool(island.get("auto", False)),
        island.get("max_w") or discharge_w,
        house.inverter.min_soc_percent if house.inverter else 0,
        house.inverter.form_delay_s + house.inverter.soft_start_s if house.inverter else 1,
        house.relays.neutral_switched,
        inverter.get("legs", 1),
        _rating_a(site, inverter.get("node")),
        inverter.get("revert_s", 10),
        _delay_s(board or {}, house.legs),
        start,
        tuple(scenario.events),
        site,
        _node(site, evse.get("node")).get("error_percent", 2) / 100,
        _fits(site, house.nominal_v),
        gateway or _witnessed(site),
        pen_watched(site),
    )


def _line(name: str | None, parents: Mapping[str, str | None]) -> list[str]:
    """The circuit and all that feed it."""
    line = []
    while name is not None:
        line.append(name)
        name = parents.get(name)
    return line


def _node(site: Mapping[str, Any], name: Any) -> Mapping[str, Any]:
    """A circuit as the site has it, empty where it has none of that name."""
    nodes = (n for n in site.get("nodes", []) if isinstance(n, dict))
    return next((n for n in nodes if n.get("name") == name), {})


def _rating_a(site: Mapping[str, Any], name: Any) -> float:
    return _node(site, name).get("rating_a", 0)


def _cable_a(site: Mapping[str, Any], circuit: Any) -> float:
    """What its conductors bear where that is less than its breaker: as the house is built, or as
    the site says."""
    told = [a for a in (circuit.cable_a, _rating_a(site, circuit.name)) if a]
    least = min(told, default=circuit.breaker_a)
    return least if least < circuit.breaker_a else 0


def _fits(site: Mapping[str, Any], volts: float) -> bool:
    """INV-4's static rule for the inverter's whole nameplate: it may feed all of it by conductors,
    busbars, other sources and export limit, and draw all of it where no measurement is relied on.
    """
    inverter = site.get("inverter") or {}
    feed_w = inverter.get("discharge_w", 0)
    if 0 <= site.get("export_limit_w", -1) < feed_w:
        return False
    legs = inverter.get("legs", 1)
    feed_a, draw_a = (w / legs / volts for w in (feed_w, inverter.get("charge_w", 0)))
    parents = {n.get("name"): n.get("parent") for n in site.get("nodes", [])}
    for name in _line(inverter.get("node"), parents):
        node = _node(site, name)
        below = [n for n in parents if name in _line(n, parents)]
        others_a = sum(_node(site, n).get("source_a", 0) for n in below)
        rating_a = node.get("rating_a", 0)
        most_a = rating_a * node.get("continuous_percent", 100) / 100
        bus_a = node.get("bus_a", 0) * node.get("bus_percent", 100) / 100
        relied_on = node.get("instrument") in ("ct", "meter") and name != inverter.get("node")
        if (relied_on and draw_a) or draw_a > most_a or feed_a > most_a - others_a:
            return False
        if bus_a and feed_a > (bus_a - rating_a) * 0.8 - others_a:
            return False
    return True


def _witnessed(site: Mapping[str, Any]) -> bool:
    """Something above the inverter measures, and not its own report."""
    parents = {n.get("name"): n.get("parent") for n in site.get("nodes", [])}
    line = _line((site.get("inverter") or {}).get("node"), parents)
    return any(_node(site, name).get("instrument") in ("ct", "meter") for name in line)


def pen_watched(site: Mapping[str, Any]) -> bool:
    """The supply's neutral is its protective conductor: said so, or the British code's default."""
    earthing = site.get("earthing")
    return earthing == "pme" or (earthing is None and site.get("grid_code") == "g99")


def _metered(site: Mapping[str, Any], gateway: bool) -> tuple[str, ...]:
    nodes = {n["name"]: n for n in site.get("nodes", []) if isinstance(n, dict)}
    found = []
    for device in ("inverter",) if gateway else ("evse", "inverter"):
        name = (site.get(device) or {}).get("node")
        line = _line(name, {n: nodes[n].get("parent") for n in nodes})
        if any(nodes.get(n, {}).get("instrument") == "meter" for n in line):
            found.append(device)
    return tuple(found)


WATCHED = ("inverter.watch.anti_islanding", "pv.watch.anti_islanding")
SENSED = ("main", "evse", "grid", "house")
SENSED_PERMILLE, SENSED_DEG = 50, 10


def _built(house: Any) -> dict[str, Any]:
    """Inputs that are not as they should be, or may be so, from the house's own declaration."""
    found = {p.inputs: _initial(house, p.inputs, None) for p in PLANTS if "*" not in p.inputs}
    for name in WATCHED:
        found[name.replace(".watch", "")] = _initial(house, name, True)
    car = house.car
    found["car.reaction_s"] = car.reaction_s + car.max_a / car.down_a_per_s
    given = house.sensors
    for group in SENSED:
        gains = (v for k, v in given.gain_permille.items() if k.startswith(group))
        turns = (v for k, v in given.phase_deg.items() if k.startswith(group))
        if any(abs(v) > SENSED_PERMILLE for v in gains) or any(abs(v) > SENSED_DEG for v in turns):
            found[f"sensors.{group}_built"] = "off"
    return {name: value for name, value in found.items() if value is not None}


def _initial(house: Any, name: str, default: Any) -> Any:
    """The house's declared value of a dotted input, or that of inputs which are no declaration."""
    value = house
    for step in name.split("."):
        value = getattr(value, step, None)
        if value is None:
            return default
    return value
