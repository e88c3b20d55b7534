# islet: time and heap of the panel's step by devices and nodes, in an image with rows for eight.
# GPL-3.0-or-later
from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from tools.bench.table import Figure
from tools.image import fold
from tools.twin.link.process import MICROPYTHON
from tools.workshop import CACHE, ROOT

SCRIPT = Path(__file__).parent / "device" / "panel.py"
DEVICES, NODES = (1, 2, 4, 6, 8), (3, 10, 30)
CASES = [(10, devices) for devices in DEVICES] + [(nodes, 4) for nodes in NODES if nodes != 10]


def run(program: str, steps: int) -> Iterator[tuple[int, int, float, float, float]]:
    """Nodes, devices, µs of a step while all rest and while all move, bytes allocated in one."""
    folder = CACHE / "folded_eight"
    fold.tree(ROOT / "firmware", folder / "firmware", keep=True, rows={"DEVICES": max(DEVICES)})
    path = os.pathsep.join([str(folder), str(CACHE / "data"), ".frozen"])
    environment = {**os.environ, "MICROPYPATH": path, "PYTHONPATH": str(folder)}
    cases = [f"{nodes}:{devices}:{steps}" for nodes, devices in CASES]
    done = subprocess.run(
        [program, str(SCRIPT), *cases], env=environment, cwd=folder, capture_output=True,
        text=True, check=True,
    )  # fmt: skip
    for line in done.stdout.splitlines():
        _, nodes, devices, rests_us, moves_us, heap = line.split()
        yield int(nodes), int(devices), float(rests_us), float(moves_us), float(heap)


def measure(quick: bool) -> Iterator[Figure]:
    steps = 50 if quick else 300
    rivals = run(sys.executable, steps)
    for nodes, devices, rests_us, moves_us, heap in run(str(MICROPYTHON), steps):
        rival_us = next(rivals)[3]
        yield Figure(
            f"panel and witness, {devices} devices, {nodes} nodes",
            f"{rests_us:.0f} µs at rest, {moves_us:.0f} µs while all move, {heap:.0f} B",
            "0 B; on the chip ≤ 10 ms with 6 devices and 10 nodes",
            f"CPython {rival_us:.0f} µs",
            f"median of {steps} steps in the interpreter on this PC; nodes metered, three-phase"
            " converters and chargers in turn, two of each rank",
        )
