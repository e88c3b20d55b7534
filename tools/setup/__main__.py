"""Prepare a fresh machine for a command: python3 -m tools.setup run|test|bench."""

from __future__ import annotations

import argparse
import fcntl
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from contextlib import contextmanager

from tools import workshop
from tools.setup.steps import PROFILES, STEPS, Step
from tools.workshop import CACHE, SetupError


def main() -> int:
    parser = argparse.ArgumentParser(prog="python3 -m tools.setup", description=__doc__)
    parser.add_argument("profile", choices=PROFILES)
    profile = parser.parse_args().profile
    try:
        with only_one():
            perform([step for step in STEPS if profile in step.profiles], profile)
    except SetupError as error:
        print(f"setup: error: {error}", file=sys.stderr)
        if error.remedy:
            print(f"  remedy: {error.remedy}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nsetup: stopped; the next run goes on from here", file=sys.stderr)
        return 130
    return 0


def perform(steps: Sequence[Step], profile: str) -> None:
    """Each begins when those it comes after are done; a failure or Ctrl-C ends the others."""
    begun: dict[str, Future[None]] = {}

    def go(step: Step) -> None:
        for name in step.after:
            if name in begun:
                begun[name].result()
        step.perform(profile)

    with ThreadPoolExecutor(len(steps)) as pool:
        try:
            for step in steps:
                begun[step.name] = pool.submit(go, step)
            for future in as_completed(begun.values()):
                future.result()
        except BaseException:
            workshop.stopping.set()
            raise


@contextmanager
def only_one() -> Iterator[None]:
    """Two makes at once must not build into the same folders."""
    CACHE.mkdir(exist_ok=True)
    with (CACHE / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            print("setup: waiting for another setup to finish", flush=True)
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


if __name__ == "__main__":
    sys.exit(main())
