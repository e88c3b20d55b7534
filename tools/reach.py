# islet: which tests reach which file or room, by what they import and name.
# GPL-3.0-or-later
"""`make test ROOM=core`: the tests of the room itself, and those of others that reach it by
what they and the firmware import. What runs the whole firmware in its house takes minutes and is
left to `make test`, as is what reaches a room of the firmware only through the simulated house or
another tool, and what needs an image for the chip; but for the room that it is of."""

from __future__ import annotations

import argparse
import ast
import difflib
import re
import sys
from collections.abc import Iterable
from functools import cache
from pathlib import Path

from tools.workshop import ROOT

# They judge the text (style, shape, what is printed of tables), not what it does.
NOT_ASKED = ("test_architecture", "test_reference", "toolchain/", "image/", "pack/", "rp2040/")
# They run the whole firmware, most of them for minutes.
WHOLE = ("cases/", "scenarios/", "healthy/", "system/", "flash/test_emulated", "mutate/")
ALWAYS = ("tests_host/test_architecture.py",)  # what an edit anywhere may break, in a second
# Rooms of data and the tests that read what becomes of it; rooms whose tests lie elsewhere.
ALSO = {
    "circuits": ("pack", "chips"),
    "profiles": ("pack", "drivers", "bus"),
    "gridcodes": ("pack", "core"),
    "web": ("pack", "people"),
    "setup": ("toolchain",),
    "micropython": ("toolchain",),
}
_MENTIONED = re.compile(r"firmware[./]([\w./]+)|(\w+\.(?:py|mjs))")


def _module(root: Path, name: str) -> Path | None:
    path = root / name.replace(".", "/")
    for file in (path.with_suffix(".py"), path / "__init__.py"):
        if file.is_file():
            return file
    return None


@cache
def _next(root: Path, file: Path) -> frozenset[Path]:
    """The files that one imports, or names: a script for the device, a text that imports."""
    if file.name == "conftest.py":
        return frozenset()  # every test has it, and uses little of it
    text = file.read_text()
    names: set[str] = set()
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    found = {path for name in names if (path := _module(root, name))}
    if root / "tests_host" in file.parents:
        for inside, script in _MENTIONED.findall(text):
            if inside and (path := _module(root, "firmware." + inside.strip("./"))):
                found.add(path)
            if script:
                found |= {p for p in file.parent.rglob(script) if p.suffix == ".py"}
    return frozenset(found)


@cache
def closure(root: Path, file: Path, through_tools: bool = True) -> frozenset[Path]:
    """All that a file reaches; not `through_tools`: the tools themselves, but nothing by them."""
    seen: set[Path] = set()
    left = [file]
    while left:
        if (now := left.pop()) not in seen:
            seen.add(now)
            if through_tools or root / "tools" not in now.parents:
                left += _next(root, now)
    return frozenset(seen)


def tests(root: Path, file: str) -> tuple[list[str], list[str]]:
    """The test files that reach a file: those of its own room, and the others."""
    target = root / file
    room = target.relative_to(root / "firmware").parts[0]
    near: list[str] = []
    far: list[str] = []
    for test in sorted((root / "tests_host").rglob("test_*.py")):
        place = test.relative_to(root / "tests_host").as_posix()
        if place.startswith(NOT_ASKED) or target not in closure(root, test):
            continue
        (near if place.startswith(f"{room}/") else far).append(f"tests_host/{place}")
    return near, far


def rooms(root: Path) -> list[str]:
    """Of the firmware with those within them, then of the tools, then of the tests alone."""
    firmware = sorted(
        folder.relative_to(root / "firmware").as_posix()
        for folder in (root / "firmware").rglob("*")
        if folder.is_dir() and folder.name != "__pycache__"
    )
    others = [
        folder.name
        for place in ("tools", "tests_host")
        for folder in sorted((root / place).iterdir())
        if folder.is_dir() and folder.name != "__pycache__"
    ]
    return list(dict.fromkeys([*firmware, *others]))


def files(root: Path, room: str) -> list[Path]:
    """The Python of a room, wherever it lies."""
    places = (root / "firmware" / room, root / "tools" / room)
    return [path for place in places for path in sorted(place.rglob("*.py"))]


def of_room(root: Path, room: str) -> list[str]:
    """The tests that an edit in a room asks for."""
    own = [room.partition("/")[0], *ALSO.get(room, ())]
    mine = set(files(root, room))
    tools = {path for path in mine if root / "tools" in path.parents}
    ours = mine - tools
    found: list[str] = [*ALWAYS]
    for test in sorted((root / "tests_host").rglob("test_*.py")):
        place = test.relative_to(root / "tests_host").as_posix()
        near = place.partition("/")[0] in own
        far = not place.startswith((*NOT_ASKED, *WHOLE)) and (
            ours & closure(root, test, through_tools=False) or tools & closure(root, test)
        )
        if near or far:
            found.append(f"tests_host/{place}")
    return found


def main(words: Iterable[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="make test ROOM=", description=__doc__)
    parser.add_argument("room")
    room = parser.parse_args(None if words is None else list(words)).room.strip("/")
    known = rooms(ROOT)
    if room not in known:
        near = difflib.get_close_matches(room.lower(), known, 1)
        meant = f": did you mean {near[0]}?" if near else f"; there are {', '.join(known)}"
        print(f"ROOM={room}: there is no such room{meant}", file=sys.stderr)
        return 2
    print(*of_room(ROOT, room), sep="\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
