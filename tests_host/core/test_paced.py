"""What a converter is told: less at once, more once it has been wanted for a while."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firmware import image as f
from firmware.core.limits.arbiter import OPEN, Limits
from tests_host.core.builders import healthy, put, wish
from tests_host.fields import EVSE, INVERTER

DEAD_W = 25
STEP_MS = 100
SETTLED = 125  # steps: ten seconds, and what went before


class Desk:
    """A converter with a dead band; a wish and a bound of the panel, a step each 100 ms."""

    def __init__(self, dead_w: int = DEAD_W, **site: int) -> None:
        self.image = image = healthy(**site)
        image.site[f.DEVICE_DEAD_BAND_W + INVERTER] = dead_w
        self.limits = Limits(image)
        put(image.commands, POINT_PILOT_STATE=f.PILOT_B, POINT_CABLE_MA=32_000)
        self.changes = 0

    def step(self, w: int, low: int = -OPEN, high: int = OPEN, steps: int = 1) -> int:
        limits = self.limits
        for _ in range(steps):
            wish(self.image, INVERTER, w, w)
            for device in (EVSE, INVERTER):
                limits.claim(f.GRID_CODE, device, -OPEN, OPEN, f.REASON_NONE)
            limits.claim(f.PANEL, INVERTER, low, high, f.REASON_BREAKER)
            before = self.told
            limits.step(STEP_MS)
            self.changes += self.told != before
        return self.told

    @property
    def told(self) -> int:
        return self.image.commands[f.SETPOINT + INVERTER]

    @property
    def grant(self) -> tuple[int, int]:
        commands = self.image.commands
        return commands[f.GRANT_LOW + INVERTER], commands[f.GRANT_HIGH + INVERTER]


way = pytest.mark.parametrize("way", [1, -1], ids=["drawing", "delivering"])
watts = st.integers(-5_000, 5_000)
near = st.integers(-40, 40)  # of what was
step = st.tuples(st.one_of(watts, near), watts, st.booleans())


@given(st.lists(step, min_size=1, max_size=60), watts)
def test_inside_its_bounds_always_and_beside_its_wish_in_the_end(
    steps: list[tuple[int, int, bool]], last: int
) -> None:
    desk = Desk()
    w = 0
    for change, bound, tight in steps:
        w = w + change if abs(change) <= 40 else change
        room = abs(bound) if tight else OPEN
        told = desk.step(w, -room, room)
        low, high = desk.grant
        assert min(low, 0) <= told <= max(high, 0) and abs(told) <= room
    w = last
    desk.step(w, steps=120)  # ramp, and a while
    assert abs(desk.told - w) <= DEAD_W
    assert desk.step(w, steps=SETTLED) == w


@way
@pytest.mark.parametrize("less", [1, 3, 24, 25, 26, 500, 2999, 3000, 4000])
@pytest.mark.parametrize("by", ["wish", "bound"])
def test_less_is_told_in_the_same_step(way: int, less: int, by: str) -> None:
    desk = Desk()
    assert desk.step(way * 3000, steps=200) == way * 3000
    left = max(3000 - less, 0)
    if by == "bound":
        told = desk.step(way * 3000, -left, left)
    else:
        told = desk.step(way * (3000 - less))
    assert told == way * left


@way
def test_less_again_and_again_is_told_each_time_it_must_be(way: int) -> None:
    """A watt a step: never above the bound, and not a write each."""
    desk = Desk()
    desk.step(way * 3000, steps=200)
    desk.changes = 0
    for bound in range(2999, 2000, -1):
        assert abs(desk.step(way * 3000, -bound, bound)) <= bound
    assert desk.changes < 1000 // DEAD_W * 3


@way
@pytest.mark.parametrize("by", [3, 30])
@pytest.mark.parametrize("by_bound", [False, True])
def test_what_jitters_comes_to_rest(way: int, by: int, by_bound: bool) -> None:
    die = random.Random(by)
    desk = Desk()
    for minute in range(5):
        if minute == 1:
            desk.changes = 0
        for _ in range(600):
            w = 3000 + die.randint(-by, by)
            desk.step(way * (5000 if by_bound else w), *((-w, w) if by_bound else (-OPEN, OPEN)))
    assert desk.changes <= (2 if by == 3 else 60)  # in four minutes
    assert 3000 - by - DEAD_W <= abs(desk.told) <= 3000


@way
def test_a_slow_drift_is_not_lost(way: int) -> None:
    """A watt in two seconds, up: it stays within the dead band, and stands in the end."""
    desk = Desk()
    desk.step(way * 1000, steps=200)
    for w in range(1000, 1200):
        assert w - DEAD_W - 1 <= abs(desk.step(way * w, steps=20)) <= w
    assert desk.step(way * 1199, steps=SETTLED) == way * 1199


@way
def test_a_ramp_takes_no_longer_than_it_did(way: int) -> None:
    told, before = Desk(), Desk(dead_w=0)
    for _ in range(100):
        a, b = told.step(way * 5000), before.step(way * 5000)
        assert abs(a) <= abs(b) <= abs(a) + 9 * 50  # two whiles
    assert told.step(way * 5000, steps=9) == way * 5000


def test_the_other_way_is_nothing_first() -> None:
    desk = Desk()
    desk.step(1000, steps=200)
    assert desk.step(-1000) == 0
    assert desk.step(-1000, steps=60) < -900


@pytest.mark.parametrize("what", ["proof", "relief", "island", "coordinated", "no dead band"])
def test_what_must_not_wait_does_not(what: str) -> None:
    desk = Desk(0 if what == "no dead band" else DEAD_W, COORDINATED=int(what == "coordinated"))
    limits, commands = desk.limits, desk.image.commands
    if what == "relief":
        desk.image.site[f.DEVICE_RELIEVES + INVERTER] = 1
        desk.limits = limits = Limits(desk.image)
    for w in range(-20, -400, -20):
        if what == "island":
            commands[f.ISLAND_STATE] = f.ISLAND_ISLANDED
        if what == "proof":
            limits._proving, limits._proof_w = INVERTER, w
            limits._market.renew(INVERTER)
        if what == "relief":
            commands[f.RELIEF_W + INVERTER] = -w
        assert desk.step(0 if what in ("proof", "relief") else w) == w


def test_each_device_has_a_pace_of_its_own() -> None:
    """One jitters, one ramps: neither waits for the other."""
    alone, both = Desk(), Desk()
    site = both.image.site
    for field in (f.DEVICE_KIND, f.DEVICE_NODE, f.DEVICE_CHARGE_W, f.DEVICE_DISCHARGE_W,
                  f.DEVICE_LEGS, f.DEVICE_DEAD_BAND_W, f.DEVICE_MAY_DISCHARGE):  # fmt: skip
        site[field + 2] = site[field + INVERTER]
    for leg in range(f.LEGS):
        site[f.DEVICE_LEG + 2 * f.LEGS + leg] = leg
    both.limits = Limits(both.image)
    die = random.Random(1)
    for _ in range(300):
        w = 2000 + die.randint(-3, 3)
        wish(both.image, 2, 4000, 4000)
        for source in (f.PANEL, f.GRID_CODE):
            both.limits.claim(source, 2, -OPEN, OPEN, f.REASON_NONE)
        assert alone.step(w) == both.step(w)
