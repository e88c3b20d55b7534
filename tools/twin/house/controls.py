# islet: everything a scenario may change in a house while it runs, by dotted name.
# GPL-3.0-or-later
"""One table: name -> what values it takes and what it does. `apply` refuses all else by name."""

from __future__ import annotations

import difflib
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from .instruments import GROUPS, measured
from .meter import ORDERS
from .spec import LEGS

if TYPE_CHECKING:
    from . import House
    from .car import Car
    from .inverter import Inverter
    from .relay import Relay

Put = Callable[["House", Any], None]

KINDS = ("point", "car", "converter", "source", "storage", "meter")
RELAYS = ("island", "bond", "loads")


@dataclass(frozen=True)
class Kind:
    """Values an input takes; `null` stands for "none, back to automatic"."""

    low: float | None = None
    high: float | None = None
    choices: tuple[Any, ...] = ()
    null: bool = False
    boolean: bool = False

    def text(self) -> str:
        if self.boolean:
            allowed = "true, false"
        elif self.choices:
            allowed = ", ".join(repr(c) for c in self.choices)
        else:
            allowed = f"{self.low:g}…{self.high:g}"
        return allowed + (", null" if self.null else "")

    def accepts(self, value: Any) -> bool:
        if value is None:
            return self.null
        if self.boolean:
            return isinstance(value, bool)
        if self.choices:
            return value in self.choices
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            return False
        assert self.low is not None and self.high is not None
        return self.low <= value <= self.high


YES = Kind(boolean=True)
YES_NULL = Kind(boolean=True, null=True)


def span(low: float, high: float, null: bool = False) -> Kind:
    return Kind(low, high, null=null)


# part of the house or kind of a row, attribute, values, meaning
ROWS: tuple[tuple[str, str, Kind, str], ...] = (
    ("grid", "outage", YES, "upstream break: open behind our connection"),
    ("grid", "voltage_pu", span(0, 1.5), "open-circuit voltage, all legs, of nominal"),
    ("grid", "l1_pu", span(0, 1.5), "factor of one leg (sag)"),
    ("grid", "l2_pu", span(0, 1.5), "factor of one leg"),
    ("grid", "l3_pu", span(0, 1.5), "factor of one leg"),
    ("grid", "frequency_hz", span(40, 70), "frequency"),
    ("grid", "neighbour_w", span(0, 1e6), "neighbours' load per leg on our side of a break"),
    (
        "grid",
        "pen_open",
        YES,
        "PEN lost: the neutral floats as the loads and the electrode make it",
    ),
    ("grid", "earth_ohm", span(0.1, 10_000), "earth electrode on our side of a lost PEN"),
    ("loads", "scale", span(0, 20), "factor on the base load"),
    ("loads", "l1_w", span(0, 1e5, null=True), "base load of the leg; null: profile"),
    ("loads", "l2_w", span(0, 1e5, null=True), "likewise"),
    ("loads", "l3_w", span(0, 1e5, null=True), "likewise"),
    ("source", "cloud", span(0, 1.2), "factor on the clear sky"),
    ("source", "override_w", span(0, 1e6, null=True), "power of the sun; null: by place and date"),
    ("source", "fault", YES, "its inverter stops"),
    ("source.watch", "anti_islanding", YES, "active island detection"),
    ("source.watch", "reconnect_s", span(0, 3600), "wait before it connects"),
    ("storage", "standby", YES, "the household's battery stands still"),
    ("storage", "goal_w", span(-1e6, 1e6), "holds the service's power here"),
    ("car", "wants", YES, "asks for energy"),
    ("car", "soc_percent", span(0, 100), "state of charge"),
    ("car", "max_a", span(6, 80), "most current"),
    ("car", "reaction_s", span(0, 60), "delay to a changed offer"),
    ("car", "ventilation", YES, "asks for ventilation (D)"),
    ("car", "diode", YES, "false: pilot diode missing"),
    ("car", "pilot", Kind(choices=("normal", "open", "short")), "pilot wire"),
    ("car", "proximity_ohm", span(0, 1e6), "cable resistor"),
    ("car", "ignores_offer", YES, "draws max_a whatever is offered"),
    ("car", "keeps_drawing", YES, "does not stop when the offer is withdrawn"),
    ("car", "overdraw_a", span(0, 80), "more than offered"),
    ("converter", "charge_w", span(0, 1e6), "most it draws"),
    ("converter", "discharge_w", span(0, 1e6), "most it delivers"),
    ("converter", "response_s", span(0, 60), "delay to a setpoint"),
    ("converter", "can_form", YES, "able to form"),
    ("converter", "form_l1_pu", span(0, 2), "voltage it forms, of nominal"),
    ("converter", "form_l2_pu", span(0, 2), "likewise"),
    ("converter", "form_l3_pu", span(0, 2), "likewise"),
    ("converter", "form_off_hz", span(-15, 15), "frequency it forms, from nominal"),
    ("converter", "enable_cut", YES, "its enable's wire is broken"),
    (
        "converter",
        "soc_told_percent",
        span(0, 100, null=True),
        "state of charge it reports; null: the true one",
    ),
    ("converter", "forms_unasked", YES, "forms on dead terminals without permission"),
    ("converter", "ignores_enable", YES, "hard-wired enable has no effect"),
    ("converter.obeys", "ignores_setpoint", YES, "keeps its last setpoint"),
    ("converter.obeys", "ignores_revert", YES, "goes on when its reversion timer is over"),
    (
        "converter.obeys",
        "returns_s",
        span(1, 600, null=True),
        "its reversion timer lasts so long, whatever it was told",
    ),
    ("converter.obeys", "lies", YES, "reports its setpoint, whatever it does"),
    ("converter.obeys", "stuck_w", span(-1e6, 1e6, null=True), "holds this power while following"),
    ("converter.obeys", "sign", Kind(choices=(1, -1)), "−1: does the opposite of its setpoint"),
    ("converter.obeys", "gain", span(0, 20), "does so many times its setpoint"),
    ("converter.obeys", "overshoot_percent", span(0, 500), "goes so far beyond a step at first"),
    ("converter.obeys", "forgets", YES, "starts in its own mode each time it connects"),
    ("converter.obeys", "own_w", span(-1e6, 1e6, null=True), "its own mode: while not told any"),
    ("converter.ways", "refuses", YES, "answers each write with an exception"),
    (
        "converter.ways",
        "cuts_w",
        span(0, 1e6, null=True),
        "takes no setpoint above this, and says nothing",
    ),
    ("converter.ways", "asleep", YES, "answers nobody and stands still, as at night"),
    (
        "converter.ways",
        "wears_after",
        span(1, 1e9, null=True),
        "a register written so often keeps what it has",
    ),
    ("converter.watch", "reconnect_s", span(0, 3600), "wait before it connects"),
    ("meter", "frozen", YES, "repeats its last values for ever"),
    ("meter", "frozen_leg", Kind(choices=("none", *LEGS)), "this leg alone does"),
    ("meter", "zeros", YES, "a frame that is well formed and all zeros"),
    ("meter", "order", Kind(choices=ORDERS), "which leg's current each channel has"),
    ("meter", "l1_gain", span(-2, 2), "factor of its current: −1 turned round, 0 dead"),
    ("meter", "l2_gain", span(-2, 2), "likewise"),
    ("meter", "l3_gain", span(-2, 2), "likewise"),
    ("meter", "l1_add_a", span(-500, 500), "a spike: so much more than flows"),
    ("meter", "l2_add_a", span(-500, 500), "likewise"),
    ("meter", "l3_add_a", span(-500, 500), "likewise"),
    ("meter", "update_s", span(0.05, 60), "measuring period"),
    ("protection", "estop", YES, "emergency stop"),
    ("protection", "rcd", YES, "RCD tripped"),
    ("protection", "overtemp", YES, "too hot"),
    ("protection", "ventilation", YES, "ventilation confirmed"),
    ("protection", "service_switch", YES, "lockable switch in enable and bond pick-up pulled"),
)
RELAY_ROWS: tuple[tuple[str, Kind, str], ...] = (
    ("welded", YES, "once closed stays closed"),
    ("welded_pole", Kind(choices=("none", "l1", "l2", "l3", "n")), "this pole alone stays closed"),
    ("stuck_open", YES, "does not close"),
    ("aux_stuck", YES_NULL, "its contact reads this; null: follows"),
    ("close_ms", span(0, 5000), "pull-in"),
    ("open_ms", span(0, 5000), "drop-out"),
    ("main_lost", YES, "no main contact conducts, the auxiliary stays as the mechanics are"),
    ("aux_follows", Kind(choices=("contact", "coil")), "what moves its contact"),
    ("aux_delay_ms", span(0, 5000), "its contact answers later by so much"),
    ("bounce_ms", span(0, 5000), "its contact bounces so long"),
)


@dataclass(frozen=True)
class Control:
    kind: Kind
    text: str
    set: Callable[[House, Any], None]


def _attribute(path: tuple[str, ...], attribute: str, row: str = "") -> Put:
    """Of a part of the house, or of a part of one of its rows."""

    def put(house: House, value: Any) -> None:
        target: Any = house.rows[row] if row else house
        for step in path:
            target = getattr(target, step)
        setattr(target, attribute, value)

    return put


def _relay(find: Callable[[House], Relay], attribute: str) -> Put:
    def put(house: House, value: Any) -> None:
        relay = find(house)
        setattr(relay, attribute, value)
        relay.mend()

    return put


def _trip(name: str) -> Put:
    def put(house: House, value: bool) -> None:
        circuit = house.circuits[house.index[name]]
        if value and not circuit.tripped:
            circuit.trip()
        elif not value:
            circuit.tripped = False
            a, b, c = circuit.heat
            circuit.heat = (min(0.9, a), min(0.9, b), min(0.9, c))  # no trip at once

    return put


def _force(index: int) -> Put:
    def put(house: House, value: bool | None) -> None:
        house.loads.appliances[index].forced = value

    return put


def _jump(house: House, value: float) -> None:
    house.grid_rad += value * 3.141592653589793 / 180


def _plug(house: House, car: Car, value: bool) -> None:
    car.plug(house.now_us, value)


def _fail(house: House, converter: Inverter, value: bool) -> None:
    if value:
        converter.fail("commanded")
        converter.fault_us = 1 << 62  # until released
    else:
        converter.alarm_reset()


def _detect(house: House, converter: Inverter, value: bool) -> None:
    converter.detect(can=value)


def _reboot(house: House, converter: Inverter, value: bool) -> None:
    if value:
        converter.restart()


def _soc_frozen(house: House, converter: Inverter, value: bool) -> None:
    converter.soc_told_percent = converter.soc_percent if value else None


def _soc(house: House, converter: Inverter, value: float) -> None:
    converter.battery.soc_percent = value


def _doing(name: str, do: Callable[[House, Any, Any], None]) -> Put:
    def put(house: House, value: Any) -> None:
        do(house, house.rows[name], value)

    return put


# kind of row, attribute, values, meaning, what it does
DOINGS: tuple[tuple[str, str, Kind, str, Callable[[House, Any, Any], None]], ...] = (
    ("car", "plugged", YES, "connector in or out", _plug),
    ("converter", "soc_percent", span(0, 100), "state of charge", _soc),
    ("converter", "fault", YES, "fault until released", _fail),
    ("converter", "anti_islanding", YES, "active island detection", _detect),
    ("converter", "restart", YES, "true: off and on, all it was told is gone", _reboot),
    (
        "converter",
        "soc_frozen",
        YES,
        "goes on to report the state of charge it has now",
        _soc_frozen,
    ),
)


def _instruments() -> dict[str, Control]:
    """Faults of the unit's own clamps and voltage inputs, by group and leg."""
    rows: dict[str, Control] = {}
    for group in GROUPS:

        def order(house: House, value: str, group: str = group) -> None:
            house.instruments.order(group, value)

        for leg, name in enumerate(LEGS):

            def gain(house: House, value: float, group: str = group, leg: int = leg) -> None:
                house.instruments.gain(group, leg, value)

            def freeze(house: House, value: bool, group: str = group, leg: int = leg) -> None:
                house.instruments.freeze(group, leg, value, measured(house, group))

            what = f"sensors.{group}_{name}"
            text = "factor of what it shows: −1 turned round, 0 dead"
            rows[f"{what}_gain"] = Control(span(-2, 2), text, gain)
            rows[f"{what}_frozen"] = Control(YES, "goes on to show what it shows now", freeze)
        rows[f"sensors.{group}_order"] = Control(
            Kind(choices=ORDERS), "which leg each of its instruments is on", order
        )
    return rows


def table(house: House) -> dict[str, Control]:
    """All inputs of this house, those of its rows by their names."""
    rows: dict[str, Control] = {}
    names = {kind: [row.name for row in getattr(house, kind + "s")] for kind in KINDS}
    for part, attribute, kind, text in ROWS:
        first, *path = part.split(".")
        for name in names.get(first, ()):
            put = _attribute(tuple(path), attribute, name)
            rows[f"{name}.{attribute}"] = Control(kind, text, put)
        if first not in names:
            rows[f"{part}.{attribute}"] = Control(kind, text, _attribute((part,), attribute))
    for part, attribute, kind, text, do in DOINGS:
        for name in names[part]:
            rows[f"{name}.{attribute}"] = Control(kind, text, _doing(name, do))
    rows["grid.phase_jump_deg"] = Control(span(-180, 180), "sudden jump", _jump)
    relays: dict[str, Callable[[House], Relay]] = {}
    for name in names["point"]:
        relays[f"{name}.contactor"] = lambda house, name=name: house.rows[name].contactor
    for name in RELAYS:
        relays[f"relays.{name}"] = lambda house, name=name: house.relays[name]
    for name, find in relays.items():
        for attribute, kind, text in RELAY_ROWS:
            rows[f"{name}.{attribute}"] = Control(kind, text, _relay(find, attribute))
    rows |= _instruments()
    for i, appliance in enumerate(house.loads.appliances):
        what = f"loads.{appliance.spec.name}"
        rows[what] = Control(YES_NULL, "switched on or off; null: by its plan", _force(i))
    for circuit in house.circuits:
        what = f"circuits.{circuit.name}.tripped"
        rows[what] = Control(YES, "trip or reset its breaker", _trip(circuit.name))
    return rows


def check(rows: dict[str, Control], name: str, value: Any) -> Control:
    """The control `name`, if it exists and takes `value`; else a ValueError that helps."""
    control = rows.get(name)
    if control is None:
        near = difflib.get_close_matches(str(name), rows, n=3)
        first = str(name).split(".")[0]
        allowed = near or sorted(k for k in rows if k.split(".")[0] == first) or sorted(rows)
        raise ValueError(f"{name!r} is not an input of this house, allowed {', '.join(allowed)}")
    if not control.kind.accepts(value):
        raise ValueError(f"{name}: {value!r}, allowed {control.kind.text()}")
    return control


def apply(house: House, name: str, value: Any) -> None:
    check(house.controls, name, value).set(house, value)
