# islet: instruments held against one another: a circuit and the one that feeds it (INV-15).
# GPL-3.0-or-later
from __future__ import annotations

import random
from dataclasses import dataclass, field

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from firmware import image as f
from firmware.core import Core
from firmware.core.panel.layout import FRESH, STALE
from tests_host.core.builders import healthy, put
from tests_host.core.plain.witness_parent import ROW
from tests_host.core.witness_plant import ONE, Instrument, gains
from tests_host.fields import INVERTER

STEP_MS = 100
VOLTS = 230
LEGS = range(3)
# service (0, measured) - panel (1, not) - garage (2, measured), attic (3, measured); inverter (4)
PARENTS = (-1, 0, 1, 1)


@dataclass
class House:
    """Two measured sub-panels below a service, an unmeasured panel between; mA per leg.

    `garage`, `attic`: what they draw; `rest`: other loads; `sun`: what a declared source on the
    panel delivers; `own`: what islet's inverter at the service draws."""

    seed: int = 0
    sources_ma: int = 0
    inverter: bool = False
    meters: list[Instrument] = field(default_factory=list)
    garage: list[float] = field(default_factory=lambda: [0.0] * 3)
    attic: list[float] = field(default_factory=lambda: [0.0] * 3)
    rest: list[float] = field(default_factory=lambda: [300.0] * 3)
    sun: list[float] = field(default_factory=lambda: [0.0] * 3)
    own_ma: float = 0.0

    def __post_init__(self) -> None:
        self.chance = random.Random(self.seed)
        self.now_ms = 0
        self.named_ms: int | None = None
        count = 5 if self.inverter else 4
        meter, none = f.INSTRUMENT_METER, f.INSTRUMENT_NONE
        kinds = (f.INSTRUMENT_CT, none, meter, meter, f.INSTRUMENT_DEVICE)
        self.image = healthy(
            NODE_COUNT=count,
            NODE_PARENT=(*PARENTS, 0)[:count],
            NODE_RATING_MA=(63_000,) * count,
            NODE_INSTRUMENT=kinds[:count],
            NODE_SOURCE_MA=(0, self.sources_ma, 0, 0),
            EVSE_NODE=2,
            INVERTER_NODE=4 if self.inverter else -1,
        )
        put(self.image.commands, ISLAND_STATE=f.ISLAND_SENSING, GRID_STATE=f.GRID_UNKNOWN)
        self.core = Core(self.image)
        self.meters = self.meters or [
            Instrument(0, 200, 200, 0, False, 40),
            Instrument(2, 1_000, 200, 400, False, 20),
            Instrument(3, 500, 200, 0, False, 20),
        ]

    def flow(self, node: int) -> list[float]:
        if node == 2:
            return self.garage
        if node == 3:
            return self.attic
        below = zip(self.garage, self.attic, self.rest, self.sun, strict=True)
        return [a + b + c - d + self.own_ma for a, b, c, d in below]

    def step(self) -> None:
        self.now_ms += STEP_MS
        live = self.image.live
        for age in self.image.ages:
            if not f.NODE_AGE_MS <= age < f.NODE_AGE_MS + f.NODES:
                live[age] = 0
        live[f.DEVICE_W + INVERTER] = round(self.own_ma * 3 * VOLTS / 1000)
        for meter in self.meters:
            meter.step(self.now_ms, self.flow(meter.node), self.chance, live)
        self.image.latch()
        self.core.step(STEP_MS)
        if self.faulty and self.named_ms is None:
            self.named_ms = self.now_ms
        self.image.age(STEP_MS)

    def run(self, seconds: float) -> House:
        for _ in range(round(seconds * 1000 / STEP_MS)):
            self.step()
        return self

    @property
    def faulty(self) -> bool:
        return bool(self.image.commands[f.FAULTS] & f.FAULT_INSTRUMENT)

    @property
    def states(self) -> list[int]:
        return [self.core.panel.state(meter.node) for meter in self.meters]


def meter(house: House, node: int) -> Instrument:
    return next(meter for meter in house.meters if meter.node == node)


# the node whose instrument is wrong, how, and what its circuit and the whole service carry
WRONG = [
    (0, "dead", 12_000, 0),
    (0, "half", 12_000, 0),
    (0, "reversed", 12_000, 0),
    (0, "double", -12_000, 0),  # lets out more than is delivered below
    (2, "double", 12_000, 0),
    (2, "reversed", -12_000, 0),
    (2, "dead", -12_000, 0),
]


@pytest.mark.parametrize("leg", LEGS)
@pytest.mark.parametrize(("node", "kind", "ma", "sources_ma"), WRONG)
def test_inv_15_children_that_exceed_their_parent_are_found(
    node: int, kind: str, ma: int, sources_ma: int, leg: int
) -> None:
    house = House(sources_ma=sources_ma)
    house.garage[leg] = ma
    house.run(20)
    assert not house.faulty and house.states == [FRESH] * 3
    meter(house, node).gain = gains(kind, leg, 3)
    house.run(10)
    assert house.faulty
    assert house.image.commands[f.DOUBTED_NODE] == 0
    assert house.image.commands[f.DOUBTED_LEG] == leg
    assert house.states == [STALE] * 3
    assert house.core.panel.witness.doubts(2) and house.core.panel.witness.doubts(0)
    assert not house.core.panel.witness.doubts(1)
    house.run(10)
    assert house.faulty and house.states == [STALE] * 3
    meter(house, node).gain = ONE
    house.run(9)
    assert house.faulty
    house.run(4)
    assert not house.faulty and house.states == [FRESH] * 3
    assert house.image.commands[f.DOUBTED_NODE] == -1


def test_what_is_declared_beside_the_children_may_feed_them() -> None:
    house = House(sources_ma=16_000)
    house.garage = [15_000.0] * 3
    house.sun = [15_000.0] * 3
    assert house.run(30).named_ms is None
    house = House()
    house.garage, house.sun = [15_000.0] * 3, [15_000.0] * 3
    assert house.run(10).faulty  # nobody said so


def test_islets_own_inverter_may_feed_them() -> None:
    house = House(inverter=True)
    house.garage, house.own_ma = [15_000.0] * 3, -14_000.0
    assert house.run(30).named_ms is None
    house.own_ma = 0
    assert house.run(10).named_ms is None
    meter(house, 0).gain = gains("dead", 1, 3)
    assert house.run(10).faulty


def test_a_person_may_acknowledge_and_it_is_named_again() -> None:
    house = House()
    house.garage = [12_000.0] * 3
    meter(house, 0).gain = gains("dead", 0, 3)
    assert house.run(10).faulty
    house.image.requests[f.ACKNOWLEDGE_SEQ] += 1
    assert not house.run(0.2).faulty
    assert house.run(10).faulty


def test_a_stale_child_proves_nothing() -> None:
    house = House()
    house.garage = [12_000.0] * 3
    house.run(5)
    house.meters = [meter(house, 0)]
    house.meters[0].gain = gains("dead", 0, 3)
    assert house.run(20).named_ms is None


def test_a_site_with_one_instrument_pays_nothing() -> None:
    house = House().run(0.1)
    assert len(house.core.panel.witness.parents.rows) == 3 * ROW
    house = House()
    house.image.site[f.NODE_INSTRUMENT] = house.image.site[f.NODE_INSTRUMENT + 2] = 0
    assert not Core(house.image).panel.witness.parents.rows


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**32))
def test_healthy_neighbours_are_never_accused(seed: int) -> None:
    """Steps, ramps and flicker of any size; instruments of 0.2 to 2 s, late by up to 1 s; a
    declared source and islet's own inverter that do as they like."""
    chance = random.Random(seed)

    def instrument(node: int) -> Instrument:
        return Instrument(
            node, chance.choice([100, 200, 500, 1_000, 2_000]), chance.choice([200, 400, 1_000]),
            chance.choice([0, 200, 800, 1_000]), chance.random() < 0.3, chance.choice([5, 60]),
        )  # fmt: skip

    house = House(
        seed, chance.choice([0, 16_000]), chance.random() < 0.5, [instrument(n) for n in (0, 2, 3)]
    )
    goals = {name: [0.0] * 3 for name in ("garage", "attic", "rest", "sun")}
    own_ma = 0.0
    speeds = {name: chance.choice([50, 200, 1_000, 60_000]) for name in goals}
    often = {name: chance.choice([0.01, 0.05, 0.2]) for name in goals}
    for _ in range(600):
        for name, goal in goals.items():
            now = getattr(house, name)
            for leg in LEGS:
                if chance.random() < often[name]:
                    most = house.sources_ma if name == "sun" else 32_000
                    least = -20_000 if name in ("garage", "attic") else 0
                    goal[leg] = chance.choice([0.0, chance.uniform(least, most)])
                now[leg] += max(-speeds[name], min(speeds[name], goal[leg] - now[leg]))
            setattr(house, name, list(now))
        if house.inverter and chance.random() < 0.02:
            own_ma = chance.choice([0.0, chance.uniform(-16_000, 16_000)])
        house.own_ma += max(-2_000.0, min(2_000.0, own_ma - house.own_ma))
        house.step()
        assert not house.faulty, house.now_ms
