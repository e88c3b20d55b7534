"""The shape of the project, checked: who may import whom, and who may touch which buffer."""

import ast
import graphlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from firmware import image as image_module

ROOT = Path(__file__).resolve().parents[1]
FIRMWARE = ROOT / "firmware"
DEVICE_FILES = sorted(FIRMWARE.rglob("*.py"))
SECTIONS = {
    "site": image_module.SITE,
    "readings": image_module.READINGS,
    "live": image_module.READINGS,
    "requests": image_module.REQUESTS,
    "commands": image_module.COMMANDS,
    "trips": image_module.TRIPS,
}
# who may write which section; everybody may read
WRITERS = {
    "site": {"config"},
    "readings": {"image"},
    "live": {"image", "sense", "bus", "drivers", "chips", "app"},
    "requests": {"config", "policy", "people", "ledger"},
    "commands": {"core"},
    "trips": {"guard"},
}
# Which rooms a room may import besides itself. EVERYTHING below knows all.
ANY = {"image", "base"}
ROOMS: dict[str, set[str]] = {
    "base": set(),
    "image": {"base"},
    "maintenance": set(),
    "health": set(),
    "config": ANY,
    "core": ANY,
    "guard": ANY,
    "sense": ANY,
    "policy": ANY,
    "ledger": ANY,
    "chips": ANY,
    "bus": ANY,
    "drivers": ANY | {"bus"},
    "people": ANY,
    "lan": ANY | {"local"},
    "local": ANY,
    "sockets": ANY | {"local", "net"},
    "access": ANY | {"people"},
    "net": ANY | {"people", "maintenance"},
}
EVERYTHING = {"app", "assembly", "entrance", "lines", "parts"}
# and the same within core
CORE: dict[str, set[str]] = {
    "vehicle": set(),
    "grid": {"vehicle"},
    "panel": {"vehicle"},
    "limits": {"vehicle", "panel"},
}
LONGEST_FILE = 420


def room_of(path: Path) -> str:
    """The room a device file belongs to: its folder, or its own name for a file of `firmware`."""
    parts = path.relative_to(FIRMWARE).parts
    return parts[0] if len(parts) > 1 else path.stem


def imported(tree: ast.AST) -> set[str]:
    names = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names |= {f"{node.module}.{alias.name}" for alias in node.names} | {node.module}
    return names


@pytest.mark.parametrize("path", DEVICE_FILES, ids=lambda p: str(p.relative_to(ROOT)))
def test_imports_go_one_way(path: Path) -> None:
    """By the tables above; the device knows nothing of the host."""
    room = room_of(path)
    names = imported(ast.parse(path.read_text()))
    assert not {n for n in names if n.split(".")[0] in ("tools", "tests_host")}
    if room in EVERYTHING or room == "__init__":
        return
    for name in names:
        parts = name.split(".")
        if parts[0] != "firmware" or len(parts) == 1:
            continue
        assert parts[1] in ROOMS[room] | {room}, f"{room} imports {name}"
        own = path.relative_to(FIRMWARE).parts
        if room == parts[1] == "core" and len(own) > 2:
            assert parts[2] in CORE[own[1]] | {own[1]}, f"core/{own[1]} imports {name}"
    if room == "core":
        outside = {n.split(".")[0] for n in names}
        assert outside <= {"firmware", "array", "micropython"}, outside


@pytest.mark.parametrize("rooms", [ROOMS, CORE])
def test_the_rooms_are_in_no_circle(rooms: dict[str, set[str]]) -> None:
    """The table itself has an order; and it names each room that there is."""
    order = list(graphlib.TopologicalSorter(rooms).static_order())
    assert set(order) == set(rooms)
    folder = FIRMWARE if rooms is ROOMS else FIRMWARE / "core"
    there = {p.stem for p in folder.glob("*.py")} | {p.parent.name for p in folder.glob("*/*.py")}
    assert there - EVERYTHING - {"__init__"} == set(rooms)


def outermost(tree: ast.AST) -> Iterator[ast.AST]:
    """The nodes of an index, but for those of another index inside it."""
    yield tree
    for node in ast.iter_child_nodes(tree):
        if not isinstance(node, ast.Subscript):
            yield from outermost(node)


@pytest.mark.parametrize("path", DEVICE_FILES, ids=lambda p: str(p.relative_to(ROOT)))
def test_buffers_are_indexed_by_their_own_fields(path: Path) -> None:
    """`readings[PILOT_HIGH_MV]` is right, `commands[PILOT_HIGH_MV]` would read another field."""
    tree = ast.parse(path.read_text())
    fields = {row[0]: name for name, table in SECTIONS.items() for row in table.rows}
    for node in ast.walk(tree):
        if not isinstance(node, ast.Subscript):
            continue
        base = node.value
        name = base.attr if isinstance(base, ast.Attribute) else getattr(base, "id", "")
        if (section := name.lstrip("_")) not in SECTIONS:
            continue
        own = {row[0] for row in SECTIONS[section].rows}
        used = {n.attr for n in outermost(node.slice) if isinstance(n, ast.Attribute)} & set(
            fields
        )
        assert used <= own, f"line {node.lineno}: {section}[{', '.join(used - own)}]"
        if isinstance(node.ctx, ast.Store):
            room = room_of(path)
            assert room in WRITERS[section], f"line {node.lineno}: {room} writes {section}"


def test_only_the_guard_writes_outputs() -> None:
    """INV-13: pins = permit & ~trip, written by the guard alone."""
    callers = {
        room_of(path)
        for path in DEVICE_FILES
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr == "write_outputs"
    }
    assert callers == {"guard"}


@pytest.mark.parametrize("room", ["core", "guard"])
def test_decisions_use_no_floats(room: str) -> None:
    """Each float is an allocation on the chip, and a collection may follow at any moment."""
    for path in (FIRMWARE / room).rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            assert not (isinstance(node, ast.Constant) and isinstance(node.value, float)), path
            assert not (isinstance(node, ast.BinOp) and isinstance(node.op, ast.Div)), path


def at_once(tree: ast.AST) -> Iterator[tuple[int, int]]:
    """(line, how many) of the assignments of several values within functions."""
    functions = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)
    for function in (node for node in ast.walk(tree) if isinstance(node, functions)):
        for node in (n for n in ast.walk(function) if isinstance(n, ast.Assign)):
            sides = (node.value, *node.targets)
            lists = [side for side in sides if isinstance(side, ast.Tuple | ast.List)]
            if len(lists) == len(sides):
                yield node.lineno, len(lists[0].elts)


@pytest.mark.parametrize("room", ["core", "guard"])
def test_decisions_assign_few_at_once(room: str) -> None:
    """MicroPython swaps two or three values on its stack; of four it makes a tuple."""
    for path in (FIRMWARE / room).rglob("*.py"):
        for line, count in at_once(ast.parse(path.read_text())):
            assert count < 4, f"{path}:{line}: {count} values at once"


def test_four_at_once_are_found() -> None:
    assert list(at_once(ast.parse("a, b, c, d = 1, 2, 3, 4"))) == []  # at import it may
    lines = "def f(t):\n a, b, c, d = t\n a, b = b, a\n a, (b, c), d, t = [1, t, 3, 4]"
    assert list(at_once(ast.parse(lines))) == [(3, 2), (4, 4)]


def test_image_names_are_unique_and_constants_match() -> None:
    seen: set[str] = set()
    for table in image_module.TABLES:
        for name, index, count, _unit, low, high, start, text in table.rows:
            assert name not in seen
            seen.add(name)
            assert getattr(image_module, name) == index
            assert low <= start <= high or start == image_module.UNKNOWN, name
            assert text and count >= 1
            assert low > -(2**30) and high < 2**30, f"{name}: would allocate on the chip"


def test_files_stay_readable() -> None:
    sources = [p for d in ("firmware", "tools", "tests_host") for p in (ROOT / d).rglob("*.py")]
    lengths = {str(p.relative_to(ROOT)): len(p.read_text().splitlines()) for p in sources}
    lengths.pop("firmware/image.py")  # one table, and it is a table
    assert not {path: n for path, n in lengths.items() if n > LONGEST_FILE}
