# islet: leaving the grid and coming back: sequences and faults (INV-5, 6, 7, 12).
# GPL-3.0-or-later
from __future__ import annotations

import pytest

from firmware import image as im
from firmware.core.grid.island_table import (
    RULES,
    bits,
    facts,
)
from tests_host.core.island_house import House, a_site, names
from tests_host.fields import INVERTER

# --- sequences --------------------------------------------------------------------------------


def test_outage_and_return() -> None:
    house = House(a_site())
    house.run(1_000)
    house.grid = im.GRID_DEAD
    assert house.run(10_000, im.ISLAND_ISLANDED) == im.ISLAND_ISLANDED
    house.run(1_000)
    assert not house.switch and house.bond and house.mode == im.MODE_FORM
    assert house.island.permits & im.OUT_LOADS == 0
    house.grid = im.GRID_WAITING
    house.run(20_000)
    assert house.island.state == im.ISLAND_ISLANDED, "waits for the full enter-service delay"
    house.grid = im.GRID_IN_SERVICE
    assert house.run(20_000, im.ISLAND_GRID) == im.ISLAND_GRID
    assert names(house.trace) == (
        "grid stopping opening bonding starting islanded ending unbonding closing grid"
    )
    house.run(500)
    assert house.island.permits & (im.OUT_ISLAND | im.OUT_LOADS) == im.OUT_ISLAND | im.OUT_LOADS


def test_short_dip_does_not_island() -> None:
    house = House(a_site())
    house.run(500)
    house.grid = im.GRID_DEAD
    house.run(900)
    house.grid = im.GRID_ABNORMAL
    house.run(5_000)
    assert names(house.trace) == "grid"


def test_low_reserve_ends_dark_and_the_grid_brings_it_back() -> None:
    house = House(a_site())
    house.grid = im.GRID_DEAD
    house.run(10_000, im.ISLAND_ISLANDED)
    house.drain(200)
    assert house.run(5_000, im.ISLAND_DARK) == im.ISLAND_DARK
    house.drain(240)
    assert house.run(60_000) == im.ISLAND_DARK, "no flapping about the reserve"
    house.grid = im.GRID_WAITING
    assert house.run(4_800) == im.ISLAND_DARK, "INV-7: qualified for 5 s"
    assert house.run(2_000, im.ISLAND_GRID) == im.ISLAND_GRID


def test_wishes() -> None:
    house = House(a_site())
    house.run(500)
    house.image.requests[im.ISLAND_WISH] = 1
    assert house.run(10_000, im.ISLAND_ISLANDED) == im.ISLAND_ISLANDED
    assert house.run(30_000) == im.ISLAND_ISLANDED, "in service, but a person wants the island"
    house.image.requests[im.ISLAND_WISH] = -1
    assert house.run(10_000, im.ISLAND_GRID) == im.ISLAND_GRID
    house.grid = im.GRID_DEAD
    assert house.run(30_000) == im.ISLAND_GRID, "-1: never"


def test_site_without_the_hardware_never_islands() -> None:
    house = House(a_site(capable=0))
    house.run(500)
    assert house.island.permits & im.OUT_ENABLE
    house.grid = im.GRID_DEAD
    house.image.requests[im.ISLAND_WISH] = 1
    house.run(30_000)
    assert names(house.trace) == "grid"
    assert house.island.permits & im.OUT_ENABLE == 0
    house.grid = im.GRID_WAITING
    house.run(200)
    assert house.island.permits & im.OUT_ENABLE


def test_neutral_not_switched_never_bonds() -> None:
    house = House(a_site(bond=0))
    house.grid = im.GRID_DEAD
    assert house.run(10_000, im.ISLAND_ISLANDED) == im.ISLAND_ISLANDED
    assert not house.bond


def test_loads_return_where_nothing_is_shed() -> None:
    house = House(a_site(shed=0))
    house.grid = im.GRID_DEAD
    house.run(10_000, im.ISLAND_ISLANDED)
    house.run(9_000)
    assert house.island.permits & im.OUT_LOADS == 0
    house.run(2_000)
    assert house.island.permits & im.OUT_LOADS


@pytest.mark.parametrize(
    ("spoil", "state", "fault"),
    [
        ("stuck_switch", im.ISLAND_DARK, im.FAULT_ISLAND_OPEN),
        ("stuck_bond", im.ISLAND_DARK, im.FAULT_BOND),
        ("deaf", im.ISLAND_GRID, im.FAULT_ISLAND_STOP),
    ],
)
def test_a_relay_or_inverter_that_does_not_follow_is_named_and_the_grid_brings_light(
    spoil: str, state: int, fault: int
) -> None:
    """INV-17: no island, no enable, but the house goes back to a good grid without a person."""
    house = House(a_site())
    house.run(500)
    setattr(house, spoil, True)
    if spoil == "deaf":
        house.image.readings[im.DEVICE_MA + INVERTER * im.LEGS] = 5_000
    house.grid = im.GRID_DEAD
    house.run(15_000)
    assert house.island.state == state
    assert house.image.commands[im.FAULTS] == fault
    assert house.island.permits & im.OUT_ENABLE == 0
    house.grid = im.GRID_IN_SERVICE
    assert house.run(10_000, im.ISLAND_GRID) == im.ISLAND_GRID
    house.run(3_000)
    assert house.image.commands[im.FAULTS] == fault and house.dark_ms <= 1_000
    setattr(house, spoil, False)
    house.image.readings[im.DEVICE_MA + INVERTER * im.LEGS] = 0
    house.acknowledge()
    house.run(300)
    assert house.image.commands[im.FAULTS] == 0 and house.island.permits & im.OUT_ENABLE


def test_a_pole_that_does_not_close_is_a_fault() -> None:
    """It is tried again, with a pause that grows; a house that is partly supplied is opened."""
    image = a_site()
    house = House(image)
    house.grid = im.GRID_DEAD
    house.run(10_000, im.ISLAND_ISLANDED)
    house.grid = im.GRID_IN_SERVICE
    house.run(10_000, im.ISLAND_CLOSING)
    pauses, open_ms = [], 0
    for _ in range(1_200):  # mirror away, voltage missing
        house.show()
        image.readings[im.HOUSE_MV] = 0
        image.readings[im.INPUTS] |= im.IN_ISLAND_DEAD
        house.island.step(100)
        house.act()
        if house.island.permits & im.OUT_ISLAND == 0:
            open_ms += 100
        elif open_ms:
            pauses.append(open_ms)
            open_ms = 0
    assert image.commands[im.FAULTS] == im.FAULT_ISLAND_CLOSE
    assert house.island.permits & im.OUT_ENABLE == 0
    assert pauses == [5_000, 10_000, 20_000, 40_000]
    house.run(60_000, im.ISLAND_GRID)
    assert house.island.state == im.ISLAND_GRID


@pytest.mark.parametrize("state", [im.ISLAND_GRID, im.ISLAND_ISLANDED])
@pytest.mark.parametrize("age", [im.INPUTS_AGE_MS, im.HOUSE_AGE_MS, im.GRID_AGE_MS])
def test_stale_feedback_removes_the_enable_at_once(state: int, age: int) -> None:
    """INV-5: the loss of any proof removes the enable in the same step."""
    house = House(a_site())
    house.run(500)
    if state == im.ISLAND_ISLANDED:
        house.grid = im.GRID_DEAD
        house.run(10_000, im.ISLAND_ISLANDED)
        house.run(300)
    assert house.island.permits & im.OUT_ENABLE
    house.image.readings[age] = im.AGE_MAX_MS
    house.run(100)
    assert house.island.permits & im.OUT_ENABLE == 0


@pytest.mark.parametrize("switch", [True, False])
@pytest.mark.parametrize("bond", [True, False])
def test_reset_changes_nothing_before_the_state_is_sensed(switch: bool, bond: bool) -> None:
    """INV-12: sensing holds what the contacts say, in every position."""
    image = a_site()
    house = House(image)
    house.switch, house.bond, house.mode = (
        switch,
        bond,
        im.MODE_FORM if bond else im.MODE_STOP,
    )
    image.readings[im.HOUSE_AGE_MS] = im.AGE_MAX_MS
    house.deaf = True
    house.run(1_000)
    assert house.island.state == im.ISLAND_SENSING
    assert (house.switch, house.bond) == (switch, bond and not switch)
    assert house.island.permits & (im.OUT_ENABLE | im.OUT_LOADS) == 0


def test_reset_while_islanded_goes_dark_bond_last() -> None:
    house = House(a_site())
    house.switch, house.bond, house.grid = False, True, im.GRID_DEAD
    house.drain(210)
    assert house.run(3_000, im.ISLAND_DARK) == im.ISLAND_DARK
    assert names(house.trace) == "unbonding dark"


def test_every_state_has_a_rule() -> None:
    for state in range(len(im.ISLAND_NAMES)):
        assert any(row[0] == state for row in RULES), im.ISLAND_NAMES[state]


def test_unknown_fact_is_refused() -> None:
    with pytest.raises(KeyError, match="clozed"):
        facts("fresh clozed", bits())


@pytest.mark.parametrize("grid", [im.GRID_DEAD, im.GRID_WAITING])
def test_a_broken_mirror_does_not_close_onto_an_unqualified_grid(grid: int) -> None:
    """INV-7: it says closed; the house dead beside a live grid is the proof that it is open."""
    house = House(a_site())
    house.run(500)
    house.grid = im.GRID_DEAD
    house.mirror = False
    assert house.run(15_000) == im.ISLAND_DARK
    assert house.image.commands[im.FAULTS] == im.FAULT_ISLAND_OPEN
    house.acknowledge()
    house.grid = grid
    house.run(4_500)
    assert not house.switch, names(house.trace)
    house.grid = im.GRID_WAITING
    assert house.run(10_000, im.ISLAND_GRID) == im.ISLAND_GRID, (
        "then the house has its light again"
    )
    assert house.switch and house.image.commands[im.FAULTS] == im.FAULT_ISLAND_OPEN
    house.acknowledge()
    house.run(300)
    assert house.image.commands[im.FAULTS] == 0


def test_a_welded_switch_serves_the_house_again_with_the_grid() -> None:
    house = House(a_site())
    house.run(500)
    house.stuck_switch = True
    house.grid = im.GRID_DEAD
    house.run(15_000)
    assert house.island.state == im.ISLAND_DARK and not house.island.permits & im.OUT_BOND
    house.grid = im.GRID_WAITING
    assert house.run(10_000, im.ISLAND_GRID) == im.ISLAND_GRID
    assert house.image.commands[im.FAULTS] == im.FAULT_ISLAND_OPEN and house.dark_ms == 0


def test_no_enable_for_an_inverter_that_has_not_heard_of_the_grids_return() -> None:
    """INV-5: silent since the island, it may still have orders to form without anti-islanding."""
    house = House(a_site())
    house.grid = im.GRID_DEAD
    house.run(10_000, im.ISLAND_ISLANDED)
    house.image.readings[im.DEVICE_AGE_MS + INVERTER] = im.AGE_MAX_MS
    house.grid = im.GRID_IN_SERVICE
    assert house.run(20_000, im.ISLAND_GRID) == im.ISLAND_GRID
    house.run(5_000)
    assert house.island.permits & im.OUT_ENABLE == 0
    house.image.readings[im.DEVICE_AGE_MS + INVERTER] = 0
    house.run(200)
    assert house.island.permits & im.OUT_ENABLE
    house.image.readings[im.DEVICE_AGE_MS + INVERTER] = im.AGE_MAX_MS
    house.run(5_000)
    assert house.island.permits & im.OUT_ENABLE, "its own time-out handles silence on the grid"


def test_a_wish_to_island_does_not_swing_about_the_reserve() -> None:
    house = House(a_site())
    house.run(500)
    house.image.requests[im.ISLAND_WISH] = 1
    house.run(10_000, im.ISLAND_ISLANDED)
    house.drain(200)
    assert house.run(30_000, im.ISLAND_GRID) == im.ISLAND_GRID
    house.drain(240)
    assert house.run(30_000) == im.ISLAND_GRID
    house.drain(250)
    assert house.run(10_000, im.ISLAND_ISLANDED) == im.ISLAND_ISLANDED


# --- relays that stick ------------------------------------------------------------------------


@pytest.mark.parametrize("spoil", ["stuck_switch", "stuck_bond", "deaf"])
def test_a_part_that_sticks_at_any_moment_of_a_transfer(spoil: str) -> None:
    """INV-6 in the copper: switch and bond never both closed, whenever a relay sticks; INV-5:
    nothing forms onto a closed switch or without the bond."""
    for moment in range(0, 60):
        house = House(a_site())
        house.run(500)
        house.grid = im.GRID_DEAD
        for step in range(120):
            if step == moment:
                setattr(house, spoil, True)
            if step == 60:
                house.grid = im.GRID_IN_SERVICE
            house.run(100)
            assert not (house.switch and house.bond), (moment, step, names(house.trace))
            if house.island.permits & im.OUT_ENABLE and house.mode == im.MODE_FORM:
                assert not house.switch and house.bond, (moment, step, names(house.trace))
