# islet: what the referee knows of a case before it begins: the scenario, and the grid code.
# GPL-3.0-or-later
"""Ratings come from the physical house, promises (reserve, response, export limit, grid code) from
the site's configuration, faults from the scenario's events. Nothing comes from the firmware.

islet's devices are rows: a point, whose contactor is islet's, and a converter, each with the name
that house and site have for it, its row in the process image, and what the site declares of it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from tools.twin.referee.gridcode import GridCode, TripRow, grid_code
from tools.twin.referee.planted import PLANTS
from tools.twin.referee.told import Told, above
from tools.twin.scenario import Event, Scenario

__all__ = ["Case", "Circuit", "Device", "GridCode", "TripRow", "grid_code", "of"]

ADDRESSED = ("silent", "crc", "exception", "other", "busy")  # no answer counts under these
MOVING_A = 0.5
LEGS = ("l1", "l2", "l3")
KINDS = ("points", "cars", "converters", "sources", "storages", "meters")


@dataclass(frozen=True)
class Circuit:
    """A breaker, what feeds it, and which of islet's devices hang below, by name."""

    name: str
    parent: str | None
    breaker_a: float
    curve: str
    bus_a: float
    devices: tuple[str, ...]
    cable_a: float = 0  # of its conductors, 0 as the breaker
    neutral_a: float = math.inf  # what its neutral bears


@dataclass(frozen=True)
class Device:
    """A point, or a converter, of islet's."""

    name: str
    kind: str  # point, converter
    row: int = -1  # in the process image, -1: islet does not command it
    point: int = -1  # of the board, whose contactor lies in its circuit
    contactor: str = ""  # the same by name
    gateway: str = ""  # of a point: the converter behind its contactor
    car: str = ""  # at it
    response_s: float = 2
    error: float = 0.0  # declared, of what measures a point
    meters: tuple[str, ...] = ()  # that measure something above it
    rating_w: float = 0
    legs: int = 0
    node_a: float = 0  # rating of its circuit as the site has it
    revert_s: float = 10
    stop_s: float = 0.5
    shift_hz: float = 2
    fits: bool = False  # its whole nameplate fits INV-4's static rule
    witnessed: bool = True  # something but its own report measures it
    reserve_percent: float = 100
    least_soc_percent: float = 0  # its own floor
    form_s: float = 1  # from its enable to a good voltage

    @cached_property
    def amps(self) -> tuple[str, str, str]:
        """Its currents in truth."""
        a, b, c = (f"{self.name}.{leg}_a" for leg in LEGS)
        return a, b, c

    @cached_property
    def w(self) -> str:
        return f"{self.name}.w"


@dataclass
class Case:
    """Everything fixed about a run."""

    circuits: tuple[Circuit, ...]
    nominal_v: float
    enter: GridCode
    devices: tuple[Device, ...] = ()
    export_limit_w: float = -1
    outage_reserve_percent: float = 100
    islandable: bool = False  # the site has an islanding switch
    automatic: bool = False  # and uses it in an outage by itself
    carries_w: float = 0  # most its island carries
    former: Device | None = None  # the converter that forms it
    neutral_switched: bool = True
    delay_s: tuple[float, float] = (0.025, 0.025)  # of the house's voltages: fast way, mean
    settings: Mapping[str, Any] = field(default_factory=dict)  # dotted input: value at the start
    events: tuple[Event, ...] = ()
    told: Told = field(default_factory=lambda: Told({}))
    kinds: Mapping[str, str] = field(default_factory=dict)  # of the house's rows, by name
    pen_watched: bool = False  # the site's supply may lose its PEN

    @cached_property
    def points(self) -> tuple[Device, ...]:
        return tuple(d for d in self.devices if d.kind == "point")

    @cached_property
    def converters(self) -> tuple[Device, ...]:
        return tuple(d for d in self.devices if d.kind == "converter")

    @cached_property
    def carriers(self) -> tuple[Device, ...]:
        """What current flows through: a gateway's is its own, and not its point's as well."""
        return tuple(d for d in self.devices if not d.gateway)

    @cached_property
    def cars(self) -> tuple[str, ...]:
        return tuple(d.car for d in self.devices if d.car)

    def who(self, name: str) -> str:
        """How a sentence about a point begins: with its name, where there are several."""
        return f"{name}: " if len(self.points) > 1 else ""

    def setting(self, name: str, t_s: float) -> Any:
        """A dotted input of the house at t_s: from its start, then by the scenario's events."""
        value = self.settings.get(name)
        for event in self.events:
            if event.kind == "set" and event.target == name and event.at_s <= t_s:
                value = event.value
        return value

    def welded(self, point: str, t_s: float) -> bool:
        """The scenario holds the point's contactor, or one of its poles: nobody opens it."""
        pole = self.setting(f"{point}.contactor.welded_pole", t_s)
        held = self.setting(f"{point}.contactor.welded", t_s)
        return bool(held) or pole not in (None, "none")

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
            if event.kind not in ("bus", "update") or event.target not in (device, "all"):
                continue
            fault = "silent" if event.kind == "update" else str(event.value)
            lasts = event.at_s <= t_s and (event.for_s is None or t_s < event.at_s + event.for_s)
            if lasts and fault in ADDRESSED:
                return fault
        return "silent" if self.setting(f"{device}.asleep", t_s) else ""

    def meter_fault(self, device: Device, t_s: float) -> str:
        """What is wrong with a meter that measures something above the device."""
        for meter in device.meters:
            if self.setting(f"{meter}.frozen", t_s):
                return "frozen"
            if fault := self.bus_fault(meter, t_s):
                return fault
        return ""

    def unwitnessed(self, device: Device, t_s: float) -> bool:
        """Nothing measures the converter, and nothing has to."""
        return device.fits and (not device.witnessed or bool(self.meter_fault(device, t_s)))

    def response_s(self, now: Mapping[str, Any]) -> float:
        """Declared response of the slowest device that carries current."""
        slowest = 0.0
        for device in self.carriers:
            if any(abs(now.get(name, 0.0)) > MOVING_A for name in device.amps):
                slowest = max(slowest, device.response_s)
        return slowest


# inputs of a row of each kind that rules ask for, and of the house
SETTINGS = (
    ("cars", "diode", True),
    ("cars", "proximity_ohm", 220.0),
    ("points", "contactor.welded", False),
    ("converters", "ignores_setpoint", False),
    ("meters", "frozen", False),
)
HOUSE_SETTINGS = (("relays.island.open_ms", 20.0), ("relays.island.close_ms", 60.0))
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
    told = Told(site, house)
    owner, island = site.get("owner") or {}, site.get("island") or {}
    devices = tuple(_devices(house, told))
    parents = {c.name: c.parent for c in house.circuits}
    at = {row.name: row.circuit for row in (*house.points, *house.converters)}
    at |= {c.name: at.get(c.point) for c in house.converters if c.point and not c.circuit}
    lines = {d.name: above(at[d.name], parents) for d in devices if not d.gateway}
    circuits = tuple(
        Circuit(
            c.name, c.parent, c.breaker_a, c.curve, c.bus_a,
            tuple(d for d, line in lines.items() if c.name in line),
            _cable_a(told, c),
            _neutral_a(told, c),
        )
        for c in house.circuits
    )  # fmt: skip
    converters = [d for d in devices if d.kind == "converter"]
    former = next((d for d in converters if d.name == island.get("device")), None)
    former = former or next(iter(converters), None)
    discharge_w = told.of(former.name, "discharge_w", 0) if former else 0
    return Case(
        circuits=circuits,
        nominal_v=house.nominal_v,
        enter=grid_code(site, house.nominal_v, house.legs),
        devices=devices,
        export_limit_w=site.get("export_limit_w", -1),
        outage_reserve_percent=owner.get("outage_reserve_percent", 100),
        islandable=bool(island.get("capable", False)),
        automatic=bool(island.get("auto", False)),
        carries_w=island.get("max_w") or discharge_w,
        former=former,
        neutral_switched=house.relays.neutral_switched,
        delay_s=_delay_s(board or {}, house.legs),
        settings=_settings(house) | {trace.name: math.nan for trace in scenario.traces},
        events=tuple(scenario.events),
        told=told,
        kinds={row.name: key[:-1] for key in KINDS for row in getattr(house, key)},
        pen_watched=pen_watched(site),
    )


def _devices(house: Any, told: Told) -> list[Device]:
    owner = told.site.get("owner") or {}
    behind = {c.point: c.name for c in house.converters if c.point}
    cars = {c.at: c.name for c in house.cars}
    index = {p.name: i for i, p in enumerate(house.points)}
    meters = [m.name for m in house.meters]
    found = [
        Device(
            p.name, "point", told.index.get(p.name, -1), i, p.name,
            gateway=behind.get(p.name, ""),
            car=cars.get(p.name, ""),
            response_s=told.of(p.name, "response_s", 5),
            error=told.error(p.name),
            meters=told.meters(p.name, meters),
        )
        for i, p in enumerate(house.points)
    ]  # fmt: skip
    for c in house.converters:
        name, point = c.name, c.point or ""
        most = [told.of(name, key, 0) for key in ("charge_w", "discharge_w")]
        found.append(
            Device(
                name, "converter", told.index.get(name, -1), index.get(point, -1), point,
                car=cars.get(name, ""),
                response_s=told.of(name, "response_s", 2),
                meters=told.meters(name, meters),
                rating_w=max(most),
                legs=told.legs(name),
                node_a=told.rating_a(name),
                revert_s=told.of(name, "revert_s", 10),
                stop_s=told.of(name, "stop_ms", 500) / 1000,
                shift_hz=told.of(name, "shift_hz", 2),
                fits=told.fits(name, house.nominal_v),
                witnessed=bool(point) or told.witnessed(name),
                reserve_percent=told.of(
                    name, "reserve_percent", owner.get("reserve_percent", 100)
                ),
                least_soc_percent=c.min_soc_percent,
                form_s=c.form_delay_s + c.soft_start_s,
            )
        )  # fmt: skip
    return found


def _cable_a(told: Told, circuit: Any) -> float:
    """What its conductors bear where that is less than its breaker: as the house is built, or as
    the site says."""
    said = [a for a in (circuit.cable_a, told.node(circuit.name).get("rating_a", 0)) if a]
    least = min(said, default=circuit.breaker_a)
    return least if least < circuit.breaker_a else 0


def _neutral_a(told: Told, circuit: Any) -> float:
    """What its neutral bears: as built, or as the site says, else as its legs."""
    said = [a for a in (circuit.neutral_a, told.node(circuit.name).get("neutral_a", 0)) if a]
    return min(said, default=_cable_a(told, circuit) or circuit.breaker_a)


def pen_watched(site: Mapping[str, Any]) -> bool:
    """The supply's neutral is its protective conductor: said so, or the British code's default."""
    earthing = site.get("earthing")
    return earthing == "pme" or (earthing is None and site.get("grid_code") == "g99")


SENSED = ("main", "evse", "grid", "house")
SENSED_PERMILLE, SENSED_DEG = 50, 10


def _settings(house: Any) -> dict[str, Any]:
    """Inputs at the start that rules ask for, or that are not as they should be, or may be so."""
    found = {name: _initial(house, name, default) for name, default in HOUSE_SETTINGS}
    for key in KINDS:
        kind = key[:-1]
        asked = [row[1:] for row in SETTINGS if row[0] == key]
        asked += [
            (plant.inputs.removeprefix(f"{kind}."), None)
            for plant in PLANTS
            if plant.inputs.startswith(f"{kind}.") and "*" not in plant.inputs
        ]
        for row in getattr(house, key):
            for name, default in reversed(asked):
                found[f"{row.name}.{name}"] = _initial(row, name, default)
            if kind in ("converter", "source"):
                found[f"{row.name}.anti_islanding"] = row.watch.anti_islanding
            if kind == "car":
                found[f"{row.name}.reaction_s"] = row.reaction_s + row.max_a / row.down_a_per_s
    for plant in PLANTS:
        if plant.inputs.split(".")[0] in ("relays", "protection") and "*" not in plant.inputs:
            found.setdefault(plant.inputs, _initial(house, plant.inputs, None))
    given = house.sensors
    for group in SENSED:
        gains = (v for k, v in given.gain_permille.items() if k.startswith(group))
        turns = (v for k, v in given.phase_deg.items() if k.startswith(group))
        if any(abs(v) > SENSED_PERMILLE for v in gains) or any(abs(v) > SENSED_DEG for v in turns):
            found[f"sensors.{group}_built"] = "off"
    return {name: value for name, value in found.items() if value is not None}


def _initial(part: Any, name: str, default: Any) -> Any:
    """The declared value of a dotted input, or that of inputs which are no declaration."""
    value = part
    for step in name.split("."):
        value = getattr(value, step, None)
        if value is None:
            return default
    return value
