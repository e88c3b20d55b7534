# islet: `python -m tests_host.healthy`: runs healthy houses, tells what was held against them.
# GPL-3.0-or-later
"""Every finding here is a false one: of the firmware, of the referee, or of a house that is not
healthy. Each is told with the command that repeats it, and with --note becomes a seed that
`make test` runs from then on."""

from __future__ import annotations

import argparse
import itertools
import os
import random
import statistics
import sys
import time
from collections import Counter
from collections.abc import Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path

from tests_host.healthy.play import Result, play
from tests_host.healthy.sweep import FOUND, house_hours, note, sweep


def parser() -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(prog="python -m tests_host.healthy", description=__doc__)
    made.add_argument("--houses", type=int, default=500, help="how many (500)")
    made.add_argument(
        "--for", type=float, dest="last_s", metavar="S", help="as many as begin in S s"
    )
    made.add_argument("--first", type=int, help="seed of the first (0; with --for at random)")
    made.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="at once (one a core)")
    made.add_argument("--note", action="store_true", help=f"findings into {FOUND.name}")
    made.add_argument("--seconds", type=float, help="end each after so long")
    made.add_argument("--keep", type=Path, help="leave scenarios and event logs in this folder")
    return made


def table(results: Sequence[Result], wall_s: float) -> Iterable[str]:
    """What came of them all."""
    rules = Counter(row.split(":")[0] for r in results for row in r.wrong)
    alarms = Counter(row.split(":")[0] for r in results for row in r.alarms)
    hours = [r.per_hour for r in results] or [0.0]
    did = Counter(name for r in results for name in r.did)
    faults = Counter(name for r in results for name in r.faults)
    latched = Counter(name for r in results for name in r.latched)
    yield f"houses               {len(results)}, seeds {_span(results)}"
    yield f"with anything wrong  {sum(bool(r.wrong) for r in results)}"
    yield f"findings by rule     {_counts(rules)}"
    yield f"faults named         {_counts(faults)}"
    yield f"latched at the end   {_counts(latched)}"
    yield f"alarms               {_counts(alarms)}"
    yield (
        f"contactor, an hour   median {statistics.median(hours):.0f}, worst {max(hours):.0f}"
        " operations"
    )
    yield f"houses where islet   {_counts(did)}"
    simulated_s = sum(r.seconds for r in results)
    yield f"time                 {wall_s:.0f} s for {simulated_s:.0f} s of houses"
    yield f"house-hours an hour  {house_hours(results, wall_s):.0f}"


def _span(results: Sequence[Result]) -> str:
    seeds = [r.seed for r in results]
    return f"{min(seeds)} to {max(seeds)}" if seeds else "none"


def _counts(counter: Counter[str]) -> str:
    return ", ".join(f"{name}: {n}" for name, n in counter.most_common()) or "none"


def main(arguments: Sequence[str] | None = None) -> int:
    options = parser().parse_args(arguments)
    first, last_s = options.first or 0, options.last_s
    if last_s is not None and options.first is None:
        first = random.SystemRandom().randrange(1_000, 1_000_000_000)
    seeds = range(first, first + options.houses) if last_s is None else itertools.count(first)
    of_all = f" of {options.houses}" if last_s is None else ""
    begin = time.monotonic()
    results: list[Result] = []
    run = partial(play, seconds=options.seconds, keep=options.keep, anew=True)
    with ProcessPoolExecutor(max_workers=options.jobs) as pool:
        for number, result in enumerate(sweep(pool, run, seeds, options.jobs, last_s), 1):
            results.append(result)
            if result.wrong:
                print("\n  ".join(result.lines()), flush=True)
                if options.note and note(result):
                    print(f"  noted in {FOUND.name}: `make test` runs it from now on", flush=True)
            if sys.stderr.isatty() or number % 10 == 0:
                wrong = sum(bool(r.wrong) for r in results)
                spent_s = time.monotonic() - begin
                end = "\r" if sys.stderr.isatty() else "\n"
                print(
                    f"{number}{of_all} houses, {wrong} with findings, {spent_s:.0f} s",
                    end=end, file=sys.stderr, flush=True,
                )  # fmt: skip
    print("\n".join(table(results, time.monotonic() - begin)))
    return 1 if any(r.wrong for r in results) else 0


if __name__ == "__main__":
    sys.exit(main())
