"""The very edges of what is counted, and of when it is written."""

from __future__ import annotations

import pytest

from firmware import image as im
from firmware.ledger import Ledger
from tests_host.fields import EVSE, INVERTER
from tests_host.ledger.flash import Flash, blank
from tests_host.ledger.keep_kit import FAULT, SMALL_RING, Life, found
from tests_host.ledger.test_ledger import SECTORS, plug, site


def test_a_point_on_some_legs_is_counted_by_these_alone() -> None:
    """Its own circuit's instrument, on L3 and L1 in this order."""
    image = site()
    at = im.DEVICE_LEG + EVSE * im.LEGS
    for k, leg in enumerate((2, 0, -1)):
        image.site[at + k] = leg
    ledger = Ledger(Flash(blank(sum(SECTORS))), image, SECTORS)
    plug(image, True)
    for leg, watts in enumerate((1_000, 20_000, 3_000)):
        image.readings[im.NODE_W + im.LEGS + leg] = watts
    assert ledger.accounts[EVSE].watts() == 4_000


@pytest.mark.parametrize(("age_ms", "unmetered_s"), [(2_000, 0), (2_001, 10)])
def test_what_nobody_has_measured_for_two_seconds_is_not_counted(
    age_ms: int, unmetered_s: int
) -> None:
    image = site()
    ledger = Ledger(Flash(blank(sum(SECTORS))), image, SECTORS)
    plug(image, True)
    ledger.step(1_000)
    drawn_wh = ledger.accounts[EVSE].wh[0]
    image.readings[im.NODE_AGE_MS + 1] = age_ms
    image.readings[im.DEVICE_AGE_MS + EVSE] = age_ms
    for _ in range(10):
        ledger.step(1_000)
    assert ledger.state()["open"][0]["unmetered_s"] == unmetered_s
    assert (ledger.accounts[EVSE].wh[0] > drawn_wh) == (unmetered_s == 0)


def test_the_totals_of_who_has_no_session_are_written_each_hour() -> None:
    image = site()
    flash = Flash(blank(sum(SECTORS)))
    ledger = Ledger(flash, image, SECTORS)
    image.readings[im.DEVICE_W + INVERTER] = 3_600
    for _ in range(120):
        ledger.step(60_000)
    again = Ledger(Flash(bytes(flash.data)), site(), SECTORS)
    assert again.accounts[INVERTER].total_wh[0] >= 3_600


@pytest.mark.parametrize(("seconds", "is_written"), [(299, False), (300, True)])
def test_the_time_left_is_written_again_after_five_minutes(seconds: int, is_written: bool) -> None:
    """A restart may make it a second longer, never shorter."""
    life = Life(Flash(blank(SMALL_RING)))
    life.operator(INVERTER, 0, 0, 3_600)
    life.seconds(seconds)
    left_s = found(life.flash).operator[INVERTER][2]
    assert left_s - (3_600 - seconds if is_written else 3_600) in (0, 1)


@pytest.mark.parametrize(("seconds", "stands"), [(9, True), (10, False)])
def test_a_fault_is_crossed_out_once_it_is_over_for_ten_seconds(
    seconds: int, stands: bool
) -> None:
    life = Life(Flash(blank(SMALL_RING)))
    life.alarm(FAULT, 0)
    life.image.commands[im.FAULTS] = 0
    life.image.commands[im.POINT_FAULTS] = 0
    life.seconds(seconds)
    assert bool(found(life.flash).faults) == stands
