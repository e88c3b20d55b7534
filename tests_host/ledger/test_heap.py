# islet: a topic that comes later takes no heap.
# GPL-3.0-or-later
from __future__ import annotations

from tests_host.conftest import RunDevice

SCRIPT = """
import gc
from firmware.ledger.ring import SMALL, Ring
class Flash:
    sector = 4096
    def __init__(self):
        self.data = bytearray(b"\\xff" * 16384)
    def read(self, at, count):
        return bytes(self.data[at : at + count])
    def program(self, at, data):
        self.data[at : at + len(data)] = data
ring = Ring(Flash(), 0, 4, 2, SMALL, 24)
def lives(first, last):
    for of in range(first, last):
        assert ring.append(1, of, (of, -of, 0, 1))
    gc.collect()
    return gc.mem_alloc()
before = 0
lives(0, 1)
before = lives(1, 2)
print(lives(2, 24) - before, len(ring.rows), lives(24, 60) > before)
"""


def test_topics_take_no_heap_until_there_are_more_than_was_said(run_device: RunDevice) -> None:
    grown, topics, more = run_device(SCRIPT).split()
    assert (int(grown), topics, more) == (0, "24", "True")
