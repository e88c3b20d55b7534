# islet: families of devices, firmware/profiles/*.json, packed.
# GPL-3.0-or-later
"""The packed format and its tables are those of firmware/drivers/profile.py and plans.py, which
read it. Who says so is checked here and left out: the chip knows how sure a whole profile is."""

from __future__ import annotations

import struct
from collections.abc import Iterable

from firmware.bus.registers import MAX_DEN, MAX_NUM
from firmware.drivers import profile as profiles
from tools.pack import Document, PackError, choice, known, plans, text, whole
from tools.pack.cited import Cited, sureness

MAX_ROWS = 64
SIGNS = (1, 0, -1)
ROLES = ("meter", "converter", "gateway", "charger")
DRIVEN = ("meter", "converter", "gateway")
MOST_BYTES = {"meter": 600, "converter": 1200, "gateway": 1200, "charger": 1200}
LEGS = {1: 0, 2: 1, 3: 2}
NAMED = ("state", "fault", "direction")  # no numbers
FACTORED = ("u16", "i16", "u32", "i32")
MOST_BEHIND = 59  # registers
PER_LEG = ("voltage", "current")
FIELDS = (
    "$schema",
    "name",
    "role",
    "ports",
    "address",
    "timeout_ms",
    "pause_ms",
    "gap_registers",
    "sample_ms",
    "word_order",
    "sources",
    "identity",
    "rows",
    *plans.FIELDS,
    "lacks",
)
ROW_FIELDS = (
    "quantity",
    "leg",
    "function",
    "register",
    "type",
    "word_order",
    "num",
    "den",
    "factor",
    "sign",
    "every",
    "low",
    "high",
    "none",
    "states",
    "mask",
    "address",
    "from",
)
IDENTITY_FIELDS = ("name", "function", "register", "type", "values", "from")
IDENTITY_TYPES = {"u16": 1, "u32": 2}
MAX_VALUES = 32
# least, most, and what holds if it is not said; None: it is required
NUMBERS = {
    "timeout_ms": (20, 2000, None),
    "pause_ms": (0, 1000, 0),
    "sample_ms": (0, 10_000, None),
    "gap_registers": (0, 60, 10),
    "address": (0, 255, 1),
}
ROW_NUMBERS = {
    "function": (3, 4, None),
    "every": (1, 100, 1),
    "num": (1, MAX_NUM, 1),
    "den": (1, MAX_DEN, 1),
    "address": (0, 255, 0),
}
BAUD, STOP_BITS, PORT = (1200, 115_200, None), (1, 2, 1), (1, 65_535, 502)
WORD_ORDERS = ("high_first", "low_first")
PARITIES = ("N", "E", "O")
_MOST = (1 << 30) - 1
# quantity: lowest and highest it may be said to be, and what it is taken for if not said
RANGES = {
    "voltage": (0, 600_000, 0, 400_000),
    "current": (-2_000_000, 2_000_000, -400_000, 400_000),
    "power": (-1_000_000, 1_000_000, -120_000, 120_000),  # of a leg
    "frequency": (0, 70_000, 0, 70_000),
    "battery_power": (-1_000_000, 1_000_000, -360_000, 360_000),
    "soc": (0, 1000, 0, 1000),
    "charge_max": (0, 1_000_000, 0, 360_000),
    "discharge_max": (0, 1_000_000, 0, 360_000),
    "rating": (0, 1_000_000, 0, 360_000),
}
_WHOLE_POWER = (-1_000_000, 1_000_000, -360_000, 360_000)


def pack(document: Document) -> bytes:
    """A profile's document as bytes; PackError names the field."""
    known(document, "", FIELDS)
    if not isinstance(document.get("$schema", ""), str):
        raise PackError("$schema", "is not the name of the schema that an editor completes by")
    text(document, "", "name")
    role = choice(document, "", "role", ROLES)
    cited = Cited(document)
    ports(document)
    if "identity" in document:
        identity(document["identity"], cited)
    order = choice(document, "", "word_order", WORD_ORDERS, "high_first")
    lacks = document.get("lacks", [])
    if not isinstance(lacks, list) or not all(isinstance(each, str) for each in lacks):
        raise PackError("lacks", "is not a list of texts")
    rows = document.get("rows")
    if not isinstance(rows, list) or not 1 <= len(rows) <= MAX_ROWS:
        raise PackError("rows", f"is not a list of 1 to {MAX_ROWS} rows")
    head_at = struct.calcsize(profiles.HEAD)
    tables_at = head_at + len(rows) * struct.calcsize(profiles.ROW)
    packed, tables = [], b""
    for i, row in enumerate(rows):
        columns, table = pack_row(row, f"rows[{i}].", order)
        cited.check(row, f"rows[{i}].")
        packed.append((*columns, tables_at + len(tables) if table else 0))
        tables += table
    together(role, packed)
    plans_at = tables_at + len(tables)
    planned = plans.pack(document, order, cited, packed, plans_at) if commanded(document) else b""
    head = struct.pack(
        profiles.HEAD,
        profiles.FORMAT,
        len(rows),
        ROLES.index(role),
        sureness(document),
        *(whole(document, "", name, *limits) for name, limits in NUMBERS.items()),
        plans_at if planned else 0,
        size := plans_at + len(planned),
    )
    if size > MOST_BYTES[role]:
        raise PackError("rows", f"{size} bytes, a {role} has {MOST_BYTES[role]}")
    return head + b"".join(struct.pack(profiles.ROW, *row) for row in packed) + tables + planned


def driven(packed: bytes) -> bool:
    """Whether the firmware has a driver for it: the others are checked, and stay out of images."""
    return ROLES[struct.unpack_from(profiles.HEAD, packed)[2]] in DRIVEN


def commanded(document: Document) -> bool:
    """Whether it has plans islet can follow: what has none is read only. A charger's offer is
    kept as data."""
    return "plans" in document and document.get("role") in ("converter", "gateway")


def ports(document: Document) -> None:
    """How it is reached: RS-485, a network, or both."""
    found = document.get("ports")
    if not isinstance(found, dict) or not found:
        raise PackError("ports", "is not an object with rtu, tcp or both")
    known(found, "ports.", ("rtu", "tcp"))
    for name, port in found.items():
        if not isinstance(port, dict):
            raise PackError(f"ports.{name}", "is not an object")
    if (rtu := found.get("rtu")) is not None:
        known(rtu, "ports.rtu.", ("baud", "parity", "stop_bits"))
        whole(rtu, "ports.rtu.", "baud", *BAUD)
        choice(rtu, "ports.rtu.", "parity", PARITIES)
        whole(rtu, "ports.rtu.", "stop_bits", *STOP_BITS)
    if (tcp := found.get("tcp")) is not None:
        known(tcp, "ports.tcp.", ("port",))
        whole(tcp, "ports.tcp.", "port", *PORT)


def identity(row: object, cited: Cited) -> None:
    """What its maker put into a register to be known by: for `make probe`, never packed."""
    if not isinstance(row, dict):
        raise PackError("identity", "is not an object")
    known(row, "identity.", IDENTITY_FIELDS)
    text(row, "identity.", "name")
    whole(row, "identity.", "function", *ROW_NUMBERS["function"])
    size = IDENTITY_TYPES[choice(row, "identity.", "type", IDENTITY_TYPES)]
    whole(row, "identity.", "register", 0, 65_536 - size)
    values = row.get("values")
    if not isinstance(values, list) or not 1 <= len(values) <= MAX_VALUES:
        raise PackError("identity.values", f"is not a list of 1 to {MAX_VALUES} integers")
    for value in values:
        if type(value) is not int or not 0 < value < 1 << 16 * size:
            raise PackError("identity.values", f"{value!r} is not an integer of {size} registers")
    cited.check(row, "identity.")


def kind_of(row: Document, where: str, order: str) -> tuple[int, int]:
    """A row's or a write's packed type, and its registers."""
    names = [name for name, _ in profiles.TYPES]
    kind = names.index(choice(row, where, "type", names))
    low_first = choice(row, where, "word_order", WORD_ORDERS, order) == "low_first"
    return kind | (profiles.LOW_FIRST if low_first else 0), profiles.TYPES[kind][1]


def pack_row(row: object, where: str, order: str) -> tuple[tuple[int, ...], bytes]:
    """One row in the order of the packed columns without the last, and its table."""
    if not isinstance(row, dict):
        raise PackError(where[:-1], "is not an object")
    known(row, where, ROW_FIELDS)
    names = [name for name, _ in profiles.QUANTITIES]
    quantity = choice(row, where, "quantity", names)
    unit = profiles.QUANTITIES[names.index(quantity)][1]
    leg = leg_of(row, where, quantity)
    kind, size = kind_of(row, where, order)
    sign = row.get("sign", 1)
    if sign not in SIGNS:
        raise PackError(where + "sign", f"{sign!r} is not 1, 0 or -1")
    lowest, highest, usual_low, usual_high = range_of(quantity, leg)
    low = whole(row, where, "low", lowest, highest, usual_low)
    high = whole(row, where, "high", lowest, highest, usual_high)
    if low >= high:
        raise PackError(where + "high", f"{high} {unit} is not above low, {low} {unit}")
    columns = (
        names.index(quantity),
        leg,
        whole(row, where, "function", *ROW_NUMBERS["function"]),
        kind,
        whole(row, where, "register", 0, 65_536 - size),
        whole(row, where, "every", *ROW_NUMBERS["every"]),
        sign,
        whole(row, where, "num", *ROW_NUMBERS["num"]),
        whole(row, where, "den", *ROW_NUMBERS["den"]),
        low,
        high,
        whole(row, where, "address", *ROW_NUMBERS["address"]),
        factor_of(row, where, quantity, size),
    )
    return columns, table_of(row, where, quantity, kind, size)


def range_of(quantity: str, leg: int) -> tuple[int, int, int, int]:
    """Lowest and highest that its `low` and `high` may be, and what they are if not said."""
    if quantity == "power" and leg == profiles.WHOLE:
        return _WHOLE_POWER
    return RANGES.get(quantity, (0, _MOST, 0, _MOST))


def factor_of(row: Document, where: str, quantity: str, size: int) -> int:
    """How many registers behind it its power of ten stands: near, so that one request reads both
    and they are of one moment."""
    if "factor" not in row:
        return 0
    if quantity in NAMED or row["type"] not in FACTORED:
        raise PackError(where + "factor", f"is of a number in {', '.join(FACTORED)}")
    register = row["register"]
    least, most = register + size, min(register + MOST_BEHIND, 65_535)
    return whole(row, where, "factor", least, most) - register


def leg_of(row: Document, where: str, quantity: str) -> int:
    """Its packed leg."""
    leg = row.get("leg")
    if quantity in PER_LEG and leg is None:
        raise PackError(where + "leg", "None is not 1, 2 or 3")
    if leg is None:
        return profiles.WHOLE
    if quantity not in (*PER_LEG, "power"):
        raise PackError(where + "leg", f"{leg!r}: {quantity} is of no leg, leave it out")
    if type(leg) is not int or leg not in LEGS:
        raise PackError(where + "leg", f"{leg!r} is not 1, 2 or 3")
    return LEGS[leg]


def table_of(row: Document, where: str, quantity: str, kind: int, size: int) -> bytes:
    """What its raw values mean: nothing, a state, a fault."""
    entries: list[tuple[int, object, str]] = []
    none = row.get("none", [])
    for value in none if isinstance(none, list) else [none]:
        entries.append((profiles.ABSENT, value, where + "none"))
    states = row.get("states")
    if (quantity in ("state", "direction")) != (states is not None):
        raise PackError(where + "states", "a state and a direction have them, and nothing else")
    if states is not None and not isinstance(states, dict):
        raise PackError(where + "states", "is not an object")
    for name, values in (states or {}).items():
        if name not in profiles.MEANINGS:
            allowed = ", ".join(profiles.MEANINGS)
            raise PackError(where + "states", f"{name!r} is not one of {allowed}")
        for value in values if isinstance(values, list) else [values]:
            entries.append((profiles.MEANINGS.index(name), value, f"{where}states.{name}"))
    if (quantity == "fault") != ("mask" in row):
        raise PackError(where + "mask", "a fault has it, and nothing else")
    if quantity == "fault":
        entries.append((profiles.MASK, row["mask"], where + "mask"))
    if not entries:
        return b""
    seen = set()
    packed = bytes([len(entries)])
    for meaning, value, field in entries:
        if type(value) is not int or not 0 <= value < 1 << 16 * size:
            raise PackError(field, f"{value!r} is not an integer of {size} registers")
        if value in seen:
            raise PackError(field, f"{value} means something already")
        seen.add(value)
        raw = value.to_bytes(2 * size, "big")
        words: Iterable[bytes] = [raw[i : i + 2] for i in range(0, 2 * size, 2)]
        words = reversed(list(words)) if kind & profiles.LOW_FIRST else words
        packed += bytes([meaning]) + b"".join(words)
    return packed


def together(role: str, rows: list[tuple[int, ...]]) -> None:
    """What single rows cannot see: nothing twice, and of a meter a power for each current. One
    that knows only the sum of its legs measures no leg, and no node."""
    names = [name for name, _ in profiles.QUANTITIES]
    seen: dict[tuple[int, int], int] = {}
    for i, row in enumerate(rows):
        key = (row[profiles.QUANTITY], row[profiles.LEG])
        if key in seen and names[key[0]] != "battery_power":  # two are added up
            raise PackError(f"rows[{i}]", f"measures the same as rows[{seen[key]}]")
        seen[key] = i
        magnitude = names[key[0]] == "battery_power" and row[profiles.SIGN] == 0
        if magnitude and names.index("direction") not in {r[profiles.QUANTITY] for r in rows}:
            raise PackError(f"rows[{i}].sign", "0 needs a row of the direction")
    if role != "meter":
        return
    for leg in range(3):
        current, power = (profiles.CURRENT, leg), (profiles.POWER, leg)
        some = leg == 0 and (profiles.POWER, profiles.WHOLE) not in seen
        if (current in seen) != (power in seen) or (some and current not in seen):
            missing = "power" if current in seen else "current"
            raise PackError("rows", f"leg {leg + 1} has no {missing}")
        for key in (current, power):
            if key in seen and rows[seen[key]][profiles.EVERY] != 1:
                raise PackError(
                    f"rows[{seen[key]}].every", "current and power are read every time"
                )
