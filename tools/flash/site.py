# islet: the site's configuration, checked on the PC by the code that will check it on the board.
# GPL-3.0-or-later
from __future__ import annotations

import importlib
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace

from firmware.boards.circuit import GUARD_HARD, GUARD_HARDWARE, Circuit
from tools.flash import CACHE, FlashError

PATH = "/site.json"  # on the board
DATA = CACHE / "data"


def check(path: Path, board: str) -> bytes:
    """The file's bytes; FlashError names every field that the board would refuse."""
    try:
        content = path.read_bytes()
    except OSError as error:
        raise FlashError(f"SITE: {path}: {error.strerror}", "name your site's file") from None
    errors = mistakes(content, board)
    if errors:
        listed = "".join(f"\n    {error}" for error in errors)
        raise FlashError(f"{path} is refused for the circuit board {board}:{listed}", "mend it")
    return content


def mistakes(content: bytes, board: str) -> list[str]:
    """What the firmware's own loader says against it on this circuit board."""
    packed()
    config = importlib.import_module("firmware.config")
    image = importlib.import_module("firmware.image")
    try:
        text = content.decode()
    except UnicodeDecodeError:
        text = None
    return config.load(text, image.Image(), rights(board)).errors


def rights(name: str) -> SimpleNamespace:
    """What a board of this circuit may do, as its board file decides it."""
    image = importlib.import_module("firmware.image")
    described = circuit(name)
    guarded = described.guard == GUARD_HARDWARE
    islands = described.chip != "esp32"  # no hard interrupts there: firmware/boards/esp32.py
    if islands:
        guarded = guarded or described.guard == GUARD_HARD
    outputs = image.OUT_ISLAND | image.OUT_BOND | image.OUT_ENABLE | image.OUT_LOADS
    return SimpleNamespace(
        can_own_contactor=guarded and described.has_outputs(image.OUT_CONTACTOR),
        can_island=guarded and islands and described.has_outputs(outputs),
    )


def circuit(name: str) -> Circuit:
    """The circuit board as the firmware unpacks it."""
    boards = packed().BOARDS
    if name not in boards:
        known = ", ".join(sorted(boards))
        raise FlashError(f"CIRCUIT: {name} is not one of {known}", "name one of firmware/boards")
    return Circuit(boards[name])


def packed() -> ModuleType:
    """islet_data, as `make run` packs it."""
    if str(DATA) not in sys.path:
        sys.path.append(str(DATA))
    return importlib.import_module("islet_data")
