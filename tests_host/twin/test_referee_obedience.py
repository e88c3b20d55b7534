"""The referee's INV-16: planted devices that disobey are found, late ones are not."""

from __future__ import annotations

from typing import Any

import pytest

from tests_host.twin.referee_kit import Timeline, at, case, grants, legs, play
from tools.twin.scenario import Event

RATING = {"rating_w": 5_000}


def story(watts: float, low: int, high: int, seconds: float, **more: Any) -> Timeline:
    """Granted ±5 kW for 5 s, then low…high for so long, at `watts`."""
    yield from at(0, 5, image=grants(-5_000, 5_000, 0), inverter__w=watts)
    yield from at(5.1, 5 + seconds, image=grants(low, high, 0), inverter__w=watts, **more)


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
    "more", [{"inverter.enabled": False}, {"inverter.mode": "form"}, {"inverter.mode": "off"}]
)
def test_without_enable_or_off_the_grid_it_is_not_this_rules(more: dict[str, Any]) -> None:
    known = {"gateway": False, "islandable": False}
    assert not found(story(4_000, 0, 0, 60, **more), **known)


def test_a_late_one_that_moves_is_not() -> None:
    """Its grant tightens for 60 s; it follows 2 s behind."""

    def timeline() -> Timeline:
        for i in range(600):
            high = max(0, 5_000 - 8 * i)
            yield i / 10, {"image": grants(0, high, high), "inverter.w": min(5_000, high + 160.0)}

    assert not found(timeline())


@pytest.mark.parametrize(
    ("known", "more", "wrong"),
    [
        ({"gateway": True}, {"evse.closed": True}, True),
        ({"gateway": True}, {"evse.closed": False}, False),
        ({"islandable": True}, {"island_closed": True}, True),
        ({"islandable": True}, {"island_closed": False}, False),
        ({}, {}, False),
        ({"islandable": True}, {"inverter.w": 120.0}, False),
    ],
)
def test_an_enable_without_effect(
    known: dict[str, Any], more: dict[str, Any], wrong: bool
) -> None:
    row = {"inverter.w": -4_000.0, "inverter.enabled": False} | more
    assert bool(found(at(0, 6, image=grants(0, 0, 0), **row), **known)) == wrong


def test_the_figure_is_from_leaving_to_the_enables_end() -> None:
    def timeline() -> Timeline:
        yield from at(0, 5, image=grants(0, 0, 0))
        yield from at(5.1, 9, image=grants(0, 0, 0), inverter__w=4_000.0)
        yield from at(9.1, 20, image=grants(0, 0, 0), inverter__w=4_000.0, inverter__enabled=False)

    figures = play(timeline(), case(**RATING)).summary()["figures"]
    assert figures["outside_grant_s"] == pytest.approx(3.9)


@pytest.mark.parametrize(
    ("out_s", "in_s", "wrong"),
    [(3.9, 0.1, True), (3.0, 0.3, True), (9.0, 5.0, True), (2.0, 3.0, False), (3.5, 4.0, False)],
)
def test_it_may_not_come_back_for_a_moment(out_s: float, in_s: float, wrong: bool) -> None:
    def timeline() -> Timeline:
        t_s = 0.0
        while t_s < 120:
            yield from at(t_s, t_s + out_s, image=grants(0, 0, 0), inverter__w=-3_700.0)
            yield from at(t_s + out_s + 0.05, t_s + out_s + in_s, image=grants(0, 0, 0))
            t_s += out_s + in_s + 0.05

    assert bool(found(timeline())) == wrong


@pytest.mark.parametrize(
    ("known", "wrong"),
    [
        ({"fits": True, "witnessed": False}, False),
        ({"fits": False, "witnessed": False}, True),
        ({"fits": True, "witnessed": True}, True),
        ({"fits": True, "events": (Event(0, "bus", "meter", "silent", 60),)}, False),
        ({"fits": False, "events": (Event(0, "bus", "meter", "silent", 60),)}, True),
    ],
)
def test_what_fits_unmeasured_is_exempt_while_nothing_measures_it(
    known: dict[str, Any], wrong: bool
) -> None:
    assert bool(found(story(4_000, 0, 0, 11), **known)) == wrong


# --- an overload or an export beside it ---------------------------------------------------------


def overloaded(
    amps: float, own_a: float, grant_w: int, seconds: float, before_s: float = 0.0
) -> list[str]:
    """The battery draws own_a on each leg, of them grant_w on all three granted; `before_s` all of
    it was granted, and the overload stood already."""
    row = {"inverter.w": own_a * 690} | legs(service=amps, battery=own_a, inverter=own_a)

    def timeline() -> Timeline:
        yield from at(0, 10, image=grants(0, 5_000, 0))
        yield from at(10.1, 10 + before_s, image=grants(0, 20_000, 0), **row)
        start = 10 + before_s
        yield from at(start + 0.1, start + seconds, image=grants(0, grant_w, 0), **row)

    known = case(rating_w=20_000)
    return [t for t in play(timeline(), known).findings() if "INV-3" in t and "heat" not in t]


def test_only_the_disobedient_share_has_ten_seconds() -> None:
    assert not overloaded(30, 10, 0, 9.5)
    assert len(overloaded(30, 10, 0, 12)) == 3  # a leg each
    assert not overloaded(30, 10, 3_450, 9.5)  # 25 A with what was granted of it
    assert overloaded(30, 10, 3_450, 12)


def test_what_is_granted_of_an_overload_has_its_own_time() -> None:
    """40 A, 10 of them the battery's, 5 of those granted: others have 30 A."""
    assert overloaded(40, 10, 3_450, 5)
    assert not overloaded(40, 10, 3_450, 4)


def test_an_overload_that_stood_before_has_no_new_ten_seconds() -> None:
    assert not overloaded(30, 10, 0, 8, before_s=1.5)
    assert overloaded(30, 10, 0, 9, before_s=1.5)


@pytest.mark.parametrize(("low", "seconds", "wrong"), [
    (-2_000, 5, True), (-2_000, 4, False), (0, 9.5, False), (0, 11, True),
])  # fmt: skip
def test_an_export_beyond_its_grant_has_ten_seconds(low: int, seconds: float, wrong: bool) -> None:
    def timeline() -> Timeline:
        yield from at(0, 10, image=grants(0, 0, 0))
        row = {"inverter.w": -4_000.0, "grid_w": -3_000.0}
        yield from at(10.1, 10 + seconds, image=grants(low, 0, 0), **row)

    texts = play(timeline(), case(**RATING, export_limit_w=500)).findings()
    assert any("INV-4" in text for text in texts) == wrong
