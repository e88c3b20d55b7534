# islet: what IMAGE= and CIRCUIT= name: an image of tools/image, and the circuit board it is for.
# GPL-3.0-or-later
from __future__ import annotations

import ast
from dataclasses import dataclass
from pathlib import Path

from tools.flash import FlashError
from tools.image.images import IMAGES, Image

FAMILIES = {"rp2": "rp2", "esp32": "esp32"}  # port of MicroPython -> who it is on the USB


@dataclass(frozen=True)
class Board:
    name: str  # of the image
    circuit: str
    family: str
    arch: str  # as mpy-cross calls it
    image: Path
    network: bool = False

    def make(self) -> str:
        """The command that builds the image."""
        return f"make image IMAGE={self.name} CIRCUIT={self.circuit}"


def named(name: str, circuit: str = "", image: str = "") -> Board:
    """The board of an image; its file is `image`, or where `make image` leaves it."""
    if name not in IMAGES:
        raise FlashError(f"IMAGE: {name} is not one of {', '.join(IMAGES)}", "name one of these")
    row = IMAGES[name]
    made = "" if image else packed_for(row)
    path = Path(image) if image else row.folder / "firmware.bin"
    board = Board(
        name, circuit or made or row.circuit, FAMILIES[row.port], row.arch, path, row.network
    )
    if circuit and made and circuit != made:
        raise FlashError(f"{path} was built for the circuit board {made}", board.make())
    return board


def packed_for(image: Image) -> str:
    """The circuit board that an image was built for; "" when there is none yet."""
    data = image.data
    if data.exists():
        for node in ast.parse(data.read_text()).body:
            if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "CIRCUIT":
                return str(ast.literal_eval(node.value))
    return ""
