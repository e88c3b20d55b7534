"""Measure the emulated board: python -m tools.bench.board (make bench-board)."""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from tools.bench.board import accuracy, chip, latency, network, rig
from tools.bench.board.rig import BoardBenchError
from tools.bench.table import Figure, show

EVENTS, MINUTES, SECONDS, STEPS, STARTS = 300, 30, 20, 100, 6
PARTS = ("latency", "load", "step", "memory", "records", "json", "publish", "reset", "accuracy")
PARTS += ("password", "network", "quiet")


def measure(part: str, folder: Path, events: int, minutes: int) -> Iterator[Figure]:
    match part:
        case "latency":
            return latency.measure(folder, events)
        case "load":
            return chip.load(folder, SECONDS)
        case "step":
            return chip.step(folder, STEPS)
        case "memory":
            return chip.memory(folder, min(10, minutes))
        case "records":
            return chip.records(folder)
        case "json":
            return chip.documents(folder)
        case "publish":
            return chip.publishing(folder)
        case "password":
            return chip.password(folder)
        case "reset":
            return chip.reset(folder, STARTS)
        case "accuracy":
            return accuracy.measure(folder)
        case "network":
            return network.measure(folder)
        case _:
            return chip.quiet(folder, minutes)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tools.bench.board", description=__doc__)
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"of {', '.join(PARTS)}; all")
    parser.add_argument("--events", type=int, default=EVENTS, help="of each latency")
    parser.add_argument("--minutes", type=int, default=MINUTES, help="of the quiet run")
    parser.add_argument("--cache", action="store_true", help="with a model of the flash's cache")
    options = parser.parse_args()
    if unknown := [part for part in options.parts if part not in PARTS]:
        parser.error(f"no part {unknown[0]}; there are {', '.join(PARTS)}")
    if options.cache:
        rig.MODEL["cache"] = {}
    misses = "with a model of the flash's cache" if options.cache else "without flash cache misses"
    print(f"emulated RP2040 at 125 MHz, {misses}; bus contention is left out, so real")
    print("hardware is slower: each latency has to stay within half of what is promised")
    for part in options.parts or PARTS:
        with tempfile.TemporaryDirectory(prefix="islet-board-") as folder:
            try:
                show(part, measure(part, Path(folder), options.events, options.minutes))
            except BoardBenchError as error:
                print(f"error: {error}", file=sys.stderr)
                return 1
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
