"""A simulated flash that keeps a log of its writes, so a power loss can be put at any byte."""

from __future__ import annotations

import random
from collections.abc import Iterator


class Flash:
    """NOR flash in small sectors: programming clears bits, erasing sets them."""

    sector = 256  # four records: wraps and erases come soon

    def __init__(self, data: bytes) -> None:
        self.data = bytearray(data)
        self.size = len(data)
        self.log: list[tuple[int, bytes]] = []
        self.erases_allowed = True

    def read(self, offset: int, count: int) -> bytes:
        return bytes(self.data[offset : offset + count])

    def program(self, offset: int, data: bytes) -> None:
        for i, byte in enumerate(data):
            assert self.data[offset + i] & byte == byte, "programmed over what was not erased"
        self.data[offset : offset + len(data)] = data
        self.log.append((offset, bytes(data)))

    def erase(self, offset: int) -> None:
        assert self.erases_allowed, "INV-9: erased while energised"
        assert offset % self.sector == 0
        blank = b"\xff" * self.sector
        self.data[offset : offset + self.sector] = blank
        self.log.append((offset, blank))


def blank(sectors: int) -> bytes:
    return b"\xff" * (sectors * Flash.sector)


def cuts(start: bytes, log: list[tuple[int, bytes]], seed: int) -> Iterator[tuple[int, bytes]]:
    """(whole writes before the cut, the flash's content) for a cut at every byte of every write.

    The byte under way is left with some of its bits changed.
    """
    rng = random.Random(seed)
    data = bytearray(start)
    for number, (offset, written) in enumerate(log):
        for i, byte in enumerate(written):
            torn = bytearray(data)
            mask = rng.randrange(256)
            torn[offset + i] = (torn[offset + i] & ~mask) | (byte & mask)
            yield number, bytes(torn)
            data[offset + i] = byte
    yield len(log), bytes(data)
