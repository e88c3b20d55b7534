# islet: tests of the ways in which devices, instruments and contacts of the house go wrong.
# GPL-3.0-or-later
from __future__ import annotations

import itertools
from typing import Any

import pytest

from tests_host.twin.house_kit import after, build, charging, drive, following, islanded
from tools.twin.house import House
from tools.twin.house.inverter import Inverter


def value(house: House, name: str) -> float:
    return float(house.truth()[name])


def inverter_w(house: House) -> float:
    return value(house, "inverter.w")


def inverter_of(house: House) -> Inverter:
    return house.rows["inverter"]


# --- an inverter that does not do what it was told ------------------------------------------


@pytest.mark.parametrize("asked_w", [-3000, 2000])
@pytest.mark.parametrize(
    ("name", "value", "factor"), [("sign", -1, -1.0), ("gain", 1.3, 1.3), ("gain", 0, 0.0)]
)
def test_an_inverter_of_wrong_sign_or_scale(name: str, value: Any, factor: float, asked_w: int):
    house = build()
    house.apply(f"inverter.{name}", value)
    following(house, asked_w)
    assert inverter_w(house) == pytest.approx(factor * asked_w, abs=1)
    assert house.truth()["inverter.setpoint_w"] == asked_w, "what it was told"


def test_an_inverter_that_lies_reports_its_setpoint():
    house = following(build(), -1000)
    house.apply("inverter.lies", True)
    house.apply("inverter.stuck_w", 3000)
    after(house, 3)
    watts, amps = inverter_of(house).report()
    assert inverter_w(house) == pytest.approx(3000, abs=1) and watts == -1000
    assert sum(amps) * 230 == pytest.approx(-1000, rel=0.05)


def test_an_overshoot_goes_beyond_the_step_and_comes_back():
    house = following(build(), -1000)
    house.apply("inverter.overshoot_percent", 50)
    inverter_of(house).write_setpoint(-3000, True, 0, 3600)
    assert inverter_w(after(house, 1)) == pytest.approx(-4000, abs=5)
    assert inverter_w(after(house, 3)) == pytest.approx(-3000, abs=5)


def test_a_restarted_inverter_is_in_its_own_mode_until_it_is_told_again():
    house = following(build(), -1000)
    house.apply("inverter.own_w", -2500)
    assert inverter_w(after(house, 2)) == pytest.approx(-1000, abs=5), "it is told"
    house.apply("inverter.restart", True)
    assert inverter_w(after(house, 0.5)) == 0
    assert inverter_w(after(house, 8)) == pytest.approx(-2500, abs=5)
    inverter_of(house).write_setpoint(-1000, True, 0, 10)
    assert inverter_w(after(house, 3)) == pytest.approx(-1000, abs=5)
    assert inverter_w(after(house, 10)) == 0, "its reversion timer is as ever"


def test_an_inverter_that_forgets_starts_in_its_own_mode_each_time_it_connects():
    house = following(build(), -1000)
    house.apply("inverter.own_w", 1500)
    house.apply("inverter.forgets", True)
    after(drive(house, enable=False), 1)
    assert inverter_w(house) == 0
    after(drive(house, enable=True), 3)
    assert inverter_w(house) == pytest.approx(1500, abs=5), "not what it was told before"
    inverter_of(house).write_setpoint(-1000, True, 0, 3600)
    assert inverter_w(after(house, 3)) == pytest.approx(-1000, abs=5)


def test_a_device_whose_reversion_timer_does_nothing():
    house = build()
    house.apply("inverter.ignores_revert", True)
    drive(house, enable=True)
    inverter_of(house).write_setpoint(-2000, True, 0, 5)
    assert inverter_w(after(house, 30)) == pytest.approx(-2000, abs=5)


def test_a_reported_state_of_charge_that_stands_still_or_lies():
    house = following(build(), -5000)
    battery = inverter_of(house)
    house.apply("inverter.soc_frozen", True)
    after(house, 1)
    told = battery.soc_told_percent
    after(house, 60)
    assert told is not None and battery.soc_told_percent == told
    assert battery.soc_percent < told - 0.5
    house.apply("inverter.soc_told_percent", 7)
    assert battery.soc_told_percent == 7
    house.apply("inverter.soc_told_percent", None)
    assert battery.soc_told_percent is None


def test_detection_needs_both_the_ability_and_the_order():
    house = build()
    watch = inverter_of(house).watch
    assert watch.anti_islanding
    inverter_of(house).detect(told=False)
    assert not watch.anti_islanding
    inverter_of(house).detect(told=True)
    house.apply("inverter.anti_islanding", False)
    inverter_of(house).detect(told=True)
    assert not watch.anti_islanding, "told so in vain"
    house.apply("inverter.anti_islanding", True)
    assert watch.anti_islanding


# --- the meter ------------------------------------------------------------------------------


def read(house: House) -> tuple[tuple[float, ...], ...]:
    meter = after(house, 2.1).rows["meter"]
    return meter.volts, meter.amps, meter.watts


def test_one_leg_of_the_meter_is_frozen_and_the_others_move():
    house = after(build(), 1)
    house.apply("meter.frozen_leg", "l2")
    for leg in (1, 2, 3):
        house.apply(f"loads.l{leg}_w", 1000 * leg)
    _, amps, watts = read(house)
    assert amps[1] == watts[1] == 0
    assert watts[0] == pytest.approx(1000, rel=0.05) and watts[2] == pytest.approx(3000, rel=0.05)


def test_swapped_turned_dead_and_spiking_legs_of_the_meter():
    house = after(build(), 1)
    for leg in (1, 2, 3):
        house.apply(f"loads.l{leg}_w", 1000 * leg)
    _, true, watts = read(house)
    house.apply("meter.order", "213")
    _, amps, swapped = read(house)
    assert [abs(a) for a in amps] == pytest.approx([true[1], true[0], true[2]])
    assert swapped[0] < -0.4 * watts[1], "120° beside its voltage"
    house.apply("meter.order", "123")
    house.apply("meter.l1_gain", -1)
    house.apply("meter.l2_gain", 0)
    house.apply("meter.l3_add_a", 40)
    _, amps, watts_now = read(house)
    assert amps[0] == pytest.approx(-true[0]) and watts_now[0] == pytest.approx(-watts[0])
    assert amps[1] == watts_now[1] == 0
    assert amps[2] == pytest.approx(true[2] + 40, abs=0.5)


def test_a_frame_of_zeros_is_the_meters_and_the_truth_goes_on():
    house = after(build(), 1)
    house.apply("meter.zeros", True)
    assert read(house) == ((0, 0, 0),) * 3
    assert house.rows["meter"].hz == 0 and value(house, "grid_l1_v") > 220
    house.apply("meter.zeros", False)
    assert read(house)[0][0] > 220


# --- the unit's own instruments ---------------------------------------------------------------


def shown(house: House, group: str) -> tuple[complex, ...]:
    house.segments.clear()
    after(house, 0.5)
    return getattr(house.segments[-1], {"evse": "evse_a", "main": "main_a",
                                        "grid": "grid_v", "house": "house_v"}[group])  # fmt: skip


@pytest.mark.parametrize("group", ["evse", "main", "grid", "house"])
def test_an_instrument_turned_round_dead_frozen_or_on_another_leg(group: str):
    house = charging(build())
    true = shown(house, group)
    house.apply(f"sensors.{group}_l1_gain", -1)
    house.apply(f"sensors.{group}_l2_gain", 0)
    assert shown(house, group) == pytest.approx((-true[0], 0, true[2]), abs=0.01)
    house.apply(f"sensors.{group}_l1_gain", 1)
    house.apply(f"sensors.{group}_l2_gain", 1)
    house.apply(f"sensors.{group}_order", "132")
    assert shown(house, group) == pytest.approx((true[0], true[2], true[1]), abs=0.01)
    house.apply(f"sensors.{group}_order", "123")
    house.apply(f"sensors.{group}_l3_frozen", True)
    house.apply("grid.outage", True)
    assert shown(house, group) == pytest.approx((0, 0, true[2]), abs=0.01)
    assert house.truth()["main_l3_a"] == pytest.approx(0, abs=0.01), "the truth is the truth"
    house.apply(f"sensors.{group}_l3_frozen", False)
    assert shown(house, group) == pytest.approx((0, 0, 0), abs=0.01)
    assert not house.instruments.faulty


# --- contacts ---------------------------------------------------------------------------------


def moves(house: House, name: str) -> list[tuple[int, bool]]:
    return [(t_us, level) for t_us, what, level in house.edges if what == name]


def test_a_mirror_that_follows_the_coil_hides_a_weld():
    house = after(build(), 1)
    house.apply("relays.island.welded", True)
    drive(house, island=False)
    assert not after(house, 1).contacts["island_open"], "an honest one says so"
    drive(house, island=True)
    after(house, 1)
    house.apply("relays.island.aux_follows", "coil")
    drive(house, island=False)
    now = after(house, 1)
    assert now.contacts["island_open"] and now.truth()["island_closed"]


def test_a_contact_answers_late_by_so_much_both_ways():
    house = after(build(), 1)
    house.apply("evse.contactor.aux_delay_ms", 300)
    start = house.now_us
    drive(house, contactor=True)
    after(house, 1)
    closed_us = moves(house, "contactor")[0][0] - start
    assert closed_us == pytest.approx(360_500, abs=100)
    assert house.relays["contactor"].closed
    start = house.now_us
    drive(house, contactor=False)
    after(house, 1)
    assert moves(house, "contactor")[-1] == (start + 320_000, False)


@pytest.mark.parametrize("coil", [True, False])
def test_a_contact_that_bounces_long_ends_with_the_truth(coil: bool):
    house = drive(build(), contactor=not coil)
    after(house, 1)
    house.apply("evse.contactor.bounce_ms", 500)
    house.edges.clear()
    start = house.now_us
    drive(house, contactor=coil)
    after(house, 2)
    seen = moves(house, "contactor")
    assert len(seen) > 20 and seen[-1][1] is coil
    assert 450_000 < seen[-1][0] - start < 600_000
    assert all(a != b for (_, a), (_, b) in itertools.pairwise(seen))


def test_a_welded_contactor_does_not_bounce_when_told_to_open():
    house = drive(build(), contactor=True)
    house.apply("evse.contactor.welded", True)
    house.apply("evse.contactor.bounce_ms", 500)
    after(house, 2)
    house.edges.clear()
    drive(house, contactor=False)
    after(house, 2)
    assert moves(house, "contactor") == [] and house.contacts["contactor"]


def test_a_bond_whose_main_contact_drops_while_its_auxiliary_stays():
    house = islanded(build())
    assert house.truth()["ne_bonds"] == 1
    house.apply("relays.bond.main_lost", True)
    now = after(house, 0.2)
    assert now.truth()["ne_bonds"] == 0 and now.contacts["bond"]
    house.apply("relays.bond.main_lost", False)
    assert after(house, 0.2).truth()["ne_bonds"] == 1


# --- a lost PEN -------------------------------------------------------------------------------


@pytest.mark.parametrize("legs", [1, 2, 3])
def test_a_lost_pen_shifts_the_legs_as_the_street_pulls(legs: int):
    nominal = 120 if legs == 2 else 230
    over = {"legs": legs, "nominal_v": nominal,
            "grid": {"earth_ohm": 20, "street_w": [0, 6000, 0]}}  # fmt: skip
    house = after(build(**over), 1)
    house.apply("loads.l1_w", 100)
    before = after(house, 1).truth()
    house.apply("grid.pen_open", True)
    after(house, 1)
    assert before["neutral_v"] == 0
    assert value(house, "neutral_v") > 0.3 * nominal
    assert value(house, "touch_v") == value(house, "neutral_v")
    assert value(house, "house_l1_v") > 1.1 * nominal, "the leg the street does not load rises"
    house.apply("grid.pen_open", False)
    assert after(house, 1).truth()["house_l1_v"] == pytest.approx(before["house_l1_v"], abs=0.01)


def test_a_lost_pen_is_held_by_a_good_electrode_and_settles():
    house = build(grid={"earth_ohm": 1, "earthing": "tt"})
    house.apply("grid.pen_open", True)
    house.apply("loads.l2_w", 2000)
    after(charging(house), 1)
    held_v = value(house, "neutral_v")
    assert 0 < held_v < 25 and value(house, "touch_v") == 0
    house.apply("grid.earth_ohm", 200)
    after(house, 1)
    assert value(house, "neutral_v") > held_v


# --- an island ----------------------------------------------------------------------------------


def test_a_forming_inverter_of_wrong_voltage_frequency_or_uneven_legs():
    house = islanded(build())
    assert house.truth()["house_l1_v"] == pytest.approx(230, abs=1)
    house.apply("inverter.form_l1_pu", 1.2)
    house.apply("inverter.form_l3_pu", 0.79)
    house.apply("inverter.form_off_hz", -1)
    now = after(house, 6).truth()
    volts = [now[f"house_l{leg}_v"] for leg in (1, 2, 3)]
    assert volts == pytest.approx([276, 230, 181.7], abs=1)
    assert now["house_hz"] == pytest.approx(49)
    house.apply("inverter.form_off_hz", 0)
    assert after(house, 6).truth()["house_hz"] == pytest.approx(50)


def test_a_neutral_pole_that_stays_closed_is_a_second_bond():
    house = after(build(), 1)
    house.apply("relays.island.welded_pole", "n")
    now = islanded(house)
    assert not now.contacts["island_open"], "the mirror proves all poles"
    assert now.truth()["ne_bonds"] == 1 and not now.truth()["bond_closed"], "its interlock as well"
    assert now.network.source == "form" and not now.network.tied, "no leg is"


@pytest.mark.parametrize("bonds_itself", [True, False])
def test_a_device_that_bonds_by_itself(bonds_itself: bool):
    house = islanded(build(inverter={"circuit": "battery", "bonds_itself": bonds_itself}))
    assert house.truth()["ne_bonds"] == 1 + bonds_itself
    assert after(drive(house, enable=False), 1).truth()["ne_bonds"] == 1
