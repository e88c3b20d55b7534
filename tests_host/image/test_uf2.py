"""UF2, read back by a parser that knows the format's description only."""

from __future__ import annotations

import random
import struct
import zlib
from itertools import pairwise

import pytest

from tools.image import uf2
from tools.image.images import REFERENCE


def parse(data: bytes) -> tuple[int, int, bytes]:
    """(start address, family, content); the format's description, step by step."""
    assert len(data) % 512 == 0
    blocks = []
    for at in range(0, len(data), 512):
        block = data[at : at + 512]
        assert block[:4] == b"UF2\n"
        assert block[4:8].hex() == "57515d9e"
        assert block[508:].hex() == "306fb10a"
        flags, address, size, number, count, family = struct.unpack("<6I", block[8:32])
        assert flags & 0x2000, "no family"
        assert not flags & 0x1, "marked as not for the flash"
        assert size == 256 and address % 256 == 0, "the RP2040's boot ROM takes whole pages only"
        assert number == at // 512 and count == len(data) // 512
        assert not any(block[32 + size : 508])
        blocks.append((address, family, block[32 : 32 + size]))
    assert all(right[0] - left[0] == 256 for left, right in pairwise(blocks))
    assert len({family for _, family, _ in blocks}) == 1
    return blocks[0][0], blocks[0][1], b"".join(block for _, _, block in blocks)


@pytest.mark.parametrize("length", [1, 255, 256, 257, 5000])
def test_what_goes_in_comes_out(length: int) -> None:
    image = random.Random(length).randbytes(length)
    start, family, content = parse(uf2.convert(image))
    assert (start, family) == (0x10000000, 0xE48BFF56)
    assert content == image + bytes(-length % 256)


def test_the_parser_sees_a_wrong_block() -> None:
    good = bytearray(uf2.convert(bytes(600)))
    for at in (0, 4, 12, 16, 20, 24, 508):
        bad = bytearray(good)
        bad[512 + at] ^= 0x40
        with pytest.raises(AssertionError):
            parse(bytes(bad))


def test_the_image_built_is_the_image_flashed() -> None:
    binary = (REFERENCE.folder / "firmware.bin").read_bytes()
    start, _, content = parse((REFERENCE.folder / "firmware.uf2").read_bytes())
    assert start == 0x10000000
    same = content[: len(binary)] == binary  # by itself: -vv would compare 700 kB, for minutes
    assert same and not any(content[len(binary) :])


def test_the_boot_rom_accepts_the_second_stage() -> None:
    """It runs the first 252 bytes only if the CRC-32 behind them is right (data sheet, 2.8.1)."""
    binary = (REFERENCE.folder / "firmware.bin").read_bytes()
    mirrored = bytes(int(f"{byte:08b}"[::-1], 2) for byte in binary[:252])
    crc = int(f"{zlib.crc32(mirrored) ^ 0xFFFFFFFF:032b}"[::-1], 2)
    assert crc == int.from_bytes(binary[252:256], "little")
