# islet: sheddable loads come back where each leg of the inverter has room for its share.
# GPL-3.0-or-later
from __future__ import annotations

import pytest

from firmware import image as im
from firmware.core.grid import island_energy, island_judge
from firmware.core.grid.island_energy import Loads
from firmware.core.grid.island_judge import Judge
from firmware.core.grid.island_limits import Limits
from firmware.core.grid.island_table import cause
from tests_host.core.planted import NOTICED, plant
from tests_host.fields import INVERTER

SITES = ((1, 230), (1, 120), (2, 120), (3, 230), (3, 120))  # legs, V
MOST_W = 9_000


def a_site(legs: int, volts: int) -> im.Image:
    image = im.Image()
    image.site[im.LEG_COUNT], image.site[im.NOMINAL_MV] = legs, volts * 1_000
    image.site[im.ISLAND_DEVICE] = INVERTER
    image.site[im.DEVICE_DISCHARGE_W + INVERTER] = MOST_W
    image.site[im.NODE_INSTRUMENT] = im.INSTRUMENT_METER
    for age in (im.NODE_AGE_MS, im.DEVICE_AGE_MS + INVERTER, im.GRID_AGE_MS):
        image.readings[age] = 0
    return image


def back(legs: int, volts: int, leg: int, house_w: int, fed_w: int, now_w: int) -> bool:
    """Whether they come back: the house drew 300 W on each leg and `house_w` on one while the
    inverter fed `fed_w`; in the island that leg draws `now_w`."""
    image = a_site(legs, volts)
    loads, limits = island_energy.Loads(image), Limits(image)
    for each in range(legs):
        image.readings[im.NODE_W + each] = 300 + (house_w if each == leg else 0) - fed_w // legs
    image.readings[im.DEVICE_W + INVERTER] = -fed_w
    loads.on_grid()
    image.readings[im.DEVICE_W + INVERTER] = -now_w
    image.readings[im.DEVICE_MA + INVERTER * im.LEGS + leg] = -now_w * 1_000 // volts
    limits.step(100, True, False, 1, False)
    return loads.room(100, limits.most_w, limits.even_w)


def test_each_leg_carries_its_share_and_no_more() -> None:
    """Of the sum as well as of a leg; whatever the inverter fed or drew on the grid."""
    for legs, volts in SITES:
        share_w = MOST_W // legs * 95 // 100
        for leg in range(legs):
            for fed_w in (0, 2_100, -2_100, 9_900):  # the last is exported for the most part
                at = (legs, volts, leg)
                assert back(*at, share_w - 400, fed_w, 300), (at, fed_w)
                assert not back(*at, share_w - 200, fed_w, 300), (at, fed_w)
                assert not back(*at, 100, fed_w, share_w + 100), (at, fed_w)
                assert back(*at, 100, fed_w, share_w - 100), (at, fed_w)


def test_the_sum_counts_too() -> None:
    image = a_site(3, 230)
    for each_w, room in ((2_800, True), (2_900, False)):
        loads = Loads(image)
        for leg in range(3):
            image.readings[im.NODE_W + leg] = each_w
        loads.on_grid()
        assert loads.room(100, MOST_W, 0) == room


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("even_w = worst_w * legs + fed_w", "even_w = 0"),
        ("even_w = worst_w * legs + fed_w", "even_w = worst_w * legs"),
        ("even_w = worst_w * legs + fed_w", "even_w = worst_w + fed_w"),
        ("worst_w = readings[im.NODE_W]", "worst_w = 0"),
        ("if leg_w > worst_w:", "if leg == 0:"),
        ("if leg_w > worst_w:", "if leg_w < worst_w:"),
    ],
)
def test_a_mistake_about_legs_is_caught(
    old: str, new: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    plant(monkeypatch, island_energy, old, new)
    with pytest.raises(NOTICED):
        test_each_leg_carries_its_share_and_no_more()


def test_loads_with_which_an_island_fell_wait() -> None:
    """What ends an island faster than loads are shed is never seen: they stay away for long."""
    image = a_site(3, 230)
    for permits, waits in ((im.OUT_ENABLE | im.OUT_LOADS, True), (im.OUT_ENABLE, False)):
        judge = island_judge.Judge(image)
        judge.name(cause("stop"), permits)
        assert bool(judge.loads.wait_ms) == waits
        judge.loads.on_grid()
        assert judge.loads.wait_ms == 0, "the grid begins anew"


def test_what_is_learned_of_a_leg() -> None:
    """Went for a leg: back only where that leg has room for it, whatever the sum."""
    image = a_site(3, 230)
    judge = Judge(image)
    loads = judge.loads
    loads.known = True
    assert loads.room(100, MOST_W, 600)
    loads.went(7_500)
    loads.room(3_600_000, MOST_W, 600)
    assert loads.room(100, MOST_W, 600)
    loads.went(3 * 7_500)
    loads.room(3_600_000, MOST_W, 600)
    assert not loads.room(100, MOST_W, 600)
