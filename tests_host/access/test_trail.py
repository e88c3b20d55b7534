"""Who did what, in the ledger's ring; and what a factory reset takes out of a site."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firmware import image as im
from firmware.access import forget
from firmware.access.inside import ACTS, act_of
from firmware.ledger.audit import EVERY_S, MOST_AT_ONCE, Audit, open_trail
from firmware.people.asked import TABLE
from tests_host.ledger.test_ledger import Flash, blank

SECTORS = 16  # of 8 records here


@pytest.fixture
def image() -> im.Image:
    image = im.Image()
    image.commands[im.ISLAND_STATE] = im.ISLAND_GRID
    image.readings[im.WALL_MIN] = 1_000
    return image


@pytest.fixture
def flash() -> Flash:
    return Flash(blank(SECTORS))


def opened(flash: Flash, image: im.Image) -> Audit:
    audit = Audit(flash, image)
    assert len(list(audit.scan())) == SECTORS
    return audit


def told(audit: Audit) -> list[tuple[object, ...]]:
    return [entry for entry in audit.entries() if entry is not None]


def test_it_outlives_a_power_cut(image: im.Image, flash: Flash) -> None:
    audit = opened(flash, image)
    audit.note(7, "anna", 0, True)
    image.readings[im.WALL_MIN] = im.UNKNOWN
    audit.note(11, "192.168.1.20", 4, False, True)
    assert told(opened(Flash(bytes(flash.data)), image)) == [
        (1_000, 7, "anna", 0, True, False),
        (None, 11, "168.1.20", 4, False, False),
    ]


def test_it_is_read_a_sector_a_turn(image: im.Image, flash: Flash) -> None:
    """All of it at once held the loop for 35 ms (INV-9)."""
    audit = opened(flash, image)
    for _ in range(8 * (SECTORS - 2)):
        audit.note(0, "token", 0, True, True)
        audit.step(1000)
    there = Flash(bytes(flash.data))
    reads: list[int] = []
    read = there.read
    there.read = lambda at, size: reads.append(at) or read(at, size)  # type: ignore[method-assign]
    before = 0
    for _ in Audit(there, image).scan():
        now, before = reads[before:], len(reads)
        assert now and len({at // there.sector for at in now}) == 1


def test_a_machine_that_repeats_itself_has_a_pace_and_presence_has_none(
    image: im.Image, flash: Flash
) -> None:
    audit = opened(flash, image)
    for _ in range(100):
        audit.note(0, "token", 0, True)
    assert len(told(audit)) == MOST_AT_ONCE
    audit.note(13, "by hand", 0, True, True)
    assert told(audit)[-1] == (1_000, 13, "by hand", 0, True, True), "and says what it missed"
    for _ in range(EVERY_S):
        audit.step(1000)
    audit.note(0, "token", 0, True)
    audit.note(0, "token", 0, True)
    assert len(told(audit)) == MOST_AT_ONCE + 2


def test_who_is_refused_cannot_use_up_the_pace(image: im.Image, flash: Flash) -> None:
    """A stranger who fails on purpose does not hide what somebody then does."""
    audit = opened(flash, image)
    for _ in range(100):
        audit.note(11, "6.6.6.6", 4, False)
    audit.note(0, "token", 0, True)
    assert told(audit)[-1] == (1_000, 0, "token", 0, True, True)
    assert len(told(audit)) == MOST_AT_ONCE // 2 + 1


def test_it_is_a_ring_that_erases_at_rest_alone(image: im.Image, flash: Flash) -> None:
    """INV-9; and what found no room is admitted by the next that does."""
    audit = opened(flash, image)
    image.commands[im.PERMITS] = im.OUT_CONTACTOR
    flash.erases_allowed = False
    for number in range(200):
        image.readings[im.WALL_MIN] = number
        audit.note(0, "token", 0, True, True)
        audit.step(1000)
    image.commands[im.PERMITS] = 0
    flash.erases_allowed = True
    before = len(told(audit))
    for number in range(200, 400):
        image.readings[im.WALL_MIN] = number
        audit.step(1000)
        audit.note(0, "token", 0, True, True)
    entries = told(opened(Flash(bytes(flash.data)), image))
    minutes = [entry[0] for entry in entries]
    assert minutes == list(range(400 - len(minutes), 400))
    assert len(minutes) >= (SECTORS - 2) * 8 and before >= (SECTORS - 2) * 8
    assert [size for _, data in flash.log if (size := len(data)) == flash.sector]


def test_where_it_lies(image: im.Image, tmp_path: Path) -> None:
    """Before the records on a chip whose layout keeps room; in a file on a PC; else nowhere."""
    assert open_trail(object(), image) is None
    trail = open_trail(str(tmp_path), image)
    assert trail is not None
    assert len(list(trail.scan())) == 16
    trail.note(1, "anna", 0, True)
    assert len(told(trail)) == 1 and (tmp_path / "audit.bin").stat().st_size == 65_536


def test_every_act_fits_the_record() -> None:
    assert len(TABLE) + len(ACTS) <= 64
    assert [act_of(n) for n in range(len(TABLE))] == [row[0] for row in TABLE]
    assert act_of(len(TABLE)) == ACTS[0] and act_of(63) == "?"


SITE = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["token", "password", "name", 'a"b', "user", "\\", "wifi"]),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


def emptied(value: object, name: str = "") -> object:
    if isinstance(value, dict):
        return {key: emptied(each, key) for key, each in value.items()}
    if isinstance(value, list):
        if name == forget.NETWORKS:
            return []  # without its password it would be joined as an open one
        return [emptied(each) for each in value]
    return "" if isinstance(value, str) and name in forget.SECRETS else value


@given(SITE, st.sampled_from([None, 1]), st.booleans())
def test_a_sites_secrets_go_and_nothing_else(
    site: object, indent: int | None, plain: bool
) -> None:
    text = json.dumps(site, indent=indent, ensure_ascii=plain)
    assert json.loads(forget.without(text)) == emptied(site)


@given(st.text(alphabet='{}",:\\tokenpasswdif[] 1', max_size=60))
def test_a_text_that_is_no_site(text: str) -> None:
    assert len(forget.without(text)) <= len(text) + 2
