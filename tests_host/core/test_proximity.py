"""The proximity pilot: the ladder, exhaustively, and what is not known."""

from __future__ import annotations

import pytest

from firmware import image as f
from firmware.core.vehicle.proximity import Proximity
from tests_host.core.builders import healthy, put


def cable(ohms: list[int], age_ms: int = 0, **site: int) -> list[int]:
    image = healthy(**site)
    part = Proximity(image)
    seen = []
    for ohm in ohms:
        put(image.readings, POINT_PROXIMITY_OHM=ohm, POINT_PROXIMITY_AGE_MS=age_ms)
        part.step(100)
        seen.append(image.commands[f.POINT_CABLE_MA])
    return seen


def expected(ohm: int) -> int:
    for low, high, rating_ma in ((75, 150, 63), (150, 330, 32), (330, 1000, 20), (1000, 2201, 13)):
        if low <= ohm < high:
            return rating_ma * 1000
    return -1


def test_every_ohm() -> None:
    """Unknown is never a rating: outside 75 to 2200 ohm the cable may carry nothing."""
    for ohm in (*range(-1, 3_000), 10_000, 1_000_000):
        assert cable([ohm, ohm])[-1] == expected(ohm), ohm


def test_a_rung_counts_when_seen_twice() -> None:
    assert cable([220, 220, 680, 220, 680, 680]) == [-1, 32_000, 32_000, 32_000, 32_000, 20_000]


def test_stale_is_unknown() -> None:
    assert cable([220, 220, 220], age_ms=2_001) == [-1, -1, -1]


def test_a_gateway_has_no_plug_of_ours() -> None:
    assert cable([220, 220], TOPOLOGY=2) == [-1, -1]


@pytest.mark.parametrize(("ohm", "fault"), [(0, True), (74, True), (220, False), (9_999, False)])
def test_a_short_is_a_fault_an_empty_socket_is_not(ohm: int, fault: bool) -> None:
    image = healthy()
    put(image.readings, POINT_PROXIMITY_OHM=ohm)
    part = Proximity(image)
    part.step(100)
    part.step(100)
    assert bool(image.commands[f.FAULTS] & f.FAULT_CABLE) == fault
