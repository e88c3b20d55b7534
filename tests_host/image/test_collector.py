"""mark.c, look.S and sweep.c, which collect in MicroPython's place, on the emulated chip."""

from __future__ import annotations

import contextlib
import io
from pathlib import Path

import pytest

from tools.image import heap
from tools.image.images import REFERENCE

SCRIPT = Path(__file__).parent / "device" / "collector.py"


def in_python(folder: Path) -> str:
    said = io.StringIO()
    with contextlib.redirect_stdout(said), contextlib.chdir(folder):
        exec(compile(SCRIPT.read_text(), SCRIPT, "exec"), {"__name__": "collector"})
    return said.getvalue()


def test_what_lives_stays_as_it_was_and_the_rest_is_free_again(tmp_path: Path) -> None:
    if why_not := heap.missing():
        pytest.fail(f"{why_not}; `make test` sets it up")
    said = heap.run(REFERENCE.folder / "firmware.bin", SCRIPT.read_text())
    assert said.splitlines() == in_python(tmp_path).splitlines()
