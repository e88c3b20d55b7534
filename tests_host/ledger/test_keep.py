"""INV-8: what was promised to last survives a reset and a power cut at any byte of any write.

The judge keeps its own account of what was ordered; it shares no rule with ledger/keep.py.
"""

from __future__ import annotations

import binascii
import random
import struct
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from firmware import image as im
from firmware.core import KEPT_FAULTS, KEPT_TRIPS
from firmware.ledger import KEEP_SECTORS, SECTORS, Ledger, keep, lasts_s, may_erase, ring
from firmware.ledger.keep import FIRST, KNOWN, LOST, Keep, days
from firmware.policy import GOALS
from tests_host.ledger.flash import Flash, blank, cuts

SMALL_RING = 8  # sectors of 8 records
FAULT, TRIP = im.FAULT_WELD, im.TRIP_STOP
NONE = (0, 0, 0)


class Policy:
    """As the keep sees the owner's."""

    def __init__(self, configured: int = 1) -> None:
        self.configured = self.chosen = configured
        self.wish: list[list[Any] | None] = [None, None]
        self.still = False

    def goal_numbers(self) -> tuple[int, int]:
        return self.chosen, self.configured

    def restore_goal(self, chosen: int, configured: int) -> None:
        if configured == self.configured:
            self.chosen = chosen

    def start_still(self) -> None:
        self.still = True
        self.chosen = 0

    def set_wish(self, device: int, value: int, ttl_ms: int, less: bool = False) -> None:
        self.wish[device] = [value, ttl_ms, less]


@dataclass(frozen=True)
class Ordered:
    """What holds, by the orders alone."""

    operator: tuple[tuple[int, int, int], ...] = (NONE, NONE)  # low, high, seconds left
    goal: int = 1
    reserve: int = 300
    island: int = 0
    faults: int = 0
    trips: int = 0


def image_of(energised: bool = False) -> im.Image:
    image = im.Image()
    image.commands[im.ISLAND_STATE] = im.ISLAND_ISLANDED if energised else im.ISLAND_GRID
    image.requests[im.RESERVE_PERMILLE] = 300
    image.requests[im.OUTAGE_RESERVE_PERMILLE] = 100
    return image


def started(flash: Flash, energised: bool = False) -> tuple[Keep, im.Image, Policy]:
    image = image_of(energised)
    made = Keep(flash, image, KEPT_FAULTS, KEPT_TRIPS, 0, flash.size // flash.sector)
    policy = Policy()
    made.restore(policy)
    return made, image, policy


def found(flash: Flash) -> Ordered:
    """What a restart on this flash believes."""
    made, image, policy = started(flash)
    requests = image.requests
    if made.start == LOST:
        assert made._ring is None or not made._ring.last, "something was known"
        return Ordered(goal=-1)
    ttl_ms = [requests[im.OPERATOR_TTL_MS + d] for d in (0, 1)]
    rows = [
        (requests[im.OPERATOR_LOW + d], requests[im.OPERATOR_HIGH + d], max(t // 1000, -1))
        for d, t in enumerate(ttl_ms)
    ]
    return Ordered(
        (rows[0], rows[1]),
        policy.chosen,
        requests[im.RESERVE_PERMILLE],
        requests[im.ISLAND_WISH],
        requests[im.REMEMBERED_FAULTS],
        made.trips,
    )


@dataclass
class Life:
    flash: Flash
    truth: list[tuple[int, Ordered]] = field(default_factory=list)  # writes so far, what holds
    now: Ordered = Ordered()

    def __post_init__(self) -> None:
        self.keep, self.image, self.policy = started(self.flash)
        self.note()

    def note(self) -> None:
        self.truth.append((len(self.flash.log), self.now))

    def operator(self, device: int, low: int, high: int, ttl_s: int) -> None:
        requests = self.image.requests
        requests[im.OPERATOR_LOW + device], requests[im.OPERATOR_HIGH + device] = low, high
        requests[im.OPERATOR_TTL_MS + device] = ttl_s * 1000 if ttl_s > 0 else ttl_s
        requests[im.OPERATOR_SEQ + device] += 1
        rows = list(self.now.operator)
        rows[device] = (low, high, ttl_s) if ttl_s else NONE
        self.now = replace(self.now, operator=tuple(rows))
        self.keep.note()
        self.note()

    def owner(self, goal: int, reserve: int, island: int) -> None:
        self.policy.chosen = goal
        self.image.requests[im.RESERVE_PERMILLE] = reserve
        self.image.requests[im.ISLAND_WISH] = island
        self.now = replace(self.now, goal=goal, reserve=reserve, island=min(island, 0))
        self.keep.note()
        self.note()

    def alarm(self, faults: int, trips: int) -> None:
        """They stand from now on, beside what did."""
        self.image.commands[im.FAULTS] |= faults
        self.image.trips[im.TRIPPED] |= trips
        kept = faults & KEPT_FAULTS, trips & KEPT_TRIPS
        self.now = replace(
            self.now, faults=self.now.faults | kept[0], trips=self.now.trips | kept[1]
        )
        self.keep.watch()
        self.note()

    def seconds(self, count: int) -> None:
        for _ in range(count):
            rows = [(r[0], r[1], r[2] - 1) if r[2] > 0 else r for r in self.now.operator]
            self.now = replace(self.now, operator=tuple(r if r[2] else NONE for r in rows))
            self.keep.step(1000)
            self.note()


def check_cut(data: bytes, before: Ordered, after: Ordered) -> None:
    """Each topic is as it was before the write under way, or as after it; no restriction is
    shorter than what was left of it."""
    seen = found(Flash(data))
    if seen.goal < 0:  # cut in the first record of all: it starts from the stricter side
        return
    for device in (0, 1):
        old, new, row = before.operator[device], after.operator[device], seen.operator[device]
        same = [r for r in (old, new) if r[:2] == row[:2] or not r[2]]
        assert same, f"operator's limit on {device}: {row}, ordered {old} then {new}"
        if old[2] and new[2] and old[:2] == new[:2]:
            left = [r[2] for r in (old, new)]
            least = -1 if left == [-1, -1] else min(x for x in left if x > 0)
            assert row[2] < 0 or (least > 0 and row[2] >= least), (
                f"{row} shorter than {old}, {new}"
            )
        elif old[2] and new[2]:
            assert row[2] != 0
    for name in ("goal", "reserve", "island"):
        assert getattr(seen, name) in (getattr(before, name), getattr(after, name)), name
    assert seen.faults & before.faults & after.faults == before.faults & after.faults, "fault lost"
    assert seen.trips & before.trips & after.trips == before.trips & after.trips, "trip lost"


def check_all(life: Life, start: bytes, seed: int, every: int = 1) -> int:
    count = 0
    for writes, data in cuts(start, life.flash.log, seed):
        count += 1
        if count % every or writes < life.truth[0][0]:
            continue
        at = max(i for i, row in enumerate(life.truth) if row[0] <= writes)
        after = life.truth[min(at + 1, len(life.truth) - 1)]
        check_cut(data, life.truth[at][1], after[1])
    return count


def random_life(seed: int, steps: int) -> tuple[bytes, Life]:
    dice = random.Random(seed)
    start = blank(SMALL_RING)
    life = Life(Flash(start))
    for _ in range(steps):
        what = dice.randrange(6)
        if what < 2:
            ttl_s = dice.choice((-1, 0, 900, 5_000, 86_400))
            limit = dice.choice((0, 6_000, 10_000)) if ttl_s else 0
            life.operator(dice.randrange(2), -limit, limit, ttl_s)
        elif what == 2:
            life.owner(
                dice.randrange(len(GOALS)), dice.choice((300, 600)), dice.choice((-1, 0, 1))
            )
        elif what == 3:
            life.alarm(dice.choice((0, FAULT, im.FAULT_BOND)), dice.choice((0, TRIP)))
        life.seconds(dice.choice((1, 2, 9)))
    return start, life


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
    life.operator(im.EVSE, 0, 0, -1)
    life.operator(im.INVERTER, -2_000, 2_000, 7_200)
    for _ in range(5):
        life.seconds(451)
        life = Life(Flash(bytes(life.flash.data)), now=life.now)
        requests = life.image.requests
        assert requests[im.OPERATOR_TTL_MS + im.EVSE] == -1
        assert requests[im.OPERATOR_SEQ + im.EVSE] == 1, "core counts it as said now"
        left_s = requests[im.OPERATOR_TTL_MS + im.INVERTER] // 1000
        assert 0 <= left_s - life.now.operator[1][2] <= 450 * 5
    assert requests[im.OPERATOR_TTL_MS + im.INVERTER] // 1000 < 7_200, "it does run out"


def test_inv_8_a_restriction_that_ended_or_was_released_stays_so() -> None:
    for last in ("released", "ended"):
        life = Life(Flash(blank(SMALL_RING)))
        life.operator(im.EVSE, 0, 0, 900)
        if last == "released":
            life.operator(im.EVSE, 0, 0, 0)
        else:
            life.seconds(901)
        assert found(life.flash).operator[0] == NONE


def test_inv_8_an_island_asked_for_now_expires_and_never_stays() -> None:
    life = Life(Flash(blank(SMALL_RING)))
    life.owner(2, 300, 1)
    assert found(life.flash).island == 0
    life.owner(2, 300, -1)
    assert found(life.flash).island == -1


def test_inv_8_a_wish_only_takes_away_after_a_restart() -> None:
    life = Life(Flash(blank(SMALL_RING)))
    life.policy.set_wish(im.INVERTER, -3_000, 3_600_000)
    life.keep.note()
    _, _, policy = started(life.flash)
    assert policy.wish == [None, [-3_000, 3_600_000, True]]


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
    assert [image.requests[im.REMEMBERED + i] for i in range(im.MEMORIES)] == [100, 101, 102, 103]


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


# --- room and wear ---------------------------------------------------------------------------


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
        image.requests[im.OPERATOR_HIGH + im.EVSE] = 6_000 + number
        image.requests[im.OPERATOR_TTL_MS + im.EVSE] = -1
        image.requests[im.OPERATOR_SEQ + im.EVSE] += 1
        made.note()
        assert not made.state()["waiting"], number
    assert found_big(flash).requests[im.OPERATOR_HIGH + im.EVSE] == 6_000 + lasts * a_day - 1


def found_big(flash: Big) -> im.Image:
    image = image_of()
    Keep(Big(bytes(flash.data)), image, KEPT_FAULTS, KEPT_TRIPS, 0)
    return image


def test_the_lenient_waits_first_and_a_fault_last() -> None:
    made, image, policy, _ = full_size()
    assert made._ring is not None
    held = []
    for number in range(2_000):
        policy.set_wish(im.INVERTER, number + 1, 3_600_000)
        made.note()
        if made.state()["waiting"]:
            break
    held.append(made._ring.room())
    for number in range(2_000):
        policy.chosen = number % 2
        made.note()
        if made._said[keep.OWNER][0] & 0xFF != policy.chosen:
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
        image.requests[im.OPERATOR_HIGH + im.EVSE] = 0
        image.requests[im.OPERATOR_TTL_MS + im.EVSE] = 1_200_000
        image.requests[im.OPERATOR_SEQ + im.EVSE] += 1
        for _ in range(60):
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
    ledger = Ledger(flash, image_of(), (4, 9))
    ledger._checkpoint()
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
    image.site[im.EVSE_NODE] = 1
    image.commands[im.CONTACTOR_STATE] = im.CONTACTOR_CLOSED
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
    real = Keep._put

    def put(self: Keep, kind: int, values: tuple[int, ...], least: int) -> None:
        if kind in (keep.OPERATOR, keep.OPERATOR + 1) and values[2]:
            real(self, kind, (0, 0, 0, 0), least)
        real(self, kind, values, least)

    patch.setattr(Keep, "_put", put)


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
