"""Devices of a family with a will of their own, written from the makers' words and other projects'
code, not from the packed profile: they say what was done to them that must not be."""

from __future__ import annotations

import asyncio
import struct
from typing import Any, ClassVar

from pymodbus.constants import ExcCodes
from pymodbus.simulator import DataType, SimData, SimDevice

RAMP_W = 2000  # a second


class Own:
    """What all have: a power that follows its target, a clock since the last word, and a list of
    sins."""

    NAME = ""
    FUNCTION = 16
    PERIOD_S = 1.0  # between setpoints that only grow
    ADDRESS = 1

    def __init__(self) -> None:
        self.device = SimDevice(
            self.ADDRESS,
            simdata=SimData(0, count=700, values=0, datatype=DataType.REGISTERS),
            action=self.act,
        )
        self.w = 0.0  # + drawn
        self.target = 0
        self.lease_s = 0
        self.sins: list[str] = []
        self.targets: list[tuple[float, int]] = []
        self.aims: list[int] = []  # all that came
        self.seen: list[tuple[int, list[int]]] = []
        self.refuses: set[int] = set()
        self.wrong_sign = False
        self.lapses = 0
        self._sign = 1  # as if it had charged: no word before zero
        self._zero = False
        self._heard = self._moved = -1.0
        self._read = False

    def time(self) -> float:
        return asyncio.get_running_loop().time()

    async def act(
        self, function: int, start: int, first: int, count: int, words: Any, values: Any
    ) -> Any:
        self.move()
        if values is None:
            self.show(words, start)
            return None
        values = list(values)
        self.seen.append((first, values))
        if function != self.FUNCTION:
            self.sins.append(f"function {function}")
        if first in self.refuses:
            return ExcCodes.ILLEGAL_VALUE
        return self.take(first, values)

    def move(self) -> None:
        """Its own time-out, then its ramp."""
        now = self.time()
        if self.lease_s and self._heard >= 0 and now - self._heard > self.lease_s:
            self.lapse()
            self.lapses += 1
            self._heard = -1.0
        passed = now - self._moved if self._moved >= 0 else 0.0
        self._moved = now
        wanted = -self.target if self.wrong_sign else self.target
        step = RAMP_W * passed
        self.w += min(max(wanted - self.w, -step), step)

    def lapse(self) -> None:
        raise NotImplementedError

    def show(self, words: Any, start: int) -> None:
        raise NotImplementedError

    def take(self, first: int, values: list[int]) -> Any:
        raise NotImplementedError

    def aim(self, w: int) -> None:
        """A setpoint has come."""
        now = self.time()
        self.aims.append(w)
        if w and not self._zero and not (self.target and self.target * w > 0):
            self.sins.append(f"{w} W after {self.target} W without zero")
        self._zero = w == 0
        grows = abs(w) > abs(self.target) and w * self.target > 0
        if grows and self.targets and now - self.targets[-1][0] < self.PERIOD_S - 0.01:
            self.sins.append(f"{w} W too soon")
        if w != self.target or not self.targets:
            self.targets.append((now, w))
        self.target = w


def i32(values: list[int], low_first: bool = False) -> int:
    pair = values[::-1] if low_first else values
    return struct.unpack(">i", struct.pack(">HH", *pair))[0]


def u16(value: float) -> int:
    return round(value) & 0xFFFF


class Solax(Own):
    """Remote control, mode 1: thirteen registers from 124 in one request; the power is the one at
    its terminals, + charges, low word first; back to its own mode after so many seconds."""

    NAME = "solax_g4"
    OWN_W = -700

    def lapse(self) -> None:
        self.target = self.OWN_W

    def show(self, words: Any, start: int) -> None:
        def put(at: int, value: float) -> None:
            words[at - start] = u16(value)

        put(2, -self.w)
        for leg in range(3):
            put(106 + 4 * leg, 2300)
            put(107 + 4 * leg, -self.w / 3 / 23)
            put(108 + 4 * leg, -self.w / 3)
        put(7, 5000)
        put(9, 2)
        put(22, self.w)
        put(28, 55)

    def take(self, first: int, values: list[int]) -> Any:
        if first != 124 or (len(values) != 13 and values != [0]):
            self.sins.append(f"{values} to {first}")
            return ExcCodes.ILLEGAL_ADDRESS
        if values == [0]:
            self.lease_s, self.target = 0, self.OWN_W
            return None
        mode, kind, low, high, _, _, seconds = values[:7]
        if (mode, kind) != (1, 1) or any(values[4:6] + values[7:]):
            self.sins.append(f"{values} to {first}")
        if not 5 <= seconds <= 28_800:
            self.sins.append(f"time {seconds}")
        self.lease_s, self._heard = seconds, self.time()
        self.aim(i32([low, high], True))
        return None


class Quasar(Own):
    """Single registers: remote control 81, no start by itself 82, watts 83, time-out 88, then the
    power 260 (+ charges) and the action 257: 1 start, 2 stop. Nothing is taken before 81."""

    NAME = "wallbox_quasar"
    FUNCTION = 6
    PERIOD_S = 2.5
    HEADS: ClassVar[dict[int, int]] = {81: 1, 82: 0, 83: 1}

    def __init__(self) -> None:
        super().__init__()
        self.told: dict[int, int] = {}
        self.writes_of: dict[int, int] = {}
        self.locked = True

    def lapse(self) -> None:
        self.target = 0

    def show(self, words: Any, start: int) -> None:
        words[526 - start] = u16(self.w)
        words[538 - start] = 61
        state = 3 if abs(self.w) < 1 else 1 if self.w > 0 else 11
        words[537 - start] = state if self.locked else 0

    def take(self, first: int, values: list[int]) -> Any:
        (value,) = values
        self.writes_of[first] = self.writes_of.get(first, 0) + 1
        if first in self.HEADS:
            self.told[first] = value
            if value != self.HEADS[first] and first != 81:
                self.sins.append(f"{value} to {first}")
        elif first == 88:
            if not 10 <= value <= 1800:
                self.sins.append(f"time {value}")
            self.lease_s, self._heard = value, self.time()
        elif first == 260:
            w = value - 0x10000 if value > 0x7FFF else value
            if w and (self.told.get(81), self.told.get(83)) != (1, 1):
                return ExcCodes.DEVICE_FAILURE
            if w and not self.lease_s:
                self.sins.append("power before its time-out")
            if abs(w) > 7400:
                self.sins.append(f"{w} W")
            self._heard = self.time()
            self.aim(w)
        elif first == 257:
            if value == 1 and not self.target:
                self.sins.append("started at nothing")
            if value == 2:
                self.target = 0
        else:
            self.sins.append(f"{value} to {first}")
        return None


class Evtec(Own):
    """Pairs of registers: the time-out 42, the power 186 (+ charges)."""

    NAME = "evtec_bidipro"

    def lapse(self) -> None:
        self.target = 0

    def show(self, words: Any, start: int) -> None:
        def put(at: int, pair: bytes) -> None:
            words[at - start], words[at + 1 - start] = struct.unpack(">HH", pair)

        put(100, struct.pack(">i", 3 if abs(self.w) < 1 else 7 if self.w > 0 else 8))
        put(110, struct.pack(">f", self.w))
        put(112, struct.pack(">i", 48))
        put(130, struct.pack(">f", 9000.0))

    def take(self, first: int, values: list[int]) -> Any:
        value = i32(values)
        if first == 42:
            if not 10 <= value <= 600:
                self.sins.append(f"time {value}")
            self.lease_s, self._heard = value, self.time()
        elif first == 186:
            if value and not self.lease_s:
                self.sins.append("power before its time-out")
            self._heard = self.time()
            self.aim(value)
        else:
            self.sins.append(f"{value} to {first}")
        return None
