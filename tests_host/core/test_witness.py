# islet: instruments against islet's own hand (INV-15): found when wrong, never accused when right.
# GPL-3.0-or-later
from __future__ import annotations

from array import array

import pytest

from firmware import image as f
from firmware.core import Core
from firmware.core.panel import witness_kernel as kernel
from firmware.core.panel.layout import (
    B_HEAD,
    C_BACK,
    C_OPEN,
    C_ROW,
    OPEN,
    P_HEAD,
    P_ROW,
    P_TAKES,
    SPOILT,
    STALE,
    TAKES_ALWAYS,
    TAKES_NOTHING,
)
from tests_host.core.builders import healthy, put
from tests_host.core.witness_plant import FAULTS, ONE, House, Instrument, gains
from tests_host.fields import INVERTER

SLICE = range(40)
ALL = range(500)
QUIET = 7  # a house of the tests below: three legs, one CT meter, a battery, no other load


class Quiet(House):
    """A service with one meter, a three-phase inverter that covers 3 kW on L2 and L3, no more."""

    def __init__(self, wrong: tuple[tuple[float, ...], ...] | None = None, **site: int) -> None:
        super().__init__(QUIET)
        self.legs = self.inverter_legs = 3
        self.gateway = self.has_car = self.sub = self.regulated = self.solar = self.shy = False
        self.has_inverter = True
        self.parents, self.car_node, self.inverter_node = [-1, 0], -1, 1
        self.image = healthy(
            NODE_COUNT=2,
            NODE_PARENT=(-1, 0),
            NODE_INSTRUMENT=(f.INSTRUMENT_CT, f.INSTRUMENT_METER),
            EVSE_NODE=-1,
            INVERTER_NODE=1,
            **site,
        )
        put(self.image.commands, ISLAND_STATE=f.ISLAND_SENSING, GRID_STATE=f.GRID_UNKNOWN)
        put(self.image.requests, RESERVE_PERMILLE=100)
        self.core = Core(self.image)
        self.loads, self.base_ma = [], [400.0, 7_000.0, 7_000.0]
        self.response_ms = 1_000
        self.faulty = None
        self.meters = [
            Instrument(0, 200, 200, 0, False, 40),
            Instrument(1, 200, 200, 0, False, 20),  # a witness of the inverter's own (INV-16)
        ]
        if wrong:
            self.meters[0].gain = wrong

    def go(self, seconds: float) -> Quiet:
        for _ in range(round(seconds * 10)):
            self.step()
        return self


def doubted(house: House) -> tuple[int, int]:
    commands = house.image.commands
    return commands[f.DOUBTED_NODE], commands[f.DOUBTED_LEG]


def faulty(house: House) -> bool:
    return bool(house.image.commands[f.FAULTS] & f.FAULT_INSTRUMENT)


@pytest.mark.parametrize("kind", [kind for kind in FAULTS if kind != "swapped"])
def test_inv_15_a_wrong_instrument_is_named_and_counts_as_stale(kind: str) -> None:
    house = Quiet(gains(kind, 0, 3)).go(60)
    assert faulty(house)
    assert doubted(house) == (0, 0)
    assert house.core.panel.state(0) == STALE


def test_inv_15_a_right_instrument_is_not_and_growth_goes_to_the_end() -> None:
    house = Quiet().go(90)
    assert not faulty(house)
    assert doubted(house) == (-1, -1)
    assert house.image.readings[f.DEVICE_W + INVERTER] < -3_000


def test_inv_15_nothing_grows_on_a_step_that_is_unproved() -> None:
    """Until the first is shown, a step is 3.5 A; a dead transformer never sees more."""
    house = Quiet(gains("dead", 0, 3), EXPORT_LIMIT_W=0)
    most = 0.0
    for _ in range(600):
        house.step()
        most = max(most, abs(house.inverter_ma))
    assert most <= 3_600


def test_inv_15_a_person_may_acknowledge_and_it_is_named_again() -> None:
    house = Quiet(gains("reversed", 0, 3)).go(60)
    assert faulty(house)
    house.image.requests[f.ACKNOWLEDGE_SEQ] += 1
    house.go(0.2)
    assert not faulty(house)
    house.go(60)
    assert faulty(house)


def test_inv_15_three_steps_up_and_down_inside_the_static_limit_heal() -> None:
    """Without an export limit the static rule leaves room to feed back."""
    house = Quiet(gains("dead", 0, 3)).go(60)
    assert faulty(house)
    house.meters[0].gain = ONE
    for wish_w in (-4_000, 0, -4_000, 0):
        house.fixed_w = wish_w
        house.go(20)
    assert not faulty(house)


def test_a_reset_heals_nothing() -> None:
    house = Quiet()
    house.image.requests[f.REMEMBERED_FAULTS] = f.FAULT_INSTRUMENT
    house.core = Core(house.image)
    assert faulty(house)
    house.go(1)
    assert faulty(house) and doubted(house) == (0, 0)


def test_what_regulates_itself_is_no_miss_and_growth_ends_where_it_is_safe() -> None:
    """Declared: its instrument is not accused, and room counts as if it were turned round."""
    house = Quiet(gains("dead", 0, 3), NODE_REGULATES=1).go(60)
    assert not faulty(house)
    house = Quiet(gains("reversed", 0, 3), NODE_REGULATES=1).go(60)
    assert faulty(house)  # no regulator turns a sign


def windows(*ends: tuple[int, int], takes: int = TAKES_NOTHING) -> int:
    """C_BACK after windows that end so: OPEN or SPOILT, and islet's own current, rightly shown."""
    book, plan = array("i", [0] * (B_HEAD + C_ROW)), array("i", [0] * (P_HEAD + P_ROW))
    plan[P_HEAD + P_TAKES] = takes
    for opened, ma in ends:
        book[B_HEAD + C_OPEN] = opened
        kernel.close(book, plan, P_HEAD, B_HEAD, ma, ma, ma, 1_500)
    return book[B_HEAD + C_BACK]


@pytest.mark.parametrize("sign", [1, -1])
def test_what_growth_is_left_to_prove_itself_with_is_enough_or_it_is_taken_back(sign: int) -> None:
    """A lost window of 2.2 A, then 1.3 A, the last that may grow: 3.5 A would stand for ever."""
    assert windows((SPOILT, sign * 2_200), (OPEN, sign * 3_450)) == 1
    assert windows((SPOILT, sign * 2_200), (OPEN, sign * 2_900)) == 0  # it may grow yet
    assert windows((SPOILT, sign * 400), (OPEN, sign * 3_200)) == 0  # 3.1 A will be seen
    assert windows((OPEN, sign * 2_200), (OPEN, sign * 3_450)) == 0  # all was seen
    lost = (SPOILT, sign * 2_200), (OPEN, sign * 3_450)
    assert windows(*lost, takes=TAKES_ALWAYS) == 0  # growth does not wait for it there


@pytest.mark.parametrize("seed", SLICE)
def test_inv_15_no_healthy_house_is_accused(seed: int) -> None:
    house = House(seed)
    house.run(75)
    assert house.named_ms is None, (seed, house.named_ms, doubted(house))


@pytest.mark.soak
@pytest.mark.timeout(3600)
def test_inv_15_no_healthy_house_of_500_is_accused() -> None:
    accused = []
    for seed in ALL:
        house = House(seed)
        house.run(200)
        if house.named_ms is not None:
            accused.append((seed, house.named_ms, doubted(house)))
    assert not accused
