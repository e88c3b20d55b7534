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

if TYPE_CHECKING:
    from tools.twin.referee.case import Case
    from tools.twin.scenario import Event

Healthy = Callable[[Any, Mapping[str, Any]], bool]  # of a value, and the site's configuration


def _is(*good: Any) -> Healthy:
    return lambda value, site: value in good


def _within(place: str, default: float, scale: float = 1.0) -> Healthy:
    """At most what the site declares at a dotted place."""
    return lambda value, site: value <= scale * declared(site, place, default) + 1e-9


def declared(site: Mapping[str, Any], place: str, default: Any) -> Any:
    """A dotted option of the site's configuration, or its default."""
    at: Any = site
    for step in place.split("."):
        at = at.get(step) if isinstance(at, Mapping) else None
    return default if at is None else at


KNOWN_OHM = ((50, 150), (150, 330), (330, 1000), (1000, 2700))  # IEC 61851-1, cable ratings


def _known_cable(value: Any, site: Mapping[str, Any]) -> bool:
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
    """`inputs`: dotted, * for any; healthy(value, site) while it is as it should be."""

    inputs: str
    healthy: Healthy
    names: tuple[str, ...]


def _relay(name: str, names: tuple[str, ...], close: Healthy, opens: Healthy) -> list[Plant]:
    return [
        Plant(f"relays.{name}.welded", FALSE, names),
        Plant(f"relays.{name}.welded_pole", NO_POLE, names),
        Plant(f"relays.{name}.stuck_open", FALSE, names),
        Plant(f"relays.{name}.main_lost", FALSE, names),
        Plant(f"relays.{name}.aux_stuck", NONE, names),
        Plant(f"relays.{name}.aux_follows", _is("contact"), names),
        Plant(f"relays.{name}.aux_delay_ms", lambda v, s: v <= 20, names),
        Plant(f"relays.{name}.bounce_ms", lambda v, s: v <= 20, names),
        Plant(f"relays.{name}.close_ms", close, names),
        Plant(f"relays.{name}.open_ms", opens, names),
    ]


_FEEDBACK = _within("island.feedback_ms", 500)
PLANTS: tuple[Plant, ...] = (
    Plant("car.pilot", _is("normal"), ("pilot", "diode")),
    Plant("car.diode", _is(True), ("diode", "pilot")),
    Plant("car.proximity_ohm", _known_cable, ("cable",)),
    Plant("car.ignores_offer", FALSE, ("not_followed",)),
    Plant("car.keeps_drawing", FALSE, ("not_followed",)),
    Plant("car.overdraw_a", _is(0), ("not_followed",)),
    Plant("car.reaction_s", _within("evse.response_s", 5), ("not_followed", "instrument")),
    *_relay(
        "contactor",
        CONTACTOR,
        _within("evse.contactor_close_ms", 80),
        _within("evse.contactor_open_ms", 30),
    ),
    *_relay("island", SWITCH, _FEEDBACK, _FEEDBACK),
    *_relay("bond", BOND, _FEEDBACK, _FEEDBACK),
    *_relay("loads", SHEDDABLE, _FEEDBACK, _FEEDBACK),
    Plant("inverter.can_form", _is(True), ISLAND_ENDS),
    Plant("inverter.forms_unasked", FALSE, ("forming", "enable", "not_dead", "island_open")),
    Plant("inverter.ignores_enable", FALSE, ("forming", "enable", "not_dead", "not_obeyed")),
    Plant("inverter.form_l?_pu", ONE, ("island_voltage", "island_stop", "island_load")),
    Plant("inverter.form_off_hz", _is(0), ("island_voltage", "island_stop", "island_load")),
    Plant("inverter.ignores_setpoint", FALSE, OBEYS),
    Plant("inverter.ignores_revert", FALSE, OBEYS),
    Plant("inverter.stuck_w", NONE, OBEYS),
    Plant("inverter.sign", ONE, OBEYS),
    Plant("inverter.gain", ONE, OBEYS),
    Plant("inverter.overshoot_percent", _is(0), OBEYS),
    Plant("inverter.forgets", FALSE, OBEYS),
    Plant("inverter.own_w", _is(None, 0), OBEYS),
    Plant("inverter.response_s", _within("inverter.response_s", 2), OBEYS),
    Plant("inverter.stop_ms", _within("inverter.stop_ms", 500), (*OBEYS, "forming")),
    Plant("inverter.anti_islanding", _is(True), (*OBEYS, "not_dead")),
    Plant("inverter.restart", FALSE, (*OBEYS, *ISLAND_ENDS)),
    Plant("inverter.fault", FALSE, ISLAND_ENDS),
    Plant("inverter.enable_cut", FALSE, ISLAND_ENDS),
    Plant("inverter.soc_told_percent", NONE, ISLAND_ENDS),
    Plant("inverter.soc_frozen", FALSE, ISLAND_ENDS),
    Plant("bus.inverter", FALSE, (*OBEYS, *ISLAND_ENDS)),
    Plant("bus.meter", FALSE, ("instrument",)),
    Plant("meter.frozen*", _is(False, "none"), METER),
    Plant("meter.zeros", FALSE, METER),
    Plant("meter.order", _is("123"), METER),
    Plant("meter.l?_gain", ONE, METER),
    Plant("meter.l?_add_a", _is(0), METER),
    Plant("meter.gain_permille", lambda v, s: abs(v) <= 20, METER),
    Plant("sensors.main_*", _is(1, False, "123"), METER),
    Plant("sensors.evse_*", _is(1, False, "123"), ("instrument", "not_followed", *CONTACTOR)),
    Plant("sensors.grid_*", _is(1, False, "123"), VOLTS),
    Plant("sensors.house_*", _is(1, False, "123"), VOLTS),
    Plant("grid.pen_open", FALSE, ("pen", "body_live", "neutral")),
    Plant("grid.l?_pu", ONE, ("pen", "body_live", "neutral")),
    Plant("pv.anti_islanding", _is(True), ("not_dead", "island_voltage")),
    Plant("protection.estop", FALSE, ISLAND_ENDS),
    Plant("protection.rcd", FALSE, ISLAND_ENDS),
    Plant("protection.overtemp", FALSE, ISLAND_ENDS),
    Plant("protection.service_switch", FALSE, ("bond", *ISLAND_ENDS)),
    Plant("circuits.*.tripped", FALSE, ("island_close", "stuck_open", *ISLAND_ENDS)),
)


def plant_of(name: str) -> Plant | None:
    """The row of a dotted input."""
    return next((p for p in PLANTS if fnmatchcase(name, p.inputs)), None)


class Plantings:
    """What is planted in a case, and when: at the start, by an event, by a trace."""

    def __init__(self, case: Case) -> None:
        self._rows: list[tuple[float, float, str, Plant]] = []  # from, to, input
        since: dict[str, float] = {}
        for name, value in case.settings.items():
            plant = plant_of(name)
            if plant is not None and value is not None and not plant.healthy(value, case.site):
                since[name] = 0.0
        for event in case.events:
            self._event(event, since, case.site)
        for name, from_s in since.items():
            self._add(from_s, math.inf, name)

    def _event(self, event: Event, since: dict[str, float], site: Mapping[str, Any]) -> None:
        if event.kind in ("bus", "update"):
            to_s = math.inf if event.for_s is None else event.at_s + event.for_s
            self._add(event.at_s, to_s, f"bus.{event.target}")
            return
        plant = plant_of(event.target) if event.kind == "set" else None
        if plant is None:
            return
        healthy = plant.healthy(event.value, site)
        if healthy and event.target in since:
            self._add(since.pop(event.target), event.at_s, event.target)
        elif not healthy:
            since.setdefault(event.target, event.at_s)

    def _add(self, from_s: float, to_s: float, name: str) -> None:
        plant = plant_of(name)
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
