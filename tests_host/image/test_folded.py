"""The firmware as the host's interpreter runs it: compiled once, anew where it changed, in machine
code that this interpreter loads."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from tests_host.conftest import RunDevice
from tools.image import folded
from tools.workshop import ROOT, SetupError


@pytest.fixture
def texts(tmp_path: Path) -> Path:
    """A part of the firmware's texts, to be changed."""
    shutil.copytree(folded.texts() / "firmware/base", tmp_path / "text/firmware/base")
    shutil.copy2(folded.texts() / "firmware/image.py", tmp_path / "text/firmware/image.py")
    return tmp_path / "text"


def made(target: Path) -> dict[str, int]:
    files = (target / "firmware").rglob("*.mpy")
    return {path.relative_to(target).as_posix(): path.stat().st_ino for path in files}


def test_every_module_is_compiled_and_no_text_hides_it() -> None:
    there = {path.relative_to(ROOT).with_suffix("") for path in (ROOT / "firmware").rglob("*.py")}
    ready = folded.ready()
    compiled = {
        path.relative_to(ready) for path in (ready / "firmware").rglob("*") if path.is_file()
    }
    assert {path.with_suffix("") for path in compiled} == there
    assert {path.suffix for path in compiled} == {".mpy"}


def test_what_has_changed_is_compiled_anew_and_what_has_gone_goes(
    texts: Path, tmp_path: Path
) -> None:
    target = tmp_path / "target"
    target.mkdir()
    folded.compile_all(texts, target)
    first = made(target)
    assert set(first) == {
        path.relative_to(texts).with_suffix(".mpy").as_posix() for path in texts.rglob("*.py")
    }
    timer = texts / "firmware/base/timer.py"
    timer.write_text(timer.read_text() + "\nADDED = 7\n")
    (texts / "firmware/base/viper.py").unlink()
    folded.compile_all(texts, target)
    again = made(target)
    assert set(first) - set(again) == {"firmware/base/viper.mpy"}
    assert {name for name in again if again[name] != first[name]} == {"firmware/base/timer.mpy"}
    (target / "compiler").write_text("another")
    os.utime(timer)
    folded.compile_all(texts, target)
    assert (target / "compiler").read_text() != "another"


def test_what_the_compiler_refuses_is_named(texts: Path, tmp_path: Path) -> None:
    grow = texts / "firmware/base/grow.py"
    grow.write_text(
        grow.read_text() + "\n@micropython.viper\ndef f(a: ptr32):\n    return a + a\n"
    )
    (tmp_path / "target").mkdir()
    with pytest.raises(SetupError, match=r"firmware/base/grow\.py does not compile"):
        folded.compile_all(texts, tmp_path / "target")


def test_a_traceback_names_the_file_and_the_line(run_device: RunDevice) -> None:
    """As text would: people look for it there."""
    lines = (folded.texts() / "firmware/base/strict_json.py").read_text().splitlines()
    said = run_device(
        "import sys\nfrom firmware.base import strict_json\n"
        "try:\n    strict_json.loads(b'[1,')\n"
        "except Exception as error:\n    sys.print_exception(error, sys.stdout)\n"
    )
    assert 'File "firmware/base/strict_json.py", line ' in said, said
    number = int(said.split('strict_json.py", line ')[-1].split(",")[0])
    assert "raise" in lines[number - 1], (number, lines[number - 1])
