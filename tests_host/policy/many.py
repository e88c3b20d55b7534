# islet: any number of cars and batteries that share what is left over, second by second.
# GPL-3.0-or-later
"""python -m tests_host.policy.many: random houses; the first in which a rule does not hold ends it
with an error. With the firmware that sys.path finds first, whose image has eight rows of devices:
test_sharing.py makes such a copy."""

from __future__ import annotations

import random
from collections import deque
from dataclasses import dataclass, field
from typing import Any

from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from firmware import image as im
from firmware.policy import Policy
from firmware.policy.takers import WHY_NAMES

VOLTS = 230
PHASE_S = 320  # longer than a car needs to stop and others to follow
LOOSE_W = 60


@dataclass
class Each:
    """One device of a house, and what it does."""

    car: bool
    rank: int
    legs: int
    most: int  # A or W
    wants: int  # A, of a car
    able: bool
    row: int = 0
    late: deque[int] = field(default_factory=lambda: deque([0, 0, 0], 3))
    drew_w: int = 0  # when it was last decided
    unused_s: int = 0

    @property
    def volts(self) -> int:
        return VOLTS * self.legs

    def draw_w(self) -> int:
        return self.late[0]

    def follow(self, wish: int) -> None:
        """A car within its offer, a battery as told; three seconds late."""
        if not self.able:
            self.late.append(0)
        elif self.car:
            self.late.append(min(wish, self.wants * 1000) * self.volts // 1000)
        else:
            self.late.append(wish)


def houses(seed: int) -> tuple[list[Each], random.Random]:
    die = random.Random(seed)
    devices = [
        Each(
            car=die.random() < 0.5,
            rank=die.randrange(3),
            legs=die.choice((1, 1, 3)),
            most=die.randint(6, 32),
            wants=die.choice((0, 10, 32)),
            able=die.random() < 0.8,
        )
        for _ in range(die.randint(1, 6))
    ]
    return devices, die


HOUSES = st.integers(0, 10**9).map(houses)
# the first house that breaks a rule is told as it is
EACH_HOUSE = settings(
    max_examples=60, deadline=None, derandomize=True, phases=(Phase.explicit, Phase.generate)
)


def image_of(devices: list[Each]) -> Any:
    image = im.Image()
    site, readings = image.site, image.readings
    site[im.LEG_COUNT] = 3
    site[im.NODE_RATING_MA] = 200_000
    image.commands[im.ISLAND_STATE] = im.ISLAND_GRID
    readings[im.NODE_AGE_MS] = 0
    for row, each in enumerate(devices, im.DEVICES - len(devices)):
        each.row = row
        site[im.DEVICE_KIND + row] = im.KIND_CHARGER if each.car else im.KIND_CONVERTER
        site[im.DEVICE_NODE + row] = 0
        site[im.DEVICE_RANK + row] = each.rank
        for k in range(each.legs):
            site[im.DEVICE_LEG + row * im.LEGS + k] = k
        site[im.DEVICE_MAX_MA + row] = each.most * 1000
        site[im.DEVICE_CHARGE_W + row] = site[im.DEVICE_DISCHARGE_W + row] = each.most * 200
        readings[im.DEVICE_AGE_MS + row] = readings[im.DEVICE_SOC_AGE_MS + row] = 0
        readings[im.DEVICE_SOC_PERMILLE + row] = 900
        image.requests[im.RESERVE_PERMILLE] = 300
        for source in range(im.SOURCES):
            most = 40_000 if each.able else 0
            image.commands[im.CLAIM_HIGH + source * im.DEVICES + row] = most
            image.commands[im.CLAIM_LOW + source * im.DEVICES + row] = -most
    return image


class House:
    def __init__(self, devices: list[Each], goal: str) -> None:
        self.devices = devices
        self.image = image_of(devices)
        owner = {
            "goal": goal,
            "charge_a": 80,
            "charge_w": 6_000,
            "discharge_w": 6_000,
            "sun_start_s": 60,
            "sun_stop_s": 180,
            "sun_start_w": 0,
            "sun_stop_w": 0,
        }
        self.policy = Policy(self.image, {"owner." + key: owner[key] for key in owner})

    def wish(self, each: Each) -> int:
        requests, row = self.image.requests, each.row
        low, high = requests[im.MARKET_LOW + row], requests[im.MARKET_HIGH + row]
        assert low == (0 if each.car else high)
        return high

    def why(self, each: Each) -> str:
        return WHY_NAMES[self.policy.image.requests[im.MARKET_WHY + each.row]]

    def second(self, house_w: int) -> None:
        readings = self.image.readings
        for each in self.devices:
            each.drew_w = each.draw_w()
            readings[im.DEVICE_W + each.row] = 0 if each.car else each.draw_w()
            for k in range(each.legs if each.car else 0):
                ma = each.draw_w() * 1000 // each.volts
                readings[im.DEVICE_MA + each.row * im.LEGS + k] = ma
        readings[im.NODE_W] = house_w + sum(each.draw_w() for each in self.devices)
        self.policy.step(1000)
        for each in self.devices:
            each.follow(self.wish(each))

    def batteries(self) -> list[Each]:
        return [each for each in self.devices if not each.car]

    def cars(self) -> list[Each]:
        return [each for each in self.devices if each.car]


def counted_w(house: House, car: Each) -> int:
    """What an offer is for the others: one not used for a minute what is drawn, and 1 A."""
    if house.why(car) == "waits":
        return 6 * car.volts
    used_w = car.drew_w + car.volts
    return used_w if car.unused_s > 60 else house.wish(car) * car.volts // 1000


def never_more_than_there_is(house: House) -> None:
    """In each second: what batteries are told, and what is offered to cars that use it."""
    left_w = max(0, -(house.policy.balance.house_w or 0))
    told_w = sum(house.wish(each) for each in house.batteries())
    assert told_w <= left_w, f"batteries {told_w} of {left_w} W"
    offered_w = 0
    for each in house.cars():
        unused = each.drew_w + each.volts < house.wish(each) * each.volts // 1000
        each.unused_s = each.unused_s + 1 if unused else 0
        if each.able and house.why(each) in ("goal", "waits"):
            offered_w += counted_w(house, each)
    assert offered_w <= left_w, f"cars {offered_w} of {left_w} W"


def nobody_is_kept_waiting(house: House, left_w: int) -> None:
    """A car that could have its least has it, or is about to."""
    for car in house.cars():
        if not car.able or house.why(car) not in ("short", "before"):
            continue
        before = [each for each in house.devices if each.rank <= car.rank and each is not car]
        served_w = [counted_w(house, e) if e.car else e.draw_w() for e in before if e.able]
        assert left_w - sum(served_w) < 6 * car.volts + LOOSE_W, f"{car} waits for nothing"


def settled(house: House, left_w: int) -> None:
    """At a phase's end: all draw what is left over together, by rank."""
    held_w = sum(each.draw_w() for each in house.cars() if house.why(each) == "holds")
    taken_w = sum(each.draw_w() for each in house.devices)
    assert taken_w <= max(0, left_w) + held_w + LOOSE_W, (taken_w, left_w)
    rooms = [each.most * 200 for each in house.batteries() if each.able]
    assert taken_w >= min(left_w, sum(rooms)) - LOOSE_W, (taken_w, left_w)
    for each in house.batteries():
        if each.able and house.wish(each) < each.most * 200 - LOOSE_W:
            later = [other for other in house.devices if other.rank > each.rank and other.able]
            told = [
                house.wish(other)
                for other in later
                if house.why(other) != "holds" and (not other.car or other.draw_w())
            ]
            assert sum(told) <= LOOSE_W, f"served after {each}: {told}"
            for other in house.batteries():
                if other.able and other.rank == each.rank:
                    ours, its = (house.wish(o) / o.most for o in (each, other))
                    assert abs(ours - its) < 1 + LOOSE_W / 6, "equals share by their rating"


@given(HOUSES)
@EACH_HOUSE
def sun(drawn: tuple[list[Each], random.Random]) -> None:
    devices, die = drawn
    house = House(devices, "solar")
    for _ in range(3):
        house_w = die.choice((3_000, -2_000, -5_000, -9_000, -16_000)) + die.randrange(2_000)
        for _ in range(PHASE_S):
            house.second(house_w)
            never_more_than_there_is(house)
        settled(house, -house_w)
        nobody_is_kept_waiting(house, -house_w)


@given(HOUSES)
@EACH_HOUSE
def balance(drawn: tuple[list[Each], random.Random]) -> None:
    """Batteries cover the house and take what is left over, and not one feeds another."""
    devices, die = drawn
    house = House(devices, "self")
    for house_w in (die.randint(-9_000, 9_000), die.randint(-9_000, 9_000)):
        for _ in range(40):
            house.second(house_w)
            told = [house.wish(each) for each in house.batteries()]
            assert min(told, default=0) >= 0 or max(told) <= 0, told
            assert abs(sum(told)) <= abs(house.policy.balance.house_w or 0)
        rooms = sum(each.most * 200 for each in house.batteries() if each.able)
        does_w = sum(each.draw_w() for each in house.batteries())
        assert abs(abs(does_w) - min(abs(house_w), rooms)) <= LOOSE_W, (does_w, house_w)


@given(HOUSES)
@EACH_HOUSE
def order(drawn: tuple[list[Each], random.Random]) -> None:
    """A power is split over the batteries that can."""
    devices, _ = drawn
    for goal, sign in (("charge", 1), ("discharge", -1)):
        house = House(devices, goal)
        house.second(0)
        told = [house.wish(each) * sign for each in house.batteries()]
        can = [house.wish(each) * sign for each in house.batteries() if each.able]
        rooms = sum(each.most * 200 for each in house.batteries() if each.able)
        assert min(told, default=0) >= 0 and sum(told) <= 6_000
        assert sum(can) == min(6_000, rooms)


def main() -> None:
    assert im.DEVICES == 8
    sun()
    balance()
    order()


if __name__ == "__main__":
    main()
