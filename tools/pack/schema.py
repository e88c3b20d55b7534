# islet: `python -m tools.pack.schema` writes the JSON schema of families of devices.
# GPL-3.0-or-later
"""Fields, types and ranges, taken from the packer's own tables; what it knows beyond them (places
that follow each other, a leg's power beside its current, who is cited) only the packer says."""

from __future__ import annotations

import json
import sys
from typing import Any

from firmware.drivers import plans as form
from firmware.drivers import profile as packed
from tools.pack import cited, plans, profiles
from tools.pack.printed import command
from tools.workshop import ROOT

FILE = ROOT / "firmware" / "profiles" / "profile.schema.json"
Schema = dict[str, Any]
Limits = tuple[int, int, int | None]

TEXTS = {
    "name": "what it is: maker and model",
    "role": "a gateway is a converter with a car behind it; a charger has no driver yet",
    "address": "its usual unit",
    "timeout_ms": "longest from a request's end to the answer's first byte",
    "pause_ms": "it is left alone for so long after an answer",
    "sample_ms": "how old a register's value may already be when it is read",
    "gap_registers": "unused registers that may be read across",
    "sources": "name: what was read, the maker's document and version or owner/name@commit path",
    "identity": "a register that says which model it is; `make probe` looks there",
    "lacks": "what is not known, assumed, or left out",
    "from": "a name of `sources`, then the place in it",
    "register": "as sent, counted from 0",
    "num": "unit = raw * num / den",
    "den": "unit = raw * num / den",
    "factor": "register of a power of ten (i16) it is multiplied by, at most 59 behind it",
    "every": "it is read in every n-th poll",
    "low": "in mV, mA, W, mHz, per mille, Wh",
    "high": "in mV, mA, W, mHz, per mille, Wh",
    "none": "raw values that mean: not there",
    "mask": "any of these bits is a fault",
    "controls": "what the watts of the setpoint are of",
    "period_ms": "least between two changes that only grow",
    "lease": "what it does when islet falls silent",
    "measured": "somebody has timed it",
    "never": "values that it must never be told",
    "most": "largest magnitude, in its unit",
    "wear": "the memory behind it",
}
SIGN_READ = "-1 where + is export or discharge; 0: a magnitude"
SIGN_WRITTEN = "1: + charges, -1: + discharges; 0: a magnitude"


def schema() -> Schema:
    """Of a file of firmware/profiles."""
    fields = {
        "$schema": {"type": "string"},
        "name": _text("name"),
        "role": _one_of("role", profiles.ROLES),
        "ports": _ports(),
        **{name: _whole(name, limits) for name, limits in profiles.NUMBERS.items()},
        "word_order": _one_of("word_order", profiles.WORD_ORDERS),
        "sources": {
            "type": "object",
            "minProperties": 1,
            "patternProperties": {r"^[A-Za-z]\w*$": _text("")},
            "additionalProperties": False,
            **_told("sources"),
        },
        "identity": _identity(),
        "rows": _list("rows", {"$ref": "#/$defs/row"}, profiles.MAX_ROWS),
        "lacks": {"type": "array", "items": {"type": "string"}, **_told("lacks")},
    }
    told = dict.fromkeys(plans.FIELDS, True)
    commanded: Schema = {
        "if": {
            "properties": {"role": {"enum": ["converter", "gateway"]}},
            "required": ["role", "plans"],
        },
        "then": {"properties": _commanded(), "required": list(plans.FIELDS)},
    }
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "islet family of devices",
        "type": "object",
        "properties": {name: (fields | told)[name] for name in profiles.FIELDS},
        "required": ["name", "role", "ports", *_required(profiles.NUMBERS), "sources", "rows"],
        "additionalProperties": False,
        "allOf": [commanded],
        "$defs": {"row": _row(), "write": _write(), "requests": _requests()},
    }


def _identity() -> Schema:
    fields: Schema = {
        "name": _text(""),
        "function": _whole("function", profiles.ROW_NUMBERS["function"]),
        "register": _whole("register", (0, 65_535, None)),
        "type": _one_of("type", profiles.IDENTITY_TYPES),
        "values": _list("values", {"type": "integer", "minimum": 1}, profiles.MAX_VALUES),
        "from": _from(),
    }
    return _object(fields, list(profiles.IDENTITY_FIELDS)) | _told("identity")


def _row() -> Schema:
    quantities = [name for name, _ in packed.QUANTITIES]
    several = {"oneOf": [_raw(), {"type": "array", "items": _raw()}]}
    fields: Schema = {
        "quantity": _one_of("quantity", quantities),
        "leg": {"type": "integer", "enum": list(profiles.LEGS)},
        "register": _whole("register", (0, 65_535, None)),
        "type": _one_of("type", [name for name, _ in packed.TYPES]),
        "word_order": _one_of("word_order", profiles.WORD_ORDERS),
        "sign": {"enum": list(profiles.SIGNS), "description": SIGN_READ},
        **{name: _whole(name, limits) for name, limits in profiles.ROW_NUMBERS.items()},
        "factor": _whole("factor", (1, 65_535, None)),
        "low": {"type": "integer", **_told("low")},
        "high": {"type": "integer", **_told("high")},
        "none": several | _told("none"),
        "states": {
            "type": "object",
            "properties": dict.fromkeys(packed.MEANINGS, several),
            "additionalProperties": False,
        },
        "mask": _raw() | _told("mask"),
        "from": _from(),
    }
    needed = ["quantity", *_required(profiles.ROW_NUMBERS), "register", "type", "from"]
    row = _object({name: fields[name] for name in profiles.ROW_FIELDS}, needed)
    row["allOf"] = [*_legs(), *_meanings(), *_ranges()]
    return row


def _legs() -> list[Schema]:
    """Voltage and current have one, power may, nothing else does."""
    return [
        _of(profiles.PER_LEG, {"required": ["leg"]}),
        {"if": _is((*profiles.PER_LEG, "power")), "else": {"not": {"required": ["leg"]}}},
    ]


def _meanings() -> list[Schema]:
    pairs = ((("state", "direction"), "states"), (("fault",), "mask"))
    return [
        {
            "if": _is(names),
            "then": {"required": [field]},
            "else": {"not": {"required": [field]}},
        }
        for names, field in pairs
    ]


def _ranges() -> list[Schema]:
    """`low` and `high` of each quantity; of a power the wider, for the whole."""
    rules = []
    for name, _ in packed.QUANTITIES:
        least, most, _, _ = profiles.range_of(name, packed.WHOLE)
        number = {"minimum": least, "maximum": most}
        rules.append(_of((name,), {"properties": {"low": number, "high": number}}))
    return rules


def _commanded() -> Schema:
    lease = {
        "write": {"type": ["string", "null"]},
        **{name: _whole(name, limits) for name, limits in plans.LEASE_NUMBERS.items()},
        "then": _one_of("then", form.THENS),
        "measured": {"type": "boolean", **_told("measured")},
        "from": _from(),
    }
    planned = {name: {"$ref": "#/$defs/requests"} for name in form.PLANS}
    return {
        "controls": _one_of("controls", form.CONTROLS),
        "writes": _list("writes", {"$ref": "#/$defs/write"}, plans.MAX_WRITES),
        "plans": _object(planned, list(form.PLANS)),
        "period_ms": _whole("period_ms", plans.PERIOD_MS),
        "lease": _object(lease, ["then", "measured", "from"]) | _told("lease"),
    }


def _write() -> Schema:
    fields: Schema = {
        "name": {"type": "string"},
        "function": {"type": "integer", "enum": list(plans.FUNCTIONS)},
        "register": _whole("register", (0, 65_535, None)),
        "type": _one_of("type", plans.TYPES),
        "word_order": _one_of("word_order", profiles.WORD_ORDERS),
        "unit": _one_of("unit", form.UNITS),
        "sign": {"enum": list(plans.SIGNS), "description": SIGN_WRITTEN},
        **{name: _whole(name, limits) for name, limits in plans.WRITE_NUMBERS.items()},
        "most": _whole("most", plans.MOST_SAID),
        "never": {"type": "array", "items": {"type": "integer"}, **_told("never")},
        "wear": _one_of("wear", form.WEARS),
        "from": _from(),
    }
    needed = ["name", "function", "register", "type", "wear", "from"]
    return _object({name: fields[name] for name in plans.WRITE_FIELDS}, needed)


def _requests() -> Schema:
    """One after the other; each writes one or several neighbours."""
    value = {"oneOf": [{"type": "integer"}, {"enum": [name for name in form.VALUES if name]}]}
    request = {"type": "object", "minProperties": 1, "additionalProperties": value}
    return _list("requests", request, plans.MAX_REQUESTS)


def _ports() -> Schema:
    rtu: Schema = {
        "baud": _whole("baud", profiles.BAUD),
        "parity": _one_of("parity", profiles.PARITIES),
        "stop_bits": _whole("stop_bits", profiles.STOP_BITS),
    }
    kinds = {
        "rtu": _object(rtu, ["baud", "parity"]),
        "tcp": _object({"port": _whole("port", profiles.PORT)}, []),
    }
    return _object(kinds, []) | {"minProperties": 1}


# --- small parts ------------------------------------------------------------------------------


def _told(name: str) -> Schema:
    return {"description": TEXTS[name]} if name in TEXTS else {}


def _whole(name: str, limits: Limits) -> Schema:
    least, most, default = limits
    kind: Schema = {"type": "integer", "minimum": least, "maximum": most, **_told(name)}
    return kind if default is None else kind | {"default": default}


def _raw() -> Schema:
    return {"type": "integer", "minimum": 0, "maximum": (1 << 64) - 1}


def _text(name: str) -> Schema:
    return {"type": "string", "pattern": r"\S", **_told(name)}


def _one_of(name: str, names: Any) -> Schema:
    return {"enum": list(names), **_told(name)}


def _list(name: str, item: Schema, most: int) -> Schema:
    return {"type": "array", "items": item, "minItems": 1, "maxItems": most, **_told(name)}


def _from() -> Schema:
    return _list("from", _text(""), cited.MOST)


def _object(fields: Schema, needed: list[str]) -> Schema:
    return {
        "type": "object",
        "properties": fields,
        "required": needed,
        "additionalProperties": False,
    }


def _required(numbers: dict[str, Limits]) -> list[str]:
    return [name for name, (_, _, default) in numbers.items() if default is None]


def _is(quantities: tuple[str, ...]) -> Schema:
    return {"properties": {"quantity": {"enum": list(quantities)}}, "required": ["quantity"]}


def _of(quantities: tuple[str, ...], then: Schema) -> Schema:
    return {"if": _is(quantities), "then": then}


def printed() -> str:
    return json.dumps(schema(), indent=2) + "\n"


def main(arguments: list[str] | None = None) -> int:
    return command("tools.pack.schema", FILE, printed(), arguments)


if __name__ == "__main__":
    sys.exit(main())
