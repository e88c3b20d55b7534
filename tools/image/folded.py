# islet: the firmware as the host's interpreter runs it: its constants folded, as in an image.
# GPL-3.0-or-later
"""`ready()` is the folder to put first in the interpreter's path, made anew when a source changed.
Unlike in an image every constant keeps its name, for scripts that are not folded. It is compiled:
a start takes a tenth of the time that it takes from text."""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import subprocess
from concurrent.futures import ThreadPoolExecutor
from itertools import product
from pathlib import Path

from tools.image import constants, fold
from tools.workshop import CACHE, ROOT, SetupError

TARGET = CACHE / "folded"
TEXT = TARGET / "text"
PROGRAMS = ("boot.py", "main.py")
INTERPRETER, COMPILER = CACHE / "bin" / "micropython", CACHE / "bin" / "mpy-cross"
MACHINES = {1: "x86", 2: "x64"}  # of sys.implementation._mpy: whose machine code it loads
ASK = "import sys; print(sys.implementation._mpy >> 10 & 15)"


def ready() -> Path:
    """The folder, up to date; two at once wait for each other."""
    stamp = TARGET / "stamp"
    TARGET.mkdir(parents=True, exist_ok=True)
    with (TARGET / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        key = _key()
        if not stamp.exists() or stamp.read_text() != key:
            stamp.unlink(missing_ok=True)
            fold.folder.cache_clear()  # of a process that outlives an edit
            fold.tree(ROOT / "firmware", TEXT / "firmware", keep=True)
            compile_all(TEXT, TARGET)
            for name, folder in product(PROGRAMS, (TARGET, TEXT)):
                shutil.copyfile(ROOT / name, folder / name)
            stamp.write_text(key)
    return TARGET


def texts() -> Path:
    """The same folder before it is compiled, up to date."""
    ready()
    return TEXT


def compile_all(text: Path, target: Path) -> None:
    """What of the texts' firmware has changed, anew; as text where machine code is not loaded."""
    asked = subprocess.run([INTERPRETER, "-c", ASK], capture_output=True, text=True, check=True)
    machine = MACHINES.get(int(asked.stdout))
    said, made_by = f"{COMPILER.resolve()} {machine}", target / "compiler"
    if not made_by.exists() or made_by.read_text() != said:
        shutil.rmtree(target / "firmware", ignore_errors=True)
        made_by.write_text(said)
    suffix = ".mpy" if machine else ".py"
    wanted = {
        target / path.relative_to(text).with_suffix(suffix): path
        for path in (text / "firmware").rglob("*.py")
    }
    for path in (target / "firmware").rglob("*"):
        if path.is_file() and path not in wanted:
            path.unlink()

    def one(made: Path) -> None:
        source = wanted[made]
        if made.exists() and made.stat().st_mtime_ns == source.stat().st_mtime_ns:
            return
        made.parent.mkdir(parents=True, exist_ok=True)
        fresh = made.with_suffix(".new")
        name = source.relative_to(text).as_posix()  # in a traceback
        if machine:
            command = [COMPILER, f"-march={machine}", "-s", name, source, "-o", fresh]
            done = subprocess.run(command, capture_output=True, text=True)
            if done.returncode:
                raise SetupError(f"{name} does not compile", done.stderr.strip())
        else:
            shutil.copyfile(source, fresh)
        shutil.copystat(source, fresh)
        fresh.replace(made)

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        list(pool.map(one, wanted))


def _key() -> str:
    """Of every source's path, size and time."""
    digest = hashlib.sha256(f"{COMPILER.resolve()}".encode())
    sources = [*(ROOT / "firmware").rglob("*.py"), *(ROOT / name for name in PROGRAMS)]
    tools = [Path(file) for file in (fold.__file__, constants.__file__, __file__)]
    for path in sorted([*sources, *tools]):
        state = path.stat()
        digest.update(f"{path}\0{state.st_size}\0{state.st_mtime_ns}\0".encode())
    return digest.hexdigest()


def path(*more: Path) -> str:
    """MICROPYPATH: the folded firmware, its data, lib, and what else is asked for, before them."""
    places = [*more, ready(), CACHE / "data", ROOT, ROOT / "lib"]
    return os.pathsep.join([*map(str, places), ".frozen"])
