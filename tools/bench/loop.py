# islet: how late the guard's tick is in real time, with everything on.
# GPL-3.0-or-later
from __future__ import annotations

import json
import re
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Iterator
from typing import Any

from tools.bench.table import Figure
from tools.bench.virtual import SCENARIO
from tools.twin.link.process import MICROPYTHON
from tools.workshop import ROOT

PLAIN = """
import asyncio, time
async def main():
    worst = 0
    last = time.ticks_us()
    for _ in range({ticks}):
        await asyncio.sleep_ms(10)
        now = time.ticks_us()
        worst = max(worst, time.ticks_diff(now, last))
        last = now
    print(worst)
asyncio.run(main())
"""


def fetch(url: str) -> dict[str, Any]:
    with urllib.request.urlopen(url, timeout=5) as answer:
        return json.load(answer)


def busy_run(seconds: int) -> dict[str, Any]:
    """The state's health section at the end of a run whose page is asked all the time."""
    command = [sys.executable, "-m", "tools.twin", "--scenario", str(SCENARIO), "--speed", "1"]
    process = subprocess.Popen(
        [*command, "--seconds", str(seconds + 3)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert process.stdout is not None
    page = ""
    for line in process.stdout:
        if found := re.search(r"http://127\.0\.0\.1:\d+/", line):
            page = found[0]
            break
    drain = threading.Thread(target=process.stdout.read, daemon=True)
    drain.start()
    health: dict[str, Any] = {}
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        try:
            health = fetch(page + "api/state")["health"]
            fetch(page + "api/image")
        except OSError:
            time.sleep(0.2)
    process.wait(30)
    return health


def measure(quick: bool) -> Iterator[Figure]:
    seconds = 8 if quick else 60
    health = busy_run(seconds)
    plain = subprocess.run(
        [MICROPYTHON, "-c", PLAIN.format(ticks=seconds * 20)],
        capture_output=True,
        text=True,
        check=True,
    )
    yield Figure(
        "longest gap between guard ticks",
        f"{health['guard_gap_us'] / 1000:.1f} ms",
        "10 ms + the longest task (INV-9: 20 ms)",
        f"empty asyncio loop {int(plain.stdout) / 1000:.1f} ms",
        f"{seconds} s at SPEED=1: sampling, Modbus over a pty, broker, page asked without pause; "
        "wall clock of this PC, where the guard shares the loop (a hard interrupt on RP2040)",
    )
    yield Figure(
        "latest control cycle",
        f"{health['control_late_ms']} ms",
        "–",
        "–",
        "same run",
    )
