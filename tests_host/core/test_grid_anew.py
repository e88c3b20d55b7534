"""What the grid's side and the transfer begin anew, how long they wait, and their very edges."""

from __future__ import annotations

import pytest

from firmware import image as im
from firmware.core.grid import island_judge, island_limits
from firmware.core.grid.island_table import SOFT, bit
from firmware.core.grid.own_trip import OwnTrip
from firmware.core.grid.shares import Offered
from tests_host.core.builders import healthy, put
from tests_host.core.island_house import a_site
from tests_host.core.test_island_holes import witnessed
from tests_host.core.test_supply import House
from tests_host.fields import EVSE, INVERTER

STEP_MS = 100

# --- what a device's own power did to the voltage -----------------------------------------------

RATING_W, LEAST_W = 5_000, 4_000
LEVEL_MV, NOMINAL_MV = 253_000, 230_000


class Fed:
    """A device that feeds in on a line where 25 V are its doing; too little is left to run on."""

    def __init__(self) -> None:
        self.own = OwnTrip()
        self.step(STEP_MS, pressed=True, power=RATING_W, mv=260_000)

    def step(self, ms: int, power: int = 0, mv: int = 235_000, pressed: bool = False) -> int:
        for _ in range(ms // STEP_MS):
            idle = power == 0
            given = (power, RATING_W, LEAST_W, idle, mv, LEVEL_MV, NOMINAL_MV, 20_000)
            self.own.step(STEP_MS, pressed, *given)
        return self.own.most

    def waits_s(self) -> int:
        """Until it may run again."""
        for ms in range(0, 8_000_000, STEP_MS):
            if self.step(STEP_MS) >= LEAST_W:
                return ms // 1000
        raise AssertionError("never")


def test_nothing_is_asked_of_it_while_its_doing_is_being_learned() -> None:
    fed = Fed()
    assert fed.own.most == 0
    assert fed.step(2_000) == 0


def test_it_stands_off_for_longer_each_time_and_an_hour_at_most() -> None:
    fed = Fed()
    fed.step(3_000)
    assert 0 < fed.own.most < LEAST_W
    waited_s = []
    for _ in range(7):
        waited_s.append(fed.waits_s())
        fed.step(5_200, power=LEAST_W, mv=254_000)  # and it is too much again
        assert fed.own.most < LEAST_W
    assert waited_s == pytest.approx([300, 600, 1_200, 2_400, 3_600, 3_600, 3_600], abs=4)


def test_after_standing_off_the_voltage_has_time_to_say_what_it_did() -> None:
    fed = Fed()
    fed.step(3_000)
    fed.waits_s()
    assert fed.step(3_500, power=LEAST_W, mv=254_000) == LEAST_W
    assert fed.step(1_500, power=LEAST_W, mv=254_000) < LEAST_W


@pytest.mark.parametrize(("age_ms", "counts"), [(500, True), (501, False)])
def test_an_own_points_current_counts_for_half_a_second(age_ms: int, counts: bool) -> None:
    image = healthy()
    put(image.live, EVSE_MA=(9_000, 0, 0), EVSE_AGE_MS=age_ms)
    image.latch()
    put(image.commands, OFFER_MA=6_000)
    told = []

    class Told:
        def moved(self, own: OwnTrip, dt_ms: int, kind: int, power: int, *_: int) -> None:
            told.append(power)

    Offered(image, EVSE).remember(STEP_MS, Told())
    assert told == [9_000 if counts else 6_000]


# --- the supply ---------------------------------------------------------------------------------


@pytest.mark.parametrize(("pu", "burns"), [(1.2, False), (1.201, True)])
def test_burning_begins_above_a_fifth_too_much(pu: float, burns: bool) -> None:
    house = House()
    house.set(pu, 1.0, 1.0)
    assert (house.run(8) == im.LOSS_BURNING) == burns


def test_what_is_not_measured_has_run_out_of_nothing() -> None:
    house = House()
    house.set(1.0, 0.7, 1.0)
    house.run(40)
    assert house.supply.out and house.supply.strain
    house.image.readings[im.GRID_AGE_MS] = 60_000
    house.run(0.1)
    assert not house.supply.known
    assert house.supply.out == house.supply.strain == 0


# --- the transfer's judge -----------------------------------------------------------------------


class Court:
    def __init__(self) -> None:
        self.image = a_site()
        self.judge = island_judge.Judge(self.image)

    def run(self, seconds: int, state: int = im.ISLAND_GRID, step_ms: int = 1_000) -> int:
        made = 0
        for _ in range(seconds * 1000 // step_ms):
            made = self.judge.step(step_ms, state, 0, im.OUT_ISLAND, bit("plugged") | bit("tied"))
        return made


def test_a_try_is_forgotten_after_a_minute_of_good_grid() -> None:
    court = Court()
    court.judge.used, court.judge.faults = 1, SOFT
    court.run(59)
    assert court.judge.used == 1 and court.judge.faults
    court.run(1)
    assert court.judge.used == 0 and not court.judge.faults


def test_a_transfer_is_of_late_for_half_an_hour() -> None:
    court = Court()
    court.judge.leaves = 2
    court.run(1_799)
    assert court.judge.leaves == 2
    court.run(1)
    assert court.judge.leaves == 1


@pytest.mark.parametrize("device", range(im.DEVICES))
def test_a_switch_is_withheld_for_the_device_that_forms(device: int) -> None:
    court = Court()
    court.image.commands[im.DEVICE_ENABLE_BAR + device] = im.BAR_SWITCH
    assert (court.run(1) & bit("unruly") != 0) == (device == INVERTER)


# --- limits of an island ------------------------------------------------------------------------


def loaded(part: float, age_ms: int = 0, soc_age_ms: int = 0) -> int:
    """What is found within 5 s of a current of this part of the circuit's 16 A, without power."""
    image = a_site()
    image.site[im.DEVICE_NODE + INVERTER] = 0
    image.site[im.NODE_RATING_MA] = 16_000
    image.site[im.DEVICE_DISCHARGE_W + INVERTER] = 5_000
    image.readings[im.HOUSE_MV] = image.site[im.NOMINAL_MV]
    image.readings[im.DEVICE_MA + INVERTER * im.LEGS] = -round(16_000 * part)
    image.readings[im.DEVICE_AGE_MS + INVERTER] = age_ms
    image.readings[im.DEVICE_SOC_AGE_MS + INVERTER] = soc_age_ms
    limits = island_limits.Limits(image)
    found = 0
    for _ in range(50):
        found |= limits.step(STEP_MS, True, False, True, False)
    return found


def test_a_leg_beyond_its_circuit_ends_an_island_and_one_within_does_not() -> None:
    assert loaded(1.02) == 0
    assert loaded(1.05) == island_limits.SHED | island_limits.WEAK


def test_what_an_inverter_told_long_ago_is_no_load() -> None:
    assert loaded(1.5, age_ms=0, soc_age_ms=60_000)
    assert not loaded(1.5, age_ms=60_000, soc_age_ms=0)


# --- a weld -------------------------------------------------------------------------------------


def test_a_grid_that_came_back_apart_and_went_may_come_back_welded() -> None:
    """What it showed before it was dead again says nothing of what it shows now."""
    readings, step = witnessed(1)
    readings[im.INPUTS] = im.IN_ISLAND_DEAD | im.IN_ISLAND_OPEN
    step(1_000, im.ISLAND_DARK)
    readings[im.INPUTS] = im.IN_ISLAND_OPEN
    readings[im.HOUSE_MV], readings[im.HOUSE_MHZ] = 230_000, 50_000
    step(1_000, im.ISLAND_ISLANDED)
    readings[im.GRID_MV], readings[im.GRID_MHZ] = 220_000, 50_100
    assert not step(3_000, im.ISLAND_ISLANDED) & bit("follows")
    readings[im.GRID_MV], readings[im.GRID_MHZ] = 230_000, 50_000  # by chance as the house
    assert not step(3_000, im.ISLAND_ISLANDED) & bit("follows")
    readings[im.GRID_MV] = readings[im.GRID_MHZ] = 0
    step(1_000, im.ISLAND_ISLANDED)
    readings[im.GRID_MV], readings[im.GRID_MHZ] = 230_000, 50_000
    assert step(3_000, im.ISLAND_ISLANDED) & bit("follows")
