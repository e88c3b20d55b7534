"""Hybrids with a setpoint of their battery and a sun of their own, written from the makers' words
and other projects' code, not from the packed profile."""

from __future__ import annotations

import struct
from typing import Any

from pymodbus.constants import ExcCodes
from pymodbus.simulator import DataType, SimData, SimDevice

from tests_host.drivers.families import Own, i32, u16


def f32(words: Any, at: int, value: float) -> None:
    """Low word first."""
    high, low = struct.unpack(">HH", struct.pack(">f", value))
    words[at], words[at + 1] = low, high


def pair(words: Any, at: int, value: float, low_first: bool = False) -> None:
    high, low = struct.unpack(">HH", struct.pack(">i", round(value)))
    words[at : at + 2] = [low, high] if low_first else [high, low]


class Hybrid(Own):
    """`w` is its battery's power; what its terminals draw is that less the sun."""

    LOSS = 0.03  # of what its battery takes or gives
    LEAST_S = 0
    MINUTES = False  # of its time-out

    def __init__(self) -> None:
        super().__init__()
        self.device = SimDevice(
            self.ADDRESS,
            simdata=SimData(0, count=48_000, values=0, datatype=DataType.REGISTERS),
            action=self.act,
        )
        self.sun_w = 0.0
        self.words_wrong = False  # it reports its battery with the other sign
        self.direction = 0
        self.told: dict[int, int] = {}

    def terminals_w(self) -> float:
        return self.w - self.sun_w + abs(self.w) * self.LOSS

    def said_w(self) -> float:
        return -self.w if self.words_wrong else self.w

    def lapse(self) -> None:
        self.target = -777  # its own mode covers the house

    def show(self, words: Any, start: int) -> None:
        assert start == 0
        self.put(words)

    def put(self, words: Any) -> None:
        raise NotImplementedError

    def beat(self, seconds: int) -> None:
        """Its time-out is set, which begins anew."""
        self.lease_s, self._heard = seconds, self.time()

    def sin(self, first: int, values: list[int]) -> Any:
        self.sins.append(f"{values} to {first}")
        return ExcCodes.ILLEGAL_ADDRESS


class Huawei(Hybrid):
    """47247 and 47249 u32 W of either direction, 47083 minutes, 47246 what ends it: time, 47100
    which way: 0 stop, 1 charge, 2 discharge. 37765 + charges, 32080 + feeds."""

    NAME = "huawei_sun2000"
    LEAST_S = 120
    MINUTES = True
    PERIOD_S = 5.0

    async def act(
        self, function: int, start: int, first: int, count: int, words: Any, values: Any
    ) -> Any:
        if values is not None and (function == 6) == (first in (47247, 47249)):
            self.sins.append(f"function {function} to {first}")
        return await super().act(16, start, first, count, words, values)

    def put(self, words: Any) -> None:
        pair(words, 32080, -self.terminals_w())
        for leg in range(3):
            words[32069 + leg] = 2300
            pair(words, 32072 + 2 * leg, abs(self.terminals_w()) / 3 / 230 * 1000)
        words[32085] = 5000
        words[32089] = 512
        pair(words, 37765, self.said_w())
        words[37760] = 553
        pair(words, 37046, 5000)
        pair(words, 37048, 5000)

    def take(self, first: int, values: list[int]) -> Any:
        if first in (47247, 47249):
            self.told[first] = i32(values)
            if self.told[first] > 5000:
                return ExcCodes.ILLEGAL_VALUE
            if self.direction == (1 if first == 47247 else 2):
                self.go()
            return None
        (value,) = values
        if first == 47083:
            self.beat(60 * value)
        elif first == 47246:
            if value:
                return self.sin(first, values)
        elif first == 47100:
            self.direction = value
            if value == 0:
                self.lease_s = 0
                self.lapse()
            else:
                self.go()
        else:
            return self.sin(first, values)
        return None

    def go(self) -> None:
        if not self.lease_s:
            self.sins.append("power before its time-out")
        sign = 1 if self.direction == 1 else -1
        self.aim(sign * self.told.get(47247 if sign > 0 else 47249, 0))


class GoodWe(Hybrid):
    """47511 and 47512 in one request: 1 its own mode, 8 standby, 11 charge, 12 discharge the
    battery; 7 off the grid, never. Nothing ends it. 35182 + discharges, 35137 + feeds."""

    NAME = "goodwe_et"

    def put(self, words: Any) -> None:
        pair(words, 35137, -self.terminals_w())
        for at in (35121, 35126, 35131):
            words[at] = 2300
        words[35123] = 5000
        pair(words, 35182, -self.said_w())
        words[37007] = 55
        words[35187] = 1

    def take(self, first: int, values: list[int]) -> Any:
        if first != 47511 or len(values) != 2:
            return self.sin(first, values)
        mode, w = values
        if mode == 1:
            self.lapse()
        elif mode == 8:
            self.aim(0)
        elif mode in (11, 12) and w <= 10_000:
            self.aim(w if mode == 11 else -w)
        else:
            return self.sin(first, values)
        return None


class Growatt(Hybrid):
    """30408 minutes, 30409 percent of the rating (+ charges), 30407 on: each by itself."""

    NAME = "growatt_vpp"
    FUNCTION = 6
    LEAST_S = 60
    MINUTES = True
    RATING_W = 10_000

    def put(self, words: Any) -> None:
        words[31000] = 5
        pair(words, 31100, -self.terminals_w() * 10)
        words[31105] = 5000
        words[31106] = 2300
        for leg in range(3):
            words[31109 + leg] = u16(self.terminals_w() / 3 / 23)
        pair(words, 31200, self.said_w() * 10)
        words[31217] = 55
        pair(words, 31210, 60_000)
        pair(words, 31212, 60_000)
        pair(words, 30016, self.RATING_W * 10)

    def take(self, first: int, values: list[int]) -> Any:
        (value,) = values
        self.told[first] = value - 0x10000 if value > 0x7FFF else value
        if first == 30408:
            self.beat(60 * value)
        elif first == 30409:
            if self.told.get(30407):
                self.go()
        elif first == 30407:
            self.go()
        else:
            return self.sin(first, values)
        return None

    def go(self) -> None:
        if not self.lease_s:
            self.sins.append("power before its time-out")
        self.aim(self.told.get(30409, 0) * self.RATING_W // 100)


class Kostal(Hybrid):
    """1034 f32 W, low word first, + discharges; after 30 s without it does as it likes."""

    NAME = "kostal_plenticore"

    def put(self, words: Any) -> None:
        words[575] = u16(-self.terminals_w())
        words[582] = u16(-self.said_w())
        words[514] = 55
        for leg in range(3):
            f32(words, 154 + 6 * leg, abs(self.terminals_w()) / 3 / 230)
            f32(words, 158 + 6 * leg, 230.0)
        f32(words, 152, 50.0)
        words[56], words[57] = 6, 0
        f32(words, 1038, 6000)
        f32(words, 1040, 6000)

    def take(self, first: int, values: list[int]) -> Any:
        if first != 1034 or len(values) != 2:
            return self.sin(first, values)
        self.beat(30)
        w = struct.unpack(">f", struct.pack(">HH", values[1], values[0]))[0]
        self.aim(-round(w))
        return None


class Sungrow(Hybrid):
    """13079 heartbeat in s, 13049 mode: 3 external, never 2; 13050: 0xAA charge, 0xBB discharge,
    0xCC stop; 13051 W. 5213 + discharges (low word first), 13033 + feeds."""

    NAME = "sungrow_sh"
    FUNCTION = 6
    LEAST_S = 2

    def put(self, words: Any) -> None:
        pair(words, 13033, -self.terminals_w(), True)
        for leg in range(3):
            words[13030 + leg] = u16(self.terminals_w() / 3 / 23)
            words[5018 + leg] = 2300
        words[5241] = 5000
        pair(words, 5213, -self.said_w(), True)
        words[13022] = 553
        words[12999] = 64
        words[33046] = words[33047] = 500

    def take(self, first: int, values: list[int]) -> Any:
        (value,) = values
        self.told[first] = value
        if first == 13079:
            self.beat(value)
        elif first == 13049:
            if value == 2:
                return self.sin(first, values)
        elif first == 13050:
            if value not in (0xAA, 0xBB, 0xCC):
                return self.sin(first, values)
            self.go()
        elif first == 13051:
            self.go()
        else:
            return self.sin(first, values)
        return None

    def go(self) -> None:
        way, w = self.told.get(13050), self.told.get(13051, 0)
        if self.told.get(13049) != 3 or not self.lease_s:
            self.sins.append("power before mode and heartbeat")
        self.aim(w if way == 0xAA else -w if way == 0xBB else 0)


class Solis(Hybrid):
    """43135: 0 off, 1 charge, 2 discharge; 43136 and 43129 in 10 W; 43282 minutes. 33149 has no
    sign, 33135 says which way; 33079 + feeds."""

    NAME = "solis_hybrid"
    FUNCTION = 6
    LEAST_S = 60
    MINUTES = True

    def put(self, words: Any) -> None:
        pair(words, 33079, -self.terminals_w())
        for leg in range(3):
            words[33073 + leg] = 2300
            words[33076 + leg] = u16(abs(self.terminals_w()) / 3 / 23)
        words[33094] = 5000
        pair(words, 33149, abs(self.w))
        words[33135] = 0 if self.said_w() >= 0 else 1
        words[33139] = 55
        words[33095] = 3

    def take(self, first: int, values: list[int]) -> Any:
        (value,) = values
        self.told[first] = value
        if first == 43282:
            self.beat(60 * value)
        elif first in (43135, 43136, 43129):
            way = self.told.get(43135, 0)
            if way and first != (43129 if way == 1 else 43136):
                self.beat(self.lease_s or 60)
                self.aim(10 * (self.told.get(43136, 0) if way == 1 else -self.told.get(43129, 0)))
        else:
            return self.sin(first, values)
        return None


class SolisDispatch(Hybrid):
    """44100 on, 44101 minutes, 44102 to 44104 switches and limits; 44105 mode: 1 hold, 2 battery;
    44106 i32 in 10 W, + charges, and 44108 to 44112 in the same request."""

    NAME = "solis_dispatch"
    LEAST_S = 60
    MINUTES = True

    def put(self, words: Any) -> None:
        Solis.put(self, words)  # type: ignore[arg-type]

    def take(self, first: int, values: list[int]) -> Any:
        if first == 44100 and len(values) == 5:
            if values[0] != 1 or values[2:] != [0, 0xFFFF, 0xFFFF]:
                return self.sin(first, values)
            self.beat(60 * values[1])
        elif first == 44105 and len(values) == 8:
            w = 10 * i32(values[1:3])
            grid = 16 if w > 0 else 0  # it may charge from the grid
            if values[0] != (2 if w else 1) or values[3:] != [grid, 0, 100, 0, 0]:
                return self.sin(first, values)
            if not self.lease_s:
                self.sins.append("power before its time-out")
            self.aim(w)
        else:
            return self.sin(first, values)
        return None


ALL = (Huawei, GoodWe, Growatt, Kostal, Sungrow, Solis, SolisDispatch)
