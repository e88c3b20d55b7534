"""A house with two points, a gateway, a house battery, PV and three meters on two lines."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any

import pytest
from pymodbus.framer import FramerRTU
from pymodbus.pdu import DecodePDU

from tests_host.twin.house_kit import DUTY_10_A, DUTY_16_A, after, drive
from tests_host.twin.referee_kit import commands
from tools.twin import run, scenario, scene
from tools.twin.house import House
from tools.twin.referee import Referee, case
from tools.twin.view.events import EventLog

FILE = Path(scenario.__file__).parent / "scenarios" / "two_points.json"
STORY = scenario.load(FILE)
LEGS = ("l1", "l2", "l3")


def many() -> House:
    """The shipped one with its guest there; its batteries told nothing, its points open."""
    house = House(STORY.house, STORY.start, 1)
    house.apply("guest.plugged", True)
    return house


def busy() -> House:
    """All of it at work: the gateway discharges, the battery charges, the guest draws."""
    house = after(drive(many(), contactor=True, contactor_2=True, enable=True), 6)
    house.set_pilot(1000, DUTY_10_A, 1)
    house.rows["inverter"].write_setpoint(-3000, True, 0, 3600)
    house.rows["battery"].write_setpoint(2000, True, 0, 3600)
    return after(house, 12)


def amps(house: House, name: str) -> list[float]:
    now = house.truth()
    return [round(float(now[f"{name}.{leg}_a"]), 2) for leg in LEGS]


# --- wires ----------------------------------------------------------------------------------


def test_each_row_draws_on_its_own_legs_and_the_circuits_sum_them_up() -> None:
    house = busy()
    assert amps(house, "carport") == [0, 10, 10], "a car of two phases on L2 and L3"
    assert [a != 0 for a in amps(house, "battery")] == [False, True, False], "alone on L2"
    assert all(a < -4 for a in amps(house, "inverter")) and all(a < 0 for a in amps(house, "roof"))
    assert amps(house, "evse") == amps(house, "inverter"), "through the first point's contactor"
    n = house.network
    for k in range(3):
        flows = sum(device.flow[k] for device in house.branches)
        assert abs(n.main_a[k] - n.loads_a[k] - flows) < 1e-6
        garage = house.rows["guest"].flow[k] + house.rows["inverter"].flow[k]
        assert abs(house.circuits[house.index["garage"]].a[k] - garage) < 1e-9
    now = house.truth()
    watts = sum(float(now[f"{name}.w"]) for name in ("carport", "inverter", "battery", "roof"))
    assert float(now["grid_w"]) == pytest.approx(float(now["loads_w"]) + watts, rel=0.02)


def test_each_point_has_its_pilot_contactor_and_counts() -> None:
    house = busy()
    now = house.truth()
    assert (now["guest.state"], now["carport.closings"]) == ("C", 1)
    assert now["guest.offer_a"] == pytest.approx(10)
    drive(house, contactor=False)
    now = after(house, 1).truth()
    assert not now["evse.closed"] and now["inverter.w"] == 0 and float(now["evse.opened_a"]) > 4
    assert now["carport.closed"]
    assert float(now["guest.w"]) > 4000 and float(now["battery.w"]) > 1900
    house.set_pilot(1000, DUTY_16_A)  # a gateway's point has a pilot, and no car at it
    assert after(house, 6).truth()["guest.offer_a"] == pytest.approx(10)
    house.apply("carport.contactor.welded", True)
    drive(house, contactor_2=False)
    now = after(house, 1).truth()
    assert now["carport.closed"] and house.contacts["contactor_2"] and not now["evse.closed"]
    drive(house, release_2=True)
    now = after(house, 1).truth()
    assert (now["carport.released"], now["evse.released"]) == ("carport", "")
    assert now["carport_tripped"] and not now["gateway_tripped"] and now["guest.w"] == 0


def test_a_fault_belongs_to_the_row_that_has_it() -> None:
    house = busy()
    house.apply("battery.ignores_setpoint", True)
    house.apply("inverter.sign", -1)
    for name in ("battery", "inverter"):
        house.rows[name].write_setpoint(1000, True, 0, 3600)
    now = after(house, 5).truth()
    assert now["battery.w"] == pytest.approx(2000, abs=1)
    assert now["inverter.w"] == pytest.approx(-1000, abs=1)
    house.apply("car.plugged", False)
    now = after(house, 1).truth()
    assert now["inverter.mode"] == "off" and now["battery.mode"] == "follow"


# --- an island --------------------------------------------------------------------------------


def test_one_forms_and_the_others_follow_it() -> None:
    house = busy()
    house.apply("grid.outage", True)
    drive(house, island=False, enable=False, contactor_2=False, loads=False)
    after(house, 1)
    drive(house, bond=True)
    after(house, 0.3)
    house.rows["inverter"].allow_forming(True)
    drive(house, enable=True)
    house.apply("roof.override_w", 500)
    now = after(house, 8).truth()
    assert (now["house_source"], now["inverter.mode"], now["battery.mode"]) == (
        "form", "form", "follow",
    )  # fmt: skip
    house.rows["battery"].write_setpoint(1500, True, 0, 3600)
    now = after(house, 4).truth()
    assert now["battery.w"] == pytest.approx(1500, abs=1) and now["main_l2_a"] == 0
    carried = float(now["loads_w"]) + 1500 + float(now["roof.w"])
    assert -float(now["inverter.w"]) == pytest.approx(carried, rel=1e-3)
    assert now["ne_bonds"] == 1 and now["unbonded_forming_s"] == 0


# --- meters and lines ---------------------------------------------------------------------------


def test_each_meter_measures_its_circuit_in_its_own_time() -> None:
    house = busy()
    meter, garage, roof = (house.rows[name] for name in ("meter", "garage", "yield"))
    now = house.truth()
    for k, leg in enumerate(LEGS):
        assert meter.amps[k] == pytest.approx(float(now[f"main_{leg}_a"]), abs=0.2)
        assert garage.amps[k] == pytest.approx(float(now[f"garage_{leg}_a"]), abs=0.2)
        assert roof.amps[k] == pytest.approx(float(now[f"roof_{leg}_a"]), abs=0.2)
    assert roof.export_wh == pytest.approx(float(now["roof.produced_wh"]), rel=0.1)
    assert garage.import_wh > 0 and meter.due_us != roof.due_us
    house.apply("garage.frozen", True)
    was = garage.amps
    drive(house, contactor_2=False)
    after(house, 3)
    assert garage.amps == was and meter.amps[2] < now["main_l3_a"]


def asked(responder: Any, address: int, function: int, at: int, count: int) -> list[int] | None:
    body = struct.pack(">BBHH", address, function, at, count)
    found = responder.answer(0, body + FramerRTU.compute_CRC(body).to_bytes(2, "big"))
    if found is None:
        return None
    return FramerRTU(DecodePDU(False)).handleFrame(found[1], 0, 0)[1].registers  # type: ignore


@pytest.fixture
def stage(tmp_path: Path) -> Any:
    made: list[scene.Stage] = []

    def build(speed: str) -> scene.Stage:
        options = run.Options(str(FILE), speed=speed)
        made.append(scene.Stage(run.Context(options, tmp_path, EventLog()), STORY))
        return made[-1]

    yield build
    for one in made:
        one.close()


def test_each_device_answers_on_its_own_line_at_its_own_address(stage: Any) -> None:
    built = stage("max")
    (house, _, timing), (cellar, _, other) = built._cables.values()
    assert (house.names, cellar.names) == (["meter", "inverter"], ["garage", "yield", "battery"])
    assert (timing.baud, timing.parity, other.baud, other.parity) == (19_200, "N", 19_200, "E")
    assert asked(house, 4, 4, 0, 2) is None and asked(cellar, 4, 4, 0, 2) is not None
    for responder in (house, cellar):
        assert asked(responder, 2, 3, 40_000, 2) == [0x5375, 0x6E53]
        assert asked(responder, 1, 4, 0, 2) is not None
    built._fault("battery", "silent", 1 << 62)
    assert asked(cellar, 2, 3, 40_000, 2) is None and asked(house, 2, 3, 40_000, 2) is not None
    built._fault("all", "silent", 1 << 62)
    assert asked(cellar, 1, 4, 0, 2) is None and asked(house, 1, 4, 0, 2) is None


def test_registers_are_in_the_devices_own_order(stage: Any) -> None:
    """Alone on L2 it is its first leg: 701.AL1 and VL1 are what L2 has."""
    built = stage("max")
    house = drive(built._house, enable=True)
    house.rows["battery"].write_setpoint(2000, True, 0, 3600)
    after(house, 8)
    sunspec = built._shells["battery"]
    registers = sunspec._map()
    sunspec._measured(registers)
    own = [sunspec._get(registers, 701, f"AL{leg}") / 10 for leg in (1, 2, 3)]
    assert own == [pytest.approx(house.rows["battery"].a[1], abs=0.06), 0, 0]


def test_in_real_time_each_line_is_a_terminal_of_its_own(stage: Any) -> None:
    built = stage("1")
    built.start_real()
    first, second = built._environment["ISLET_PTY"], built._environment["ISLET_PTY_0"]
    assert first != second
    body = struct.pack(">BBHH", 4, 4, 0, 2)  # the yield meter, at its own speed
    with open(second, "r+b", buffering=0) as line:
        line.write(body + FramerRTU.compute_CRC(body).to_bytes(2, "big"))
        answer = b""
        while len(answer) < 9:
            answer += line.read(9 - len(answer))
    assert answer[:3] == b"\x04\x04\x04"


# --- the referee ---------------------------------------------------------------------------------


def test_the_case_has_islets_devices_by_name() -> None:
    known = case.of(STORY)
    gateway, battery = known.converters
    assert [(p.name, p.row, p.point, p.gateway, p.car) for p in known.points] == [
        ("evse", -1, 0, "inverter", ""), ("carport", 2, 1, "", "guest"),
    ]  # fmt: skip
    assert gateway.row >= 0 and (gateway.contactor, gateway.car) == ("evse", "car")
    assert (battery.row, battery.contactor) == (1, "")
    below = {c.name: c.devices for c in known.circuits}
    assert below["garage"] == ("carport", "inverter") and below["battery"] == ("battery",)
    assert below["service"] == ("carport", "inverter", "battery")


OF_SITE: dict[str, dict[str, Any]] = {
    "idle": {"kind": "source", "node": "service"},
    "battery": {"kind": "converter", "node": "battery", "legs": ["L2"], "charge_w": 3000,
                "discharge_w": 3000, "response_s": 1},
    "carport": {"kind": "point", "node": "garage", "response_s": 4},
    "inverter": {"kind": "converter", "node": "garage", "legs": ["L1", "L2", "L3"],
                 "charge_w": 9000, "discharge_w": 9000},
}  # fmt: skip


def listed(*devices: str) -> scenario.Scenario:
    """The same house with a site that has these devices in a list."""
    site = {
        "nodes": [
            {"name": "service", "parent": None, "rating_a": 35, "instrument": "meter"},
            {"name": "garage", "parent": "service", "rating_a": 32, "instrument": "garage"},
            {"name": "battery", "parent": "service", "rating_a": 20},
        ],
        "meters": [{"name": "meter"}, {"name": "garage"}],
        "points": [{"name": "evse"}, {"name": "carport"}],
        "devices": [{"name": name, **OF_SITE[name]} for name in devices],
        "owner": {"reserve_percent": 30},
    }  # fmt: skip
    return scenario.Scenario(**{**vars(STORY), "site": site, "events": [], "expect": []})


def test_a_list_of_devices_is_taken_in_its_order_and_by_name() -> None:
    known = case.of(listed("idle", "battery", "carport", "inverter"))
    rows = {d.name: (d.row, d.meters) for d in known.devices}
    assert rows == {
        "evse": (-1, ()),
        "carport": (2, ("meter", "garage")),
        "inverter": (3, ("meter", "garage")),
        "battery": (1, ("meter",)),
    }
    assert [d.response_s for d in known.devices] == [5, 4, 2, 1]


def judged(house: House, devices: tuple[str, ...], **values: int) -> list[str]:
    """What the referee finds in 20 s of these published commands."""
    image, referee = commands(**values), Referee(listed(*devices))
    end_us = house.now_us + 20_000_000
    while house.now_us < end_us:
        house.advance(house.now_us + 100_000)
        house.segments.clear()
        referee.observe(house.now_us, house.truth(), image)
    return [text for text in referee.findings() if "INV-16" in text or "INV-13" in text]


@pytest.mark.parametrize(("name", "row"), [("battery", 0), ("inverter", 1)])
def test_each_converter_is_judged_by_its_own_grant(name: str, row: int) -> None:
    devices = ("battery", "inverter")
    house = drive(many(), contactor=True, enable=True)
    house.rows[name].write_setpoint(-2500, True, 0, 3600)
    after(house, 8)
    granted = {f"GRANT_LOW[{row}]": -2500, f"SETPOINT[{row}]": -2500}
    assert judged(house, devices, **granted) == []
    found = judged(house, devices, **{f"GRANT_LOW[{1 - row}]": -2500})
    assert any(f"{name} at -2500 W, granted 0…0 W" in text for text in found)
    assert all(f" {name} " in text for text in found)


def test_each_point_is_judged_by_its_own_offer_and_contactor() -> None:
    house = drive(many(), contactor_2=True)
    house.set_pilot(1000, DUTY_16_A, 1)
    after(house, 10)
    devices = ("inverter", "carport")
    row = next(p.row for p in case.of(listed(*devices)).points if p.name == "carport")
    granted = {f"SETPOINT[{row}]": 16_000, f"GRANT_HIGH[{row}]": 16_000}
    assert judged(house, devices, **granted) == []
    found = judged(house, devices)
    assert any("carport: car draws 16.0 A of 0.0 A offered" in text for text in found)
