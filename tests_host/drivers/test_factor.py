"""A power of ten that a register holds: read with its value, and believed only where it is one."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from pymodbus.simulator import DataType, SimData, SimDevice

from firmware import image as im
from firmware.bus.line import Line
from firmware.bus.registers import INVALID
from firmware.drivers.meter import Meter, blocks_of
from firmware.drivers.profile import Profile
from tests_host.bus.connection import master
from tests_host.bus.wire import run
from tests_host.drivers.test_meter import small
from tools.pack import PackError
from tools.pack.profiles import pack

FIRST, FACTOR_A, FACTOR_W = 100, 130, 131


def rows(**changes: Any) -> list[dict[str, object]]:
    """Amperes of one leg as the device has them, and watts."""
    current: dict[str, object] = {
        "quantity": "current", "leg": 1, "function": 3, "register": FIRST, "type": "i16",
    }  # fmt: skip
    power: dict[str, object] = {
        "quantity": "power", "leg": 1, "function": 3, "register": FIRST + 1, "type": "i16",
    }  # fmt: skip
    current |= {"num": 1000, "factor": FACTOR_A}
    return [current | changes, power | {"factor": FACTOR_W}]


@pytest.mark.parametrize(
    ("raw", "power", "ma"),
    [
        (1234, -2, 12_340),
        (1234, -3, 1_234),
        (1234, -5, 12),
        (-77, -1, -7_700),
        (12, 0, 12_000),
        (12, 1, 120_000),
        (12, 2, INVALID),  # beyond the factor that 30 bits bear
        (12, -32_768, INVALID),  # not implemented
        (12, 11, INVALID),
        (12, -11, INVALID),
    ],
)
def test_a_value_times_its_power_of_ten(raw: int, power: int, ma: int) -> None:
    profile = Profile(pack(small(rows())))
    frame = bytearray(2 * (FACTOR_W - FIRST + 1))
    frame[0:2] = (raw & 0xFFFF).to_bytes(2, "big")
    at = 2 * (FACTOR_A - FIRST)
    frame[at : at + 2] = (power & 0xFFFF).to_bytes(2, "big")
    assert profile.value(profile.rows[0], frame, 0) == ma


def test_value_and_factor_come_in_one_request() -> None:
    """Read across with no gap allowed: a factor of another moment is another value."""
    blocks = blocks_of(Profile(pack(small(rows()))).rows, 0)
    assert [(block.first, block.count) for block in blocks] == [(FIRST, FACTOR_W - FIRST + 1)]
    far = blocks_of(Profile(pack(small(rows(factor=FIRST + 59)))).rows, 0)
    assert [(block.first, block.count) for block in far] == [(FIRST, 60)]


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"factor": FIRST}, "rows[0].factor: 100 is not an integer from 101 to 159"),
        ({"factor": FIRST + 60}, "rows[0].factor: 160 is not an integer from 101 to 159"),
        ({"type": "f32"}, "rows[0].factor: is of a number in u16, i16, u32, i32"),
    ],
)
def test_what_is_no_factor_is_refused(changes: dict[str, Any], error: str) -> None:
    with pytest.raises(PackError) as raised:
        pack(small(rows(**changes)))
    assert str(raised.value).startswith(error)


def test_a_meter_that_changes_its_factor() -> None:
    """With its range: the reading stays what it is; an absurd one leaves the old to grow old."""
    words = {"a": 1500, "fa": -2, "w": 345, "fw": 1}

    async def act(
        function: int, start: int, first: int, count: int, held: Any, values: Any
    ) -> None:
        held[FIRST - start], held[FIRST + 1 - start] = words["a"], words["w"]
        held[FACTOR_A - start] = words["fa"] & 0xFFFF
        held[FACTOR_W - start] = words["fw"] & 0xFFFF

    async def main() -> None:
        device = SimDevice(
            1, simdata=SimData(0, count=200, values=0, datatype=DataType.REGISTERS), action=act
        )
        rtu, _, _ = master(device)
        image = im.Image()
        image.site[im.LEG_COUNT] = 1
        line = Line(rtu)
        meter = Meter(image, line, pack(small(rows())), 1, 0)
        task = asyncio.ensure_future(line.run())
        await asyncio.sleep(1)
        assert (image.live[im.NODE_MA], image.live[im.NODE_W]) == (15_000, 3450)
        words.update({"a": 15_010, "fa": -3, "w": 3452, "fw": 0})
        await asyncio.sleep(1)
        assert (image.live[im.NODE_MA], image.live[im.NODE_W]) == (15_010, 3452)
        words.update({"a": 9_000, "fa": -32_768})
        await asyncio.sleep(1)
        assert image.live[im.NODE_MA] == 15_010
        assert meter.report()["errors"] == ["current L1: not a number"]
        task.cancel()

    run(main)
