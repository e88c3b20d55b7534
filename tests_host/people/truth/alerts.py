# islet: faults, trips, notes and what is silent: what must be so in the house.
# GPL-3.0-or-later
from __future__ import annotations

from collections.abc import Callable

from tests_host.people.truth.world import Said, World, grid_bad, live

Predicate = Callable[[World, Said], bool]


def _may(*names: str) -> Predicate:
    """The referee's table of what may be called what, of anything that has happened so far."""
    return lambda w, s: any(w.may(name) for name in names)


def _pilot(w: World, s: Said) -> bool:
    return w.may("pilot") or w.car(s.of, "state", "E")


def _weld(w: World, s: Said) -> bool:
    """It, or its auxiliary contact alone, or current that is seen through it."""
    return w.may("weld") and (w.closed(s.of) or w.planted(*_contactors(w, s), "sensors.evse"))


def _contactors(w: World, s: Said) -> list[str]:
    return [f"{point}.contactor" for point in w.points_of(s.of)]


def _off(w: World, s: Said) -> bool:
    return not w.closed(s.of) or w.planted(*_contactors(w, s))


def _not_followed(w: World, s: Said) -> bool:
    return w.may("not_followed") and _off(w, s)


def _not_dead(w: World, s: Said) -> bool:
    return not w.truth["island_closed"] and (live(w) or w.planted("sensors.house"))


def _enabled(w: World, s: Said) -> bool:
    return any(w.truth[f"{name}.enabled"] for name in w.converters_of(s.of))


def _enable(w: World, s: Said) -> bool:
    return w.may("enable") and w.was("disabled")


def _instrument(w: World, s: Said) -> bool:
    return w.may("instrument") or w.instruments_planted()


def _pen(w: World, s: Said) -> bool:
    return w.may("pen") and _off(w, s)


def _island_over(w: World, s: Said) -> bool:
    return w.may("island_voltage") and w.was("forming")


def _island_ended(w: World, s: Said) -> bool:
    return w.may("island_stop") and (w.was("forming") or w.was("open"))


FAULTS: dict[str, Predicate | None] = {
    "pilot": _pilot,
    "diode": _may("diode"),
    "weld": _weld,
    "stuck_open": _may("stuck_open"),
    "cable": _may("cable"),
    "island_open": _may("island_open"),
    "island_close": _may("island_close"),
    "bond": _may("bond"),
    "forming": _may("forming"),
    "not_followed": _not_followed,
    "not_dead": _not_dead,
    "not_obeyed": _may("not_obeyed"),
    "enable": _enable,
    "instrument": _instrument,
    "pen": _pen,
    "body_live": _pen,
    "stays_live": _weld,
    "neutral": _may("neutral"),
    "bond_stuck": _may("bond_stuck"),
    "island_voltage": _island_over,
    "island_load": _may("island_load"),
    "island_stop": _island_ended,
    "loads": _may("loads"),
}


def _was(*names: str) -> Predicate:
    return lambda w, s: any(w.was(name) for name in names)


def _overcurrent(w: World, s: Said) -> bool:
    return w.was("overdrawn") or w.planted("sensors.evse")


def _left(w: World, s: Said) -> bool:
    """The car has left C and D, or its pilot was lost on the way."""
    away = [f"{car}.state={state}" for car in w.cars_of(s.of) for state in ("A", "B", "E")]
    odd = w.may("pilot") or w.may("diode") or w.planted("sensors.")
    return odd or any(w.was(name, 60) for name in away)


def _vehicle(w: World, s: Said) -> bool:
    return w.was("unventilated") or w.may("diode")


def _dead_grid(w: World, s: Said) -> bool:
    return w.was("low") or w.planted("sensors.grid")


def _loosened(w: World, s: Said) -> bool:
    return w.planted("relays.") or w.was("open")


def _enable_lost(w: World, s: Said) -> bool:
    cut = w.was("service_switch") or w.was("estop") or w.was("disabled")
    return cut or w.planted(*(f"{c}.enable_cut" for c in w.converters_of("")))


TRIPS: dict[str, Predicate | None] = {
    "overcurrent": _overcurrent,
    "pilot": _left,
    "dead_grid": _dead_grid,
    "stop": _was("estop"),
    "stale_permit": None,  # of the controller alone
    "interlock": _loosened,
    "sampling": None,  # likewise
    "rcd": _was("rcd"),
    "heat": _was("overtemp"),
    "vehicle": _vehicle,
    "bond": lambda w, s: w.was("bonded") or w.planted("relays."),
    "island": lambda w, s: w.truth["island_over_120_s"] > 0,
    "neutral": lambda w, s: w.truth["island_uneven_s"] > 0,
    "short": lambda w, s: w.truth["island_under_50_s"] > 0 or w.truth["island_poor_s"] > 0,
    "service": _was("service_switch"),
    "enable": _enable_lost,
}


def _no_room(w: World, s: Said) -> bool:
    return not w.truth["loads_closed"] or w.planted("relays.loads")


def _ended(w: World, s: Said) -> bool:
    return w.truth["house_source"] != "form" and (w.was("forming") or w.was("open"))


def _at_reserve(w: World, s: Said) -> bool:
    former = w.case.former
    if former is None:
        return False
    reserve = w.case.outage_reserve_percent
    percent = w.truth[f"{former.name}.soc_percent"]
    return percent <= reserve + 6 or w.planted(f"{former.name}.soc") or w.silent(former.name)


def _unproved(w: World, s: Said) -> bool:
    return w.case.former is not None and w.case.former.name not in w.proved


NOTES: dict[str, Predicate | None] = {
    "none": None,
    "mirror": lambda w, s: w.may("island_open"),
    "bond": lambda w, s: w.may("bond"),
    "loads": _no_room,
    "waits": _ended,
    "reserve": _at_reserve,
    "starts": None,  # what is about to be
    "unproved": _unproved,
}


def silent(w: World, s: Said) -> bool:
    """A circuit's instrument, or a device: its line is dead to it, or it shows nothing new."""
    names = {s.name, w.instrument(s.name)} - {""}
    frozen = [f"{name}.frozen" for name in names] + ["sensors."]
    quiet = any(w.silent(name, 8.0, 8.0) for name in names)
    return quiet or w.planted(*frozen) or w.was("unsupplied", 8.0)


def well(w: World, s: Said) -> bool:
    """Nothing cuts the power, nobody is silent, the grid is there."""
    truth = w.truth
    cut = truth["estop"] or truth["rcd"] or truth["overtemp"] or truth["service_switch"]
    faulty = any(truth[f"{c.name}.fault"] for c in w.case.converters)
    dumb = any(w.silent(name, 11.5) for name in (*w.meters(), *w.rows))
    gone = not truth["grid_present"] or grid_bad(w, 0.8, 1.2)
    return not (cut or faulty or dumb or gone or truth["breaker_trips"])
