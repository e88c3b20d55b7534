# islet: where each field of the process image is, with an image's own numbers of rows.
# GPL-3.0-or-later
from __future__ import annotations

import functools
from array import array
from typing import Any

from tools.image.constants import Rows, with_rows
from tools.workshop import ROOT

HOST: Rows = {}  # as firmware/image.py stands
# nodes of the circuit tree, devices, charging points of the board, issuers of limits: what 264 kB
# of RAM bear
SMALL = {"NODES": 32, "DEVICES": 4, "POINTS": 1, "ISSUERS": 4}
IMAGES = ("pico", "pico_eth", "pico_w", "w5500", "esp32")
ROWS: dict[str, Rows] = dict.fromkeys(IMAGES, SMALL)
ROWS["eight"] = {**SMALL, "DEVICES": 8}  # is measured, not flashed


def tables(rows: Rows = HOST) -> Any:
    """The five tables of the image: objects with name, rows, shapes, size and new()."""
    return _module(tuple(sorted(rows.items())))["TABLES"]


@functools.cache
def _module(rows: tuple[tuple[str, int], ...]) -> dict[str, Any]:
    path = ROOT / "firmware" / "image.py"
    module: dict[str, Any] = {"__name__": "firmware.image"}
    text = with_rows(path.read_text(encoding="utf-8"), dict(rows))
    exec(compile(text, str(path), "exec"), module)
    return module


class LayoutError(RuntimeError):
    """What a chip handed over is not the process image of its kind of image."""


class Spread:
    """Sections of an image with few rows as the host lays them out: each row at its place, those
    that the image does not have as a section is when nothing is known."""

    def __init__(self, rows: Rows) -> None:
        self._places = [
            (there.size, here.new(), _places(there, here))
            for there, here in zip(tables(rows), tables(), strict=True)
        ]

    def __call__(self, section: int, data: bytes) -> bytes:
        """Raises LayoutError when the data is no such section."""
        size, blank, places = self._places[section]
        values = array("i", data)
        if len(values) != size:
            raise LayoutError(f"section {section}: {len(data)} bytes, expected {4 * size}")
        whole = blank[:]
        for value, place in zip(values, places, strict=True):
            whole[place] = value
        return whole.tobytes()


def _places(there: Any, here: Any) -> list[int]:
    """For each element of one table its index in the other, which has at least as many rows."""
    first = {row[0]: row[1] for row in here.rows}
    places: list[int] = []
    for name, _, count, *_ in there.rows:
        width = there.shapes.get(name, (count, 1))[1]
        wide = here.shapes.get(name, (count, 1))[1]
        places += [first[name] + i // width * wide + i % width for i in range(count)]
    return places
