"""What an ESP32 has besides `machine` (strict.py): time that passes as it reads its converter,
timers, partitions of the flash.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import ModuleType
from typing import Any, ClassVar

from tests_host.chips import strict

READ_US = 45  # of one conversion with its calibration
LEAST_UV = 142_000
MOST_UV = (950_000, 1_250_000, 1_750_000, 3_140_000)  # by attenuation


class Reads:
    """An input of the converter."""

    def __init__(self, chip: Chip, pin: int, atten: int) -> None:
        if atten not in range(4):
            raise ValueError("invalid atten")
        self._chip, self._pin, self._most_uv = chip, pin, MOST_UV[atten]

    def read_uv(self) -> int:
        uv = round(1_000_000 * self._chip.volts(self._pin, self._chip.now_us))
        self._chip.now_us += READ_US
        return max(LEAST_UV, min(self._most_uv, uv)) // 1000 * 1000

    def read_u16(self) -> int:
        return min(65_535, self.read_uv() * 65_535 // self._most_uv)


class Chip(strict.Chip):
    port = strict.ESP32

    def __init__(self, document: Mapping[str, Any]) -> None:
        super().__init__(document)
        self.volts: Callable[[int, int], float] = lambda _pin, _us: 0.0
        self.timer: Any = None
        vars(self.machine)["Timer"] = timer_of(self)

    def adc(self, pin: int, words: Mapping[str, Any]) -> Reads:
        return Reads(self, pin, words["atten"])

    def tick(self) -> None:
        """Let the soft timer's period pass."""
        self.now_us += self.timer.period_ms * 1000
        self.timer.callback(self.timer)

    def modules(self) -> dict[str, ModuleType]:
        """What board code imports."""
        time = ModuleType("time")
        vars(time).update(
            ticks_ms=lambda: self.now_us // 1000 % 2**30,
            ticks_us=self._ticks_us,
            ticks_diff=lambda a, b: (a - b + 2**29) % 2**30 - 2**29,
            ticks_add=lambda a, b: (a + b) % 2**30,
        )
        esp32 = ModuleType("esp32")
        vars(esp32)["Partition"] = Partition
        return {"machine": self.machine, "time": time, "esp32": esp32}

    def _ticks_us(self) -> int:
        self.now_us += 1  # so that a busy wait ends
        return self.now_us % 2**30


def timer_of(chip: Chip) -> type:
    class Timer:
        ONE_SHOT, PERIODIC = 0, 1

        def __init__(self, id: int, *given: object, **named: Any) -> None:
            if given:
                raise TypeError("extra positional arguments given")
            if not 0 <= id < 4:  # there is no Timer(-1) on this chip
                raise ValueError("invalid Timer number")
            if id == 0:
                raise ValueError("timer 0 is the UART's own")
            if named:
                self.init(**named)

        def init(self, *, mode=1, callback=None, period=-1, tick_hz=1000, freq=None) -> None:
            if freq is not None or tick_hz != 1000 or period < 1:
                raise ValueError("period: ms, please")
            if mode != self.PERIODIC:
                raise ValueError("mode: periodic, please")
            self.period_ms, self.callback = period, callback
            chip.timer = self

        def deinit(self) -> None:
            chip.timer = None

    return Timer


class Partition:
    """Flash: writing clears bits, erasing sets a sector's, as esp32.Partition in three-argument
    form."""

    TYPE_APP, TYPE_DATA = 0, 1
    there: ClassVar[dict[str, Partition]] = {}

    def __init__(self, label: str, size: int) -> None:
        self.label, self.bytes = label, bytearray(b"\xff" * size)
        self.erased = 0

    @classmethod
    def find(cls, type: int = 1, subtype: int = 255, label: str | None = None) -> list[Partition]:
        return [p for p in cls.there.values() if label in (None, p.label)]

    def info(self) -> tuple[int, int, int, int, str, bool]:
        return (1, 64, 0x3D0000, len(self.bytes), self.label, False)

    def readblocks(self, block: int, data: bytearray, offset: int = 0) -> None:
        at = block * 4096 + offset
        data[:] = self.bytes[at : at + len(data)]

    def writeblocks(self, block: int, data: bytes, *offset: int) -> None:
        if len(offset) != 1:
            raise ValueError("two arguments erase first")
        at = block * 4096 + offset[0]
        for i, byte in enumerate(data):
            self.bytes[at + i] &= byte

    def ioctl(self, what: int, block: int) -> int:
        if what != 6:
            raise ValueError(what)
        self.erased += 1
        self.bytes[block * 4096 : (block + 1) * 4096] = b"\xff" * 4096
        return 0
