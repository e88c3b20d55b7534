# islet: an island's limits with gaps, and one welded pole that makes a house look lonely.
# GPL-3.0-or-later
from __future__ import annotations

import pytest

from firmware import image as im
from firmware.core.grid.island_limits import SHED, WEAK, WILD, Limits
from firmware.core.grid.island_table import bit
from tests_host.core.test_island_holes import legs_of_sites, witnessed
from tests_host.fields import INVERTER


def found(permille: int, on_ms: int, every_ms: int, run_ms: int, hz: int = 50) -> set[int]:
    """What an island's limits say with one leg at a level for so long of every so long."""
    image = im.Image()
    image.site[im.NOMINAL_MV], image.site[im.LEG_COUNT] = 230_000, 3
    image.site[im.NOMINAL_MHZ] = 50_000
    readings = image.readings
    readings[im.HOUSE_AGE_MS] = 0
    readings[im.DEVICE_AGE_MS + INVERTER] = 60_000
    readings[im.HOUSE_MHZ] = hz * 1_000
    for leg in range(im.LEGS):
        readings[im.HOUSE_MV + leg] = 230_000
    limits = Limits(image)
    said: set[int] = set()
    for at_ms in range(0, run_ms, 100):
        readings[im.HOUSE_MV + 1] = 230 * (permille if at_ms % every_ms < on_ms else 1_000)
        acts = limits.step(100, True, False, 1, False)
        said |= {act for act in (SHED, WILD, WEAK) if acts & act}
    return said


@pytest.mark.parametrize(
    ("permille", "on_ms", "every_ms", "act"),
    [
        (1_130, 1_200, 2_000, WILD),
        (1_130, 1_900, 2_100, WILD),
        (1_300, 100, 300, WILD),
        (800, 3_000, 4_000, WEAK),
    ],
)
def test_a_gap_does_not_begin_anew(permille: int, on_ms: int, every_ms: int, act: int) -> None:
    """Over 1.10 for 1.2 of every 2 s is over 1.10 (safety.md section 5)."""
    assert act in found(permille, on_ms, every_ms, 40_000)


@pytest.mark.parametrize(
    ("permille", "on_ms", "every_ms"),
    [(1_130, 1_900, 60_000), (1_300, 100, 10_000), (800, 4_900, 100_000)],
)
def test_what_is_rare_does_not_add_up(permille: int, on_ms: int, every_ms: int) -> None:
    assert not found(permille, on_ms, every_ms, 400_000) - {SHED}


def test_loads_go_for_what_is_now() -> None:
    assert found(800, 100, 400, 10_000) == set(), "each gap begins anew"


def test_a_house_that_hangs_on_one_welded_pole_is_not_lonely() -> None:
    """Section 6: its bond would join the grid's leg and the house's earth (INV-6)."""
    lonely = bit("lonely")
    for nominal_mv, legs, leg in legs_of_sites():
        if legs == 1:
            continue
        readings, step = witnessed(legs, nominal_mv, 1_000)
        readings[im.INPUTS] = im.IN_ISLAND_OPEN
        readings[im.HOUSE_MV + leg] = nominal_mv
        assert not step(9_000, im.ISLAND_DARK) & lonely, (nominal_mv, legs, leg)
        readings[im.HOUSE_MHZ] = readings[im.GRID_MHZ] + 500  # its own: every pole is proved open
        assert step(9_000, im.ISLAND_DARK) & lonely, (nominal_mv, legs, leg)


def test_a_house_of_its_own_is_lonely() -> None:
    """A leg at 80 % of its grid's beside dead ones; and any beside a dead grid."""
    for nominal_mv, legs, leg in legs_of_sites():
        readings, step = witnessed(legs, nominal_mv, 1_000)
        readings[im.INPUTS] = im.IN_ISLAND_OPEN
        readings[im.HOUSE_MV + leg] = nominal_mv // 10 * 8
        assert step(9_000, im.ISLAND_DARK) & bit("lonely"), (nominal_mv, legs, leg)
        readings[im.HOUSE_MV + leg] = nominal_mv
        for each in range(legs):
            readings[im.GRID_MV + each] = 0
        assert step(9_000, im.ISLAND_DARK) & bit("lonely"), (nominal_mv, legs, leg)
