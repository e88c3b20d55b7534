# islet: the circuit tree: limits per leg, sharing, stale instruments, busbars (INV-3, INV-4).
# GPL-3.0-or-later
from __future__ import annotations

import random
import types
from array import array
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from firmware import image as im
from firmware.core.panel import has_kernel, share_kernel
from firmware.core.panel import tree as panel_room
from firmware.core.panel.layout import (
    D_LEGS,
    D_ROW,
    H_ROW,
    P_LIMIT,
    P_PARENT,
    STALE,
    node_at,
)
from firmware.core.panel.tree import Panel
from tests_host.core.panel_plant import House, Tree, seeded, upset
from tests_host.core.planted import plant
from tests_host.fields import EVSE, INVERTER, columns

SEEDS = st.integers(0, 2**32 - 1)


def a_tree(**changes: object) -> Tree:
    """service 25 A -> sub 20 A -> EVSE 20 A; service -> inverter 25 A; all three phase."""
    fields: dict[str, object] = {
        "parent": [-1, 0, 1, 0],
        "rating_ma": [25_000, 20_000, 20_000, 25_000],
        "bus_ma": [0, 0, 0, 0],
        "evse_legs": 3,
        "inverter_legs": 3,
        "response_ms": 1_000,
        "period_ms": 500,
    }
    return Tree(**{**fields, **changes})  # type: ignore[arg-type]


def a_house(tree: Tree | None = None, **options: object) -> House:
    return House(tree or a_tree(), random.Random(1), **options)  # type: ignore[arg-type]


def reason(house: House, device: int) -> tuple[int, ...]:
    """(why high, why low, node, leg, value) of the panel's claim."""
    slot = im.PANEL * im.DEVICES + device
    fields = (im.CLAIM_REASON, im.CLAIM_LOW_REASON, im.CLAIM_NODE, im.CLAIM_LEG, im.CLAIM_VALUE)
    return tuple(house.image.commands[field + slot] for field in fields)


# --- limits -----------------------------------------------------------------------------------


def test_tightest_ancestor_and_leg_win_and_are_named() -> None:
    house = a_house()
    house.load_ma[0][1] = 10_000
    house.load_ma[1][1] = 7_000
    house.evse_wish_ma = 0
    house.run(2_000)
    assert house.claim(EVSE) == (0, 8_000)
    assert reason(house, EVSE)[0] == im.REASON_BREAKER
    assert reason(house, EVSE)[2:] == (0, 1, 8_000)
    house.load_ma[0][1] = 0
    house.load_ma[1][2] = 15_000
    house.run(2_000)
    assert house.claim(EVSE) == (0, 5_000)
    assert reason(house, EVSE)[2:] == (1, 2, 5_000)


def test_single_phase_charging_sees_only_its_leg() -> None:
    house = a_house(a_tree(evse_legs=1))
    house.load_ma[0] = [5_000, 25_000, 25_000]
    house.evse_wish_ma = 0
    house.run(2_000)
    assert house.claim(EVSE) == (0, 20_000)


def test_continuous_load_factor_counts_both_ways() -> None:
    house = a_house()
    house.image.site[im.NODE_CONTINUOUS_PERMILLE] = 800
    house.evse_wish_ma = 0
    house.run(2_000)
    assert house.claim(INVERTER) == (-20 * 230 * 3, 20 * 230 * 3)


def test_export_of_others_leaves_less_backfeed() -> None:
    house = a_house()
    house.evse_wish_ma = 0
    house.load_ma[1][0] = -15_000
    house.run(2_000)
    assert house.claim(INVERTER)[0] == -10 * 230 * 3
    assert house.claim(EVSE)[1] == 20_000


def test_low_voltage_means_fewer_watts() -> None:
    house = a_house()
    house.evse_wish_ma = 0
    house.run(2_000)
    at_nominal = house.claim(INVERTER)[1]
    house.volts = 207
    house.run(100)
    assert house.claim(INVERTER)[1] * 230 == at_nominal * 207


def test_a_step_down_is_not_made_twice_while_the_meter_lags() -> None:
    """The node's reading is compared with islet's current at the time of that reading."""
    house = a_house(a_tree(period_ms=1_000, response_ms=200))
    house.run(12_000)
    assert house.image.commands[im.SETPOINT + EVSE] == 16_000
    house.load_ma[0] = [14_000] * 3
    lowest: list[int] = []
    house.run(6_000, each=lambda: lowest.append(house.claim(EVSE)[1]))
    assert min(lowest) == 11_000


# --- sharing ----------------------------------------------------------------------------------


def test_the_car_goes_first_and_waits_until_the_inverter_has_yielded() -> None:
    house = a_house(a_tree(rating_ma=[25_000, 25_000, 20_000, 25_000]))
    house.evse_wish_ma, house.wish_w = 0, 15_000
    house.run(30_000)
    assert house.inverter_ma[0] > 20_000
    house.evse_wish_ma = 16_000
    over: list[int] = []
    house.run(20_000, each=lambda: over.append(house.flow_ma(0, 0)))
    assert house.evse_ma[0] == 16_000
    assert house.inverter_ma[0] <= 9_000
    assert max(over) <= 25_000


def test_discharge_does_not_enlarge_charging_headroom() -> None:
    house = a_house()
    house.load_ma[0] = [15_000] * 3
    house.wish_w = -6_900
    house.run(30_000)
    assert house.inverter_ma[0] == -10_000
    assert house.claim(EVSE)[1] == 10_000
    assert house.evse_ma[0] == 10_000


# --- INV-3 ------------------------------------------------------------------------------------


@settings(max_examples=25, deadline=None)
@given(SEEDS)
def test_any_tree_loads_and_delays(seed: int) -> None:
    """INV-3: after the measurement's age, a cycle and the device's response, islet adds nothing
    to any leg over its limit."""
    assert upset(seeded(seed)) == []


def leg_ignored(panel: Panel) -> None:
    share = panel._share

    def spoiled(dt_ms: int) -> None:
        """Only the first leg is looked at."""
        rows = panel.devices.rows
        legs = rows[D_LEGS::D_ROW]
        for device in range(len(legs)):
            rows[device * D_ROW + D_LEGS] = min(1, legs[device])
        share(dt_ms)
        for device in range(len(legs)):
            rows[device * D_ROW + D_LEGS] = legs[device]

    panel._share = spoiled  # type: ignore[method-assign]


def after_prepare(panel: Panel, change: Callable[[int], None]) -> None:
    """Change the plan's row of every node."""
    prepare = panel._prepare

    def spoiled() -> None:
        prepare()
        for node in range(panel._nodes):
            change(node_at(node))

    panel._prepare = spoiled  # type: ignore[method-assign]


def parent_not_walked(panel: Panel) -> None:
    def change(at: int) -> None:
        panel.plan[at + P_PARENT] = -1

    after_prepare(panel, change)


def sign_flipped(panel: Panel) -> None:
    devices, push = panel.devices, panel.devices.push

    def spoiled(plan: array[int], dt_ms: int) -> None:
        push(plan, dt_ms)
        first = (devices.head * devices.many + INVERTER) * H_ROW
        for at in range(first, first + 6):
            devices.slots[at] = -devices.slots[at]

    devices.push = spoiled  # type: ignore[method-assign]


def continuous_doubled(panel: Panel) -> None:
    def change(at: int) -> None:
        panel.plan[at + P_LIMIT] *= 2

    after_prepare(panel, change)


MISTAKES = (leg_ignored, parent_not_walked, sign_flipped, continuous_doubled)


@pytest.mark.parametrize("mistake", MISTAKES, ids=lambda mistake: mistake.__name__)
def test_planted_mistake_breaks_inv_3(mistake: Callable[[Panel], None]) -> None:
    assert any(upset(seeded(seed, mistake)) for seed in range(30))


IN_THE_TEXT = (
    (has_kernel, "t[leg] = most_ma if most_ma > 0 else 0", "t[leg] = ma"),  # enlarges headroom
    (share_kernel, "room_ma = p[i] - others_ma",
     "room_ma = p[i]"),  # nobody is served before
)  # fmt: skip


@pytest.mark.parametrize(("module", "old", "new"), IN_THE_TEXT, ids=("discharge", "priority"))
@pytest.mark.usefixtures("kernels_as_text")
def test_planted_mistake_in_the_sharing_breaks_inv_3(
    monkeypatch: pytest.MonkeyPatch, module: types.ModuleType, old: str, new: str
) -> None:
    plant(monkeypatch, module, old, new)
    assert any(upset(seeded(seed)) for seed in range(30))


# --- INV-4 ------------------------------------------------------------------------------------


@settings(max_examples=20, deadline=None)
@given(SEEDS, st.sampled_from(["stale", "frozen"]))
def test_a_lost_meter_holds_devices_to_the_worst_credible(seed: int, how: str) -> None:
    """INV-4: whichever instrument is lost, after 2 s and the response nothing is drawn below it,
    and no more delivered than its rating allows."""
    assert lost_meter(seeded(seed), how) == []


def lost_meter(house: House, how: str) -> list[str]:
    house.wish_w = house.chance.choice([-15_000, 15_000])
    house.run(15_000)
    node = house.chance.choice(house.tree.path(house.tree.evse)[1:])
    getattr(house, how).add(node)
    if how == "frozen":  # shown only when islet moves: then its own current must show in it
        house.evse_wish_ma = 32_000 if house.evse_ma[0] == 0 else 0
        house.wish_w = -house.wish_w
        house.load_ma[node] = [20_000] * 3
    before = sum(house.own_ma(node, 0))
    house.run(2_000 + house.tree.period_ms + 100)
    house.run(house.tree.response_ms + (6_000 if how == "frozen" else 100))
    moved = abs(sum(house.own_ma(node, 0)) - before) > 3_000
    if how == "frozen" and not moved:
        return []  # nothing could have told
    found = []
    if how == "stale" or house.panel.state(node) == STALE:
        if house.claim(EVSE)[1] or house.evse_ma[0]:
            found.append("draws below a lost meter")
    else:
        found.append("not noticed")
    if node in house.tree.path(house.tree.inverter):
        low_w, high_w = house.claim(INVERTER)
        if high_w or house.inverter_ma[0] > 0:
            found.append("inverter draws below a lost meter")
        if -low_w > house.tree.rating_ma[node] * 230 // 1000 * house.tree.inverter_legs:
            found.append("delivers more than the rating")
    return found


@pytest.mark.usefixtures("kernels_as_text")
def test_planted_mistake_stale_ignored_breaks_inv_4(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(panel_room, "_STALE_MS", im.AGE_MAX_MS)
    assert any(lost_meter(seeded(seed), "stale") for seed in range(10))
    assert any(lost_meter(seeded(seed), "frozen") for seed in range(10))


def test_a_lost_meter_comes_back_by_itself() -> None:
    house = a_house()
    house.run(8_000)
    house.stale.add(0)
    house.run(3_000)
    assert house.claim(EVSE) == (0, 0)
    assert reason(house, EVSE)[0] == im.REASON_METER_STALE
    assert reason(house, EVSE)[2] == 0 and reason(house, EVSE)[4] > 2_000
    house.stale.clear()
    house.run(2_000)
    assert house.claim(EVSE)[1] > 6_000


def test_own_instruments_lost_count_as_worst_in_each_direction() -> None:
    """INV-4: an unmeasured car hides no load and no headroom; so does a silent inverter."""
    house = a_house()
    house.load_ma[0] = [10_000] * 3
    house.run(15_000)
    assert house.claim(EVSE)[1] >= 15_000
    readings = house.image.readings
    readings[im.DEVICE_AGE_MS + EVSE] = 600
    house.panel.step(100)
    for _ in range(12):
        house.panel.step(100)
    assert house.claim(EVSE)[1] == 0, "all 25 A count as foreign"
    readings[im.DEVICE_AGE_MS + EVSE], readings[im.DEVICE_AGE_MS + INVERTER] = 0, 2_100
    for _ in range(30):
        house.panel.step(100)
    nameplate_ma = 15_000 // 3 * 1000 // 230
    assert house.claim(EVSE)[1] <= max(0, 15_000 - nameplate_ma)


# --- busbars ----------------------------------------------------------------------------------


def test_static_rule_by_default() -> None:
    """(bus x permille - rating) / 1.25 - other sources; INV-4's default."""
    house = a_house(a_tree(bus_ma=[25_000, 0, 0, 0]), sources_ma=1_000)
    house.image.site[im.NODE_BUS_PERMILLE] = 1_200
    house.evse_wish_ma = 0
    house.run(2_000)
    assert house.claim(INVERTER)[0] == -3 * 230 * 3
    assert reason(house, INVERTER)[1] == im.REASON_STATIC_BACKFEED
    house.image.site[im.NODE_BUS_PERMILLE] = 1_000
    house = a_house(a_tree(bus_ma=[25_000, 0, 0, 0]))
    house.run(2_000)
    assert house.claim(INVERTER)[0] == 0


def split_phase(**options: object) -> House:
    """200 A service and busbar, metered PV branch, car gateway."""
    tree = Tree(
        [-1, 0, 0, 0], [200_000, 60_000, 40_000, 60_000], [200_000, 0, 0, 0], 1, 2, 1_000, 500
    )
    return House(tree, random.Random(1), coordinated=True, evse_wish_ma=0, **options)  # type: ignore[arg-type]


def test_coordinated_backfeed_keeps_the_busbar_and_drops_to_zero_above_it() -> None:
    house = split_phase()
    house.load_ma[0] = [170_000, 100_000, 0]
    house.load_ma[1] = [-40_000, -40_000, 0]
    house.wish_w = -9_600
    house.run(20_000)
    assert house.inverter_ma[0] < -15_000
    house.load_ma[0] = [210_000, 100_000, 0]
    house.run(1_300 + 100 + 1_000)
    assert house.inverter_ma[0] == 0
    assert reason(house, INVERTER)[1] == im.REASON_BUSBAR
    assert reason(house, INVERTER)[2:4] == (0, 0)


def test_coordination_needs_a_short_time_out_in_the_device_and_fresh_instruments() -> None:
    """INV-4, and the hardware rule: a dead islet does nothing."""
    house = split_phase()
    house.run(2_000)
    assert house.claim(INVERTER)[0] < 0
    house.stale.add(1)
    house.run(3_000)
    assert house.claim(INVERTER)[0] == 0
    house = split_phase()
    house.image.site[im.DEVICE_REVERT_MS + INVERTER] = 10_001
    house.run(2_000)
    assert house.claim(INVERTER)[0] == 0
    house = split_phase()
    house.image.site[im.DEVICE_REVERT_MS + INVERTER] = 0
    house.run(2_000)
    assert house.claim(INVERTER)[0] == 0


# --- export, alarm, topology ------------------------------------------------------------------


def test_export_limit_and_its_loss() -> None:
    """INV-4: sites with an export limit export nothing while the meter is lost."""
    house = a_house(evse_wish_ma=0)
    house.image.site[im.EXPORT_LIMIT_W] = 600
    house.load_ma[0] = [1_000] * 3
    house.run(2_000)
    assert house.claim(INVERTER)[0] == -(600 + 690)
    assert reason(house, INVERTER)[1:5] == (im.REASON_EXPORT, 0, -1, 1_290)
    house.stale.add(0)
    house.run(3_000)
    assert house.claim(INVERTER)[0] == 0


def test_alarm_when_load_alone_overloads_a_node() -> None:
    house = a_house()
    house.run(8_000)
    assert house.image.commands[im.ALARM_NODE] == -1
    house.load_ma[1][2] = 23_500
    house.run(5_000)
    commands = house.image.commands
    assert (commands[im.ALARM_NODE], commands[im.ALARM_LEG], commands[im.ALARM_MA]) == (
        1,
        2,
        3_500,
    )
    assert house.evse_ma[2] == 0
    house.load_ma[1][2] = 0
    house.run(2_000)
    assert commands[im.ALARM_NODE] == -1 and commands[im.ALARM_MA] == 0


def test_gateway_current_is_not_counted_twice() -> None:
    """T2: the charging contactor only isolates the gateway, its CTs see the inverter's current."""
    house = a_house(a_tree(parent=[-1, 0, 0, 0]), wish_w=6_900, evse_wish_ma=0)
    columns(house.image.site, topology=2)
    house.run(15_000)
    assert house.inverter_ma[0] == 10_000
    assert house.claim(EVSE) == (0, 0)
    assert house.claim(INVERTER)[1] == 25 * 230 * 3
