"""The image as built by setup: what is in it, and how it starts on the emulated chip."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path

import pytest

from firmware.ledger.ring import encode
from tools.image import flash, heap, rooms
from tools.image.images import HERE, IMAGES, REFERENCE
from tools.micropython.sources import ROOT
from tools.twin.flash import file_system, flash_of

FIRMWARE = REFERENCE.folder / "firmware.bin"
LAYOUT = """
import gc, json, os, sys
import islet_data, islet_storage
block, fragment, blocks = os.statvfs("/")[:3]
import rp2
print(json.dumps({
    "path": sys.path,
    "version": sys.implementation.version,
    "board": sys.implementation._machine,
    "circuit": islet_data.CIRCUIT,
    "files": block * blocks,
    "storage": len(memoryview(rp2.Flash())),
    "trouble": islet_storage.trouble,
    "heap": gc.mem_free() + gc.mem_alloc(),
}))
"""
# Somebody leaves files with our names; at the next start nothing may come from them.
SHADOW = """
import os
for name in ("islet_data", "islet_storage", "boot", "asyncio"):
    with open(name + ".py", "w") as file:
        file.write("SHADOW = True\\n")
os.mkdir("/firmware")
with open("/firmware/__init__.py", "w") as file:
    file.write("SHADOW = True\\n")
with open("own.py", "w") as file:
    file.write("SHADOW = True\\n")
"""
LOOK = """
import asyncio, firmware, islet_data, islet_storage, os, own
for module in (asyncio, firmware, islet_data, islet_storage, own):
    print(module.__name__, hasattr(module, "SHADOW"))
print(sorted(os.listdir("/")))
"""
# The second block of the file system's two superblocks too, or littlefs would mend it.
DAMAGE = """
import rp2
flash = rp2.Flash(start=256 * 1024)
page = bytearray(4096)
for block in (0, 1):
    flash.readblocks(block, page)
    page[32:64] = bytes(32)
    flash.writeblocks(block, page)
"""
AFTER = """
import islet_storage, rp2
print(islet_storage.trouble, bytes(memoryview(rp2.Flash())[256 * 1024 + 8 :][:8]))
"""


def on_chip(*scripts: str) -> str:
    if why_not := heap.missing():
        pytest.fail(f"{why_not}; `make test` sets it up")
    return heap.run(FIRMWARE, *scripts)


def test_the_files_are_in_the_image() -> None:
    binary = FIRMWARE.read_bytes()
    for name in rooms.frozen(REFERENCE.folder / "build"):
        assert name.encode() + b"\0" in binary, name
    for name in ("_boot.py", "main.py", "firmware/app.py", "umqtt/simple.py", "islet_data.py"):
        assert name.encode() + b"\0" in binary, name
    assert b"firmware/chips/host.py" not in binary


def test_the_image_fits_and_names_no_folder_of_this_machine() -> None:
    """Otherwise the same sources gave another image elsewhere, and nobody could compare."""
    binary = FIRMWARE.read_bytes()
    assert len(binary) < REFERENCE.flash.code_now
    assert str(ROOT).encode() not in binary


@pytest.mark.parametrize("name", ["pico", "pico_eth"])
def test_the_built_image_is_known_to_have_its_files_where_the_table_says(name: str) -> None:
    """Also one that moves none: else a board's files were written where it does not look."""
    image = IMAGES[name]
    assert image.flash.files_before
    assert flash.is_new((image.folder / "firmware.bin").read_bytes(), image.flash)


def test_layout_on_the_chip() -> None:
    said = json.loads(on_chip(LAYOUT))
    assert said["path"] == [".frozen", "", "/lib"]
    assert said["version"][:2] == [1, 25] and said["board"] == "islet Pico with RP2040"
    assert said["circuit"] == "pico" and said["trouble"] == ""
    assert said["storage"] == 1152 * 1024
    assert said["files"] == REFERENCE.flash.files == 512 * 1024, "the rest is the ledger's"
    assert said["heap"] > rooms.memory()["heap"]["whole"]


def test_no_file_shadows_the_firmware() -> None:
    lines = on_chip(SHADOW, LOOK).splitlines()
    assert lines[:-1] == [
        "asyncio False",
        "firmware False",
        "islet_data False",
        "islet_storage False",
        "own True",
    ]
    assert "'firmware'" in lines[-1]


def test_a_damaged_file_system_is_not_formatted() -> None:
    said = on_chip(DAMAGE, AFTER)
    assert "no file system: it is damaged" in said and "littlefs" in said


MOVED = """
import islet_storage, json, os, rp2, sys
from firmware.chips.rp2_flash import RecordFlash
from firmware.ledger.ring import Ring
flash = memoryview(rp2.Flash())
with open("/site.json") as file:
    site = file.read()
print(json.dumps({
    "site": site,
    "files": sorted(os.listdir("/")),
    "size": os.statvfs("/")[2] * 4096,
    "record": max(Ring(RecordFlash(), 0, 16, 1).latest())[4],
    "trouble": islet_storage.trouble,
    "mover": "islet_move" in sys.modules,
    "signed": [bytes(flash[at : at + 16]).decode() for at in (0, 4096)],
    "ahead": max(flash[768 * 1024 : 896 * 1024]) == min(flash[768 * 1024 : 896 * 1024]) == 255,
}))
"""


def test_a_box_of_before_keeps_site_and_records(tmp_path: Path) -> None:
    """Its flash as an image with the old layout has left it, under this image."""
    layout = REFERENCE.flash
    site = json.dumps({"name": "kept", "note": "x" * 5000})
    files = {"site.json": site.encode(), "mine/notes": b"n" * 9000}
    values = (1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11)
    parts = {
        0: FIRMWARE.read_bytes(),
        layout.records_at + layout.ahead: encode(1, 0, 1, 0, values),
    }
    parts[layout.files_before] = file_system(files, layout.size_before)
    box = tmp_path / "box.bin"
    box.write_bytes(flash_of(parts))
    said = json.loads(heap.run(box, MOVED))
    assert said == {
        "site": site,
        "files": ["mine", "site.json"],
        "size": layout.files,
        "record": list(values),
        "trouble": "",
        "mover": False,
        "signed": [flash.MOVED.decode()] * 2,
        "ahead": True,
    }


def test_machine_code_begins_at_a_multiple_of_four() -> None:
    """Elsewhere the RP2040 reads the constants above 16 bits beside their place, in silence."""
    nm = ["arm-none-eabi-nm", str(REFERENCE.folder / "firmware.elf")]
    listed = subprocess.run(nm, capture_output=True, text=True, check=True).stdout
    rows = [line.split() for line in listed.splitlines() if " fun_data_" in line]
    places = {kind: [int(at, 16) for at, k, _ in rows if k == kind] for kind in "tr"}
    assert len(places["t"]) > 30, "machine code lies in the text section"
    assert [hex(at) for at in places["t"] if at % 4] == []
    assert any(at % 4 for at in places["r"]), "bytecode lies anywhere, so the check can fail"


def test_no_heap_is_in_the_stacks() -> None:
    """Interrupts run Python on them, one upon another (tests_host/rp2040/test_trips.py)."""
    nm = ["arm-none-eabi-nm", str(REFERENCE.folder / "firmware.elf")]
    listed = subprocess.run(nm, capture_output=True, text=True, check=True).stdout
    at = {row[2]: int(row[0], 16) for row in map(str.split, listed.splitlines()) if len(row) == 3}
    assert at["__StackTop"] - at["__StackBottom"] == 8 * 1024
    frames = re.search(r"FRAMES \((\d+)\)", (HERE / "boards" / "frames.c").read_text())
    assert frames
    said = json.loads(on_chip(LAYOUT))
    assert said["heap"] <= at["__StackBottom"] - int(frames[1]) - at["__GcHeapStart"]


def in_ram() -> set[str]:
    """What the linker's map has of sections named to be copied into RAM, and did put there."""
    text = (REFERENCE.folder / "build" / "firmware.elf.map").read_text()
    found = re.findall(r"^ \.time_critical\.(\S+)\s+0x([0-9a-f]+)\s+0x[0-9a-f]+ ", text, re.M)
    return {name for name, at in found if 0x20000000 <= int(at, 16) < 0x20042000}


def test_the_interpreter_runs_from_ram() -> None:
    """A name that a new compiler or MicroPython has no more would stay in the flash in silence."""
    listed = (HERE / "boards" / "in_ram.txt").read_text().splitlines()
    names = {name.lstrip("-") for row in listed if row[:1] != "#" for name in row.split()[1:]}
    for file in ("fast.c", "mark.c", "look.S", "sweep.c"):
        text = (HERE / "boards" / file).read_text()
        found = re.findall(r"(?<!define )FAST\((\w+)\) |\.time_critical\.(\w+)", text)
        assert found, file
        names |= {fast or section for fast, section in found}
    assert {"mp_execute_bytecode", "gc_look", "gc_sweep", "gc_alloc", "mp_map_lookup"} <= names
    assert names - in_ram() == set()
    assert "mp_parse" not in in_ram(), "what is not listed is in the flash"


def test_what_runs_from_ram_costs_the_heap_no_more_than_was_said() -> None:
    command = ["arm-none-eabi-size", "-A", str(REFERENCE.folder / "firmware.elf")]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    rows = [line.split() for line in said.splitlines() if line.startswith(".")]
    sections = {name: int(size) for name, size, _ in rows}
    assert 14_000 < sections[".data"] <= 18_600  # 4.9 kB of it without in_ram.txt
