"""What is frozen into each image: all that runs there, and nothing else."""

from __future__ import annotations

import ast
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest

from tests_host.conftest import RunDevice
from tools.image import fold, freeze
from tools.image.build import only_one
from tools.image.flash import SECTOR
from tools.image.images import HERE, IMAGES, REFERENCE, Image
from tools.micropython import sources
from tools.micropython.build import BIN
from tools.micropython.sources import ROOT
from tools.pack.__main__ import main as pack

TREE = sources.SOURCES / f"micropython-{sources.VERSION}"
EVERY = pytest.mark.parametrize("image", IMAGES.values(), ids=list(IMAGES))
LIBRARIES = ("microdot", "umqtt")


@pytest.fixture(autouse=True, scope="session")
def packed() -> None:
    """The data that the manifests name; whether the circuit fits is tested elsewhere."""
    for image in IMAGES.values():
        if image is not REFERENCE:  # setup has built that one
            with only_one(image):
                assert pack(["--circuit", image.circuit, "--target", str(image.data)]) == 0
                fold.tree(ROOT / "firmware", image.data.parent / "firmware")


def names(image: Image) -> set[str]:
    return {file.name for file in freeze.files(image, TREE)}


@EVERY
def test_everything_compiles_for_the_chip(image: Image) -> None:
    frozen = freeze.files(image, TREE)
    sizes = freeze.compile_all(image, frozen, BIN / "mpy-cross")
    assert len(sizes) == len(frozen) and min(sizes.values()) > 0


ESP32_ALONE = [f"firmware/sockets/{name}.py" for name in ("tls", "cable", "group")]
RESPONDER = [f"firmware/local/{name}.py" for name in ("responder", "mdns")]


@EVERY
def test_the_whole_firmware_but_other_chips_boards(image: Image) -> None:
    every = {str(path.relative_to(ROOT)) for path in (ROOT / "firmware").rglob("*.py")}
    left_out = every - names(image)
    chip = "rp2" if image.port == "rp2" else "esp32"
    for name in left_out:
        folder, _, file = name.rpartition("/")
        if folder == "firmware/lan" and not image.lan:
            continue
        if folder == "firmware/local" and not (image.lan or image.sockets):
            continue
        if folder == "firmware/sockets" and not image.sockets:
            continue
        if name in ESP32_ALONE and chip == "rp2":
            continue
        if name in RESPONDER and image.sockets and chip == "rp2":
            continue
        assert folder == "firmware/chips" and not file.startswith((chip, "common")), name
    assert "firmware/chips/host.py" in left_out
    for name in ESP32_ALONE:
        assert (name in left_out) == (chip == "rp2")
    assert ("firmware/lan/ethernet.py" in left_out) == (not image.lan)
    assert ("firmware/sockets/wifi.py" in left_out) == (not image.sockets)
    for name in RESPONDER:
        assert (name in left_out) == (not image.lan and chip == "rp2")
    assert ("firmware/local/sntp.py" in left_out) == (not image.lan and not image.sockets)
    assert ("firmware/chips/plain.py" in left_out) == (chip == "rp2")
    for other in {"rp2", "esp32"} - {chip}:
        assert not [name for name in names(image) if f"chips/{other}" in name]


@EVERY
def test_it_starts_by_our_files(image: Image) -> None:
    files = {file.name: file.path for file in freeze.files(image, TREE)}
    assert files["boot.py"] == ROOT / "boot.py" and files["main.py"] == ROOT / "main.py"
    assert files["_boot.py"].read_text().startswith("# islet:")
    assert {"islet_storage.py", "islet_data.py", "asyncio/core.py"} <= set(files)
    assert ("islet_move.py" in files) == image.flash.moves
    assert files["islet_data.py"] == image.data


def imports(path: Path, package: str) -> Iterator[str]:
    """Modules a file names in its imports, absolute; of `from a import b` both a and a.b."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = ".".join(filter(None, (package if node.level else "", node.module)))
            yield base
            yield from (f"{base}.{alias.name}" for alias in node.names)


def test_of_the_packages_just_what_the_firmware_reaches() -> None:
    """Walk the imports from the firmware into lib/; microdot alone has twelve modules more."""
    seen: set[str] = set()
    waiting = [
        name for path in (ROOT / "firmware").rglob("*.py") for name in imports(path, "firmware")
    ]
    while waiting:
        parts = waiting.pop().split(".")
        if parts[0] not in LIBRARIES:
            continue
        for depth in range(1, len(parts) + 1):
            place = ROOT / "lib" / Path(*parts[:depth])
            for path in (place.with_suffix(".py"), place / "__init__.py"):
                name = str(path.relative_to(ROOT / "lib"))
                if path.exists() and name not in seen:
                    seen.add(name)
                    waiting.extend(imports(path, parts[0]))
    frozen = {name for name in names(REFERENCE) if name.split("/")[0] in LIBRARIES}
    assert frozen == seen


@EVERY
def test_assertions_stay(image: Image) -> None:
    """umqtt checks what the broker answers by assert: optimised, it would believe anything."""
    ours = [f for f in freeze.files(image, TREE) if not f.path.is_relative_to(TREE)]
    assert {file.opt for file in ours} == {0}


def test_without_optimisation_an_assert_is_compiled(tmp_path: Path, run_device: RunDevice) -> None:
    source = tmp_path / "source.py"
    source.write_text("def check(x):\n    assert x\n    return 'believed'\n")
    said = []
    for level in (0, 1):
        output = tmp_path / f"level{level}.mpy"
        subprocess.run([BIN / "mpy-cross", f"-O{level}", "-o", output, source], check=True)
        script = f"""
import level{level}
try:
    print(level{level}.check(0))
except AssertionError:
    print("refused")
"""
        said.append(run_device(script, tmp_path).strip())
    assert said == ["refused", "believed"]


@pytest.mark.parametrize("name", [i.name for i in IMAGES.values() if i.port == "rp2"])
def test_the_flash_is_divided_as_the_table_says(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The header that the C compiler sees, and the first Python that runs."""
    board = HERE / "boards" / IMAGES[name].board
    port = TREE / "ports" / "rp2"
    gcc = shutil.which("gcc")
    assert gcc
    text = '#include "mpconfigboard.h"\nMICROPY_HW_FLASH_STORAGE_BYTES\nMICROPY_HW_BOARD_NAME\n'
    command = [gcc, "-E", "-P", f"-I{board}", f"-I{port}", "-x", "c", "-"]
    done = subprocess.run(command, input=text, capture_output=True, text=True, check=True)
    storage, title = done.stdout.strip().splitlines()[-2:]
    assert title.startswith('"islet ')
    layout = IMAGES[name].flash
    reach = layout.whole - int(eval(storage, {}))
    assert reach == (layout.files_before or layout.files_at), "Flash() begins there"
    script = (HERE / "frozen" / "rp2" / "_boot.py").read_text()
    seen: list[tuple[int, int]] = []

    def flash(start: int = 0, len: int = layout.whole - reach) -> memoryview:
        seen.append((reach + start, len))
        return memoryview(bytes(len))

    def start(volume: memoryview, was: memoryview | None, first: int, **options: int) -> None:
        assert seen[-1] == (layout.files_at, layout.files)
        if layout.files_before:
            assert seen[1] == (layout.files_before, layout.size_before)
        assert len(volume) == layout.files
        assert (len(was) if was else 0) == (layout.size_before if layout.files_before else 0)
        assert reach + first * SECTOR == layout.files_at
        assert options == {"progsize": 256}
        seen.clear()

    for module, values in (("islet_storage", {"start": start}), ("rp2", {"Flash": flash})):
        monkeypatch.setitem(sys.modules, module, SimpleNamespace(**values))
    exec(script, {})
    assert not seen, "it has started"
    driver = (ROOT / "firmware" / "chips" / "rp2_flash.py").read_text()
    assert "_SIZE = const(256 * 1024)" in driver and layout.records - layout.ahead == 256 * 1024


@pytest.mark.parametrize("name", IMAGES)
def test_what_is_left_for_files_and_records(name: str) -> None:
    layout = IMAGES[name].flash
    assert layout.files >= 256 * 1024, "too little for files"
    assert layout.files + layout.ahead >= 384 * 1024
    assert layout.records - layout.ahead == 256 * 1024


def test_a_layout_whose_parts_are_not_the_whole_is_refused() -> None:
    layout = IMAGES["pico"].flash
    for wrong in (
        {"code": layout.code + SECTOR},
        {"files": layout.files + 1, "code": layout.code - 1},
        {"files_before": layout.files_at},
        {"ahead": layout.records},
        {"files_before": 0},
    ):
        with pytest.raises(ValueError, match=r"flash\.json"):
            replace(layout, **wrong)


def test_the_partitions_of_the_esp32_follow_one_another() -> None:
    text = (HERE / "boards" / IMAGES["esp32"].board / "partitions.csv").read_text()
    rows = [line.split(",") for line in text.splitlines() if not line.startswith("#")]
    spans = {row[0]: (int(row[3], 16), int(row[4], 16)) for row in rows}
    ends = [0x9000, *(start + size for start, size in spans.values())]
    assert [start for start, _ in spans.values()] == ends[:-1]
    layout = IMAGES["esp32"].flash
    assert ends[-1] == layout.whole
    assert spans["factory"] == (layout.start, layout.code)
    assert spans["vfs"] == (layout.files_at, layout.files)
    assert spans["records"] == (layout.records_at, layout.records)
    driver = (ROOT / "firmware" / "chips" / "esp32_flash.py").read_text()
    assert 'LABEL = "records"' in driver


def test_frames_have_a_stack_where_somebody_makes_it() -> None:
    """Without mp_pystack_init the first call of a function would be the last."""
    shared = (HERE / "boards" / "islet.h").read_text()
    assert "#define MICROPY_ENABLE_PYSTACK (1)" in shared
    for image in IMAGES.values():
        board = HERE / "boards" / image.board
        header = (board / "mpconfigboard.h").read_text()
        made = "common.cmake" in (board / "mpconfigboard.cmake").read_text()  # with frames.c
        assert ('#include "../islet.h"' in header or "PYSTACK" in header) == made, image.name
    assert "mp_pystack_init" not in (TREE / "ports" / "esp32" / "main.c").read_text()


def test_pins_are_those_of_micropythons_own_boards() -> None:
    pairs = (("islet_pico", "RPI_PICO"), ("islet_pico_w", "RPI_PICO_W"))
    for ours, theirs in (*pairs, ("islet_w5500", "W5500_EVB_PICO")):
        own = HERE / "boards" / ours / "pins.csv"
        other = TREE / "ports" / "rp2" / "boards" / theirs / "pins.csv"
        assert own.read_text() == other.read_text()
