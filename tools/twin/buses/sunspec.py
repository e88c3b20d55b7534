# islet: the bidirectional inverter's SunSpec registers, as a pymodbus simulator device.
# GPL-3.0-or-later
"""pymodbus owns the datastore: its action hook refreshes the registers from the house before a
read and carries a write to the inverter. Signs turn at this edge: the house draws with +, W of
SunSpec's model 701 is generation with +.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping
from typing import Any, ClassVar, cast

from pymodbus.constants import ExcCodes
from pymodbus.simulator import DataType, SimData, SimDevice

from tools.twin.buses import layout
from tools.twin.house.inverter import Inverter
from tools.twin.house.reading import OfConverter, of_converter
from tools.twin.house.spec import SunSpecSpec

LEGS = 3
CAPACITY = 1600  # registers of the block, whatever an update puts there
DC_DISCONNECT, MANUFACTURER = 1 << 3, 1 << 16  # bits of 701.Alrm


class SunSpec:
    """The inverter's register map: models 1, 701, 702, 704, 713, 715 from any base address.

    `update()` is a new firmware of the device: its models lie elsewhere, its scale factors are
    others, and what it was told is forgotten, as with any restart of it."""

    MODELS = (1, 701, 702, 704, 713, 715)
    VENDOR_MODEL = 64_100  # what an update puts between model 1 and the others
    SCALES: ClassVar = {
        701: {"A_SF": -1, "V_SF": -1, "Hz_SF": -2, "W_SF": 0, "TotWh_SF": 0, "VA_SF": 0},
        702: {"W_SF": 1, "V_SF": 0, "A_SF": -1},
        704: {"WSet_SF": 0, "WSetPct_SF": -1, "WMaxLimPct_SF": -1},
        713: {"WH_SF": 1, "Pct_SF": -1},
    }

    UNUSED: ClassVar = {  # factors of points that are not there
        (701, "TotWh_SF"), (701, "VA_SF"), (702, "V_SF"), (702, "A_SF"),
        (704, "WSetPct_SF"), (704, "WMaxLimPct_SF"),
    }  # fmt: skip

    def __init__(
        self,
        inverter: Inverter,
        address: int,
        base: int = 40_000,
        spec: SunSpecSpec | None = None,
    ) -> None:
        self.inverter = inverter
        self._unused = tuple(k for k in range(LEGS) if k not in inverter.legs)
        self.base = base
        self.spec = spec or SunSpecSpec()
        self.scales = {model: dict(rows) for model, rows in self.SCALES.items()}
        self.inserted = 0  # registers of a vendor's model after model 1, with its ID and L
        self.look: Callable[[], OfConverter] = lambda: of_converter(inverter)  # what it shows
        self.seconds: Callable[[], int] = lambda: 0  # for the device's own heartbeat
        self.frozen = False  # a hung controller still answers, but its heartbeat stands
        self._heartbeat = 0
        self._detects = True  # what 704.AntiIslEna was told
        self._fresh = {
            701: self._measured, 704: self._detection, 713: self._storage, 715: self._beat,
        }  # fmt: skip
        self._start: dict[int, int] = {}
        self._read: dict[bytes, list[int]] = {}  # by request, the fresh models it reaches
        self._used = 0  # registers up to the end of the chain
        self._boots = inverter.boots
        self._stale = False
        block = SimData(base, values=self._map(), datatype=DataType.REGISTERS)
        self.device = SimDevice(address, simdata=block, action=cast(Any, self._action))

    def update(self, insert: int = 0, factors: Mapping[str, int] | None = None) -> None:
        """`insert` more registers before model 701; `factors`: "704.WSet_SF" and its new value."""
        for name, value in (factors or {}).items():
            model, point = FACTORS[name]
            self.scales[model][point] = value
        self.inserted = insert
        self._stale = True
        self.inverter.restart()

    def settled(self) -> bool:
        """The registers are of the same start as what it shows."""
        return not self._stale and self._boots == self.look().boots

    def asleep(self) -> bool:
        return self.look().asleep

    def _map(self) -> list[int]:
        """All registers as after a start, and beyond the chain's end room for an update."""
        registers = [0x5375, 0x6E53]
        longer_by = self.spec.longer_by
        for model in self.MODELS:
            self._start[model] = self.base + len(registers)
            rows = layout.blank(model)
            rows[1] += longer_by
            registers += rows + [0xFFFF] * longer_by
            if model == 1 and self.inserted:
                registers += [self.VENDOR_MODEL, self.inserted - 2, *[0] * (self.inserted - 2)]
        if self.spec.end_model:
            registers += [0xFFFF, 0]
        self._used = len(registers)
        self._read = {}
        self._detects = True
        self._fixed(registers)
        return registers + [0] * (CAPACITY - len(registers))

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
        self._put(registers, model, name, value / 10 ** self.scales[model][sf])

    def _fixed(self, registers: list[int]) -> None:
        inverter = self.inverter
        for model, scales in self.scales.items():
            for name, value in scales.items():
                if self.spec.unused_factors or (model, name) not in self.UNUSED:
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
        for name in ("LocRemCtl", "DERHb", "ControllerHb", "OpCtl"):
            self._put(registers, 715, name, 0)

    def _measured(self, registers: list[int]) -> None:
        inverter = self.look()
        state = {"off": 0, "follow": 3, "form": 3}[inverter.mode]
        self._put(registers, 701, "St", 1 if state else 0)
        self._put(registers, 701, "InvSt", 6 if inverter.fault else state)
        self._put(registers, 701, "ConnSt", 1 if inverter.connected else 0)
        alarms = (MANUFACTURER if inverter.fault else 0) | (
            0 if inverter.plugged else DC_DISCONNECT
        )
        self._put(registers, 701, "Alrm", alarms)
        self._put(registers, 701, "DERMode", {"off": 0, "follow": 1, "form": 2}[inverter.mode])
        currents = inverter.a
        self._scaled(registers, 701, "W", -inverter.w, "W_SF")
        self._scaled(registers, 701, "A", sum(abs(a) for a in currents), "A_SF")
        self._scaled(registers, 701, "Hz", inverter.hz, "Hz_SF")
        self._scaled(registers, 701, "LNV", max(inverter.v), "V_SF")
        for own, leg in enumerate((*self.inverter.legs, *self._unused)):  # its own first leg first
            amps, volts = currents[leg], inverter.v[leg]
            self._scaled(registers, 701, f"WL{own + 1}", -amps * volts, "W_SF")
            self._scaled(registers, 701, f"AL{own + 1}", abs(amps), "A_SF")
            self._scaled(registers, 701, f"VL{own + 1}", volts, "V_SF")

    def _storage(self, registers: list[int]) -> None:
        inverter = self.look()
        full_wh, soc = inverter.capacity_wh, inverter.soc_percent
        self._scaled(registers, 713, "WHRtg", full_wh, "WH_SF")
        self._scaled(registers, 713, "WHAvail", full_wh * soc / 100, "WH_SF")
        self._scaled(registers, 713, "SoC", soc, "Pct_SF")
        self._put(registers, 713, "Sta", 0)

    def _detection(self, registers: list[int]) -> None:
        if self.spec.anti_islanding:
            self._put(registers, 704, "AntiIslEna", int(self.look().detects))

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
        boots = self.look().boots
        if self._stale or self._boots != boots:
            self._stale, self._boots = False, boots
            registers[:] = self._map()
        if first + count > self.base + self._used:
            return ExcCodes.ILLEGAL_ADDRESS
        if values is None:
            for model in self._reached(first, count):
                self._fresh[model](registers)
            return None
        written = range(first, first + count)
        if not self._writable(written):
            return ExcCodes.ILLEGAL_ADDRESS
        if self.inverter.ways.refuses:
            return ExcCodes.DEVICE_FAILURE
        for register in written:
            self.inverter.ways.wrote(register)
        registers[first - start : first - start + count] = values
        self._wrote(registers, written)
        return None

    def _reached(self, first: int, count: int) -> list[int]:
        """Models with something of the moment that lie in a range."""
        starts = ((model, self._start[model]) for model in self._fresh)
        return [
            model
            for model, start in starts
            if first <= start + layout.length(model) + 1 and start < first + count
        ]

    def part(self, request: bytes, seconds: int, shown: OfConverter) -> tuple[Any, ...]:
        """What of all that is shown answers a read."""
        models = self._read.get(request)
        if models is None:
            models = self._reached(*struct.unpack_from(">HH", request, 2))
            self._read[request] = models
        soc = shown.capacity_wh, shown.soc_percent
        by_model = {701: shown[:8], 704: shown.detects, 713: soc, 715: seconds}
        return (shown.boots, *[by_model[model] for model in models])

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
                if name == "AntiIslEna" and not self.spec.anti_islanding:
                    continue
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
            scale = 10 ** self.scales[704]["WSet_SF"]
            watts = self._get(registers, 704, "WSetMod") == 1
            inverter.write_setpoint(
                -self._get(registers, 704, "WSet") * scale,
                enable=watts and self._get(registers, 704, "WSetEna") == 1,
                revert_w=-self._get(registers, 704, "WSetRvrt") * scale,
                revert_s=self._get(registers, 704, "WSetRvrtTms"),
            )
        asked = self._touched(written, 704, "AntiIslEna")
        if asked:
            self._detects = self._get(registers, 704, "AntiIslEna") != 0
            inverter.detect(told=self._detects)
        if asked or self._touched(written, 702, "IntIslandCat"):
            category = self._get(registers, 702, "IntIslandCat")
            inverter.allow_forming(not self._detects or bool(category & 0b0110))
        if self._touched(written, 715, "ControllerHb"):
            inverter.controller_heartbeat()
        if self._touched(written, 715, "AlarmReset"):
            inverter.alarm_reset()
        if self._touched(written, 715, "OpCtl"):
            inverter.operate("start" if self._get(registers, 715, "OpCtl") == 1 else "stop")


FACTORS = {f"{m}.{name}": (m, name) for m, rows in SunSpec.SCALES.items() for name in rows}
