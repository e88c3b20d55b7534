# islet: the twin: a battery of the household's own holds the meter at its goal.
# GPL-3.0-or-later
from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from tools.twin.house import House, HouseSpec, from_dict

START = datetime(2026, 3, 10, 12, tzinfo=UTC)


def made(**household: Any) -> House:
    data = {
        "legs": 3,
        "circuits": [
            {"name": "service", "breaker_a": 35},
            {"name": "storage", "parent": "service", "breaker_a": 20},
        ],
        "loads": {
            "profile": "none",
            "appliances": [{"name": "oven", "w": 2400, "legs": [2], "at": []}],
        },
        "storages": [{"name": "household", "circuit": "storage", "power_w": 3000, **household}],
    }
    return House(from_dict(HouseSpec, data), START)


def at(house: House, s: float) -> dict[str, Any]:
    house.advance(round(s * 1e6))
    house.segments.clear()
    return house.truth()


@pytest.mark.parametrize("legs", [["L1"], ["L2"], ["L3", "L1"], None])
@pytest.mark.parametrize("goal_w", [0, 80, -80])
def test_holds_the_service_at_its_goal(legs: list[str] | None, goal_w: float) -> None:
    house = made(legs=legs, goal_w=goal_w)
    at(house, 5)
    house.apply("loads.oven", True)
    assert at(house, 5.5)["grid_w"] == pytest.approx(2400 + goal_w, abs=120)
    truth = at(house, 15)
    assert truth["grid_w"] == pytest.approx(goal_w, abs=30)
    assert truth["household.w"] == pytest.approx(goal_w - 2400, abs=120)
    for leg in ("L1", "L2", "L3"):
        assert (truth[f"storage_{leg.lower()}_a"] < -2) is (legs is None or leg in legs)
    sum_a = sum(truth[f"main_l{k}_a"] * truth[f"grid_l{k}_v"] for k in (1, 2, 3))
    assert sum_a == pytest.approx(truth["grid_w"], abs=30)


def test_delivers_no_more_than_it_can_and_has() -> None:
    house = made(power_w=1000)
    house.apply("loads.oven", True)
    assert at(house, 10)["household.w"] == pytest.approx(-1000, abs=30)
    empty = made(soc_percent=0)
    empty.apply("loads.oven", True)
    assert at(empty, 10)["household.w"] == 0


def test_leaves_a_dead_grid_at_once_and_returns_after_its_wait() -> None:
    house = made(watch={"reconnect_s": 4})
    house.apply("loads.oven", True)
    at(house, 10)
    house.apply("grid.outage", True)
    assert at(house, 10.1)["house_source"] == "dead"
    house.apply("grid.outage", False)
    assert at(house, 13.5)["household.w"] == 0
    assert at(house, 30)["household.w"] == pytest.approx(-2400, abs=120)


def test_stands_still_when_told() -> None:
    house = made()
    house.apply("loads.oven", True)
    at(house, 10)
    house.apply("household.standby", True)
    assert at(house, 12)["household.w"] == 0
