"""islet_storage on a volume in memory: mounted, formatted when new, left alone when damaged."""

from __future__ import annotations

from tests_host.conftest import ROOT, RunDevice

FROZEN = ROOT / "tools" / "image" / "frozen"
VOLUME = """
import os, vfs
import islet_storage

class Volume:
    def __init__(self, blocks, fill):
        self.data = bytearray(bytes([fill]) * (blocks * 512))
    def readblocks(self, n, buffer, offset=0):
        at = n * 512 + offset
        buffer[:] = self.data[at : at + len(buffer)]
    def writeblocks(self, n, buffer, offset=None):
        at = n * 512 + (offset or 0)
        self.data[at : at + len(buffer)] = buffer
    def ioctl(self, op, arg):
        if op == 4:
            return len(self.data) // 512
        if op == 5:
            return 512
        if op == 6:
            self.data[arg * 512 : arg * 512 + 512] = b"\\xff" * 512
            return 0

def again(volume):
    vfs.umount("/")
    islet_storage.trouble = ""
    islet_storage.start(volume, progsize=64)
    print(repr(islet_storage.trouble))
"""


def test_a_new_volume_is_formatted_once(run_device: RunDevice) -> None:
    """New means erased, or whatever an earlier image left there."""
    script = """
for fill in (0xff, 0x00, 0x5a):
    volume = Volume(64, fill)
    again(volume)
    with open("/site.json", "w") as file:
        file.write("{}")
    again(volume)
    print(os.listdir("/"))
"""
    expected = ["''", "''", "['site.json']"] * 3
    assert run_device(VOLUME + script, FROZEN).splitlines() == expected


def test_a_damaged_volume_is_left_as_it_is(run_device: RunDevice) -> None:
    script = """
volume = Volume(64, 0xff)
again(volume)
for block in (0, 1):
    at = block * 512
    volume.data[at + 32 : at + 64] = bytes(32)
kept = bytes(volume.data)
again(volume)
print(bytes(volume.data) == kept)
"""
    said = run_device(VOLUME + script, FROZEN).splitlines()
    assert said[0] == "''" and said[2] == "True"
    assert said[1] == "'no file system: it is damaged, and not formatted anew by itself'"


def test_a_volume_too_small_does_not_stop_the_start(run_device: RunDevice) -> None:
    said = run_device(VOLUME + "again(Volume(1, 0xff))\nprint('on')", FROZEN).splitlines()
    assert said[0].startswith("'no file system: ") and said[1] == "on"
