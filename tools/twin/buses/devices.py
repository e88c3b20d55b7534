# islet: the Modbus devices of the house, as pymodbus simulator devices.
# GPL-3.0-or-later
"""An Eastron SDM630 and a bidirectional SunSpec inverter on top of the house's physics.

pymodbus owns the datastore: its action hook refreshes the registers from the house before a read
and carries a write to the inverter. Signs turn at this edge: the house draws with +, SunSpec's W
is generation with + (model 701).
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import Any, ClassVar, cast

from pymodbus.constants import ExcCodes
from pymodbus.simulator import DataType, SimData, SimDevice

from tools.twin.buses import layout
from tools.twin.house.inverter import Inverter
from tools.twin.house.meter import Meter

LEGS = 3
DC_DISCONNECT, MANUFACTURER = 1 << 3, 1 << 16  # bits of 701.Alrm


def sdm630(meter: Meter, address: int) -> SimDevice:
    """Eastron SDM630: IEEE floats, high word first, function 04 (facts: mbmd's sdm map)."""

    def quantities() -> dict[int, float]:
        values = {0x34: sum(meter.watts), 0x46: meter.hz}
        values |= {0x48: meter.import_wh / 1000, 0x4A: meter.export_wh / 1000}
        for leg in range(LEGS):
            v, a, w = meter.volts[leg], meter.amps[leg], meter.watts[leg]
            values |= {2 * leg: v, 6 + 2 * leg: a, 0x0C + 2 * leg: w, 0x12 + 2 * leg: v * a}
            values[0x1E + 2 * leg] = w / (v * a) if v * a > 1 else 1.0
        return values

    async def refresh(
        function: int, start: int, first: int, count: int, registers: list[int], values: object
    ) -> ExcCodes | None:
        if function != 4:
            return ExcCodes.ILLEGAL_FUNCTION
        for at, value in quantities().items():
            if first - 1 <= at < first + count:
                registers[at - start : at - start + 2] = struct.unpack(
                    ">HH", struct.pack(">f", value)
                )
        return None

    block = SimData(0, count=0x180, values=0, datatype=DataType.REGISTERS)
    return SimDevice(address, simdata=block, action=refresh)


class SunSpec:
    """The inverter's register map: models 1, 701, 702, 704, 713, 715 from any base address."""

    MODELS = (1, 701, 702, 704, 713, 715)
    SCALES: ClassVar = {
        701: {"A_SF": -1, "V_SF": -1, "Hz_SF": -2, "W_SF": 0, "TotWh_SF": 0, "VA_SF": 0},
        702: {"W_SF": 1, "V_SF": 0, "A_SF": -1},
        704: {"WSet_SF": 0, "WSetPct_SF": -1, "WMaxLimPct_SF": -1},
        713: {"WH_SF": 1, "Pct_SF": -1},
    }

    def __init__(self, inverter: Inverter, address: int, base: int = 40_000) -> None:
        self.inverter = inverter
        self.base = base
        self.seconds: Callable[[], int] = lambda: 0  # for the device's own heartbeat
        self.frozen = False  # a hung controller still answers, but its heartbeat stands
        self._heartbeat = 0
        self._fresh = {701: self._measured, 713: self._storage, 715: self._beat}
        self._start: dict[int, int] = {}
        registers = [0x5375, 0x6E53]
        for model in self.MODELS:
            self._start[model] = base + len(registers)
            registers += layout.blank(model)
        registers += [0xFFFF, 0]
        self._fixed(registers)
        block = SimData(base, values=registers, datatype=DataType.REGISTERS)
        self.device = SimDevice(address, simdata=block, action=cast(Any, self._action))

    # --- registers ------------------------------------------------------------------------

    def _put(self, registers: list[int], model: int, name: str, value: float | str) -> None:
        point = layout.points(model)[name]
        at = self._start[model] - self.base + point.offset
        content = value if isinstance(value, str) else round(value)
        registers[at : at + point.size] = point.registers(content)

    def _get(self, registers: list[int], model: int, name: str) -> int:
        point = layout.points(model)[name]
        at = self._start[model] - self.base + point.offset
        return point.value(registers[at : at + point.size])

    def _scaled(self, registers: list[int], model: int, name: str, value: float, sf: str) -> None:
        self._put(registers, model, name, value / 10 ** self.SCALES[model][sf])

    def _fixed(self, registers: list[int]) -> None:
        inverter = self.inverter
        for model, scales in self.SCALES.items():
            for name, value in scales.items():
                self._put(registers, model, name, value)
        for name, text in (("Mn", "islet twin"), ("Md", "bidirectional"), ("SN", "0001")):
            self._put(registers, 1, name, text)
        charge, discharge = inverter.charge_w, inverter.discharge_w
        for name, value in (
            ("WMaxRtg", max(charge, discharge)),
            ("WChaRteMaxRtg", charge),
            ("WDisChaRteMaxRtg", discharge),
            ("WMax", max(charge, discharge)),
            ("WChaRteMax", charge),
            ("WDisChaRteMax", discharge),
        ):
            self._scaled(registers, 702, name, value, "W_SF")
        self._put(registers, 702, "IntIslandCatRtg", 0b0110)  # may island, may black-start
        self._put(registers, 702, "IntIslandCat", 0)
        for name in ("WSetEna", "WSetMod", "WSet", "WSetRvrt", "WSetEnaRvrt", "WSetRvrtTms"):
            self._put(registers, 704, name, 0)
        self._put(registers, 704, "AntiIslEna", 1)
        for name in ("LocRemCtl", "DERHb", "ControllerHb", "OpCtl"):
            self._put(registers, 715, name, 0)

    def _measured(self, registers: list[int]) -> None:
        inverter = self.inverter
        state = {"off": 0, "follow": 3, "form": 3}[inverter.mode]
        self._put(registers, 701, "St", 1 if state else 0)
        self._put(registers, 701, "InvSt", 6 if inverter.fault else state)
        self._put(registers, 701, "ConnSt", 1 if inverter.connected else 0)
        alarms = (MANUFACTURER if inverter.fault else 0) | (
            0 if inverter.plugged else DC_DISCONNECT
        )
        self._put(registers, 701, "Alrm", alarms)
        self._put(registers, 701, "DERMode", {"off": 0, "follow": 1, "form": 2}[inverter.mode])
        self._scaled(registers, 701, "W", -inverter.w, "W_SF")
        self._scaled(registers, 701, "A", sum(abs(a) for a in inverter.a), "A_SF")
        self._scaled(registers, 701, "Hz", inverter.hz, "Hz_SF")
        self._scaled(registers, 701, "LNV", max(inverter.v), "V_SF")
        for leg in range(LEGS):
            amps, volts = inverter.a[leg], inverter.v[leg]
            self._scaled(registers, 701, f"WL{leg + 1}", -amps * volts, "W_SF")
            self._scaled(registers, 701, f"AL{leg + 1}", abs(amps), "A_SF")
            self._scaled(registers, 701, f"VL{leg + 1}", volts, "V_SF")

    def _storage(self, registers: list[int]) -> None:
        battery = self.inverter.battery
        self._scaled(registers, 713, "WHRtg", battery.capacity_wh, "WH_SF")
        self._scaled(registers, 713, "WHAvail", battery.wh, "WH_SF")
        self._scaled(registers, 713, "SoC", battery.soc_percent, "Pct_SF")
        self._put(registers, 713, "Sta", 0)

    def _beat(self, registers: list[int]) -> None:
        if not self.frozen:
            self._heartbeat = self.seconds()
        self._put(registers, 715, "DERHb", self._heartbeat)

    # --- pymodbus' hook -------------------------------------------------------------------

    async def _action(
        self,
        function: int,
        start: int,
        first: int,
        count: int,
        registers: list[int],
        values: list[int] | None,
    ) -> ExcCodes | None:
        if values is None:
            for model, refresh in self._fresh.items():
                start_of = self._start[model]
                if first <= start_of + layout.length(model) + 1 and start_of < first + count:
                    refresh(registers)
            return None
        written = range(first, first + count)
        if not self._writable(written):
            return ExcCodes.ILLEGAL_ADDRESS
        registers[first - start : first - start + count] = values
        self._wrote(registers, written)
        return None

    WRITABLE: ClassVar = {
        702: ("WMax", "WChaRteMax", "WDisChaRteMax", "IntIslandCat"),
        704: (
            *("WSetEna", "WSetMod", "WSet", "WSetRvrt", "WSetPct", "WSetPctRvrt"),
            *("WSetEnaRvrt", "WSetRvrtTms", "WSetRvrtRem", "WRmp", "AntiIslEna"),
        ),
        715: ("LocRemCtl", "ControllerHb", "AlarmReset", "OpCtl"),
    }

    def _writable(self, addresses: range) -> bool:
        allowed: set[int] = set()
        for model, names in self.WRITABLE.items():
            for name in names:
                point = layout.points(model)[name]
                at = self._start[model] + point.offset
                allowed |= set(range(at, at + point.size))
        return set(addresses) <= allowed

    def _touched(self, written: range, model: int, *names: str) -> bool:
        start = self._start[model]
        spans = (layout.points(model)[name] for name in names)
        return any(
            set(written) & set(range(start + p.offset, start + p.offset + p.size)) for p in spans
        )

    def _wrote(self, registers: list[int], written: range) -> None:
        inverter = self.inverter
        if self._touched(written, 704, "WSetEna", "WSetMod", "WSet", "WSetRvrt", "WSetRvrtTms"):
            scale = 10 ** self.SCALES[704]["WSet_SF"]
            watts = self._get(registers, 704, "WSetMod") == 1
            inverter.write_setpoint(
                -self._get(registers, 704, "WSet") * scale,
                enable=watts and self._get(registers, 704, "WSetEna") == 1,
                revert_w=-self._get(registers, 704, "WSetRvrt") * scale,
                revert_s=self._get(registers, 704, "WSetRvrtTms"),
            )
        if self._touched(written, 704, "AntiIslEna") or self._touched(
            written, 702, "IntIslandCat"
        ):
            category = self._get(registers, 702, "IntIslandCat")
            allowed = self._get(registers, 704, "AntiIslEna") == 0 or bool(category & 0b0110)
            inverter.allow_forming(allowed)
        if self._touched(written, 715, "ControllerHb"):
            inverter.controller_heartbeat()
        if self._touched(written, 715, "AlarmReset"):
            inverter.alarm_reset()
        if self._touched(written, 715, "OpCtl"):
            inverter.operate("start" if self._get(registers, 715, "OpCtl") == 1 else "stop")
