# islet: what the board measures, beside the world's truth.
# GPL-3.0-or-later
from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tools.bench.board import latency, rig
from tools.bench.table import Figure

PLAIN_A = 40
SENSORS: dict[str, Any] = {
    "noise_codes": 1.5,
    "current_harmonics": [[5, 0.05]],
    "voltage_harmonics": [[5, 0.02]],
    "offset_codes": {"evse_l1": 12},
}
METHOD = (
    "converter with E11 and its noise, 12 codes of offset, 5 % of 5th harmonic; "
    "worst of 12 readings a point"
)


def points(folder: Path) -> list[dict[str, Any]]:
    (folder / "accuracy").mkdir()
    site = rig.HERE / "site_accuracy.json"
    setup = rig.setup(folder / "accuracy", [], site=site, sensors=SENSORS, held=False)
    return list(rig.lines("accuracy.mjs", setup))


def plain(folder: Path) -> float:
    """What a plain loop makes of 40 A with the same harmonics and errors."""
    (folder / "plain").mkdir()
    setup = rig.setup(folder / "plain", latency.rivals(), site=None, sensors=SENSORS)
    (line,) = rig.lines("program.mjs", setup, "plain_rms", 2000, PLAIN_A)
    found = [float(text) for text in re.findall(r"rms (\S+)", line["text"])[2:]]
    truth = PLAIN_A * (1 + sum(w * w for _, w in SENSORS["current_harmonics"])) ** 0.5
    return max(abs(value / truth - 1) for value in found)


def worst(rows: list[dict[str, Any]], reading: str, truth: str, scale: float) -> float:
    """Largest deviation of a reading, as a share of the truth."""
    return max(
        abs(value / scale / row["truth"][truth] - 1)
        for row in rows
        for value in row["readings"][reading]
    )


def signed(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Readings of a current carry the sign of its power; here its size counts."""
    for row in rows:
        row["readings"]["node_ma"] = [abs(value) for value in row["readings"]["node_ma"]]
    return rows


def measure(folder: Path) -> Iterator[Figure]:
    rows = signed(points(folder))
    levels = [row for row in rows if row["hz"] == 50 and row["lag_deg"] == 0]
    fast = worst(levels, "fast_ma", "evse_a", 1000)
    rival = f"plain loop at 40 A: {_percent(plain(folder))}"
    yield Figure("RMS current, the chip's own converter", _percent(fast), "≤ 0.5 %", rival, METHOD)
    chip = max(worst(rows, "evse_ma", "evse_a", 1000), worst(rows, "node_ma", "main_a", 1000))
    method = METHOD + ", 47.5 to 60 Hz"
    yield Figure("RMS current, ATM90E32", _percent(chip), "≤ 0.5 %", "", method)
    watts = worst([r for r in rows if r["hz"] == 50], "node_w", "watts", 1)
    yield Figure("active power, cos φ 0.8 and more", _percent(watts), "≤ 1 %", "", METHOD)
    mhz = max(abs(v - 1000 * r["truth"]["hz"]) for r in rows for v in r["readings"]["grid_mhz"])
    yield Figure("frequency", f"{mhz:.0f} mHz", "≤ 10 mHz", "", method)


def _percent(share: float) -> str:
    return f"{100 * share:.2f} %"
