# islet: faults of the transfer that must not keep a house dark (INV-5, INV-7).
# GPL-3.0-or-later
from __future__ import annotations

import pytest

from firmware.image import (
    ACKNOWLEDGE_SEQ,
    FAULT_BOND,
    FAULT_FORMING,
    FAULT_ISLAND_CLOSE,
    FAULT_ISLAND_OPEN,
    FAULTS,
    GRID_DEAD,
    GRID_IN_SERVICE,
    GRID_WAITING,
    HOUSE_MHZ,
    HOUSE_MV,
    INVERTER_FORM,
    ISLAND_DARK,
    ISLAND_GRID,
    ISLAND_ISLANDED,
    ISLAND_LOCKOUT,
    OUT_ENABLE,
    OUT_ISLAND,
    OUT_LOADS,
)
from tests_host.core.island_house import House, a_site

# --- an inverter that does not form ------------------------------------------------------------


@pytest.mark.parametrize("moment", ["start", "collapse"])
def test_after_a_failed_island_the_house_returns_to_the_grid_by_itself(moment: str) -> None:
    """A dark evening: no second island and no enable before a person, but light from the grid."""
    house = House(a_site())
    house.run(500)
    house.weak = moment == "start"
    house.grid = GRID_DEAD
    if moment == "collapse":
        assert house.run(10_000, ISLAND_ISLANDED) == ISLAND_ISLANDED
        house.weak = True
    assert house.run(30_000, ISLAND_DARK) == ISLAND_DARK
    house.weak = False
    house.run(60_000)
    assert house.island.state == ISLAND_DARK, "no new island"
    assert house.image.commands[FAULTS] == FAULT_FORMING
    assert house.island.permits == 0
    house.grid = GRID_WAITING
    assert house.run(4_800) == ISLAND_DARK, "INV-7: qualified for 5 s"
    assert house.run(2_000, ISLAND_GRID) == ISLAND_GRID
    house.grid = GRID_IN_SERVICE
    house.run(60_000)
    assert house.switch and house.image.commands[FAULTS] == FAULT_FORMING
    assert house.island.permits == OUT_ISLAND | OUT_LOADS, "no enable"
    house.grid = GRID_DEAD
    assert house.run(30_000) == ISLAND_GRID, "the next outage tries no island either"
    house.grid = GRID_IN_SERVICE
    house.run(1_000)
    house.image.requests[ACKNOWLEDGE_SEQ] += 1
    house.run(300)
    assert house.image.commands[FAULTS] == 0
    assert house.island.permits & OUT_ENABLE
    house.grid = GRID_DEAD
    assert house.run(10_000, ISLAND_ISLANDED) == ISLAND_ISLANDED


def test_an_acknowledgement_in_the_dark_tries_the_island_once_more() -> None:
    house = House(a_site())
    house.weak = True
    house.grid = GRID_DEAD
    assert house.run(40_000, ISLAND_DARK) == ISLAND_DARK
    house.run(1_000)
    house.weak = False
    house.image.requests[ACKNOWLEDGE_SEQ] += 1
    assert house.run(10_000, ISLAND_ISLANDED) == ISLAND_ISLANDED
    assert house.image.commands[FAULTS] == 0


def test_an_inverter_that_forms_unasked_in_the_dark_keeps_the_switch_open() -> None:
    """INV-7: the way back waits until the source has stopped and the house is dead."""
    house = House(a_site())
    house.weak = True
    house.grid = GRID_DEAD
    house.run(40_000, ISLAND_DARK)
    house.weak, house.deaf, house.mode = False, True, INVERTER_FORM
    house.grid = GRID_IN_SERVICE
    house.run(30_000)
    assert house.island.state == ISLAND_DARK and not house.switch
    house.deaf = False
    assert house.run(10_000, ISLAND_GRID) == ISLAND_GRID


@pytest.mark.parametrize("part", ["switch", "bond"])
def test_a_contact_fault_after_a_failed_island_still_locks_out(part: str) -> None:
    house = House(a_site())
    house.weak = True
    house.grid = GRID_DEAD
    house.run(20_000)
    setattr(house, "stuck_" + part, True)
    if part == "switch":
        house.run(10_000)
        house.grid = GRID_IN_SERVICE
    house.run(20_000)
    assert house.island.state == ISLAND_LOCKOUT
    named = FAULT_BOND if part == "bond" else FAULT_ISLAND_CLOSE
    assert house.image.commands[FAULTS] == named | FAULT_FORMING
    assert house.island.permits & (OUT_ENABLE | OUT_ISLAND) == 0


# --- a mirror contact that contradicts the voltages ----------------------------------------------


def test_a_mirror_stuck_at_open_does_not_darken_the_house() -> None:
    house = House(a_site())
    house.run(1_000)
    house.mirror_open = True
    house.run(100)
    assert house.island.permits & OUT_ENABLE == 0, "INV-5: at once"
    for _ in range(100):
        house.run(100)
        assert house.switch and house.island.permits & OUT_LOADS
    assert house.island.state == ISLAND_LOCKOUT
    assert house.image.commands[FAULTS] == FAULT_ISLAND_OPEN
    house.grid = GRID_DEAD
    house.run(30_000)
    house.image.requests[ACKNOWLEDGE_SEQ] += 1
    house.run(1_000)
    assert house.switch, "an outage passes and the house is lit again with the grid"
    house.grid = GRID_IN_SERVICE
    house.run(10_000)
    assert house.island.state == ISLAND_LOCKOUT and house.switch
    assert house.island.permits & OUT_ENABLE == 0, "contacts still contradict"
    house.mirror_open = False
    assert house.run(1_000, ISLAND_GRID) == ISLAND_GRID
    assert house.image.commands[FAULTS] == 0 and ISLAND_DARK not in house.trace


@pytest.mark.parametrize("reading", [HOUSE_MV, HOUSE_MHZ])
def test_a_switch_that_really_opened_is_not_held(reading: int) -> None:
    """Something else keeps the house up, or nothing does: then the drive goes, as the contacts
    say, so that the switch cannot close onto it."""
    house = House(a_site())
    house.run(1_000)
    house.mirror_open = True
    for _ in range(30):
        house.show()
        house.image.readings[reading] = 0 if reading == HOUSE_MV else 50_300
        house.island.step(100)
        house.act()
    assert house.island.state == ISLAND_LOCKOUT
    assert house.island.permits & (OUT_ISLAND | OUT_ENABLE) == 0
    assert house.image.commands[FAULTS] == FAULT_ISLAND_CLOSE


def test_a_house_held_by_voltages_is_let_go_when_they_part() -> None:
    house = House(a_site())
    house.run(1_000)
    house.mirror_open = True
    house.run(2_000)
    assert house.switch
    house.image.readings[HOUSE_MHZ] = 50_300
    house.run(1_200)
    assert house.island.permits & OUT_ISLAND == 0
