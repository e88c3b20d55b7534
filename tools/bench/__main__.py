# islet: `make bench`.
# GPL-3.0-or-later
"""python -m tools.bench [--quick] [PART ...]: measure, print method, figure, target and rival."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterator

from tools.bench import (
    dark,
    families,
    heap,
    hostile,
    intruders,
    late,
    lines,
    loop,
    obey,
    panel,
    rivals,
    share,
    size,
    step,
    virtual,
    wear,
)
from tools.bench.table import Figure, show

PARTS: dict[str, Callable[[bool], Iterator[Figure]]] = {
    "step": step.measure,
    "panel": panel.measure,
    "loop": loop.measure,
    "virtual": virtual.measure,
    "size": size.measure,
    "obey": obey.measure,
    "wear": wear.measure,
    "families": families.measure,
    "dark": dark.measure,
    "late": late.measure,
    "lines": lines.measure,
    "share": share.measure,
    "heap": heap.measure,
    "rivals": rivals.measure,
    "hostile": hostile.measure,
    "intruders": intruders.measure,
}


def main() -> int:
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="shorter runs, rougher figures")
    parser.add_argument("parts", nargs="*", help=f"of {', '.join(PARTS)} (all)")
    options = parser.parse_args()
    for part in options.parts or PARTS:
        if part not in PARTS:
            parser.error(f"{part} is not one of {', '.join(PARTS)}")
        show(part, PARTS[part](options.quick))
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
