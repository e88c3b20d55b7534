"""How often the contactor closes: pauses that grow, two accounts, and no way round them."""

from __future__ import annotations

from collections import deque

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from firmware import image as f
from firmware.core.vehicle import wear as module
from firmware.core.vehicle.wear import Wear
from tests_host.core.builders import healthy, put

HOUR_MS, DAY_MS = 3_600_000, 86_400_000
HOURLY, DAILY = 12, 48  # the most of any hour and any day: what an account holds and refills


class Post:
    def __init__(self, remembered: int = 0) -> None:
        self.image = healthy()
        put(self.image.commands, POINT_PILOT_STATE=f.PILOT_C)
        self.image.requests[f.REMEMBERED + f.MEMORY_WEAR] = remembered
        self.wear = Wear(self.image)
        self.wear.recall()
        self.now_ms = 0
        self.closings: list[int] = []

    def run(self, ms: int, dt_ms: int = 1_000, person: bool = False) -> None:
        for _ in range(ms // dt_ms):
            self.wear.step(dt_ms, person)
            self.now_ms += dt_ms

    def rest(self) -> int:
        self.wear.step(0, False)
        return self.wear.left_ms

    def once(self, on_ms: int, loaded: bool = False) -> int:
        """Wait out the rest, close, open again; how long it rested."""
        rested = self.rest()
        self.run((rested + 999) // 1000 * 1000)
        assert self.rest() == 0
        self.closings.append(self.now_ms)
        self.wear.closed()
        self.run(on_ms)
        self.wear.opened(loaded)
        return rested


def test_a_pause_for_every_opening() -> None:
    post = Post()
    assert [post.once(120_000) for _ in range(4)] == [0, 5_000, 5_000, 5_000]


@pytest.mark.parametrize(("on_ms", "loaded"), [(120_000, True), (3_000, False), (3_000, True)])
def test_pauses_double_up_to_ten_minutes(on_ms: int, loaded: bool) -> None:
    """Under load, or soon after closing."""
    post = Post()
    pauses = []
    for _ in range(10):
        post.wear._hour_ms = 0  # the account is another test's
        pauses.append(post.once(on_ms, loaded) // 1000)
    assert pauses == [0, 5, 10, 20, 40, 80, 160, 320, 600, 600]


@pytest.mark.parametrize("how", ["person", "unplugged", "a good session"])
def test_long_pauses_are_forgiven(how: str) -> None:
    post = Post()
    for _ in range(5):
        post.once(3_000)
    if how == "person":
        post.run(1_000, person=True)
    elif how == "unplugged":
        put(post.image.commands, POINT_PILOT_STATE=f.PILOT_A)
        post.run(60_000)
        put(post.image.commands, POINT_PILOT_STATE=f.PILOT_C)
    else:
        post.once(600_000)
    post.wear._hour_ms = 0
    assert post.rest() <= 5_000
    post.once(3_000)
    assert post.rest() == 5_000


@pytest.mark.parametrize("after_ms", [0, 1_000, 6_000])
def test_nobody_does_away_with_the_least_pause(after_ms: int) -> None:
    """Who acknowledges just after it opened waits as long as after any other opening."""
    post = Post()
    for _ in range(3):
        post.once(3_000)
    post.run(after_ms)
    post.run(1_000, person=True)
    off_ms = after_ms + 1_000
    while post.rest():
        post.run(1_000)
        off_ms += 1_000
    assert 5_000 <= off_ms <= after_ms + 6_000


def worst(closings: list[int], window_ms: int) -> int:
    """The most closings in any window of this length."""
    most, recent = 0, deque[int]()
    for at in closings:
        recent.append(at)
        while recent[0] <= at - window_ms:
            recent.popleft()
        most = max(most, len(recent))
    return most


@pytest.mark.parametrize("on_ms", [1_000, 61_000])
def test_neither_account_is_overdrawn(on_ms: int) -> None:
    """Closing as soon as it may, for two days; from 61 s on each pause is the least one."""
    post = Post()
    while post.now_ms < 2 * DAY_MS:
        post.once(on_ms)
    assert 2 < worst(post.closings, HOUR_MS) <= HOURLY
    assert 20 < worst(post.closings, DAY_MS) <= DAILY


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.tuples(st.integers(1, 900), st.booleans(), st.sampled_from(["", "person", "restart"])),
        max_size=80,
    )
)
def test_the_daily_account_holds_whatever_happens(story: list[tuple[int, bool, str]]) -> None:
    """A person refills the hourly one; a reset refills nothing."""
    post = Post()
    for on_s, loaded, what in story:
        if what == "person":
            post.run(1_000, person=True)
        elif what == "restart":
            memory = post.image.commands[f.MEMORY + f.MEMORY_WEAR]
            after = Post(memory)
            after.now_ms, after.closings = post.now_ms, post.closings
            post = after
        post.once(on_s * 1_000, loaded)
    assert worst(post.closings, DAY_MS) <= DAILY + 1  # the one that wrote the memory


def test_a_reset_does_not_refill_the_accounts() -> None:
    post = Post()
    for _ in range(6):
        post.once(61_000)
    memory = post.image.commands[f.MEMORY + f.MEMORY_WEAR]
    assert memory > 0 and Post(memory).rest() == 600_000
    assert Post(0).rest() == 0


def test_after_a_reset_it_may_have_opened_just_now() -> None:
    """A minimum off time for every cause: where it has closed before, the reset is one."""
    post = Post()
    assert post.rest() == 0
    post.wear.closed()
    again = Post(post.image.commands[f.MEMORY + f.MEMORY_WEAR])
    assert again.rest() == module.MIN_OFF_MS
    again.run(module.MIN_OFF_MS)
    assert again.rest() == 0


def test_a_planted_budget_without_end_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "HOUR_MS", 1)
    with pytest.raises(AssertionError):
        test_neither_account_is_overdrawn(61_000)


def test_a_planted_pause_that_does_not_grow_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "LONGEST_MS", 5_000)
    with pytest.raises(AssertionError):
        test_pauses_double_up_to_ten_minutes(3_000, False)


def test_a_reset_does_not_end_its_rest() -> None:
    """It opened at the reset, or just before; when is not remembered."""
    post = Post(0)
    post.wear.closed()
    word = post.image.commands[f.MEMORY + f.MEMORY_WEAR]
    assert Post(word).rest() == module.MIN_OFF_MS
