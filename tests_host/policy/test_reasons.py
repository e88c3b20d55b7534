"""Why a device is wished what it is, as data."""

from __future__ import annotations

from firmware import image as im
from firmware.policy import Policy
from firmware.policy.takers import WHY_NAMES
from tests_host.policy.test_policy import EVSE, INVERTER, policy, site


def why(p: Policy) -> list[str]:
    return list(p.state()["reasons"].values())


def test_each_decision_has_its_reason() -> None:
    """In data, by the row of the device, as it is published."""
    image = site()
    p = policy(image, "solar")
    assert set(WHY_NAMES) == {row[0] for row in REASONS}
    for name, device, change, seconds in REASONS:
        image = site()
        p = policy(image, "solar")
        change(image, p)
        for _ in range(seconds):
            p.step(1000)
        assert WHY_NAMES[p.image.requests[im.MARKET_WHY + device]] == name == why(p)[device]


def sun(image: im.Image, _: Policy) -> None:
    image.readings[im.NODE_W] = -3000


def clouds(image: im.Image, p: Policy) -> None:
    sun(image, p)
    for _ in range(70):
        p.step(1000)
    image.readings[im.NODE_W] = 0


def clouds_gone(image: im.Image, p: Policy) -> None:
    clouds(image, p)
    image.readings[im.DEVICE_MA + EVSE * im.LEGS] = image.readings[im.NODE_W] = 6_000
    for _ in range(190):
        p.step(1000)
    image.readings[im.DEVICE_MA + EVSE * im.LEGS] = 0
    sun(image, p)


def less(image: im.Image, _: Policy) -> None:
    image.readings[im.NODE_W] = -500


def all_to_the_car(image: im.Image, p: Policy) -> None:
    for _ in range(70):
        sun(image, p)
        p.step(1000)
    image.readings[im.NODE_W] = 0
    image.readings[im.DEVICE_MA + EVSE * im.LEGS] = 13_043


def islanded(image: im.Image, _: Policy) -> None:
    image.commands[im.ISLAND_STATE] = im.ISLAND_ISLANDED


def silent(image: im.Image, _: Policy) -> None:
    image.readings[im.NODE_AGE_MS] = 3000


def by_hand(_: im.Image, p: Policy) -> None:
    p.set_wish(INVERTER, 700, 60_000)


def low(image: im.Image, p: Policy) -> None:
    p.set_goal("discharge")
    image.readings[im.DEVICE_SOC_PERMILLE + INVERTER] = 290


REASONS = (
    ("off_grid", EVSE, islanded, 1),
    ("goal", INVERTER, sun, 1),
    ("hand", INVERTER, by_hand, 1),
    ("meter", EVSE, silent, 1),
    ("short", EVSE, less, 1),
    ("waits", EVSE, sun, 1),
    ("holds", EVSE, clouds, 30),
    ("before", INVERTER, all_to_the_car, 1),
    ("reserve", INVERTER, low, 1),
    ("rests", EVSE, clouds_gone, 30),
)
