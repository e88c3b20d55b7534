# islet: which of islet's devices a row of the process image is, from the site's configuration.
# GPL-3.0-or-later
"""The configuration is the firmware's to check: a bad one must not end the view."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from firmware import image as tables
from firmware.people.names import Names

OFFERS = ("point", "charger")  # kinds that take an offer, in mA; the others take W


@dataclass(frozen=True)
class Commanded:
    """A row of DEVICE_* with its name."""

    row: int
    name: str
    kind: str
    node: Any = None

    @property
    def offers(self) -> bool:
        return self.kind in OFFERS


def commanded(site: Mapping[str, Any]) -> list[Commanded]:
    rows = site.get("devices")
    found = rows if isinstance(rows, list) else []
    found = [row for row in found[: tables.DEVICES] if isinstance(row, dict)]
    return [
        Commanded(i, str(row.get("name")), str(row.get("kind")), row.get("node"))
        for i, row in enumerate(found)
    ]


def own_pilots(site: Mapping[str, Any]) -> set[str]:
    """Points whose pilot a device of theirs speaks itself, so that the board reads none."""
    rows = site.get("devices")
    found = rows if isinstance(rows, list) else []
    found = [row for row in found if isinstance(row, dict) and row.get("owns_pilot") is True]
    return {str(row.get("contactor")) for row in found}


def names_of(site: Mapping[str, Any], image_site: Sequence[int]) -> Names:
    """Of the image's rows, for the firmware's own sentences."""
    rows = site.get("nodes")
    found = rows if isinstance(rows, list) else []
    nodes = [str(row.get("name")) for row in found if isinstance(row, dict)]
    return Names(image_site, nodes, [row.name for row in commanded(site)], point_names(site))


def point_names(site: Mapping[str, Any]) -> list[str]:
    """Names of the board's points, in its order."""
    rows = site.get("points")
    found = rows if isinstance(rows, list) else []
    return [str(row.get("name")) for row in found if isinstance(row, dict)][: tables.POINTS]
