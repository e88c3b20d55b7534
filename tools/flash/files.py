# islet: `FILES=1`: compiled files over a stock image, for boards with the memory.
# GPL-3.0-or-later
"""What an image freezes goes into the board's file system instead: boot.py, main.py, firmware/ and
lib/ as they stand in the repository, compiled for the chip. That costs heap (from files the code
itself lies there), so it is for boards with PSRAM; a board without is refused.

main.py goes first and comes back last: a firmware that is half there never runs.
"""

from __future__ import annotations

import hashlib
import subprocess
from collections.abc import Iterator
from pathlib import Path

from tools.flash import FlashError, Voice
from tools.flash.boards import Board
from tools.flash.link import Link
from tools.image import fold
from tools.image.layout import SMALL
from tools.pack.__main__ import build as pack
from tools.workshop import CACHE, ROOT

MPY_CROSS = CACHE / "bin" / "mpy-cross"
WORK = CACHE / "flash"
PLAIN = ("boot.py", "main.py")  # MicroPython looks for these names as they are
# firmware/circuits holds a file per chip; only this one's goes along
OTHER_CHIPS = {"rp2": ("host", "esp32"), "esp32": ("host", "rp2")}
LIBRARIES = ("microdot", "umqtt")
# measured: 1.57 bytes of heap for a byte of .mpy, and what the firmware needs to work
HEAP_PER_BYTE = 1.6
WORKING_HEAP = 120_000

Files = dict[str, bytes]  # path on the board -> content


def collect(board: Board, work: Path = WORK) -> Files:
    """Everything that goes onto the board, compiled for its chip."""
    data = work / "islet_data.py"
    work.mkdir(parents=True, exist_ok=True)
    text, errors = pack(ROOT, board.circuit)
    if errors:
        raise FlashError("\n    ".join(["the data cannot be packed:", *errors]), "mend that file")
    data.write_text(text)
    files = {"/islet_data.mpy": compiled(data, "islet_data.py", board.arch, work)}
    for path in sources(board.family):
        name = str(path.relative_to(ROOT))
        files[f"/{name[:-3]}.mpy"] = compiled(path, name, board.arch, work)
    for name in PLAIN:
        files[f"/{name}"] = (ROOT / name).read_bytes()
    return files


def sources(family: str) -> Iterator[Path]:
    for path in sorted((ROOT / "firmware").rglob("*.py")):
        chip = path.stem.split("_")[0]
        if path.parent.name != "chips" or chip not in OTHER_CHIPS[family]:
            yield path
    for library in LIBRARIES:
        yield from sorted((ROOT / "lib" / library).rglob("*.py"))


def compiled(path: Path, name: str, arch: str, work: Path = WORK) -> bytes:
    """A source as .mpy; `name` stands in tracebacks. -O0: umqtt checks answers by assert."""
    work.mkdir(parents=True, exist_ok=True)
    target = work / "out.mpy"
    if name.startswith("firmware/"):
        folded = fold.script(path.read_text(encoding="utf-8"), SMALL)  # as every chip
        path = work / "folded.py"
        path.write_text(folded, encoding="utf-8")
    command = [MPY_CROSS, f"-march={arch}", "-s", name, "-o", target, path]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        raise FlashError(f"{MPY_CROSS} is not there", "make run builds it") from None
    if done.returncode:
        raise FlashError(f"{name} does not compile:\n{done.stderr.strip()}", "mend it")
    return target.read_bytes()


def check_heap(link: Link, files: Files) -> None:
    """Refuse a board whose heap cannot hold the code."""
    code = sum(len(content) for path, content in files.items() if path.endswith(".mpy"))
    needed = int(code * HEAP_PER_BYTE) + WORKING_HEAP
    heap = int(link.run("import gc; gc.collect(); print(gc.mem_free() + gc.mem_alloc())"))
    if heap < needed:
        raise FlashError(
            f"this board has {heap // 1000} kB of heap, files need about {needed // 1000} kB",
            "use the image: make flash without FILES=1",
        )


def install(link: Link, files: Files, voice: Voice) -> int:
    """Bring them onto the board; how many were not there yet."""
    *most, main = sorted(files, key=lambda path: path == "/main.py")
    changed = [path for path in most if link.sha256(path) != _sha256(files[path])]
    if not changed and link.sha256(main) == _sha256(files[main]):
        return 0
    link.run(REMOVE.format(paths=[main]))
    link.run(FOLDERS.format(paths=sorted(_folders(changed))))
    link.run(REMOVE.format(paths=[_twin(path) for path in changed if path.endswith(".mpy")]))
    for number, path in enumerate(changed, 1):
        voice.say(f"  {number} of {len(changed)}: {path}")
        link.put(path, files[path])
    link.put(main, files[main])
    return len(changed) + 1


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _folders(paths: list[str]) -> set[str]:
    return {str(folder) for path in paths for folder in Path(path).parents} - {"/"}


def _twin(path: str) -> str:
    """The .py of a .mpy: it would be taken first."""
    return path[: -len(".mpy")] + ".py"


REMOVE = """\
import os
for path in {paths!r}:
    try:
        os.remove(path)
    except OSError:
        pass
"""
FOLDERS = """\
import os
for path in {paths!r}:
    try:
        os.mkdir(path)
    except OSError:
        pass
"""
