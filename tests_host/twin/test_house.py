# islet: the house as a machine: exact times, roll-back, determinism, speed of its contract.
# GPL-3.0-or-later
from __future__ import annotations

import copy
import random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests_host.twin.house_kit import SECOND, after, build, charging, drive, following
from tools.twin.house import Change, House, Trace

APPLIANCES = [
    {"name": "oven", "kind": "oven", "w": 3000, "sheddable": True},
    {"name": "pump", "kind": "heat_pump", "w": 2400, "legs": [1, 2, 3], "power_factor": 0.9},
]


def busy(seed: int = 1) -> House:
    return build(
        seed,
        loads={
            "annual_kwh": 4000,
            "profile": "h0_dyn",
            "flicker_percent": 5,
            "appliances": APPLIANCES,
        },
        pv={"circuit": "roof", "w_peak": 8000},
        grid={"wander_hz": 0.02, "neighbour_w": 3000},
    )


def act(house: House, rng: random.Random) -> None:
    """Something at random, as firmware, bus or scenario would do."""
    bit = rng.random() < 0.5
    changes: tuple[tuple[str, Any], ...] = (
        ("grid.outage", bit),
        ("car.plugged", bit),
        ("car.soc_percent", rng.uniform(0, 100)),
        ("loads.oven", rng.choice([True, False, None])),
        ("grid.frequency_hz", rng.uniform(49, 51)),
        ("pv.cloud", rng.random()),
        ("evse.contactor.welded", bit),
        ("relays.island.welded_pole", rng.choice(["none", "l2"])),
        ("protection.estop", bit),
        ("inverter.forms_unasked", bit),
        ("circuits.rooms.tripped", bit),
        ("meter.frozen", bit),
    )
    match rng.randrange(5):
        case 0:
            house.set_output(
                rng.choice(list(house.switchgear.outputs)), rng.choice([True, False, None])
            )
        case 1:
            house.set_pilot(1000, rng.choice([0.0, 0.1, 0.27, 0.5, 1.0, None]))
        case 2:
            house.rows["inverter"].write_setpoint(
                rng.uniform(-6000, 6000), bit, 0, rng.uniform(0, 20)
            )
        case 3:
            house.rows["inverter"].allow_forming(bit)
            house.rows["inverter"].operate(rng.choice(["start", "stop"]))
        case _:
            house.apply(*rng.choice(changes))


def live(house: House, seed: int, steps: int) -> list[Any]:
    """`steps` random deeds and stretches of time; everything it produced."""
    rng = random.Random(seed)
    seen: list[Any] = []
    for _ in range(steps):
        act(house, rng)
        house.segments.clear()
        house.edges.clear()
        house.advance(house.now_us + rng.randrange(1, 400_000))
        seen += [repr(s) for s in house.segments] + house.edges[:] + [house.truth()]
    return seen


def dump(house: House) -> list[dict[str, Any]]:
    """All state by value."""
    return [
        {k: copy.copy(v) for k, v in part.__dict__.items() if not hasattr(v, "__dict__")}
        for part in house._parts
    ]


@settings(max_examples=15, deadline=None)
@given(before=st.integers(0, 1 << 30), then=st.integers(0, 1 << 30))
def test_roll_back_is_complete_to_the_bit(before: int, then: int) -> None:
    house = busy()
    live(house, before, 25)
    state = house.snapshot()
    was = dump(house)
    house.segments.clear()
    house.edges.clear()
    house.readings.clear()
    for part in was[0].values():
        if isinstance(part, list) and part and hasattr(part[0], "t0_us"):
            part.clear()
    first = live(house, then, 25)
    house.restore(state)
    now = dump(house)
    for old, new in zip(was, now, strict=True):
        for key in old:
            if key not in ("segments", "edges", "readings", "_last", "_plans"):
                assert old[key] == new[key], key
    assert live(house, then, 25) == first


def test_a_roll_back_that_forgets_a_part_is_noticed() -> None:
    """The proof above can fail: leave the car out of the snapshot."""
    whole, planted = charging(busy()), charging(busy())
    planted._parts.remove(planted.rows["car"])
    for house, same in ((whole, True), (planted, False)):
        state = house.snapshot()
        before = house.truth()
        house.apply("car.plugged", False)
        after(house, 1)
        house.restore(state)
        assert (house.truth() == before) is same


def test_every_part_with_state_is_in_the_snapshot() -> None:
    """Walk all objects below the house; each of ours must be rolled back with it."""
    house = busy()
    known = {id(part) for part in house._parts}
    waiting: list[Any] = [house]
    seen: set[int] = set()
    while waiting:
        thing = waiting.pop()
        if id(thing) in seen:
            continue
        seen.add(id(thing))
        if isinstance(thing, (list, tuple)):
            waiting += thing
        elif isinstance(thing, dict):
            waiting += thing.values()
        elif type(thing).__module__.startswith("tools.twin.house"):
            name = type(thing).__name__
            constant = name.endswith("Spec") or name in ("Place", "Control", "Kind", "Segment")
            assert constant or id(thing) in known, name
            waiting += getattr(thing, "__dict__", {}).values()


def test_same_seed_same_day_other_seed_other_day() -> None:
    assert live(busy(7), 1, 60) == live(busy(7), 1, 60)
    assert live(busy(7), 1, 60) != live(busy(8), 1, 60)


def test_the_pace_of_the_caller_does_not_change_what_happens() -> None:
    """In one go or in pieces: same edges at the same µs, same state but for rounding."""
    fast, slow = busy(), busy()
    for house in (fast, slow):
        drive(house, contactor=True, enable=True, loads=True).set_pilot(1000, 0.3)
        house.schedule([Change(3 * SECOND + 17, "grid.outage", True)])
    fast.advance(8 * SECOND)
    rng = random.Random(2)
    while slow.now_us < 8 * SECOND:
        slow.advance(min(8 * SECOND, slow.now_us + rng.randrange(1, 60_000)))
    assert fast.edges == slow.edges
    for name, value in fast.truth().items():
        same = pytest.approx(value, rel=1e-3, abs=1e-3) if isinstance(value, float) else value
        assert slow.truth()[name] == same, name


def test_segments_cover_time_without_gap_and_phases_go_on() -> None:
    house = charging(following(busy(), -2000))
    house.segments.clear()
    start = house.now_us
    house.apply("grid.frequency_hz", 50.3)
    after(house, 3)
    at = start
    angle = None
    for s in house.segments:
        assert s.t0_us == at < s.t1_us
        if angle is not None:
            turned = (s.grid_rad - angle + 3.14159) % 6.28318 - 3.14159
            assert abs(turned) < 1e-3
        angle = s.grid_rad + 6.283185307 * s.grid_hz * (s.t1_us - s.t0_us) * 1e-6
        at = s.t1_us
    assert at == house.now_us


def test_scheduled_changes_happen_to_the_microsecond() -> None:
    house = build()
    house.schedule([Change(123_457, "grid.outage", True)])
    house.advance(1_000_000)
    dead = [s for s in house.segments if s.grid_v[0] == 0]
    assert dead[0].t0_us == 123_457


def test_traces_step_and_slope() -> None:
    house = build()
    times = (0, 10 * SECOND, 20 * SECOND)
    house.schedule(
        [],
        [
            Trace("loads.l1_w", times, (0, 1000, 2000)),
            Trace("loads.l2_w", times, (0, 1000, 2000), linear=True),
        ],
    )
    now = after(house, 15.05).truth()
    assert now["main_l1_a"] == pytest.approx(1000 / 230, rel=0.05)
    assert now["main_l2_a"] == pytest.approx(1500 / 230, rel=0.05)


def test_quiet_time_passes_in_few_steps() -> None:
    """Speed without a clock: a quiet second is one stretch per tick, not one per cycle."""
    house = charging(build())
    house.segments.clear()
    solved = 0
    solve = house.network.solve

    def counted(dt_us: int) -> None:
        nonlocal solved
        solved += 1
        solve(dt_us)

    house.network.__dict__["solve"] = counted
    house.advance(house.now_us + 60 * SECOND)
    assert solved <= 130 and len(house.segments) <= 61


@pytest.mark.parametrize(
    ("call", "word"),
    [
        (lambda h: h.set_output("contactr", True), "allowed contactor, island"),
        (lambda h: h.set_pilot(1000, 1.5), "allowed 0…1"),
        (lambda h: h.advance(-1), "allowed 0 and later"),
        (lambda h: h.apply("car.plugd", True), "allowed car.plugged"),
        (lambda h: h.apply("car.plugged", 3), "allowed true, false"),
        (lambda h: h.apply("grid.voltage_pu", 9), "allowed 0…1.5"),
        (lambda h: h.rows["inverter"].operate("go"), "allowed 'start', 'stop'"),
    ],
)
def test_wrong_calls_are_told_what_is_allowed(call: Any, word: str) -> None:
    with pytest.raises(ValueError, match=word):
        call(build())
