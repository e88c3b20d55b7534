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

RELAYS = ("contactor", "island", "bond", "loads")


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


# part of the house, attribute, values, meaning
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
    ("pv", "cloud", span(0, 1.2), "factor on the clear sky"),
    ("pv", "override_w", span(0, 1e6, null=True), "power of the sun; null: by place and date"),
    ("pv", "fault", YES, "its inverter stops"),
    ("household", "standby", YES, "the household's battery stands still"),
    ("household", "goal_w", span(-1e6, 1e6), "holds the service's power here"),
    ("pv.watch", "anti_islanding", YES, "active island detection"),
    ("pv.watch", "reconnect_s", span(0, 3600), "wait before it connects"),
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
    ("inverter", "soc_percent", span(0, 100), "state of charge"),
    ("inverter", "charge_w", span(0, 1e6), "most it draws"),
    ("inverter", "discharge_w", span(0, 1e6), "most it delivers"),
    ("inverter", "response_s", span(0, 60), "delay to a setpoint"),
    ("inverter", "can_form", YES, "able to form"),
    ("inverter", "form_l1_pu", span(0, 2), "voltage it forms, of nominal"),
    ("inverter", "form_l2_pu", span(0, 2), "likewise"),
    ("inverter", "form_l3_pu", span(0, 2), "likewise"),
    ("inverter", "form_off_hz", span(-15, 15), "frequency it forms, from nominal"),
    ("inverter", "forms_unasked", YES, "forms on dead terminals without permission"),
    ("inverter", "ignores_enable", YES, "hard-wired enable has no effect"),
    ("inverter.obeys", "ignores_setpoint", YES, "keeps its last setpoint"),
    ("inverter.obeys", "ignores_revert", YES, "goes on when its reversion timer is over"),
    ("inverter.obeys", "lies", YES, "reports its setpoint, whatever it does"),
    ("inverter.obeys", "stuck_w", span(-1e6, 1e6, null=True), "holds this power while following"),
    ("inverter.obeys", "sign", Kind(choices=(1, -1)), "−1: does the opposite of its setpoint"),
    ("inverter.obeys", "gain", span(0, 20), "does so many times its setpoint"),
    ("inverter.obeys", "overshoot_percent", span(0, 500), "goes so far beyond a step at first"),
    ("inverter.obeys", "forgets", YES, "starts in its own mode each time it connects"),
    ("inverter.obeys", "own_w", span(-1e6, 1e6, null=True), "its own mode: while not told any"),
    ("inverter.watch", "reconnect_s", span(0, 3600), "wait before it connects"),
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


def _attribute(part: str, attribute: str) -> Callable[[House, Any], None]:
    path = part.split(".")

    def put(house: House, value: Any) -> None:
        target: Any = house
        for step in path:
            target = getattr(target, step)
        setattr(target, attribute, value)

    return put


def _relay(name: str, attribute: str) -> Callable[[House, Any], None]:
    def put(house: House, value: Any) -> None:
        relay = house.relays[name]
        setattr(relay, attribute, value)
        relay.mend()

    return put


def _trip(name: str) -> Callable[[House, Any], None]:
    def put(house: House, value: bool) -> None:
        circuit = house.circuits[house.index[name]]
        if value and not circuit.tripped:
            circuit.trip()
        elif not value:
            circuit.tripped = False
            a, b, c = circuit.heat
            circuit.heat = (min(0.9, a), min(0.9, b), min(0.9, c))  # no trip at once

    return put


def _force(index: int) -> Callable[[House, Any], None]:
    def put(house: House, value: bool | None) -> None:
        house.loads.appliances[index].forced = value

    return put


def _plug(house: House, value: bool) -> None:
    house.car.plug(house.now_us, value)


def _jump(house: House, value: float) -> None:
    house.grid_rad += value * 3.141592653589793 / 180


def _fail(house: House, value: str) -> None:
    assert house.inverter is not None
    if value:
        house.inverter.fail("commanded")
        house.inverter.fault_us = 1 << 62  # until released
    else:
        house.inverter.alarm_reset()


def _cut(house: House, value: bool) -> None:
    house.switchgear.enable_cut = value


def _detect(house: House, value: bool) -> None:
    assert house.inverter is not None
    house.inverter.detect(can=value)


def _reboot(house: House, value: bool) -> None:
    assert house.inverter is not None
    if value:
        house.inverter.restart()


def _soc_told(house: House, value: float | None) -> None:
    assert house.inverter is not None
    house.inverter.soc_told_percent = value


def _soc_frozen(house: House, value: bool) -> None:
    assert house.inverter is not None
    house.inverter.soc_told_percent = house.inverter.soc_percent if value else None


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
    """All inputs of this house; parts it does not have are left out."""
    rows: dict[str, Control] = {}
    missing = {n for n in ("pv", "inverter", "household") if getattr(house, n) is None}
    for part, attribute, kind, text in ROWS:
        if part.split(".")[0] not in missing:
            name = f"{part.split('.')[0]}.{attribute}"
            rows[name] = Control(kind, text, _attribute(part, attribute))
    if house.gateway and "inverter.soc_percent" in rows:
        rows["inverter.soc_percent"] = rows["car.soc_percent"]
    elif "inverter.soc_percent" in rows:
        kind = rows["inverter.soc_percent"].kind
        put = _attribute("inverter.battery", "soc_percent")
        rows["inverter.soc_percent"] = Control(kind, "state of charge", put)
    rows["car.plugged"] = Control(YES, "connector in or out", _plug)
    rows["grid.phase_jump_deg"] = Control(span(-180, 180), "sudden jump", _jump)
    if house.inverter is not None:
        rows["inverter.fault"] = Control(YES, "fault until released", _fail)
        rows["inverter.enable_cut"] = Control(YES, "enable wire broken", _cut)
        rows["inverter.anti_islanding"] = Control(YES, "active island detection", _detect)
        rows["inverter.restart"] = Control(
            YES, "true: off and on, all it was told is gone", _reboot
        )
        rows["inverter.soc_told_percent"] = Control(
            span(0, 100, null=True), "state of charge it reports; null: the true one", _soc_told
        )
        rows["inverter.soc_frozen"] = Control(
            YES, "goes on to report the state of charge it has now", _soc_frozen
        )
    for name in RELAYS:
        for attribute, kind, text in RELAY_ROWS:
            rows[f"relays.{name}.{attribute}"] = Control(kind, text, _relay(name, attribute))
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
