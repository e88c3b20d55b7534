# islet: how much of the chip's heap each room takes by being imported, on the emulated chip.
# GPL-3.0-or-later
from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
import tempfile
from collections.abc import Iterable
from pathlib import Path

from tools.image.rooms import room_of
from tools.micropython.sources import BuildError
from tools.workshop import CACHE, ROOT

NEEDED = (
    ROOT / "tools" / "rp2040" / "chip.mjs",
    CACHE / "rp2040" / "bootrom.bin",
    CACHE / "node" / "node_modules" / "rp2040js",
)
LIMIT_S = 120
# Packages first, then what all rooms import, so that each room pays for its own only.
ORDER = (
    "libs",
    "data",
    "base",
    "core",
    "guard",
    "sense",
    "bus",
    "drivers",
    "ledger",
    "policy",
    "people",
    "access",
    "lan",
    "net",
    "chips",
)
SHARED = ("firmware", "firmware.image")
AT_START = ("_boot", "boot", "main", "islet_storage")
SELDOM = ("islet_move",)  # let go as soon as it has worked

# A Pico has no socket; the network rooms load over a stub of that name.
SCRIPT = """
import gc, json, sys
for name in ("socket", "usocket"):
    try:
        __import__(name)
    except ImportError:
        sys.modules[name] = type("Stub", (), {})()
def free():
    gc.collect()
    gc.collect()
    return gc.mem_free()
taken = {}
before = free()
for room, names in ROOMS:
    for name in names:
        __import__(name)
    after = free()
    taken[room] = taken.get(room, 0) + before - after
    before = after
print(json.dumps({"rooms": taken, "free": before, "all": before + gc.mem_alloc()}))
"""


def missing() -> str:
    """Why nothing can be measured here, "" when it can."""
    if shutil.which("node") is None:
        return "node is not installed"
    absent = [path.name for path in NEEDED if not path.exists()]
    return f"the emulated chip is not set up (no {', '.join(absent)})" if absent else ""


def modules(files: Iterable[str]) -> list[tuple[str, list[str]]]:
    """(room, its modules) in the order of import, from the names of an image's files."""
    rooms: dict[str, list[str]] = {}
    for file in files:
        name = file.removesuffix(".py").replace("/", ".").removesuffix(".__init__")
        if name not in (*AT_START, *SELDOM, "uasyncio"):
            rooms.setdefault(room_of(file), []).append(name)
    app = rooms.pop("app", [])
    shared = [name for name in SHARED if name in app]
    unknown = sorted(set(rooms) - set(ORDER))
    order = [(room, rooms[room]) for room in (*ORDER, *unknown) if room in rooms]
    order.insert(3, ("app", shared))
    return [*order, ("app", [name for name in app if name not in shared])]


def measure(firmware: Path, files: Iterable[str]) -> dict[str, int]:
    """Bytes of heap by room; remembered beside the image as long as that is the same."""
    record = firmware.with_name("heap.json")
    digest = hashlib.sha256(firmware.read_bytes()).hexdigest()
    if record.exists() and (known := json.loads(record.read_text()))["sha256"] == digest:
        return known["rooms"]
    found = run(firmware, f"ROOMS = {modules(files)!r}\n{SCRIPT}")
    try:
        measured = json.loads(found.splitlines()[-1])
    except (IndexError, ValueError):
        raise BuildError(f"the emulated chip did not say its heap but {found!r}") from None
    record.write_text(json.dumps({"sha256": digest, **measured}))
    return measured["rooms"]


def run(firmware: Path, *scripts: str) -> str:
    """What scripts print on the emulated chip, a soft start before each."""
    with tempfile.TemporaryDirectory() as folder:
        paths = [Path(folder) / f"{number}.py" for number in range(len(scripts))]
        for path, script in zip(paths, scripts, strict=True):
            path.write_text(script)
        command = ["node", ROOT / "tools" / "rp2040" / "onchip.mjs", firmware, *paths]
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=LIMIT_S, check=False
        )
    if done.returncode:
        raise BuildError(f"on the emulated chip: {done.stderr.strip()}")
    return done.stdout
