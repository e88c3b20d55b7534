# islet: what devices that share a tree of circuits get of a planner's best.
# GPL-3.0-or-later
from __future__ import annotations

from collections.abc import Iterator

from tests_host.core.shares import RULES, houses
from tools.bench.table import Figure

NAMES = {"islet": "islet", "plain": "reduce by the excess, add a quarter of the room every 2 s"}


def measure(quick: bool) -> Iterator[Figure]:
    count, seconds = (12, 300) if quick else (200, 900)
    seen = list(houses(1, count, seconds))
    best = sum(house.best for house in seen)
    for rule in RULES:
        share = sum(house.got[rule] for house in seen) / best
        late = sum(house.breaches[rule] > 0 for house in seen)
        grown = sum(house.grown[rule] > 0 for house in seen)
        yield Figure(
            f"share of a planner's best, {rule}",
            f"{100 * share:.1f} %; late in {late}, grown over a limit in {grown} houses",
            "≥ 97 %; 0; 0",
            NAMES[rule],
            f"{count} random houses, 1 to 6 devices, {seconds} s, loads every two minutes; panel"
            " and witness in the interpreter; above 100 % is what went over a limit",
        )
