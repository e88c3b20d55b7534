"""The bench's line (tools/bench/lines.py), for a shorter time: control values stay as young as the
frames allow, and a zero is on the wire when the line is free."""

from __future__ import annotations

import pytest

from firmware.bus.line import Line
from tests_host.bus import aged


@pytest.mark.parametrize("baud", [9_600, 115_200, 0])
def test_control_values_are_no_older_than_the_sum_of_what_is_said(baud: int) -> None:
    found = aged.measure(baud, seconds=120 if baud == 9_600 else 40, zeros=12)
    for name in found.ages_ms:
        assert found.p99(name) <= found.sum_ms, (name, found.p99(name), found.sum_ms)
    assert max(found.zeros_ms) <= 5, found.zeros_ms
    assert 4 <= found.tries <= 8


def test_a_zero_that_takes_its_turn_is_missed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Planted: setpoints wait for what waited longer."""
    chosen = Line._choose

    def choose(line: Line, now: int) -> object:
        for device in line.devices:
            for job in device.jobs:
                job.rank = max(job.rank, 3)
        return chosen(line, now)

    monkeypatch.setattr(Line, "_choose", choose)
    assert max(aged.measure(9_600, seconds=1, zeros=12).zeros_ms) > 5
