"""The referee's INV-16: planted devices that disobey are found, late ones are not."""

from __future__ import annotations

from typing import Any

import pytest

from tests_host.twin.referee_kit import Timeline, at, case, grants, play

RATING = {"inverter_rating_w": 5_000}


def story(watts: float, low: int, high: int, seconds: float, **more: Any) -> Timeline:
    """Granted ±5 kW for 5 s, then low…high for so long, at `watts`."""
    yield from at(0, 5, image=grants(-5_000, 5_000, 0), inverter_w=watts)
    yield from at(5.1, 5 + seconds, image=grants(low, high, 0), inverter_w=watts, **more)


def found(timeline: Timeline, **known: Any) -> list[str]:
    return [t for t in play(timeline, case(**RATING | known)).findings() if "INV-16" in t]


@pytest.mark.parametrize("watts", [-4_000, 4_000, 200, -200])
def test_outside_for_10_s_is_found(watts: float) -> None:
    assert len(found(story(watts, 0, 0, 11))) == 1


@pytest.mark.parametrize(
    ("watts", "low", "high", "seconds"),
    [(4_000, 0, 0, 9.5), (140, 0, 0, 60), (-140, 0, 0, 60), (2_000, 0, 2_500, 60)],
)
def test_less_is_not(watts: float, low: int, high: int, seconds: float) -> None:
    assert not found(story(watts, low, high, seconds))


@pytest.mark.parametrize(
    "more", [{"inverter_enabled": False}, {"inverter_mode": "form"}, {"inverter_mode": "off"}]
)
def test_without_enable_or_off_the_grid_it_is_not_this_rules(more: dict[str, Any]) -> None:
    known = {"gateway": False, "islandable": False}
    assert not found(story(4_000, 0, 0, 60, **more), **known)


def test_a_late_one_that_moves_is_not() -> None:
    """Its grant tightens for 60 s; it follows 2 s behind."""

    def timeline() -> Timeline:
        for i in range(600):
            high = max(0, 5_000 - 8 * i)
            yield i / 10, {"image": grants(0, high, high), "inverter_w": min(5_000, high + 160.0)}

    assert not found(timeline())


@pytest.mark.parametrize(
    ("known", "more", "wrong"),
    [
        ({"gateway": True}, {"contactor_closed": True}, True),
        ({"gateway": True}, {"contactor_closed": False}, False),
        ({"islandable": True}, {"island_closed": True}, True),
        ({"islandable": True}, {"island_closed": False}, False),
        ({}, {}, False),
        ({"islandable": True}, {"inverter_w": 120.0}, False),
    ],
)
def test_an_enable_without_effect(
    known: dict[str, Any], more: dict[str, Any], wrong: bool
) -> None:
    row = {"inverter_w": -4_000.0, "inverter_enabled": False} | more
    assert bool(found(at(0, 6, image=grants(0, 0, 0), **row), **known)) == wrong


def test_the_figure_is_from_leaving_to_the_enables_end() -> None:
    def timeline() -> Timeline:
        yield from at(0, 5, image=grants(0, 0, 0))
        yield from at(5.1, 9, image=grants(0, 0, 0), inverter_w=4_000.0)
        yield from at(9.1, 20, image=grants(0, 0, 0), inverter_w=4_000.0, inverter_enabled=False)

    figures = play(timeline(), case(**RATING)).summary()["figures"]
    assert figures["outside_grant_s"] == pytest.approx(3.9)
