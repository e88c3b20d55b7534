# islet: the tables of the scenario documentation, printed from the declarations themselves.
# GPL-3.0-or-later
from __future__ import annotations

import dataclasses
import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tools.tables import markdown

from . import House, HouseSpec, controls, from_dict, schema_of, truth
from .instruments import GROUPS

BEGIN, END = "<!-- {}: generated, `python -m tools.twin.scenario` -->", "<!-- end of {} -->"
SAMPLE = {
    "circuits": [{"name": "<circuit>", "breaker_a": 25}],
    "points": [{"name": "<point>", "circuit": "<circuit>"}],
    "cars": [{"name": "<car>", "at": "<point>"}],
    "converters": [{"name": "<converter>", "circuit": "<circuit>"}],
    "sources": [{"name": "<source>", "circuit": "<circuit>", "w_peak": 1}],
    "storages": [{"name": "<storage>", "circuit": "<circuit>"}],
    "meters": [{"name": "<meter>"}],
    "loads": {"profile": "none", "appliances": [{"name": "<appliance>", "w": 1, "at": []}]},
}


def fields() -> str:
    """Every field of `house`, with range, default and meaning."""
    rows = _fields("house", HouseSpec)
    return "\n".join(markdown("field | allowed | default | meaning", rows))


def _fields(path: str, kind: type) -> Iterator[tuple[str, ...]]:
    schemas = schema_of(kind)["properties"]
    for item in dataclasses.fields(kind):
        meta = item.metadata
        where = f"{path}.{item.name}"
        if "part" in meta:
            yield from _fields(where, meta["part"])
        elif "parts" in meta:
            yield from _fields(f"{where}[]", meta["parts"])
        else:
            schema = schemas[item.name]
            default = "required" if meta["required"] else json.dumps(schema.get("default"))
            if default == "null":
                default = ""
            yield f"`{where}`", _allowed(schema), default, meta["text"]


def _allowed(schema: dict[str, Any]) -> str:
    if "enum" in schema:
        return ", ".join(str(v) for v in schema["enum"])
    if "minimum" in schema:
        return f"{schema['minimum']:g}…{schema['maximum']:g}"
    kind = schema["type"]
    if kind == "object":
        return "by channel"
    return "true, false" if kind == "boolean" else "list" if kind == "array" else "text"


def inputs() -> str:
    """Every input that events and traces may drive."""
    house = House(from_dict(HouseSpec, SAMPLE), datetime(2026, 1, 1, tzinfo=UTC), 0)
    rows, seen = [], set()
    for name, control in house.controls.items():
        for relay in controls.RELAYS:
            name = name.replace(f"relays.{relay}.", "relays.<relay>.")
        for group in GROUPS:
            name = name.replace(f"sensors.{group}_", "sensors.<group>_")
        if name.startswith("sensors."):
            name = re.sub("_l[123]_", "_<leg>_", name)
        if name not in seen:
            seen.add(name)
            rows.append((f"`{name}`", control.kind.text(), control.text))
    return "\n".join(markdown("input | allowed | meaning", rows))


def facts() -> str:
    """Every field of the truth."""
    rows = ((f"`{name}`", text) for name, text in truth.TEXT.items())
    return "\n".join(markdown("field | meaning", rows))


def fill(text: str) -> str:
    """`text` with its generated parts anew."""
    for name, table in (("fields", fields()), ("inputs", inputs()), ("facts", facts())):
        begin, end = BEGIN.format(name), END.format(name)
        before, rest = text.split(begin)
        _, after = rest.split(end)
        text = f"{before}{begin}\n{table}\n{end}{after}"
    return text


def write(path: Path) -> None:
    path.write_text(fill(path.read_text(encoding="utf-8")), encoding="utf-8")
