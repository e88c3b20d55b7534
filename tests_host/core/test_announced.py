# islet: every start of an island is announced 5 s ahead, where the site wants it (safety.md 8).
# GPL-3.0-or-later
from __future__ import annotations

import pytest

from firmware import image as f
from tests_host.core.island_house import House, a_site


def said_ms(house: House) -> int:
    """For how long a start was announced, until the bond is asked for."""
    ms = 0
    while house.run(100) != f.ISLAND_BONDING:
        ms = ms + 100 if house.image.commands[f.ISLAND_NOTE] == f.NOTE_STARTS else 0
        assert ms < 30_000
    return ms


@pytest.mark.parametrize("announce", [0, 1])
def test_a_start_is_announced(announce: int) -> None:
    house = House(a_site())
    house.image.site[f.ISLAND_ANNOUNCE] = announce
    house.run(2_000)
    house.grid = f.GRID_DEAD
    assert said_ms(house) == pytest.approx(5_000 * announce, abs=100)
    house.run(5_000, f.ISLAND_ISLANDED)
    assert house.island.state == f.ISLAND_ISLANDED
    house.run(1_000)
    assert house.image.commands[f.ISLAND_NOTE] != f.NOTE_STARTS


def test_so_is_each_further_try_and_the_grid_that_returns_ends_it() -> None:
    house = House(a_site())
    house.image.site[f.ISLAND_ANNOUNCE] = 1
    house.weak = True
    house.run(2_000)
    house.grid = f.GRID_DEAD
    for _ in range(2):
        assert said_ms(house) >= 4_900
        while house.run(100) in (f.ISLAND_BONDING, f.ISLAND_STARTING):
            pass
    house.run(10_000)
    house.grid = f.GRID_IN_SERVICE
    house.run(20_000)
    assert house.island.state == f.ISLAND_GRID
    assert house.image.commands[f.ISLAND_NOTE] != f.NOTE_STARTS
