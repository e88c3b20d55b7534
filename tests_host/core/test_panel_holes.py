# islet: mistakes in the panel that no test had noticed, each with its neighbours.
# GPL-3.0-or-later
from __future__ import annotations

import random
import types
from array import array
from collections.abc import Callable

import pytest

from firmware import image as im
from firmware.core.panel import device_kernel, export, export_kernel, has_kernel, pairing_kernel
from firmware.core.panel import tree as panel
from firmware.core.panel.devices import Devices
from firmware.core.panel.layout import (
    H_LOW,
    H_LOW_W,
    H_ROW,
    P_HEAD,
    RING,
    STALE,
)
from tests_host.core import panel_plant
from tests_host.core.builders import healthy
from tests_host.core.planted import plant
from tests_host.core.test_panel import a_house, a_tree
from tests_host.fields import EVSE, INVERTER

LIMIT_W = 600


def exporting(volts: int, measured: bool) -> panel_plant.House:
    """A car at 16 A on three legs beside a load of 3 A, and an export limit."""
    house = a_house()
    house.image.site[im.EXPORT_LIMIT_W] = LIMIT_W
    house.load_ma[0] = [1_000] * im.LEGS
    readings = house.image.readings

    def shown() -> None:
        """The meter's watts are those of the voltage."""
        for leg in range(im.LEGS):
            readings[im.NODE_W + leg] = house.flow_ma(0, leg) * volts // 1_000
            readings[im.GRID_MV + leg] = volts * 1_000
        readings[im.GRID_AGE_MS] = 0 if measured else im.AGE_MAX_MS
        house.panel.step(100)

    house.run(30_000, each=shown)
    assert house.evse_ma[0] == 16_000
    return house


def export_does_not_grow_with_the_car() -> None:
    """What the car draws is no reason to send more to the grid when it stops."""
    for volts in (207, 230, 250):
        for measured in (True, False):
            house = exporting(volts, measured)
            most_w = -house.claim(INVERTER)[0]
            assert most_w <= LIMIT_W + 3 * volts, (volts, measured)
            if measured:
                assert most_w >= LIMIT_W, volts


def watts_at_the_lowest_voltage() -> None:
    """The fewer V, the fewer W make a breaker's current: at 85 % while nobody measures."""
    for volts, measured, expected in ((230, True, 230), (207, True, 207), (230, False, 195)):
        house = a_house()
        readings = house.image.readings
        house.evse_wish_ma = 0
        house.run(2_000)
        readings[im.GRID_MV + 1] = volts * 1_000
        readings[im.GRID_AGE_MS] = 0 if measured else im.AGE_MAX_MS
        house.panel.step(100)
        assert house.claim(INVERTER) == (-25 * expected * 3, 25 * expected * 3)


def nothing_is_coordinated_with_a_silent_inverter() -> None:
    """Its part in the busbar is not known: the static rule holds, which here leaves nothing."""
    tree = a_tree(rating_ma=[200_000, 20_000, 20_000, 60_000], bus_ma=[200_000, 0, 0, 0])
    house = panel_plant.House(tree, random.Random(1), coordinated=True, evse_wish_ma=0)
    house.run(2_000)
    assert house.claim(INVERTER)[0] < 0
    house.image.readings[im.DEVICE_AGE_MS + INVERTER] = 2_100
    for _ in range(3):
        house.panel.step(100)
    assert house.claim(INVERTER)[0] == 0


def an_inverters_sample_counts_from_when_it_was_taken() -> None:
    """Told 400 ms late, it is entered for the 400 ms since; what was known before stays."""
    image = healthy()
    devices = Devices(image)
    devices.declare()
    plan = array("i", [0] * P_HEAD)
    readings = image.readings
    readings[im.DEVICE_AGE_MS + INVERTER] = readings[im.DEVICE_AGE_MS + EVSE] = 0
    for _ in range(10):
        devices.push(plan, 100)
    readings[im.DEVICE_AGE_MS + INVERTER], readings[im.DEVICE_W + INVERTER] = 400, -3_000
    readings[im.DEVICE_MA + INVERTER * im.LEGS] = -4_347
    for age_ms in (1_000, 1_100, 400):
        readings[im.DEVICE_AGE_MS + INVERTER] = age_ms
        held = (0, 0) if age_ms != 400 else (-3_000, -4_347)
        readings[im.DEVICE_W + INVERTER], readings[im.DEVICE_MA + INVERTER * im.LEGS] = held
        devices.push(plan, 100)
    seen = []
    for back in range(8):
        slot = ((devices.head - back) % RING * devices.many + INVERTER) * H_ROW
        seen.append((devices.slots[slot + H_LOW_W], devices.slots[slot + H_LOW]))
    assert seen == [(-3_000, -4_347)] * 5 + [(0, 0)] * 3


def what_the_car_may_not_have_is_not_kept_for_it() -> None:
    """Promised to the car is what its pilot, the operator and its owner all leave it."""
    for source in (im.HARDWARE, im.OPERATOR, im.MARKET):
        house = a_house(a_tree(rating_ma=[25_000, 25_000, 20_000, 25_000]))
        house.wish_w = 17_000

        def limited(house: panel_plant.House = house, source: int = source) -> None:
            for each in set(range(im.SOURCES)) - {im.PANEL}:
                slot = im.CLAIM_HIGH + each * im.DEVICES + EVSE
                house.image.commands[slot] = 0 if each == source else 16_000

        house.evse_wish_ma = 0
        house.run(3_000, each=limited)
        assert house.claim(INVERTER)[1] == 25 * 230 * 3, source


CHECKS = (
    export_does_not_grow_with_the_car,
    watts_at_the_lowest_voltage,
    nothing_is_coordinated_with_a_silent_inverter,
    an_inverters_sample_counts_from_when_it_was_taken,
    what_the_car_may_not_have_is_not_kept_for_it,
)


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_holds(check: Callable[[], None]) -> None:
    check()


HIGHEST = "_HIGHEST_VOLTAGE_PERMILLE = const("
BACKDATED = "backdate(slots, devices, device, head, age_ms, dt_ms)\n        bit"
FRESH = "if age_ms <= t[at + D_STALE_MS]:"
CAR_W = "sum_w += ma * volts // 1000"
OTHERS = "while source < im.MARKET:"
MISTAKES = (
    (0, pairing_kernel, CAR_W, "pass"),
    (0, pairing_kernel, "leg = 0\n                while leg < 3:\n                    ma",
     "leg = 1\n                while leg < 3:\n                    ma"),
    (0, export, "self._highest_volts(),", "195,"),
    (0, export, HIGHEST + "1_150)", HIGHEST + "1_000)"),
    (0, export_kernel, "if leg_mv > highest_mv:", "if False:"),
    (0, export, "self._site[im.EXPORT_LIMIT_W] + self._house_w",
     "self._site[im.EXPORT_LIMIT_W] + flow_w"),
    (1, has_kernel, "or r[im.GRID_AGE_MS] > stale_ms", ""),
    (1, has_kernel, "if leg_mv < lowest_mv:", "if leg_mv > lowest_mv:"),
    (1, panel, "PERMILLE = const(850)", "PERMILLE = const(950)"),
    (2, panel, "plan[P_FRESH_BITS] & self._converters == self._converters", "True"),
    (2, device_kernel, FRESH, "if True:"),
    (3, device_kernel, BACKDATED, BACKDATED.replace("age_ms,", "0,")),
    (3, device_kernel, BACKDATED, BACKDATED.replace("age_ms,", "2 * age_ms,")),
    (3, device_kernel, "end = here + H_ROW", "end = here + 6"),
    (4, has_kernel, "if draw > high:", "if False:"),
    (4, has_kernel, "draw = c[im.CLAIM_HIGH + slot]", "draw = _MOST"),
    (4, has_kernel, OTHERS, "while source < im.OPERATOR:"),
)  # fmt: skip


@pytest.mark.parametrize(
    ("check", "module", "old", "new"), MISTAKES, ids=[str(i) for i in range(len(MISTAKES))]
)
def test_a_planted_mistake_is_noticed(
    monkeypatch: pytest.MonkeyPatch, check: int, module: types.ModuleType, old: str, new: str
) -> None:
    plant(monkeypatch, module, old, new)
    with pytest.raises(AssertionError):
        CHECKS[check]()


@pytest.mark.parametrize("leg", [0, 1, 2])
def test_a_leg_that_stands_still_while_the_others_move_is_frozen(leg: int) -> None:
    """INV-4: and stays so when islet is back where the leg's last reading came; another reading of
    this leg thaws it. By then it has missed two steps of islet's own and is named (INV-15): a
    person may clear that."""
    house = a_house()
    house.run(15_000)
    assert house.evse_ma[0] > 9_000
    house.frozen_legs.add((0, leg))
    house.run(3_000)
    state = house.panel.state
    assert state(0) != STALE  # nothing below it has moved
    wish_ma, house.evse_wish_ma = house.evse_wish_ma, 6_000
    house.run(6_000)
    assert state(0) == STALE and house.claim(EVSE) == (0, 0)
    house.evse_wish_ma = wish_ma
    house.run(5_000)
    assert state(0) == STALE
    house.frozen_legs.clear()
    house.run(1_000)
    assert house.panel.witness.doubts(0)
    house.image.requests[im.ACKNOWLEDGE_SEQ] += 1
    house.run(1_000)
    assert state(0) != STALE
