"""The bounds of the vehicle's side: one table, of which the referee has a copy of its own."""

from __future__ import annotations

from firmware.core.vehicle import bounds
from tools.twin.referee.bounds import BOUNDS


def test_the_referees_copy_says_the_same() -> None:
    assert {name: value for name, value, *_ in bounds.BOUNDS} == BOUNDS


def test_each_bound_says_where_it_comes_from() -> None:
    assert all(source and text for _, _, _, source, text in bounds.BOUNDS)
