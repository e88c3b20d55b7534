"""What the tests of this folder share."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests_host import kept
from tools.bench.board import rig


@pytest.fixture(scope="module")
def chip_kept() -> Iterator[None]:
    """What the emulated chip does is the same each time; the flash holds all that it runs."""
    run = rig.lines

    def lines(script: str, setup: Path, *arguments: object) -> Iterator[dict[str, Any]]:
        told = json.loads(setup.read_text())
        flash, board = Path(told.pop("flash")), Path(told.pop("board"))
        inputs = [*kept.CHIP, rig.JS, kept.node(), told, flash, board, script, arguments]
        yield from kept.kept("chip", inputs, lambda: list(run(script, setup, *arguments)))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(rig, "lines", lines)
        yield
