# islet: JSON as this repository's documents are written: on one line what fits.
# GPL-3.0-or-later
from __future__ import annotations

import json
from typing import Any

WIDTH = 99


def dumps(data: Any, indent: int = 2) -> str:
    """`data` with a newline at its end; objects and lists are broken where a line is too short."""
    return _text(data, 0, 0, indent) + "\n"


def _text(data: Any, depth: int, column: int, indent: int) -> str:
    """`column`: what stands before it on its line, and a comma after it."""
    flat = json.dumps(data, ensure_ascii=False)
    if not isinstance(data, (dict, list)) or not data:
        return flat
    if depth > 0 and depth * indent + column + len(flat) <= WIDTH:
        return flat
    pad = " " * (indent * (depth + 1))
    rows = []
    if isinstance(data, dict):
        for key, value in data.items():
            lead = json.dumps(key, ensure_ascii=False) + ": "
            rows.append(pad + lead + _text(value, depth + 1, len(lead) + 1, indent))
    else:
        rows = [pad + _text(value, depth + 1, 1, indent) for value in data]
    left, right = ("{", "}") if isinstance(data, dict) else ("[", "]")
    return left + "\n" + ",\n".join(rows) + "\n" + " " * (indent * depth) + right


def span(text: str, member: str) -> tuple[int, int]:
    """Where a member's value begins and ends in the text of a JSON object."""
    decoder = json.JSONDecoder()
    at = _skip(text, text.index("{") + 1)
    while text[at] != "}":
        key, at = decoder.raw_decode(text, at)
        at = _skip(text, _skip(text, at) + 1)  # the colon
        _, end = decoder.raw_decode(text, at)
        if key == member:
            return at, end
        at = _skip(text, end)
        if text[at] == ",":
            at = _skip(text, at + 1)
    raise KeyError(member)


def _skip(text: str, at: int) -> int:
    while text[at].isspace():
        at += 1
    return at


def replaced(text: str, member: str, value: Any) -> str:
    """The text of a JSON object with one member's value written anew, the rest as it was."""
    start, end = span(text, member)
    line = text.rfind("\n", 0, start) + 1
    lead = text[line:start]
    indent = len(lead) - len(lead.lstrip())
    step = step_of(text)
    new = _text(value, indent // step, start - line - indent + 1, step)
    return text[:start] + new + text[end:]


def step_of(text: str) -> int:
    """How far the members of a JSON object are indented."""
    at = text.index("{") + 1
    member = _skip(text, at)
    return member - text.rfind("\n", 0, member) - 1 if "\n" in text[at:member] else 2
