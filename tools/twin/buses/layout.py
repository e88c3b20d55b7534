# islet: SunSpec register layouts, from pysunspec2's model files.
# GPL-3.0-or-later
"""Where a SunSpec point lies, and how a number becomes its registers."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from functools import cache
from typing import Any

from sunspec2 import device as sunspec

# struct code of each SunSpec type that the simulated inverter uses
CODES = {
    "int16": "h",
    "uint16": "H",
    "sunssf": "h",
    "enum16": "H",
    "bitfield16": "H",
    "pad": "H",
    "int32": "i",
    "uint32": "I",
    "bitfield32": "I",
    "int64": "q",
    "uint64": "Q",
}
NOT_IMPLEMENTED = {
    "h": -0x8000,
    "H": 0xFFFF,
    "i": -(2**31),
    "I": 0xFFFF_FFFF,
    "q": -(2**63),
    "Q": 2**64 - 1,
}


@dataclass(frozen=True)
class Point:
    """One point: register offset from its model's ID, its type and size in registers."""

    offset: int
    kind: str
    size: int

    def registers(self, value: int | str | None) -> list[int]:
        """The registers of `value`; None is SunSpec's "not implemented"."""
        if self.kind == "string":
            raw = str(value or "").encode()[: 2 * self.size].ljust(2 * self.size, b"\0")
        else:
            code = CODES[self.kind]
            number = value if isinstance(value, int) else NOT_IMPLEMENTED[code]
            raw = struct.pack(">" + code, number)
        return list(struct.unpack(f">{len(raw) // 2}H", raw))

    def value(self, registers: list[int]) -> int:
        raw = struct.pack(f">{self.size}H", *registers)
        return int(struct.unpack(">" + CODES[self.kind], raw)[0])


@cache
def points(model: int) -> dict[str, Point]:
    """Every point of a model by name (those of sub-groups as group.name), in register order."""
    found: dict[str, Point] = {}

    def walk(group: dict[str, Any], prefix: str, offset: int) -> int:
        for point in group.get("points", ()):
            found[prefix + point["name"]] = Point(offset, point["type"], point["size"])
            offset += point["size"]
        for inner in group.get("groups", ()):
            offset = walk(inner, inner["name"] + ".", offset)
        return offset

    walk(sunspec.get_model_def(model, mapping=False)["group"], "", 0)
    return found


@cache
def length(model: int) -> int:
    """The model's L: registers after ID and L."""
    last = max(points(model).values(), key=lambda point: point.offset)
    return last.offset + last.size - 2


def blank(model: int) -> list[int]:
    """A model's registers with ID and L set and everything else "not implemented"."""
    registers: list[int] = []
    for name, point in points(model).items():
        value = {"ID": model, "L": length(model)}.get(name)
        registers += point.registers(value if point.kind != "string" else "")
    return registers
