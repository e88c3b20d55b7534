"""Sense in the interpreter of the board."""

from __future__ import annotations

from pathlib import Path

from tests_host.conftest import ROOT, RunDevice
from tools.pack.__main__ import main as pack

DEVICE = ROOT / "tests_host/sense/device"


def test_on_block_allocates_nothing(run_device: RunDevice, tmp_path: Path) -> None:
    """Half a second of blocks with the heap locked: an allocation would raise MemoryError."""
    assert pack(["--target", str(tmp_path / "islet_data.py")]) == 0
    script = f"import sys; sys.path.append({str(tmp_path)!r}); "
    script += f"exec(open({str(DEVICE / 'on_block.py')!r}).read())"
    assert run_device(script).startswith("ok")


def test_the_lock_finds_an_allocation(run_device: RunDevice) -> None:
    """The test above can fail: a float, a list, a number beyond 30 bits do."""
    for line in ("x = y * 1.5", "x = [y]", "x = y << 29"):
        script = f"import micropython\ny = 3\nmicropython.heap_lock()\ntry:\n    {line}\n"
        script += "except MemoryError:\n    micropython.heap_unlock()\n    print('found')\n"
        assert run_device(script) == "found\n", line
