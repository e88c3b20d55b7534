# islet: a weld whose mirror lies, a return that looks like one, and what an island may carry.
# GPL-3.0-or-later
from __future__ import annotations

import pytest

from firmware import image as f
from tests_host.core.island_house import House, a_site, islanded
from tests_host.fields import INVERTER


def formed_onto_street_ms(house: House, ms: int) -> int:
    """How long the inverter fed the street."""
    fed_ms = 0
    for _ in range(ms // 100):
        house.run(100)
        if house.switch and house.mode == f.MODE_FORM:
            fed_ms += 100
    return fed_ms


def test_a_weld_before_the_start_whose_mirror_follows_its_coil() -> None:
    """INV-5: the grid leg that was dead rises with the house."""
    house = House(a_site())
    house.run(2_000)
    house.stuck_switch = house.mirror_follows_coil = True
    house.grid = f.GRID_DEAD
    assert formed_onto_street_ms(house, 20_000) <= 200
    assert house.image.commands[f.FAULTS] == f.FAULT_ISLAND_OPEN
    assert formed_onto_street_ms(house, 100_000) == 0, "not without a person"
    house.grid = f.GRID_IN_SERVICE
    house.run(20_000)
    assert house.dark_ms == 0, "the weld lights the house"


@pytest.mark.parametrize("ms", [1_000, 60_000])
def test_a_weld_while_islanded(ms: int) -> None:
    """From the street live to the enable off: 2 s at most, also where the mirror lies."""
    house = islanded(1_000)
    house.run(ms)
    house.switch = house.stuck_switch = True
    house.false[f.IN_ISLAND_OPEN] = True
    assert 0 < formed_onto_street_ms(house, 20_000) <= 1_900
    assert house.image.commands[f.FAULTS] == f.FAULT_ISLAND_OPEN


def test_current_through_the_open_switch_ends_it_after_two_readings() -> None:
    house = islanded(1_000)
    house.image.site[f.NODE_INSTRUMENT] = f.INSTRUMENT_METER
    house.image.readings[f.NODE_AGE_MS] = 0
    house.run(2_000)
    house.image.readings[f.NODE_MA] = -3_000
    house.run(100)
    assert house.island.permits & f.OUT_ENABLE
    house.run(100)
    assert house.island.permits & f.OUT_ENABLE == 0
    house.run(3_000)
    assert house.image.commands[f.FAULTS] == f.FAULT_ISLAND_OPEN, "a dead street proves nothing"


def test_loads_before_the_switch_are_no_weld() -> None:
    house = islanded(1_000)
    house.image.site[f.NODE_INSTRUMENT] = f.INSTRUMENT_METER
    house.image.site[f.LOADS_BEFORE_SWITCH] = 1
    house.image.readings[f.NODE_AGE_MS] = 0
    house.image.readings[f.NODE_MA] = -3_000
    house.run(10_000)
    assert house.island.state == f.ISLAND_ISLANDED


def test_a_return_that_looks_like_a_weld_is_cleared_by_the_dead_house_beside_it() -> None:
    """It costs the island, and names nothing."""
    house = islanded(1_000)
    house.grid = f.GRID_WAITING
    for _ in range(100):
        house._pass()
        house.good_ms = house.fit_ms
        house.show()
        house.image.readings[f.GRID_MHZ] = house.image.readings[f.HOUSE_MHZ] or 50_000
        house.island.step(100)
        house.act()
    assert house.island.state == f.ISLAND_GRID and house.dark_ms <= 500
    assert house.image.commands[f.FAULTS] == 0


def test_a_phase_across_the_switch_says_that_it_is_a_return() -> None:
    house = islanded(1_000)
    house.grid = f.GRID_WAITING
    for _ in range(100):
        house.show()
        house.image.readings[f.GRID_MHZ] = house.image.readings[f.HOUSE_MHZ]
        house.image.readings[f.SWITCH_DEG] = 40
        house.island.step(100)
        house.act()
    assert house.island.state == f.ISLAND_ISLANDED


# --- limits, tries and loads --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("mv", "mhz", "within_ms", "fault"),
    [
        (280_000, 50_000, 300, f.FAULT_ISLAND_VOLTAGE),
        (256_000, 50_000, 2_200, f.FAULT_ISLAND_VOLTAGE),
        (190_000, 50_000, 5_200, f.FAULT_ISLAND_LOAD),
        (100_000, 50_000, 400, f.FAULT_ISLAND_STOP),
        (230_000, 47_900, 2_200, f.FAULT_ISLAND_LOAD),
        (230_000, 52_600, 2_200, f.FAULT_ISLAND_VOLTAGE),
        (230_000, 52_400, 0, 0),
        (240_000, 50_000, 0, 0),
        (200_000, 48_100, 0, 0),
    ],
)
def test_limits_of_an_island(mv: int, mhz: int, within_ms: int, fault: int) -> None:
    house = islanded(1_000)
    for _ in range(100):
        house.show()
        if house.image.readings[f.HOUSE_MV]:
            house.image.readings[f.HOUSE_MV] = mv
            house.image.readings[f.HOUSE_MHZ] = mhz
        house.island.step(100)
        house.act()
        within_ms -= 100
        if not house.island.permits & f.OUT_ENABLE:
            break
    ended = house.island.state != f.ISLAND_ISLANDED
    assert ended == (fault != 0) and (within_ms >= -100 or not fault)
    assert house.image.commands[f.FAULTS] == fault


@pytest.mark.parametrize("watts", [9_000, 10_200, 11_000])
def test_an_overload_is_named_before_the_device_trips(watts: int) -> None:
    house = islanded(1_000)
    house.image.site[f.ISLAND_MAX_W] = 10_000
    house.image.readings[f.DEVICE_W + INVERTER] = -watts
    house.run(2_300)
    over = watts > 10_300
    assert (house.image.commands[f.FAULTS] == f.FAULT_ISLAND_LOAD) == over
    house.image.readings[f.DEVICE_W + INVERTER] = -2_000
    house.run(20_000, f.ISLAND_ISLANDED)
    assert house.island.state == f.ISLAND_ISLANDED, "tried again with what is left"


@pytest.mark.parametrize(("before_w", "back"), [(9_000, True), (14_000, False)])
def test_loads_come_back_where_there_is_room(before_w: int, back: bool) -> None:
    image = a_site(shed=0)
    image.site[f.ISLAND_MAX_W] = 10_000
    image.site[f.NODE_INSTRUMENT] = f.INSTRUMENT_METER
    image.readings[f.NODE_AGE_MS] = 0
    image.readings[f.NODE_W] = before_w
    house = House(image)
    house.run(2_000)
    house.grid = f.GRID_DEAD
    image.readings[f.NODE_W] = 0
    house.run(10_000, f.ISLAND_ISLANDED)
    image.readings[f.DEVICE_W + INVERTER] = -6_000
    house.run(12_000)
    assert bool(house.island.permits & f.OUT_LOADS) == back
    assert (image.commands[f.ISLAND_NOTE] == f.NOTE_LOADS) != back
    if back:  # more than it was: they go again within half a second
        image.readings[f.DEVICE_W + INVERTER] = -12_000
        house.run(600)
        assert not house.island.permits & f.OUT_LOADS
        image.readings[f.DEVICE_W + INVERTER] = -6_000
        house.run(30_000)
        assert house.island.state == f.ISLAND_ISLANDED and not house.island.permits & f.OUT_LOADS


@pytest.mark.parametrize("permille", [80, 0, 150, -1])
@pytest.mark.parametrize("ms", [500, 1_200, 20_000])
def test_one_false_state_of_charge_ends_nothing(permille: int, ms: int) -> None:
    house = islanded(1_000)
    house.drain(220)
    house.image.readings[f.DEVICE_SOC_PERMILLE + INVERTER] = permille
    house.run(ms)
    house.image.readings[f.DEVICE_SOC_PERMILLE + INVERTER] = 220
    house.run(20_000)
    assert f.ISLAND_DARK not in house.trace
    house.image.readings[f.DEVICE_SOC_PERMILLE + INVERTER] = 80
    house.run(40_000)
    assert house.island.state == f.ISLAND_DARK, "confirmed"
    assert house.image.commands[f.ISLAND_NOTE] == f.NOTE_RESERVE


def test_an_unplugged_car_is_no_failure_to_form() -> None:
    house = islanded(1_000)
    for _ in range(6):
        house.weak = True
        house.run(300)
        house.image.readings[f.DEVICE_PLUGGED + INVERTER] = 0
        house.run(5_000)
        assert house.image.commands[f.FAULTS] == 0
        house.image.readings[f.DEVICE_PLUGGED + INVERTER] = 1
        house.weak = False
        assert house.run(5_000, f.ISLAND_ISLANDED) == f.ISLAND_ISLANDED
        house.run(1_000)


def test_a_grid_that_flaps_is_left_and_taken_less_and_less_often() -> None:
    house = House(a_site())
    house.run(2_000)
    for _ in range(60):
        house.grid = f.GRID_DEAD
        house.run(5_000)
        house.grid = f.GRID_IN_SERVICE
        house.run(20_000)
    assert house.trace.count(f.ISLAND_BONDING) <= 4


def test_short_losses_add_up() -> None:
    house = House(a_site())
    house.run(2_000)
    for _ in range(12):
        house.grid = f.GRID_DEAD
        house.run(800)
        house.grid = f.GRID_IN_SERVICE
        house.run(2_000)
    assert f.ISLAND_BONDING in house.trace
