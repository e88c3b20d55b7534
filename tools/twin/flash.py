# islet: the flash of a chip before its first start: image, file system, empty records.
# GPL-3.0-or-later
"""2 MB, as tools/image/flash.json divides them: code, the file system that the firmware mounts at
`/`, the ledger's raw records. What is empty is erased: ones. Where images of before have the file
system lies what a box has there after its first start, so that this one is as any later."""

from __future__ import annotations

from collections.abc import Mapping

import littlefs

from tools.image.flash import LAYOUTS, MOVED, MOVER, SECTOR, is_new

LAYOUT = LAYOUTS["pico"]
PROGRAM_BYTES = 256  # a page; MicroPython's VfsLfs2 is mounted with this progsize
READ_BYTES = LOOKAHEAD_BYTES = 32  # VfsLfs2's defaults


class FlashError(ValueError):
    """Something does not fit."""


def file_system(files: Mapping[str, bytes], size: int = LAYOUT.files) -> bytes:
    """A littlefs (version 2.0 on disk, which every MicroPython mounts) with these files."""
    made = littlefs.LittleFS(
        block_size=SECTOR,
        block_count=size // SECTOR,
        prog_size=PROGRAM_BYTES,
        read_size=READ_BYTES,
        lookahead_size=LOOKAHEAD_BYTES,
        cache_size=PROGRAM_BYTES,
        disk_version=0x00020000,
    )
    try:
        for path, data in files.items():
            folder = path.strip("/").rpartition("/")[0]
            if folder:
                made.makedirs(folder, exist_ok=True)
            with made.open(path, "wb") as file:
                file.write(data)
    except littlefs.LittleFSError as error:
        total = sum(map(len, files.values()))
        raise FlashError(f"files of {total} bytes, allowed {size}: {error}") from None
    return bytes(made.context.buffer)


def whole(image: bytes, files: Mapping[str, bytes], ledger: bytes = b"") -> bytes:
    """The whole flash with this image, these files and what stands in the ledger."""
    most = LAYOUT.code_now if MOVER in image else LAYOUT.code
    if len(image) > most:
        raise FlashError(f"image of {len(image)} bytes, allowed {most}")
    parts = {0: image, LAYOUT.records_at + LAYOUT.ahead: ledger}
    if is_new(image, LAYOUT):
        parts[LAYOUT.files_at] = file_system(files)
        if len(image) <= LAYOUT.files_before:  # a larger one lies there itself, and moves nothing
            parts |= {LAYOUT.files_before + block: MOVED for block in (0, SECTOR)}
    else:  # an image of before, to compare with
        parts[LAYOUT.files_before] = file_system(files, LAYOUT.size_before)
    return flash_of(parts)


def flash_of(parts: Mapping[int, bytes]) -> bytes:
    """The whole flash with what lies at these addresses."""
    made = bytearray(b"\xff" * LAYOUT.whole)
    for at, data in parts.items():
        made[at : at + len(data)] = data
    return bytes(made)
