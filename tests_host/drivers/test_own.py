"""A meter and a device that only the site's own configuration knows, from its JSON to the wire;
pymodbus encodes what they answer."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from pymodbus.client.mixin import ModbusClientMixin
from pymodbus.simulator import DataType, SimData, SimDevice

from firmware import image as im
from firmware.bus.line import Line
from firmware.bus.rtu import Rtu
from firmware.drivers.meter import Meter
from tests_host.bus.house import House
from tests_host.bus.wire import Devices, Uart, run
from tests_host.config.test_own import DEVICE, METER, WITH_DEVICE, WITH_METER, load, row
from tests_host.drivers.families import Own, u16
from tests_host.drivers.test_family import DEVICE as AT
from tests_host.drivers.test_family import Home

KINDS = ModbusClientMixin.DATATYPE


def packed(changes: dict[str, Any], document: dict[str, Any]) -> bytes:
    """As the box has it."""
    found = load(changes | {"profiles": [document]})
    assert found.errors == []
    names, packs = found["profiles"]
    return packs[names.index(document["name"])]


@pytest.mark.parametrize(
    ("kind", "code", "order", "step"),
    [
        ("i16", KINDS.INT16, "big", 1),
        ("i32", KINDS.INT32, "little", 2),
        ("f32", KINDS.FLOAT32, "big", 2),
        ("f64", KINDS.FLOAT64, "little", 4),
    ],
)
def test_a_meter_of_the_owners_is_read(kind: str, code: Any, order: Any, step: int) -> None:
    """0.01 A, and watts with the sign of a delivery."""
    amps, watts = (-10.25, 5.0, 0.0), (2200, -1100, 0)
    words = [0] * 60
    for leg in range(3):
        for first, value in ((10, amps[leg] * 100), (30, -watts[leg])):
            raw = value if kind[0] == "f" else round(value)
            at = first + leg * step
            words[at : at + step] = ModbusClientMixin.convert_to_registers(raw, code, order)
    rows = [
        row(quantity, first + leg * step, leg + 1, type=kind, **more)
        for quantity, first, more in (("current", 10, {"num": 10}), ("power", 30, {"sign": -1}))
        for leg in range(3)
    ]
    document = METER | {"rows": rows, "sample_ms": 100}
    document["word_order"] = "low_first" if order == "little" else "high_first"

    async def main() -> None:
        house = House(inverter=False, meter=False)
        simulated = SimData(0, values=words, datatype=DataType.REGISTERS)
        devices = Devices(SimDevice(7, simdata=[simulated]))
        line = Line(Rtu(Uart(devices, 19_200), 19_200, 10))
        meter = Meter(house.image, line, packed(WITH_METER, document), 7, 0)
        running = asyncio.ensure_future(line.run())
        await asyncio.sleep(2)
        running.cancel()
        live = house.image.live
        assert meter.errors == {}
        assert list(live[im.NODE_MA : im.NODE_MA + 3]) == [10_250, -5_000, 0]
        assert list(live[im.NODE_W : im.NODE_W + 3]) == [2200, -1100, 0]
        assert live[im.NODE_AGE_MS] < 600

    run(main)


class Old(Own):
    """A setpoint in steps of 1 W that holds for as long as its register of seconds says; what it
    reads has the other sign."""

    FUNCTION = 6

    def lapse(self) -> None:
        self.target = 0

    def show(self, words: Any, start: int) -> None:
        words[100 - start] = u16(-self.w)
        words[101 - start] = 1 if self.w else 0

    def take(self, first: int, values: list[int]) -> Any:
        if first == 201:
            self.lease_s = values[0]
        else:
            self.aim(ModbusClientMixin.convert_from_registers(values, KINDS.INT16))  # type: ignore[arg-type]
        self._heard = self.time()
        return None


def test_a_device_of_the_owners_is_commanded() -> None:
    async def main() -> None:
        home = Home(Old, packed=packed(WITH_DEVICE, DEVICE))
        image = home.image
        for w in (3000, -2000, 0):
            image.commands[im.SETPOINT_MODE + AT] = im.MODE_FOLLOW
            image.commands[im.SETPOINT + AT] = w
            await home.run(8)
            assert round(home.own.w) == w == home.own.target
            assert image.live[im.DEVICE_W + AT] == w
        assert home.own.sins == [] and home.own.lease_s == 12
        assert home.family.errors == {}
        image.commands[im.SETPOINT + AT] = 1000
        await home.run(8)
        assert home.own.target == 1000
        await home.die()
        await asyncio.sleep(14)
        home.own.move()
        assert home.own.target == 0 and home.own.lapses == 1

    run(main)
