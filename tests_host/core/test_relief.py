# islet: an overload by loads that islet does not command, relieved where the owner lets it.
# GPL-3.0-or-later
from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from firmware import image as f
from firmware.core.panel import relief, relief_kernel
from tests_host.core.builders import order
from tests_host.core.planted import NOTICED, plant
from tests_host.core.relief_plant import SERVICE_MA, VOLTS, House
from tests_host.fields import INVERTER

OVEN_MA = SERVICE_MA + 6_000
WITHIN_MA = SERVICE_MA + 100


def overloaded(**how: int) -> House:
    house = House(**how).run(20)
    house.load_ma = OVEN_MA
    return house


def test_a_battery_brings_an_overloaded_leg_back_and_stays_there() -> None:
    house = overloaded()
    house.run(20)
    for _ in range(300):
        house.step()
        assert SERVICE_MA - 800 <= house.flow_ma <= WITHIN_MA, "just as much as it needs"
    assert house.claim == (f.REASON_RELIEF, 0, 0)


def test_it_grows_and_ends_slowly_and_comes_back_by_itself() -> None:
    house = overloaded()
    for load_ma in (OVEN_MA, 3_000, OVEN_MA, 3_000):
        house.load_ma = load_ma
        for _ in range(300):
            before_w = house.setpoint_w
            house.step()
            assert abs(house.setpoint_w - before_w) <= 3_000 // 100 + 60
        if load_ma == OVEN_MA:
            assert house.flow_ma <= WITHIN_MA
        else:
            assert house.setpoint_w == 0 and house.claim[0] != f.REASON_RELIEF


def test_a_start_of_a_motor_moves_nothing() -> None:
    house = House().run(20)
    house.load_ma = OVEN_MA + 20_000
    house.run(1)
    house.load_ma = 3_000
    for _ in range(100):
        house.step()
        assert house.setpoint_w == 0


@pytest.mark.parametrize("watts", [0, 3_000, -500])
def test_without_leave_no_limit_forces_a_discharge(watts: int) -> None:
    house = overloaded(relieves=0)
    house.goal(watts)
    for _ in range(600):
        house.step()
        assert house.setpoint_w >= min(watts, 0)
        assert house.image.commands[f.RELIEF_W + INVERTER] == 0
    assert house.flow_ma > SERVICE_MA + 3_000, "the overload stands, and is alarmed"
    assert house.image.commands[f.ALARM_NODE] == 0


def test_charging_is_taken_back_first() -> None:
    house = House()
    house.plugged = True
    house.goal(0, car_ma=16_000)
    house.run(60)
    assert house.car_ma == 16_000
    house.load_ma = 18_000  # leaves the car 7 A
    for _ in range(300):
        house.step()
        assert house.setpoint_w == 0
    assert house.flow_ma <= WITHIN_MA and house.car_ma >= 6_000
    house.load_ma = OVEN_MA
    house.run(30)
    assert house.car_ma == 0 and house.setpoint_w < 0 and house.flow_ma <= WITHIN_MA


def test_charging_of_the_battery_itself_ends_first() -> None:
    house = House()
    house.goal(3_000)
    house.run(30)
    assert house.battery_ma > 12_000
    house.load_ma = SERVICE_MA - 3_000
    for _ in range(300):
        house.step()
        assert house.setpoint_w >= 0
    house.load_ma = OVEN_MA
    house.run(30)
    assert house.setpoint_w < 0 and house.flow_ma <= WITHIN_MA


def test_a_goal_that_delivers_more_is_left_alone() -> None:
    house = overloaded()
    house.goal(-2_500)
    house.run(40)
    assert house.setpoint_w == -2_500 and house.claim[0] == f.REASON_GOAL


def test_three_legs_are_relieved_by_the_worst() -> None:
    house = overloaded(legs=3)
    house.run(30)
    assert house.flow_ma <= WITHIN_MA
    assert -3 * VOLTS * 7 <= house.setpoint_w <= -3 * VOLTS * 6


# --- who is stricter --------------------------------------------------------------------------


def at_reserve(house: House) -> None:
    house.image.readings[f.DEVICE_SOC_PERMILLE + INVERTER] = 300


def stale_soc(house: House) -> None:
    house.soc_age_ms = 120_001


def unknown_soc(house: House) -> None:
    house.image.readings[f.DEVICE_SOC_PERMILLE + INVERTER] = -1


def silent_meter(house: House) -> None:
    house.meter_age_ms = 2_001


def leased(house: House) -> None:
    order(house.image, INVERTER, 0, 5_000)


def out_of_service(house: House) -> None:
    house.grid_low_w = 0


def islanded(house: House) -> None:
    house.image.commands[f.ISLAND_STATE] = f.ISLAND_OPENING


def no_longer_may(house: House) -> None:
    house.image.readings[f.DEVICE_FAULT + INVERTER] = 1


FORBID = {change.__name__: change for change in (at_reserve, stale_soc, unknown_soc, leased)}
FORBID |= {change.__name__: change for change in (silent_meter, out_of_service, islanded)}
FORBID |= {no_longer_may.__name__: no_longer_may}


@pytest.mark.parametrize("what", FORBID)
def test_inv_11_nothing_is_relieved_against_what_is_stricter(what: str) -> None:
    """INV-11 for the reserve; and it ends in one step where it was at it."""
    house = House().run(20)
    FORBID[what](house)
    house.load_ma = OVEN_MA
    for _ in range(200):
        house.step()
        assert house.setpoint_w == 0
    house = overloaded().run(30)
    assert house.setpoint_w < -1_000
    FORBID[what](house)
    house.step()
    assert house.setpoint_w == 0


def test_a_lease_that_leaves_less_is_kept() -> None:
    house = overloaded()
    order(house.image, INVERTER, -700, 5_000)
    house.run(30)
    assert house.setpoint_w == -700


def test_the_export_limit_is_kept_while_it_ends() -> None:
    house = overloaded(EXPORT_LIMIT_W=0, legs=3)
    for load_ma in (OVEN_MA, 0, OVEN_MA, 0):
        house.load_ma = load_ma
        house.run(3)
        for _ in range(200):
            house.step()
            assert sum(house.flows_ma) >= -500


# --- whatever happens -------------------------------------------------------------------------

steps = st.lists(
    st.tuples(
        st.sampled_from([0, 3_000, 18_000, SERVICE_MA - 500, OVEN_MA, 45_000]),
        st.sampled_from([0, 2_000, -1_000, -3_000]),
        st.sampled_from([200, 300, 305, 320, 600, -1]),
        st.sampled_from([-5_000, -800, 0]),
        st.booleans(),
        st.sampled_from([1, 5, 23, 60]),
    ),
    min_size=2,
    max_size=6,
)


def walk(house: House, changes: Any, relieves: int) -> None:
    """Through all changes; every bound holds in each step."""
    commands, readings = house.image.commands, house.image.readings
    house.plugged = True
    for load_ma, goal_w, soc, lease_w, silent, tenths in changes:
        house.load_ma = load_ma
        house.goal(goal_w, car_ma=16_000)
        order(house.image, INVERTER, lease_w, 5_000)
        readings[f.DEVICE_SOC_PERMILLE + INVERTER] = soc
        house.meter_age_ms = 2_500 if silent else 0
        for _ in range(tenths):
            house.step()
            watts = house.setpoint_w
            assert watts >= max(lease_w, -3_000), "a bound"
            assert watts >= 0 or soc > 300, "INV-11"
            wanted_w = max(0, -goal_w)
            if relieves and not silent:
                wanted_w = max(wanted_w, commands[f.RELIEF_W + INVERTER])
            assert -watts <= wanted_w + 60, "forced"
            over_ma = max([0] + [change[0] for change in changes]) - SERVICE_MA
            most_w = max(wanted_w, 0) if not relieves else max(wanted_w, over_ma * VOLTS // 950)
            assert commands[f.RELIEF_W + INVERTER] <= most_w + 300
    house.load_ma = 3_000
    house.goal(0)
    house.meter_age_ms = 0
    house.run(20)
    assert house.setpoint_w == 0, "it ends"


@given(steps, st.sampled_from([0, 1]), st.sampled_from([1, 3]))
@settings(max_examples=40, deadline=None)
def test_whatever_happens_no_bound_is_passed_and_it_ends(
    changes: Any, relieves: int, legs: int
) -> None:
    walk(House(relieves=relieves, legs=legs), changes, relieves)


# --- planted ----------------------------------------------------------------------------------

PLANTED = [
    ("without leave", relief, "if site[im.DEVICE_RELIEVES + device] and", "if", 0),
    ("never ends", relief_kernel, "if relief_ma < high_ma:", "if 1:", 1),
    ("at once", relief_kernel, "if stands_ms >= _STANDS_MS:", "if 1:", 1),
    ("blind", relief_kernel, "if p[row + P_STATE] != FRESH:", "if 0:", 1),
    ("covers too much", relief_kernel, "over_ma = p[row + load + leg] - p[row + P_LIMIT]",
     "over_ma = p[row + load + leg]", 1),
]  # fmt: skip


@pytest.mark.parametrize("what,module,old,new,relieves", PLANTED, ids=[p[0] for p in PLANTED])
def test_a_planted_mistake_is_found(
    what: str, module: Any, old: str, new: str, relieves: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    plant(monkeypatch, module, old, new)
    with pytest.raises(NOTICED):
        for test in (
            test_a_battery_brings_an_overloaded_leg_back_and_stays_there,
            test_it_grows_and_ends_slowly_and_comes_back_by_itself,
            test_a_start_of_a_motor_moves_nothing,
        ):
            test()
        test_without_leave_no_limit_forces_a_discharge(0)
        test_inv_11_nothing_is_relieved_against_what_is_stricter("silent_meter")
