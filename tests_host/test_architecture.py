"""The shape of the project, checked: who may import whom, and who may touch which buffer."""

import ast
from pathlib import Path

import pytest

from firmware import image as image_module

ROOT = Path(__file__).resolve().parents[1]
FIRMWARE = ROOT / "firmware"
ROOMS = sorted(p.name for p in FIRMWARE.iterdir() if p.is_dir() and list(p.glob("*.py")))
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
    "live": {"image", "sense", "bus", "boards", "app"},
    "requests": {"config", "policy", "net", "ledger"},
    "commands": {"core"},
    "trips": {"guard"},
}
MAY_IMPORT = {"islet_data"}  # packed data, generated
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
    """`app` knows every room; every other room knows `image` and itself; core nothing else.
    `viper` holds no code of its own: it lets a kernel's text run on CPython."""
    room = room_of(path)
    if room in ("app", "__init__"):
        return
    for name in imported(ast.parse(path.read_text())):
        parts = name.split(".")
        if parts[0] in ("tools", "tests_host"):
            pytest.fail(f"{path.name} imports {name}: the device knows nothing of the host")
        if parts[0] != "firmware" or len(parts) == 1:
            continue
        # one room in several files
        json_files = ("json_kernel", "json_text", "strict_json")
        site_files = ("config", "options", "rules", "seal", "start")
        parted: dict[str, tuple[str, ...]] = {"image": ("image_kernel",)}
        for files in (json_files, site_files):
            parted.update(dict.fromkeys(files, files))
        own = ("image", "viper", "strict_json", room, *parted.get(room, ()))
        assert parts[1] in own or name == "firmware.image", f"{room} imports {name}"
    if room == "core":
        outside = {n.split(".")[0] for n in imported(ast.parse(path.read_text()))}
        assert outside <= {"firmware", "array", "micropython"}, outside


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
        used = {n.id for n in ast.walk(node.slice) if isinstance(n, ast.Name)} & set(fields)
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
