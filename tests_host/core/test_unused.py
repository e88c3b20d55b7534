# islet: legs that carry nothing, and offers that nobody uses, limit nobody else.
# GPL-3.0-or-later
from __future__ import annotations

from collections.abc import Callable

import pytest

from firmware import image as im
from firmware.core.panel import has_kernel
from firmware.core.panel.tree import Panel
from tests_host.core.fakes import FakeLimits

SERVICE_MA, VOLTS, STEP_MS = 25_000, 230, 100
WIDE = 1_000_000
LEAST_MA, MOST_MA = 6_000, 16_000
BEGINS_MA = 2_000  # what is kept beyond what is used, or a start takes
SETTLED_S = 8  # a response of 5 s, and 2

Car = Callable[[int], tuple[int, int, int]]  # offer -> mA per leg of the site


def on_leg(leg: int, most_ma: int = MOST_MA) -> Car:
    def draws(offer_ma: int) -> tuple[int, int, int]:
        ma = [0, 0, 0]
        ma[leg] = min(offer_ma, most_ma) if offer_ma >= LEAST_MA else 0
        return ma[0], ma[1], ma[2]

    return draws


def waking(offer_ma: int) -> tuple[int, int, int]:
    """A car on L1 that begins to draw an ampere from the others too."""
    return (offer_ma, 1_000, 1_000) if offer_ma else (0, 0, 0)


def full(_offer_ma: int) -> tuple[int, int, int]:
    return 0, 0, 0


def even(offer_ma: int) -> tuple[int, int, int]:
    ma = min(offer_ma, MOST_MA) if offer_ma >= LEAST_MA else 0
    return ma, ma, ma


class House:
    """A measured service of three legs with points of three legs, each with a car that follows
    its offer at once."""

    def __init__(self, *cars: Car, neutral_ma: int = 3 * SERVICE_MA, equal: bool = False) -> None:
        self.cars = list(cars)
        self.image = image = im.Image()
        image.commands[im.ISLAND_STATE] = im.ISLAND_GRID
        site = image.site
        site[im.LEG_COUNT], site[im.NODE_COUNT] = 3, 1 + len(cars)
        for node in range(1 + len(cars)):
            site[im.NODE_PARENT + node] = 0 if node else -1
            site[im.NODE_RATING_MA + node] = 32_000 if node else SERVICE_MA
        site[im.NODE_INSTRUMENT] = im.INSTRUMENT_METER
        site[im.NODE_NEUTRAL_MA] = neutral_ma  # ample: see test_neutral.py
        for device in range(len(cars)):
            site[im.DEVICE_KIND + device], site[im.DEVICE_NODE + device] = (
                im.KIND_CHARGER,
                device + 1,
            )
            for leg in range(im.LEGS):
                site[im.DEVICE_LEG + device * im.LEGS + leg] = leg
            site[im.DEVICE_RANK + device] = 0 if equal else device
            site[im.DEVICE_MAX_MA + device] = MOST_MA
            site[im.DEVICE_RESPONSE_MS + device] = 5_000
            for source in set(range(im.SOURCES)) - {im.PANEL}:
                slot = source * im.DEVICES + device
                image.commands[im.CLAIM_LOW + slot] = 0 if source == im.MARKET else -WIDE
                image.commands[im.CLAIM_HIGH + slot] = MOST_MA if source == im.MARKET else WIDE
        for i in image.ages:
            image.readings[i] = 0
        for leg in range(im.LEGS):
            image.readings[im.GRID_MV + leg] = VOLTS * 1_000
        self.loads_ma = [300, 300, 300]
        self.hidden: tuple[int, int] | None = None  # device, leg: its own clamp is dead there
        self.offers = [0] * len(cars)
        self.panel = Panel(image, FakeLimits(image))  # type: ignore[arg-type]
        self.steps = 0

    def flows(self) -> list[int]:
        drawn = [car(offer) for car, offer in zip(self.cars, self.offers, strict=True)]
        return [self.loads_ma[leg] + sum(ma[leg] for ma in drawn) for leg in range(im.LEGS)]

    def step(self) -> list[int]:
        """One cycle; what is offered now."""
        self.steps += 1
        readings, commands = self.image.readings, self.image.commands
        for device, car in enumerate(self.cars):
            for leg, ma in enumerate(car(self.offers[device])):
                seen = 0 if self.hidden == (device, leg) else ma
                readings[im.DEVICE_MA + device * im.LEGS + leg] = seen
        for leg, ma in enumerate(self.flows()):
            readings[im.NODE_MA + leg] = ma + self.steps % 7
            readings[im.NODE_W + leg] = ma * VOLTS // 1_000
        self.panel.step(STEP_MS)
        for device in range(len(self.cars)):
            left_ma = commands[im.CLAIM_HIGH + im.PANEL * im.DEVICES + device]
            offer_ma = min(left_ma, MOST_MA)
            self.offers[device] = offer_ma if offer_ma >= LEAST_MA else 0
            commands[im.SETPOINT + device] = self.offers[device]
        return self.offers

    def run(self, seconds: float) -> House:
        for _ in range(int(seconds * 1_000 / STEP_MS)):
            self.step()
        return self


@pytest.mark.parametrize("leg", range(3))
def test_load_on_a_leg_that_a_car_does_not_use_does_not_stop_it(leg: int) -> None:
    house = House(on_leg(leg)).run(SETTLED_S)
    house.loads_ma = [22_000] * im.LEGS
    house.loads_ma[leg] = 300
    assert house.run(SETTLED_S).offers == [MOST_MA]


@pytest.mark.parametrize("leg", range(3))
def test_load_on_its_own_leg_sheds_at_once(leg: int) -> None:
    house = House(on_leg(leg)).run(SETTLED_S)
    house.loads_ma[leg] = 12_000
    house.step()
    assert house.step()[0] <= 13_000


def test_less_than_three_amps_prove_no_unused_leg() -> None:
    house = House(on_leg(0, 2_900)).run(SETTLED_S)
    house.loads_ma = [300, 22_000, 22_000]
    assert house.run(2).offers == [0]


def test_at_a_start_all_legs_count() -> None:
    house = House(on_leg(0)).run(SETTLED_S)
    house.cars = [full]
    house.run(1)
    house.loads_ma = [300, 22_000, 300]
    assert house.run(2).offers == [0]


def wakes() -> int:
    """What is offered two steps after a first ampere on legs that were unused and are full."""
    house = House(on_leg(0)).run(SETTLED_S)
    house.loads_ma = [300, 22_000, 22_000]
    house.run(SETTLED_S)
    house.cars = [waking]
    house.step()
    return house.step()[0]


def test_the_first_current_on_a_leg_sheds_in_one_step() -> None:
    assert wakes() == 0


@pytest.mark.usefixtures("kernels_as_text")
def test_and_a_kernel_that_overlooks_it_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(has_kernel, "_NOTHING_MA", 30_000)
    assert wakes() == MOST_MA


def test_a_dead_clamp_proves_no_unused_leg() -> None:
    """A car of three legs whose clamp on L2 is dead: the service sees its current come."""
    house = House(full)
    house.hidden = 0, 1
    house.run(2)
    house.cars = [even]
    house.run(SETTLED_S)
    house.loads_ma = [300, 12_000, 300]
    assert house.run(2).offers[0] <= 13_000


def test_three_legs_after_one() -> None:
    """One that begins to use all its legs has what the fullest of them leaves."""
    house = House(on_leg(0)).run(SETTLED_S)
    house.cars = [even]
    house.loads_ma = [300, 10_000, 300]
    assert house.run(SETTLED_S).offers == [pytest.approx(15_000, abs=10)]


@pytest.mark.parametrize("leg", range(3))
def test_a_leg_that_the_first_does_not_use_is_all_the_seconds(leg: int) -> None:
    other = (leg + 1) % 3
    house = House(on_leg(leg), on_leg(other)).run(3 * SETTLED_S)
    assert house.offers == [MOST_MA, MOST_MA]


def test_who_draws_nothing_keeps_what_others_do_not_want_and_a_start() -> None:
    house = House(full, even).run(3 * SETTLED_S)
    assert house.offers == [pytest.approx(SERVICE_MA - 300 - MOST_MA, abs=10), MOST_MA]
    house.loads_ma = [5_000, 300, 300]
    assert house.run(SETTLED_S).offers == pytest.approx([LEAST_MA + BEGINS_MA, 12_000], abs=20)


@pytest.mark.parametrize("more_ma", [10, 500, 1_900])
def test_a_little_load_stops_nobody_who_sleeps(more_ma: int) -> None:
    house = House(full, even)
    house.loads_ma = [5_000, 300, 300]
    house.run(3 * SETTLED_S)
    house.loads_ma[0] += more_ma
    for _ in range(50):
        assert house.step()[0] >= LEAST_MA


def test_who_wakes_up_has_its_right_again() -> None:
    """From the first ampere on as it was: the one served after it gives way."""
    house = House(full, even).run(3 * SETTLED_S)
    house.cars[0] = even
    house.run(3 * SETTLED_S)
    assert house.offers == [MOST_MA, pytest.approx(SERVICE_MA - 300 - MOST_MA, abs=10)]


@pytest.mark.parametrize("cars", ((even, even), (on_leg(0), on_leg(0)), (on_leg(0), on_leg(1))))
def test_equals_charge_beside_a_neutral_as_large_as_the_legs(cars: tuple[Car, Car]) -> None:
    house = House(*cars, neutral_ma=0, equal=True)
    house.loads_ma = [4_000, 2_000, 2_000]
    house.run(6 * SETTLED_S)
    assert min(house.offers) >= LEAST_MA
    edges = 0
    for _ in range(100):
        had = list(house.offers)
        edges += sum((a == 0) != (b == 0) for a, b in zip(had, house.step(), strict=True))
    assert edges == 0


@pytest.mark.parametrize("second", (even, on_leg(0), on_leg(2)))
def test_who_sleeps_does_not_take_the_neutral(second: Car) -> None:
    house = House(full, second, neutral_ma=0).run(6 * SETTLED_S)
    assert house.offers[1] >= 10_000


def test_nor_who_ends_slowly() -> None:
    house = House(even, on_leg(0), neutral_ma=0).run(6 * SETTLED_S)
    kept_ma = house.offers[1]
    house.cars[0] = lambda offer_ma: (2_500, 2_500, 2_500) if offer_ma else (0, 0, 0)
    house.run(6 * SETTLED_S)
    assert house.offers[1] >= kept_ma


def test_no_step_of_it_all_is_over_the_service() -> None:
    """Through sleep and waking, on one leg and on three, the service bears what is drawn but for
    the step in which it begins."""
    house = House(full, even)
    over = 0
    for cars in ((full, even), (even, even), (on_leg(1), even), (even, full), (even, on_leg(2))):
        house.cars = list(cars)
        for _ in range(2 * SETTLED_S * 10):
            house.step()
            over = over + 1 if max(house.flows()) > SERVICE_MA else 0
            assert over <= 1
