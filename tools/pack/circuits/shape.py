# islet: shapes of JSON, one table for the check and for the schema an editor completes by.
# GPL-3.0-or-later
"""A shape refuses a value by PackError (`check`) and prints itself as JSON schema (`schema`).

Both come from the same table, and a test compares them on damaged boards. Rules between fields
(a pin used twice) are no shapes: they stand in rules.py, and the schema does not know them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from tools.pack import PackError

Schema = dict[str, Any]


class Shape(Protocol):
    def check(self, value: Any, where: str) -> None: ...

    def schema(self) -> Schema: ...


def _described(schema: Schema, text: str) -> Schema:
    return {**schema, "description": text} if text else schema


@dataclass(frozen=True)
class Whole:
    """An integer from low to high."""

    low: int
    high: int
    text: str = ""

    def check(self, value: Any, where: str) -> None:
        if type(value) is not int or not self.low <= value <= self.high:
            raise PackError(where, f"{value!r} is not an integer from {self.low} to {self.high}")

    def schema(self) -> Schema:
        kind = {"type": "integer", "minimum": self.low, "maximum": self.high}
        return _described(kind, self.text)


@dataclass(frozen=True)
class Choice:
    """One of some texts."""

    names: tuple[str, ...]
    text: str = ""

    def check(self, value: Any, where: str) -> None:
        if not isinstance(value, str) or value not in self.names:
            raise PackError(where, f"{value!r} is not one of {', '.join(self.names)}")

    def schema(self) -> Schema:
        return _described({"enum": list(self.names)}, self.text)


@dataclass(frozen=True)
class Pick:
    """One of some integers."""

    values: tuple[int, ...]
    text: str = ""

    def check(self, value: Any, where: str) -> None:
        if type(value) is not int or value not in self.values:
            raise PackError(where, f"{value!r} is not one of {', '.join(map(str, self.values))}")

    def schema(self) -> Schema:
        return _described({"type": "integer", "enum": list(self.values)}, self.text)


@dataclass(frozen=True)
class Some:
    """A list of one or more of some texts, none twice."""

    names: tuple[str, ...]
    text: str = ""

    def check(self, value: Any, where: str) -> None:
        allowed = ", ".join(self.names)
        if not isinstance(value, list) or not value:
            raise PackError(where, f"{value!r} is not a list of one or more of {allowed}")
        for i, name in enumerate(value):
            Choice(self.names).check(name, f"{where}.{i}")
            if name in value[:i]:
                raise PackError(f"{where}.{i}", f"{name} is given twice")

    def schema(self) -> Schema:
        kind = {"type": "array", "minItems": 1, "uniqueItems": True}
        return _described({**kind, "items": {"enum": list(self.names)}}, self.text)


@dataclass(frozen=True)
class Flag:
    """true or false."""

    text: str = ""

    def check(self, value: Any, where: str) -> None:
        if not isinstance(value, bool):
            raise PackError(where, f"{value!r} is not true or false")

    def schema(self) -> Schema:
        return _described({"type": "boolean"}, self.text)


@dataclass(frozen=True)
class Text:
    """A text that says something."""

    text: str = ""

    def check(self, value: Any, where: str) -> None:
        if not isinstance(value, str) or not value.strip():
            raise PackError(where, f"{value!r} is not a text")

    def schema(self) -> Schema:
        return _described({"type": "string", "pattern": r"\S"}, self.text)


@dataclass(frozen=True)
class Rows:
    """A list of objects."""

    row: Shape
    text: str = ""

    def check(self, value: Any, where: str) -> None:
        if not isinstance(value, list) or not all(isinstance(row, dict) for row in value):
            raise PackError(where, "is not a list of objects")
        for i, row in enumerate(value):
            self.row.check(row, f"{where}.{i}")

    def schema(self) -> Schema:
        return _described({"type": "array", "items": self.row.schema()}, self.text)


# Ways to say the same: exactly one of these groups of fields must be there, whole.
Either = tuple[tuple[str, ...], ...]


@dataclass(frozen=True)
class Object:
    """An object with required fields, optional ones, and no others."""

    needs: Mapping[str, Shape]
    may: Mapping[str, Shape]
    text: str = ""
    either: tuple[Either, ...] = ()
    missing: str = ""  # what an absent required field is told, instead of its shape's words

    def check(self, value: Any, where: str) -> None:
        if not isinstance(value, dict):
            raise PackError(where, f"{value!r} is not an object")
        start = where + "." if where else ""
        fields = {**self.needs, **self.may}
        if unknown := sorted(set(value) - set(fields)):
            allowed = ", ".join(sorted(fields))
            raise PackError(start + unknown[0], f"unknown, allowed are {allowed}")
        for name, shape in fields.items():
            if name in value:
                shape.check(value[name], start + name)
            elif name in self.needs:
                if self.missing and isinstance(shape, Choice):
                    text = f"{self.missing}: {' or '.join(shape.names)}"
                    raise PackError(start + name, text)
                shape.check(None, start + name)
        for groups in self.either:
            _one_of(value, start, groups)

    def schema(self) -> Schema:
        fields = {**self.needs, **self.may}
        kind: Schema = {
            "type": "object",
            "properties": {name: shape.schema() for name, shape in fields.items()},
            "required": list(self.needs),
            "additionalProperties": False,
        }
        if self.either:
            kind["allOf"] = [{"oneOf": _groups(groups)} for groups in self.either]
        return _described(kind, self.text)


def _one_of(value: Mapping[str, Any], start: str, groups: Either) -> None:
    given = [group for group in groups if any(name in value for name in group)]
    if len(given) != 1:
        ways = " or ".join(" and ".join(group) for group in groups)
        at = given[1][0] if given else groups[0][0]
        raise PackError(start + at, f"one way is needed, not {len(given)}: {ways}")
    for name in given[0]:
        if name not in value:
            raise PackError(start + name, f"is needed besides {', '.join(given[0])}")


def _groups(groups: Either) -> list[Schema]:
    names = {name for group in groups for name in group}
    ways: list[Schema] = []
    for group in groups:
        way: Schema = {"required": list(group)}
        if others := sorted(names - set(group)):
            way["not"] = {"anyOf": [{"required": [name]} for name in others]}
        ways.append(way)
    return ways


@dataclass(frozen=True)
class Variants:
    """An object whose field `key` says which of several shapes it has."""

    key: str
    kinds: Mapping[str, Object]

    def check(self, value: Any, where: str) -> None:
        if not isinstance(value, dict):
            raise PackError(where, f"{value!r} is not an object")
        Choice(tuple(self.kinds)).check(value.get(self.key), f"{where}.{self.key}")
        self.kinds[value[self.key]].check(value, where)

    def schema(self) -> Schema:
        """A rule per kind: an error speaks of the kind that was meant."""
        kinds = []
        for name, kind in self.kinds.items():
            told = {"properties": {self.key: {"const": name}}, "required": [self.key]}
            kinds.append({"if": told, "then": kind.schema()})
        key = {"properties": {self.key: {"enum": list(self.kinds)}}, "required": [self.key]}
        return {"type": "object", **key, "allOf": kinds}
