"""What is permitted for a time is permitted in all: gaps do not reset it, honest answers do not
add up."""

from __future__ import annotations

from collections.abc import Iterable
from types import SimpleNamespace
from typing import Any, ClassVar, cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests_host.twin.referee_kit import CHARGING, Timeline, at, case, legs, play
from tools.twin.referee.row import Row
from tools.twin.referee.rule import LEAST_DRAIN, RECOVER_S, Moment, Rule, Wrong

STEP_S = 0.1


class Planted(Rule):
    """Wrong whenever the truth says so."""

    permitted_s: ClassVar[float] = 0.0

    def look(self, m: Moment) -> Iterable[Wrong]:
        if m.now["wrong"]:
            yield Wrong("it", "wrong", self.permitted_s)


def told(wrongs: Iterable[bool], permitted_s: float, per_hour_s: float = 0.0) -> list[float]:
    """Seconds at which it was told."""
    kind = type("Kind", (Planted,), {"permitted_s": permitted_s, "per_hour_s": per_hour_s})
    row = Row(kind(case()))
    found = []
    for i, wrong in enumerate(wrongs):
        m = SimpleNamespace(dt_s=STEP_S if i else 0.0, now={"wrong": wrong})
        found += [i * STEP_S for _ in row.look(cast(Any, m))]
    return found


def cycles(wrong_s: float, right_s: float, many: int) -> list[bool]:
    """A wrong of n steps is seen at n + 1 moments."""
    return ([True] * (round(wrong_s / STEP_S) + 1) + [False] * round(right_s / STEP_S)) * many


def test_at_a_stretch_it_is_as_before() -> None:
    assert told([True] * 200, 7.1) == pytest.approx([7.1])
    assert told(cycles(7.0, 60, 3), 7.1) == []
    assert told([True] * 20, 0.0) == [0.0]
    assert len(told(cycles(1.0, 1.0, 3), 0.0)) == 3


def test_gaps_do_not_reset_it() -> None:
    found = told(cycles(3.0, 0.3, 40), 7.1)
    assert len(found) == 1 and found[0] < 9


@settings(max_examples=40, deadline=None)
@given(
    permitted_s=st.floats(4.0, 20.0),
    share=st.floats(0.05, 0.99),
    minutes=st.integers(2, 12),
)
def test_an_honest_answer_every_minute_never_adds_up(
    permitted_s: float, share: float, minutes: int
) -> None:
    wrong_s = int(share * permitted_s / STEP_S) * STEP_S
    assert told(cycles(wrong_s, 60 - wrong_s, minutes), permitted_s) == []


@settings(max_examples=60, deadline=None)
@given(permitted_s=st.floats(0.5, 20.0), wrong_s=st.floats(0.2, 19.0), more=st.floats(1.3, 3.0))
def test_more_than_its_share_is_found(permitted_s: float, wrong_s: float, more: float) -> None:
    """Whatever the cycle: right for less than what gives back what it took."""
    drain = max(LEAST_DRAIN, permitted_s / RECOVER_S)
    right_s = round(wrong_s / STEP_S) * STEP_S / drain / more
    gain_s = wrong_s * (1 - 1 / more) - drain * STEP_S
    if gain_s <= 0.05 or right_s < STEP_S:
        return
    many = int(permitted_s / gain_s) + 3
    assert told(cycles(wrong_s, right_s, min(many, 100)), permitted_s) or many > 100


def test_an_hours_budget_is_one_of_its_own() -> None:
    wrong = cycles(2.0, 58.0, 20)
    assert told(wrong, 10.0) == []
    found = told(wrong, 10.0, per_hour_s=30.0)
    assert len(found) == 1 and 14 * 60 < found[0] < 20 * 60


@pytest.mark.parametrize(("on_s", "off_s"), [(3.0, 0.3), (1.0, 0.3), (6.0, 3.0), (1.0, 2.0)])
@pytest.mark.parametrize("what", [{"service": 28.0}, {"service": 24.0, "roof": -18.0}])
def test_an_overload_with_gaps_is_found(on_s: float, off_s: float, what: dict[str, float]) -> None:
    """Breaker and busbar."""

    def timeline() -> Timeline:
        t_s = 0.0
        while t_s < 120:
            yield from at(t_s, t_s + on_s, **CHARGING | legs(**what))
            yield from at(t_s + on_s + 0.1, t_s + on_s + off_s, **CHARGING)
            t_s += on_s + off_s + 0.1

    assert any("INV-3" in text for text in play(timeline(), case()).findings())
