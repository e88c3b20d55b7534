# islet: faults of the transfer that must not keep a house dark (INV-5, 6, 7, 17, 18).
# GPL-3.0-or-later
from __future__ import annotations

import pytest

from firmware import image as f
from tests_host.core.island_house import LIVE_MV, House, a_site, islanded, names
from tests_host.fields import INVERTER

# --- a device that stops, and tries that end -------------------------------------------------


def tries(house: House, ms: int) -> int:
    """How many islands were begun in this time."""
    begun = len([state for state in house.trace if state == f.ISLAND_BONDING])
    house.run(ms)
    return len([state for state in house.trace if state == f.ISLAND_BONDING]) - begun


@pytest.mark.parametrize("moment", ["start", "collapse"])
def test_an_island_that_fails_is_tried_three_times_more_and_the_grid_brings_light(
    moment: str,
) -> None:
    house = House(a_site())
    house.run(500)
    house.weak = moment == "start"
    house.grid = f.GRID_DEAD
    if moment == "collapse":
        assert house.run(10_000, f.ISLAND_ISLANDED) == f.ISLAND_ISLANDED
        house.weak = True
    house.run(300_000)
    assert len([state for state in house.trace if state == f.ISLAND_BONDING]) == 4
    assert house.island.state == f.ISLAND_DARK
    assert house.image.commands[f.FAULTS] == f.FAULT_ISLAND_STOP
    house.weak = False
    assert tries(house, 300_000) == 0, "the next one only with a person"
    house.grid = f.GRID_WAITING
    assert house.run(4_800) == f.ISLAND_DARK, "INV-7: qualified for 5 s"
    assert house.run(2_000, f.ISLAND_GRID) == f.ISLAND_GRID
    house.grid = f.GRID_IN_SERVICE
    house.run(120_000)
    assert house.switch and house.image.commands[f.FAULTS] == f.FAULT_ISLAND_STOP
    assert house.island.permits == f.OUT_ISLAND | f.OUT_LOADS, "no enable"
    house.acknowledge()
    house.run(300)
    assert house.image.commands[f.FAULTS] == 0 and house.island.permits & f.OUT_ENABLE
    house.grid = f.GRID_DEAD
    assert house.run(10_000, f.ISLAND_ISLANDED) == f.ISLAND_ISLANDED


def test_pauses_between_tries_grow_and_a_good_grid_forgets_them() -> None:
    house = House(a_site())
    house.run(500)
    house.weak = True
    house.grid = f.GRID_DEAD
    waits, dark_ms = [], 0
    for _ in range(2_500):
        house.run(100)
        if house.island.state == f.ISLAND_DARK:
            dark_ms += 100
        elif dark_ms:
            waits.append(dark_ms)
            dark_ms = 0
    assert len(waits) == 3 and waits[0] < waits[1] < waits[2]
    house.acknowledge()
    house.run(40_000)
    house.weak = False
    house.grid = f.GRID_IN_SERVICE
    house.run(90_000)
    assert house.image.commands[f.FAULTS] == 0, "one try used: healed by a minute of good grid"


def test_an_inverter_that_forms_unasked_in_the_dark_keeps_the_switch_open() -> None:
    """INV-7: the way back waits until the source has stopped and the house is dead."""
    house = House(a_site())
    house.weak = True
    house.grid = f.GRID_DEAD
    house.run(200_000)
    house.weak, house.deaf, house.mode = False, True, f.MODE_FORM
    house.grid = f.GRID_IN_SERVICE
    house.run(30_000)
    assert not house.switch and house.image.commands[f.FAULTS] & f.FAULT_FORMING
    house.deaf = False
    assert house.run(10_000, f.ISLAND_GRID) == f.ISLAND_GRID
    assert house.island.permits & f.OUT_ENABLE == 0


# --- contacts that lie -----------------------------------------------------------------------


def test_a_mirror_stuck_at_open_does_not_darken_the_house() -> None:
    house = House(a_site())
    house.run(1_000)
    house.mirror_open = True
    house.run(700)
    assert house.island.permits & f.OUT_ENABLE == 0, "beyond its declared time"
    for _ in range(100):
        house.run(100)
        assert house.switch and house.island.permits & f.OUT_LOADS
    assert house.image.commands[f.FAULTS] == f.FAULT_ISLAND_OPEN
    house.grid = f.GRID_DEAD
    house.run(30_000)
    house.acknowledge()
    house.run(1_000)
    assert house.switch, "an outage passes and the house is lit again with the grid"
    house.grid = f.GRID_IN_SERVICE
    house.run(10_000)
    assert house.switch and house.island.permits & f.OUT_ENABLE == 0, "contacts still contradict"
    house.mirror_open = False
    house.acknowledge()
    assert house.run(1_000) == f.ISLAND_GRID
    assert house.image.commands[f.FAULTS] == 0 and f.ISLAND_DARK not in house.trace


@pytest.mark.parametrize("ms", [100, 300, 500])
@pytest.mark.parametrize("bit", [f.IN_ISLAND_OPEN, f.IN_BOND])
def test_a_glitch_within_the_relays_time_moves_nothing(bit: int, ms: int) -> None:
    house = House(a_site())
    house.run(2_000)
    house.false[bit] = True
    for _ in range(ms // 100):
        house.run(100)
        assert house.island.permits == f.OUT_ISLAND | f.OUT_LOADS | f.OUT_ENABLE
    assert house.image.commands[f.ISLAND_NOTE] in (f.NOTE_MIRROR, f.NOTE_BOND)
    house.false.clear()
    house.run(70_000)
    assert house.image.commands[f.ISLAND_NOTE] == f.NOTE_NONE
    assert house.image.commands[f.FAULTS] == 0 and names(house.trace) == "grid"


@pytest.mark.parametrize("proved", [True, False])
def test_a_bond_that_reads_closed_on_the_grid(proved: bool) -> None:
    """Proved open before: named, and the grid carries the house without limit of time. Else the
    switch opens until a person (it may be a weld)."""
    house = House(a_site())
    if not proved:
        house.image.site[f.BOND_NORMALLY_OPEN] = 0
    house.run(2_000)
    house.false[f.IN_BOND] = True
    house.run(3_600_000 if proved else 10_000)
    assert house.island.permits & f.OUT_ENABLE == 0
    assert house.switch == proved
    assert house.image.commands[f.FAULTS] == (f.FAULT_BOND if proved else f.FAULT_BOND_STUCK)
    house.grid = f.GRID_DEAD
    assert tries(house, 20_000) == 0
    house.grid = f.GRID_IN_SERVICE
    house.false.clear()
    house.run(20_000)
    assert house.switch == proved
    house.acknowledge()
    house.run(20_000, f.ISLAND_GRID)
    house.run(300)
    assert house.switch and house.image.commands[f.FAULTS] == 0


def test_the_switch_is_never_closed_onto_a_bond_that_reads_closed() -> None:
    house = islanded(3_000)
    house.stuck_bond = True
    house.grid = f.GRID_IN_SERVICE
    house.run(60_000)
    assert house.island.state == f.ISLAND_LOCKOUT and not house.switch
    assert house.image.commands[f.FAULTS] == f.FAULT_BOND_STUCK
    house.stuck_bond = house.bond = False
    house.run(60_000)
    assert not house.switch, "until a person"
    house.acknowledge()
    assert house.run(20_000, f.ISLAND_GRID) == f.ISLAND_GRID


@pytest.mark.parametrize("state", [f.ISLAND_UNBONDING, f.ISLAND_CLOSING, f.ISLAND_DARK])
@pytest.mark.parametrize("ms", [100, 300, 500])
def test_a_bond_that_flickers_on_the_way_back_only_delays_it(state: int, ms: int) -> None:
    house = islanded(1_000)
    house.drain(150)
    house.run(5_000 if state == f.ISLAND_DARK else 700)
    house.grid = f.GRID_IN_SERVICE
    house.run(30_000, state)
    house.false[f.IN_BOND] = True
    house.run(ms)
    house.false.clear()
    assert house.run(15_000, f.ISLAND_GRID) == f.ISLAND_GRID
    assert house.image.commands[f.FAULTS] & f.FAULT_BOND_STUCK == 0


@pytest.mark.parametrize("ms", [100, 400, 1_000, 5_000])
@pytest.mark.parametrize("bit", [f.IN_ISLAND_OPEN, f.IN_BOND])
def test_a_proof_lost_while_forming_takes_the_enable_at_once_and_the_bond_stays(
    bit: int, ms: int
) -> None:
    """INV-5, INV-18: for the bond the switch counts as open until the device has stopped."""
    house = islanded(1_000)
    house.false[bit] = False
    house.run(100)
    assert house.island.permits & f.OUT_ENABLE == 0
    stop_ms = house.image.site[f.DEVICE_STOP_MS + INVERTER]
    for _ in range(stop_ms // 100 - 1):
        assert house.island.permits & f.OUT_BOND
        house.run(100)
    house.run(max(0, ms - stop_ms))
    house.false.clear()
    lies = bit == f.IN_ISLAND_OPEN and ms > stop_ms  # beyond its time: only with a person
    assert house.run(40_000, f.ISLAND_ISLANDED) == (f.ISLAND_DARK if lies else f.ISLAND_ISLANDED)


def test_a_switch_that_really_opened_closes_again_after_a_pause() -> None:
    house = House(a_site())
    house.run(1_000)
    house.switch = False
    house.switch_relay.travel_ms = 2_000
    house.run(1_600)
    assert house.island.state == f.ISLAND_DARK
    assert house.image.commands[f.FAULTS] == f.FAULT_ISLAND_CLOSE
    house.switch_relay.travel_ms = 100
    assert house.run(10_000, f.ISLAND_GRID) == f.ISLAND_GRID
    assert house.island.permits & f.OUT_ENABLE == 0


@pytest.mark.parametrize("reading", [f.HOUSE_MV, f.HOUSE_MHZ])
def test_a_switch_that_opened_onto_another_source_is_not_held(reading: int) -> None:
    """Then the drive goes, as the contacts say, so that the switch cannot close onto it."""
    house = House(a_site())
    house.run(1_000)
    house.mirror_open = True
    for _ in range(30):
        house.show()
        house.image.readings[reading] = 150_000 if reading == f.HOUSE_MV else 50_300
        house.island.step(100)
        house.act()
    assert house.island.state == f.ISLAND_DARK
    assert house.island.permits & (f.OUT_ISLAND | f.OUT_ENABLE) == 0
    assert house.image.commands[f.FAULTS] & f.FAULT_ISLAND_CLOSE


# --- after closing ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("volts", "opens"), [((266, 230), True), ((255, 205), True), ((255, 230), False)]
)
@pytest.mark.parametrize("after_ms", [300, 9_000, 11_000])
def test_a_neutral_lost_after_closing_opens_at_once_and_for_good(
    volts: tuple[int, int], opens: bool, after_ms: int
) -> None:
    house = House(a_site())
    house.image.site[f.LEG_COUNT] = 1
    house.grid = f.GRID_DEAD
    house.run(10_000, f.ISLAND_ISLANDED)
    house.grid = f.GRID_IN_SERVICE
    house.run(10_000, f.ISLAND_GRID)
    house.run(after_ms)
    house.image.site[f.LEG_COUNT] = 2
    opens = opens and after_ms < 10_000
    for _ in range(3):
        house.show()
        for leg, value in enumerate(volts):
            house.image.readings[f.HOUSE_MV + leg] = value * 1_000
            house.image.readings[f.GRID_MV + leg] = value * 1_000
        house.island.step(100)
        house.act()
    assert house.switch != opens
    house.image.site[f.LEG_COUNT] = 1
    house.run(60_000)
    assert house.switch != opens
    if opens:
        assert house.image.commands[f.FAULTS] == f.FAULT_NEUTRAL
        house.acknowledge()
        assert house.run(20_000, f.ISLAND_GRID) == f.ISLAND_GRID


# --- live and unbonded, stop, and the bond last ----------------------------------------------


def test_a_house_held_by_the_sun_keeps_its_bond_and_goes_back_when_it_is_dead() -> None:
    """INV-17: named while it lasts, heals, and the ordinary way back goes on."""
    house = islanded(2_000)
    house.sun = True
    house.grid = f.GRID_IN_SERVICE
    house.run(40_000)
    assert house.island.state == f.ISLAND_ENDING and house.bond and not house.switch
    assert house.image.commands[f.FAULTS] == f.FAULT_NOT_DEAD
    house.sun = False
    assert house.run(10_000, f.ISLAND_GRID) == f.ISLAND_GRID
    house.run(500)
    assert house.image.commands[f.FAULTS] == 0 and house.island.permits & f.OUT_ENABLE


def test_a_house_that_comes_alive_in_the_dark_gets_its_bond_and_no_enable() -> None:
    house = islanded()
    house.drain(150)
    house.run(5_000, f.ISLAND_DARK)
    house.run(1_000)
    assert not house.bond
    house.sun = True
    house.run(2_500)
    assert house.bond and house.island.permits == f.OUT_BOND
    house.run(3_000)
    assert house.image.commands[f.FAULTS] & f.FAULT_NOT_DEAD
    house.sun = False
    house.run(2_000)
    assert not house.bond and house.image.commands[f.FAULTS] == 0


def test_the_stop_ends_the_island_bond_last_and_its_release_brings_the_grid_alone() -> None:
    house = islanded(2_000)
    house.stop = True
    house.image.trips[f.TRIPPED] = f.TRIP_STOP
    house.run(100)
    assert house.island.permits & f.OUT_ENABLE == 0 and house.island.permits & f.OUT_BOND
    house.run(20_000)
    house.grid = f.GRID_IN_SERVICE
    house.run(20_000)
    assert not house.switch, "nothing energises while it is pressed"
    house.stop = False
    assert house.run(10_000, f.ISLAND_GRID) == f.ISLAND_GRID
    assert house.image.commands[f.FAULTS] == 0
    house.grid = f.GRID_DEAD
    house.run(20_000)
    assert house.island.state == f.ISLAND_GRID, "no island without a person"
    house.image.trips[f.TRIPPED] = 0
    assert house.run(10_000, f.ISLAND_ISLANDED) == f.ISLAND_ISLANDED


@pytest.mark.parametrize("alone", [True, False])
@pytest.mark.parametrize("pressed_ms", [200, 2_000])
def test_a_stop_whose_scope_is_the_supply_keeps_it_off_until_a_person(
    alone: bool, pressed_ms: int
) -> None:
    """Pressed in an island or on the grid, and however briefly."""
    house = House(a_site())
    house.image.site[f.STOP_CUTS_SUPPLY] = 1
    house.run(2_000)
    if alone:
        house.grid = f.GRID_DEAD
        house.run(10_000, f.ISLAND_ISLANDED)
    house.stop = True
    house.image.trips[f.TRIPPED] = f.TRIP_STOP
    house.run(pressed_ms)
    house.stop = False
    house.grid = f.GRID_IN_SERVICE
    house.run(60_000)
    assert not house.switch and house.island.state == f.ISLAND_LOCKOUT
    house.acknowledge()
    house.image.trips[f.TRIPPED] = 0
    assert house.run(10_000, f.ISLAND_GRID) == f.ISLAND_GRID and not house.image.commands[f.FAULTS]


TRIPS_RCD, TRIPS_HEAT = (f.TRIP_RCD, f.IN_RCD), (f.TRIP_HEAT, f.IN_OVERTEMP)


@pytest.mark.parametrize("breaks", [0, f.IN_RCD, f.IN_OVERTEMP, f.IN_RCD | f.IN_OVERTEMP])
@pytest.mark.parametrize("topology", [1, 2])
@pytest.mark.parametrize(("trip", "contact"), [TRIPS_RCD, TRIPS_HEAT])
def test_a_trip_darkens_an_island_where_the_circuit_lets_it_break_the_enable(
    topology: int, breaks: int, trip: int, contact: int
) -> None:
    """safety.md 5 and 8: at a point of its own (T1) it does not."""
    ends = breaks & contact != 0
    house = islanded(2_000, TOPOLOGY=topology, ENABLE_INPUTS=f.IN_ESTOP | breaks)
    house.image.trips[f.TRIPPED] = trip
    house.run(5_000)
    assert (house.house_mv() == LIVE_MV) != ends
