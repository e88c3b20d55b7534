# islet: the flash of a chip before its first start: image, file system, empty records.
# GPL-3.0-or-later
"""2 MB, as tools/image/boards lays them out: code up to 896 kB, then the file system that
the firmware mounts at `/`, then the ledger's raw records. What is empty is erased: ones."""

from __future__ import annotations

from collections.abc import Mapping

import littlefs

FLASH_BYTES = 2 << 20
CODE_BYTES = FILES_BYTES = 896 << 10
BLOCK_BYTES = 4096  # a sector: what is erased at once
PROGRAM_BYTES = 256  # a page; MicroPython's VfsLfs2 is mounted with this progsize
READ_BYTES = LOOKAHEAD_BYTES = 32  # VfsLfs2's defaults


class FlashError(ValueError):
    """Something does not fit."""


def file_system(files: Mapping[str, bytes]) -> bytes:
    """A littlefs (version 2.0 on disk, which every MicroPython mounts) with these files."""
    made = littlefs.LittleFS(
        block_size=BLOCK_BYTES,
        block_count=FILES_BYTES // BLOCK_BYTES,
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
        raise FlashError(f"files of {total} bytes, allowed {FILES_BYTES}: {error}") from None
    return bytes(made.context.buffer)


def whole(image: bytes, files: Mapping[str, bytes], ledger: bytes = b"") -> bytes:
    """The whole flash with this image, these files and what stands in the ledger."""
    if len(image) > CODE_BYTES:
        raise FlashError(f"image of {len(image)} bytes, allowed {CODE_BYTES}")
    code = image.ljust(CODE_BYTES, b"\xff")
    return (code + file_system(files) + ledger).ljust(FLASH_BYTES, b"\xff")
