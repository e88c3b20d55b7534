"""The SunSpec inverter: discovery, readings, heartbeats; layouts from pysunspec2."""

from __future__ import annotations

import pytest

from firmware import image as im
from firmware.drivers.sunspec_control import WRITES
from firmware.drivers.sunspec_models import MODELS
from tests_host.bus.house import House, errors
from tests_host.bus.wire import SunSpecDevice, model, run
from tests_host.fields import INVERTER


def test_our_offsets_are_those_of_the_model_files() -> None:
    """What inverter.py, setpoint.py and sunspec.py count on, against pysunspec2's JSON."""
    for number, length in MODELS:
        assert 0 <= sum(size for _, size, _ in model(number).values()) - 2 - length <= 1
    names = {
        701: {"ACType": 2, "St": 3, "InvSt": 4, "ConnSt": 5, "Alrm": 6, "DERMode": 8, "W": 10,
              "WL1": 41, "AL1": 45, "WL2": 64, "AL2": 68, "WL3": 87, "AL3": 91,
              "A_SF": 113, "V_SF": 114, "Hz_SF": 115, "W_SF": 116},
        702: {"WMaxRtg": 2, "WChaRteMaxRtg": 10, "WDisChaRteMaxRtg": 11, "IntIslandCatRtg": 25,
              "WMax": 26, "WChaRteMax": 34, "WDisChaRteMax": 35, "W_SF": 45},
        704: {"WSetEna": 22, "WSetMod": 23, "WSet": 24, "WSetRvrt": 26, "WSetEnaRvrt": 30,
              "WSetRvrtTms": 31, "AntiIslEna": 52, "WSet_SF": 55},
        713: {"WHRtg": 2, "SoC": 4, "Sta": 6, "WH_SF": 7, "Pct_SF": 8},
        715: {"LocRemCtl": 2, "DERHb": 3, "ControllerHb": 5, "OpCtl": 8},
    }  # fmt: skip
    for number, points in names.items():
        for name, offset in points.items():
            assert model(number)[name][0] == offset, name
    for number, offset, points in WRITES:
        assert model(number)[points.split(" ")[0]][0] == offset


def test_readings_in_load_convention() -> None:
    async def main() -> None:
        house = House()
        await house.run(5)
        live = house.image.live
        assert live[im.DEVICE_W + INVERTER] == -1500  # it generates
        assert list(
            live[im.DEVICE_MA + INVERTER * im.LEGS : im.DEVICE_MA + INVERTER * im.LEGS + 3]
        ) == [-2200, -2200, -2100]
        assert list(live[im.NODE_MA + 3 : im.NODE_MA + 6]) == [-2200, -2200, -2100]
        assert list(live[im.NODE_W + 3 : im.NODE_W + 6]) == [-500, -500, -500]
        assert live[im.DEVICE_MODE + INVERTER] == im.MODE_FOLLOW
        assert (live[im.DEVICE_FAULT + INVERTER], live[im.DEVICE_PLUGGED + INVERTER]) == (
            0,
            1,
        )
        assert live[im.DEVICE_CHARGE_MAX_W + INVERTER] == 4500
        assert live[im.DEVICE_DISCHARGE_MAX_W + INVERTER] == 4800
        assert live[im.DEVICE_SOC_PERMILLE + INVERTER] == 550
        for age in (
            im.DEVICE_AGE_MS + INVERTER,
            im.DEVICE_SOC_AGE_MS + INVERTER,
            im.NODE_AGE_MS + 1,
            im.NODE_AGE_MS,
        ):
            assert live[age] < 2000
        assert errors(house) == []

    run(main)


@pytest.mark.parametrize("legs", [1, 2, 3])
def test_legs(legs: int) -> None:
    async def main() -> None:
        house = House(legs=legs)
        await house.run(5)
        used = [-2200, -2200, -2100][:legs]
        assert list(
            house.image.live[
                im.DEVICE_MA + INVERTER * im.LEGS : im.DEVICE_MA + INVERTER * im.LEGS + 3
            ]
        ) == used + [0] * (3 - legs)

    run(main)


@pytest.mark.parametrize(
    ("base", "configured"), [(40_000, 0), (0, 40_000), (50_000, 0), (1234, 1234)]
)
def test_discovery_at_any_base(base: int, configured: int) -> None:
    async def main() -> None:
        house = House(base=base, configured=configured)
        await house.run(4)
        assert house.inverter.models == house.sunspec.at
        assert house.image.live[im.DEVICE_W + INVERTER] == -1500

    run(main)


def test_no_marker_is_refused_by_name() -> None:
    async def main() -> None:
        house = House(base=1000)
        await house.run(4)
        assert house.line.report()["inverter"]["state"] == "refused"
        assert errors(house) == ["discovery: base: no SunS marker at [40000, 0, 50000]"]

    run(main)


@pytest.mark.parametrize(
    ("plant", "error"),
    [
        (lambda d: d.put(701, "L", 152), "model 701.L: 152, at least 153"),
        (lambda d: d.put(713, "ID", 64_999), "model 713: missing"),
        (lambda d: d.put(1, "L", 0), "model 1.L: 0, at least 65"),
        (lambda d: (d.put(702, "ID", 99), d.put(702, "L", 0)), "model 99.L: 0 leads nowhere"),
        (
            lambda d: (d.put(702, "ID", 99), d.put(702, "L", 30_000)),
            "model 99.L: 30000 leads nowhere",
        ),
        (lambda d: d.put(701, "W_SF", 9), "701.W_SF: 9, allowed -3…4"),
        (lambda d: d.put(704, "WSet_SF", -0x8000), "704.WSet_SF: -32768, allowed -3…4"),
    ],
)  # fmt: skip
def test_a_bad_register_map_is_refused_by_name(plant: object, error: str) -> None:
    async def main() -> None:
        house = House()
        plant(house.sunspec)  # type: ignore[operator]
        await house.run(4)
        assert house.line.report()["inverter"]["state"] == "refused"
        assert errors(house) == ["discovery: " + error]
        assert house.devices.writes() == []

    run(main)


def test_a_ring_of_models_ends() -> None:
    async def main() -> None:
        house = House(base=0)
        words = house.sunspec.words
        for at in range(2, len(words) - 2):
            words[at] = 1000  # model 1000, length 1000, and so on for ever
        house.inverter.walk.bases = [0]
        await house.run(10)
        assert "leads nowhere" in errors(house)[0] or "no model" in errors(house)[0]

    run(main)


# --- health ---------------------------------------------------------------------------------


def test_controller_heartbeat_rises_each_second() -> None:
    async def main() -> None:
        house = House()
        await house.run(3)
        before = house.sunspec.get(715, "ControllerHb")
        await house.run(20)
        assert 19 <= house.sunspec.get(715, "ControllerHb") - before <= 21

    run(main)


def test_inv_4_a_standing_heartbeat_is_silence() -> None:
    """INV-4: a hung device still answers; what it answers is not fresh."""

    async def main() -> None:
        house = House()
        await house.run(5)
        house.sunspec.beats = False
        await house.run(8)
        for age in (
            im.DEVICE_AGE_MS + INVERTER,
            im.DEVICE_SOC_AGE_MS + INVERTER,
            im.NODE_AGE_MS + 1,
        ):
            assert house.image.live[age] > 3000
        assert house.line.report()["inverter"]["state"] == "hung"
        assert "715.DERHb: stands, the device hangs" in errors(house)
        house.sunspec.beats = True
        await house.run(3)
        assert house.image.live[im.DEVICE_AGE_MS + INVERTER] < 1000 and errors(house) == []

    run(main)


@pytest.mark.parametrize("seconds", [10, 300])
def test_silence_and_return(seconds: int) -> None:
    """After a silence the device is discovered anew, for it may be another."""

    async def main() -> None:
        house = House()
        house.ask(im.MODE_FOLLOW, -1000)
        await house.run(4)
        house.devices.fault = lambda request, answers: [] if request[0] == 2 else answers
        await house.run(seconds)
        assert house.image.live[im.DEVICE_AGE_MS + INVERTER] > 1000 * seconds - 1000
        assert house.image.live[im.NODE_AGE_MS] < 1500  # the meter does not suffer
        assert not house.inverter.ready
        for point in ("WSetRvrtTms", "WSetEna", "WSet"):
            house.sunspec.put(704, point, 0)
        house.devices.fault = lambda request, answers: answers
        await house.run(10)
        assert house.image.live[im.DEVICE_AGE_MS + INVERTER] < 1000
        assert house.sunspec.get(704, "WSet") == 1000
        assert house.sunspec.get(704, "WSetRvrtTms") == 10

    run(main)


@pytest.mark.parametrize(
    ("plant", "field", "value", "error"),
    [
        (lambda d: d.put(701, "InvSt", 6), im.DEVICE_FAULT + INVERTER, 1, "701: state 6"),
        (
            lambda d: d.put(701, "Alrm", 1 << 7),
            im.DEVICE_FAULT + INVERTER,
            1,
            "701: state 3, alarms 0x80",
        ),
        (
            lambda d: d.put(701, "Alrm", 1 << 16),
            im.DEVICE_FAULT + INVERTER,
            1,
            "alarms 0x10000",
        ),
        (
            lambda d: d.put(701, "Alrm", 1 << 4 | 1 << 9 | 1 << 11),
            im.DEVICE_FAULT + INVERTER,
            0,
            "",
        ),
        (lambda d: d.put(701, "Alrm", 1 << 3), im.DEVICE_PLUGGED + INVERTER, 0, ""),
        (lambda d: d.put(713, "WHRtg", 0), im.DEVICE_PLUGGED + INVERTER, 0, ""),
        (lambda d: d.put(713, "Sta", 2), im.DEVICE_FAULT + INVERTER, 1, "701"),
        (
            lambda d: d.put(715, "LocRemCtl", 1),
            im.DEVICE_FAULT + INVERTER,
            1,
            "715.LocRemCtl: local",
        ),
        (lambda d: d.put(701, "InvSt", 0), im.DEVICE_MODE + INVERTER, im.MODE_STOP, ""),
        (lambda d: d.put(701, "DERMode", 2), im.DEVICE_MODE + INVERTER, im.MODE_FORM, ""),
        (lambda d: d.put(701, "DERMode", 3), im.DEVICE_MODE + INVERTER, im.MODE_FORM, ""),
    ],
)
def test_states(plant: object, field: int, value: int, error: str) -> None:
    async def main() -> None:
        house = House()
        plant(house.sunspec)  # type: ignore[operator]
        await house.run(5)
        assert house.image.live[field] == value
        assert any(error in text for text in errors(house)) or error == ""

    run(main)


@pytest.mark.parametrize(
    ("number", "point", "value", "age", "error"),
    [
        (
            701,
            "W",
            -0x8000,
            im.DEVICE_AGE_MS + INVERTER,
            "701.W: not implemented or not a number",
        ),
        (701, "InvSt", 12, im.DEVICE_AGE_MS + INVERTER, "701.InvSt: 12, allowed 0…7"),
        (701, "AL2", -0x8000, im.NODE_AGE_MS + 1, "701.AL2: not implemented or not a number"),
        (713, "SoC", 1001, im.DEVICE_SOC_AGE_MS + INVERTER, "713.SoC: 1001, allowed 0…1000"),
        (
            713,
            "SoC",
            0xFFFF,
            im.DEVICE_SOC_AGE_MS + INVERTER,
            "713.SoC: not implemented or not a number",
        ),
        (715, "DERHb", 0xFFFFFFFF, im.DEVICE_AGE_MS + INVERTER, "715.DERHb: not implemented"),
    ],
)
def test_inv_4_impossible_values_grow_old(
    number: int, point: str, value: int, age: int, error: str
) -> None:
    """INV-4, INV-11: refused by name, never clipped into the possible."""

    async def main() -> None:
        house = House()
        house.sunspec.put(number, point, value)
        house.sunspec.beats = point != "DERHb"
        await house.run(5)
        assert house.image.live[age] > 4000
        assert any(text.startswith(error) for text in errors(house))

    run(main)


def test_missing_model_715_is_refused() -> None:
    async def main() -> None:
        house = House()
        bare = SunSpecDevice(2, 40_000, (1, 701, 702, 704, 713))
        house.sunspec.words[: len(bare.words)] = bare.words
        await house.run(3)
        assert errors(house) == ["discovery: model 715: missing"]

    run(main)
