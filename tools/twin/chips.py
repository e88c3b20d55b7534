# islet: the chips the firmware runs on here: this machine's interpreter, or an emulated one.
# GPL-3.0-or-later
"""One row per chip: what starts it, and how it lives with the house.

`emulated`: it measures with converters of its own, so it is told waves and not samples; its time
is virtual at any SPEED, for an emulator cannot promise to keep up; and nothing outside the twin
reaches it, but the page of a board with a network chip. A Pico has no network."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from firmware.access.people import PATH as PEOPLE
from tools.flash.site import sealed
from tools.image.images import HERE_BUILT, IMAGES, REFERENCE, takes
from tools.image.layout import Spread
from tools.twin import flash, records
from tools.twin.link import process
from tools.twin.link.port import CIRCUITS, BoardError, read_board
from tools.workshop import ROOT

CACHE = ROOT / ".cache" / "rp2040"
IMAGE = CACHE / "pico" / "firmware.bin"  # of `make image`, whatever the circuit board
ROWS = IMAGES["pico"].rows
DATA = CACHE / "pico" / "data" / "islet_data.py"  # what was packed into it
EMULATOR = ROOT / "tools" / "rp2040"
KEY = b"twin"  # of this installer, who may shorten a grid code's delays
CIRCUIT_OF_CHIP = {"host": "host", "rp2040": "pico"}  # what CIRCUIT= is unless said


@dataclass(frozen=True)
class ChipKind:
    """`command(board)` starts it, or raises FileNotFoundError that says what to do."""

    command: Callable[[str], Sequence[str]]
    emulated: bool
    spread: Callable[[], Spread | None] = lambda: None  # of its sections, if it has fewer rows


def image_of(board: str) -> str:
    """Which image runs on an emulated circuit board: one with a driver for its network chip."""
    path = CIRCUITS / f"{board}.json"
    document = {"chip": "rp2040"} | (read_board(board) if path.exists() else {})
    fitting = [image.name for image in HERE_BUILT if takes(image, document)]
    return fitting[0] if fitting else REFERENCE.name


def built(board: str) -> tuple[Path, Path]:
    """The image for a circuit board, and what was packed into it."""
    if (image := image_of(board)) == "pico":
        return IMAGE, DATA
    return CACHE / image / "firmware.bin", IMAGES[image].data


def emulator_command(board: str) -> list[str]:
    node = shutil.which("node")
    if node is None:
        raise FileNotFoundError("no node: apt-get install nodejs (18 or later)")
    firmware, data = built(board)
    remedy = f"`make image IMAGE={image_of(board)} CIRCUIT={board}` makes it"
    for needed in (firmware, data, CACHE / "bootrom.bin"):
        if not needed.exists():
            raise FileNotFoundError(f"no {needed.relative_to(ROOT)}: {remedy}")
    if f"CIRCUIT = {board!r}\n" not in data.read_text(encoding="utf-8"):
        raise FileNotFoundError(f"the image there is has another circuit than {board}: {remedy}")
    return [node, str(EMULATOR / "lockstep.mjs")]


KINDS = {
    "host": ChipKind(lambda board: process.firmware_command(), emulated=False),
    "rp2040": ChipKind(emulator_command, emulated=True, spread=lambda: Spread(ROWS)),
}
KINDS["rp2040_w5500"] = KINDS["rp2040"]  # the same chip, on a module with a network chip


def circuit_of(chip: str, circuit: str, image: str = "") -> str:
    """The circuit board's name; BoardError where CHIP=, CIRCUIT= and IMAGE= do not go together."""
    if chip and chip not in CIRCUIT_OF_CHIP:
        raise BoardError(f"CHIP: {chip!r} is not one of {', '.join(CIRCUIT_OF_CHIP)}")
    if image and (image not in IMAGES or IMAGES[image].needs):
        here = ", ".join(name for name, row in IMAGES.items() if not row.needs)
        raise BoardError(f"IMAGE: {image!r} does not run here; {here} do")
    circuit = circuit or (IMAGES[image].circuit if image else CIRCUIT_OF_CHIP[chip or "host"])
    if image and image_of(circuit) != image:
        raise BoardError(f"CIRCUIT: {circuit} runs with IMAGE={image_of(circuit)}")
    made_for = read_board(circuit).get("chip", "host")
    if chip and KINDS.get(made_for) is not KINDS[chip]:
        raise BoardError(f"CIRCUIT: {circuit} is for the chip {made_for}, but CHIP={chip}")
    return circuit


def kind_of(board: dict[str, Any]) -> ChipKind:
    """BoardError when nothing here can run the board's chip."""
    chip = board.get("chip", "host")
    if chip not in KINDS:
        raise BoardError(
            f"board: {board['name']!r} has the chip {chip}, here run {', '.join(KINDS)}"
        )
    return KINDS[chip]


def offline(site: dict[str, Any]) -> list[str]:
    """Take out of a site's configuration what needs a network; what that was."""
    taken = [section for section in ("mqtt", "http") if section in site]
    for section in taken:
        del site[section]
    return taken


def prepare(
    folder: Path, board: str, site: dict[str, Any], wiring: dict[str, Any], ledger: bytes = b""
) -> dict[str, str]:
    """Write an emulated chip's flash and what surrounds it; the environment that names both.

    `ledger`: records that stand there. `wiring`: line, sensors, nominal_hz, seed and network
    (what its network chip's cable goes to), as tools/rp2040/house/board.mjs takes them."""
    content = json.dumps(site, separators=(",", ":")).encode()
    files = {"site.json": sealed(content, KEY), "installer.key": KEY, PEOPLE: records.people()}
    firmware, _ = built(board)
    (folder / "flash.bin").write_bytes(flash.whole(firmware.read_bytes(), files, ledger))
    setup = {
        "board": str(CIRCUITS / f"{board}.json"),
        "flash": str(folder / "flash.bin"),
        **wiring,
    }
    (folder / "setup.json").write_text(json.dumps(setup))
    return {"ISLET_SETUP": str(folder / "setup.json")}
