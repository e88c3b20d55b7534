"""Budgets: measured from the real image, and a build that fails above them."""

from __future__ import annotations

import subprocess
from dataclasses import replace

import pytest

from tools.image import build as image
from tools.image import heap, rooms
from tools.image.images import IMAGES, REFERENCE
from tools.image.rooms import Room
from tools.micropython.sources import ROOT, BuildError

BUILD = REFERENCE.folder / "build"
ALLOWED = {"core": {"flash": 1000, "heap": 500}, "names": {"flash": 100}}


@pytest.mark.parametrize(
    ("file", "room"),
    [
        ("firmware/core/grid/island_table.py", "core"),
        ("firmware/chips/rp2.py", "chips"),
        ("firmware/policy/__init__.py", "policy"),
        ("firmware/__init__.py", "app"),
        ("firmware/app.py", "app"),
        ("_boot.py", "app"),
        ("islet_storage.py", "app"),
        ("islet_data.py", "data"),
        ("umqtt/simple.py", "libs"),
        ("asyncio/core.py", "libs"),
    ],
)
def test_each_file_has_a_room(file: str, room: str) -> None:
    assert rooms.room_of(file) == room


def test_every_room_of_the_firmware_has_a_budget() -> None:
    folders = {path.parent.name for path in (ROOT / "firmware").glob("*/*.py")}
    assert folders | {"app", "data", "libs", "names"} == set(rooms.budgets())


@pytest.mark.parametrize("name", ["pico", "pico_eth"])
def test_the_budgets_together_fit_the_chip(name: str) -> None:
    """A network of our own driver is in one image only, and was planned as what is to come."""
    budgets = rooms.budgets()
    most = 142_000  # 2,000 of what was planned for families came into drivers and bus
    if IMAGES[name].lan:
        most += rooms.memory()["heap"]["to_come"]["link and page"]
    else:
        del budgets["lan"], budgets["local"]
    assert not IMAGES[name].sockets
    del budgets["sockets"]
    assert sum(row.get("heap", 0) for row in budgets.values()) <= most
    micropython = 337_000  # what the image takes with nothing of ours frozen
    merged = 15_000  # equal texts of several rooms, which the linker keeps once (measured 15,410)
    flash = sum(row["flash"] for row in budgets.values())
    assert flash + micropython - merged <= IMAGES[name].flash.code_now


def test_the_heap_reaches_to_the_end_of_the_way() -> None:
    """What is free and still to be found, less what is to come, leaves what was promised."""
    heap = rooms.memory()["heap"]
    left = heap["free"] + heap["to_be_found"] - sum(heap["to_come"].values())
    assert left >= heap["stays_free"] == 40_000
    assert heap["to_be_found"] <= 10_000, "10 kB short, and not more: the rest has to fit"


@pytest.mark.parametrize("name", ["pico", "pico_w"])
def test_the_flash_reaches_to_the_end_of_the_way(name: str) -> None:
    """What is measured and what is to come, in the layout as it is divided."""
    row = rooms.memory()["flash"][name]
    image = (REFERENCE.folder / "firmware.bin").stat().st_size
    assert image + row["network"] + sum(row["to_come"].values()) <= IMAGES[name].flash.code


def test_an_image_that_reaches_into_files_is_refused() -> None:
    """The linker knows of none; and as long as files are moved from there, of the old ones too."""
    layout = REFERENCE.flash
    assert image.room_left(REFERENCE, layout.files_before).endswith(" of 1,179,648, 77 %")
    with pytest.raises(
        BuildError, match=r"beyond the place that files are moved from \(917,504\)"
    ):
        image.room_left(REFERENCE, layout.files_before + 1)
    moved = replace(REFERENCE, name="esp32")
    with pytest.raises(BuildError, match="beyond its part of the flash"):
        image.room_left(moved, moved.flash.code + 1)


@pytest.mark.parametrize(
    ("room", "said"),
    [
        (Room("core", 1, 900, 1001, 400), "core takes 1,001 bytes of flash, its budget is 1,000"),
        (Room("core", 1, 900, 1000, 501), "core takes 501 bytes of heap, its budget is 500"),
        (Room("names", 0, 0, 101), "names takes 101 bytes of flash"),
        (Room("radio", 1, 1, 1), "radio has no budget: give it a row in budgets.json"),
    ],
)
def test_above_a_budget_the_build_fails(
    room: Room, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rooms, "budgets", lambda: ALLOWED)
    with pytest.raises(BuildError) as caught:
        image.check_rooms([Room("core", 1, 900, 1000, 500), room])
    assert said in str(caught.value)
    if room.name != "radio":
        assert "make it smaller, or raise its row" in str(caught.value)


def test_at_its_budget_it_passes(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(rooms, "budgets", lambda: ALLOWED)
    image.check_rooms([Room("core", 2, 900, 1000, 500), Room("names", 0, 0, 100)])
    lines = capsys.readouterr().out.splitlines()
    assert lines[1].split() == ["core", "2", "900", "1,000", "1,000", "500", "500"]
    assert lines[2].split() == ["names", "100", "100"]


def test_a_failing_build_says_so_and_installs_nothing(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The command itself, with the budgets cut to nothing; what setup has built is taken."""
    monkeypatch.setattr(image, "prepare", lambda *_: REFERENCE.folder)
    monkeypatch.setattr(image, "build_rp2", lambda *_: None)
    before = (REFERENCE.folder / "firmware.bin").stat().st_mtime_ns
    nothing = {name: {"flash": 0, "heap": 0} for name in rooms.budgets()}
    monkeypatch.setattr(rooms, "budgets", lambda: nothing)
    monkeypatch.setattr(heap, "missing", lambda: "not wanted here")
    assert image.main([REFERENCE.name]) == 1
    printed = capsys.readouterr()
    assert "image: error: " in printed.err and "core takes" in printed.err
    assert "heap not measured: not wanted here" in printed.out
    assert (REFERENCE.folder / "firmware.bin").stat().st_mtime_ns == before


def test_all_that_is_frozen_is_counted_once() -> None:
    """The total by other means: the object file, before the linker merges equal texts."""
    found = rooms.measure(BUILD)
    assert found[-1].name == rooms.NAMES
    assert all(room.flash > 0 for room in found)
    compiled = BUILD / "CMakeFiles" / "firmware.dir" / "frozen_content.c.o"
    command = ["arm-none-eabi-size", compiled]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    total = int(done.stdout.splitlines()[1].split()[0])
    assert 0.97 * total < sum(room.flash for room in found) <= total


def test_native_code_and_texts_are_the_rooms_own() -> None:
    """The viper kernels and the page's bytes bear no name of their own in the map."""
    found = {room.name: room for room in rooms.measure(BUILD)}
    data = REFERENCE.data.read_bytes()
    assert found["data"].flash > 8_000 < len(data)
    assert found["sense"].flash > 0.6 * found["sense"].mpy


def test_each_room_is_within_its_budget_of_heap() -> None:
    if why_not := heap.missing():
        pytest.fail(f"{why_not}; `make test` sets it up")
    taken = heap.measure(BUILD / "firmware.bin", rooms.frozen(BUILD))
    found = [Room(name, 1, 0, 0, used) for name, used in taken.items()]
    assert {"core", "net", "libs"} <= set(taken)
    assert all(used > 0 for used in taken.values())
    assert not rooms.overspent(found, rooms.budgets())


def test_heap_is_measured_in_the_order_of_imports() -> None:
    files = ["main.py", "firmware/__init__.py", "firmware/image.py", "firmware/app.py"]
    files += ["firmware/core/__init__.py", "firmware/core/grid/island.py", "asyncio/core.py"]
    assert heap.modules(files) == [
        ("libs", ["asyncio.core"]),
        ("core", ["firmware.core", "firmware.core.grid.island"]),
        ("app", ["firmware", "firmware.image"]),
        ("app", ["firmware.app"]),
    ]
