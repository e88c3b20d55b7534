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
DEVICES, NODES = (1, 2, 4, 8), (3, 10, 30)
CASES = [*((many, nodes) for many in DEVICES for nodes in NODES), (6, 10)]


def run(program: str, cases: list[tuple[int, int]], steps: int) -> list[list[str]]:
    """For each (devices, nodes): µs and bytes of a step under an interpreter, whether its heap was
    locked, whether all devices worked, its word size."""
    environment = {**os.environ, "MICROPYPATH": folded.path(), "PYTHONPATH": str(ROOT)}
    command = [program, str(SCRIPT), *(f"{nodes}:{many}:{steps}" for many, nodes in cases)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    return [line.split()[3:] for line in done.stdout.splitlines()]


def measure(quick: bool) -> Iterator[Figure]:
    steps = 200 if quick else 1000
    own, rival = (run(program, CASES, steps) for program in (str(MICROPYTHON), sys.executable))
    for (many, nodes), found, theirs in zip(CASES, own, rival, strict=True):
        step_us, heap, _, busy, bits = found
        doing = "all devices at work" if busy == "1" else "not all devices at work"
        yield Figure(
            f"core.step(), {many} devices, {nodes} nodes",
            f"{float(step_us):.0f} µs, {float(heap):.0f} B",
            "0 B; 100 ms",
            f"CPython {float(theirs[0]):.0f} µs",
            f"mean of {steps} steps, {doing}, heap locked (an allocation would raise), "
            f"{bits}-bit MicroPython on this PC (the chip is slower: not measured here)",
        )
