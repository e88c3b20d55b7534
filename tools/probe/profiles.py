# islet: which of islet's profiles fits a device.
# GPL-3.0-or-later
"""A profile fits when every row it has answers with something that can be. Evidence is what few
registers show by chance: voltages and a frequency of a grid."""

from __future__ import annotations

import json
import struct
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from tools.pack.profiles import DRIVEN
from tools.probe.bus import Bus, Refused
from tools.workshop import ROOT

FOLDER = ROOT / "firmware" / "profiles"
# type -> registers, format of struct
TYPES = {
    "u16": (1, "H"), "i16": (1, "h"), "u32": (2, "I"), "i32": (2, "i"), "u64": (4, "Q"),
    "f32": (2, "f"), "float32": (2, "f"), "f64": (4, "d"),
}  # fmt: skip
# quantity -> unit shown, what the project's unit is of it, and its range there
SHOWN = {
    "voltage": ("V", 1000), "current": ("A", 1000), "power": ("W", 1), "frequency": ("Hz", 1000),
    "battery_power": ("W", 1), "soc": ("%", 10),
}  # fmt: skip
# what can be at all, in the project's unit
PLAUSIBLE = {
    "voltage": (0, 600_000), "current": (-2_000_000, 2_000_000), "power": (-1_000_000, 1_000_000),
    "battery_power": (-1_000_000, 1_000_000), "frequency": (0, 70_000), "soc": (0, 1000),
}  # fmt: skip
EVIDENCE = {"voltage": (80_000, 300_000), "frequency": (45_000, 65_000)}


@dataclass
class Value:
    """A row of a profile and what the device says of it: `value` in the project's unit, None when
    it is not there; `wrong` why it cannot be."""

    row: dict[str, Any]
    value: float | None = None
    wrong: str = ""

    @property
    def name(self) -> str:
        leg = self.row.get("leg", "all")
        return self.row["quantity"] + ("" if leg == "all" else f" L{leg}")

    def __str__(self) -> str:
        if self.wrong:
            return f"{self.name}: {self.wrong}"
        if self.value is None:
            return f"{self.name}: not there"
        if "states" in self.row:
            states = self.row["states"].items()
            named = [name for name, raw in states if self.value in _several(raw)]
            return f"{self.name}: {self.value:g}, {named[0] if named else 'not in the profile'}"
        unit, of = SHOWN.get(self.row["quantity"], ("", 1))
        return f"{self.name}: {self.value / of:g} {unit}".rstrip()


@dataclass
class Fit:
    """How a profile fits."""

    name: str
    document: dict[str, Any]
    values: list[Value]

    @property
    def role(self) -> str:
        return self.document.get("role", "meter")

    @property
    def driven(self) -> bool:
        """Whether a site can name it."""
        return self.role in DRIVEN

    @property
    def wrong(self) -> list[Value]:
        return [value for value in self.values if value.wrong]

    @property
    def evidence(self) -> int:
        return sum(_shows(value) for value in self.values)

    @property
    def fits(self) -> bool:
        return not self.wrong and self.evidence > 0


def _shows(value: Value) -> bool:
    low, high = EVIDENCE.get(value.row["quantity"], (1, 0))
    return value.value is not None and low <= value.value <= high


@cache
def known() -> dict[str, dict[str, Any]]:
    """Profiles by name."""
    paths = sorted(path for path in FOLDER.glob("*.json") if "." not in path.stem)
    return {path.stem: json.loads(path.read_text()) for path in paths}


def judge(bus: Bus, unit: int, names: Iterable[str] = ()) -> list[Fit]:
    """Each profile's fit, the best first: those that fit before the others, by their evidence."""
    fits = [fit(bus, unit, name) for name in names or known()]
    return sorted(fits, key=lambda f: (not f.fits, -f.evidence, len(f.wrong), -len(f.values)))


def fit(bus: Bus, unit: int, name: str) -> Fit:
    """A row that fails without an answer ends it: the device is gone, or knows none of it."""
    document, values = known()[name], []
    for row in document["rows"]:
        value = look(bus, unit, row, document.get("word_order", "high_first"))
        values.append(value)
        if value.wrong and len([v for v in values if v.wrong]) > 2:
            break
    return Fit(name, document, values)


def look(bus: Bus, unit: int, row: dict[str, Any], order: str) -> Value:
    """What a device says of a row."""
    count, kind = TYPES[row["type"]]
    try:
        words = bus.read(row.get("address", unit), row["function"], row["register"], count)
    except Refused as refused:
        return Value(row, wrong=str(refused))
    if words is None:
        return Value(row, wrong="no answer")
    if row.get("word_order", order) == "low_first":
        words.reverse()
    data = struct.pack(f">{count}H", *words)
    absent = row.get("none")
    if absent is not None and int.from_bytes(data, "big") in _several(absent):
        return Value(row)
    raw = struct.unpack(">" + kind, data)[0]
    if raw != raw or abs(raw) == float("inf"):
        return Value(row, wrong="not a number")
    value = raw * row.get("num", 1) / row.get("den", 1) * (row.get("sign", 1) or 1)
    low, high = PLAUSIBLE.get(row["quantity"], (-(1 << 64), 1 << 64))
    low, high = row.get("low", low), row.get("high", high)
    if not low <= value <= high:
        return Value(row, value, f"{value:g}, allowed {low} to {high}")
    return Value(row, value)


def _several(absent: int | list[int]) -> list[int]:
    return absent if isinstance(absent, list) else [absent]


def path_of(name: str) -> Path:
    return FOLDER / f"{name}.json"
