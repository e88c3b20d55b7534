# islet: the tables of states: what must be so in the house.
# GPL-3.0-or-later
from __future__ import annotations

from collections.abc import Callable

from tests_host.people.truth.world import LIVE_V, Said, World, grid_v

Predicate = Callable[[World, Said], bool]


def _grid_there(w: World, s: Said) -> bool:
    return bool(w.truth["grid_present"])


def _grid_live(w: World, s: Said) -> bool:
    return max(grid_v(w)) > LIVE_V


def _grid_dead(w: World, s: Said) -> bool:
    return not _grid_live(w, s)


def _tied(w: World, s: Said) -> bool:
    return bool(w.truth["island_closed"])


def _open(w: World, s: Said) -> bool:
    return not w.truth["island_closed"]


def _islanded(w: World, s: Said) -> bool:
    return _open(w, s) and w.truth["house_source"] == "form"


def _dark(w: World, s: Said) -> bool:
    return _open(w, s) and w.truth["house_source"] != "form"


def _no_car(w: World, s: Said) -> bool:
    return not w.car(s.of, "plugged", True)


def _car(state: str) -> Predicate:
    return lambda w, s: w.car(s.of, "state", state) and w.car(s.of, "plugged", True)


def _no_diode(w: World, s: Said) -> bool:
    return w.may("diode")


ISLAND: dict[str, Predicate | None] = {
    "sensing": None,
    "grid": _tied,
    "stopping": None,
    "opening": None,
    "bonding": None,
    "starting": None,
    "islanded": _islanded,
    "ending": None,
    "dark": _dark,
    "unbonding": _open,
    "closing": None,
    "lockout": _open,
}
GRID: dict[str, Predicate | None] = {
    "unknown": lambda w, s: w.starting() or w.planted("sensors.grid"),
    "dead": _grid_dead,
    "abnormal": lambda w, s: w.was("bad", 30) or w.planted("sensors.grid"),
    "waiting": _grid_there,
    "in_service": _grid_live,
}
PILOT: dict[str, Predicate | None] = {
    "unknown": lambda w, s: w.starting() or w.planted("sensors."),
    "A": _no_car,
    "B": _car("B"),
    "C": _car("C"),
    "D": _car("D"),
    "E": lambda w, s: w.may("pilot") or w.car(s.of, "state", "E"),
    "F": lambda w, s: w.may("pilot"),
    "diode": _no_diode,
}
CONTACTOR: dict[str, Predicate | None] = {
    "open": lambda w, s: not w.closed(s.of),
    "closing": None,
    "closed": lambda w, s: w.closed(s.of),
    "emptying": lambda w, s: w.closed(s.of),
    "opening": None,
    "fault": lambda w, s: w.may("weld") or w.may("stuck_open"),
}
TABLES = {"island": ISLAND, "grid": GRID, "pilot": PILOT, "contactor": CONTACTOR}
