# islet: the file that a Pico's boot loader takes by drag and drop.
# GPL-3.0-or-later
"""UF2: 512-byte blocks that say themselves where they go, so that they may come in any order
(https://github.com/microsoft/uf2, header of eight words, 476 bytes of data, a closing word)."""

from __future__ import annotations

import struct

MAGIC = 0x0A32_4655, 0x9E5D_5157
MAGIC_END = 0x0AB1_6F30
FAMILY_PRESENT = 0x2000
PAYLOAD = 256  # a flash page, as the RP2040's boot ROM requires
DATA = 476
FLASH_START = 0x1000_0000
FAMILY_RP2040 = 0xE48B_FF56


def convert(image: bytes, start: int = FLASH_START, family: int = FAMILY_RP2040) -> bytes:
    """`image`, whose first byte belongs at address `start`, as UF2; zeros fill the last page."""
    count = -(-len(image) // PAYLOAD)
    blocks = []
    for number in range(count):
        at = number * PAYLOAD
        head = struct.pack(
            "<8I", *MAGIC, FAMILY_PRESENT, start + at, PAYLOAD, number, count, family
        )
        data = image[at : at + PAYLOAD].ljust(DATA, b"\0")
        blocks.append(head + data + struct.pack("<I", MAGIC_END))
    return b"".join(blocks)
