# islet: mistakes in the transfer's witnesses and judges that no test had noticed, with neighbours.
# GPL-3.0-or-later
from __future__ import annotations

import types
from collections.abc import Callable, Iterator

import pytest

from firmware import image as im
from firmware.core.grid import island_facts, island_judge, island_limits, switch_kernel
from firmware.core.grid.island_table import bit
from tests_host.core.island_house import House, a_site, islanded
from tests_host.core.planted import plant
from tests_host.fields import INVERTER

# --- the hardware's word that the house is dead ------------------------------------------------


def the_permissive_has_a_veto_on_forming() -> None:
    """From before the outage on, or from any step on the way to the island."""
    for after_ms in range(0, 3_000, 100):
        house = House(a_site())
        house.run(2_000)
        house.grid = im.GRID_DEAD
        house.run(after_ms)
        if house.mode == im.MODE_FORM:
            assert after_ms > 1_000
            return
        house.false[im.IN_ISLAND_DEAD] = False
        for _ in range(300):
            house.run(100)
            assert house.mode != im.MODE_FORM and not house.island.permits & im.OUT_ENABLE, (
                after_ms
            )


def the_permissive_has_a_veto_on_coming_back() -> None:
    """Switch and bond wait for 5 s of a dead house where it denies that the house is dead."""
    house = islanded(1_000)
    house.false[im.IN_ISLAND_DEAD] = False
    house.drain(150)
    house.run(5_000, im.ISLAND_ENDING)
    house.grid = im.GRID_IN_SERVICE
    dead_ms = 0
    while house.island.state == im.ISLAND_ENDING and dead_ms < 9_000:
        house.run(100)
        dead_ms += 0 if house.house_mv() else 100
        assert house.bond or house.switch or dead_ms >= 5_000, dead_ms
    assert dead_ms >= 5_000
    assert house.run(20_000, im.ISLAND_GRID) == im.ISLAND_GRID, "INV-17: and no longer"


def a_house_alive_on_any_leg_is_not_dead() -> None:
    """5 % on the highest leg, whatever the permissive says."""
    for legs in (1, 2, 3):
        for leg in range(legs):
            for mv, dead in ((11_400, True), (11_500, False), (60_000, False), (230_000, False)):
                readings, step = witnessed(legs)
                readings[im.INPUTS] = im.IN_ISLAND_DEAD
                readings[im.HOUSE_MV + leg] = mv
                assert (step(200, im.ISLAND_DARK) & bit("dead") != 0) == dead, (legs, leg, mv)


# --- switch and house, in numbers ---------------------------------------------------------------


def witnessed(
    legs: int, nominal_mv: int = 230_000, grid: int = 0
) -> tuple[memoryview, Callable[..., int]]:
    """The readings of a fresh site, its grid at this part of nominal (permille), the house dead;
    and what steps its witnesses for so many ms in a state and returns the facts."""
    image = im.Image()
    image.site[im.ISLAND_CAPABLE] = 1
    image.site[im.LEG_COUNT] = legs
    image.site[im.NOMINAL_MV] = nominal_mv
    readings = memoryview(image.readings)
    for age in (im.INPUTS_AGE_MS, im.HOUSE_AGE_MS, im.GRID_AGE_MS):
        readings[age] = 0
    for leg in range(legs):
        readings[im.GRID_MV + leg] = nominal_mv // 1_000 * grid
    if grid:
        readings[im.GRID_MHZ] = 50_000
    witnesses = island_facts.Witnesses(image)

    def step(ms: int, state: int) -> int:
        facts = 0
        for _ in range(ms // 100):
            facts = witnesses.step(100, state, 0)
        return facts

    return readings, step


def legs_of_sites() -> Iterator[tuple[int, int, int]]:
    for nominal_mv in (230_000, 120_000):
        for legs in (1, 2, 3):
            for leg in range(legs):
                yield nominal_mv, legs, leg


def a_leg_parted_by_15_percent_is_apart() -> None:
    """Above or below the grid's, on any leg, after a second; and not by 14 %."""
    for nominal_mv, legs, leg in legs_of_sites():
        for off in (-990, -450, -160, -140, 0, 140, 160, 300):
            readings, step = witnessed(legs, nominal_mv, 1_000)
            readings[im.HOUSE_MHZ] = 50_000
            for each in range(legs):
                readings[im.HOUSE_MV + each] = nominal_mv
            readings[im.HOUSE_MV + leg] = nominal_mv // 1_000 * (1_000 + off)
            where = (nominal_mv, legs, leg, off)
            assert not step(900, im.ISLAND_GRID) & bit("apart"), where
            facts = step(100, im.ISLAND_GRID)
            assert (facts & bit("apart") != 0) == (abs(off) > 150), where
            assert (facts & bit("tied") != 0) == (abs(off) <= 150), where


def a_pole_that_has_not_closed_is_not_taken_for_closed() -> None:
    """While closing, the mirror's word counts only with the house's voltage at the grid's."""
    for nominal_mv, legs, leg in legs_of_sites():
        for off in (-1_000, -450, -160, -140, 0, 140, 160):
            readings, step = witnessed(legs, nominal_mv, 1_000)
            readings[im.HOUSE_MHZ] = 50_000
            for each in range(legs):
                readings[im.HOUSE_MV + each] = nominal_mv
            readings[im.HOUSE_MV + leg] = nominal_mv // 1_000 * (1_000 + off)
            closed = step(100, im.ISLAND_CLOSING) & bit("closed") != 0
            assert closed == (abs(off) <= 150), (nominal_mv, legs, leg, off)


def two_frequencies_are_apart() -> None:
    for off_mhz in (-1_000, -110, -90, 0, 90, 110, 1_000):
        readings, step = witnessed(1, grid=1_000)
        readings[im.HOUSE_MV], readings[im.HOUSE_MHZ] = 230_000, 50_000 + off_mhz
        apart = step(1_000, im.ISLAND_GRID) & bit("apart") != 0
        assert apart == (abs(off_mhz) > 100), off_mhz


def a_lost_neutral_is_upset() -> None:
    """A leg above 1.15; or one above 1.10 with another below 0.90, whichever they are."""
    for legs in (2, 3):
        for high in range(legs):
            for low in (leg for leg in range(legs) if leg != high):
                for up, down, upset in (
                    (1_160, 1_000, True),
                    (1_140, 1_000, False),
                    (1_110, 890, True),
                    (1_110, 910, False),
                    (1_090, 890, False),
                ):
                    readings, step = witnessed(legs, grid=1_000)
                    for leg in range(legs):
                        readings[im.HOUSE_MV + leg] = 230_000
                    readings[im.HOUSE_MV + high] = 230 * up
                    readings[im.HOUSE_MV + low] = 230 * down
                    facts = step(100, im.ISLAND_GRID)
                    assert (facts & bit("upset") != 0) == upset, (legs, high, low, up, down)


def an_island_without_its_neutral_stops() -> None:
    """A leg above 1.15 and another below 0.90, whichever they are, within 100 ms; levels moved
    inwards by the instrument's 1 %."""
    for legs in (2, 3):
        for high in range(legs):
            for low in (leg for leg in range(legs) if leg != high):
                for up, down, stops in (
                    (1_160, 890, True),
                    (1_145, 905, True),
                    (1_160, 915, False),
                    (1_135, 890, False),
                ):
                    image = a_site()
                    image.site[im.LEG_COUNT] = legs
                    for leg in range(legs):
                        image.readings[im.HOUSE_MV + leg] = 230_000
                    image.readings[im.HOUSE_MV + high] = 230 * up
                    image.readings[im.HOUSE_MV + low] = 230 * down
                    found = island_limits.Limits(image).step(100, True, False, True, False)
                    assert (found & island_limits.WILD != 0) == stops, (legs, high, low, up, down)


# --- bond last, and the reserve -----------------------------------------------------------------


def the_bond_outlives_the_enable() -> None:
    """INV-18: by the device's own stop time, however the island ends, and then until the house is
    dead."""
    for stop_ms in (100, 500, 2_000):
        for way in ("reserve", "back", "trip"):
            house = islanded(1_000, STOP_MS=stop_ms)
            if way == "reserve":
                house.drain(150)
            elif way == "back":
                house.grid = im.GRID_IN_SERVICE
            else:
                house.stop = True
            while house.island.permits & im.OUT_ENABLE:
                house.run(100)
            held_ms = 0
            while house.island.permits & im.OUT_BOND and held_ms < 9_000:
                assert not house.switch
                house.run(100)
                held_ms += 100
            assert stop_ms + 100 <= held_ms <= stop_ms + 500, (stop_ms, way)


def an_island_ends_at_its_reserve() -> None:
    """At it, not below it and not above it; and none begins there."""
    for reserve in (50, 100, 200, 500, 900):
        house = House(a_site())
        requests, readings = house.image.requests, house.image.readings
        requests[im.OUTAGE_RESERVE_PERMILLE] = reserve
        readings[im.DEVICE_SOC_PERMILLE + INVERTER] = reserve + 60
        house.run(2_000)
        house.grid = im.GRID_DEAD
        assert house.run(10_000, im.ISLAND_ISLANDED) == im.ISLAND_ISLANDED, reserve
        house.drain(reserve + 1)
        assert house.run(20_000) == im.ISLAND_ISLANDED, reserve
        house.drain(reserve)
        house.run(100)
        assert not house.island.permits & im.OUT_ENABLE, reserve
        assert house.run(60_000) == im.ISLAND_DARK
        for soc, begins in ((reserve + 49, False), (reserve + 50, True)):
            house.drain(soc)
            began = house.run(30_000, im.ISLAND_ISLANDED) == im.ISLAND_ISLANDED
            assert began == begins, (reserve, soc)
    for soc, begins in ((200, False), (201, True)):
        house = House(a_site())
        house.image.readings[im.DEVICE_SOC_PERMILLE + INVERTER] = soc
        house.run(2_000)
        house.grid = im.GRID_DEAD
        house.run(20_000)
        assert (im.ISLAND_BONDING in house.trace) == begins, soc


CHECKS = (
    the_permissive_has_a_veto_on_forming,
    the_permissive_has_a_veto_on_coming_back,
    a_house_alive_on_any_leg_is_not_dead,
    a_leg_parted_by_15_percent_is_apart,
    a_pole_that_has_not_closed_is_not_taken_for_closed,
    two_frequencies_are_apart,
    a_lost_neutral_is_upset,
    an_island_without_its_neutral_stops,
    the_bond_outlives_the_enable,
    an_island_ends_at_its_reserve,
)
(VETO, RETURN, DEAD, APART, POLE, DRIFT, UPSET, NEUTRAL, BOND, RESERVE) = CHECKS


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_holds(check: Callable[[], None]) -> None:
    check()


PERMISSIVE = "self.dead_ms >= _DEAD_MS and readings[im.INPUTS] & im.IN_ISLAND_DEAD"
MATCH = "_MATCH_PERMILLE = const(150)"
OVER = "now[_HIGH] > 1150 - ERROR_PERMILLE"
SETTLED = "self.off_ms >= site[im.DEVICE_STOP_MS + site[im.ISLAND_DEVICE]] + im.BOND_MARGIN_MS"
ENOUGH = "if soc <= reserve:"
MISTAKES = (
    (VETO, island_facts, PERMISSIVE, "self.dead_ms >= _DEAD_MS"),
    (VETO, island_facts, PERMISSIVE, PERMISSIVE.replace(" and ", " or ")),
    (RETURN, island_facts, PERMISSIVE, "self.dead_ms >= _DEAD_MS"),
    (RETURN, island_facts, "_IDLE_MS = const(5_000)", "_IDLE_MS = const(500)"),
    (DEAD, island_facts, PERMISSIVE, "readings[im.INPUTS] & im.IN_ISLAND_DEAD"),
    (DEAD, island_facts, "longer(highest_mv < dead_mv", "longer(lowest_mv < dead_mv"),
    (DEAD, island_facts, "_DEAD_PERMILLE = const(50)", "_DEAD_PERMILLE = const(51)"),
    (DEAD, island_facts, "_DEAD_PERMILLE = const(50)", "_DEAD_PERMILLE = const(49)"),
    (APART, island_facts, MATCH, "_MATCH_PERMILLE = const(450)"),
    (APART, island_facts, MATCH, "_MATCH_PERMILLE = const(165)"),
    (APART, island_facts, MATCH, "_MATCH_PERMILLE = const(135)"),
    (APART, switch_kernel, "leg_mv = 0 - leg_mv", "leg_mv = 0"),
    (APART, switch_kernel, "if leg_mv < 0:", "if leg_mv > 0:"),
    (APART, switch_kernel, "if leg_mv > apart_mv:", "if leg == 0:"),
    (APART, switch_kernel, "while leg < legs:", "while leg < 1:"),
    (APART, switch_kernel, "while leg < legs:", "while leg < legs - 1:"),
    (DEAD, switch_kernel, "if house_mv > most_mv:", "if house_mv < most_mv:"),
    (APART, island_facts, "_MATCH_MS = const(1_000)", "_MATCH_MS = const(900)"),
    (APART, island_facts, "_MATCH_MS = const(1_000)", "_MATCH_MS = const(1_100)"),
    (APART, island_facts, "if known and not differ and not drift:", "if known and not drift:"),
    (POLE, island_facts, MATCH, "_MATCH_PERMILLE = const(450)"),
    (POLE, island_facts, "measured and self.mismatch_ms == 0 and", "measured and"),
    (POLE, island_facts, "state != im.ISLAND_CLOSING or (", "True or ("),
    (DRIFT, island_facts, "drift = beside_mhz > _MATCH_MHZ", "drift = False"),
    (DRIFT, island_facts, "abs(house_mhz - grid_mhz)", "house_mhz - grid_mhz"),
    (DRIFT, island_facts, "_MATCH_MHZ = const(100)", "_MATCH_MHZ = const(120)"),
    (UPSET, island_facts, "high_mv * 20 > nominal_mv * 3", "high_mv * 20 > nominal_mv * 9"),
    (UPSET, island_facts, "lowest_mv * 10 < nominal_mv * 9", "lowest_mv * 10 < nominal_mv * 5"),
    (UPSET, island_facts, "high_mv * 10 > nominal_mv and", "high_mv * 10 > 4 * nominal_mv and"),
    (UPSET, island_facts, "lowest_mv * 10 < nominal_mv * 9", "True"),
    (NEUTRAL, island_limits, OVER, "now[_HIGH] > 1450"),
    (NEUTRAL, island_limits, OVER, "now[_HIGH] > 1150"),
    (NEUTRAL, island_limits, OVER + " and", "True and"),
    (NEUTRAL, island_limits, OVER + " and", OVER + " or"),
    (NEUTRAL, island_limits, "now[_LOW] < 900 + ERROR_PERMILLE", "now[_LOW] < 550"),
    (NEUTRAL, island_limits, "(_SPLIT, 0, 100, ", "(_SPLIT, 0, 1_000, "),
    (
        NEUTRAL,
        island_limits,
        "for leg in range(1, site[im.LEG_COUNT]):",
        "for leg in range(1, 2):",
    ),
    (BOND, island_judge, SETTLED, "True"),
    (BOND, island_judge, SETTLED, "self.off_ms >= im.BOND_MARGIN_MS"),
    (
        BOND,
        island_judge,
        SETTLED,
        "self.off_ms >= site[im.DEVICE_STOP_MS + site[im.ISLAND_DEVICE]] - im.BOND_MARGIN_MS",
    ),
    (RESERVE, island_judge, ENOUGH, "if soc < 0:"),
    (RESERVE, island_judge, ENOUGH, "if soc < reserve:"),
    (RESERVE, island_judge, ENOUGH, "if soc <= reserve + 1:"),
    (RESERVE, island_judge, "_REFILL_PERMILLE = const(50)", "_REFILL_PERMILLE = const(49)"),
    (RESERVE, island_judge, "soc >= reserve + _REFILL", "soc > reserve + _REFILL"),
)


@pytest.mark.parametrize(
    ("check", "module", "old", "new"), MISTAKES, ids=[str(i) for i in range(len(MISTAKES))]
)
def test_a_planted_mistake_is_noticed(
    monkeypatch: pytest.MonkeyPatch,
    check: Callable[[], None],
    module: types.ModuleType,
    old: str,
    new: str,
) -> None:
    plant(monkeypatch, module, old, new)
    with pytest.raises(AssertionError):
        check()
