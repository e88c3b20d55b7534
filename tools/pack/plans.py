# islet: how a family is commanded: writes, plans and lease of its profile, packed.
# GPL-3.0-or-later

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

from firmware.bus.registers import MAX_DEN, MAX_NUM
from firmware.drivers import plans as form
from firmware.drivers import profile as profiles
from tools.pack import Document, PackError, choice, known, whole

if TYPE_CHECKING:
    from tools.pack.cited import Cited

FIELDS = ("controls", "writes", "plans", "period_ms", "lease")
WRITE_FIELDS = (
    "name",
    "function",
    "register",
    "type",
    "word_order",
    "unit",
    "num",
    "den",
    "sign",
    "most",
    "never",
    "wear",
    "address",
    "from",
)
LEASE_FIELDS = ("write", "least_s", "most_s", "then", "measured", "from")
PERIOD_MS = (100, 60_000, None)
LEASE_NUMBERS = {"least_s": (0, 65_535, 0), "most_s": (0, 1_000_000, 0)}
WRITE_NUMBERS = {"num": (1, MAX_NUM, 1), "den": (1, MAX_DEN, 1), "address": (0, 255, 0)}
MOST_SAID = (1, 1_000_000, None)
FUNCTIONS, SIGNS = (6, 16), (1, 0, -1)
MAX_WRITES, MAX_REQUESTS = 32, 16
NEEDED = ("power", "state")  # and a setpoint: short of one of them it is read only
TYPES = ("f32", "i32", "u16", "i16", "u32")  # of what can be written
_MOST = {"u16": 65_535, "i16": 32_767, "f32": 1_000_000, "i32": 1_000_000, "u32": 1_000_000}
_WORN = ("eeprom", "flash")
_LIMITS = {"u16": (0, 65_535), "i16": (-32_768, 32_767), "u32": (0, (1 << 30) - 1)}
_ANY = (-(1 << 30), (1 << 30) - 1)


def pack(
    document: Document, order: str, cited: Cited, rows: list[tuple[int, ...]], at: int
) -> bytes:
    """The plans of a document as bytes, at byte `at` of its profile."""
    quantities = {profiles.QUANTITIES[row[profiles.QUANTITY]][0] for row in rows}
    for name in NEEDED:
        if name not in quantities:
            raise PackError("plans", f"without a row of {name} it is read only, leave them out")
    writes = document.get("writes")
    if not isinstance(writes, list) or not 1 <= len(writes) <= MAX_WRITES:
        raise PackError("writes", f"is not a list of 1 to {MAX_WRITES} writes")
    names = []
    for i, write in enumerate(writes):
        if not isinstance(write, dict):
            raise PackError(f"writes[{i}]", "is not an object")
        known(write, f"writes[{i}].", WRITE_FIELDS)
        cited.check(write, f"writes[{i}].")
        names.append(write.get("name"))
        if not isinstance(names[i], str) or names[i] in names[:i]:
            raise PackError(f"writes[{i}].name", f"{names[i]!r} is not a name of its own")
        if write.get("unit") == "%" and "rating" not in quantities:
            raise PackError(f"writes[{i}].unit", "% needs a row of the rating")
    planned = pack_plans(document, writes, names)
    head = pack_head(document, cited, writes, names)
    tables_at = at + len(head) + len(writes) * struct.calcsize(form.WRITE) + len(planned)
    packed, tables = b"", b""
    for i, write in enumerate(writes):
        never = write.get("never", [])
        if not isinstance(never, list) or not all(type(each) is int for each in never):
            raise PackError(f"writes[{i}].never", "is not a list of integers")
        place = tables_at + len(tables) if never else 0
        packed += pack_write(write, f"writes[{i}].", order, place)
        if never:
            tables += bytes([len(never)]) + struct.pack(f">{len(never)}i", *never)
    return head + packed + planned + tables


def pack_head(document: Document, cited: Cited, writes: list[Document], names: list[str]) -> bytes:
    """What it commands, how often, and what holds while islet is silent."""
    lease = document.get("lease")
    if not isinstance(lease, dict):
        raise PackError("lease", "is not an object: what does it do when islet falls silent?")
    known(lease, "lease.", LEASE_FIELDS)
    cited.check(lease, "lease.")
    carrier = lease.get("write")
    if carrier is not None and carrier not in names:
        raise PackError("lease.write", f"{carrier!r} is no write")
    if type(lease.get("measured")) is not bool:
        raise PackError("lease.measured", "is not true or false")
    least_s = whole(lease, "lease.", "least_s", *LEASE_NUMBERS["least_s"])
    most_s = min(whole(lease, "lease.", "most_s", *LEASE_NUMBERS["most_s"]), 65_535)
    if least_s > most_s:
        raise PackError("lease.most_s", f"{most_s} is below least_s, {least_s}")
    if carrier is not None and not least_s:
        raise PackError("lease.least_s", "0 would be for ever: what is the least it takes?")
    return struct.pack(
        form.HEAD,
        form.CONTROLS.index(choice(document, "", "controls", form.CONTROLS)),
        len(writes),
        whole(document, "", "period_ms", *PERIOD_MS),
        form.NONE if carrier is None else names.index(carrier),
        least_s,
        most_s,
        form.THENS.index(choice(lease, "lease.", "then", form.THENS)),
        lease["measured"],
    )


def pack_write(write: Document, where: str, order: str, place: int) -> bytes:
    """One write's columns."""
    from tools.pack.profiles import kind_of

    kind, size = kind_of(write, where, order)
    name = choice(write, where, "type", TYPES)
    function = write.get("function")
    if function not in FUNCTIONS:
        raise PackError(where + "function", f"{function!r} is not 6 or 16")
    if function == 6 and size > 1:
        raise PackError(where + "function", f"6 writes one register, {name} has {size}")
    sign = write.get("sign", 0)
    if sign not in SIGNS:
        raise PackError(where + "sign", f"{sign!r} is not 1, 0 or -1")
    if sign and name in ("u16", "u32"):
        raise PackError(where + "sign", f"{sign} needs a signed type, it is {name}")
    unit = write.get("unit", "")
    if unit not in form.UNITS:
        raise PackError(where + "unit", f"{unit!r} is not one of {', '.join(form.UNITS[1:])}")
    return struct.pack(
        form.WRITE,
        function,
        kind,
        whole(write, where, "register", 0, 65_536 - size),
        form.UNITS.index(unit),
        sign,
        whole(write, where, "num", *WRITE_NUMBERS["num"]),
        whole(write, where, "den", *WRITE_NUMBERS["den"]),
        most_raw(write, where, name, unit),
        form.WEARS.index(choice(write, where, "wear", form.WEARS)),
        whole(write, where, "address", *WRITE_NUMBERS["address"]),
        place,
    )


def most_raw(write: Document, where: str, name: str, unit: str) -> int:
    """Its largest magnitude as the register has it; `most` is in its unit."""
    if "most" not in write:
        return 100 * write.get("den", 1) // write.get("num", 1) if unit == "%" else _MOST[name]
    most = whole(write, where, "most", *MOST_SAID)
    return min(most * write.get("den", 1) // write.get("num", 1), _MOST[name])


def pack_plans(document: Document, writes: list[Document], names: list[str]) -> bytes:
    """Each plan: its requests, and what each of them writes."""
    plans = document.get("plans")
    if not isinstance(plans, dict):
        raise PackError("plans", "is not an object")
    known(plans, "plans.", form.PLANS)
    packed = b""
    for name in form.PLANS:
        where = f"plans.{name}"
        requests = plans.get(name)
        if not isinstance(requests, list) or not 1 <= len(requests) <= MAX_REQUESTS:
            raise PackError(where, f"is not a list of 1 to {MAX_REQUESTS} requests")
        told = [value for request in requests for value in request_of(request, where).values()]
        if ("watts" in told) != (name in ("charge", "discharge")):
            raise PackError(where, "charge and discharge tell watts, zero and release do not")
        packed += bytes([len(requests)])
        for i, request in enumerate(requests):
            packed += pack_request(request, f"{where}[{i}]", writes, names)
    return packed


def request_of(request: object, where: str) -> Document:
    if not isinstance(request, dict) or not request:
        raise PackError(where, f"{request!r} is not an object of writes and values")
    return request


def pack_request(request: Document, where: str, writes: list[Document], names: list[str]) -> bytes:
    """What one request writes: neighbours, in their order, where there are several."""
    packed = bytes([len(request)])
    next_register = None
    for name, value in request.items():
        if name not in names:
            raise PackError(f"{where}.{name}", f"is no write, there are {', '.join(names)}")
        write = writes[names.index(name)]
        register, size = write.get("register"), size_of(write)
        if len(request) > 1 and write.get("function") != 16:
            raise PackError(f"{where}.{name}", "several writes in a request need function 16")
        if next_register is not None and register != next_register:
            raise PackError(f"{where}.{name}", f"{register} does not follow, {next_register} does")
        next_register = register + size if isinstance(register, int) else None
        packed += struct.pack(form.ITEM, names.index(name), *value_of(write, value, where))
    worn = [name for name in request if writes[names.index(name)].get("wear") in _WORN]
    if worn and "lease" in request.values():
        raise PackError(f"{where}.{worn[0]}", "wears out by being renewed with the lease")
    return packed


def size_of(write: Document) -> int:
    return dict(profiles.TYPES).get(str(write.get("type")), 1)


def value_of(write: Document, value: object, where: str) -> tuple[int, int]:
    """What stands for a value, and the value; none that must never be written."""
    field = f"{where}.{write['name']}"
    if value == "watts" and write.get("unit") in ("W", "%"):
        return form.WATTS, 0
    if value == "lease" and write.get("unit") in ("s", "min"):
        return form.LEASE, 0
    low, high = _LIMITS.get(str(write.get("type")), _ANY)
    if type(value) is not int or not low <= value <= high:
        raise PackError(field, f"{value!r} is not an integer of its type, or watts or lease")
    if value in write.get("never", []):
        raise PackError(field, f"{value} must never be written to it")
    return 0, value
