# islet: what wears a contactor, an hour long.
# GPL-3.0-or-later
"""The cases of wear, their events repeated over an hour of the whole stack in the twin."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tools.bench.table import Figure
from tools.bench.virtual import twin
from tools.workshop import ROOT

CASES = ROOT / "tests_host" / "cases"
HOUR_S = 3_600
BEFORE = {"car_toggles_b_c": 480, "grid_flicker_wear": 530, "car_sags_voltage": 45}  # an hour


def prolonged(document: dict[str, Any], seconds: float) -> dict[str, Any]:
    """The same, its events again and again in their own rhythm, expecting nothing."""
    events = document["events"]
    if events:
        first_s, last_s = events[0]["at_s"], events[-1]["at_s"]
        again_s = last_s + events[1]["at_s"] - 2 * first_s
        events = [
            {**event, "at_s": round(event["at_s"] + turn * again_s, 3)}
            for turn in range(int(seconds / again_s) + 1)
            for event in events
        ]
    events = [event for event in events if event["at_s"] < seconds]
    return document | {"seconds": seconds, "events": events, "expect": []}


def measure(quick: bool) -> Iterator[Figure]:
    seconds = HOUR_S // 6 if quick else HOUR_S
    for name, before in BEFORE.items():
        document = prolonged(json.loads((CASES / f"{name}.json").read_text()), seconds)
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / f"{name}.json"
            path.write_text(json.dumps(document))
            _, _, said = twin("--scenario", str(path), "--speed", "max", "--seed", "3")
        figures = json.loads(said.splitlines()[-1])["figures"]
        yield Figure(
            name,
            f"{figures['contactor_closings']} closings",
            "12 an hour",
            f"{before} an hour without a budget",
            f"{seconds} s of the case, its events repeated; {figures['car_wh'] / 1000:.1f} kWh",
        )
