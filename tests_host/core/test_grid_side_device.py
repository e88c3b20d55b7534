# islet: panel, grid code and island on the real interpreter: no allocation, same answers.
# GPL-3.0-or-later
from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

SCRIPT = Path(__file__).parent / "device" / "grid_side.py"
ROOT = Path(__file__).resolve().parents[2]


def test_no_allocation_with_the_heap_locked_and_the_same_answers_as_cpython(run_device) -> None:
    """1 000 steps with 10 and 30 nodes, through an outage and back."""
    device = [line.split() for line in run_device(SCRIPT).splitlines()]
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, str(SCRIPT)], env=env, capture_output=True, text=True, check=True
    )
    host = [line.split() for line in done.stdout.splitlines()]
    assert [row[0] for row in device] == ["10", "30"]
    for on_device, on_host in zip(device, host, strict=True):
        nodes, allocated, total, seen, per_step_us = on_device
        print(f"{nodes} nodes: {allocated} B allocated, {per_step_us} us a step on this machine")
        assert allocated == "0"
        assert [total, seen] == on_host[2:4]
        islanded = 1 << 6
        assert int(seen) & islanded, "the run must have been through an island"
