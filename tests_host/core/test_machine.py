"""INV-1, INV-2, INV-8, INV-11, INV-13 in every step of Core and Guard around a small plant, and
the proof that the checker would notice: mistakes planted in the firmware's tables."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule

from firmware import guard
from firmware import image as f
from firmware.core.limits import arbiter as limits
from firmware.core.limits import growth, hardware
from firmware.core.vehicle import contactor, pilot, proximity, wear
from firmware.people import leases as people_leases
from tests_host.core.bench import Bench
from tests_host.core.builders import put, wish
from tests_host.core.checker import Violation
from tests_host.fields import EVSE, INVERTER

SEEDS = range(100, 106)
ACTIONS = 30


class House(RuleBasedStateMachine):
    """Anything may happen at any moment; the bench's checker judges every 10 ms."""

    def __init__(self) -> None:
        super().__init__()
        self.bench = Bench(POINT_AUTH_REQUIRED=1)
        put(self.bench.image.requests, POINT_AUTHORISED=1)
        wish(self.bench.image, EVSE, 0, 32_000)

    @rule(steps=st.sampled_from((1, 2, 4, 10, 40, 90)))
    def time_passes(self, steps: int) -> None:
        self.bench.run(steps)

    @rule(state=st.sampled_from("ABCDEF"))
    def pilot_moves(self, state: str) -> None:
        self.bench.plug(state)
        self.bench.run(3)

    @rule(wait=st.sampled_from((2, 40)))
    def car_arrives(self, wait: int) -> None:
        for state in "ABC":
            self.bench.plug(state)
            self.bench.run(3)
        self.bench.run(wait)

    @rule(fault=st.sampled_from(("diode", "obedient", "welded", "stuck", "hung")))
    def fault_comes_or_goes(self, fault: str) -> None:
        setattr(self.bench, fault, not getattr(self.bench, fault))

    @rule(bit=st.sampled_from((16, 32, 64, 128)), on=st.booleans())
    def input_changes(self, bit: int, on: bool) -> None:
        self.bench.set_input(bit, on)

    @rule(instrument=st.sampled_from(("pilot", "inputs", "evse", "inverter", "soc", "meter")))
    def instrument_is_silent(self, instrument: str) -> None:
        self.bench.lose(instrument)

    @rule()
    def instruments_answer(self) -> None:
        self.bench.find()

    @rule(authorised=st.integers(0, 1), ohm=st.sampled_from((60, 100, 220, 1_500, 9_999)))
    def user_and_cable(self, authorised: int, ohm: int) -> None:
        put(self.bench.image.requests, POINT_AUTHORISED=authorised)
        put(self.bench.image.live, POINT_PROXIMITY_OHM=ohm)

    @rule(
        device=st.sampled_from((EVSE, INVERTER)),
        ends=st.tuples(st.integers(-6_000, 32_000), st.integers(-6_000, 32_000)),
        ttl_ms=st.sampled_from((0, 100, 2_000, 600_000)),
    )
    def owner_wishes(self, device: int, ends: tuple[int, int], ttl_ms: int) -> None:
        wish(self.bench.image, device, min(ends), max(ends), ttl_ms)

    @rule(
        device=st.sampled_from((EVSE, INVERTER)),
        low=st.integers(-6_000, 0),
        high=st.integers(0, 32_000),
        ttl_ms=st.sampled_from((-1, 0, 1_000)),
    )
    def operator_orders(self, device: int, low: int, high: int, ttl_ms: int) -> None:
        self.bench.order(device, low, high, ttl_ms)

    @rule(soc=st.sampled_from((-1, 0, 250, 300, 301, 320, 600, 1000)))
    def charge_is(self, soc: int) -> None:
        put(self.bench.image.live, SOC_PERMILLE=soc)

    @rule()
    def person_acknowledges(self) -> None:
        self.bench.acknowledge()


House.TestCase.settings = settings(
    max_examples=40,
    stateful_step_count=40,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
TestHouse = House.TestCase


# --- planted mistakes -------------------------------------------------------------------------


def wander() -> None:
    for seed in SEEDS:
        Bench(POINT_AUTH_REQUIRED=1).wander(seed, ACTIONS)


def _without(table: tuple, column: int, value: object) -> tuple:
    return tuple(row for row in table if row[column] != value)


def _never(*_: object) -> bool:
    return False


Patch = Callable[[pytest.MonkeyPatch], None]


def b_reads_as_c(patch: pytest.MonkeyPatch) -> None:
    states = bytearray(pilot.STATE)
    states[3] = f.PILOT_C
    patch.setattr(pilot, "STATE", bytes(states))


def short_reads_as_d(patch: pytest.MonkeyPatch) -> None:
    states = bytearray(pilot.STATE)
    states[9] = f.PILOT_D
    patch.setattr(pilot, "STATE", bytes(states))


def slow_debounce(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(pilot, "DEBOUNCE", bytes([10] * 8))


def short_is_a_cable(patch: pytest.MonkeyPatch) -> None:
    proximity._RATING_MA[5] = 63_000
    patch.setattr(proximity, "_SHORT", 99)


def no_weld_check(patch: pytest.MonkeyPatch) -> None:
    table = _without(contactor.TABLE, 1, contactor.Contactor.welded)
    patch.setattr(contactor, "TABLE", table)


def no_emptying(patch: pytest.MonkeyPatch) -> None:
    rows = [
        (row[0], row[1], f.CONTACTOR_OPENING, *row[3:]) if row[2] == f.CONTACTOR_EMPTYING else row
        for row in contactor.TABLE
    ]
    patch.setattr(contactor, "TABLE", tuple(rows))


def any_car_may_have_power(patch: pytest.MonkeyPatch) -> None:
    class Blind(pilot.Pilot):
        def _look(self) -> int:
            self.diode_ok = True
            return pilot.classify(self._image.readings[f.POINT_HIGH_MV], self.state)

    patch.setattr("firmware.core.vehicle.point.Pilot", Blind)


def no_escalation(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(contactor.Contactor, "_watch_draw", _never)


def protections_ignored(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(contactor, "unprotected", _never)
    rows = _without(hardware.POINT_BLOCKS, 0, f.REASON_PROTECTION)
    patch.setattr(hardware, "POINT_BLOCKS", rows)
    rows = tuple(row for row in guard.TABLE if not row[0] & f.PROTECTION_TRIPS)
    patch.setattr(guard, "TABLE", rows)


def guard_without_pilot(patch: pytest.MonkeyPatch) -> None:
    rows = [
        (row[0], row[1], row[2], 0, *row[4:]) if row[0] == f.TRIP_PILOT else row
        for row in guard.TABLE
    ]
    patch.setattr(guard, "TABLE", tuple(rows))


def guard_deaf_to_the_beat(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(guard, "BEAT_MS", 2_000)


def trips_clear_themselves(patch: pytest.MonkeyPatch) -> None:
    real = guard.Guard._row

    def row(self: guard.Guard, i: int, dt_ms: int) -> int:
        drops = real(self, i, dt_ms)
        if not guard.TABLE[i][1](self):
            self.image.trips[f.TRIPPED] &= ~guard.TABLE[i][0]
        return drops

    patch.setattr(guard.Guard, "_row", row)


def wish_never_expires(patch: pytest.MonkeyPatch) -> None:
    def claim(self: limits.Limits, device: int, stands: bool) -> None:
        requests = self._image.requests
        low = requests[f.MARKET_LOW + device] if device != EVSE else 0
        self.claim(f.MARKET, device, low, requests[f.MARKET_HIGH + device], f.REASON_GOAL)

    patch.setattr(limits.Limits, "_claim_market", claim)


def limit_expires(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(people_leases, "RELEASED", 3)


def reserve_ignored(patch: pytest.MonkeyPatch) -> None:
    def claim(self: limits.Reserve, dt_ms: int, table: limits.Limits) -> None:
        table.claim(f.RESERVE, INVERTER, -limits.OPEN, limits.OPEN, f.REASON_NONE)

    patch.setattr(limits.Reserve, "claim", claim)


def growth_without_patience(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(growth, "_RAISE_MS", 1_000)


def guard_without_latch(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(guard.Guard, "tick", _tick_without_latch)


def _tick_without_latch(self: guard.Guard, dt_ms: int) -> None:
    self._listen(dt_ms)
    if self._armed:
        outputs = self.image.commands[f.PERMITS]
        self.image.trips[f.OUTPUTS] = outputs
        self._board.write_outputs(outputs)


def no_rest(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(wear.Wear, "opened", lambda self, loaded: setattr(self, "_on_ms", -1))


MISTAKES: tuple[Patch, ...] = (
    b_reads_as_c,
    short_reads_as_d,
    slow_debounce,
    short_is_a_cable,
    no_weld_check,
    no_emptying,
    any_car_may_have_power,
    no_escalation,
    protections_ignored,
    guard_without_pilot,
    guard_deaf_to_the_beat,
    trips_clear_themselves,
    wish_never_expires,
    limit_expires,
    reserve_ignored,
    growth_without_patience,
    guard_without_latch,
    no_rest,
)


def test_the_walk_finds_nothing_and_goes_everywhere() -> None:
    """INV-1, INV-2, INV-8, INV-11, INV-13 hold, and the walk reached every state and trip."""
    states, trips, faults = set(), 0, 0
    for seed in SEEDS:
        bench = Bench(POINT_AUTH_REQUIRED=1)
        real = bench.core.step

        def step(dt_ms: int, bench: Bench = bench, real: Callable[[int], None] = real) -> None:
            nonlocal trips, faults
            real(dt_ms)
            states.add(bench.core.points[0].contactor.state)
            trips |= bench.image.trips[f.TRIPPED]
            faults |= bench.image.commands[f.FAULTS]

        bench.core.step = step  # type: ignore[method-assign]
        bench.wander(seed, ACTIONS)
    assert states == set(range(len(f.CONTACTOR_NAMES)))
    reached = f.TRIP_PILOT | f.PROTECTION_TRIPS | f.TRIP_STALE_PERMIT | f.TRIP_VEHICLE
    assert trips == reached
    assert faults & (f.FAULT_WELD | f.FAULT_STUCK_OPEN | f.FAULT_DIODE | f.FAULT_CABLE)
    assert faults & f.FAULT_NOT_FOLLOWED


@pytest.mark.parametrize("mistake", MISTAKES, ids=lambda mistake: mistake.__name__)
def test_a_planted_mistake_is_caught(mistake: Patch, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(proximity, "_RATING_MA", proximity._RATING_MA[:])
    mistake(monkeypatch)
    with pytest.raises(Violation):
        wander()
