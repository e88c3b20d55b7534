# islet: what each room takes of an image, and what it may take.
# GPL-3.0-or-later
"""Flash is read from the linker's map and the generated C file, so that it is what the room really
occupies; budgets.json has what it may. A room above its budget fails the build: a later room must
find its place too.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from tools.image.images import HERE
from tools.micropython.sources import BuildError
from tools.workshop import ROOT

BUDGETS = HERE / "budgets.json"
LIBRARIES = ("asyncio", "uasyncio", "microdot", "umqtt", "rp2", "flashbdev")
NAMES = "names"  # every identifier and short text once, whichever rooms use it

_MAP_LINE = re.compile(
    r"^ (\.(?:rodata|text)\S*)\s+0x([0-9a-f]+)\s+0x([0-9a-f]+) \S*frozen_content\S*$", re.M
)
_TEXT = re.compile(r"const_obj_(\w+)_\d+ = \{\{&mp_type_(?:str|bytes)\}, \d+, (\d+), ")
_NATIVE = re.compile(r"fun_data_(\w+)\[(\d+)\] __attribute__\(\(section\(")  # unnamed in the map
_FROZEN = re.compile(r'^    "([^"]+\.py)\\0"$', re.M)


@dataclass(frozen=True)
class Room:
    """Bytes of a room; `heap` is None as long as nobody has measured it."""

    name: str
    files: int
    mpy: int
    flash: int
    heap: int | None = None


def room_of(file: str) -> str:
    """The room of a frozen file, by its name in the image: firmware/core/core.py -> core."""
    parts = Path(file).with_suffix("").parts
    if parts[0] == "firmware":
        return parts[1] if len(parts) > 2 else "app"
    if parts[0] in LIBRARIES:
        return "libs"
    return "data" if parts[0] == "islet_data" else "app"  # boot, main, _boot, islet_storage


def frozen(build: Path) -> list[str]:
    """Names of the files in the image, as the generated C file lists them."""
    return _FROZEN.findall((build / "frozen_content.c").read_text())


def measure(build: Path) -> list[Room]:
    """The rooms of the image in a build folder, NAMES last."""
    files = frozen(build)
    if not files:
        raise BuildError(f"{build.name}/frozen_content.c names no file; delete that folder")
    flash, shared = _flash(build, files)
    rooms: dict[str, Room] = {}
    for file in files:
        name = room_of(file)
        room = rooms.get(name, Room(name, 0, 0, 0))
        mpy = (build / "frozen_mpy" / file).with_suffix(".mpy").stat().st_size
        rooms[name] = replace(
            room, files=room.files + 1, mpy=room.mpy + mpy, flash=room.flash + flash[file]
        )
    ordered = sorted(rooms.values(), key=lambda room: -room.flash)
    return [*ordered, Room(NAMES, 0, 0, shared)]


def _flash(build: Path, files: Iterable[str]) -> tuple[dict[str, int], int]:
    """Bytes of flash by file, and those that belong to all."""
    symbols = {file: re.sub(r"\W", "_", file.removesuffix(".py")) for file in files}
    flash = dict.fromkeys(symbols, 0)
    total = 0
    for section, address, size in _MAP_LINE.findall((build / "firmware.elf.map").read_text()):
        if int(address, 16) == 0:
            continue  # left out by the linker
        total += int(size, 16)
        if file := _owner(section, symbols):
            flash[file] += int(size, 16)
    content = (build / "frozen_content.c").read_text()
    for symbol, length in _TEXT.findall(content) + _NATIVE.findall(content):
        if file := _owner(f"_{symbol}", symbols):
            flash[file] += int(length)
    return flash, total - sum(flash.values())


def _owner(section: str, symbols: Mapping[str, str]) -> str:
    """The file whose name is in a symbol's: the longest, since island is in island_table."""
    owners = [f for f, s in symbols.items() if section.endswith(f"_{s}") or f"_{s}_" in section]
    return max(owners, key=lambda file: len(symbols[file]), default="")


# Budgets


def budgets() -> dict[str, dict[str, int]]:
    """{room: {"flash": bytes, "heap": bytes}}"""
    return json.loads(BUDGETS.read_text())["rooms"]


def memory() -> dict[str, Any]:
    """The one table of heap and flash, of what is there and what is to come, in bytes."""
    return json.loads(BUDGETS.read_text())["memory"]


def overspent(rooms: Iterable[Room], allowed: Mapping[str, Mapping[str, int]]) -> list[str]:
    """A sentence for each room above its budget, or without one."""
    problems = []
    for room in rooms:
        if room.name not in allowed:
            problems.append(f"{room.name} has no budget: give it a row in {BUDGETS.name}")
            continue
        for kind in ("flash", "heap"):
            used, most = getattr(room, kind), allowed[room.name].get(kind)
            if used is not None and most is not None and used > most:
                problems.append(
                    f"{room.name} takes {used:,} bytes of {kind}, its budget is {most:,}: make it "
                    f"smaller, or raise its row in {BUDGETS.relative_to(ROOT)} and say in "
                    "the commit what pays for it"
                )
    return problems


def table(rooms: Iterable[Room], allowed: Mapping[str, Mapping[str, int]]) -> list[str]:
    """The lines that the build prints."""
    lines = [f"{'room':8}{'files':>6}{'.mpy':>9}{'flash':>9}{'budget':>9}{'heap':>9}{'budget':>9}"]
    for room in rooms:
        most = allowed.get(room.name, {})
        cells = [
            f"{room.files:>6}{room.mpy:>9,}" if room.files else " " * 15,
            f"{room.flash:>9,}{most.get('flash', 0):>9,}",
            f"{'–' if room.heap is None else f'{room.heap:,}':>9}{most['heap']:>9,}"
            if "heap" in most
            else "",
        ]
        lines.append(f"{room.name:8}" + "".join(cells))
    return lines
