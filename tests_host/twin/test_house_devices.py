# islet: pilot, car, inverter, PV, meter, relays against independent formulas.
# GPL-3.0-or-later
from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from tests_host.twin.house_kit import (
    DUTY_10_A,
    NOON,
    SECOND,
    after,
    build,
    charging,
    drive,
    following,
    islanded,
)
from tools.twin.house import House, profiles
from tools.twin.house.car import offered_a
from tools.twin.house.spec import Place, SourceSpec


def pilot(house: House) -> tuple[float, float]:
    house.segments.clear()
    after(house, 0.1)
    last = house.segments[-1]
    return last.pilot_high_v, last.pilot_low_v


# windows as cited from IEC 61851-1 Table A.4 in the facts
@pytest.mark.parametrize(
    ("state", "over", "low", "high"),
    [
        ("A", {"plugged": False}, 11.4, 12.6),
        ("B", {"wants": False}, 8.36, 9.56),
        ("C", {}, 5.48, 6.53),
        ("D", {"ventilation": True}, 2.62, 3.25),
        ("E", {"pilot": "short"}, -0.01, 0.01),
    ],
)
def test_pilot_levels_by_resistors(state: str, over: dict, low: float, high: float) -> None:
    house = build(car=over)
    house.set_pilot(1000, 0.3)
    after(house, 3)
    up, down = pilot(house)
    assert low <= up <= high and house.truth()["car.state"] == state
    assert down == pytest.approx(0 if state == "E" else -12)


def test_missing_diode_shows_in_the_low_plateau() -> None:
    house = build(car={"diode": False, "wants": False})
    house.set_pilot(1000, 0.3)
    assert pilot(house)[1] == pytest.approx(-12 * 2740 / 3740)


def test_undriven_pilot_is_dead_and_proximity_follows_the_plug() -> None:
    house = build(car={"proximity_ohm": 680})
    assert pilot(house) == (0, 0)
    assert house.segments[-1].pp_ohm == 680
    house.apply("car.plugged", False)
    pilot(house)
    assert house.segments[-1].pp_ohm == float("inf")


@pytest.mark.parametrize(
    ("duty", "amps"),
    [
        (0.05, 0),
        (0.09, 6),
        (0.10, 6),
        (0.2667, 16.0),
        (0.5333, 32.0),
        (0.892, 63.0),
        (0.965, 80),
        (0.98, 0),
        (1.0, 0),
    ],
)
def test_offer_by_duty(duty: float, amps: float) -> None:
    assert offered_a(duty) == pytest.approx(amps, abs=0.02)


def test_car_follows_the_offer_after_its_reaction_and_stops_on_x1() -> None:
    house = charging(build(car={"reaction_s": 2}))
    assert house.truth()["evse.l3_a"] == pytest.approx(16, abs=0.1)
    house.set_pilot(1000, DUTY_10_A)
    assert after(house, 1.9).truth()["evse.l1_a"] == pytest.approx(16, abs=0.1)
    assert after(house, 1.5).truth()["evse.l1_a"] == pytest.approx(10, abs=0.1)
    house.set_pilot(1000, 1.0)
    now = after(house, 4).truth()
    assert now["evse.l1_a"] == 0 and now["car.state"] == "B"


def test_faulty_cars() -> None:
    for fault, drawn in (("ignores_offer", 16), ("keeps_drawing", 10)):
        house = charging(build(car={"max_a": 16}), DUTY_10_A)
        house.apply(f"car.{fault}", True)
        house.set_pilot(1000, 1.0)
        assert after(house, 8).truth()["evse.l1_a"] == pytest.approx(drawn, abs=0.1)


def test_single_phase_car_on_three_phases() -> None:
    now = charging(build(car={"legs": 1})).truth()
    assert now["evse.l1_a"] == pytest.approx(16, abs=0.1) and now["evse.l2_a"] == 0


def test_taper_and_target() -> None:
    house = charging(build(car={"soc_percent": 98}))
    assert 5.9 < float(house.truth()["evse.l1_a"]) < 7
    house.apply("car.soc_percent", 100)
    now = after(house, 5).truth()
    assert now["evse.l1_a"] == 0 and now["car.state"] == "B"


def test_unplugged_under_load_the_pilot_goes_first() -> None:
    house = charging(build())
    house.apply("car.plugged", False)
    after(house, 0.05)
    assert pilot(house)[0] == pytest.approx(12)
    now = after(house, 0.5).truth()
    assert now["evse.l1_a"] == 0 and now["car.parted_live"] == 1  # nobody opened the contactor
    house = charging(build())
    house.apply("car.plugged", False)
    after(house, 0.02)
    drive(house, contactor=False)
    now = after(house, 1).truth()
    assert now["car.parted_live"] == 0 and float(now["evse.opened_a"]) > 10


# --- relays -----------------------------------------------------------------------------------


def test_relay_travel_and_bounce() -> None:
    house = after(build(evse={"contactor": {"close_ms": 55, "open_ms": 18}}), 1)
    house.edges.clear()
    t0 = house.now_us
    drive(house, contactor=True)
    after(house, 0.2)
    edges = [(t - t0, level) for t, name, level in house.edges if name == "contactor"]
    assert edges[0] == (55_500, True) and len(edges) == 3  # closed, bounced open, closed
    assert edges[-1][1] is True and edges[-1][0] <= 55_500 + 2_000
    house.edges.clear()
    t0 = house.now_us
    drive(house, contactor=False)
    after(house, 0.2)
    assert house.edges == [(t0 + 18_000, "contactor", False)]


def test_car_current_ends_exactly_when_the_contacts_part() -> None:
    house = charging(build(evse={"contactor": {"open_ms": 18}}))
    house.segments.clear()
    t0 = house.now_us
    drive(house, contactor=False)
    after(house, 0.1)
    ends = [s.t1_us for s in house.segments if abs(s.evse_a[0]) > 1]
    assert ends[-1] == t0 + 18_000


def test_weld_and_stuck_open() -> None:
    house = charging(build())
    house.apply("evse.contactor.welded", True)
    drive(house, contactor=False)
    now = after(house, 0.5).truth()
    assert now["evse.closed"] and house.contacts["contactor"]
    house.apply("evse.contactor.welded", False)
    assert not after(house, 0.5).truth()["evse.closed"]
    house.apply("evse.contactor.stuck_open", True)
    drive(house, contactor=True)
    assert not after(house, 0.5).truth()["evse.closed"]
    assert not house.contacts["contactor"]


def test_stuck_auxiliary_tells_lies_but_the_truth_does_not() -> None:
    house = charging(build())
    house.apply("evse.contactor.aux_stuck", False)
    now = after(house, 0.1).truth()
    assert now["evse.closed"] and not house.contacts["contactor"]


def test_undriven_outputs_fall_to_their_safe_side() -> None:
    house = after(charging(build()), 1)
    drive(house, contactor=None, island=None, enable=None)
    now = after(house, 0.5).truth()
    assert not now["evse.closed"] and not now["inverter.enabled"]
    assert now["island_closed"]  # the driver holds its state
    drive(house, island=False)
    after(house, 0.5)
    drive(house, island=None)
    assert not after(house, 0.5).truth()["island_closed"]


def test_bond_is_locked_by_the_mirror_contact() -> None:
    house = after(build(), 0.1)
    drive(house, bond=True)
    assert not after(house, 0.5).truth()["bond_closed"]
    drive(house, island=False)
    assert after(house, 0.5).truth()["bond_closed"]
    assert house.truth()["ne_bonds_most"] == 1


def test_the_switch_closes_only_onto_a_dead_island() -> None:
    house = islanded(build())
    house.apply("grid.outage", False)
    drive(house, island=True)
    assert not after(house, 1).truth()["island_closed"]
    drive(house, enable=False, bond=False)
    assert after(house, 1).truth()["island_closed"]


@pytest.mark.parametrize("cause", ["estop", "rcd", "overtemp"])
def test_protection_breaks_the_coil_by_itself(cause: str) -> None:
    house = charging(build())
    house.apply(f"protection.{cause}", True)
    assert not after(house, 0.1).truth()["evse.closed"]
    assert house.contacts[cause]


# --- inverter ---------------------------------------------------------------------------------


def test_setpoint_delay_ramp_and_limits() -> None:
    house = build(inverter={"response_s": 0.5, "ramp_w_per_s": 1000, "watch": {"reconnect_s": 0}})
    drive(house, enable=True)
    after(house, 1)
    house.rows["inverter"].write_setpoint(-2000, True, 0, 60)
    assert after(house, 0.4).truth()["inverter.w"] == 0
    assert after(house, 1.1).truth()["inverter.w"] == pytest.approx(-1000, abs=60)
    assert after(house, 1.5).truth()["inverter.w"] == pytest.approx(-2000, abs=1)
    house.rows["inverter"].write_setpoint(99_000, True, 0, 60)
    assert after(house, 12).truth()["inverter.w"] == pytest.approx(5000, abs=1)


def test_reversion_heartbeat_and_enable() -> None:
    house = build(inverter={"heartbeat_s": 5})
    following(house, -3000)
    assert house.truth()["inverter.w"] == 0  # no heartbeat
    house.rows["inverter"].controller_heartbeat()
    house.rows["inverter"].write_setpoint(-2000, True, -500, 2)
    house.rows["inverter"].write_setpoint(-3000, True, -500, 2)
    assert after(house, 1.5).truth()["inverter.w"] == pytest.approx(-3000, abs=1)
    assert after(house, 1.5).truth()["inverter.w"] == pytest.approx(-500, abs=1)
    house.rows["inverter"].write_setpoint(-3000, True, -500, 20)
    after(house, 1)
    t0 = house.now_us
    drive(house, enable=False)
    house.segments.clear()
    after(house, 0.1)
    zero = [s for s in house.segments if abs(s.main_a[0]) < 0.01]
    assert zero[0].t0_us - t0 <= 20_000


def test_state_of_charge_limits() -> None:
    house = following(build(inverter={"soc_percent": 5, "min_soc_percent": 5}), -3000)
    assert house.truth()["inverter.w"] == 0
    house = following(build(inverter={"soc_percent": 99}), 5000)
    assert house.truth()["inverter.w"] == pytest.approx(1000, rel=0.05)


def test_inverter_waits_before_it_connects_again() -> None:
    house = following(build(), -1000)
    house.apply("grid.outage", True)
    after(house, 2)
    house.apply("grid.outage", False)
    assert after(house, 4.5).truth()["inverter.mode"] == "off"
    assert after(house, 1).truth()["inverter.mode"] == "follow"


def test_gateway_uses_the_cars_battery_behind_the_contactor() -> None:
    house = build(
        inverter={"point": "evse", "circuit": None},
        car={"at": "inverter", "soc_percent": 60, "capacity_kwh": 50},
    )
    drive(house, contactor=True, enable=True)
    after(house, 6)
    following(house, -4000)
    now = after(house, 60).truth()
    assert now["inverter.w"] == pytest.approx(-4000, abs=1)
    assert now["evse.l1_a"] == now["inverter.l1_a"] and now["evse.l1_a"] < 0  # type: ignore
    assert now["inverter.soc_percent"] == now["car.soc_percent"] < 60  # type: ignore[operator]
    drive(house, contactor=False)
    assert after(house, 1).truth()["inverter.w"] == 0
    house.apply("car.plugged", False)
    after(house, 1)
    assert not house.rows["inverter"].plugged


# --- sun, household, meter --------------------------------------------------------------------


def test_sun_is_plausible() -> None:
    """8 kW, 35° south, Berlin: 45–65 kWh on a clear June day, nothing at night, noon highest."""
    curve = profiles.sun(SourceSpec("x", circuit="x", w_peak=1), Place(), NOON.replace(hour=0))
    kwh = sum(curve[:-1]) * profiles.SUN_STEP_S / 3600 * 8
    assert 45 < kwh < 65
    assert curve[0] == 0 and max(curve) < 1.1
    peak_hour = curve.index(max(curve)) * profiles.SUN_STEP_S / 3600
    assert 12.5 < peak_hour < 14  # local summer time
    winter = datetime.fromisoformat("2026-12-15T00:00:00+01:00")
    assert (
        sum(profiles.sun(SourceSpec("x", circuit="x", w_peak=1), Place(), winter)) < sum(curve) / 2
    )


def test_household_profile_gives_the_annual_energy() -> None:
    first = datetime(2026, 1, 1).date()
    days = [profiles.household("h0_dyn", first + timedelta(days=d)) for d in range(0, 364, 13)]
    wh_a_day = sum(sum(day) / 4 for day in days) / len(days)
    assert wh_a_day * 365 == pytest.approx(1000, rel=0.05)


def test_pv_reconnects_late_and_curtails_with_frequency() -> None:
    house = build(
        pv={"circuit": "roof", "w_peak": 5000, "ramp_s": 0, "watch": {"reconnect_s": 30}}
    )
    house.apply("pv.override_w", 5000)
    assert after(house, 2).truth()["pv.w"] == pytest.approx(-5000, rel=0.01)
    house.apply("grid.frequency_hz", 51.2)
    assert after(house, 2).truth()["pv.w"] == pytest.approx(-5000 * 0.6, rel=0.02)
    house.apply("grid.frequency_hz", 50)
    house.apply("grid.outage", True)
    after(house, 2)
    house.apply("grid.outage", False)
    assert after(house, 28).truth()["pv.w"] == 0
    assert after(house, 4).truth()["pv.w"] == pytest.approx(-5000, rel=0.01)


def test_appliances_by_plan_and_by_hand() -> None:
    at = [{"name": "oven", "w": 2300, "at": ["12:05"], "minutes": 10}]
    house = build(loads={"appliances": at, "annual_kwh": 0})
    assert not after(house, 299).truth()["loads_oven"]
    assert after(house, 2).truth()["loads_oven"]
    house.apply("loads.oven", False)
    assert after(house, 1).truth()["loads_w"] == pytest.approx(0, abs=1)
    house.apply("loads.oven", None)
    assert after(house, 1).truth()["loads_w"] == pytest.approx(2300, rel=0.01)
    assert not after(house, 600).truth()["loads_oven"]


def test_sheddable_loads_hang_on_their_contactor() -> None:
    pump = [{"name": "pump", "w": 2300, "at": [], "sheddable": True}]
    house = build(loads={"appliances": pump, "annual_kwh": 0})
    house.apply("loads.pump", True)
    assert after(house, 1).truth()["loads_w"] == pytest.approx(0, abs=1)
    drive(house, loads=True)
    assert after(house, 1).truth()["loads_w"] == pytest.approx(2300, rel=0.01)


def test_meter_has_a_true_age_and_can_freeze() -> None:
    house = charging(build(meter={"update_s": 0.4}))
    meter = house.rows["meter"]
    assert 0 <= house.now_us - meter.sampled_us <= 0.4 * SECOND
    assert meter.watts[1] == pytest.approx(float(house.truth()["grid_w"]) / 3, rel=0.01)
    assert meter.amps[0] == pytest.approx(16, abs=0.1) and meter.hz == pytest.approx(50)
    house.apply("meter.frozen", True)
    sampled = meter.sampled_us
    drive(house, contactor=False)
    after(house, 3)
    assert meter.sampled_us == sampled and meter.amps[0] == pytest.approx(16, abs=0.1)
