# islet: a converter whose family is a table, as a pymodbus simulator device.
# GPL-3.0-or-later
"""The shell of the house's inverter: pymodbus owns the wire, its action hook shows what the house
measures and carries what is written to the inverter, as the family's table says. What its maker
forbids is carried out where the device would, and told as a breach."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, cast

from pymodbus.constants import ExcCodes
from pymodbus.simulator import DataType, SimData, SimDevice

from tools.twin.buses.families import Table, Value
from tools.twin.buses.families.contract import Judge
from tools.twin.house.inverter import Inverter
from tools.twin.house.reading import OfConverter, of_converter

READS = (3, 4)
REGISTERS = 50_000
STILL_W = 1.0


class FamilyDevice:
    """`look`: what it shows, if not what is so now; `clock`: the house's time in µs."""

    def __init__(self, inverter: Inverter, table: Table, address: int) -> None:
        self.inverter, self.table = inverter, table
        self.look: Callable[[], OfConverter] = lambda: of_converter(inverter)
        self.clock: Callable[[], int] = lambda: inverter.now_us
        self._judge = Judge(table, lambda text: inverter.ways.breached(text))
        self._held: dict[int, float] = {}  # by register, what was written
        self._running = not table.start
        self._version = 0  # of what is held
        self._boots = inverter.boots
        self._where: dict[tuple[int, int], tuple[Value, int]] = {}  # function, register
        for value in table.shows:
            self._place(value.function, value)
        for value in table.takes.values() if table.reads_back else ():
            self._place(3, value)
        block = SimData(0, count=REGISTERS, values=0, datatype=DataType.REGISTERS)
        self.device = SimDevice(address, simdata=block, action=cast(Any, self._action))

    def _place(self, function: int, value: Value) -> None:
        for k in range(value.size):
            self._where[function, value.at + k] = (value, k)

    # --- what it shows --------------------------------------------------------------------------

    def asleep(self) -> bool:
        return self.look().asleep

    def settled(self) -> bool:
        """What is held is of the same start as what it shows."""
        return self._boots == self.look().boots

    def part(self, request: bytes, shown: OfConverter) -> tuple[Any, ...]:
        """What of all that is shown answers a read."""
        return (*shown, self._version)

    def _quantity(self, what: str, shown: OfConverter) -> float:
        inverter = self.inverter
        if what[-1] in "123":
            own = [*inverter.legs, *(k for k in range(3) if k not in inverter.legs)]
            leg = own[int(what[-1]) - 1]
            amps, volts = shown.a[leg], shown.v[leg]
            return {"w": amps * volts, "a": amps, "v": volts}[what[:-1]]
        found = {
            "w": shown.w,
            "size_a": max(abs(a) for a in shown.a),
            "hz": shown.hz,
            "soc": shown.soc_percent,
            "charge_max": inverter.charge_w,
            "charging_w": max(0.0, shown.w),
            "feeding_w": max(0.0, -shown.w),
            "imported_kwh": shown.charged_wh / 1000,
            "exported_kwh": shown.discharged_wh / 1000,
        }
        return found[what] if what in found else float(self._state(shown))

    def _state(self, shown: OfConverter) -> int:
        states = self.table.states
        flows = "charge" if shown.w > STILL_W else "feed" if shown.w < -STILL_W else "wait"
        name = {"off": "off", "form": "island", "follow": flows}[shown.mode]
        name = "fault" if shown.fault else name if shown.plugged else "no_car"
        return states[name if name in states else "wait"]

    def _show(self, function: int, first: int, count: int) -> list[int] | None:
        """Registers of a read; None where one of them is nothing."""
        shown = self.look()
        words: list[int] = []
        for register in range(first, first + count):
            value, k = self._where.get((function, register), (None, 0))
            if value is None:
                return None
            if value.at in self.table.takes:
                held = self._held.get(value.at, 0) / value.per
            else:
                held = self._quantity(value.what, shown)
            words.append(value.registers(held, self.table.words)[k])
        return words

    # --- pymodbus' hook -------------------------------------------------------------------------

    async def _action(
        self,
        function: int,
        start: int,
        first: int,
        count: int,
        registers: list[int],
        values: list[int] | None,
    ) -> ExcCodes | None:
        if self._boots != self.look().boots:
            self._boots = self.look().boots
            self._forget()
        if values is not None:
            return self._take(function, first, list(values))
        if function not in READS:
            return None  # the echo of a write
        words = self._show(function, first, count)
        if words is None:
            return ExcCodes.ILLEGAL_ADDRESS
        registers[first - start : first - start + count] = words
        return None

    def _forget(self) -> None:
        self._held.clear()
        self._judge.forget()
        self._running = not self.table.start
        self._version += 1

    # --- what it takes --------------------------------------------------------------------------

    def _take(self, function: int, first: int, words: list[int]) -> ExcCodes | None:
        ways, lease = self.inverter.ways, self.table.lease
        if self.inverter.reverted and lease and lease.forgets:
            self._forget()
        written = self._decoded(first, words)
        good = self._judge.look(self.clock(), function, first, len(words), written)
        if ways.refuses:
            return ExcCodes.DEVICE_FAILURE
        if not good:
            return ExcCodes.ILLEGAL_ADDRESS
        if self.table.locked == "refuses" and self._carries(written) and not self._open(written):
            return ExcCodes.DEVICE_FAILURE
        for value, raw in written:
            if ways.wrote(value.at):
                self._held[value.at] = raw
        self._version += 1
        self._command(value.at for value, _ in written)
        return None

    def _decoded(self, first: int, words: list[int]) -> list[tuple[Value, float]]:
        """Values that a request holds whole."""
        found = []
        for value in self.table.takes.values():
            at = value.at - first
            if at >= 0 and at + value.size <= len(words):
                part = words[at : at + value.size]
                found.append((value, value.raw(part, self.table.words)))
        return found

    def _carries(self, written: list[tuple[Value, float]]) -> bool:
        return any(value in self.table.power and raw for value, raw in written)

    def _open(self, written: Iterable[tuple[Value, float]] = ()) -> bool:
        held = self._held | {value.at: raw for value, raw in written}
        return all(held.get(at) == raw for at, raw in self.table.lock.items())

    def _watts(self) -> float:
        """What is asked of it, + to draw: by one signed value, or by a kind and two sizes."""
        table, held = self.table, self._held
        by = {v.what: (held.get(v.at, 0) / v.per, v.most) for v in table.power}
        if table.kinds:
            kind = held.get(table.kinds["at"], 0)
            if kind not in (table.kinds["charge"], table.kinds["discharge"]):
                return 0.0
            way = "charge" if kind == table.kinds["charge"] else "discharge"
            w, most = by[way]
            w = -w if way == "discharge" else w
        else:
            w, most = by["power"]
        cuts_w = self.inverter.ways.cuts_w
        limits = [limit for limit in (most, cuts_w) if limit is not None]
        return max(-limits[0], min(limits[0], w)) if (limits := sorted(limits)) else w

    def _command(self, written: Iterable[int]) -> None:
        """What is held now, to the inverter. The lease begins anew with what bears watts or
        time."""
        table, start = self.table, self.table.start
        at = set(written)
        if start and start["at"] in at:
            self._running = self._held[start["at"]] == start["start"]
        lease = table.lease
        lively = {value.at for value in table.power} | ({lease.at} if lease else set())
        if not at & (lively | set(table.lock) | {start.get("at"), table.kinds.get("at")}):
            return
        w = self._watts() if self._running else 0.0
        revert_s = self._lease_s()
        revert_w = None if lease and lease.then == "own" else 0.0
        self.inverter.write_setpoint(w, self._open(), revert_w, revert_s)

    def _lease_s(self) -> float:
        lease = self.table.lease
        if lease is None or lease.then == "on":
            return 0.0
        if lease.at is None:
            return lease.s
        return self._held.get(lease.at, 0) / self.table.takes[lease.at].per

    # --- another writer -------------------------------------------------------------------------

    def app(self, w: float) -> None:
        """The maker's own app asks for it, by the same registers and under no rule of theirs."""
        self._held |= self.table.lock
        kinds = self.table.kinds
        if kinds:
            self._held[kinds["at"]] = kinds["charge" if w > 0 else "discharge"]
        for value in self.table.power:
            self._held[value.at] = (abs(w) if value.what != "power" else w) * value.per
        self._running = True
        self._version += 1
        self.inverter.write_setpoint(w, True, None, 0.0)
