# islet: the firmware as the host's interpreter runs it: its constants folded, as in an image.
# GPL-3.0-or-later
"""`ready()` is the folder to put first in the interpreter's path, made anew when a source changed.
Unlike in an image every constant keeps its name, for scripts that are not folded."""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
from pathlib import Path

from tools.image import constants, fold
from tools.workshop import CACHE, ROOT

TARGET = CACHE / "folded"
PROGRAMS = ("boot.py", "main.py")


def ready() -> Path:
    """The folder, up to date; two at once wait for each other."""
    stamp = TARGET / "stamp"
    TARGET.mkdir(parents=True, exist_ok=True)
    with (TARGET / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        key = _key()
        if not stamp.exists() or stamp.read_text() != key:
            fold.folder.cache_clear()  # of a process that outlives an edit
            fold.tree(ROOT / "firmware", TARGET / "firmware", keep=True)
            for name in PROGRAMS:
                shutil.copyfile(ROOT / name, TARGET / name)
            stamp.write_text(key)
    return TARGET


def _key() -> str:
    """Of every source's path, size and time."""
    digest = hashlib.sha256()
    sources = [*(ROOT / "firmware").rglob("*.py"), *(ROOT / name for name in PROGRAMS)]
    for path in sorted([*sources, Path(fold.__file__), Path(constants.__file__)]):
        state = path.stat()
        digest.update(f"{path}\0{state.st_size}\0{state.st_mtime_ns}\0".encode())
    return digest.hexdigest()


def path(*more: Path) -> str:
    """MICROPYPATH: the folded firmware, its data, lib, and what else is asked for, before them."""
    places = [*more, ready(), CACHE / "data", ROOT, ROOT / "lib"]
    return os.pathsep.join([*map(str, places), ".frozen"])
