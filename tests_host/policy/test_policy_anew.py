"""What people are told of the time left, and for how long an authorisation waits for its car."""

from __future__ import annotations

import pytest

from firmware import image as im
from firmware.policy.authorisation import Authorisation
from tests_host.fields import columns
from tests_host.policy.test_policy import EVSE, INVERTER, policy, site


def test_the_time_left_is_told_in_whole_seconds_never_less_than_there_is() -> None:
    image = site()
    owner = policy(image, "solar")
    image.readings[im.NODE_W] = -3_000
    for left_s in (60, 59, 59, 58):
        owner.step(500)
        assert image.requests[im.MARKET_LEFT_S + EVSE] == left_s


@pytest.mark.parametrize(
    ("age_ms", "plugged", "stays"),
    [(2_001, 0, True), (2_000, 0, False), (2_000, 1, True), (0, 0, False)],
)
def test_a_gateways_authorisation_lapses_when_it_is_known_that_no_car_is_there(
    age_ms: int, plugged: int, stays: bool
) -> None:
    """INV-8; of one that is silent nobody knows, however new what it last said of its battery."""
    image = site()
    columns(image.site, topology=2)
    image.commands[im.POINT_PILOT_STATE] = im.PILOT_UNKNOWN
    image.requests[im.POINT_AUTHORISED] = 1
    image.readings[im.DEVICE_AGE_MS + INVERTER] = age_ms
    image.readings[im.DEVICE_SOC_AGE_MS + INVERTER] = 100 if stays else 60_000
    image.readings[im.DEVICE_PLUGGED + INVERTER] = plugged
    made = Authorisation(image, 0)
    for _ in range(301):
        made.step(1_000)
    assert image.requests[im.POINT_AUTHORISED] == int(stays)
