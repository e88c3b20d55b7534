"""Does the car draw what it may: offers followed, cables, stops ignored, and the weld."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firmware.core.vehicle.draw import Draw
from tests_host.core.builders import healthy, put


class Post:
    def __init__(self, **site: int) -> None:
        self.image = healthy(**site)
        put(self.image.commands, OFFER_MA=16_000, POINT_CABLE_MA=32_000)
        self.draw = Draw(self.image)

    def run(self, ms: int, ma: int, offer_ma: int | None = None, permit: int = 1, leg: int = 0):
        currents = tuple(ma if i == leg else 0 for i in range(3))
        put(self.image.readings, EVSE_MA=currents, EVSE_AGE_MS=50)
        if offer_ma is not None:
            put(self.image.commands, OFFER_MA=offer_ma)
        for i in range(ms // 100):
            self.draw.step(100, permit)
            if self.draw.ignored or self.draw.welded:
                return i * 100 + 100
        return None


@pytest.mark.parametrize("response_ms", [1_000, 5_000, 10_000])
@pytest.mark.parametrize("leg", [0, 1, 2])
def test_a_lower_offer_not_followed_is_found_within_the_response(
    response_ms: int, leg: int
) -> None:
    """INV-3: the declared response, a tenth of it, and two steps."""
    post = Post(EVSE_RESPONSE_MS=response_ms)
    assert post.run(30_000, 16_000, leg=leg) is None
    found = post.run(60_000, 16_000, 7_000, leg=leg)
    assert found is not None and response_ms < found <= response_ms * 11 // 10 + 300


@given(st.lists(st.integers(6_000, 32_000), min_size=1, max_size=30), st.integers(1, 48))
def test_a_car_that_follows_within_the_response_is_never_blamed(
    offers: list[int], late: int
) -> None:
    """However the offer moves; it draws what was offered `late` tenths of a second ago."""
    post = Post(EVSE_RESPONSE_MS=5_000)
    history = [16_000] * 50
    for offer_ma in offers:
        for _ in range(17):
            history.append(offer_ma)
            post.run(100, history[-1 - late], offer_ma)
    assert not post.draw.ignored


@pytest.mark.parametrize(
    ("cable_ma", "draws_ma", "found"),
    [(13_000, 14_600, True), (13_000, 13_600, False), (20_000, 21_600, True), (20_000, 20_900, 0)],
)
def test_a_cable_bears_what_it_is_rated_for(cable_ma: int, draws_ma: int, found: bool) -> None:
    """What the offer allows would be more."""
    post = Post()
    put(post.image.commands, POINT_CABLE_MA=cable_ma)
    assert (post.run(20_000, draws_ma, cable_ma) is not None) == bool(found)


@pytest.mark.parametrize("error_permille", [0, 20, 100])
@pytest.mark.parametrize("offer_ma", [6_000, 10_000, 16_000, 32_000])
def test_beyond_its_offer_is_half_an_ampere_or_a_twentieth_and_the_meters_error(
    offer_ma: int, error_permille: int
) -> None:
    """INV-16."""
    most_ma = offer_ma + max(500, offer_ma // 20) + offer_ma * error_permille // 1000
    for ma, found in ((most_ma, False), (most_ma + 100, True)):
        post = Post()
        put(post.image.site, NODE_ERROR_PERMILLE=(error_permille,) * 10)
        put(post.image.commands, POINT_CABLE_MA=63_000)
        assert (post.run(20_000, ma, offer_ma) is not None) == found


def test_drawing_too_much_now_and_then_adds_up() -> None:
    post = Post()
    for _ in range(20):
        post.run(3_000, 20_000)
        post.run(1_000, 16_000)
    assert post.draw.ignored


def test_a_second_ignored_stop_is_the_last() -> None:
    post = Post()
    for stop in range(2):
        assert not post.draw.ignored, stop
        post.run(6_000, 9_000, 0)
        post.draw.refused()
        post.run(500, 0, 0, permit=0)
    assert post.draw.ignored
    post.draw.forget()
    assert not post.draw.ignored


def test_a_stop_that_was_obeyed_is_none() -> None:
    post = Post()
    for _ in range(5):
        post.run(6_000, 300, 0)
        post.draw.refused()
    assert not post.draw.ignored


@pytest.mark.parametrize("leg", [0, 1, 2])
def test_current_through_what_is_open_is_a_weld(leg: int) -> None:
    """A second for the metering chip's lag, half a second of current."""
    post = Post()
    found = post.run(10_000, 1_200, 0, permit=0, leg=leg)
    assert found is not None and found <= 2_000
    for _ in range(20):
        post.run(100, 0, 0, permit=0)
    assert not post.draw.welded


@pytest.mark.parametrize(("ma", "ms"), [(900, 60_000), (12_000, 1_400)])
def test_noise_and_the_instruments_lag_are_no_weld(ma: int, ms: int) -> None:
    post = Post()
    assert post.run(ms, ma, 0, permit=0) is None
    post.run(2_000, 0, 0, permit=0)
    assert not post.draw.welded


def test_a_gateways_report_may_be_late() -> None:
    post = Post(TOPOLOGY=2)
    put(post.image.readings, INVERTER_AGE_MS=0, INVERTER_MA=(-9_000, -9_000, -9_000))
    for _ in range(40):
        post.draw.step(100, 0)
    assert not post.draw.welded
    for _ in range(20):
        post.draw.step(100, 0)
    assert post.draw.welded
