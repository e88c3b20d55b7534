# islet: devices, grid codes and circuit boards, packed for the chip.
# GPL-3.0-or-later
"""JSON in the repository becomes bytes in one module, `islet_data`, which the image freezes.

An 8.6 kB JSON takes 28 kB of heap when parsed on the chip; packed it is a constant in flash.
One folder, one packer: `tools.pack.<packer>.pack(document) -> bytes` checks a document, and
raises PackError naming the field and what is allowed.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

Document = dict[str, Any]


class PackError(ValueError):
    """A document that cannot be packed: the field (dotted path) and what is allowed."""

    def __init__(self, field: str, text: str) -> None:
        super().__init__(f"{field}: {text}")
        self.field = field


def known(document: Document, where: str, names: Iterable[str]) -> None:
    """Refuse what no rule knows: a misspelt limit must not be silently ignored."""
    allowed = sorted(names)
    if unknown := sorted(set(document) - set(allowed)):
        raise PackError(where + unknown[0], "unknown, allowed are " + ", ".join(allowed))


def whole(
    document: Document, where: str, name: str, low: int, high: int, default: int | None = None
) -> int:
    """The integer `name` of a document, from low to high; without a default it is required."""
    value = document.get(name, default)
    if type(value) is not int or not low <= value <= high:
        raise PackError(where + name, f"{value!r} is not an integer from {low} to {high}")
    return value


def choice(
    document: Document, where: str, name: str, names: Iterable[str], default: str | None = None
) -> str:
    """The text `name` of a document, one of `names`."""
    allowed = tuple(names)
    value = document.get(name, default)
    if value not in allowed:
        raise PackError(where + name, f"{value!r} is not one of {', '.join(allowed)}")
    return str(value)


def text(document: Document, where: str, name: str) -> str:
    """The text `name` of a document, not empty."""
    value = document.get(name)
    if not isinstance(value, str) or not value.strip():
        raise PackError(where + name, f"{value!r} is not a text")
    return value
