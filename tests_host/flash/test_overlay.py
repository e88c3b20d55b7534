"""`make overlay`: changed modules in place of the others, and only those."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests_host.conftest import ROOT, RunDevice
from tests_host.flash.fake_board import Board
from tools.flash import FlashError, Voice, boards, overlay, steps
from tools.flash.files import sources
from tools.flash.link import Link
from tools.flash.steps import Wish
from tools.image import folded

PICO = boards.named("pico", image="none")

# a package as it is frozen: __init__ imports its modules, they import each other
FROZEN = {
    "pkg/__init__.py": "from pkg.a import A\nfrom pkg import b\nNAME = 'old pkg'\n",
    "pkg/a.py": "from pkg.c import C\nfrom pkg import tables\nA = 'old a', C\n",
    "pkg/b.py": "from pkg.a import A\nB = 'old b', A\n",
    "pkg/c.py": "C = 'old c'\n",
    "pkg/tables.py": "T = 'old tables'\n",
    "app.py": "import pkg\nfrom pkg.b import B\nfrom pkg import tables\n",
}
SHOW = """
import app, sys
print(app.pkg.NAME, app.B, app.pkg.A, app.tables.T)
print(sorted(name for name in sys.modules if "pkg" in name))
"""


def lay(tmp_path: Path, run_device: RunDevice, changed: dict[str, str]) -> list[str]:
    """Run SHOW with `changed` files over FROZEN."""
    frozen, stage = tmp_path / "frozen", tmp_path / "stage"
    for name, text in FROZEN.items():
        (frozen / name).parent.mkdir(parents=True, exist_ok=True)
        (frozen / name).write_text(text)
    stage.mkdir()
    table = {}
    for number, (name, text) in enumerate(changed.items()):
        (stage / f"flat{number}.py").write_text(text)
        module = name[:-3].replace("/__init__", "").replace("/", ".")
        path = str(frozen / "pkg") if name.endswith("__init__.py") else ""
        table[module] = f"flat{number}", path
    (stage / "islet_overlay.py").write_text(f"MODULES = {sorted(table)}\n")
    hook = overlay.HOOK.format(table=table).replace('"/remote"', repr(str(stage)))
    return run_device(hook + SHOW, frozen).splitlines()


def test_nothing_changed(tmp_path: Path, run_device: RunDevice) -> None:
    shown = lay(tmp_path, run_device, {})
    assert shown[0] == "old pkg ('old b', ('old a', 'old c')) ('old a', 'old c') old tables"
    assert shown[1] == "['pkg', 'pkg.a', 'pkg.b', 'pkg.c', 'pkg.tables']"


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        (
            {"pkg/c.py": "C = 'NEW c'\n"},
            "old pkg ('old b', ('old a', 'NEW c')) ('old a', 'NEW c') old tables",
        ),
        (
            {"pkg/a.py": "from pkg.c import C\nA = 'NEW a', C\n"},
            "old pkg ('old b', ('NEW a', 'old c')) ('NEW a', 'old c') old tables",
        ),
        (
            {
                "pkg/tables.py": "T = 'NEW tables'\n",
                "pkg/b.py": "from pkg.a import A\nB = 'NEW b', A\n",
                "pkg/__init__.py": "from pkg.a import A\nfrom pkg import b\nNAME = 'NEW pkg'\n",
            },
            "NEW pkg ('NEW b', ('old a', 'old c')) ('old a', 'old c') NEW tables",
        ),
    ],
    ids=["a leaf", "one in the middle", "a package"],
)
def test_what_changed_is_everywhere(
    tmp_path: Path, run_device: RunDevice, changed: dict[str, str], expected: str
) -> None:
    """Also whoever imports it sees the new one, and each module is there once."""
    shown = lay(tmp_path, run_device, changed)
    assert shown[0] == expected
    assert shown[1] == "['pkg', 'pkg.a', 'pkg.b', 'pkg.c', 'pkg.tables']"


def test_the_real_firmware_under_the_hook(run_device: RunDevice, tmp_path: Path) -> None:
    """Its own imports, with every file of a room changed."""
    stage = tmp_path / "stage"
    stage.mkdir()
    table = {}
    for number, path in enumerate(sorted((folded.ready() / "firmware/core").rglob("*.py"))):
        here = ROOT / path.relative_to(folded.ready())
        name, package = overlay.module_name(here)
        (stage / f"flat{number}.py").write_text(path.read_text())
        table[name] = f"flat{number}", str(path.parent) if package else ""
    (stage / "islet_overlay.py").write_text("MODULES = []\n")
    hook = overlay.HOOK.format(table=table).replace('"/remote"', repr(str(stage)))
    show = (
        "import firmware.core, firmware.image\ncore = firmware.core.Core(firmware.image.Image())"
    )
    said = run_device(f"{hook}{show}\ncore.step(100)\nprint(firmware.core.__name__)")
    assert said == "firmware.core\n"


def test_only_what_is_younger_than_the_image(tmp_path: Path) -> None:
    image = tmp_path / "firmware.bin"
    image.write_bytes(b"image")
    board = replace(PICO, image=image)
    paths = list(sources(board.family))
    last = max(path.stat().st_mtime for path in paths)
    os.utime(image, (last + 1, last + 1))
    assert overlay.changed(board) == []
    youngest = max(paths, key=lambda path: path.stat().st_mtime)
    os.utime(image, (last - 0.001, last - 0.001))
    assert youngest in overlay.changed(board)


def test_asked_for_by_name(tmp_path: Path) -> None:
    assert overlay.changed(PICO, ["firmware/core/vehicle/pilot.py"]) == [
        ROOT / "firmware/core/vehicle/pilot.py"
    ]
    with pytest.raises(FlashError, match=r"MODULES: .*host\.py is no part of the firmware"):
        overlay.changed(PICO, ["firmware/chips/host.py"])
    with pytest.raises(FlashError, match="nobody knows what changed since") as caught:
        overlay.changed(PICO)
    assert "make image IMAGE=pico" in caught.value.remedy


def test_staged(tmp_path: Path) -> None:
    paths = [ROOT / "firmware/core/__init__.py", ROOT / "lib/umqtt/simple.py"]
    table = overlay.stage(paths, "armv6m", tmp_path)
    assert table == {
        "firmware.core": ("islet_overlay_0", ".frozen/firmware/core"),
        "umqtt.simple": ("islet_overlay_1", ""),
    }
    names = sorted(path.name for path in tmp_path.iterdir())
    assert names == ["islet_overlay.py", "islet_overlay_0.mpy", "islet_overlay_1.mpy"]


# --- the command -------------------------------------------------------------------------------


@pytest.fixture
def overlaid(monkeypatch: pytest.MonkeyPatch, board: Board) -> Wish:
    """One changed module; loading it is the emulated board's test."""

    def begin(_link: Link, _code: str) -> None:
        board.state = "islet"

    def lines(_link: Link) -> Iterator[str]:
        yield "islet says something"
        raise KeyboardInterrupt

    monkeypatch.setattr(steps.overlay, "load", lambda *_: None)
    monkeypatch.setattr(Link, "begin", begin)
    monkeypatch.setattr(Link, "lines", lines)
    return Wish(port="board", file="none", modules=("firmware/core/vehicle/pilot.py",))


def test_ctrl_c_ends_it(board: Board, overlaid: Wish, capsys: pytest.CaptureFixture[str]) -> None:
    assert steps.run_overlay(overlaid, Voice("overlay")) == 0
    assert board.events == ["stopped", "stopped", "reset"]
    said = capsys.readouterr().out
    assert "islet says something" in said
    assert said.endswith("overlay: the image runs again\n")


def test_ctrl_c_does_not_end_a_charge(
    board: Board, overlaid: Wish, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    def lines(_link: Link) -> Iterator[str]:
        board.energised = ["the contactor is closed"]
        raise KeyboardInterrupt
        yield

    monkeypatch.setattr(Link, "lines", lines)
    assert steps.run_overlay(overlaid, Voice("overlay")) == 0
    assert board.events == ["stopped"]
    assert board.state == "islet"
    assert "the overlay runs on until the board is next reset" in capsys.readouterr().out


def test_nothing_changed_since_the_image(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(steps.overlay, "changed", lambda *_: [])
    assert steps.run_overlay(Wish(), Voice("overlay")) == 0
    assert "nothing changed" in capsys.readouterr().out
