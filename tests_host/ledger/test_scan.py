# islet: what a start finds in a ring is what a look at every record finds.
# GPL-3.0-or-later
from __future__ import annotations

import random

import pytest

from firmware.ledger.ring import SMALL, Ring, decode, encode, topic
from tests_host.ledger.flash import Flash, blank

SECTORS = 24


def looked_at(flash: Flash) -> tuple[dict[int, tuple[int, int]], int]:
    """Topic -> (slot, sequence) of the newest whole record, and the newest of all."""
    newest: dict[int, tuple[int, int]] = {}
    for slot in range(flash.size // SMALL):
        record = decode(flash.read(slot * SMALL, SMALL))
        if record:
            of = topic(record[1], record[2])
            if of not in newest or record[0] > newest[of][1]:
                newest[of] = slot, record[0]
    return newest, max((sequence for _, sequence in newest.values()), default=0)


@pytest.mark.parametrize("topics", [1, 5, 150])
@pytest.mark.parametrize("seed", range(30))
def test_the_newest_is_found_among_torn_and_foreign_bytes(seed: int, topics: int) -> None:
    die = random.Random(seed)
    flash = Flash(blank(SECTORS))
    slots = flash.size // SMALL
    first = die.randrange(slots)
    for i in range(die.randrange(slots)):
        of = die.randrange(topics)
        data = bytearray(encode(1 + of % 7, of, 1 + i, 0, (i, 0, 0, 0), SMALL))
        if die.random() < 0.1:
            data[die.randrange(SMALL)] ^= 1 << die.randrange(8)
        at = (first + i) % slots * SMALL
        flash.data[at : at + SMALL] = data
    ring = Ring(flash, 0, SECTORS, 2, SMALL)
    newest, last = looked_at(flash)
    sequences = {topic(record[1], record[2]): record[0] for record in ring.latest()}
    assert {of: (ring.place(of), sequence) for of, sequence in sequences.items()} == newest
    assert ring.sequence == last


def test_bytes_that_are_no_record_are_told_from_none() -> None:
    flash = Flash(blank(SECTORS))
    assert not Ring(flash, 0, SECTORS, 2, SMALL).dirty
    flash.data[5 * SMALL] = 0xA5
    assert Ring(flash, 0, SECTORS, 2, SMALL).dirty


def test_a_new_sector_is_known_to_be_erased_by_few_reads() -> None:
    """Slot by slot it took 8 ms on a chip, in the step of control that had something to keep."""
    flash = Flash(blank(SECTORS))
    ring = Ring(flash, 0, SECTORS, 2, SMALL)
    reads: list[int] = []
    read = flash.read
    flash.read = lambda at, size: reads.append(at) or read(at, size)  # type: ignore[method-assign]
    assert ring.append(1, 0, (1, 2, 3, 4))
    assert len(reads) <= flash.sector // 256 + 1 < flash.sector // SMALL
