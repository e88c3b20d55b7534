"""Cars by the sun: no pattern of sun and shade keeps one on the grid, starts it again and again,
or keeps it from a sun that stays."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from firmware import image as im
from firmware.policy import takers
from firmware.policy.takers import WHY_HOLDS, WHY_RESTS, WHY_WAITS
from tests_host.policy.sun_loop import LEAST_A, VOLTS, Point, Run, pattern, play
from tests_host.policy.test_policy import EVSE, car, policy, site

HOUR_S = 3600
START_S, STOP_S, PAUSE_S = 60, 180, 300
OWED_S = 3 * STOP_S  # at most
STARTS_HOUR = 6
SEEN_S = 4  # so much of a shade may pass unseen
LATE_S = 25  # followed by a third of the difference a second, a meter and a car
LONG = settings(max_examples=25, deadline=None, derandomize=True, report_multiple_bugs=False)

PATTERNS = st.tuples(
    st.integers(4, 2400),  # period, s
    st.integers(1, 99),  # per cent of it with sun
    st.integers(1_500, 14_000),  # W of sun left over
    st.integers(-2_000, 4_000),  # W in the shade
)
CARS = st.sampled_from((dict[str, Any](), {"uses": 1}, {"legs": 1, "uses": 1, "most_a": 32}))


def grid_most_ws(run: Run, seconds: int) -> int:
    """One stop's worth, all that was waited for beyond each start's delay, a twentieth of standing
    still, half of charging by the sun."""
    most = 0
    for point in run.points:
        off_s = seconds - point.offered_s
        waited_s = max(0, point.waited_s - START_S * len(point.starts))
        most += point.least_w * (STOP_S + waited_s + off_s // 20 + point.offered_s // 3)
    return most


def judge(run: Run, seconds: int, blips: int, shade_s: int, sun_w: int) -> None:
    """Each time the sun goes, cars and meter are late by so much."""
    most = grid_most_ws(run, seconds)
    for point in run.points:
        above_w = min(sun_w, point.most_a * VOLTS * point.legs) - point.least_w
        late_ws = max(above_w, 0) * min(LATE_S, shade_s) + point.least_w * min(SEEN_S, shade_s)
        most += late_ws * (blips + len(point.starts))
    assert run.grid_ws <= most, run
    for point in run.points:
        hours = range(0, seconds, HOUR_S // 4)
        starts = [sum(h <= s < h + HOUR_S for s in point.starts) for h in hours]
        assert max(starts) <= STARTS_HOUR, point.starts
        gaps = [b - a for a, b in zip(point.starts, point.starts[1:], strict=False)]
        assert min(gaps, default=PAUSE_S) >= PAUSE_S, gaps


@given(PATTERNS, CARS, st.integers(1, 2))
@example((170, 5, 6_500, -500), {}, 1)
@example((300, 30, 6_500, -500), {}, 1)
@example((480, 47, 6_500, -500), {}, 2)
@example((490, 20, 6_500, -500), {}, 1)
@example((300, 53, 4_800, -500), {}, 1)
@example((10, 50, 14_000, -2_000), {}, 2)
@LONG
def test_no_pattern_keeps_a_car_on_the_grid(
    sun: tuple[int, int, int, int], car: dict[str, Any], many: int
) -> None:
    """Grid energy and starts are bounded, with any car, and two of them."""
    period_s, percent, sun_w, shade_w = sun
    seconds = 2 * HOUR_S
    points = [Point(rank=i, **car) for i in range(many)]
    on_s = max(1, period_s * percent // 100)
    run = play(pattern(period_s, on_s, sun_w, shade_w), seconds, *points)
    judge(run, seconds, seconds // period_s + 1, period_s - on_s, sun_w)


@given(PATTERNS, st.integers(0, 2 * HOUR_S))
@example((1_200, 70, 6_500, -500), 2 * HOUR_S)
@LONG
def test_a_sun_that_stays_is_not_missed(sun: tuple[int, int, int, int], wild_s: int) -> None:
    """Whatever came before, it starts within its delay and what it owes, and then goes on."""
    period_s, percent, sun_w, shade_w = sun
    before = pattern(period_s, max(1, period_s * percent // 100), sun_w, shade_w)
    most_s = max(START_S + OWED_S, PAUSE_S) + LATE_S
    run = play(lambda s: before(s) if s < wild_s else 7_000, wild_s + most_s + 60)
    assert run.points[0].offers[-1] > LEAST_A * 1000


@pytest.mark.parametrize("shade_s", [1, 4, 8, 12])
def test_short_shade_neither_keeps_it_from_starting_nor_stops_it(shade_s: int) -> None:
    """Up to a fifth of each minute: it starts, and charges by nearly all of the sun."""
    run = play(pattern(60, 60 - shade_s, 6_500), 2 * HOUR_S)
    (start_s,) = run.points[0].starts
    assert start_s <= 400
    there_ws = 6_500 * (60 - shade_s) * 2 * 60
    assert run.sun_ws >= 0.85 * there_ws


@pytest.mark.parametrize("sun_s", [1, 4, 8, 20])
@pytest.mark.parametrize("period_s", [60, 170, 175])
def test_short_sun_does_not_keep_it_on_the_grid(sun_s: int, period_s: int) -> None:
    """After its sun is gone for good, but for blips, it stops within five minutes."""
    blips = pattern(period_s, sun_s if sun_s < period_s // 4 else 1, 6_500, from_s=440)
    run = play(lambda s: 6_500 if s < 300 else -500 if s < 440 else blips(s), 2 * HOUR_S)
    assert len(run.points[0].starts) == 1 and run.points[0].offered_s <= 300 - START_S + 300


def test_sun_for_a_minute_and_a_half_in_five() -> None:
    """It started twelve times an hour, once for each."""
    run = play(pattern(300, 90, 6_500), 4 * HOUR_S)
    assert run.starts <= 6


def test_the_options_move_levels_and_delays() -> None:
    sun = pattern(10, 10, 5_000)
    assert play(sun, 700, sun_start_s=600).points[0].starts[0] >= 600
    assert not play(sun, 700, sun_start_w=1_000).starts, "860 W above the least are not enough"
    assert play(sun, 700, sun_start_w=800).starts == 1
    dusk = lambda s: 5_000 if s < 300 else 3_800  # noqa: E731
    assert play(dusk, 1_200).points[0].offers[-1] == 0
    assert play(dusk, 1_200, sun_stop_w=400).points[0].offers[-1] == 6_000
    early = play(dusk, 1_200, sun_stop_s=30).points[0].offered_s
    assert early < 300 - START_S + 30 + LATE_S
    gone = lambda s: 5_000 if s % 600 < 300 else -500  # noqa: E731
    with_pause = play(gone, 1_300, sun_stop_s=10, pause_s=800).starts
    assert with_pause < play(gone, 1_300, sun_stop_s=10, pause_s=0).starts


def test_a_car_on_one_leg_is_held_to_what_it_draws() -> None:
    """2 kW of sun carry its 1.4 kW, though its point has three legs."""
    run = play(lambda s: 5_000 if s < 200 else 2_000, HOUR_S, Point(uses=1))
    assert run.points[0].offers[-1] == 6_000 and run.starts == 1


def test_what_people_are_told_counts_down() -> None:
    image = site()
    p = policy(image, "solar")
    told = []
    image.readings[im.NODE_W] = -3_000
    for _ in range(30):
        p.step(1000)
    assert (
        p.image.requests[im.MARKET_WHY + EVSE] == WHY_WAITS
        and p.image.requests[im.MARKET_LEFT_S + EVSE] == START_S - 30
    )
    for _ in range(31):
        p.step(1000)
    image.readings[im.NODE_W] = 0
    image.readings[im.DEVICE_MA + EVSE * im.LEGS] = 6_000
    for _ in range(40):
        p.step(1000)
        if p.image.requests[im.MARKET_WHY + EVSE] == WHY_HOLDS:
            told.append(p.image.requests[im.MARKET_LEFT_S + EVSE])
    assert not told, "it draws by the sun"
    image.readings[im.NODE_W] = 1_380
    for _ in range(250):
        p.step(1000)
        if p.image.requests[im.MARKET_WHY + EVSE] == WHY_HOLDS:
            told.append(p.image.requests[im.MARKET_LEFT_S + EVSE])
    assert told == list(range(STOP_S - 1, 0, -1))
    image.readings[im.NODE_W] = -3_000
    image.readings[im.DEVICE_MA + EVSE * im.LEGS] = 0
    for _ in range(30):
        p.step(1000)
    assert (
        p.image.requests[im.MARKET_WHY + EVSE] == WHY_RESTS
        and 0 < p.image.requests[im.MARKET_LEFT_S + EVSE] < PAUSE_S - 30
    )


def test_a_goal_said_again_is_no_new_one() -> None:
    """An automation that says it each minute; and the sun of noon is none at midnight."""
    image = site()
    p = policy(image, "solar")
    image.readings[im.NODE_W] = -3_000
    for second in range(70):
        if second % 20 == 0:
            p.set_goal("solar")
        p.step(1000)
    assert car(image)[1] > 6_000
    p.set_goal("hold")
    image.readings[im.NODE_W] = 500
    for _ in range(60):
        p.step(1000)
    p.set_goal("solar")
    p.step(1000)
    assert car(image)[1] == 0


def test_a_meter_silent_for_some_seconds_begins_nothing_anew() -> None:
    image = site()
    p = policy(image, "solar")
    image.readings[im.NODE_W] = -3_000
    for second in range(200):
        silent = second % 60 < 3
        image.readings[im.NODE_AGE_MS] = 3_000 if silent else 500
        p.step(1000)
        if second > 130:
            assert car(image)[1] == (0 if silent else 13_043)


MISTAKES = (
    # a blip takes all back, as from a timer; a second of sun for one of shade; no debt; too much
    ({"_PAYS": 10**6}, lambda: test_short_shade_neither_keeps_it_from_starting_nor_stops_it(8)),
    ({"_PAYS": 1}, lambda: test_no_pattern_keeps_a_car_on_the_grid()),
    ({"_OWES": 0}, lambda: test_no_pattern_keeps_a_car_on_the_grid()),
    ({"_OWES": 30, "_REPAYS": 10**6}, lambda: test_a_sun_that_stays_is_not_missed()),
)


@pytest.mark.parametrize("number", range(len(MISTAKES)))
def test_a_mistake_is_noticed(number: int, monkeypatch: pytest.MonkeyPatch) -> None:
    values, check = MISTAKES[number]
    for name, value in values.items():
        monkeypatch.setattr(takers, name, value)
    with pytest.raises((AssertionError, ValueError)):
        check()


@pytest.mark.parametrize("blip_s", [0, 1, 4, 8])
def test_a_moment_s_use_of_an_offer_keeps_nothing_from_the_next(blip_s: int) -> None:
    """What a car leaves of its offer is free after a minute, whatever it does between."""
    first = Point(wants_ma=lambda second: 80_000 if second % 60 < blip_s else 7_000)
    second = Point(legs=1, uses=1, rank=1)
    play(lambda _: 9_500, 600, first, second)
    assert len(first.starts) == len(second.starts) == 1
