# islet: the options of the configuration as a table for people.
# GPL-3.0-or-later
from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from firmware.config import check
from firmware.config.options import DEVICE_OPTIONS, KINDS, LISTS, OPTIONS, REQUIRED
from tools.tables import markdown

LIST_NAMES = tuple(row[0] for row in LISTS)
REFERENCES = {
    "gridcodes": "a name from `firmware/gridcodes`",
    "profiles": "a name from `firmware/profiles`",
    "instruments": "`none`, `ct`, or the name of a meter, device or point",
}


def table() -> Iterator[str]:
    return markdown("option | allowed | default | meaning", _rows())


def _rows() -> Iterator[tuple[object, ...]]:
    tables: list[tuple[str, Any]] = [("", OPTIONS), *((f"{row[0]}[].", row[1]) for row in LISTS)]
    for prefix, rows in tables:
        for row in rows:
            default, text = row[5], row[8]
            shown = "required" if default is REQUIRED else "–" if default is None else default
            of = f"of a {_kinds(row[9])}: " if rows is DEVICE_OPTIONS and row[9] != 15 else ""
            yield f"{prefix}{row[0]}", allowed(row), shown, of + text


def allowed(row: Any) -> str:
    kind = row[1]
    if isinstance(kind, str) and kind in REFERENCES:
        return REFERENCES[kind]
    if isinstance(kind, str) and kind in LIST_NAMES:
        return f"a name of `{kind}`"
    return check.allowed(row, {})


def _kinds(bits: int) -> str:
    names = [name for i, name in enumerate(KINDS[1:]) if bits >> i & 1]
    return ", ".join(names[:-1]) + (" or " if names[:-1] else "") + names[-1]
