# islet: how much faster than real time.
# GPL-3.0-or-later
from __future__ import annotations

import json
import re
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from tools.bench.table import Figure
from tools.workshop import ROOT

SCENARIO = ROOT / "tools" / "twin" / "scenarios" / "sunny_day.json"


def children_s() -> float:
    """Processor time of all that has run and ended so far, and of what that started."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def twin(*arguments: str) -> tuple[float, float, str]:
    """(seconds it took, of the processors, what it said) of a run of the twin."""
    start, used_s = time.perf_counter(), children_s()
    done = subprocess.run(
        [sys.executable, "-m", "tools.twin", *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    if not (said := done.stdout.strip()):
        raise RuntimeError(done.stderr)
    return time.perf_counter() - start, children_s() - used_s, said


def measure(quick: bool) -> Iterator[Figure]:
    seconds = 120 if quick else 1800
    with tempfile.TemporaryDirectory() as name:
        trace = Path(name) / "trace"
        run = ["--scenario", str(SCENARIO), "--speed", "max"]
        start_s, start_cpu_s, _ = twin(*run, "--seconds", "1")
        took, cpu_s, said = twin(*run, "--seconds", str(seconds), "--record", str(trace))
        assert json.loads(said.splitlines()[-1])["steps"], said
        yield Figure(
            "full stack",
            f"{(seconds - 1) / (took - start_s):.0f} × real time",
            "≥ 80",
            "SPEED=1: 1 ×",
            f"{seconds} s of the sunny day at SPEED=max, recorded; wall clock of this PC without "
            f"the {start_s:.1f} s of a run of 1 s; MicroPython and CPython on two cores",
        )
        yield Figure(
            "processor of the full stack",
            f"{(cpu_s - start_cpu_s) / (seconds - 1) * 1000:.1f} ms a simulated second",
            "–",
            "SPEED=1: waits for the rest of the second",
            "same runs; MicroPython and CPython together, which is what many houses at once take",
        )
        for how, target in (((), "2000"), (("--micropython",), "3000")):
            _, _, said = twin("replay", *how, str(trace))
            if not (speed := re.search(r"(\d+) times real time", said)):
                raise RuntimeError(said)
            under = "MicroPython" if how else "CPython, kernels in C"
            yield Figure(
                f"core alone, {under}",
                f"{speed[1]} × real time",
                f"≥ {target}",
                "full stack above",
                f"its recording replayed through core.step(); {said.splitlines()[-1]}",
            )
