"""How long the store lasts while nothing may be erased, what waits first, and its wear."""

from __future__ import annotations

import pytest

from firmware import image as im
from firmware.core import KEPT_FAULTS, KEPT_TRIPS
from firmware.ledger import KEEP_SECTORS, SECTORS, Ledger, keep, lasts_s, ring
from firmware.ledger.keep import Keep, days
from firmware.people import leases
from tests_host.fields import EVSE, INVERTER, columns
from tests_host.ledger.flash import Flash, blank
from tests_host.ledger.keep_kit import SMALL_RING, Life, Policy, image_of


class Big(Flash):
    sector = 4096


def full_size() -> tuple[Keep, im.Image, Policy, Big]:
    """The ring of a real store, all sectors ahead erased, and the contactor then closed."""
    flash = Big(b"\xff" * (KEEP_SECTORS * 4096))
    image, policy = image_of(), Policy()
    made = Keep(flash, image, KEPT_FAULTS, KEPT_TRIPS, 0)
    made.restore(policy)
    for _ in range(KEEP_SECTORS):
        made.step(1000)
    image.commands[im.ISLAND_STATE] = im.ISLAND_ISLANDED
    flash.erases_allowed = False
    return made, image, policy, flash


@pytest.mark.parametrize(("a_day", "lasts"), [(10, 75), (48, 15), (96, 7)])
def test_so_many_days_without_ever_being_at_zero(a_day: int, lasts: int) -> None:
    """docs/ledger.md: restrictions of an hour and more, so many a day, none lost."""
    assert days(a_day) == lasts
    made, image, _, flash = full_size()
    for number in range(lasts * a_day):
        leases.release(image, im.ISSUER_OPERATOR, EVSE)
        leases.give(image, im.ISSUER_OPERATOR, EVSE, 0, 6_000 + number, None)
        made.note()
        assert not made.state()["waiting"], number
    assert found_big(flash).requests[im.LEASE_HIGH + im.LEASE_STEPS] == 6_000 + lasts * a_day - 1


def found_big(flash: Big) -> im.Image:
    image = image_of()
    Keep(Big(bytes(flash.data)), image, KEPT_FAULTS, KEPT_TRIPS, 0)
    return image


def test_the_lenient_waits_first_and_a_fault_last() -> None:
    made, image, policy, _ = full_size()
    assert made._ring is not None
    held = []
    for number in range(2_000):
        policy.set_wish(INVERTER, number + 1, 3_600_000)
        made.note()
        if made.state()["waiting"]:
            break
    held.append(made._ring.room())
    for number in range(2_000):
        policy.chosen = number % 2
        made.note()
        if (made.said(keep.OWNER) or [0])[0] & 0xFF != policy.chosen:
            break
    held.append(made._ring.room())
    assert held[0] == 255 and held[1] == 16, held
    assert made.state()["waiting"], "and it says so"
    image.commands[im.ISLAND_STATE] = im.ISLAND_GRID
    made._ring.store.erases_allowed = True
    for _ in range(KEEP_SECTORS + 1):
        made.step(1000)
    assert not made.state()["waiting"], "once everything was off, all is written"


def test_a_limit_repeated_every_minute_costs_nothing() -> None:
    made, image, _, flash = full_size()
    writes = len(flash.log)
    for _ in range(600):
        leases.give(image, im.ISSUER_OPERATOR, EVSE, 0, 0, 1_200)
        for _ in range(60):
            image.commands[im.UP_S] += 1
            made.step(1000)
    assert len(flash.log) - writes <= 2


def test_a_sector_bears_the_wear() -> None:
    """W25Q16JV: 100 000 erases a sector. The ring is erased once round: a record every ten
    minutes for twenty years is far from it."""
    records = 6 * 24 * 365 * 20
    erases = records / (4096 // ring.SMALL) / KEEP_SECTORS
    assert erases < 2_000


def test_pieces_are_of_32_bytes_at_most() -> None:
    """safety.md 3: while energised."""
    life = Life(Flash(blank(SMALL_RING)))
    life.operator(0, 0, 0, -1)
    flash = Flash(blank(13))
    image = image_of()
    image.site[im.DEVICE_NODE] = 1
    columns(image.site)
    ledger = Ledger(flash, image, (4, 9))
    ledger._note(ledger.accounts[0])
    for log in (life.flash.log, flash.log):
        assert log and max(len(data) for _, data in log) <= 32


def test_the_journal_without_an_erase() -> None:
    """INV-10's 60 s for a day of energy without a pause, then thinner; nine days in all."""
    slots = 40 * 64
    room = 38 * 64
    assert 9 * 86_400 < lasts_s(room, slots) < 10 * 86_400
    assert (room - slots // 4) * 50 > 24 * 3_600
    assert SECTORS == 64  # 256 kB, what the images set aside


def test_the_journal_is_thinned_where_nothing_is_lost() -> None:
    flash = Flash(blank(13))
    image = image_of()
    image.site[im.DEVICE_NODE] = 1
    columns(image.site)
    image.commands[im.POINT_CONTACTOR_STATE] = im.CONTACTOR_CLOSED
    image.readings[im.NODE_AGE_MS + 1] = 100
    ledger = Ledger(flash, image, (4, 9))
    ledger.step(1000)
    writes = len(flash.log)
    for _ in range(3_000):
        ledger.step(1000)
    assert len(flash.log) == writes, "a closed contactor through which nothing flows"
    image.readings[im.NODE_W + im.LEGS] = 3_600
    for _ in range(60):
        ledger.step(1000)
    assert len(flash.log) > writes
