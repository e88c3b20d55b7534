# islet: random houses with one to six devices: limits hold, and how much of the best is had.
# GPL-3.0-or-later
from __future__ import annotations

import pytest

from tests_host.core.shares import House, houses

LEAST_SHARE = 0.88  # of the planner's best; the goal is 0.97, and docs/measured.md says what lacks


def check(seen: list[House]) -> None:
    late = [house.seed for house in seen if house.breaches["islet"]]
    grown = [house.seed for house in seen if house.grown["islet"]]
    assert not late, "INV-3: over a limit for longer than its time"
    assert not grown, "over a limit by islet's own growth"
    share = sum(house.got["islet"] for house in seen) / sum(house.best for house in seen)
    assert share >= LEAST_SHARE


def test_inv_3_devices_that_share_keep_every_limit() -> None:
    seen = list(houses(1, 12, 300))
    check(seen)
    # the judge sees what it is there for: the plain rule beside it does not keep them
    assert any(house.breaches["plain"] or house.grown["plain"] for house in seen)


@pytest.mark.soak
@pytest.mark.timeout(7200)
def test_inv_3_two_thousand_houses() -> None:
    check([house for first in range(1, 2_000, 100) for house in houses(first, first + 99, 900)])
