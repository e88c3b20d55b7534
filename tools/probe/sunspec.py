# islet: whether a device speaks SunSpec, and which models it has.
# GPL-3.0-or-later
from __future__ import annotations

import struct
from dataclasses import dataclass, field

from tools.probe.bus import Bus, Refused

BASES = (40_000, 50_000, 0)  # SunSpec Information Model, section 6.2
MARK = [0x5375, 0x6E53]  # "SunS"
END = 0xFFFF
MOST = 100  # models; chains without an end exist
COMMON = 65  # registers of model 1 that are read: Mn, Md, Opt, Vr, SN


@dataclass
class SunSpec:
    """Where it begins, its models as (id, register of the id), and who it says it is."""

    base: int
    models: list[tuple[int, int]] = field(default_factory=list)
    maker: str = ""
    model: str = ""
    version: str = ""
    ended: bool = False  # the chain has an end

    def has(self, *ids: int) -> bool:
        return {number for number, _ in self.models}.issuperset(ids)


def find(bus: Bus, unit: int) -> SunSpec | None:
    """None: it does not speak it."""
    for base in BASES:
        try:
            if bus.read(unit, 3, base, 2) == MARK:
                return _walk(bus, unit, SunSpec(base))
        except Refused:
            continue
    return None


def _walk(bus: Bus, unit: int, found: SunSpec) -> SunSpec:
    at = found.base + 2
    while len(found.models) < MOST and at < 0xFFFE:
        try:
            head = bus.read(unit, 3, at, 2)
        except Refused:
            break
        if head is None:
            break
        number, length = head
        if number == END:
            found.ended = True
            break
        found.models.append((number, at))
        if number == 1:
            _name(bus, unit, at + 2, found)
        if not length:
            break
        at += 2 + length
    return found


def _name(bus: Bus, unit: int, at: int, found: SunSpec) -> None:
    words = bus.read(unit, 3, at, COMMON - 1)
    if words is None:
        return
    data = struct.pack(f">{len(words)}H", *words)
    texts = [data[32 * i : 32 * i + 32] for i in range(2)] + [data[80:96]]
    found.maker, found.model, found.version = (
        text.split(b"\0")[0].decode("ascii", "replace").strip() for text in texts
    )
