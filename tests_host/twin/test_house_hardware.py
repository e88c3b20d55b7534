# islet: tests of what the house's hardware holds and breaks without the firmware.
# GPL-3.0-or-later
"""Hazard test 2 of docs/hazards.md in the house alone, and the interlocks it stands on."""

from __future__ import annotations

from typing import Any

import pytest

from tests_host.twin.house_kit import after, build, charging, drive, islanded
from tools.twin.house import House

HELD: dict[str, Any] = {"relays": {"bond_hold_ms": 500, "switch_excluded": True}}


def chip_dies(house: House) -> House:
    """Every pin floats."""
    return drive(house, **dict.fromkeys(house.switchgear.outputs))


def when(house: House, seconds: float, name: str) -> list[tuple[int, bool]]:
    """(ms from now, level) of a contact's moves."""
    start = house.now_us
    house.edges.clear()
    after(house, seconds)
    return [((t - start) // 1000, level) for t, what, level in house.edges if what == name]


def test_without_stored_energy_the_bond_drops_with_the_supply():
    house = chip_dies(islanded(build()))
    assert when(house, 2, "bond") == [(20, False)]


def test_hazard_2_the_enable_drops_and_the_bond_stays_until_the_island_is_dead():
    house = chip_dies(islanded(build(**HELD)))
    assert when(house, 2, "bond") == [(520, False)]
    counts = house.truth()
    assert float(counts["unbonded_forming_s"]) < 0.001 and counts["inverter.mode"] == "off"
    assert not counts["island_closed"], "its driver holds"


def test_a_house_that_stays_alive_keeps_its_bond_without_any_command():
    """A second source goes on behind the open switch: the live side feeds the hold."""
    house = build(**HELD, pv={"circuit": "roof", "w_peak": 9000, "watch": {"anti_islanding": False,
                  "v_low_pu": 0, "v_high_pu": 1.5, "f_low_hz": -20, "f_high_hz": 20}})  # fmt: skip
    house.apply("pv.override_w", 3000)
    house.apply("loads.l1_w", 1000)
    house.apply("loads.l2_w", 1000)
    house.apply("loads.l3_w", 1000)
    after(house, 5)
    islanded(house)
    after(house, 90)
    assert house.truth()["pv.connected"]
    assert when(chip_dies(house), 5, "bond") == []
    assert house.truth()["house_source"] == "drift"
    house.apply("pv.fault", True)
    assert house.truth()["ne_bonds"] == 1
    [(ms, level)] = when(house, 2, "bond")
    assert ms < 200 and level is False


def test_taking_the_bond_back_before_the_enable_is_held_by_hardware():
    house = islanded(build(**HELD))
    drive(house, bond=False)
    assert when(house, 2, "bond") == []
    drive(house, enable=False)
    assert when(house, 2, "bond") == [(520, False)]


@pytest.mark.parametrize("excluded", [True, False])
def test_the_switch_does_not_close_onto_a_closed_bond(excluded: bool):
    house = islanded(build(relays={"switch_excluded": excluded}))
    house.apply("relays.bond.welded", True)
    drive(house, enable=False, bond=False)
    after(house, 1)
    house.apply("grid.outage", False)
    drive(house, island=True)
    after(house, 1)
    assert house.truth()["island_closed"] is not excluded
    house.apply("relays.bond.welded", False)
    assert after(house, 1).truth()["island_closed"], "as soon as the bond has let go"


def test_the_service_switch_breaks_enable_and_pick_up_and_is_read():
    house = build(**HELD)
    house.apply("grid.outage", True)
    house.apply("protection.service_switch", True)
    drive(house, island=False)
    after(house, 1)
    drive(house, bond=True, enable=True)
    now = after(house, 1)
    assert now.contacts["service_switch"] and not now.contacts["enable"]
    assert not now.truth()["bond_closed"] and now.truth()["service_switch"]
    house.apply("protection.service_switch", False)
    assert after(house, 1).truth()["bond_closed"]


def test_the_service_switch_pulled_in_an_island_ends_it_and_the_bond_goes_last():
    house = islanded(build(**HELD))
    house.apply("protection.service_switch", True)
    assert when(house, 2, "bond") == [(520, False)]
    assert house.truth()["inverter.mode"] == "off"


@pytest.mark.parametrize("scope", [["contactor"], ["contactor", "enable"], ["enable", "bond"], []])
@pytest.mark.parametrize("name", ["estop", "rcd", "overtemp"])
def test_stop_rcd_and_heat_break_what_is_declared(name: str, scope: list[str]):
    house = build(protection={f"{name}_breaks": scope})
    drive(charging(house), enable=True)
    after(house, 1)
    house.apply(f"protection.{name}", True)
    now = after(house, 1)
    assert now.contacts["contactor"] is ("contactor" not in scope)
    assert now.contacts["enable"] is ("enable" not in scope)
    house.apply(f"protection.{name}", False)
    assert after(house, 1).contacts["enable"]


def test_a_stop_that_takes_the_house_with_it():
    house = build(protection={"estop_breaks": ["contactor", "enable", "island"]})
    after(house, 1)
    house.apply("protection.estop", True)
    assert after(house, 1).truth()["house_source"] == "dead"


def relayed(**relays: Any) -> House:
    return build(relays={"voltage_relay_ms": 100, **relays})


def test_the_voltage_relay_lets_a_black_start_pass_and_trips_on_a_short():
    house = islanded(relayed())
    assert house.truth()["inverter.mode"] == "form", "under-voltage begins with the first good one"
    house.apply("loads.l1_w", 100_000)
    now = after(house, 1)
    assert not now.contacts["enable"] and now.truth()["inverter.mode"] == "off"
    house.apply("loads.l1_w", 0)
    assert not after(house, 5).contacts["enable"], "for good"
    drive(house, enable=False)
    after(house, 0.2)
    drive(house, enable=True)
    assert after(house, 3).contacts["enable"]


def test_the_voltage_relay_sees_a_lost_neutral():
    house = drive(relayed(), enable=True)
    after(house, 5)
    house.apply("grid.l1_pu", 1.17)
    assert after(house, 1).contacts["enable"]
    house.apply("grid.l2_pu", 0.86)
    assert when(house, 1, "enable") == [(100, False)]


def test_a_weld_releases_the_upstream_protection_where_there_is_a_release():
    for has in (True, False):
        house = charging(build(evse={"release": has}))
        house.apply("evse.contactor.welded", True)
        drive(house, contactor=False, release=True)
        now = after(house, 1).truth()
        assert now["wallbox_tripped"] is has and now["evse.closed"]
        assert (now["evse.l1_a"] == 0) is has
