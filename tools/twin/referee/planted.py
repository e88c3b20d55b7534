# islet: which fault of the house may be called what: one table, for the rule that judges names.
# GPL-3.0-or-later
"""An input of the house that is not as it should be, and the FAULT names that may then be said.

A name is allowed when the input's own effect is what it says, as far as anybody without the
scenario could tell. What is not planted allows nothing: a fault said then is a false alarm.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any

from tools.twin.referee.told import Told

if TYPE_CHECKING:
    from tools.twin.referee.case import Case
    from tools.twin.scenario import Event


class Asked:
    """What the site declares, for one row of the house."""

    def __init__(self, told: Told, device: str) -> None:
        self._told, self._device = told, device

    def own(self, option: str, default: Any) -> Any:
        return self._told.of(self._device, option, default)

    def site(self, place: str, default: Any) -> Any:
        return self._told.at(place, default)


Healthy = Callable[[Any, Asked], bool]  # of a value, and what is declared


def _is(*good: Any) -> Healthy:
    return lambda value, asked: value in good


def _within(option: str, default: float) -> Healthy:
    """At most what the site declares of this very device."""
    return lambda value, asked: value <= asked.own(option, default) + 1e-9


def _within_site(place: str, default: float) -> Healthy:
    return lambda value, asked: value <= asked.site(place, default) + 1e-9


KNOWN_OHM = ((50, 150), (150, 330), (330, 1000), (1000, 2700))  # IEC 61851-1, cable ratings


def _known_cable(value: Any, asked: Asked) -> bool:
    return any(low * 0.9 <= value <= high for low, high in KNOWN_OHM)


FALSE, NONE, ONE = _is(False), _is(None), _is(1)
NO_POLE = _is("none")
ISLAND_ENDS = ("island_stop",)
OBEYS = ("not_obeyed", "enable")
VOLTS = (
    "island_open", "island_close", "not_dead", "pen", "body_live", "neutral", "island_voltage",
    "island_stop", "island_load",
)  # fmt: skip
CONTACTOR = ("weld", "stays_live", "stuck_open")
SWITCH = ("island_open", "island_close", "island_stop", "not_dead")
BOND = ("bond", "bond_stuck", "island_stop", "island_close")
METER = ("instrument", "not_obeyed", "island_open")
SHEDDABLE = ("loads", "island_load", "island_stop")


@dataclass(frozen=True, slots=True)
class Plant:
    """`inputs`: dotted, * for any, with the kind of a row in its name's place; healthy(value,
    asked) while it is as it should be."""

    inputs: str
    healthy: Healthy
    names: tuple[str, ...]


def _relay(name: str, names: tuple[str, ...], close: Healthy, opens: Healthy) -> list[Plant]:
    return [
        Plant(f"{name}.welded", FALSE, names),
        Plant(f"{name}.welded_pole", NO_POLE, names),
        Plant(f"{name}.stuck_open", FALSE, names),
        Plant(f"{name}.main_lost", FALSE, names),
        Plant(f"{name}.aux_stuck", NONE, names),
        Plant(f"{name}.aux_follows", _is("contact"), names),
        Plant(f"{name}.aux_delay_ms", lambda v, a: v <= 20, names),
        Plant(f"{name}.bounce_ms", lambda v, a: v <= 20, names),
        Plant(f"{name}.close_ms", close, names),
        Plant(f"{name}.open_ms", opens, names),
    ]


_FEEDBACK = _within_site("island.feedback_ms", 500)
PLANTS: tuple[Plant, ...] = (
    Plant("car.pilot", _is("normal"), ("pilot", "diode")),
    Plant("car.diode", _is(True), ("diode", "pilot")),
    Plant("car.proximity_ohm", _known_cable, ("cable",)),
    Plant("car.ignores_offer", FALSE, ("not_followed",)),
    Plant("car.keeps_drawing", FALSE, ("not_followed",)),
    Plant("car.overdraw_a", _is(0), ("not_followed",)),
    Plant("car.reaction_s", _within("response_s", 5), ("not_followed", "instrument")),
    *_relay(
        "point.contactor",
        CONTACTOR,
        _within("contactor_close_ms", 80),
        _within("contactor_open_ms", 30),
    ),
    *_relay("relays.island", SWITCH, _FEEDBACK, _FEEDBACK),
    *_relay("relays.bond", BOND, _FEEDBACK, _FEEDBACK),
    *_relay("relays.loads", SHEDDABLE, _FEEDBACK, _FEEDBACK),
    Plant("converter.can_form", _is(True), ISLAND_ENDS),
    Plant("converter.forms_unasked", FALSE, ("forming", "enable", "not_dead", "island_open")),
    Plant("converter.ignores_enable", FALSE, ("forming", "enable", "not_dead", "not_obeyed")),
    Plant("converter.form_l?_pu", ONE, ("island_voltage", "island_stop", "island_load")),
    Plant("converter.form_off_hz", _is(0), ("island_voltage", "island_stop", "island_load")),
    Plant("converter.ignores_setpoint", FALSE, OBEYS),
    Plant("converter.ignores_revert", FALSE, OBEYS),
    Plant("converter.stuck_w", NONE, OBEYS),
    Plant("converter.sign", ONE, OBEYS),
    Plant("converter.gain", ONE, OBEYS),
    Plant("converter.overshoot_percent", _is(0), OBEYS),
    Plant("converter.forgets", FALSE, OBEYS),
    Plant("converter.own_w", _is(None, 0), OBEYS),
    Plant("converter.response_s", _within("response_s", 2), OBEYS),
    Plant("converter.stop_ms", _within("stop_ms", 500), (*OBEYS, "forming")),
    Plant("converter.anti_islanding", _is(True), (*OBEYS, "not_dead")),
    Plant("converter.restart", FALSE, (*OBEYS, *ISLAND_ENDS)),
    Plant("converter.fault", FALSE, ISLAND_ENDS),
    Plant("converter.enable_cut", FALSE, ISLAND_ENDS),
    Plant("converter.soc_told_percent", NONE, ISLAND_ENDS),
    Plant("converter.soc_frozen", FALSE, ISLAND_ENDS),
    Plant("bus.converter", FALSE, (*OBEYS, *ISLAND_ENDS)),
    Plant("bus.meter", FALSE, ("instrument",)),
    Plant("meter.frozen*", _is(False, "none"), METER),
    Plant("meter.zeros", FALSE, METER),
    Plant("meter.order", _is("123"), METER),
    Plant("meter.l?_gain", ONE, METER),
    Plant("meter.l?_add_a", _is(0), METER),
    Plant("meter.gain_permille", lambda v, a: abs(v) <= 20, METER),
    Plant("sensors.main_*", _is(1, False, "123"), METER),
    Plant("sensors.evse_*", _is(1, False, "123"), ("instrument", "not_followed", *CONTACTOR)),
    Plant("sensors.grid_*", _is(1, False, "123"), VOLTS),
    Plant("sensors.house_*", _is(1, False, "123"), VOLTS),
    Plant("grid.pen_open", FALSE, ("pen", "body_live", "neutral")),
    Plant("grid.l?_pu", ONE, ("pen", "body_live", "neutral")),
    Plant("source.anti_islanding", _is(True), ("not_dead", "island_voltage")),
    Plant("protection.estop", FALSE, ISLAND_ENDS),
    Plant("protection.rcd", FALSE, ISLAND_ENDS),
    Plant("protection.overtemp", FALSE, ISLAND_ENDS),
    Plant("protection.service_switch", FALSE, ("bond", *ISLAND_ENDS)),
    Plant("circuits.*.tripped", FALSE, ("island_close", "stuck_open", *ISLAND_ENDS)),
)


def plant_of(name: str, kinds: Mapping[str, str]) -> Plant | None:
    """The row of a dotted input; `kinds` of the house's rows, by name."""
    first, _, rest = name.partition(".")
    if first == "bus":
        name = f"bus.{kinds.get(rest, rest)}"
    elif first in kinds:
        name = f"{kinds[first]}.{rest}"
    return next((p for p in PLANTS if fnmatchcase(name, p.inputs)), None)


class Plantings:
    """What is planted in a case, and when: at the start, by an event, by a trace."""

    def __init__(self, case: Case) -> None:
        self._case = case
        self._rows: list[tuple[float, float, str, Plant]] = []  # from, to, input
        since: dict[str, float] = {}
        for name, value in case.settings.items():
            if value is not None and self._healthy(name, value) is False:
                since[name] = 0.0
        for event in case.events:
            self._event(event, since)
        for name, from_s in since.items():
            self._add(from_s, math.inf, name)

    def _healthy(self, name: str, value: Any) -> bool | None:
        """None where no row tells."""
        case, first = self._case, name.split(".")[0]
        plant = plant_of(name, case.kinds)
        if plant is None:
            return None
        # a car is as quick as its point is declared to be
        place = next((p.name for p in case.points if p.car and p.car == first), first)
        return plant.healthy(value, Asked(case.told, place))

    def _event(self, event: Event, since: dict[str, float]) -> None:
        if event.kind in ("bus", "update"):
            to_s = math.inf if event.for_s is None else event.at_s + event.for_s
            names = [event.target] if event.target != "all" else list(self._case.kinds)
            for name in names:
                self._add(event.at_s, to_s, f"bus.{name}")
            return
        healthy = self._healthy(event.target, event.value) if event.kind == "set" else None
        if healthy is None:
            return
        if healthy and event.target in since:
            self._add(since.pop(event.target), event.at_s, event.target)
        elif not healthy:
            since.setdefault(event.target, event.at_s)

    def _add(self, from_s: float, to_s: float, name: str) -> None:
        plant = plant_of(name, self._case.kinds)
        if plant is not None:
            self._rows.append((from_s, to_s, name, plant))

    def names(self, t_s: float) -> set[str]:
        """FAULT names that what has been planted so far allows."""
        return {
            name for from_s, _, _, plant in self._rows if from_s <= t_s for name in plant.names
        }

    def stands(self, t_s: float, inputs: tuple[str, ...], after_s: float = 0.0) -> bool:
        """One of the inputs (prefixes) is planted, or was not `after_s` ago."""
        return any(
            from_s <= t_s < to_s + after_s and name.startswith(inputs)
            for from_s, to_s, name, _ in self._rows
        )
