# islet: how the flash is divided between code, files and records, by image; flash.json has it.
# GPL-3.0-or-later
from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

TABLE = Path(__file__).with_name("flash.json")
SECTOR = 4096  # is erased at once
# In the old place of a file system that was moved (islet_move.py); every image that has its files
# in the new place looks for it there (islet_storage.py), also one that moves none.
MOVED = b"moved   littlefs"
MOVER = b"islet_move.py\0"  # named in an image that moves files
_KB = 1024


@dataclass(frozen=True)
class Layout:
    """Bytes; what follows what is the order of the fields."""

    whole: int
    start: int  # an ESP32's boot loader and table of partitions
    code: int
    files: int
    records: int  # raw; `ahead` of them, the first, are for what comes
    ahead: int
    files_before: int  # address of the file system of images of before, 0 where there were none
    moves: bool  # the image moves the files from there

    def __post_init__(self) -> None:
        if self.start + self.code + self.files + self.records != self.whole:
            raise ValueError(f"{TABLE.name}: the parts are not the whole: {self}")
        if any(size % SECTOR for key, size in vars(self).items() if key != "moves"):
            raise ValueError(f"{TABLE.name}: a part is no whole number of sectors: {self}")
        if self.ahead >= self.records or not self.moves <= self.files_before < self.files_at:
            raise ValueError(f"{TABLE.name}: {self}")

    @property
    def files_at(self) -> int:
        return self.start + self.code

    @property
    def records_at(self) -> int:
        return self.files_at + self.files

    @property
    def size_before(self) -> int:
        """Of the file system of images of before; what is ahead of the records was in it."""
        return self.records_at + self.ahead - self.files_before

    @property
    def code_now(self) -> int:
        """What the code may take as long as it moves files out of its end."""
        return (self.files_before if self.moves else self.files_at) - self.start


def _read() -> dict[str, Layout]:
    rows = json.loads(TABLE.read_text(encoding="utf-8"))["layouts"]
    return {
        name: Layout(moves=row.pop("moves"), **{key: size * _KB for key, size in row.items()})
        for name, row in rows.items()
    }


def is_new(image: bytes, layout: Layout) -> bool:
    """Whether an image has the files where the table says, and not where they were before."""
    return not layout.files_before or MOVED in image or len(image) > layout.files_before


LAYOUTS = _read()
LAYOUTS["eight"] = LAYOUTS["pico"]  # is measured, not flashed
