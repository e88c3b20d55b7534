# islet: one reading that is wrong but possible: nothing grows for it, nothing stops for long.
# GPL-3.0-or-later
from __future__ import annotations

from copy import deepcopy

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from firmware import image as f
from tests_host.core.test_witness import Quiet
from tests_host.core.witness_plant import VOLTS

LIMIT_W = 1_000
SWING_W = 400


class Spiked(Quiet):
    """It delivers all that the export limit leaves; `adds_ma` is in the service's reading."""

    def __init__(self) -> None:
        super().__init__(EXPORT_LIMIT_W=LIMIT_W)
        self.fixed_w = -5_000
        self.base_ma = [3_000.0, 3_000.0, 3_000.0]
        self.adds_ma = [0, 0, 0]

    def _measure(self) -> None:
        super()._measure()
        live = self.image.live
        for leg, ma in enumerate(self.adds_ma):
            if ma:
                live[f.NODE_MA + leg] = round(self.meters[0].register[leg]) + ma
                live[f.NODE_W + leg] = live[f.NODE_MA + leg] * VOLTS // 1000

    @property
    def exported_w(self) -> float:
        return -sum(self._flow(0)) * VOLTS / 1000


@pytest.fixture(scope="module")
def settled() -> Spiked:
    """It swings about the limit by a step within its response."""
    house = Spiked()
    house.go(64)
    assert LIMIT_W - 400 < house.exported_w < LIMIT_W + SWING_W
    return house


@settings(max_examples=24, deadline=None)
@given(ma=st.integers(-300_000, 300_000), leg=st.integers(0, 2), after=st.integers(0, 20))
def test_one_reading_opens_no_room_to_export(
    settled: Spiked, ma: int, leg: int, after: int
) -> None:
    house = deepcopy(settled)
    house.go(after / 10)
    house.adds_ma[leg] = ma
    house.go(0.2)
    house.adds_ma[leg] = 0
    most_w = 0.0
    for _ in range(150):
        house.step()
        most_w = max(most_w, house.exported_w)
    assert most_w < LIMIT_W + SWING_W
    assert most_w > LIMIT_W - 400  # and delivers again
