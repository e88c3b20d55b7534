# islet: the JSON schema of scenario files, and its errors in plain words.
# GPL-3.0-or-later
from __future__ import annotations

import json
from typing import Any

from jsonschema.exceptions import ValidationError

from tools.twin.house import HouseSpec, schema_of

BUS_FAULTS = ("silent", "late", "crc", "exception", "noise", "other", "busy", "acknowledge")
CONTROLLER = ("reset", "off")


def schema() -> dict[str, Any]:
    """JSON schema of a scenario file."""
    seconds = {"type": "number", "minimum": 0}
    text = {"type": "string"}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "islet scenario",
        **_object(
            {
                "$schema": text,
                "name": {"type": "string", "minLength": 1},
                "text": text,
                "start": {**text, "description": "local time with zone, ISO 8601"},
                "seconds": {"type": "number", "exclusiveMinimum": 0, "maximum": 31_622_400},
                "site": {"type": ["object", "string"]},
                "proofs": {
                    "type": "object",
                    "description": "records of the converters' commissioning proofs, by device, "
                    "as `python -m tools.twin.commission` writes; absent: made before the run",
                    "additionalProperties": {
                        "type": "array",
                        "items": {"type": "integer"},
                        "minItems": 4,
                        "maxItems": 4,
                    },
                },
                "house": schema_of(HouseSpec),
                "traces": {"type": "array", "items": _trace_schema()},
                "events": {"type": "array", "items": _event_schema(seconds)},
                "expect": {"type": "array", "items": _expect_schema(seconds)},
            },
            ["name", "start", "seconds", "site", "house"],
        ),
    }


def _object(properties: dict[str, Any], required: list[str]) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": properties,
        "required": required,
        "additionalProperties": False,
    }


def _trace_schema() -> dict[str, Any]:
    pair = {"type": "array", "items": {"type": "number"}, "minItems": 2, "maxItems": 2}
    common = {"drives": {"type": "string"}, "interpolation": {"enum": ["step", "linear"]}}
    text = {"type": "string"}
    return _either(
        {
            "csv": _object({**common, "csv": text, "column": text}, ["csv", "drives"]),
            "points": _object(
                {**common, "points": {"type": "array", "items": pair, "minItems": 1}},
                ["points", "drives"],
            ),
        }
    )


def _event_schema(seconds: dict[str, Any]) -> dict[str, Any]:
    text: dict[str, Any] = {"type": "string"}
    message = _object({"topic": text, "payload": {}}, ["topic", "payload"])
    rows = {
        "set": ({"set": text, "to": {}}, ["to"]),
        "bus": (
            {
                "bus": {**text, "description": "name of a meter or converter, or all"},
                "fault": {"enum": list(BUS_FAULTS)},
                "for_s": seconds,
            },
            ["fault"],
        ),
        "mqtt": ({"mqtt": message}, []),
        "broker": ({"broker": {"enum": ["up", "down"]}}, []),
        "update": (
            {
                "update": {**text, "description": "name of a converter"},
                "insert": {"type": "integer", "minimum": 0, "maximum": 200, "not": {"const": 1}},
                "factors": {
                    "type": "object",
                    "additionalProperties": {"type": "integer", "minimum": -6, "maximum": 6},
                },
                "for_s": seconds,
            },
            [],
        ),
        "app": (
            {
                "app": {**text, "description": "converter of a family, by its maker's app"},
                "w": {"type": "number", "minimum": -1e6, "maximum": 1e6},
            },
            ["w"],
        ),
        "controller": ({"controller": {"enum": list(CONTROLLER)}, "for_s": seconds}, []),
    }
    return _either(
        {
            key: _object({"at_s": seconds, "text": text, **own}, ["at_s", key, *needed])
            for key, (own, needed) in rows.items()
        }
    )


def _expect_schema(seconds: dict[str, Any]) -> dict[str, Any]:
    number, text = {"type": "number"}, {"type": "string"}
    common = {
        "from_s": seconds,
        "to_s": seconds,
        "at_least": number,
        "at_most": number,
        "equals": {"type": ["number", "boolean", "string"]},
        "bit": text,
        "text": text,
    }
    when = {"enum": ["always", "ever", "end"]}
    bounded = {"anyOf": [{"required": [b]} for b in ("at_least", "at_most", "equals")]}
    kinds = _either(
        {
            "that": _object({**common, "that": text, "when": when}, ["that"]),
            "rise_of": _object({**common, "rise_of": text}, ["rise_of"]),
        }
    )
    return {"allOf": [kinds, bounded]}


def _either(kinds: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """An object of one of several kinds, told apart by the key only that kind has: so an error
    speaks of the kind that was meant."""
    rule: dict[str, Any] = {"required": ["__one_of__"], "description": " or ".join(kinds)}
    for key, kind in reversed(kinds.items()):
        rule = {"if": {"required": [key]}, "then": kind, "else": rule}
    return {"type": "object", **rule}


def flat(errors: Any) -> list[ValidationError]:
    return sorted(errors, key=lambda e: (list(map(str, e.absolute_path)), str(e.validator)))


def _dotted(error: ValidationError) -> str:
    path = ""
    for step in error.absolute_path:
        path += f"[{step}]" if isinstance(step, int) else f".{step}" if path else str(step)
    return path


def _join(path: str, key: str) -> str:
    return f"{path}.{key}" if path else key


def explain(error: ValidationError) -> str:
    """One line: field, bad value, what is allowed."""
    at = _dotted(error)
    bad: Any = error.instance
    want: Any = error.validator_value
    rule = error.schema if isinstance(error.schema, dict) else {}
    match error.validator:
        case "required":
            if want == ["__one_of__"]:
                return f"{at}: {_short(bad)}, allowed one with {rule['description']}"
            missing = next(k for k in want if k not in bad)
            text = rule.get("properties", {}).get(missing, {}).get("description", "")
            return f"{_join(at, missing)}: missing" + (f" ({text})" if text else "")
        case "additionalProperties":
            known = list(rule.get("properties", {}))
            extra = next(k for k in bad if k not in known)
            return f"{_join(at, extra)}: unknown field, allowed {', '.join(known)}"
        case "type":
            kinds = want if isinstance(want, list) else [want]
            allowed = f"allowed {' or '.join(map(str, kinds))}"
        case "enum":
            allowed = f"allowed {', '.join(json.dumps(v) for v in want)}"
        case "minimum" | "maximum" | "exclusiveMinimum":
            low = rule.get("minimum", f"more than {rule.get('exclusiveMinimum', '')}")
            allowed = f"allowed {low}…{rule.get('maximum', '')}"
        case "anyOf":
            allowed = "allowed with at_least, at_most or equals"
        case "not":
            allowed = f"allowed anything but {json.dumps(want['const'])}"
        case "pattern":
            allowed = f"allowed {rule.get('description', '')} ({want})"
        case _:
            return f"{at or 'scenario'}: {_short(bad)}: {error.message}"
    return f"{at or 'scenario'}: {_short(bad)}, {allowed}"


def _short(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= 60 else text[:57] + "..."
