# islet: healthy houses: what the parts of one house have to agree about.
# GPL-3.0-or-later
"""The grid a house hangs on, its ratings and what stands in it, drawn before any part is."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from typing import Any

Json = dict[str, Any]


@dataclass(frozen=True)
class Grid:
    """A kind of supply: legs, volts to neutral, Hz, grid codes and service sizes used with it."""

    legs: int
    volts: int
    hz: int
    codes: tuple[str, ...]
    service_a: tuple[int, ...]
    curves: tuple[str, ...]
    often: int


GRIDS = (
    Grid(3, 230, 50, ("en50549", "vde4105", "default_50hz", "as4777a"), (25, 35, 40, 50, 63),
         ("B", "C"), 9),
    Grid(1, 230, 50, ("g99", "en50549", "as4777a", "default_50hz"), (40, 63, 80, 100),
         ("B", "C"), 6),
    Grid(2, 120, 60, ("ieee1547_cat2", "ieee1547_cat3", "rule21", "default_60hz"),
         (100, 125, 150, 200), ("UL489",), 5),
    Grid(3, 127, 60, ("default_60hz",), (40, 50, 63), ("C",), 1),
    Grid(1, 220, 60, ("default_60hz",), (40, 63), ("C",), 1),
)  # fmt: skip
WHOLE_NEUTRAL = ("as4777a", "default_60hz", "ieee1547_cat2", "ieee1547_cat3", "rule21")
EARTHINGS = {"tn_s": "tn_s", "pme": "tn_c_s", "tt": "tt"}  # the site's words and the house's
BREAKERS_A = (6, 10, 13, 16, 20, 25, 32, 40, 50, 60, 80, 100, 125)
QUIET_S, OUTAGE_S = 34, 59  # lengths of houses without and with an outage


@dataclass
class World:
    """One house to be. Powers are W of all legs together."""

    seed: int
    chance: random.Random
    grid: Grid
    code: str
    service_a: int
    curve: str
    topology: str
    has_car: bool
    has_inverter: bool
    has_pv: bool
    regulated: bool  # a battery of the household holds the meter at its goal
    capable: bool  # of an island
    outage: tuple[float, float] | None  # from, to, s
    seconds: float
    earthing: str
    inverter_w: int
    inverter_legs: int
    circuits: list[Json] = field(default_factory=list)
    nodes: list[Json] = field(default_factory=list)
    events: list[Json] = field(default_factory=list)
    traces: list[Json] = field(default_factory=list)

    @property
    def gateway(self) -> bool:
        return self.topology == "T2"

    def likely(self, probability: float) -> bool:
        return self.chance.random() < probability

    def between(self, low: float, high: float, digits: int = 2) -> float:
        return round(self.chance.uniform(low, high), digits)

    def set(self, at_s: float, name: str, value: Any) -> None:
        self.events.append({"at_s": round(at_s, 2), "set": name, "to": value})

    def say(self, at_s: float, command: str, payload: Any) -> None:
        """A command by MQTT."""
        message = {"topic": f"islet/healthy/set/{command}", "payload": payload}
        self.events.append({"at_s": round(at_s, 2), "mqtt": message})

    def circuit(self, name: str, amps: float, parent: str = "service") -> float:
        """A circuit whose breaker carries `amps` for good; its rating."""
        rating = next((a for a in BREAKERS_A if a * 0.8 >= amps), round(amps / 0.8 + 0.5))
        curve = self.curve if self.curve == "UL489" else self.chance.choice(("B", "C"))
        self.circuits.append({"name": name, "parent": parent, "breaker_a": rating, "curve": curve})
        return rating

    def away(self, from_s: float, to_s: float) -> bool:
        """Whether all of this time lies outside the outage, with room for what follows it."""
        return self.outage is None or to_s < self.outage[0] - 1 or from_s > self.outage[1] + 15


def world(seed: int) -> World:
    """What stands in the house of this seed."""
    chance = random.Random(f"healthy {seed}")
    grid = chance.choices(GRIDS, [g.often for g in GRIDS])[0]
    service_a = chance.choice(grid.service_a)
    topology = chance.choices(("T1", "T2"), (6, 4))[0]
    has_inverter = topology == "T2" or chance.random() < 0.65
    has_car = topology == "T2" or not has_inverter or chance.random() < 0.8
    inverter_legs = grid.legs if chance.random() < 0.7 else 1
    capable = has_inverter and inverter_legs == grid.legs and chance.random() < 0.6
    outage = None
    if chance.random() < (0.5 if capable else 0.15):
        from_s = chance.uniform(11, 16)
        outage = (round(from_s, 2), round(from_s + chance.uniform(20, 28), 2))
    most_w = 0.6 * service_a * grid.volts * inverter_legs
    code = chance.choice(grid.codes)
    earthings = ("tn_s", "tt") if code != "g99" else ("tn_s", "pme", "tt")
    earthing = chance.choice((*earthings, "pme" if code in ("as4777a", "g99") else "tn_s"))
    return World(
        seed=seed,
        chance=chance,
        grid=grid,
        code=code,
        service_a=service_a,
        curve=chance.choice(grid.curves),
        topology=topology,
        has_car=has_car,
        has_inverter=has_inverter,
        has_pv=chance.random() < 0.55,
        regulated=has_car and chance.random() < 0.2,
        capable=capable,
        outage=outage,
        seconds=OUTAGE_S if outage else QUIET_S,
        earthing=earthing,
        inverter_w=int(min(most_w, chance.choice((3000, 3680, 5000, 7400, 10_000)))),
        inverter_legs=inverter_legs,
    )
