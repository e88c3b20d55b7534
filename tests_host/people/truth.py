# islet: what must be so in the house when a sentence is said.
# GPL-3.0-or-later
"""A row per sentence of the tables of states: its predicate over the twin's truth, or None where
it tells what islet is about to do, which no house can deny. Figures have one each as well."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

Truth = Mapping[str, Any]
Predicate = Callable[[Truth, str], bool]  # of the house; of the point or the device
LIVE_V, SOUND = 50, (0.8, 1.2)  # of the nominal voltage: wider than any grid code


def _grid_v(truth: Truth) -> list[float]:
    return [value for key, value in truth.items() if key.startswith("grid_l")]


def _sound(truth: Truth, _: str) -> bool:
    return all(SOUND[0] * 230 <= v <= SOUND[1] * 230 for v in _grid_v(truth) if v > LIVE_V)


def _back(truth: Truth, _: str) -> bool:
    return bool(truth["grid_present"]) and _sound(truth, _)


def _open(truth: Truth, _: str) -> bool:
    return not truth["island_closed"]


def _forms(truth: Truth, _: str) -> bool:
    return truth["house_source"] == "form"


def _car(*states: str) -> Predicate:
    return lambda truth, _: truth["car.state"] in states and truth["car.plugged"]


ISLAND: dict[str, Predicate | None] = {
    "sensing": None,
    "grid": lambda truth, _: truth["island_closed"] and truth["house_source"] == "grid",
    "stopping": None,
    "opening": None,
    "bonding": None,
    "starting": None,
    "islanded": lambda truth, _: _open(truth, _) and _forms(truth, _),
    "ending": None,
    "dark": lambda truth, _: _open(truth, _) and not _forms(truth, _),
    "unbonding": _open,
    "closing": None,
    "lockout": _open,
}
GRID: dict[str, Predicate | None] = {
    "unknown": None,
    "dead": lambda truth, _: all(v < LIVE_V for v in _grid_v(truth)),
    "abnormal": None,
    "waiting": _back,
    "in_service": _back,
}
PILOT: dict[str, Predicate | None] = {
    "unknown": None,
    "A": lambda truth, _: not truth["car.plugged"],
    "B": _car("B"),
    "C": _car("C"),
    "D": _car("D"),
    "E": None,
    "F": None,
    "diode": None,
}
CONTACTOR: dict[str, Predicate | None] = {
    "open": lambda truth, of: not truth[f"{of}.closed"],
    "closing": None,
    "closed": lambda truth, of: truth[f"{of}.closed"],
    "emptying": None,
    "opening": None,
    "fault": None,
}
TABLES = {"island": ISLAND, "grid": GRID, "pilot": PILOT, "contactor": CONTACTOR}


def reserves(site: Mapping[str, Any]) -> tuple[str, str]:
    """As they are told: the owner's, and the one in an outage."""
    owner = site.get("owner", {})
    normal = owner.get("reserve_percent", 100)
    return f"{normal} %.", f"{owner.get('outage_reserve_percent', 100)} %."


# what stands in a reason, and when it is so: text, truth, whether the grid has been away, reserves
SAID: tuple[tuple[str, Callable[[str, Truth, bool, tuple[str, str]], bool]], ...] = (
    ("No car is plugged in.", lambda text, truth, away, bounds: not truth["car.plugged"]),
    ("grid is back", lambda text, truth, away, bounds: away),
    ("reserve of ", lambda text, truth, away, bounds: text.endswith(bounds)),
    ("As you asked.", lambda text, truth, away, bounds: False),  # nobody asks in these runs
)
