# islet: beside what one would take else for the same work, on the same emulated chip.
# GPL-3.0-or-later
"""micropython-modbus, a loop as emonlib's, umqtt.simple and json.dumps, each beside islet's own in
one run of the emulated RP2040, whose time is counted in cycles: a busy PC changes no figure. What
runs on the chip: device/rivals. Each advantage has to stay as large as it was (KEPT)."""

from __future__ import annotations

import json
import math
import tempfile
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

from tools.bench.board import chip, rig
from tools.bench.table import Figure
from tools.flash.files import compiled
from tools.setup import packages
from tools.workshop import ROOT

DEVICE = Path(__file__).parent / "device" / "rivals"
PROGRAMS = (
    rig.HERE / "device" / "slices.py",
    ROOT / "firmware" / "net" / "plain.py",
)
ALL_MS = 60_000  # more than all parts take, but for the limit
HELD_US = 20_000  # INV-9: for so long anything may hold the loop
# part: how many times less islet takes than its rival
KEPT = {"broker": math.inf, "samples": 23.8, "state": 4.2, "bus": 120.0}
Found = dict[str, dict[str, Any]]


def umodbus() -> dict[str, bytes]:
    """micropython-modbus as files of the chip: from text it would not fit beside the firmware."""
    sources = sorted((packages.RIVALS / "umodbus").glob("*.py"))
    if not sources:
        raise rig.BoardBenchError("micropython-modbus is not there; `make bench` fetches it")
    names = [f"umodbus/{path.name}" for path in sources]
    return {
        Path(name).with_suffix(".mpy").as_posix(): compiled(path, name, "armv6m")
        for path, name in zip(sources, names, strict=True)
    }


def run(
    folder: Path,
    limit_ms: int,
    parts: Iterable[str] = KEPT,
    program: str = "as_it_is",
    more: Iterable[Path] = (),
) -> list[Found]:
    """What each part found of both sides; a rival that holds the loop for ever is broken off."""
    asked = f"LIMIT_MS = {limit_ms}\nPARTS = {tuple(parts)!r}\n"
    setup = rig.setup(
        folder,
        [*sorted(DEVICE.glob("*.py")), *PROGRAMS, *more],
        more={**umodbus(), "asked.py": asked.encode()},
    )
    text = chip.program(setup, program, 2 * limit_ms + ALL_MS)["text"]
    if "done" not in text:
        raise rig.BoardBenchError(f"{program}: {text[-800:]}")
    return [json.loads(line) for line in text.splitlines() if line.startswith("{")]


def ratio(part: str, islet: dict[str, Any], rival: dict[str, Any]) -> float:
    """How many times more the rival takes."""
    if part == "samples":
        return (rival["us"] + rival["convert_us"]) / islet["us"]
    if rival.get("endless") and not islet["endless"] and islet["hold_us"] <= HELD_US:
        return math.inf
    return rival["hold_us"] / islet["hold_us"]


def verdict(part: str, times: float) -> str:
    least = KEPT[part]
    if times >= least:
        return "kept"
    return f"LOST, {least:g} × before" if math.isfinite(least) else "LOST, without end before"


def of_bus(islet: dict[str, Any], rival: dict[str, Any], _limit_ms: int) -> tuple[str, ...]:
    return (
        "loop held while a Modbus device is silent",
        f"{islet['hold_us'] / 1000:.1f} ms",
        f"micropython-modbus 2.3.7: {rival['hold_us'] / 1000:.0f} ms",
        "longest wait of a task that always wants to run; 19,200 baud, one request",
    )


def of_broker(islet: dict[str, Any], rival: dict[str, Any], limit_ms: int) -> tuple[str, ...]:
    ended = "without end, broken off" if rival["endless"] else "given up"
    return (
        "loop held by a broker that accepts and is silent",
        f"{islet['hold_us'] / 1000:.1f} ms",
        f"umqtt.simple: {ended} after {limit_ms / 1000:g} s",
        "longest wait of the same kind of task; sockets of which none ever has anything to read",
    )


def of_samples(islet: dict[str, Any], rival: dict[str, Any], _limit_ms: int) -> tuple[str, ...]:
    pairs = islet["pairs"]
    alone = rival["us"] / islet["us"]
    return (
        "RMS and real power, a pair of samples",
        f"{islet['us'] / pairs:.1f} µs",
        f"a loop as emonlib's calcVI in floats: {(rival['us'] + rival['convert_us']) / pairs:.0f}"
        f" µs, {rival['convert_us'] / pairs:.0f} of them to read the converter",
        f"{pairs} pairs, five cycles, the same codes; garbage included; without reading, which"
        f" DMA does for islet, {alone:.1f} ×",
    )


def of_state(islet: dict[str, Any], rival: dict[str, Any], _limit_ms: int) -> tuple[str, ...]:
    return (
        "loop held while the state is written as text",
        f"{islet['hold_us'] / 1000:.1f} ms, in all {islet['us'] / 1000:.0f} ms and"
        f" {islet['heap'] / 1000:.0f} kB of heap in pieces",
        f"json.dumps: {rival['hold_us'] / 1000:.1f} ms in one go, {rival['heap'] / 1000:.0f} kB in"
        " one piece",
        f"{islet['size']} bytes in {islet['slices']} slices; the rival has its dictionary already,"
        " islet makes what it says from the image",
    )


SAYS: dict[str, Callable[..., tuple[str, ...]]] = {
    "bus": of_bus,
    "broker": of_broker,
    "samples": of_samples,
    "state": of_state,
}


def figures(found: Iterable[Found], limit_ms: int) -> Iterator[Figure]:
    for one in found:
        part: Any = one["part"]
        islet, rival = one["islet"], one["rival"]
        name, ours, theirs, method = SAYS[part](islet, rival, limit_ms)
        times = ratio(part, islet, rival)
        text = f"{times:.1f} ×" if math.isfinite(times) else "without end"
        least = KEPT[part]
        target = f"≥ {least:g} ×" if math.isfinite(least) else "without end, ours ≤ 20 ms"
        yield Figure(name, f"{ours}; {text}, {verdict(part, times)}", target, theirs, method)


def measure(quick: bool) -> Iterator[Figure]:
    limit_ms = 2_000 if quick else 10_000
    with tempfile.TemporaryDirectory(prefix="islet-rivals-") as folder:
        yield from figures(run(Path(folder), limit_ms), limit_ms)
