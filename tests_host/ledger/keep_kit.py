"""A store in use, and a judge with its own account of what was ordered: it shares no rule with
ledger/keep.py."""

from __future__ import annotations

import random
from dataclasses import dataclass, field, replace
from typing import Any

from firmware import image as im
from firmware.core import KEPT_FAULTS, KEPT_TRIPS
from firmware.ledger.keep import LOST, Keep
from firmware.people import leases
from firmware.policy import GOALS
from tests_host.ledger.flash import Flash, blank, cuts

SMALL_RING = 8  # sectors of 8 records
FAULT, TRIP = im.FAULT_WELD, im.TRIP_STOP
NONE = (0, 0, 0)


class Policy:
    """As the keep sees the owner's."""

    def __init__(self, configured: int = 1) -> None:
        self.configured = self.chosen = configured
        self.wishes: dict[int, list[Any]] = {}
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
        self.wishes[device] = [value, ttl_ms, less]

    def wish(self, device: int) -> list[Any] | None:
        return self.wishes.get(device)


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


def limit(image: im.Image, device: int) -> tuple[int, int, int]:
    """What the operator's leases come to: the strictest of them, until the last one's end."""
    steps = [step for step in leases.standing(image, im.ISSUER_OPERATOR, device) if step]
    if not steps:
        return NONE
    end_s = max(step[2] for step in steps)
    left_s = -1 if end_s == leases.RELEASED else end_s - image.commands[im.UP_S]
    return max(step[0] for step in steps), min(step[1] for step in steps), left_s


def found(flash: Flash) -> Ordered:
    """What a restart on this flash believes."""
    made, image, policy = started(flash)
    requests = image.requests
    if made.start == LOST:
        assert made._ring is None or not made._ring.sequence, "something was known"
        return Ordered(goal=-1)
    return Ordered(
        tuple(limit(image, device) for device in (0, 1)),
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
        leases.release(self.image, im.ISSUER_OPERATOR, device)
        if ttl_s:
            give = None if ttl_s < 0 else ttl_s
            leases.give(self.image, im.ISSUER_OPERATOR, device, low, high, give)
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

    def alarm(self, faults: int, trips: int, point: int = 0) -> None:
        """They stand from now on, beside what did."""
        self.image.commands[im.FAULTS] |= faults
        self.image.commands[im.POINT_FAULTS + point] |= faults & im.FAULTS_OF_POINT
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
            self.image.commands[im.UP_S] += 1
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
