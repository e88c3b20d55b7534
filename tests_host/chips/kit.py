"""The repository's boards, whole and damaged."""

from __future__ import annotations

import copy
import json
from typing import Any

from tests_host.conftest import ROOT

FOLDER = ROOT / "firmware" / "circuits"
NAMES = sorted(path.stem for path in FOLDER.glob("*.json") if "." not in path.stem)
REAL = [name for name in NAMES if name != "host"]
# what is wrong, board, its changes, the field that is named, a word of the remedy
Case = tuple[str, str, dict[str, Any], str, str]
GONE = object()  # as a value: the field is removed


def read(name: str) -> dict[str, Any]:
    return json.loads((FOLDER / f"{name}.json").read_text())


def place(document: Any, path: str) -> tuple[Any, Any]:
    """The container and the key of a dotted path."""
    *parents, last = path.split(".")
    for part in parents:
        document = document[int(part)] if part.isdigit() else document[part]
    return document, int(last) if last.isdigit() else last


def damaged(board: str, /, **changes: Any) -> dict[str, Any]:
    """A board with some fields changed: `outputs__0__pin=3`, GONE removes, and "+" at the end of
    a path appends to a list."""
    document = copy.deepcopy(read(board))
    for path, value in changes.items():
        container, key = place(document, path.replace("__", "."))
        if value is GONE:
            del container[key]
        elif key == "plus":
            container.append(value)
        else:
            container[key] = value
    return document
