# islet: which tests reach which file of the firmware, by what they import and name.
# GPL-3.0-or-later
from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path

# They judge the text (style, shape, what is printed of tables), not what it does.
NOT_ASKED = ("test_architecture", "test_reference", "toolchain/", "image/", "pack/", "rp2040/")
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
def closure(root: Path, file: Path) -> frozenset[Path]:
    seen: set[Path] = set()
    left = [file]
    while left:
        if (now := left.pop()) not in seen:
            seen.add(now)
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
