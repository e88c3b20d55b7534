# islet: how a field of a house is declared, and what is made of the declarations.
# GPL-3.0-or-later
"""A field is described once: unit, range, default and meaning travel in its metadata. from_dict()
builds a dataclass from checked JSON, schema_of() its JSON schema; the README's tables follow."""

from __future__ import annotations

import dataclasses
import types
import typing
from dataclasses import field
from typing import Any

CHANNELS = (  # of the analogue front end, in the order of its sample stream
    "cp",
    "pp",
    *(f"{what}_{leg}" for what in ("evse", "main", "grid", "house") for leg in ("l1", "l2", "l3")),
)
REQUIRED = object()


def declared(schema: dict[str, Any], default: Any, text: str) -> Any:
    metadata = {"schema": schema, "text": text, "required": default is REQUIRED}
    if default is REQUIRED:
        return field(default=None, metadata=metadata)
    if isinstance(default, (list, dict)):
        return field(default_factory=lambda: type(default)(default), metadata=metadata)
    return field(default=default, metadata=metadata)


def number(default: Any, low: float, high: float, text: str) -> Any:
    return declared({"type": "number", "minimum": low, "maximum": high}, default, text)


def whole(default: Any, low: int, high: int, text: str) -> Any:
    return declared({"type": "integer", "minimum": low, "maximum": high}, default, text)


def flag(default: bool, text: str) -> Any:
    return declared({"type": "boolean"}, default, text)


def word(default: Any, text: str) -> Any:
    kind = "string" if default is REQUIRED else ["string", "null"]
    schema = {"type": kind, "pattern": "^[a-z][a-z0-9_]{0,23}$"}
    return declared(schema, default, text + "; a-z, 0-9, _")


def wired(text: str) -> Any:
    """Legs by name, in the order the device has them."""
    schema = {
        "type": "array",
        "items": {"enum": ["L1", "L2", "L3"]},
        "minItems": 1,
        "uniqueItems": True,
    }
    return declared(schema, None, text + ", in its own order; absent: all of the house")


def choice(default: Any, values: tuple[str, ...], text: str) -> Any:
    return declared({"enum": list(values)}, default, text)


def part(kind: type, text: str, optional: bool = False, **defaults: Any) -> Any:
    """Another dataclass below this one; `optional`: absent means the house has none; `defaults`:
    where they are not its class's own."""
    metadata = {"part": kind, "text": text, "required": False, "defaults": defaults}
    if optional:
        return field(default=None, metadata=metadata)
    return field(default_factory=lambda: kind(**defaults), metadata=metadata)


def parts(kind: type, text: str, at_least: int = 0) -> Any:
    metadata = {"parts": kind, "text": text, "required": at_least > 0, "at_least": at_least}
    return field(default_factory=list, metadata=metadata)


def per_channel(low: float, high: float, text: str) -> Any:
    schema = {
        "type": "object",
        "propertyNames": {"enum": list(CHANNELS)},
        "additionalProperties": {"type": "number", "minimum": low, "maximum": high},
    }
    return declared(schema, {}, text)


def several(default: list[str], values: tuple[str, ...], text: str) -> Any:
    """Some of `values`, each once."""
    schema = {"type": "array", "items": {"enum": list(values)}, "uniqueItems": True}
    return declared(schema, default, text)


def wires(legs: list[str] | None, of: int) -> tuple[int, ...]:
    """Indexes of legs given by name, of a house with `of` legs."""
    return tuple(range(of)) if legs is None else tuple(int(leg[1]) - 1 for leg in legs)


def harmonics(default: list[list[float]], text: str) -> Any:
    row = {
        "type": "array",
        "prefixItems": [{"enum": [3, 5, 7, 9, 11, 13]}, {"type": "number", "minimum": 0}],
        "minItems": 2,
        "maxItems": 2,
    }
    return declared({"type": "array", "items": row}, default, text)


def from_dict(kind: type, data: dict[str, Any]) -> Any:
    """Build dataclass `kind` from checked JSON; absent fields take their defaults."""
    values: dict[str, Any] = {}
    for item in dataclasses.fields(kind):
        if item.name not in data:
            continue
        value, meta = data[item.name], item.metadata
        if "part" in meta and value is not None:
            value = from_dict(meta["part"], {**meta["defaults"], **value})
        elif "parts" in meta:
            value = [from_dict(meta["parts"], row) for row in value or []]
        values[item.name] = value
    return kind(**values)


def schema_of(kind: type) -> dict[str, Any]:
    """JSON schema of one dataclass; text and defaults travel along for readers."""
    properties: dict[str, Any] = {}
    required: list[str] = []
    hints = typing.get_type_hints(kind)
    for item in dataclasses.fields(kind):
        meta = item.metadata
        if "part" in meta:
            schema = dict(schema_of(meta["part"]))
            if isinstance(hints[item.name], types.UnionType):
                schema["type"] = ["object", "null"]
        elif "parts" in meta:
            schema = {"type": "array", "items": schema_of(meta["parts"])}
            schema["minItems"] = meta["at_least"]
        else:
            schema = dict(meta["schema"])
            if not meta["required"]:
                schema["default"] = (
                    item.default_factory()
                    if item.default_factory is not dataclasses.MISSING
                    else item.default
                )
                if schema["default"] is None:
                    del schema["default"]
        schema["description"] = meta["text"]
        properties[item.name] = schema
        if meta["required"]:
            required.append(item.name)
    schema = {"type": "object", "properties": properties, "additionalProperties": False}
    if required:
        schema["required"] = required
    return schema
