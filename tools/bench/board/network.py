# islet: the networked image on the emulated chip, behind the W5500, among peers that mean it ill.
# GPL-3.0-or-later
from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from tools.bench.board import rig
from tools.bench.table import Figure
from tools.image.images import IMAGES

IMAGE = IMAGES["pico_eth"]
PROGRAM = "network"
HOLD_MS, GUARD_MS = 20, 1  # INV-9; a block of the guard's
HOUSE = {
    "hosts": {"broker": "192.168.77.20", "pool.ntp.org": "192.168.77.1"},
    "unix_ms": 1_782_032_400_000,
}
METHOD = (
    "a car charges, a meter and a broker who takes the state; {:.0f} s; free at the lowest with "
)
METHOD += "garbage, and collected"


def setup(folder: Path, programs: Iterable[Path] = ()) -> Path:
    """A board with everything on: its page, a broker by name, the time."""
    site = json.loads((rig.HERE / "site_network.json").read_text(encoding="utf-8"))
    site |= {"http": {"token": "bench"}, "network": {"time": "pool.ntp.org"}}
    site["mqtt"]["host"] = "broker"
    path = folder / "site.json"
    path.write_text(json.dumps(site), encoding="utf-8")
    files = [rig.HERE / "device" / f"{PROGRAM}.py", *programs]
    return rig.setup(folder, files, site=path, image=IMAGE, network=HOUSE)


def scenes(
    ready: Path, names: Iterable[str] = (), seconds: float = 0, program: str = PROGRAM
) -> Iterator[dict[str, Any]]:
    """What emulated/network.mjs says of each scene; `seconds` 0: as long as it takes there."""
    return rig.lines("network.mjs", ready, program, seconds, *names)


def quantile(values: list[float], part: float) -> float:
    return sorted(values)[min(len(values) - 1, int(part * len(values)))]


def measure(folder: Path) -> Iterator[Figure]:
    for row in scenes(setup(folder)):
        yield from idle(row) if row["name"] == "idle" else of_scene(row)


def of_scene(row: dict[str, Any]) -> Iterator[Figure]:
    text = f"control {row['control_ms']} ms late, guard {row['guard_ms']:.2f}, the loop held "
    text += f"{row['late_ms']}; {row['low'] / 1000:.0f} and {row['free'] / 1000:.0f} kB free"
    if row["resets"]:
        text += f"; {row['resets']} resets"
    for what, key in (("page", "page_ms"), ("broker", "broker_ms")):
        if key in row:
            took = "not" if row[key] is None else f"after {row[key] / 1000:.1f} s"
            text += f"; {what} back {took}"
    bound = f"≤ {HOLD_MS} ms, guard ≤ {GUARD_MS} ms"
    yield Figure(row["name"], text, bound, "", METHOD.format(row["ms"] / 1000))
    took = [answer["ms"] for answer in row["answers"] if answer["status"] == 200]
    if "page_ms" in row or not took:
        return
    busy = sum(answer["status"] == 503 for answer in row["answers"])
    asked = len(row["answers"]) + row["refused"] + row["broken"]
    text = f"{quantile(took, 0.5):.0f} / {quantile(took, 0.99):.0f} ms, "
    text += f"{len(took) * 1000 / row['ms']:.1f} a second"
    if refused := row["refused"] + busy:
        text += f"; {100 * refused / asked:.0f} % refused, {busy} of them told so"
    method = "one after the other, each without a pause; who is refused comes again after 0.5 s"
    yield Figure(f"{row['name']}: p50 / p99", text, "", "", method)


def idle(row: dict[str, Any]) -> Iterator[Figure]:
    there, gone = row["there"], row["gone"]
    percent = 100 * (there["load"] - gone["load"])
    size = (there["bytes"] - gone["bytes"]) * 60_000 / row["ms"]
    text = f"{percent:.1f} % of the processor, {size:.0f} B, {60 * there['frames']:.0f} frames"
    method = "the network's tasks there and ended; a broker whose host is not there"
    yield Figure("the link while nothing happens, a minute", text, "0 B", "", method)
