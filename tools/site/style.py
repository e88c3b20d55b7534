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
