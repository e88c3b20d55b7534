# islet: many healthy houses, one a core; and the seeds of those that something was held against.
# GPL-3.0-or-later
from __future__ import annotations

import itertools
import json
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Executor, Future, wait
from pathlib import Path

from tests_host.healthy.play import Result

FOUND = Path(__file__).with_name("found.json")


def sweep(
    pool: Executor,
    houses: Callable[[int], Result],
    seeds: Iterable[int],
    at_once: int,
    seconds: float | None = None,
) -> Iterator[Result]:
    """Results as they come, of all the seeds, or of as many as begin within so many seconds."""
    end = None if seconds is None else time.monotonic() + seconds
    left = iter(seeds)
    waiting: set[Future[Result]] = set()
    while True:
        if end is None or time.monotonic() < end:
            more = itertools.islice(left, at_once - len(waiting))
            waiting |= {pool.submit(houses, seed) for seed in more}
        if not waiting:
            return
        done, waiting = wait(waiting, return_when=FIRST_COMPLETED)
        for each in done:
            yield each.result()


def house_hours(results: Iterable[Result], wall_s: float) -> float:
    """Hours of houses in an hour of this PC."""
    return sum(result.seconds for result in results) / wall_s if wall_s > 0 else 0.0


def found(file: Path = FOUND) -> dict[int, str]:
    """Seeds that `make test` runs ever since, and what was wrong."""
    return {int(seed): was for seed, was in json.loads(file.read_text(encoding="utf-8")).items()}


def note(result: Result, file: Path = FOUND) -> bool:
    """Have `make test` run a house with a finding from now on; False: it does already."""
    known = found(file)
    if result.seed in known:
        return False
    rows = dict(sorted((known | {result.seed: result.wrong[0]}).items()))
    file.write_text(json.dumps(rows, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    return True
