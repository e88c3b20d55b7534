# islet: what truth counts of voltages that are wrong, and of the grid coming onto a live house.
# GPL-3.0-or-later
from __future__ import annotations

import pytest

from tests_host.twin.house_kit import after, build, drive, islanded
from tools.twin.house import House, truth

ROWS = [f"island_{row}_s" for row in truth.ISLAND_ROWS]
BURNING = [f"burning_{row}_s" for row in truth.BURNING_ROWS]


def grown(house: House, names: list[str], seconds: float) -> dict[str, float]:
    """What grows in so long, and by how much."""
    before, now = house.truth(), after(house, seconds).truth()
    all_of = {name: float(now[name]) - float(before[name]) for name in names}
    return {name: round(s, 2) for name, s in all_of.items() if s}


@pytest.mark.parametrize(
    ("set_to", "counted"),
    [
        ({"l1": 1.0}, {}),
        ({"l1": 0.79}, {"island_under_85_s": 2.0}),
        ({"l1": 0.45}, {"island_under_85_s": 2.0, "island_under_50_s": 2.0}),
        ({"l2": 1.15}, {"island_over_110_s": 2.0}),
        ({"l2": 1.7}, {"island_over_110_s": 2.0, "island_over_120_s": 2.0}),
        ({"l1": 1.18, "l2": 0.88}, {"island_over_110_s": 2.0, "island_uneven_s": 2.0}),
    ],
)
def test_an_islands_voltage(set_to: dict[str, float], counted: dict[str, float]) -> None:
    house = islanded(build())
    for leg, pu in set_to.items():
        house.apply(f"inverter.form_{leg}_pu", pu)
    assert grown(house, ROWS, 2) == counted
    drive(house, enable=False)
    after(house, 0.1)
    assert grown(house, ROWS, 2) == {}


def test_an_island_that_was_never_good() -> None:
    house = build()
    for leg in ("l1", "l2", "l3"):
        house.apply(f"inverter.form_{leg}_pu", 0.79)
    islanded(house)
    assert grown(house, ROWS, 2) == {"island_poor_s": 2.0}


@pytest.mark.parametrize(
    ("legs", "counted"),
    [
        ((1.1, 1.1), {}),
        ((1.22, 1.0), {"burning_120_s": 1.0}),
        ((1.28, 1.0), {"burning_120_s": 1.0, "burning_125_s": 1.0}),
        ((1.17, 0.8), {"burning_uneven_s": 1.0}),
    ],
)
def test_a_burning_grid(legs: tuple[float, float], counted: dict[str, float]) -> None:
    house = after(build(), 1)
    house.apply("grid.l1_pu", legs[0])
    house.apply("grid.l2_pu", legs[1])
    assert grown(house, BURNING, 1) == counted
    drive(house, island=False)
    after(house, 0.1)
    assert grown(house, BURNING, 1) == {}


def test_closing_onto_a_live_house_is_counted_with_its_phase_error() -> None:
    house = islanded(build(relays={"dead_permissive": False}))
    house.apply("grid.outage", False)
    house.apply("grid.phase_jump_deg", 120)
    after(house, 0.1)
    drive(house, bond=False, island=True)
    now = after(house, 1).truth()
    assert now["closed_live"] == 1 and now["returned_live"] == 0
    assert float(now["reclosed_deg"]) > 60


def test_a_grid_that_returns_through_a_welded_pole_is_counted() -> None:
    house = after(build(), 1)
    house.apply("relays.island.welded_pole", "l2")
    islanded(house)
    assert grown(house, ["forming_on_grid_s"], 1) == {"forming_on_grid_s": 1.0}
    house.apply("grid.phase_jump_deg", 90)
    house.apply("grid.outage", False)
    now = after(house, 0.1).truth()
    assert (now["closed_live"], now["returned_live"]) == (0, 1)
    assert float(now["reclosed_deg"]) > 20


def test_a_neutral_that_stays_shut_is_forming_on_the_grid() -> None:
    house = after(build(), 1)
    house.apply("relays.island.welded_pole", "n")
    assert grown(islanded(house), ["forming_on_grid_s"], 1) == {"forming_on_grid_s": 1.0}


def test_a_dead_house_is_closed_unnoticed() -> None:
    house = after(build(), 1)
    drive(house, island=False)
    after(house, 2)
    drive(house, island=True)
    now = after(house, 1).truth()
    assert (now["closed_live"], now["returned_live"]) == (0, 0)
