# islet: the site's configuration, checked on the PC by the code that will check it on the board.
# GPL-3.0-or-later
from __future__ import annotations

import importlib
import json
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

from firmware.chips.circuit import Circuit, Rights
from tools.flash import FlashError
from tools.flash.boards import Board
from tools.pack import PackError
from tools.site import own
from tools.workshop import CACHE

PATH = "/site.json"  # on the board
KEY = "/installer.key"  # on the board
DATA = CACHE / "data"


def check(path: Path, board: Board, key: bytes = b"") -> tuple[bytes, list[str]]:
    """What to write, sealed by the installer's key where it is given, and the warnings.

    FlashError names every field that the board would refuse."""
    try:
        content = path.read_bytes()
    except OSError as error:
        raise FlashError(f"SITE: {path}: {error.strerror}", "name your site's file") from None
    content = own_packed(content)
    if key:
        content = sealed(content, key)
    config = loaded(content, board.circuit, board.network, key)
    if config.errors:
        listed = "".join(f"\n    {error}" for error in config.errors)
        raise FlashError(
            f"{path} is refused for the circuit board {board.circuit}:{listed}", "mend it"
        )
    return content, config.warnings


def loaded(content: bytes, board: str, network: bool = False, key: bytes = b"") -> Any:
    """What the firmware's own loader makes of it on this circuit board; a firmware Config."""
    content = own_packed(content)
    packed()
    config = importlib.import_module("firmware.config")
    image = importlib.import_module("firmware.image")
    return config.load(content, image.Image(), Rights(circuit(board), network, key))


def own_packed(content: bytes) -> bytes:
    """The site as the box takes it: its own profiles packed."""
    try:
        return own.packed(content)
    except PackError as error:
        raise FlashError(f"SITE: {error}", "mend that field (docs/devices.md)") from None


def sealed(content: bytes, key: bytes) -> bytes:
    """The site with the seal over what is weaker in it than the rules; as it is when nothing is,
    or when it is no configuration at all."""
    packed()
    seal = importlib.import_module("firmware.config.seal")
    config = loaded(content, "host", True)
    if config.errors or not config.weaker:
        return content
    document = json.loads(content)
    document["installer"] = {"seal": seal.made(key, config.weaker)}
    return json.dumps(document, indent=2, ensure_ascii=False).encode()


def circuit(name: str) -> Circuit:
    """The circuit board as the firmware unpacks it."""
    boards = packed().CIRCUITS
    if name not in boards:
        known = ", ".join(sorted(boards))
        raise FlashError(f"CIRCUIT: {name} is not one of {known}", "name one of firmware/circuits")
    return Circuit(boards[name])


def packed() -> ModuleType:
    """islet_data, as `make run` packs it."""
    if str(DATA) not in sys.path:
        sys.path.append(str(DATA))
    return importlib.import_module("islet_data")
