"""A reset heals nothing: the faults that stood before it go the way they would have gone."""

from __future__ import annotations

import pytest

from firmware import image as f
from firmware.core import Core
from firmware.core.vehicle.contactor import Contactor
from tests_host.core.builders import healthy, put
from tests_host.core.island_house import House, a_site
from tests_host.core.test_contactor import CLOSED, FAULT, OPEN, FakePilot, Room


def recalled(faults: int) -> Room:
    room = Room()
    room.part = Contactor(room.image, FakePilot())  # type: ignore[arg-type]
    room.part.recall(faults)
    put(room.image.commands, FAULTS=room.part.faults)  # as Core does
    return room


@pytest.mark.parametrize("fault", [f.FAULT_WELD, f.FAULT_STUCK_OPEN])
def test_inv_1_a_weld_before_the_reset_keeps_it_open(fault: int) -> None:
    """INV-1: no weld. Nothing disagrees any more, and it stays open until a person says so."""
    room = recalled(fault)
    assert room.step(100) == FAULT
    stays_live = f.FAULT_STAYS_LIVE if fault == f.FAULT_WELD else 0
    assert room.faults() == fault | stays_live and room.part.permit == 0
    room.image.requests[f.ACKNOWLEDGE_SEQ] += 1
    assert room.step() == OPEN
    assert room.step(3) == CLOSED
    assert room.faults() == 0


def test_a_car_that_ignored_its_offer_is_not_forgotten() -> None:
    room = recalled(f.FAULT_NOT_FOLLOWED)
    assert room.step(100) == OPEN
    put(room.image.commands, POINT_PILOT_STATE=f.PILOT_A)
    room.step()
    put(room.image.commands, POINT_PILOT_STATE=f.PILOT_C)
    assert room.step(3) == CLOSED


CONTACTS = (f.FAULT_ISLAND_OPEN, f.FAULT_ISLAND_CLOSE, f.FAULT_BOND, f.FAULT_ISLAND_VOLTAGE)


@pytest.mark.parametrize("fault", CONTACTS)
def test_inv_12_what_failed_bars_islands_and_the_enable_after_a_reset_too(fault: int) -> None:
    """INV-12: the switch that carries the house is held all the while."""
    house = House(a_site())
    house.island.recall(fault)
    for _ in range(50):
        assert house.run(100) in (f.ISLAND_SENSING, f.ISLAND_GRID)
        assert house.switch and house.island.permits & f.OUT_ISLAND
        assert not house.island.permits & f.OUT_ENABLE
        assert house.image.commands[f.FAULTS] == fault
    house.grid = f.GRID_DEAD
    assert house.run(20_000) == f.ISLAND_GRID
    house.grid = f.GRID_IN_SERVICE
    house.acknowledge()
    house.run(1_000)
    assert house.image.commands[f.FAULTS] == 0 and house.island.permits & f.OUT_ENABLE


@pytest.mark.parametrize("fault", [f.FAULT_BOND_STUCK, f.FAULT_NEUTRAL])
@pytest.mark.parametrize("switch", [True, False])
def test_what_keeps_the_switch_open_does_so_after_a_reset_too(fault: int, switch: bool) -> None:
    """Once the site is sensed: until then every output stays as the hardware holds it."""
    house = House(a_site())
    house.switch = switch
    house.island.recall(fault)
    put(house.image.readings, GRID_AGE_MS=9_999)
    assert house.run(2_000) == f.ISLAND_SENSING
    assert house.switch == switch and house.image.commands[f.FAULTS] == fault
    put(house.image.readings, GRID_AGE_MS=0)
    assert house.run(300) == f.ISLAND_LOCKOUT
    assert house.run(60_000) == f.ISLAND_LOCKOUT and not house.switch
    house.acknowledge()
    assert house.run(10_000, f.ISLAND_GRID) == f.ISLAND_GRID
    assert house.image.commands[f.FAULTS] == 0


def test_how_often_an_island_was_tried_is_not_known_after_a_reset_so_it_is_once_more() -> None:
    house = House(a_site())
    house.island.recall(f.FAULT_ISLAND_STOP)
    house.run(500)
    house.weak = True
    house.grid = f.GRID_DEAD
    house.run(300_000)
    assert house.trace.count(f.ISLAND_BONDING) == 1


def test_an_inverter_that_did_not_form_stays_without_its_enable() -> None:
    house = House(a_site())
    house.island.recall(f.FAULT_FORMING)
    assert house.run(3_000) == f.ISLAND_GRID
    assert not house.island.permits & f.OUT_ENABLE
    house.grid = f.GRID_DEAD
    assert house.run(20_000) == f.ISLAND_GRID  # no island is tried
    house.grid = f.GRID_IN_SERVICE
    house.image.requests[f.ACKNOWLEDGE_SEQ] += 1
    house.run(1_000)
    assert house.island.permits & f.OUT_ENABLE


def test_core_shows_them_from_the_start() -> None:
    image = healthy(ISLAND_CAPABLE=1)
    every = (1 << len(f.FAULT_NAMES)) - 1
    image.requests[f.REMEMBERED_FAULTS] = every
    image.requests[f.POINT_REMEMBERED_FAULTS] = every & f.FAULTS_OF_POINT
    core = Core(image)
    mine = f.FAULT_PILOT | f.FAULT_DIODE | f.FAULT_CABLE  # what is measured is measured anew
    rooms = core.points[0].contactor.faults | core.island.faults
    assert rooms & mine == 0 and image.commands[f.FAULTS] & rooms == rooms
    assert rooms & (f.FAULT_WELD | f.FAULT_BOND | f.FAULT_NEUTRAL | f.FAULT_ISLAND_STOP)
    core.step(100)
    assert not image.commands[f.PERMITS] & (f.OUT_CONTACTOR | f.OUT_ENABLE)


def test_a_replay_that_sets_the_requests_later_decides_the_same() -> None:
    image = healthy(ISLAND_CAPABLE=1)
    core = Core(image)
    image.requests[f.REMEMBERED_FAULTS] = f.FAULT_WELD | f.FAULT_BOND
    image.requests[f.POINT_REMEMBERED_FAULTS] = f.FAULT_WELD
    core.step(100)
    assert image.commands[f.FAULTS] & (f.FAULT_WELD | f.FAULT_BOND) == f.FAULT_WELD | f.FAULT_BOND
    assert image.commands[f.POINT_CONTACTOR_STATE] == f.CONTACTOR_FAULT


def test_a_first_start_has_nothing_to_recall() -> None:
    image = healthy()
    Core(image)
    assert image.commands[f.FAULTS] == 0


@pytest.mark.parametrize("known", [True, False])
def test_a_bond_that_reads_closed_after_a_reset_is_no_weld_where_it_was_seen_open(
    known: bool,
) -> None:
    house = House(a_site())
    house.run(3_000)
    house.false[f.IN_BOND] = True
    house.reset()
    if not known:
        put(house.image.requests, REMEMBERED=(0,) * f.MEMORIES)
        house.island.recall(0)
    house.run(20_000)
    assert house.switch == known
    fault = f.FAULT_BOND if known else f.FAULT_BOND_STUCK
    assert house.image.commands[f.FAULTS] == fault


def test_tries_are_not_given_anew_by_a_reset() -> None:
    house = House(a_site())
    house.run(500)
    house.weak = True
    house.grid = f.GRID_DEAD
    house.run(60_000)
    begun = house.trace.count(f.ISLAND_BONDING)
    house.reset()
    house.run(300_000)
    assert 2 <= begun < house.trace.count(f.ISLAND_BONDING) <= 4
