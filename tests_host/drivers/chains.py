"""SunSpec devices whose registers pysunspec2 encodes and pymodbus serves."""

from __future__ import annotations

import asyncio
import struct
from typing import Any

from pymodbus.simulator import DataType, SimData, SimDevice
from sunspec2.device import Model

from firmware import image as im
from firmware.bus.line import Line
from firmware.bus.rtu import Rtu
from tests_host.bus.wire import Devices, Uart, for_seconds
from tests_host.fields import columns

MARKER, END = [0x5375, 0x6E53], [0xFFFF, 0]


def words(data: bytes) -> list[int]:
    return list(struct.unpack(f">{len(data) // 2}H", data))


def encoded(number: int, factors: dict[str, int], values: dict[str, float]) -> list[int]:
    """A model's registers; what is not named is not implemented."""
    model: Any = Model(number)
    for name, value in factors.items():
        model.points[name].value = value
    for name, value in values.items():
        point = model.points[name]
        if point.pdef["type"] in ("float32", "enum16", "uint16") and not point.pdef.get("sf"):
            point.value = value
        else:
            point.cvalue = value
    return words(model.get_mb())


def chain(*models: list[int], end: bool = True) -> list[int]:
    return MARKER + [word for model in models for word in model] + (END if end else [])


COMMON = encoded(1, {}, {})


class Chain:
    """One device with such registers on a line; ages grow."""

    def __init__(self, registers: list[int], legs: int = 3, base: int = 40_000) -> None:
        self.image = im.Image()
        site = self.image.site
        site[im.LEG_COUNT], site[im.NODE_COUNT] = legs, 1
        site[im.NODE_INSTRUMENT] = im.INSTRUMENT_METER
        columns(site)
        block = SimData(base, values=registers, datatype=DataType.REGISTERS)
        self.devices = Devices(SimDevice(1, simdata=block))
        self.uart = Uart(self.devices, 19_200)
        self.line = Line(Rtu(self.uart, 19_200, 10))
        self.jitter = 0  # of the chain, the register whose last bits never stand

    def show(self, registers: list[int]) -> None:
        """From now on; as long as before."""
        self.devices.registers(1)[:] = registers

    def each(self) -> None:
        """Every 50 ms."""

    async def live(self) -> None:
        last = round(self.uart.time() * 1000)
        while True:
            await asyncio.sleep(0.05)
            now = round(self.uart.time() * 1000)
            self.image.age(now - last)
            last = now
            if self.jitter:
                registers = self.devices.registers(1)
                registers[self.jitter] = registers[self.jitter] & ~7 | last // 50 % 7
            self.each()

    async def run(self, seconds: float) -> None:
        beside = asyncio.ensure_future(self.live())
        await for_seconds(seconds, self.line.run())
        beside.cancel()
