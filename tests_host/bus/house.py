"""A line with a meter and an inverter on it, ready to run."""

from __future__ import annotations

import asyncio
from pathlib import Path

from firmware import image as im
from firmware.bus.line import Line
from firmware.bus.rtu import Rtu
from firmware.drivers.meter import Meter
from firmware.drivers.sunspec_inverter import Inverter
from tests_host.bus.wire import Devices, SunSpecDevice, Uart, for_seconds, meter_device, set_meter
from tests_host.fields import columns
from tools.pack.__main__ import pack_file

INVERTER = 1  # its row
PROFILES = Path(__file__).resolve().parents[2] / "firmware" / "profiles"


def profile(name: str = "sdm630") -> bytes:
    return pack_file(PROFILES / f"{name}.json", "profiles")


class House:
    """Node 0 is measured by the meter, node 1 by the inverter; ages grow, core beats."""

    def __init__(
        self,
        legs: int = 3,
        baud: int = 19_200,
        base: int = 40_000,
        configured: int = 40_000,
        meter: bool = True,
        inverter: bool = True,
    ) -> None:
        self.image = im.Image()
        site = self.image.site
        site[im.LEG_COUNT] = site[im.DEVICE_LEGS + INVERTER] = legs
        site[im.NODE_COUNT], site[im.DEVICE_NODE + INVERTER] = 2, 1
        site[im.NODE_INSTRUMENT], site[im.NODE_INSTRUMENT + 1] = (
            im.INSTRUMENT_METER,
            im.INSTRUMENT_DEVICE,
        )
        site[im.DEVICE_REVERT_MS + INVERTER] = 10_000
        columns(site)
        self.image.commands[im.ISLAND_STATE] = im.ISLAND_GRID
        self.sunspec = SunSpecDevice(2, base)
        self.devices = Devices(meter_device(1), self.sunspec.device)
        self.sunspec.live_in(self.devices)
        self.registers = self.devices.registers(1)
        set_meter(self.registers, [10, 5, 0], [2200, -1100, 0])
        self.uart = Uart(self.devices, baud)
        self.line = Line(Rtu(self.uart, baud, 10))
        if meter:
            self.meter = Meter(self.image, self.line, profile(), 1, 0)
        if inverter:
            self.inverter = Inverter(self.image, self.line, INVERTER, 2, configured)
        self.core_beats = True
        self.jitter = True  # a real meter's voltage never stands

    async def live(self) -> None:
        """What the rest of the firmware does meanwhile."""
        last = round(self.uart.time() * 1000)
        while True:
            await asyncio.sleep(0.1)
            now = round(self.uart.time() * 1000)
            self.image.age(now - last)
            last = now
            if self.core_beats:
                self.image.commands[im.BEAT] += 1
            if self.jitter:
                self.registers[1] ^= 1

    async def run(self, seconds: float) -> None:
        beside = asyncio.ensure_future(self.live())
        await for_seconds(seconds, self.line.run())
        beside.cancel()

    def ask(self, mode: int, w: int) -> None:
        self.image.commands[im.SETPOINT_MODE + INVERTER] = mode
        self.image.commands[im.SETPOINT + INVERTER] = w


def errors(house: House) -> list[str]:
    """What the inverter's report says is wrong."""
    return house.line.report()["inverter"]["errors"]
