# islet: latencies on the emulated board, beside what a plain loop makes of the same happenings.
# GPL-3.0-or-later
from __future__ import annotations

import json
import statistics
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tools.bench.board import rig
from tools.bench.table import Figure

ISLET, PLAIN = "stress", "plain_stress"


@dataclass(frozen=True)
class Kind:
    """A happening: what is bounded, and where the promise stands."""

    name: str
    text: str
    bound_ms: float | None
    promise: str


KINDS = (
    Kind(
        "overcurrent", "over-current, 1.5 to 3 × the limit → contactor", 8, "one block of 2.5 ms"
    ),
    Kind("overcurrent_near", "over-current, 1.1 to 1.5 × the limit", None, "no bound asked"),
    Kind("pilot", "pilot lost or out of C → contactor", 20, "INV-2: 20 ms; half of it is 10"),
    Kind("grid", "first zero crossing missed → enable", 20, "ride-through is added on top"),
    Kind("trip_pin", "latched trip pin → contactor", 1, "hard pin interrupt"),
    Kind("dead_man", "processor stopped → coils' supply", 50, "design: 50 ms"),
)
METHOD = (
    "{n} events at random phase while garbage is collected without pause over a half-full heap, "
    "Modbus, pilot and log running"
)


@dataclass(frozen=True)
class Measured:
    latencies_ms: list[float]
    missed: int
    fell: bool = False  # the output did not stay on without a cause
    said: str = ""
    spare: dict[str, int] = field(default_factory=dict)  # bytes of each stack never written to

    @property
    def worst_ms(self) -> float:
        return max(self.latencies_ms, default=float("nan"))

    def __str__(self) -> str:
        if self.fell:
            return f"falls by itself after {len(self.latencies_ms)} events {self.said}".strip()
        if not self.latencies_ms:
            return "never"
        text = f"{self.worst_ms:.1f} ms worst, {statistics.median(self.latencies_ms):.1f} median"
        return text + (f", {self.missed} missed" if self.missed else "")


def plain_board(folder: Path) -> Path:
    """The board for the plain loop: its crossings come from a comparator, for nobody sets up the
    metering chip that gives them otherwise."""
    board = json.loads(rig.board_file().read_text())
    board["crossing"]["by"] = "comparator"
    path = folder / "board.json"
    path.write_text(json.dumps(board))
    return path


def rivals() -> list[Path]:
    """The plain loop's files."""
    return sorted((rig.HERE / "device").glob("plain*.py"))


def setups(folder: Path) -> dict[str, Path]:
    device = rig.HERE / "device"
    places = {name: folder / name for name in (ISLET, PLAIN)}
    for place in places.values():
        place.mkdir()
    own = [device / name for name in ("rig.py", "stress.py", "calm.py", "sampling.py")]
    plain = plain_board(places[PLAIN])
    return {
        ISLET: rig.setup(places[ISLET], own),
        PLAIN: rig.setup(places[PLAIN], rivals(), site=None, board=plain),
    }


def latencies(setup: Path, program: str, kinds: Iterable[str], events: int) -> dict[str, Measured]:
    """By kind, all on one board that boots once."""
    lines = rig.lines("latency.mjs", setup, program, events, *kinds)
    return {line["kind"]: measured(line, program) for line in lines}


def measured(line: dict[str, Any], program: str) -> Measured:
    found = [value / 1000 for value in line["latencies_us"] if value is not None]
    said = line["said"] if program == ISLET else ""
    return Measured(found, line["events"] - len(found), line["fell"], said, line["spare"])


def measure(folder: Path, events: int) -> Iterator[Figure]:
    ready = setups(folder)
    for kind in KINDS:
        own = latencies(ready[ISLET], ISLET, [kind.name], events)[kind.name]
        # a plain loop has no dead-man: one event shows it
        rival_events = 1 if kind.name == "dead_man" else max(10, events // 6)
        rival = latencies(ready[PLAIN], PLAIN, [kind.name], rival_events)[kind.name]
        bound = f"≤ {kind.bound_ms:g} ms; " if kind.bound_ms is not None else ""
        method = METHOD.format(n=events)
        yield Figure(kind.text, str(own), bound + kind.promise, f"plain loop: {rival}", method)
