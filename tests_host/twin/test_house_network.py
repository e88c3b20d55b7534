# islet: Kirchhoff, energy, breakers, and what a dead grid sees.
# GPL-3.0-or-later
from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests_host.twin.house_kit import (
    SECOND,
    after,
    build,
    charging,
    drive,
    following,
    islanded,
)
from tools.twin.house import House, controls, truth
from tools.twin.house.circuit import Circuit
from tools.twin.house.spec import CircuitSpec


def kirchhoff(house: House) -> None:
    """At the node of each leg what comes in goes out, and each circuit is the sum of its parts."""
    n = house.network
    for k in range(house.legs):
        into = n.main_a[k]
        out = n.loads_a[k] + sum(device.flow[k] for device in house.branches)
        assert abs(into - out) < 1e-6, (k, into, out, n.source)
    children = [c for c in house.circuits if c.parent == 0]
    own = house.loads.y[0]
    for k in range(house.legs):
        total = sum((c.a[k] for c in children), n.house_v[k] * own[k])
        if n.tied:
            assert abs(house.circuits[0].a[k] - total) < 1e-6


KETTLE = {"name": "kettle", "w": 2300, "legs": [1], "circuit": "rooms", "at": []}


@settings(max_examples=25, deadline=None)
@given(
    w=st.integers(-5000, 5000),
    duty=st.floats(0.1, 0.5),
    base=st.tuples(*[st.integers(0, 6000)] * 3),
    sun=st.integers(0, 8000),
    legs=st.sampled_from([1, 2, 3]),
    volts=st.floats(0.9, 1.08),
)
def test_currents_obey_kirchhoff_and_voltage_falls_over_the_supply(
    w: int, duty: float, base: tuple[int, ...], sun: int, legs: int, volts: float
) -> None:
    house = build(
        legs=legs,
        nominal_v=120 if legs == 2 else 230,
        inverter={"ramp_w_per_s": 1e6},
        pv={"w_peak": 8000},
        grid={"voltage_pu": volts},
    )
    house.apply("pv.override_w", sun)
    for k in range(legs):
        house.apply(f"loads.l{k + 1}_w", base[k])
    charging(following(house, w), duty)
    kirchhoff(house)
    n, supply = house.network, house.spec.grid
    for k in range(legs):
        drop = house.grid.emf()[k] - n.main_a[k] * complex(supply.r_ohm, supply.x_ohm)
        assert abs(drop - n.house_v[k]) < 1e-3


@pytest.mark.parametrize(("legs", "between"), [(2, 2.0), (3, math.sqrt(3))])
def test_legs_stand_at_their_angles(legs: int, between: float) -> None:
    house = after(
        build(legs=legs),
        1,
    )
    volts = house.network.house_v
    assert abs(volts[0] - volts[1]) == pytest.approx(230 * between, rel=1e-3)


def test_energy_balance_of_an_hour() -> None:
    """∫ grid = loads + car − PV + inverter; the batteries get theirs times efficiency."""
    house = build(pv={"circuit": "roof", "w_peak": 6000}, loads={"flicker_percent": 5})
    house.apply("loads.l1_w", 800)
    charging(following(house, 1500))
    before, start_car, start_wh = house.truth(), house.rows["car"].wh, house.rows["inverter"].wh  # type: ignore
    used_wh = 0.0
    for _ in range(3600):
        house.advance(house.now_us + SECOND)
        used_wh += house.network.power_w(house.network.loads_a) / 3600
        house.segments.clear()
    now = house.truth()

    def rise(name: str) -> float:
        return float(now[name]) - float(before[name])

    taken = rise("import_wh") - rise("export_wh") + rise("pv.produced_wh")
    given_out = used_wh + rise("car.charged_wh") + rise("inverter.charged_wh")
    assert taken == pytest.approx(given_out, rel=2e-3)
    assert house.rows["car"].wh - start_car == pytest.approx(
        rise("car.charged_wh") * 0.92, rel=1e-6
    )
    stored = house.rows["inverter"].wh - start_wh
    assert stored == pytest.approx(rise("inverter.charged_wh") * 0.95, rel=1e-6)


# --- breakers ---------------------------------------------------------------------------------


def trip_time_s(curve: str, rating: float, pu: float, most_s: float) -> float:
    """Time at a constant multiple of the rating until it trips, inf if it does not."""
    circuit = Circuit(CircuitSpec(name="x", breaker_a=rating, curve=curve), -1)
    amps = complex(pu * rating)
    circuit.load(0, (amps, 0j, 0j), (0.0, 0.0, 0.0))
    if circuit.due_us < 1 << 62:
        return circuit.due_us / 1e6
    step_us, t = 100_000, 0
    while t < most_s * 1e6:
        t += step_us
        if circuit.warm(step_us):
            return t / 1e6
    return math.inf


HOUR = 3600.0


@pytest.mark.parametrize(
    ("curve", "rating", "pu", "low_s", "high_s"),
    [
        ("B", 16, 1.13, math.inf, math.inf),
        ("C", 63, 1.13, math.inf, math.inf),
        ("B", 16, 1.45, 10, HOUR),
        ("C", 25, 1.45, 10, HOUR),
        ("C", 25, 2.55, 1, 60),
        ("D", 63, 2.55, 1, 120),
        ("B", 16, 3.0, 0.1, 60),
        ("B", 16, 5.0, 0, 0.1),
        ("C", 25, 5.0, 0.1, 60),
        ("C", 25, 10.0, 0, 0.1),
        ("D", 25, 10.0, 0.1, 60),
        ("D", 25, 20.0, 0, 0.1),
        ("UL489", 30, 1.00, math.inf, math.inf),
        ("UL489", 20, 1.35, 60, HOUR),
        ("UL489", 20, 2.00, 5, 120),
        ("UL489", 50, 2.00, 5, 240),
        ("UL489", 100, 1.35, 60, 2 * HOUR),
        ("UL489", 200, 2.00, 5, 600),
    ],
)
def test_breaker_trips_within_its_standard(
    curve: str, rating: float, pu: float, low_s: float, high_s: float
) -> None:
    time_s = trip_time_s(curve, rating, pu, 2 * HOUR)
    assert low_s <= time_s <= high_s


def test_breaker_cools_and_remembers() -> None:
    circuit = Circuit(CircuitSpec(name="x", breaker_a=16, curve="B"), -1)
    circuit.load(0, (30 + 0j, 0j, 0j), (0.0, 0.0, 0.0))
    for _ in range(200):
        assert not circuit.warm(100_000)
    warm = max(circuit.heat)
    circuit.load(0, (0j, 0j, 0j), (0.0, 0.0, 0.0))
    circuit.warm(SECOND)
    assert 0 < max(circuit.heat) < warm


def test_a_tripped_circuit_goes_dead_and_can_be_reset() -> None:
    house = build(loads={"appliances": [{**KETTLE, "w": 9200}], "annual_kwh": 0})
    house.apply("loads.kettle", True)
    after(house, 1)
    assert house.truth()["rooms_l1_a"] == pytest.approx(40, rel=0.02)
    after(house, 90)
    now = house.truth()
    assert now["rooms_tripped"] and now["rooms_l1_a"] == 0 and now["breaker_trips"] == 1
    assert not now["service_tripped"]
    house.apply("loads.kettle", False)
    house.apply("circuits.rooms.tripped", False)
    assert not after(house, 1).truth()["rooms_tripped"]


def test_busbar_sums_all_inflows() -> None:
    """Grid and sources both load the busbar, though the main breaker sees only the grid."""
    circuits = [
        {"name": "service", "breaker_a": 100, "bus_a": 100},
        {"name": "battery", "parent": "service", "breaker_a": 32},
    ]
    house = build(circuits=circuits, evse=None, car=None)
    house.apply("loads.l1_w", 11500)
    following(house, -5000)
    now = house.truth()
    inverter = abs(float(now["inverter.l1_a"]))
    assert float(now["service_bus_a"]) == pytest.approx(
        float(now["service_l1_a"]) + inverter, rel=0.01
    )


# --- outages ----------------------------------------------------------------------------------


def test_anti_islanding_ends_a_matched_island_within_two_seconds() -> None:
    """Load matched to the inverter: frequency limits alone would not see it."""
    house = build()
    for leg in ("l1", "l2", "l3"):
        house.apply(f"loads.{leg}_w", 1000)
    following(house, -3000)
    assert abs(house.truth()["grid_w"]) < 100  # type: ignore[arg-type]
    house.apply("grid.outage", True)
    after(house, 0.3)
    assert house.truth()["house_source"] == "drift"
    kirchhoff(house)
    after(house, 1.7)
    now = house.truth()
    assert now["house_source"] == "dead" and now["inverter.mode"] == "off"
    assert 0.2 < float(now["dead_grid_live_s"]) < 2


def test_without_detection_a_matched_island_goes_on_and_feeds_the_neighbours() -> None:
    house = build(grid={"neighbour_w": 500})
    house.apply("inverter.anti_islanding", False)
    for leg in ("l1", "l2", "l3"):
        house.apply(f"loads.{leg}_w", 500)
    following(house, -3000)
    house.apply("grid.outage", True)
    now = after(house, 10).truth()
    assert now["house_source"] == "drift" and now["dead_grid_live"]
    assert float(now["dead_grid_fed_w"]) == pytest.approx(1500, rel=0.05)
    assert float(now["inverter.dead_grid_wh"]) == pytest.approx(1500 * 10 / 3600, rel=0.05)


def test_mismatched_island_collapses_at_once() -> None:
    house = build(grid={"neighbour_w": 20_000})
    following(house, -3000)
    house.apply("grid.outage", True)
    assert after(house, 0.5).truth()["house_source"] == "dead"


def test_a_charging_inverter_keeps_its_current_limit_while_an_island_sinks() -> None:
    """The sun fails against what it draws: constant power must not become any current."""
    house = build(pv={"circuit": "roof", "w_peak": 1200, "ramp_s": 0})
    after(house, 3)
    following(house, 5000)
    house.apply("grid.outage", True)
    most_a = 0.0
    for _ in range(100):
        after(house, 0.005)
        most_a = max(most_a, abs(float(house.truth()["inverter.l1_a"])))
    assert most_a <= 1.1 * 5000 / 3 / 230 + 0.1
    assert house.truth()["house_source"] == "dead"


def test_forming_with_the_switch_closed_is_dragged_down_and_recorded() -> None:
    house = following(build(grid={"neighbour_w": 20_000}), 0)
    house.rows["inverter"].allow_forming(True)
    house.apply("grid.outage", True)
    now = after(house, 2).truth()
    assert now["inverter.fault"] == "overload" and float(now["forming_on_grid_s"]) > 0
    assert float(now["dead_grid_fed_wh"]) > 0


def test_black_start_carries_the_house_and_the_grid_side_stays_dead() -> None:
    house = build()
    house.apply("loads.l2_w", 1200)
    following(house, 0)
    now = islanded(house).truth()
    kirchhoff(house)
    assert now["inverter.mode"] == "form" and now["house_source"] == "form"
    assert float(now["house_l2_v"]) == pytest.approx(230, rel=0.02)
    assert now["grid_l1_v"] == 0 and now["dead_grid_fed_wh"] == 0
    assert now["ne_bonds"] == 1 and now["unbonded_forming_s"] == 0
    assert float(now["inverter.w"]) == pytest.approx(-1200, rel=0.03)


def test_soft_start_raises_the_voltage_gradually() -> None:
    house = following(build(), 0)
    house.apply("grid.outage", True)
    drive(house, island=False)
    after(house, 1)
    house.rows["inverter"].allow_forming(True)
    seen = []
    for _ in range(20):
        after(house, 0.1)
        seen.append(float(house.truth()["house_l1_v"]))
    rising = [v for v in seen if 5 < v < 220]
    assert len(rising) >= 3 and rising == sorted(rising)


def test_island_overload_collapses() -> None:
    house = islanded(build())
    house.apply("loads.l1_w", 20_000)
    now = after(house, 1).truth()
    assert now["house_source"] == "dead" and now["inverter.fault"] == "overload"


def test_closing_onto_the_grid_out_of_phase_is_recorded_and_trips_the_inverter() -> None:
    house = build(relays={"dead_permissive": False})
    islanded(house)
    house.apply("grid.outage", False)
    house.apply("grid.phase_jump_deg", 120)
    after(house, 0.1)
    drive(house, bond=False, island=True)
    now = after(house, 1).truth()
    assert float(now["reclosed_deg_most"]) > 60
    assert now["inverter.fault"] == "overload"


def test_pv_with_nowhere_to_go_raises_the_frequency_and_pv_gives_way() -> None:
    house = build(
        pv={"circuit": "roof", "w_peak": 4000, "watch": {"reconnect_s": 5, "f_high_hz": 5}},
        inverter={"circuit": "battery", "soc_percent": 100},
    )
    house.apply("pv.override_w", 3000)
    islanded(house)
    now = after(house, 40).truth()
    assert now["house_source"] == "form" and float(now["house_hz"]) > 50.5
    assert abs(float(now["pv.w"])) < 1500


def test_partial_weld_keeps_one_pole_and_the_mirror_contact_says_so() -> None:
    house = following(build(), 0)
    house.apply("relays.island.welded_pole", "l2")
    drive(house, island=False)
    after(house, 0.5)
    assert not house.contacts["island_open"]
    volts = [abs(v) for v in house.network.house_v]
    assert volts[0] == 0 and volts[1] > 200 and volts[2] == 0


def test_every_field_of_truth_is_explained_and_finite() -> None:
    house = charging(following(build(pv={"circuit": "roof", "w_peak": 5000}), -2000))
    house.apply("grid.outage", True)
    after(house, 3)
    values = house.truth()
    assert truth.finite(values)
    names = {c.name for c in house.circuits} | set(house.relays)
    for name in values:
        plain = name
        for leg in ("l1", "l2", "l3"):
            plain = plain.replace(f"_{leg}_", "_<leg>_").replace(f".{leg}_", ".<leg>_")
        for kind in controls.KINDS:
            for row in getattr(house, kind + "s"):
                plain = plain.replace(f"{row.name}.", f"<{kind}>.")
        for kind in ("circuit", "relay"):
            for own in names:
                if plain.startswith(own + "_"):
                    candidate = f"<{kind}>_" + plain[len(own) + 1 :]
                    plain = candidate if candidate in truth.TEXT else plain
        assert plain in truth.TEXT or name.startswith("loads_"), name
