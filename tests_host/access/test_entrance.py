"""firmware/entrance.py: the trail is opened while others run, and once."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from firmware import image as im


@pytest.fixture
def entrance(monkeypatch: pytest.MonkeyPatch) -> Any:
    machine = ModuleType("machine")
    machine.reset = machine.unique_id = lambda: b""  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "machine", machine)
    monkeypatch.delitem(sys.modules, "firmware.entrance", raising=False)
    import firmware.entrance

    return firmware.entrance


def test_two_who_open_the_trail_at_once_write_one(entrance: Any, tmp_path: Path) -> None:
    image = im.Image()
    board = SimpleNamespace(storage=str(tmp_path))
    parts = SimpleNamespace(board=board, store=object(), image=image)
    gate = SimpleNamespace(trail=None, notes=[(1, "anna", 0, True)], missed=False)

    async def both() -> int:
        turns = 0
        one = asyncio.create_task(entrance.write(parts, gate))
        await asyncio.sleep(0)
        gate.notes.append((2, "ben", 0, True))
        other = asyncio.create_task(entrance.write(parts, gate))
        while not (one.done() and other.done()):
            turns += 1
            await asyncio.sleep(0)
        return turns

    assert asyncio.run(both()) >= 16, "a turn of the others for each sector"
    kept = [entry[1:3] for entry in gate.trail.entries() if entry is not None]
    assert sorted(kept) == [(1, "anna"), (2, "ben")]
