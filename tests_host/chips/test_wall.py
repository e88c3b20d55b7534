"""The calendar, day by day: minutes since 2020 of a chip's clock, and back into text."""

from __future__ import annotations

import types
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from firmware.chips import wall
from firmware.people import state
from firmware.people.state import wall_text
from tests_host.core.planted import NOTICED, plant

FIRST, LAST = datetime(2020, 1, 1, tzinfo=UTC), datetime(2099, 12, 31, tzinfo=UTC)


def wrong_days(wall_minute: Callable[..., int]) -> list[datetime]:
    """Of all days until 2099, each at another minute."""
    found = []
    day, number = FIRST, 0
    while day <= LAST:
        minute = number * 7 % 1_440
        clock = (day.year, day.month, day.day, day.isoweekday(), minute // 60, minute % 60, 0, 0)
        if wall_minute(clock) != number * 1_440 + minute:
            found.append(day)
        day += timedelta(days=1)
        number += 1
    return found


def test_every_day_counts_from_2020() -> None:
    assert wrong_days(wall.wall_minute) == []


@pytest.mark.parametrize(
    ("right", "mistake"),
    [
        ("year % 4 == 0", "False"),
        ("month > 2", "month > 1"),
        ("month > 2", "month > 3"),
        ("year % 4 == 0", "year % 4 == 1"),
        ("(years + 3) // 4", "years // 4"),
        ("(years + 3) // 4", "(years + 4) // 4"),
        ("181", "182"),
        ("+ day - 1", "+ day"),
    ],
)
def test_a_planted_mistake_is_noticed(right: str, mistake: str) -> None:
    source = Path(wall.__file__).read_text()
    assert source.count(right) == 1
    planted = types.ModuleType("planted")
    exec(source.replace(right, mistake), planted.__dict__)
    assert wrong_days(planted.wall_minute)


TEXT_MISTAKES = (
    ("(31, 28 + (year % 4 == 0), 31,", "(31, 28, 31,"),
    ("(31, 28 + (year % 4 == 0), 31,", "(31, 29, 31,"),
    ("while days >= 365 + (year % 4 == 0):", "while days > 365 + (year % 4 == 0):"),
    ("days -= 365 + (year % 4 == 0)", "days -= 365"),
    ("while days >= lengths[month]:", "while days > lengths[month]:"),
)


@pytest.mark.parametrize(("right", "mistake"), TEXT_MISTAKES)
def test_a_mistake_planted_in_the_text_is_noticed(
    right: str, mistake: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    plant(monkeypatch, state, right, mistake)
    with pytest.raises((*NOTICED, IndexError)):
        test_the_text_of_every_day()


def test_the_text_of_every_day() -> None:
    for number in range((LAST - FIRST).days + 1):
        day = FIRST + timedelta(days=number, minutes=number * 7 % 1_440)
        text = wall_text(number * 1_440 + number * 7 % 1_440)
        assert text == day.strftime("%Y-%m-%dT%H:%MZ")
