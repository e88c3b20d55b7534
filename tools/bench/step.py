# islet: time and heap of core.step().
# GPL-3.0-or-later
from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from tools.bench.table import Figure
from tools.image import folded
from tools.twin.link.process import MICROPYTHON
from tools.workshop import ROOT

SCRIPT = Path(__file__).parent / "device" / "step.py"
NODES = (3, 10, 30)


def run(program: str, nodes: int) -> tuple[float, float, str, str]:
    """(µs, bytes) of one step under an interpreter; whether devices worked; its word size."""
    environment = {**os.environ, "MICROPYPATH": folded.path(), "PYTHONPATH": str(ROOT)}
    command = [program, str(SCRIPT), str(nodes)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    _, _, step_us, heap, _, busy, bits = done.stdout.split()
    return float(step_us), float(heap), busy, bits


def measure(quick: bool) -> Iterator[Figure]:
    for nodes in NODES:
        step_us, heap, busy, bits = run(str(MICROPYTHON), nodes)
        rival_us, *_ = run(sys.executable, nodes)
        doing = "car and inverter at work" if busy == "1" else "car or inverter at rest"
        yield Figure(
            f"core.step(), {nodes} nodes",
            f"{step_us:.0f} µs, {heap:.0f} B",
            "0 B; 100 ms",
            f"CPython {rival_us:.0f} µs",
            f"mean of 1000 steps, {doing}, heap locked (an allocation would raise), "
            f"{bits}-bit MicroPython on this PC (the chip is slower: not measured here)",
        )
