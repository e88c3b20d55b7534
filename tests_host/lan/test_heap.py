"""While nothing happens the network takes nothing of the heap."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests_host.conftest import RunDevice

SCRIPT = """
import micropython
from firmware.lan import w5500 as w
from firmware.local import mdns
from firmware.lan.group import Group
from firmware.lan.ethernet import Ethernet

class Spi:
    def init(self, baudrate):
        pass
    def write_readinto(self, frame, target):
        if frame[2] == 0:
            at = frame[1]
            target[3] = 255 if at == w.SIMR else 1 if at == w.PHYCFGR else 0
    def write(self, data):
        pass
    def readinto(self, target):
        pass

def pin(level=None):
    return 1

lan = Ethernet(w.W5500(Spi(), pin, 1, 2), pin, pin, b"123456", "islet", lambda n: b"0" * n)
lan.there = True
group = Group(lan)
ours = mdns.names(b"islet-1a2b", 80)
messages = [
    memoryview(mdns.build(b"islet-1a2b", b"abcd", 80)),
    memoryview(mdns.build(b"other", b"abce", 80)),
    memoryview(mdns.probe(b"islet-1a2b", b"abce")),
]
for number in (3, 4, 5, 6):
    lan.streams[number].listens = 80
    lan.streams[number].state = w.LISTENING
PLANTED
micropython.heap_lock()
for _ in range(50):
    lan._busy()
    lan._interrupt()
    for number in range(w.SOCKETS):
        lan._tick(number)
    group.ready
    for message in messages:
        mdns.judge(message, ours, b"abcd", 80)
micropython.heap_unlock()
print("linked", lan.linked)
"""


def test_nothing_is_allocated_while_nothing_happens(run_device: RunDevice, tmp_path: Path) -> None:
    assert "linked True" in run_device(SCRIPT.replace("PLANTED", ""), tmp_path)
    planted = SCRIPT.replace("PLANTED", "pin = lambda: [1]\nlan._interrupt = pin")
    with pytest.raises(AssertionError, match="MemoryError"):
        run_device(planted, tmp_path)
