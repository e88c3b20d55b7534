"""The house meter: what it writes, and what it refuses to write."""

from __future__ import annotations

import json
import struct

import pytest

from firmware import image as im
from firmware.bus.registers import INVALID
from firmware.drivers.meter import FROZEN_MS, Meter, blocks_of
from firmware.drivers.profile import Profile
from tests_host.bus.house import PROFILES, House, profile
from tests_host.bus.wire import Answer, floats, run, set_meter
from tools.pack.profiles import pack


def small(rows: list[dict[str, object]], sample_ms: int = 0) -> dict[str, object]:
    """A meter of these rows."""
    return {
        "name": "x", "role": "meter", "ports": {"rtu": {"baud": 9600, "parity": "N"}},
        "timeout_ms": 200, "sample_ms": sample_ms, "sources": {"test": "made up"},
        "rows": [{"from": ["test"], **row} for row in rows],
    }  # fmt: skip


def test_currents_take_the_sign_of_their_power() -> None:
    async def main() -> None:
        house = House(inverter=False)
        await house.run(3)
        live = house.image.live
        assert list(live[im.NODE_MA : im.NODE_MA + 3]) == [10_000, -5_000, 0]
        assert list(live[im.NODE_W : im.NODE_W + 3]) == [2200, -1100, 0]
        assert live[im.NODE_AGE_MS] < 200 + 60 + 250 + 100
        assert house.line.report()["meter"]["state"] == "ok"
        assert house.line.report()["meter"]["errors"] == []

    run(main)


@pytest.mark.parametrize("baud", [2400, 9600, 19_200, 115_200])
def test_polls_as_often_as_the_speed_allows(baud: int) -> None:
    async def main() -> None:
        house = House(inverter=False, baud=baud)
        await house.run(20)
        polls = house.meter.polls / 20
        assert polls >= (3.5 if baud > 2400 else 2)
        assert polls <= 4.1
        assert min(house.uart.silences) >= 3.5
        assert house.image.live[im.NODE_AGE_MS] < 1000

    run(main)


def test_one_request_for_what_is_read_each_time() -> None:
    blocks = blocks_of(Profile(profile(), True).rows)
    assert [(b.first, b.count, b.every) for b in blocks] == [(0, 18, 1), (70, 2, 8)]


def test_the_age_counts_from_the_request_not_from_its_arrival() -> None:
    async def main() -> None:
        house = House(inverter=False)
        house.devices.turnaround = 0.15
        ages = []
        write = house.meter._write

        def spy() -> None:
            write()
            ages.append(house.image.live[im.NODE_AGE_MS])

        house.meter._write = spy
        await house.run(3)
        assert min(ages) >= 150 + 25 + house.meter.profile.sample_ms

    run(main)


@pytest.mark.parametrize(
    ("at", "value", "field"),
    [
        (6, float("nan"), "current L1: not a number"),
        (8, float("inf"), "current L2: not a number"),
        (10, 500.0, "current L3: 500000 mA, allowed -400000…400000"),
        (12, -1e9, "power L1: -1000000000 W, allowed"),
        (14, 1e38, "power L2: not a number"),
        (70, 71.0, "frequency: 71000 mHz, allowed 0…70000"),
        (0, -1.0, "voltage L1: -1000 mV, allowed 0…400000"),
    ],
)
def test_inv_4_an_impossible_value_is_refused_by_name(at: int, value: float, field: str) -> None:
    """INV-4: nothing of that reading is written, so the old one grows old; it heals by itself."""

    async def main() -> None:
        house = House(inverter=False)
        await house.run(3)
        good = list(house.image.live[im.NODE_MA : im.NODE_MA + 3])
        for register, word in floats({at: value}).items():
            house.registers[register] = word
        house.jitter = False
        await house.run(6)
        assert list(house.image.live[im.NODE_MA : im.NODE_MA + 3]) == good
        assert house.line.report()["meter"]["errors"][0].startswith(field)
        assert house.image.live[im.NODE_AGE_MS] > 5000
        set_meter(house.registers, [1, 1, 1], [230, 230, 230])
        house.jitter = True
        await house.run(4)
        assert house.line.report()["meter"]["errors"] == []
        assert house.image.live[im.NODE_MA] == 1000 and house.image.live[im.NODE_AGE_MS] < 1000

    run(main)


def test_inv_4_a_well_formed_frame_of_zeros_beside_a_live_grid_is_refused() -> None:
    """Beside a dead grid, or one that nobody measures, a meter may well say so."""

    async def main() -> None:
        house = House(inverter=False)
        live = house.image.live
        await house.run(3)
        good = list(live[im.NODE_MA : im.NODE_MA + 3])
        for register, word in floats(dict.fromkeys(range(0, 18, 2), 0.0)).items():
            house.registers[register] = word
        live[im.GRID_MV], live[im.GRID_AGE_MS] = 230_000, 0
        await house.run(1)
        assert list(live[im.NODE_MA : im.NODE_MA + 3]) == good
        assert live[im.NODE_AGE_MS] > 800
        assert "voltage: 0 V while the grid is there" in house.line.report()["meter"]["errors"]
        live[im.GRID_MV], live[im.GRID_AGE_MS] = 0, 0
        await house.run(1)
        assert list(live[im.NODE_MA : im.NODE_MA + 3]) == [0, 0, 0]
        assert live[im.NODE_AGE_MS] < 1000

    run(main)


@pytest.mark.parametrize("amps", [10.0, 0.0])
def test_inv_4_a_frozen_meter_grows_old(amps: float) -> None:
    """INV-4: it answers with the same registers for ever, its frequency included."""

    async def main() -> None:
        house = House(inverter=False)
        house.jitter = False
        set_meter(house.registers, [amps] * 3, [amps * 220] * 3)
        await house.run(3)
        assert house.image.live[im.NODE_AGE_MS] < 1000
        await house.run(15)
        assert house.image.live[im.NODE_AGE_MS] > 18_000 - FROZEN_MS - 1000
        report = house.line.report()["meter"]
        assert report["state"] == "frozen" and "registers: unchanged for 4 s" in report["errors"]
        house.jitter = True
        await house.run(2)
        assert house.image.live[im.NODE_AGE_MS] < 1000
        assert house.line.report()["meter"]["state"] == "ok"

    run(main)


@pytest.mark.parametrize(
    ("every_s", "slow"), [(1.0, False), (2.0, False), (3.0, True), (10.0, True)]
)
def test_inv_4_a_meter_renewed_every_few_seconds_is_none(every_s: float, slow: bool) -> None:
    """INV-4: its readings are older than 2 s, however fresh its answers; quicker it is one."""

    async def main() -> None:
        house = House(inverter=False)
        house.jitter = False
        ages = []

        async def renewals(seconds: float, period_s: float) -> None:
            for _ in range(round(seconds / period_s)):
                house.registers[1] ^= 1
                await house.run(period_s)
                ages.append(house.image.live[im.NODE_AGE_MS])

        await renewals(40, every_s)
        settled = ages[round(14 / every_s) :]
        report = house.line.report()["meter"]
        assert (min(settled) > 2_000) == slow and (report["state"] == "frozen") == slow
        await renewals(4, 0.5)
        assert house.image.live[im.NODE_AGE_MS] < 1000
        assert house.line.report()["meter"]["state"] == "ok"

    run(main)


def test_an_idle_meter_without_frequency_may_stand_still() -> None:
    document = small(
        [
            {"quantity": q, "leg": 1, "function": 4, "register": r, "type": "f32",
             "num": n, "den": 1, "low": -1000, "high": 100_000}
            for q, r, n in (("current", 6, 1000), ("power", 12, 1))
        ]
    )  # fmt: skip

    async def main() -> None:
        house = House(meter=False, inverter=False, legs=1)
        house.jitter = False
        Meter(house.image, house.line, pack(document), 1, 0)
        set_meter(house.registers, [0, 0, 0], [0, 0, 0])
        await house.run(30)
        assert house.image.live[im.NODE_AGE_MS] < 1000
        set_meter(house.registers, [2, 0, 0], [460, 0, 0])
        await house.run(15)
        assert house.image.live[im.NODE_AGE_MS] > 2000

    run(main)


@pytest.mark.parametrize("fault", ["silent", "late", "crc", "exception", "noise", "other"])
def test_inv_4_faults_make_it_stale_and_it_comes_back(fault: str) -> None:
    """INV-4: no fault lets an old or foreign value pass for a fresh one."""

    async def main() -> None:
        house = House(inverter=False)
        devices = house.devices
        await house.run(3)
        set_meter(house.registers, [30, 30, 30], [6900, 6900, 6900])

        def spoil(request: bytes, answers: list[Answer]) -> list[Answer]:
            ((delay, frame),) = answers
            if fault == "late":
                return [(0.9, frame)]
            if fault == "crc":
                return [(delay, frame[:-1] + bytes([frame[-1] ^ 0x55]))]
            if fault == "exception":
                return [(delay, devices.exception(request, 4))]
            if fault == "noise":
                return [(delay, bytes(b ^ 0x5A for b in frame))]
            if fault == "other":
                frame = bytes([9]) + frame[1:-2]
                crc = devices.framer.compute_CRC(frame)
                return [(delay, frame + crc.to_bytes(2, "big"))]
            return []

        devices.fault = spoil
        await house.run(10)
        assert house.image.live[im.NODE_MA] == 10_000
        assert house.image.live[im.NODE_AGE_MS] > 9500
        counts = house.line.report()["meter"]
        assert counts["ok"] < 20
        assert sum(
            counts[name] for name in ("timeout", "crc", "exception", "foreign", "noise", "shape")
        )
        devices.fault = lambda request, answers: answers
        await house.run(5)
        assert house.image.live[im.NODE_MA] == 30_000
        assert house.image.live[im.NODE_AGE_MS] < 1000

    run(main)


def test_i32_and_u16_with_either_word_order() -> None:
    def row(kind: str, **more: object) -> dict[str, object]:
        return {"quantity": "power", "leg": 1, "function": 3, "register": 0, "type": kind,
                "num": 1, "den": 10, "low": -9000, "high": 9000, **more}  # fmt: skip

    def value(row: dict[str, object], registers: bytes) -> int:
        current = {**row, "quantity": "current", "register": 9, "num": 1}
        packed = Profile(pack(small([row, current])))
        return packed.value(packed.rows[0], b"\0" * 3 + registers, 3)

    assert value(row("i32"), struct.pack(">i", -12345)) == -1235
    low_first = struct.pack(">i", -12345)[2:] + struct.pack(">i", -12345)[:2]
    assert value(row("i32", word_order="low_first"), low_first) == -1235
    assert value(row("u16"), struct.pack(">H", 65_000)) == 6500
    assert value(row("i16", sign=-1), struct.pack(">h", -230)) == 23
    assert (
        value(
            row("f32", word_order="low_first"),
            struct.pack(">f", 88.0)[2:] + struct.pack(">f", 88.0)[:2],
        )
        == 9
    )
    assert value(row("u32"), struct.pack(">I", 70_000)) == 7000
    assert value(row("u32"), struct.pack(">I", 0xFFFF_0000)) == INVALID
    assert value(row("u64"), struct.pack(">Q", 70_000)) == 7000
    assert value(row("u64"), struct.pack(">Q", 1 << 40)) == INVALID
    assert value(row("f64"), struct.pack(">d", -70_000.0)) == -7000
    assert value(row("f64"), struct.pack(">d", 1e300)) == INVALID
    assert value(row("f64"), struct.pack(">d", 1e-300)) == 0
    swapped = struct.pack(">4H", *reversed(struct.unpack(">4H", struct.pack(">d", 123_456.0))))
    assert value(row("f64", word_order="low_first"), swapped) == 12_346
    assert value(row("i16", none=0x7FFF), struct.pack(">h", 0x7FFF)) == INVALID
    assert value(row("i32", none=[1, 0x80000000]), struct.pack(">I", 0x80000000)) == INVALID
    assert value(row("i32", none=0x80000000), struct.pack(">i", 20)) == 2


def test_a_profile_that_misses_a_leg_is_refused() -> None:
    document = small(
        [
            {"quantity": q, "leg": 1, "function": 4, "register": r, "type": "u16",
             "num": 1, "den": 1, "low": 0, "high": 100}
            for q, r in (("current", 6), ("power", 12))
        ]
    )  # fmt: skip

    async def main() -> None:
        house = House(meter=False, inverter=False)
        assert house.image.site[im.LEG_COUNT] == 3
        with pytest.raises(ValueError, match=r"meter\.profile: no current of L2"):
            Meter(house.image, house.line, pack(document), 1, 0)
        with pytest.raises(ValueError, match="packed"):
            Profile(profile()[:-1])
        other = House(inverter=False)
        with pytest.raises(ValueError, match=r"meter\.address: 1 is taken by the meter"):
            Meter(other.image, other.line, profile(), 1, 1)

    run(main)
    assert im.UNKNOWN == -1


def test_a_hole_that_it_does_not_read_across_is_learned() -> None:
    """Powers eight registers further; a request that touches the hole is refused."""

    async def main() -> None:
        row = json.loads((PROFILES / "sdm630.json").read_text())
        for each in row["rows"]:
            each["register"] += 8 if each["quantity"] == "power" else 0
        house = House(inverter=False, meter=False)
        for at, word in floats({20: 2200.0, 22: -1100.0, 24: 0.0}).items():
            house.registers[at] = word

        def fault(request: bytes, answers: list[Answer]) -> list[Answer]:
            first, count = struct.unpack(">HH", request[2:6])
            if first < 20 and first + count > 12:
                return [(0.008, house.devices.exception(request, 2))]
            return answers

        house.devices.fault = fault
        house.meter = Meter(house.image, house.line, pack(row), 1, 0)
        await house.run(5)
        live = house.image.live
        assert list(live[im.NODE_W : im.NODE_W + 3]) == [2200, -1100, 0]
        assert live[im.NODE_AGE_MS] < 1000 and house.meter._gap < 8

    run(main)
