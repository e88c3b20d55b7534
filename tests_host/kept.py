# islet: what tests make of files alone is kept, and made anew when one of them changes.
# GPL-3.0-or-later
"""A run in virtual time, a measurement on the emulated chip, a type check: the same inputs give
the same bytes, which other tests show. So the next `make test` takes them from .cache/kept, by a
digest of everything they depend on; what is asked of them is asked each time. Folders count whole,
so that nothing is forgotten. What nobody wants for two weeks goes; `make clean` removes it all."""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import pickle
import platform
import shutil
import subprocess
import time
import zlib
from collections.abc import Callable, Iterable
from functools import cache
from pathlib import Path
from typing import Any

from tools.workshop import ROOT

FOLDER = ROOT / ".cache" / "kept"
DAYS = 14
LEFT_OUT = {"__pycache__", ".git", ".cache", ".venv", "build"}
# What the firmware in its house is made of, but for its scenario.
HOUSE = (
    ROOT / "firmware", ROOT / "tools", ROOT / "lib", ROOT / "main.py", ROOT / "boot.py",
    ROOT / ".cache/data", ROOT / ".cache/bin/micropython", ROOT / "requirements.lock",
    ROOT / "requirements-days.lock", ROOT / "tests_host/whole.py",
    ROOT / "tests_host/people/truth",
)  # fmt: skip
# And the emulated chip, but for its flash.
CHIP = (
    ROOT / "tools/rp2040", ROOT / ".cache/node/node_modules/rp2040js",
    ROOT / ".cache/rp2040/bootrom.bin",
)  # fmt: skip


def digest(inputs: Iterable[object]) -> str:
    """Of files and folders by what is in them, of other values by their text."""
    found = hashlib.sha256(platform.python_version().encode())
    for value in inputs:
        if isinstance(value, Path):
            place = str(value)
            for path in sorted(_files(place)):
                found.update(path[len(place) :].encode() + b"\0" + _content(path))
        else:
            found.update(value if isinstance(value, bytes) else repr(value).encode())
        found.update(b"\0\0")
    return found.hexdigest()[:24]


def _files(place: str) -> Iterable[str]:
    """As text: a Path of each would take longer than all else."""
    if not os.path.isdir(place):
        assert os.path.exists(place), f"{place} is not there"
        yield place
        return
    for folder, folders, files in os.walk(place):
        folders[:] = sorted(set(folders) - LEFT_OUT)
        yield from (f"{folder}/{file}" for file in files)


_known: dict[str, tuple[int, int, bytes]] = {}


def _content(path: str) -> bytes:
    """The digest of a file, read again when it was written to."""
    now = os.stat(path)
    was = _known.get(path)
    if was is None or was[:2] != (now.st_mtime_ns, now.st_size):
        content = hashlib.sha256(Path(path).read_bytes()).digest()
        was = _known[path] = (now.st_mtime_ns, now.st_size, content)
    return was[2]


def kept(
    name: str,
    inputs: Iterable[object],
    make: Callable[[], Any],
    good: Callable[[Any], bool] = lambda made: True,
) -> Any:
    """What `make` gave for these inputs, or gives now, kept if it is `good`. Of several processes
    that want it at once, one makes it."""
    wanted = list(inputs)
    was = digest(wanted)
    place = FOLDER / f"{name}-{was}"
    FOLDER.mkdir(parents=True, exist_ok=True)
    with place.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with contextlib.suppress(OSError, zlib.error, pickle.PickleError, EOFError):
            made = pickle.loads(zlib.decompress(place.read_bytes()))
            os.utime(place)
            return made
        made = make()
        if good(made) and digest(wanted) == was:  # nobody has edited meanwhile
            fresh = place.with_suffix(f".{os.getpid()}")
            fresh.write_bytes(zlib.compress(pickle.dumps(made), 1))
            fresh.replace(place)
        place.with_suffix(".lock").unlink(missing_ok=True)
        return made


def tidy() -> None:
    """Take away what nobody has asked for in a while."""
    for path in FOLDER.glob("*"):
        with contextlib.suppress(OSError):
            if time.time() - path.stat().st_mtime > DAYS * 86_400:
                path.unlink()


@cache
def node() -> str:
    """The version of what runs the emulated chip."""
    program = shutil.which("node")
    assert program, "no node: apt-get install nodejs npm"
    return subprocess.run([program, "--version"], capture_output=True, text=True).stdout
