# islet: the tables of the simulated families: registers, ways, and what their makers forbid.
# GPL-3.0-or-later
"""A table is written from what others say of the device (`sources`), never from firmware/profiles:
what it has in common with a profile was read twice. `one_source` names what only one text says.

`shows`: `at` a register, of pymodbus' data type `kind`, lies what `is`, `per` steps a unit with
its sign (+ where the house draws). `takes`: what may be written, likewise. The rest:

    words     big or little: which word of a long value comes first
    states    what it shows while: fault, no_car, off, charge, feed, wait, island
    lock      registers and what has to be in them before watts count; locked: ignores or refuses
    start     the register that starts and stops it
    lease     seconds of silence until it lets go (`at` the register that says them, or `s`), and
              `then`: own (its own mode), zero or on; `forgets`: the lock has to be opened again
    contract  functions to write with, function_of single registers; requests it takes, [first,
              count]; values, the only ones, span, within these, never, none of these (as they lie
              in the registers); first, what has to be written before; growth_s, no larger
              setpoint sooner after another; through_zero, the direction turns by way of 0
    memory    where what is written goes, and how many writes it bears (None: unbounded)
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from pymodbus.client.mixin import ModbusClientMixin

HERE = Path(__file__).parent
NAMES = tuple(sorted(path.stem for path in HERE.glob("*.json")))
DATATYPE = ModbusClientMixin.DATATYPE


@dataclass(frozen=True)
class Value:
    """Registers that hold one value."""

    at: int
    kind: str
    what: str
    per: float = 1.0  # steps a unit, with its sign
    function: int = 3
    most: float | None = None  # magnitude in the unit, cut without a word

    @property
    def size(self) -> int:
        return DATATYPE[self.kind].value[1]

    def registers(self, value: float, words: Any) -> list[int]:
        """As pymodbus encodes it, within what its type holds."""
        raw: float = value * self.per
        if "FLOAT" not in self.kind:
            bits, low = 16 * self.size, 0
            if self.kind.startswith("INT"):
                bits, low = bits - 1, -(1 << (bits - 1))
            raw = max(low, min((1 << bits) - 1, round(raw)))
        return ModbusClientMixin.convert_to_registers(raw, DATATYPE[self.kind], words)

    def raw(self, registers: list[int], words: Any) -> float:
        found = ModbusClientMixin.convert_from_registers(registers, DATATYPE[self.kind], words)
        assert isinstance(found, (int, float))
        return found


@dataclass(frozen=True)
class Lease:
    then: str
    at: int | None = None
    s: float = 0.0
    forgets: bool = False


@dataclass(frozen=True)
class Contract:
    functions: tuple[int, ...] = (16,)
    function_of: dict[int, list[int]] = field(default_factory=dict)
    requests: tuple[tuple[int, int], ...] = ()
    values: dict[int, list[float]] = field(default_factory=dict)
    span: dict[int, tuple[float, float]] = field(default_factory=dict)
    never: dict[int, list[float]] = field(default_factory=dict)
    first: dict[int, list[int]] = field(default_factory=dict)
    growth_s: float = 0.0
    through_zero: bool = False


@dataclass(frozen=True)
class Table:
    """One family."""

    name: str
    sources: dict[str, str]
    one_source: str
    words: str
    shows: tuple[Value, ...]
    takes: dict[int, Value]
    states: dict[str, int]
    lock: dict[int, float]
    locked: str
    start: dict[str, int]
    kinds: dict[str, int]
    lease: Lease | None
    contract: Contract
    memory: str
    cycles: int | None
    reads_back: bool

    @property
    def power(self) -> tuple[Value, ...]:
        """What carries watts."""
        return tuple(v for v in self.takes.values() if v.what in ("power", "charge", "discharge"))


@cache
def table(name: str) -> Table:
    """The table of a family; its errors are those of a program."""
    data = json.loads((HERE / f"{name}.json").read_text(encoding="utf-8"))
    rules = data["contract"]
    return Table(
        name=data["name"],
        sources=data["sources"],
        one_source=data["one_source"],
        words=data["words"],
        shows=tuple(_value(row) for row in data["shows"]),
        takes={row["at"]: _value(row) for row in data["takes"]},
        states=data["states"],
        lock=_keyed(data.get("lock", {})),
        locked=data.get("locked", "ignores"),
        start=data.get("start", {}),
        kinds=data.get("kinds", {}),
        lease=Lease(**data["lease"]) if data["lease"] else None,
        contract=Contract(
            functions=tuple(rules["functions"]),
            function_of=_keyed(rules.get("function_of", {})),
            requests=tuple((first, count) for first, count in rules.get("requests", ())),
            values=_keyed(rules.get("values", {})),
            span=_keyed(rules.get("span", {})),
            never=_keyed(rules.get("never", {})),
            first=_keyed(rules.get("first", {})),
            growth_s=rules["growth_s"],
            through_zero=rules["through_zero"],
        ),
        memory=data["memory"],
        cycles=data.get("cycles"),
        reads_back=data.get("reads_back", True),
    )


def _value(row: dict[str, Any]) -> Value:
    fields = {key: row[key] for key in ("at", "kind", "per", "function", "most") if key in row}
    return Value(what=row["is"], **fields)


def _keyed(rows: dict[str, Any]) -> dict[int, Any]:
    return {int(key): value for key, value in rows.items()}
