# islet: how much faster than real time.
# GPL-3.0-or-later
from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from tools.bench.table import Figure
from tools.twin.process import ROOT

SCENARIO = ROOT / "tools" / "twin" / "scenarios" / "sunny_day.json"


def twin(*arguments: str) -> tuple[float, str]:
    """(seconds it took, last line) of a run of the twin."""
    start = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-m", "tools.twin", *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    lines = done.stdout.strip().splitlines()
    if not lines:
        raise RuntimeError(done.stderr)
    return time.perf_counter() - start, lines[-1]


def measure(quick: bool) -> Iterator[Figure]:
    seconds = 120 if quick else 1800
    with tempfile.TemporaryDirectory() as name:
        trace = Path(name) / "trace"
        run = ["--scenario", str(SCENARIO), "--speed", "max", "--seconds", str(seconds)]
        took, last = twin(*run, "--record", str(trace))
        assert json.loads(last)["steps"], last
        yield Figure(
            "full stack",
            f"{seconds / took:.0f} × real time",
            "≥ 50",
            "SPEED=1: 1 ×",
            f"{seconds} s of the sunny day at SPEED=max, wall clock with start and recording, "
            "firmware under MicroPython and twin under CPython on two cores",
        )
        _, last = twin("replay", str(trace))
        yield Figure("core alone", last, "≥ 1000", "full stack above", "replay under CPython")
