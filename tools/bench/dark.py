# islet: how long a house is dark beside a good grid.
# GPL-3.0-or-later
from __future__ import annotations

from collections.abc import Iterator

from tests_host.core import island_dark
from tools.bench.table import Figure


def measure(quick: bool) -> Iterator[Figure]:
    stride_ms = 1_700 if quick else island_dark.STEP_MS
    found = island_dark.measure(stride_ms)
    method = (
        f"the transfer alone, struck every {stride_ms} ms of its stories; to a grid fit for 5 s"
    )
    for row in (*island_dark.contacts(found), *island_dark.by_state(found)):
        yield Figure(*row, "dark until a person", method)
