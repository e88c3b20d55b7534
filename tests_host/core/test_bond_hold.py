# islet: a bond that stored energy holds without its coil, and one that stays beyond that.
# GPL-3.0-or-later
from __future__ import annotations

import pytest

from firmware import image as f
from tests_host.core.island_house import LIVE_MV, House, a_site

HOLDS_MS = [500, 600, 2_000, 5_000, 20_000]


def islanded_by_itself(hold_ms: int) -> House:
    house = House(a_site())
    house.hold_ms = house.image.site[f.BOND_HOLD_MS] = hold_ms
    house.run(2_000)
    house.grid = f.GRID_DEAD
    house.run(10_000, f.ISLAND_ISLANDED)
    house.run(15_000)
    assert house.house_mv() == LIVE_MV and house.bond
    return house


@pytest.mark.parametrize("hold_ms", HOLDS_MS)
@pytest.mark.parametrize("off_ms", [-1, 0, 300, 1_000, 3_000])
def test_a_bond_that_stored_energy_holds_is_no_fault(hold_ms: int, off_ms: int) -> None:
    """INV-18: the enable falls by an end, a reset or a power cut; for its declared time the bond
    reads closed without its coil."""
    house = islanded_by_itself(hold_ms)
    if off_ms >= 0:
        house.reset(off_ms)
    house.grid = f.GRID_IN_SERVICE
    house.run(hold_ms + 30_000)
    assert f.ISLAND_LOCKOUT not in house.trace and not house.image.commands[f.FAULTS]
    assert house.island.state == f.ISLAND_GRID and house.switch and not house.bond


@pytest.mark.parametrize("hold_ms", HOLDS_MS)
@pytest.mark.parametrize("off_ms", [-1, 0, 1_000])
def test_a_bond_that_stays_beyond_its_hold_is_one(hold_ms: int, off_ms: int) -> None:
    """And not much later: the declared time, the relay's, and what the end itself takes."""
    house = islanded_by_itself(hold_ms)
    house.stuck_bond = True
    if off_ms >= 0:
        house.reset(off_ms)
    house.grid = f.GRID_IN_SERVICE
    house.run(hold_ms + 6_000)
    assert house.island.state == f.ISLAND_LOCKOUT and not house.switch
    assert house.image.commands[f.FAULTS] == f.FAULT_BOND_STUCK


@pytest.mark.parametrize("off_ms", [-1, 0])
def test_on_the_grid_nothing_is_held(off_ms: int) -> None:
    """A bond that reads closed beside a closed switch has no supply that could hold it."""
    house = House(a_site())
    house.image.site[f.BOND_HOLD_MS] = 20_000
    house.image.site[f.BOND_NORMALLY_OPEN] = 0
    house.run(2_000)
    house.false[f.IN_BOND] = True
    if off_ms >= 0:
        house.reset(off_ms)
    house.run(1_500)
    assert house.island.state == f.ISLAND_LOCKOUT
