# islet: profiles of meters, firmware/profiles/*.json, packed.
# GPL-3.0-or-later
"""The packed format and its tables are those of firmware/drivers/profile.py, which reads it."""

from __future__ import annotations

import struct

from firmware.bus.registers import MAX_DEN, MAX_NUM
from firmware.drivers import profile as profiles
from tools.pack import Document, PackError, choice, known, text, whole

MAX_ROWS = 64
LEGS = {1: 0, 2: 1, 3: 2, "all": profiles.WHOLE}
PER_LEG = ("voltage", "current", "power")
FIELDS = ("name", "source", "timeout_ms", "sample_ms", "word_order", "rows")
ROW_FIELDS = [
    "quantity",
    "leg",
    "function",
    "register",
    "type",
    "word_order",
    "num",
    "den",
    "sign",
    "every",
    "low",
    "high",
]
WORD_ORDERS = ("high_first", "low_first")


def pack(document: Document) -> bytes:
    """A profile's document as bytes; PackError names the field."""
    known(document, "", FIELDS)
    text(document, "", "name")
    text(document, "", "source")
    order = choice(document, "", "word_order", WORD_ORDERS, "high_first")
    rows = document.get("rows")
    if not isinstance(rows, list) or not 1 <= len(rows) <= MAX_ROWS:
        raise PackError("rows", f"is not a list of 1 to {MAX_ROWS} rows")
    head = struct.pack(
        profiles.HEAD,
        profiles.FORMAT,
        len(rows),
        whole(document, "", "timeout_ms", 20, 2000),
        whole(document, "", "sample_ms", 0, 2000),
        0,
    )
    packed = [pack_row(row, f"rows[{i}].", order) for i, row in enumerate(rows)]
    together(packed)
    return head + b"".join(struct.pack(profiles.ROW, *row) for row in packed)


def pack_row(row: object, where: str, order: str) -> tuple[int, ...]:
    """One row in the order of the packed columns."""
    if not isinstance(row, dict):
        raise PackError(where[:-1], "is not an object")
    known(row, where, ROW_FIELDS)
    names = [name for name, _, _, _ in profiles.QUANTITIES]
    quantity = names.index(choice(row, where, "quantity", names))
    _, unit, lowest, highest = profiles.QUANTITIES[quantity]
    leg = row.get("leg")
    if (
        not isinstance(leg, int | str)
        or leg not in LEGS
        or (leg == "all") == (names[quantity] in PER_LEG)
    ):
        allowed = "1, 2 or 3" if names[quantity] in PER_LEG else '"all"'
        raise PackError(where + "leg", f"{leg!r} is not {allowed}")
    types = [name for name, _ in profiles.TYPES]
    kind = types.index(choice(row, where, "type", types))
    low_first = choice(row, where, "word_order", WORD_ORDERS, order) == "low_first"
    sign = row.get("sign", 1)
    if sign not in (1, -1):
        raise PackError(where + "sign", f"{sign!r} is not 1 or -1")
    low = whole(row, where, "low", lowest, highest)
    high = whole(row, where, "high", lowest, highest)
    if low >= high:
        raise PackError(where + "high", f"{high} {unit} is not above low, {low} {unit}")
    return (
        quantity,
        LEGS[leg],
        whole(row, where, "function", 3, 4),
        kind | (profiles.LOW_FIRST if low_first else 0),
        whole(row, where, "register", 0, 65_536 - profiles.TYPES[kind][1]),
        whole(row, where, "every", 1, 100, 1),
        sign,
        whole(row, where, "num", 1, MAX_NUM),
        whole(row, where, "den", 1, MAX_DEN),
        low,
        high,
    )


def together(rows: list[tuple[int, ...]]) -> None:
    """What single rows cannot see: nothing twice, and a power's sign for each current."""
    seen: dict[tuple[int, int], int] = {}
    for i, row in enumerate(rows):
        key = (row[profiles.QUANTITY], row[profiles.LEG])
        if key in seen:
            raise PackError(f"rows[{i}]", f"measures the same as rows[{seen[key]}]")
        seen[key] = i
    for leg in range(3):
        current, power = (profiles.CURRENT, leg), (profiles.POWER, leg)
        if (current in seen) != (power in seen) or (leg == 0 and current not in seen):
            missing = "power" if current in seen else "current"
            raise PackError("rows", f"leg {leg + 1} has no {missing}")
        for key in (current, power):
            if key in seen and rows[seen[key]][profiles.EVERY] != 1:
                raise PackError(
                    f"rows[{seen[key]}].every", "current and power are read every time"
                )
