# islet: leaving the grid and coming back: sequences and faults (INV-5, 6, 7, 12).
# GPL-3.0-or-later
from __future__ import annotations

import pytest

from firmware.core.grid.island_table import (
    INSTRUMENTS,
    JUDGEMENTS,
    RULES,
    compile_condition,
    describe,
)
from firmware.image import (
    AGE_MAX_MS,
    FAULT_BOND,
    FAULT_ISLAND_CLOSE,
    FAULT_ISLAND_OPEN,
    FAULT_ISLAND_STOP,
    FAULTS,
    GRID_ABNORMAL,
    GRID_AGE_MS,
    GRID_DEAD,
    GRID_IN_SERVICE,
    GRID_WAITING,
    HOUSE_AGE_MS,
    HOUSE_MV,
    IN_ISLAND_DEAD,
    INPUTS,
    INPUTS_AGE_MS,
    INVERTER_AGE_MS,
    INVERTER_FORM,
    INVERTER_MA,
    INVERTER_STOP,
    ISLAND_CLOSING,
    ISLAND_DARK,
    ISLAND_GRID,
    ISLAND_ISLANDED,
    ISLAND_NAMES,
    ISLAND_SENSING,
    ISLAND_WISH,
    OUT_BOND,
    OUT_ENABLE,
    OUT_ISLAND,
    OUT_LOADS,
)
from tests_host.core.island_house import House, a_site, names

# --- sequences --------------------------------------------------------------------------------


def test_outage_and_return() -> None:
    house = House(a_site())
    house.run(1_000)
    house.grid = GRID_DEAD
    assert house.run(10_000, ISLAND_ISLANDED) == ISLAND_ISLANDED
    house.run(1_000)
    assert not house.switch and house.bond and house.mode == INVERTER_FORM
    assert house.island.permits & OUT_LOADS == 0
    house.grid = GRID_WAITING
    house.run(20_000)
    assert house.island.state == ISLAND_ISLANDED, "waits for the full enter-service delay"
    house.grid = GRID_IN_SERVICE
    assert house.run(20_000, ISLAND_GRID) == ISLAND_GRID
    assert names(house.trace) == (
        "grid stopping opening bonding starting islanded ending unbonding closing grid"
    )
    house.run(500)
    assert house.island.permits & (OUT_ISLAND | OUT_LOADS) == OUT_ISLAND | OUT_LOADS


def test_short_dip_does_not_island() -> None:
    house = House(a_site())
    house.run(500)
    house.grid = GRID_DEAD
    house.run(900)
    house.grid = GRID_ABNORMAL
    house.run(5_000)
    assert names(house.trace) == "grid"


def test_low_reserve_ends_dark_and_the_grid_brings_it_back() -> None:
    house = House(a_site())
    house.grid = GRID_DEAD
    house.run(10_000, ISLAND_ISLANDED)
    house.drain(200)
    assert house.run(5_000, ISLAND_DARK) == ISLAND_DARK
    house.drain(240)
    assert house.run(60_000) == ISLAND_DARK, "no flapping about the reserve"
    house.grid = GRID_WAITING
    assert house.run(4_800) == ISLAND_DARK, "INV-7: qualified for 5 s"
    assert house.run(2_000, ISLAND_GRID) == ISLAND_GRID


def test_wishes() -> None:
    house = House(a_site())
    house.run(500)
    house.image.requests[ISLAND_WISH] = 1
    assert house.run(10_000, ISLAND_ISLANDED) == ISLAND_ISLANDED
    assert house.run(30_000) == ISLAND_ISLANDED, "in service, but a person wants the island"
    house.image.requests[ISLAND_WISH] = -1
    assert house.run(10_000, ISLAND_GRID) == ISLAND_GRID
    house.grid = GRID_DEAD
    assert house.run(30_000) == ISLAND_GRID, "-1: never"


def test_site_without_the_hardware_never_islands() -> None:
    house = House(a_site(capable=0))
    house.run(500)
    assert house.island.permits & OUT_ENABLE
    house.grid = GRID_DEAD
    house.image.requests[ISLAND_WISH] = 1
    house.run(30_000)
    assert names(house.trace) == "grid"
    assert house.island.permits & OUT_ENABLE == 0
    house.grid = GRID_WAITING
    house.run(200)
    assert house.island.permits & OUT_ENABLE


def test_neutral_not_switched_never_bonds() -> None:
    house = House(a_site(bond=0))
    house.grid = GRID_DEAD
    assert house.run(10_000, ISLAND_ISLANDED) == ISLAND_ISLANDED
    assert not house.bond


def test_loads_return_where_nothing_is_shed() -> None:
    house = House(a_site(shed=0))
    house.grid = GRID_DEAD
    house.run(10_000, ISLAND_ISLANDED)
    house.run(9_000)
    assert house.island.permits & OUT_LOADS == 0
    house.run(2_000)
    assert house.island.permits & OUT_LOADS


@pytest.mark.parametrize(
    ("spoil", "state", "fault"),
    [
        ("stuck_switch", ISLAND_DARK, FAULT_ISLAND_OPEN),
        ("stuck_bond", ISLAND_DARK, FAULT_BOND),
        ("deaf", ISLAND_GRID, FAULT_ISLAND_STOP),
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
        house.image.readings[INVERTER_MA] = 5_000
    house.grid = GRID_DEAD
    house.run(15_000)
    assert house.island.state == state
    assert house.image.commands[FAULTS] == fault
    assert house.island.permits & OUT_ENABLE == 0
    house.grid = GRID_IN_SERVICE
    assert house.run(10_000, ISLAND_GRID) == ISLAND_GRID
    house.run(3_000)
    assert house.image.commands[FAULTS] == fault and house.dark_ms <= 1_000
    setattr(house, spoil, False)
    house.image.readings[INVERTER_MA] = 0
    house.acknowledge()
    house.run(300)
    assert house.image.commands[FAULTS] == 0 and house.island.permits & OUT_ENABLE


def test_a_pole_that_does_not_close_is_a_fault() -> None:
    """It is tried again, with a pause that grows; a house that is partly supplied is opened."""
    image = a_site()
    house = House(image)
    house.grid = GRID_DEAD
    house.run(10_000, ISLAND_ISLANDED)
    house.grid = GRID_IN_SERVICE
    house.run(10_000, ISLAND_CLOSING)
    pauses, open_ms = [], 0
    for _ in range(1_200):  # mirror away, voltage missing
        house.show()
        image.readings[HOUSE_MV] = 0
        image.readings[INPUTS] |= IN_ISLAND_DEAD
        house.island.step(100)
        house.act()
        if house.island.permits & OUT_ISLAND == 0:
            open_ms += 100
        elif open_ms:
            pauses.append(open_ms)
            open_ms = 0
    assert image.commands[FAULTS] == FAULT_ISLAND_CLOSE
    assert house.island.permits & OUT_ENABLE == 0
    assert pauses == [5_000, 10_000, 20_000, 40_000]
    house.run(60_000, ISLAND_GRID)
    assert house.island.state == ISLAND_GRID


@pytest.mark.parametrize("state", [ISLAND_GRID, ISLAND_ISLANDED])
@pytest.mark.parametrize("age", [INPUTS_AGE_MS, HOUSE_AGE_MS, GRID_AGE_MS])
def test_stale_feedback_removes_the_enable_at_once(state: int, age: int) -> None:
    """INV-5: the loss of any proof removes the enable in the same step."""
    house = House(a_site())
    house.run(500)
    if state == ISLAND_ISLANDED:
        house.grid = GRID_DEAD
        house.run(10_000, ISLAND_ISLANDED)
        house.run(300)
    assert house.island.permits & OUT_ENABLE
    house.image.readings[age] = AGE_MAX_MS
    house.run(100)
    assert house.island.permits & OUT_ENABLE == 0


@pytest.mark.parametrize("switch", [True, False])
@pytest.mark.parametrize("bond", [True, False])
def test_reset_changes_nothing_before_the_state_is_sensed(switch: bool, bond: bool) -> None:
    """INV-12: sensing holds what the contacts say, in every position."""
    image = a_site()
    house = House(image)
    house.switch, house.bond, house.mode = switch, bond, INVERTER_FORM if bond else INVERTER_STOP
    image.readings[HOUSE_AGE_MS] = AGE_MAX_MS
    house.deaf = True
    house.run(1_000)
    assert house.island.state == ISLAND_SENSING
    assert (house.switch, house.bond) == (switch, bond and not switch)
    assert house.island.permits & (OUT_ENABLE | OUT_LOADS) == 0


def test_reset_while_islanded_goes_dark_bond_last() -> None:
    house = House(a_site())
    house.switch, house.bond, house.grid = False, True, GRID_DEAD
    house.drain(210)
    assert house.run(3_000, ISLAND_DARK) == ISLAND_DARK
    assert names(house.trace) == "unbonding dark"


def test_table_prints_itself() -> None:
    text = "\n".join(describe())
    for name, _ in INSTRUMENTS + JUDGEMENTS:
        assert f"| {name} |" in text
    for name in ISLAND_NAMES:
        assert f"| {name} |" in text
    for state in range(len(ISLAND_NAMES)):
        assert any(row[0] == state for row in RULES), ISLAND_NAMES[state]


def test_unknown_fact_is_refused() -> None:
    with pytest.raises(KeyError, match="clozed"):
        compile_condition("fresh clozed")


@pytest.mark.parametrize("grid", [GRID_DEAD, GRID_WAITING])
def test_a_broken_mirror_does_not_close_onto_an_unqualified_grid(grid: int) -> None:
    """INV-7: it says closed; the house dead beside a live grid is the proof that it is open."""
    house = House(a_site())
    house.run(500)
    house.grid = GRID_DEAD
    house.mirror = False
    assert house.run(15_000) == ISLAND_DARK
    assert house.image.commands[FAULTS] == FAULT_ISLAND_OPEN
    house.acknowledge()
    house.grid = grid
    house.run(4_500)
    assert not house.switch, names(house.trace)
    house.grid = GRID_WAITING
    assert house.run(10_000, ISLAND_GRID) == ISLAND_GRID, "then the house has its light again"
    assert house.switch and house.image.commands[FAULTS] == FAULT_ISLAND_OPEN
    house.acknowledge()
    house.run(300)
    assert house.image.commands[FAULTS] == 0


def test_a_welded_switch_serves_the_house_again_with_the_grid() -> None:
    house = House(a_site())
    house.run(500)
    house.stuck_switch = True
    house.grid = GRID_DEAD
    house.run(15_000)
    assert house.island.state == ISLAND_DARK and not house.island.permits & OUT_BOND
    house.grid = GRID_WAITING
    assert house.run(10_000, ISLAND_GRID) == ISLAND_GRID
    assert house.image.commands[FAULTS] == FAULT_ISLAND_OPEN and house.dark_ms == 0


def test_no_enable_for_an_inverter_that_has_not_heard_of_the_grids_return() -> None:
    """INV-5: silent since the island, it may still have orders to form without anti-islanding."""
    house = House(a_site())
    house.grid = GRID_DEAD
    house.run(10_000, ISLAND_ISLANDED)
    house.image.readings[INVERTER_AGE_MS] = AGE_MAX_MS
    house.grid = GRID_IN_SERVICE
    assert house.run(20_000, ISLAND_GRID) == ISLAND_GRID
    house.run(5_000)
    assert house.island.permits & OUT_ENABLE == 0
    house.image.readings[INVERTER_AGE_MS] = 0
    house.run(200)
    assert house.island.permits & OUT_ENABLE
    house.image.readings[INVERTER_AGE_MS] = AGE_MAX_MS
    house.run(5_000)
    assert house.island.permits & OUT_ENABLE, "its own time-out handles silence on the grid"


def test_a_wish_to_island_does_not_swing_about_the_reserve() -> None:
    house = House(a_site())
    house.run(500)
    house.image.requests[ISLAND_WISH] = 1
    house.run(10_000, ISLAND_ISLANDED)
    house.drain(200)
    assert house.run(30_000, ISLAND_GRID) == ISLAND_GRID
    house.drain(240)
    assert house.run(30_000) == ISLAND_GRID
    house.drain(250)
    assert house.run(10_000, ISLAND_ISLANDED) == ISLAND_ISLANDED


# --- relays that stick ------------------------------------------------------------------------


@pytest.mark.parametrize("spoil", ["stuck_switch", "stuck_bond", "deaf"])
def test_a_part_that_sticks_at_any_moment_of_a_transfer(spoil: str) -> None:
    """INV-6 in the copper: switch and bond never both closed, whenever a relay sticks; INV-5:
    nothing forms onto a closed switch or without the bond."""
    for moment in range(0, 60):
        house = House(a_site())
        house.run(500)
        house.grid = GRID_DEAD
        for step in range(120):
            if step == moment:
                setattr(house, spoil, True)
            if step == 60:
                house.grid = GRID_IN_SERVICE
            house.run(100)
            assert not (house.switch and house.bond), (moment, step, names(house.trace))
            if house.island.permits & OUT_ENABLE and house.mode == INVERTER_FORM:
                assert not house.switch and house.bond, (moment, step, names(house.trace))
