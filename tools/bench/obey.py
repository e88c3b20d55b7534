# islet: how long a disobeying inverter keeps its enable.
# GPL-3.0-or-later
"""The whole stack in the twin: seconds from leaving its grant to the end of its enable, by the
referee's clock, for each way of disobeying, in both directions, at three ages of the meter."""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from tools.bench.table import Figure
from tools.workshop import ROOT

CASE = ROOT / "tests_host" / "cases" / "inverter_ignores_setpoint.json"
AGES_S = (0.3, 2, 10)
TOLD_W = (-2000, 2000)
START_S, SECONDS = 30, 60
Events = list[dict[str, Any]]


def put(name: str, to: Any, at_s: float = START_S) -> dict[str, Any]:
    return {"at_s": at_s, "set": f"inverter.{name}", "to": to}


def tell(w: int, at_s: float) -> dict[str, Any]:
    payload = {"target_w": w, "ttl_s": 3600}
    return {"at_s": at_s, "mqtt": {"topic": "islet/case/set/target_w", "payload": payload}}


# way: events, by what it was told
WAYS: dict[str, Any] = {
    "ignores": lambda w: [put("ignores_setpoint", True), tell(0, START_S + 2)],
    "late": lambda w: [put("response_s", 60), tell(0, START_S + 2)],
    "overshoots": lambda w: [put("gain", 2.5)],
    "wrong sign": lambda w: [put("sign", -1)],
    "own mode, drawing": lambda w: [put("own_w", 4000), put("restart", True)],
    "own mode, delivering": lambda w: [put("own_w", -4000), put("restart", True)],
    "ignores, and reports its setpoint": lambda w: [
        put("lies", True),
        put("ignores_setpoint", True),
        tell(0, START_S + 2),
    ],
    "stuck": lambda w: [put("stuck_w", w), tell(0, START_S + 2)],
    "silent": lambda w: [
        put("stuck_w", w),
        {"at_s": START_S + 2, "bus": "inverter", "fault": "silent"},
    ],
}


def scenario(events: Events, age_s: float, told_w: int) -> dict[str, Any]:
    document = json.loads(CASE.read_text())
    site = document["site"]
    site["devices"][0].update(max_a=16)
    document |= {"seconds": SECONDS, "expect": []}
    first: Events = [{"at_s": 1, "set": "meter.update_s", "to": age_s}, tell(told_w, 5)]
    document["events"] = sorted([*first, *events], key=lambda event: event["at_s"])
    return document


def kept_s(way: str, age_s: float, told_w: int, seed: int) -> float | None:
    """Seconds; None where it never had its enable to disobey with."""
    document = scenario(WAYS[way](told_w), age_s, told_w)
    with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
        json.dump(document, file)
        file.flush()
        command = [sys.executable, "-m", "tools.twin", "--scenario", file.name]
        command += ["--speed", "max", "--seed", str(seed)]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    figures = json.loads(done.stdout.strip().splitlines()[-1])["figures"]
    return figures["outside_grant_s"] or None


def measure(quick: bool) -> Iterator[Figure]:
    seeds = range(1, 2 if quick else 4)
    for way in WAYS:
        jobs = [(way, age, w, seed) for age in AGES_S for w in TOLD_W for seed in seeds]
        with ThreadPoolExecutor(1) as pool:
            results = dict(zip(jobs, pool.map(lambda job: kept_s(*job), jobs), strict=True))
        texts = []
        for age in AGES_S:
            times = [s for job, s in results.items() if job[1] == age and s is not None]
            texts.append(
                f"{statistics.median(times):.1f} / {max(times):.1f} s" if times else "no enable"
            )
        yield Figure(
            f"enable kept: {way}",
            ", ".join(texts),
            "10 s (INV-16)",
            "–",
            "median / worst at a meter's age of 0.3, 2 and 10 s, declared response 2 s, told "
            f"±2 kW, {len(seeds)} seeds; by the referee, from leaving the grant",
        )
