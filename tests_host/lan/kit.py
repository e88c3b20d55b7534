"""The driver of the W5500 on CPython, on an SPI that ends in the emulated board's chip."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from firmware.lan.ethernet import Ethernet
from firmware.lan.w5500 import W5500
from tests_host.bus.wire import VirtualLoop
from tests_host.told import Told

HERE = Path(__file__).parent
MAC = bytes((2, 0x1A, 0x2B, 0x3C, 0x4D, 0x5E))
NAME = "garage-2"
OURS, METERS = 15_625_000, 1_000_000  # baud
BURST = 256


class Chip(Told):
    """`chip.what(given)` of chip.mjs."""

    def __init__(self, **options: Any) -> None:
        super().__init__(HERE / "chip.mjs", json.dumps(options))


class Spi:
    """As machine.SPI; strict about whose baud it has."""

    def __init__(self, chip: Chip, loop: VirtualLoop) -> None:
        self.chip, self.loop = chip, loop
        self.baud = METERS
        self.selected = False
        self.longest = 0

    def init(self, baudrate: int) -> None:
        assert not self.selected, "the baud changes within a frame"
        self.baud = baudrate

    def select(self, level: int) -> None:
        self.selected = not level
        self.chip.at(round(self.loop.now * 1e9))
        self.chip.select(level)

    def _exchange(self, data: bytes) -> bytes:
        assert self.selected and self.baud == OURS
        self.longest = max(self.longest, len(data))
        return bytes.fromhex(self.chip.exchange(data.hex()))

    def write(self, data: Any) -> None:
        self._exchange(bytes(data))

    def readinto(self, target: Any) -> None:
        target[:] = self._exchange(bytes(len(target)))

    def write_readinto(self, data: Any, target: Any) -> None:
        target[:] = self._exchange(bytes(data))


class Rig:
    """An Ethernet whose chip is the emulated one; time is the loop's."""

    def __init__(self, loop: VirtualLoop, **options: Any) -> None:
        self.loop = loop
        self.chip = Chip(**options)
        self.spi = Spi(self.chip, loop)
        self._number = 0
        chip = W5500(self.spi, self.spi.select, OURS, METERS)
        self.lan = Ethernet(chip, self.interrupt, self.reset, MAC, NAME, self.random)

    def interrupt(self) -> int:
        self.chip.at(round(self.loop.now * 1e9))
        return self.chip.int()

    def reset(self, level: int) -> None:
        self.chip.at(round(self.loop.now * 1e9))
        self.chip.reset(level)

    def random(self, count: int) -> bytes:
        self._number += 1
        return self._number.to_bytes(count, "big")
