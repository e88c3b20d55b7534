"""A hybrid by SunSpec 103 or 113, 124 and 160, as a Fronius GEN24 has them; pysunspec2 encodes it.
Its storage goes its own way within two limits: out, and in; a negative one forces the other."""

from __future__ import annotations

import json
from functools import cache
from typing import Any

from pymodbus.constants import ExcCodes
from pymodbus.simulator import DataType, SimData, SimDevice
from sunspec2.device import Model

from tests_host.drivers.chains import END, MARKER, words
from tests_host.drivers.hybrids import Hybrid

ROOM = 600  # registers
OWN_W = -777


@cache
def encoded(number: int, data: str) -> list[int]:
    made: Any = Model(number, data=json.loads(data))
    return words(made.get_mb())


def model(number: int, **data: Any) -> list[int]:
    return encoded(number, json.dumps(data))


def signed(word: int) -> int:
    return word - 0x10000 if word & 0x8000 else word


class Gen24(Hybrid):
    NAME = "sunspec_124"
    LEAST_S = 10
    BASE = 40_000
    INVERTER = 103
    W_MAX = 6480
    NAMES = ("MPPT 1", "MPPT 2", "StCha 3", "StDisCha 4")
    EXTRA: int = 0  # registers of a model of the maker's, before the others
    END = True

    def __init__(self) -> None:
        super().__init__()
        self.rate_factor, self.watt_factor = -2, -1
        self.out = self.into = 100 * 10**2
        self.mode = 0
        self.seconds = 0
        self.soc = 55.3
        self.state = 4
        self.busy = 0  # of so many requests one is put off
        self.at: dict[int, int] = {}
        self.device = SimDevice(
            self.ADDRESS,
            simdata=SimData(self.BASE, values=[0] * ROOM, datatype=DataType.REGISTERS),
            action=self.act,
        )

    # --- what it shows --------------------------------------------------------------------

    def inverter(self) -> list[int]:
        w, amps = -self.terminals_w(), abs(self.terminals_w()) / 3 / 230
        legs = {"AphA": amps, "AphB": amps, "AphC": amps}
        volts = {"PhVphA": 230.0, "PhVphB": 231.0, "PhVphC": 229.0}
        if self.INVERTER >= 111:
            return model(self.INVERTER, W=w, Hz=50.0, St=self.state, **legs, **volts)
        scaled = {name: round(value * 100) for name, value in legs.items()}
        scaled |= {name: round(value * 10) for name, value in volts.items()}
        factors = {"A_SF": -2, "V_SF": -1, "Hz_SF": -2, "W_SF": 0}
        return model(self.INVERTER, W=round(w), Hz=5000, St=self.state, **scaled, **factors)

    def modules(self) -> list[int]:
        powers = {"STCHA": max(self.said_w(), 0.0), "STDISCHA": max(-self.said_w(), 0.0)}
        strings = len(self.NAMES) - 2
        rows: list[dict[str, Any]] = []
        for i, name in enumerate(self.NAMES):
            w = powers.get(name.split(" ")[0].upper(), self.sun_w / strings)
            row = {"ID": i + 1, "IDStr": name, "DCW": round(w / 10**self.watt_factor)}
            rows.append(row)
        length = 8 + 20 * len(rows)
        return model(160, L=length, DCW_SF=self.watt_factor, N=len(rows), module=rows)

    def storage(self) -> list[int]:
        return model(
            124, WChaMax=self.W_MAX, WChaMax_SF=0, StorCtl_Mod=self.mode, OutWRte=self.out,
            InWRte=self.into, InOutWRte_RvrtTms=self.seconds, ChaState=round(self.soc * 100),
            ChaState_SF=-2, InOutWRte_SF=self.rate_factor, ChaGriSet=1, ChaSt=4,
        )  # fmt: skip

    def show(self, words: Any, start: int) -> None:
        self.move()
        parts = [(1, model(1)), (self.INVERTER, self.inverter())]
        if self.EXTRA:
            parts.insert(1, (64_100, [64_100, self.EXTRA - 2, *[0] * (self.EXTRA - 2)]))
        parts += [(120, model(120)), (160, self.modules()), (124, self.storage())]
        found = list(MARKER)
        for number, registers in parts:
            self.at[number] = self.BASE + len(found)
            found += registers
        if self.END:
            found += END
        self.used = len(found)
        words[: len(found)] = found

    async def act(
        self, function: int, start: int, first: int, count: int, words: Any, values: Any
    ) -> Any:
        if values is None and self.at and first + count > self.BASE + self.used:
            return ExcCodes.ILLEGAL_ADDRESS
        if self.busy and not self._turn():
            return ExcCodes.DEVICE_BUSY
        return await super().act(function, start, first, count, words, values)

    def _turn(self) -> bool:
        self._asked = getattr(self, "_asked", -1) + 1
        return self._asked % self.busy != self.busy - 1

    # --- what it is told ------------------------------------------------------------------

    def take(self, first: int, values: list[int]) -> Any:
        at = self.at[124]
        if first == at + 12 and len(values) == 2:
            most = 100 * 10**-self.rate_factor
            self.out, self.into = (signed(value) for value in values)
            if max(abs(self.out), abs(self.into)) > most:
                return self.sin(first, values)
        elif first == at + 15 and len(values) == 1:
            self.seconds = values[0]
            self.beat(self.seconds)
            return None
        elif first == at + 5 and values in ([0], [3]):
            self.mode = values[0]
        else:
            return self.sin(first, values)
        if self.mode:
            self.go()
        return None

    def go(self) -> None:
        if not self.lease_s:
            self.sins.append("power before its time-out")
        high = self.W_MAX * self.into / (100 * 10**-self.rate_factor)
        low = -self.W_MAX * self.out / (100 * 10**-self.rate_factor)
        if low > high + 0.01:
            self.sins.append(f"from {low} to {high} W")
        self.aim(round(min(max(OWN_W, low), high)))

    def lapse(self) -> None:
        self.mode = 0
        self.target = OWN_W


class Floats(Gen24):
    INVERTER = 113


class Verto(Gen24):
    """Three strings, in front of its models one of the maker's, no end."""

    NAMES = ("MPPT 1", "MPPT 2", "MPPT 3", "STCHA", "STDISCHA")
    EXTRA = 12
    END = False
