# islet: a grid that sources may not use and loads may, and that stands higher without the house.
# GPL-3.0-or-later
from __future__ import annotations

import pytest

from firmware import image as im
from tests_host.core.island_house import STEP_MS, House, a_site

BAD_MS = 4_000  # a trip row, the ride-through curve and grid_loss_s


class Weak(House):
    """Bad while the house hangs on it, good when it does not; in a load's window always."""

    def __init__(self, travel_ms: int = 0) -> None:
        super().__init__(a_site())
        self.switch_relay.travel_ms = self.bond_relay.travel_ms = travel_ms
        self.sags = False
        self.changed_ms = 0

    def show(self) -> None:
        if self.sags:
            bad = self.switch
            before = self.grid == im.GRID_ABNORMAL
            self.changed_ms = self.changed_ms + STEP_MS if bad == before else STEP_MS
            settled = im.GRID_WAITING if self.changed_ms < 60_000 else im.GRID_IN_SERVICE
            self.grid = im.GRID_ABNORMAL if bad else settled
        super().show()
        lost = self.sags and self.switch and self.changed_ms >= BAD_MS
        self.image.commands[im.GRID_LOSS] = im.LOSS_BAD if lost else 0
        self.image.commands[im.GRID_LOAD_OK] = 1


@pytest.mark.parametrize("travel_ms", [0, 200, 400])
def test_it_is_left_for_an_island_and_not_for_darkness(travel_ms: int) -> None:
    """It came back at once, for a load may use it, and left again: dark for 3 s of every 7."""
    house = Weak(travel_ms)
    house.run(2_000)
    house.sags = True
    assert house.run(10_000, im.ISLAND_ISLANDED) == im.ISLAND_ISLANDED
    assert house.trace.count(im.ISLAND_OPENING) == 1 and im.ISLAND_DARK not in house.trace
    house.run(40_000)
    assert house.island.state == im.ISLAND_ISLANDED


def test_each_return_to_it_is_waited_for_longer() -> None:
    house = Weak()
    house.run(2_000)
    house.sags = True
    house.run(600_000)
    assert house.trace.count(im.ISLAND_OPENING) <= 5  # a minute, then twice as long each


def test_where_no_island_can_be_had_the_plain_grid_comes_back() -> None:
    """INV-17: a load may use it."""
    house = Weak()
    house.run(2_000)
    house.sags = True
    house.stuck_bond = True
    house.run(20_000)
    assert house.island.state == im.ISLAND_GRID
