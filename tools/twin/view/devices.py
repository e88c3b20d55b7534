# islet: which of islet's devices a row of the process image is, from the site's configuration.
# GPL-3.0-or-later
"""The configuration is the firmware's to check: a bad one must not end the view."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from firmware import image as tables

OFFERS = ("point", "charger")  # kinds that take an offer, in mA; the others take W
SECTIONS = (("evse", "point"), ("inverter", "converter"))  # rows 0 and 1 of a site without a list


@dataclass(frozen=True)
class Commanded:
    """A row of DEVICE_* with its name; `there`: the site really has it."""

    row: int
    name: str
    kind: str
    node: Any = None
    there: bool = True

    @property
    def offers(self) -> bool:
        return self.kind in OFFERS


def commanded(site: Mapping[str, Any]) -> list[Commanded]:
    rows = site.get("devices")
    if isinstance(rows, list):
        rows = [row for row in rows[: tables.DEVICES] if isinstance(row, dict)]
        return [
            Commanded(i, str(row.get("name")), str(row.get("kind")), row.get("node"))
            for i, row in enumerate(rows)
        ]
    found = []
    for i, (name, kind) in enumerate(SECTIONS):
        part = site.get(name)
        node = part.get("node") if isinstance(part, dict) else None
        found.append(Commanded(i, name, kind, node, name in site))
    return found


def point_names(site: Mapping[str, Any]) -> list[str]:
    """Names of the board's points, in its order; at least one."""
    rows = site.get("points")
    names = [str(row.get("name")) for row in rows if isinstance(row, dict)] if rows else []
    return names[: tables.POINTS] or [SECTIONS[0][0]]
