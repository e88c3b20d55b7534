"""`python -m tests_host.fuzz --messages 1000000`: spoilt messages to the firmware's readers.

Each finding is told with what repeats it: --seed S --only NUMBER prints the message as well."""

from __future__ import annotations

import argparse
import random
import sys
import time

from tests_host.fuzz.messages import KINDS, spoilt
from tests_host.fuzz.run import fuzz


def main() -> int:
    made = argparse.ArgumentParser(prog="python -m tests_host.fuzz", description=__doc__)
    made.add_argument("--messages", type=int, default=20_000, help="how many (20,000)")
    made.add_argument("--seed", type=int, help="of all of them (at random)")
    made.add_argument("--kind", choices=KINDS, action="append", help="of these alone")
    made.add_argument("--only", type=int, metavar="NUMBER", help="this one alone, and show it")
    options = made.parse_args()
    seed = options.seed
    if seed is None:
        seed = random.SystemRandom().randrange(1_000_000_000)
    kinds = options.kind or KINDS
    numbers = range(options.messages)
    if options.only is not None:
        numbers = range(options.only, options.only + 1)
        kind = kinds[options.only % len(kinds)]
        print(kind, spoilt(seed, kind, options.only))
    begin = time.monotonic()

    def told(gone: int) -> None:
        end = "\r" if sys.stderr.isatty() else "\n"
        if sys.stderr.isatty() or gone % 50_000 == 0:
            spent_s = time.monotonic() - begin
            text = f"{gone} of {len(numbers)} messages, seed {seed}, {spent_s:.0f} s"
            print(text, end=end, file=sys.stderr, flush=True)

    report = fuzz(seed, numbers, kinds, told=told)
    print(f"{report.taken} messages, seed {seed}: {report.answers}; free {report.free}")
    print("\n".join(report.wrong))
    return 1 if report.wrong or report.taken != len(numbers) else 0


if __name__ == "__main__":
    sys.exit(main())
