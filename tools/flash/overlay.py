# islet: changed files of the working tree in place of the frozen ones, until the next reset.
# GPL-3.0-or-later
"""An edit runs on the board in seconds, without an image and without wear of its flash.

Only what changed since the image was built is compiled and taken: the whole firmware from files
does not fit a Pico's heap. A package has one place where its modules come from, so a folder with
three changed files cannot hide the frozen one; instead `__import__` is told of the changed modules
by name. They come over the cable (mpremote's mount) before the firmware starts.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterable
from pathlib import Path

from tools.flash import FlashError, Voice
from tools.flash.boards import Board
from tools.flash.files import compiled, sources
from tools.flash.link import Link
from tools.workshop import CACHE, ROOT

STAGE = CACHE / "overlay"
LOAD_S = 120

Table = dict[str, tuple[str, str]]  # module -> (file in the mount, frozen folder of a package)


def changed(board: Board, wanted: Iterable[str] = ()) -> list[Path]:
    """The files that were asked for, else those younger than the image."""
    known = list(sources(board.family))
    if paths := [ROOT / name for name in wanted]:
        for path in paths:
            if path not in known:
                problem = f"MODULES: {path} is no part of the firmware of {board.name}"
                raise FlashError(problem, "name files below firmware/ or lib/")
        return paths
    if not board.image.exists():
        problem = f"{board.image} is not there, so nobody knows what changed since"
        raise FlashError(problem, f"{board.make()}, or name the files: MODULES=firmware/…")
    built = board.image.stat().st_mtime
    return [path for path in known if path.stat().st_mtime > built]


def module_name(path: Path) -> tuple[str, bool]:
    """(name that code imports it by, whether it is a package) of a file in the repository."""
    parts = list(path.relative_to(ROOT).with_suffix("").parts)
    if parts[0] == "lib":
        del parts[0]
    if parts[-1] == "__init__":
        return ".".join(parts[:-1]), True
    return ".".join(parts), False


def stage(paths: list[Path], arch: str, folder: Path = STAGE) -> Table:
    """Compile into a folder to be mounted."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    table: Table = {}
    for number, path in enumerate(paths):
        name, package = module_name(path)
        flat = f"islet_overlay_{number}"
        content = compiled(path, str(path.relative_to(ROOT)), arch)
        (folder / f"{flat}.mpy").write_bytes(content)
        table[name] = flat, ".frozen/" + name.replace(".", "/") if package else ""
    names = f"MODULES = {sorted(table)!r}\n"
    (folder / "islet_overlay.py").write_text("# what make overlay brought\n" + names)
    return table


# The original importer finds the start of a relative import in the globals of its caller, which
# under the hook is the hook: so asyncio, which has some, is there before it, and the hook is gone
# when all changed modules are.
HOOK = """\
import asyncio, builtins, sys
for _name in ("event", "funcs", "lock", "stream"):
    __import__("asyncio." + _name)
_taken = {table!r}
_import = builtins.__import__
def _alias(name):
    # under its true name, as early as its own imports need it
    flat, path = _taken[name]
    module = sys.modules[flat]
    module.__name__ = name
    if path:
        module.__path__ = path
    sys.modules[name] = module
    parent, _, last = name.rpartition(".")
    if parent:
        setattr(sys.modules[parent], last, module)
def _load(name):
    parent = name.rpartition(".")[0]
    if parent and parent not in sys.modules:
        _hook(parent)  # a package first: it may import this very module
    if name in sys.modules:
        return
    flat = _taken[name][0]
    if flat not in sys.modules:
        _import(flat)
    _alias(name)
def _hook(name, *more):
    end = 0
    while end >= 0:
        end = name.find(".", end + 1)
        part = name if end < 0 else name[:end]
        if part in _taken and part not in sys.modules:
            _load(part)
    return _import(name, *more)
sys.path.insert(0, "/remote")
import islet_overlay
builtins.__import__ = _hook
for _name in _taken:
    _hook(_name)
builtins.__import__ = _import
sys.path.remove("/remote")
"""
RUN = "import os\nos.chdir('/')\nfrom firmware import app\napp.main()\n"


def load(
    link: Link, table: dict[str, tuple[str, str]], voice: Voice, folder: Path = STAGE
) -> None:
    """Bring the changed modules into the board's memory; nothing runs yet."""
    link.enter()
    link.mount(str(folder))
    try:
        link.run(HOOK.format(table=table), LOAD_S)
    except FlashError as error:
        if "MemoryError" in str(error):
            remedy = "make image IMAGE=… and make flash; or fewer files: MODULES=firmware/…"
            raise FlashError("the changed files do not fit the board's memory", remedy) from None
        raise
    finally:
        link.unmount()
    voice.say(f"overlay of {len(table)} modules: " + ", ".join(sorted(table)))
