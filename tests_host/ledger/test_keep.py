"""INV-8: what was promised to last survives a reset and a power cut at any byte of any write."""

from __future__ import annotations

import binascii
import struct
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from firmware import image as im
from firmware.core import KEPT_FAULTS, KEPT_TRIPS
from firmware.ledger import KEEP_SECTORS, keep, may_erase, ring
from firmware.ledger.keep import FIRST, KNOWN, LOST, Keep
from tests_host.fields import EVSE, INVERTER
from tests_host.ledger.flash import Flash, blank
from tests_host.ledger.keep_kit import (
    FAULT,
    NONE,
    SMALL_RING,
    TRIP,
    Life,
    Policy,
    check_all,
    found,
    image_of,
    limit,
    random_life,
    started,
)


def test_inv_8_a_cut_at_every_byte_of_every_write() -> None:
    """INV-8, on a ring that wraps: sectors are erased, and what is newest in them is saved."""
    start, life = random_life(5, 130)
    assert sum(data == b"\xff" * Flash.sector for _, data in life.flash.log) > 4, "no erase"
    assert check_all(life, start, 1) > 3_000


@given(st.integers(0, 10**9), st.integers(3, 60))
@settings(max_examples=30, deadline=None)
def test_inv_8_a_cut_anywhere_in_any_life(seed: int, steps: int) -> None:
    start, life = random_life(seed, steps)
    check_all(life, start, seed, every=1 + seed % 23)


def test_inv_8_until_released_and_the_time_left_survive_many_restarts() -> None:
    """INV-8: time without power does not count, and restarting does not shorten it."""
    flash = Flash(blank(SMALL_RING))
    life = Life(flash)
    life.operator(EVSE, 0, 0, -1)
    life.operator(INVERTER, -2_000, 2_000, 7_200)
    left_s = 7_200
    for _ in range(5):
        life.seconds(451)
        life = Life(Flash(bytes(life.flash.data)), now=life.now)
        assert limit(life.image, EVSE) == (0, 0, -1)
        left_s = limit(life.image, INVERTER)[2]
        assert 0 <= left_s - life.now.operator[1][2] <= 450 * 5
    assert left_s < 7_200, "it does run out"


def test_inv_8_a_restriction_that_ended_or_was_released_stays_so() -> None:
    for last in ("released", "ended"):
        life = Life(Flash(blank(SMALL_RING)))
        life.operator(EVSE, 0, 0, 900)
        if last == "released":
            life.operator(EVSE, 0, 0, 0)
        else:
            life.seconds(902)  # never shorter
        assert found(life.flash).operator[0] == NONE


def test_inv_8_an_island_asked_for_now_expires_and_never_stays() -> None:
    life = Life(Flash(blank(SMALL_RING)))
    life.owner(2, 300, 1)
    assert found(life.flash).island == 0
    life.owner(2, 300, -1)
    assert found(life.flash).island == -1


def test_inv_8_a_wish_only_takes_away_after_a_restart() -> None:
    life = Life(Flash(blank(SMALL_RING)))
    life.policy.set_wish(INVERTER, -3_000, 3_600_000)
    life.keep.note()
    _, _, policy = started(life.flash)
    assert policy.wishes == {INVERTER: [-3_000, 3_600_000, True]}


def test_a_goal_follows_the_configuration_once_that_is_another() -> None:
    life = Life(Flash(blank(SMALL_RING)))
    life.owner(3, 300, 0)
    image, policy = image_of(), Policy(configured=4)
    made = Keep(life.flash, image, KEPT_FAULTS, KEPT_TRIPS, 0, SMALL_RING)
    made.restore(policy)
    assert policy.chosen == 4


def test_faults_that_are_over_are_crossed_out_later_and_new_ones_at_once() -> None:
    life = Life(Flash(blank(SMALL_RING)))
    life.alarm(FAULT, TRIP)
    assert (found(life.flash).faults, found(life.flash).trips) == (FAULT, TRIP)
    life.image.commands[im.FAULTS] = life.image.trips[im.TRIPPED] = 0
    life.seconds(9)
    assert found(life.flash).faults == FAULT
    life.seconds(2)
    assert (found(life.flash).faults, found(life.flash).trips) == (0, 0)


def test_what_comes_and_goes_by_itself_is_not_written() -> None:
    life = Life(Flash(blank(SMALL_RING)))
    writes = len(life.flash.log)
    for _ in range(50):
        life.alarm(im.FAULT_PILOT & ~KEPT_FAULTS, im.TRIP_PILOT | im.TRIP_DEAD_GRID)
        life.image.trips[im.TRIPPED] = 0
        life.seconds(1)
    assert len(life.flash.log) - writes == sum(e[1] == b"\xff" * 256 for e in life.flash.log)


def test_cores_words_survive() -> None:
    life = Life(Flash(blank(SMALL_RING)))
    for i in range(im.MEMORIES):
        life.image.commands[im.MEMORY + i] = 100 + i
    life.seconds(1)
    _, image, _ = started(life.flash)
    words = [image.requests[im.REMEMBERED + i] for i in range(im.MEMORIES)]
    assert words == [100 + i for i in range(im.MEMORIES)]


# --- nothing is known ------------------------------------------------------------------------


class Broken(Flash):
    def read(self, offset: int, count: int) -> bytes:
        raise OSError(5)


def test_inv_8_where_nothing_is_known_the_stricter_side_and_it_says_so() -> None:
    """INV-8: a flash that cannot be read, or holds something else, is not a first start."""
    dirty = Flash(b"\x5a" * Flash.sector + blank(SMALL_RING - 1))
    for flash in (dirty, Broken(blank(SMALL_RING))):
        made, _, policy = started(flash)
        assert made.start == LOST and policy.still
        assert "not known" in made.state()["text"]
    made, _, policy = started(Flash(blank(SMALL_RING)))
    assert made.start == FIRST and not policy.still
    again, _, _ = started(Flash(bytes(made._ring.store.data)))  # type: ignore[union-attr]
    assert again.start == KNOWN


def test_without_a_store_it_still_starts() -> None:
    made = Keep(None, image_of(), KEPT_FAULTS, KEPT_TRIPS)
    made.restore(Policy())  # type: ignore[arg-type]
    made.step(1000)
    assert made.start == LOST and made.state()["waiting"]


# --- planted mistakes ------------------------------------------------------------------------


def no_carrying(patch: pytest.MonkeyPatch) -> None:
    def prepare(self: Keep) -> None:
        assert self._ring is not None
        self._ring.prepare(may_erase(self._image))

    patch.setattr(Keep, "_prepare", prepare)


def trusting_without_crc(patch: pytest.MonkeyPatch) -> None:
    real = ring.decode

    def trusting(data: bytes) -> object:
        return real(data[:-4] + struct.pack("<I", binascii.crc32(data[:-4])))

    patch.setattr(ring, "decode", trusting)


def shorter_by_restarting(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(keep, "_shorter", lambda _left, _than: False)


def releases_are_written_first(patch: pytest.MonkeyPatch) -> None:
    real = Keep.put

    def put(self: Keep, kind: int, values: tuple[int, ...], least: int) -> None:
        if kind & 0xFF == keep.LEASE and values[2]:
            real(self, kind, (0, 0, 0, 0), least)
        real(self, kind, values, least)

    patch.setattr(Keep, "put", put)


def faults_forgotten(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Keep, "watch", lambda _self: None)


@pytest.mark.parametrize(
    "mistake",
    [no_carrying, trusting_without_crc, shorter_by_restarting, releases_are_written_first,
     faults_forgotten],
    ids=lambda mistake: mistake.__name__,
)  # fmt: skip
def test_a_planted_mistake_is_caught(mistake: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    mistake(monkeypatch)
    with pytest.raises(AssertionError):
        for seed in range(1, 9):
            start, life = random_life(seed, 130)
            check_all(life, start, seed)


def test_a_board_keeps_every_lease_that_its_rows_allow() -> None:
    """A record is written where as many are free as there are newest ones to save."""
    leases = im.ISSUERS * im.LEASED * (im.LEASE_STEPS + 1)
    assert 2 * leases < (KEEP_SECTORS - 2) * (4096 // ring.SMALL)
