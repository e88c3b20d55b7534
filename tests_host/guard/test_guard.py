"""The guard: every trip's cause, time, outputs and latch; arming; the order of the dead man."""

from __future__ import annotations

import pytest

from firmware import guard as guard_module
from firmware import image as f
from firmware.core.vehicle.pilot import classify
from firmware.guard import Guard, kernel
from tests_host.core.builders import healthy, put

CONTACTOR, ISLAND, BOND, ENABLE, LOADS = 1, 2, 4, 8, 16
ON_GRID = CONTACTOR | ISLAND | ENABLE | LOADS
ISLANDED = BOND | ENABLE | LOADS


class Board:
    def __init__(self) -> None:
        self.written: list[int] = []

    def write_outputs(self, bits: int) -> None:
        self.written.append(bits)


class Post:
    """A guard on duty; `tick` keeps the instruments alive unless told otherwise."""

    def __init__(self, permits: int = ON_GRID, **site: int) -> None:
        self.image = healthy(ISLAND_CAPABLE=1, **site)
        self.board = Board()
        self.guard = Guard(self.image, self.board)
        put(self.image.commands, PERMITS=permits, SETPOINT_MODE=f.MODE_FOLLOW)
        put(self.image.live, POINT_HIGH_MV=6_000, POINT_LOW_MV=-12_000)
        self.beating = True
        self.ms = 0
        self.tick(20)

    def tick(self, ticks: int = 1, **live: int | tuple[int, ...]) -> int:
        put(self.image.live, **live)
        for _ in range(ticks):
            if self.beating and self.ms % 100 == 0:
                self.image.commands[f.BEAT] += 1
            self.ms += 10
            self.guard.tick(10)
        return self.outputs

    @property
    def outputs(self) -> int:
        assert self.board.written[-1] == self.image.trips[f.OUTPUTS]
        return self.board.written[-1]

    @property
    def tripped(self) -> int:
        return self.image.trips[f.TRIPPED]


def islanded(**site: int) -> Post:
    post = Post(ISLANDED, BOND_NEEDED=1, **site)
    post.board.written.clear()
    put(post.image.trips, TRIPPED=0)
    put(post.image.commands, SETPOINT_MODE=f.MODE_FORM, ISLAND_STATE=f.ISLAND_ISLANDED)
    post.tick(5, INPUTS=f.IN_ISLAND_OPEN | f.IN_BOND, FAST_GRID_MV=(0, 0, 0))
    assert post.tripped == 0
    return post


def test_permits_pass_when_all_is_well() -> None:
    post = Post()
    assert post.outputs == ON_GRID
    assert post.tripped == 0


def test_inv_12_silent_until_core_beats_outside_sensing() -> None:
    """INV-12: an undriven pin keeps what the hardware holds."""
    image, board = healthy(), Board()
    guard = Guard(image, board)
    put(image.commands, ISLAND_STATE=f.ISLAND_SENSING, PERMITS=ISLAND)
    for beat in range(10):
        put(image.commands, BEAT=beat)
        guard.tick(10)
    assert board.written == []
    put(image.commands, ISLAND_STATE=f.ISLAND_GRID)
    guard.tick(10)
    assert board.written == []  # no beat since
    put(image.commands, BEAT=10)
    guard.tick(10)
    assert board.written == [ISLAND]


# --- pilot ------------------------------------------------------------------------------------


@pytest.mark.parametrize("level_mv", [9_000, 8_000, 12_000, 1_000, 0, -12_000])
def test_inv_2_the_open_command_is_out_in_the_tick_that_sees_it(level_mv: int) -> None:
    """INV-2: a block is 10 ms, so within 20 ms of the change."""
    post = Post()
    assert not post.tick(POINT_HIGH_MV=level_mv) & CONTACTOR
    assert post.tripped == f.TRIP_PILOT
    assert post.outputs == ON_GRID & ~CONTACTOR


def test_inv_2_a_pilot_not_seen_is_lost() -> None:
    """INV-2"""
    post = Post()
    assert post.tick(POINT_PILOT_AGE_MS=20) & CONTACTOR
    assert not post.tick(POINT_PILOT_AGE_MS=21) & CONTACTOR


def test_guard_and_core_agree_on_every_level_that_keeps_c_or_d() -> None:
    for level_mv in range(-16_000, 16_001, 1):
        kept = {classify(level_mv, state) for state in (f.PILOT_C, f.PILOT_D)}
        allowed = kernel.PILOT_D_MV <= level_mv < kernel.PILOT_B_MV
        assert allowed == bool(kept & {f.PILOT_C, f.PILOT_D}), level_mv


def test_a_contactor_is_not_even_closed_when_the_car_has_left() -> None:
    post = Post(ON_GRID & ~CONTACTOR)
    put(post.image.commands, PERMITS=ON_GRID)
    post.board.written.clear()
    post.tick(POINT_HIGH_MV=9_000)
    assert post.board.written == [ON_GRID & ~CONTACTOR]


def test_a_gateway_owns_its_pilot() -> None:
    assert Post(TOPOLOGY=2).tick(5, POINT_HIGH_MV=0, POINT_PILOT_AGE_MS=9_999) & CONTACTOR


# --- overcurrent ------------------------------------------------------------------------------


def closed_for(ticks: int) -> Post:
    post = Post(ON_GRID & ~CONTACTOR)
    put(post.image.commands, PERMITS=ON_GRID)
    post.tick(ticks)
    return post


def test_overcurrent_is_confirmed_over_a_cycle() -> None:
    post = Post()
    assert post.tick(2, POINT_FAST_MA=(0, 64_001, 0)) & CONTACTOR
    assert not post.tick() & CONTACTOR
    assert post.tripped == f.TRIP_OVERCURRENT
    assert post.image.trips[f.TRIP_VALUE] == 64_001


@pytest.mark.parametrize("ma", [64_000, 200_001])
def test_twice_the_rating_is_allowed_and_what_cannot_be_broken_is_left_alone(ma: int) -> None:
    assert Post().tick(100, POINT_FAST_MA=ma) & CONTACTOR


def test_inrush_is_blanked() -> None:
    post = closed_for(1)
    assert post.tick(9, POINT_FAST_MA=150_000) & CONTACTOR
    assert post.tick(2, POINT_FAST_MA=0) & CONTACTOR
    assert post.tripped == 0


def test_one_odd_block_is_not_an_overcurrent() -> None:
    post = Post()
    for _ in range(20):
        post.tick(2, POINT_FAST_MA=150_000)
        assert post.tick(POINT_FAST_MA=0) & CONTACTOR


# --- grid, protections, samples ---------------------------------------------------------------


def test_a_dead_grid_drops_the_enable_after_the_sites_time() -> None:
    post = Post(DEAD_GRID_MS=100)
    assert post.tick(10, FAST_GRID_MV=(45_000, 0, 0)) & ENABLE
    assert post.tick() == ON_GRID & ~ENABLE
    assert post.tripped == f.TRIP_DEAD_GRID


def test_one_living_leg_is_not_a_dead_grid() -> None:
    assert Post().tick(100, FAST_GRID_MV=(46_000, 0, 0)) & ENABLE


def test_a_dead_grid_is_nothing_to_an_island() -> None:
    assert islanded().tick(100) == ISLANDED


STOP, RCD, HEAT = f.IN_ESTOP, f.IN_RCD, f.IN_OVERTEMP
BROKEN = {1: STOP, 2: STOP | RCD | HEAT}  # what the circuit board lets break the enable
BREAKS = [
    # topology, inputs, what is tripped, what is dropped
    (1, STOP, f.TRIP_STOP, CONTACTOR | ENABLE),
    (1, RCD, f.TRIP_RCD, CONTACTOR),
    (1, HEAT, f.TRIP_HEAT, CONTACTOR),
    (2, STOP, f.TRIP_STOP, CONTACTOR | ENABLE),
    (2, RCD, f.TRIP_RCD, CONTACTOR | ENABLE),
    (2, HEAT, f.TRIP_HEAT, CONTACTOR | ENABLE),
    (1, STOP | HEAT, f.TRIP_STOP, CONTACTOR | ENABLE),  # one loop: it has the stop's meaning
    (1, RCD | HEAT, f.TRIP_RCD, CONTACTOR),
    (2, STOP | RCD | HEAT, f.TRIP_STOP, CONTACTOR | ENABLE),
]


@pytest.mark.parametrize(("topology", "inputs", "trip", "dropped"), BREAKS)
@pytest.mark.parametrize("wired_as", [1, 2])
def test_protections_latch_break_their_own_circuit_and_are_named_alone(
    topology: int, wired_as: int, inputs: int, trip: int, dropped: int
) -> None:
    """safety.md 8: an RCD or heat breaks what its own circuit carries, the stop everything; what
    that is the circuit board declares, whatever the topology."""
    post = Post(TOPOLOGY=wired_as, ENABLE_INPUTS=BROKEN[topology])
    assert post.tick(INPUTS=inputs) == ON_GRID  # a bounce
    assert post.tick() == ON_GRID & ~dropped
    assert post.tripped == trip
    assert post.image.trips[f.TRIP_VALUE] == inputs
    assert post.tick(100, INPUTS=0) == ON_GRID & ~dropped


@pytest.mark.parametrize("breaks", [STOP | RCD, STOP | HEAT])
def test_rcd_and_heat_are_declared_apart(breaks: int) -> None:
    for contact in (RCD, HEAT):
        dropped = CONTACTOR | (ENABLE if breaks & contact else 0)
        assert Post(ENABLE_INPUTS=breaks).tick(2, INPUTS=contact) == ON_GRID & ~dropped


@pytest.mark.parametrize("inputs", [STOP, RCD, HEAT, STOP | HEAT, RCD | HEAT])
@pytest.mark.parametrize("breaks", [STOP, STOP | RCD, STOP | RCD | HEAT])
def test_a_pins_interrupt_drops_the_same_as_the_tick(breaks: int, inputs: int) -> None:
    ticked, struck = Post(ENABLE_INPUTS=breaks), Post(ENABLE_INPUTS=breaks)
    ticked.tick(2, INPUTS=inputs)
    put(struck.image.live, INPUTS=inputs)
    struck.guard.strike_by(inputs)
    assert struck.board.written[-1] == ticked.outputs
    struck.tick()
    assert struck.tripped == ticked.tripped


def test_an_islands_bond_goes_last_where_its_device_hangs_on_the_tripped_circuit() -> None:
    """INV-18: the enable first, the bond after the device's stop time; elsewhere it goes on."""
    post = islanded(ENABLE_INPUTS=STOP | RCD)
    contacts = f.IN_ISLAND_OPEN | f.IN_BOND
    assert post.tick(2, INPUTS=contacts | RCD) == ISLANDED & ~ENABLE
    put(post.image.live, HOUSE_MV=(0, 0, 0))
    assert post.tick(59) == BOND | LOADS
    assert post.tick(2) == LOADS
    assert islanded(TOPOLOGY=2).tick(20, INPUTS=contacts | RCD) == ISLANDED


def test_a_pulled_service_switch_takes_the_enable_until_a_person() -> None:
    """safety.md 8: at a T1 point the car goes on charging; the bond goes last."""
    post = Post()
    assert post.tick(2, INPUTS=f.IN_SERVICE) == ON_GRID & ~ENABLE
    assert post.tripped == f.TRIP_SERVICE
    assert post.tick(100, INPUTS=0) == ON_GRID & ~ENABLE
    post = islanded()
    contacts = f.IN_ISLAND_OPEN | f.IN_BOND
    assert post.tick(2, INPUTS=contacts | f.IN_SERVICE) == ISLANDED & ~ENABLE
    put(post.image.live, HOUSE_MV=(0, 0, 0))
    assert post.tick(59) & BOND
    assert not post.tick(2) & BOND


@pytest.mark.parametrize("read", [True, False])
def test_an_enable_that_does_not_arrive_is_named_after_the_relays_time(read: bool) -> None:
    """The way a circuit without a pin for the service switch learns of it."""
    post = Post(RELAY_FEEDBACK_MS=200)
    post.image.site[f.ENABLE_INPUTS] = STOP | (f.IN_ENABLE if read else 0)
    post.tick(2, INPUTS=f.IN_ENABLE)
    assert post.tick(20, INPUTS=0) == ON_GRID  # a relay may take so long
    post.tick(1, INPUTS=f.IN_ENABLE)
    assert post.tick(20, INPUTS=0) == ON_GRID
    assert post.tick(1) == (ON_GRID & ~ENABLE if read else ON_GRID)
    assert post.tripped == (f.TRIP_ENABLE if read else 0)
    assert post.tick(100, INPUTS=f.IN_ENABLE) == (ON_GRID & ~ENABLE if read else ON_GRID)


def test_a_switch_that_is_read_is_not_named_twice() -> None:
    post = Post(RELAY_FEEDBACK_MS=20)
    post.image.site[f.ENABLE_INPUTS] = STOP | f.IN_ENABLE
    post.tick(2, INPUTS=f.IN_ENABLE)
    post.tick(100, INPUTS=f.IN_SERVICE)
    assert post.tripped == f.TRIP_SERVICE


def test_stopped_samples() -> None:
    post = Post()
    assert post.tick(FAST_AGE_MS=50) == ON_GRID
    assert post.tick(FAST_AGE_MS=51) == ON_GRID & ~(CONTACTOR | ENABLE)


# --- beat -------------------------------------------------------------------------------------


def test_inv_13_a_permit_without_a_fresh_beat_is_none() -> None:
    """INV-13: 300 ms; the islanding switch and the loads are held."""
    post = Post()
    post.beating = False
    start = post.image.trips[f.BEAT_AGE_MS]
    assert post.tick((300 - start) // 10) == ON_GRID
    assert post.tick() == ISLAND | LOADS
    assert post.tripped == f.TRIP_STALE_PERMIT


def test_the_dead_man_takes_the_enable_first_and_the_bond_last() -> None:
    """An island whose core hangs: no source without its neutral-earth bond."""
    post = islanded()
    post.beating = False
    for _ in range(35):
        assert post.outputs & BOND
        if post.outputs & ENABLE:
            post.tick()
    assert not post.outputs & ENABLE
    put(post.image.live, HOUSE_MV=(0, 0, 0))
    for _ in range(59):
        assert post.tick() == BOND | LOADS
    assert post.tick(3) == LOADS


# --- latch ------------------------------------------------------------------------------------


def test_inv_13_a_trip_stays_until_acknowledged_and_its_cause_gone() -> None:
    """INV-13"""
    post = Post()
    post.tick(POINT_HIGH_MV=9_000)
    assert not post.tick(500, POINT_HIGH_MV=6_000) & CONTACTOR
    put(post.image.commands, TRIP_ACK=f.TRIP_OVERCURRENT)
    assert not post.tick(20) & CONTACTOR  # somebody else's acknowledgement
    put(post.image.commands, TRIP_ACK=f.TRIP_PILOT)
    assert not post.tick(20, POINT_HIGH_MV=9_000) & CONTACTOR  # the cause is still there
    assert post.tick(POINT_HIGH_MV=6_000) & CONTACTOR
    assert post.tripped == 0


def test_inv_13_an_acknowledgement_older_than_the_trip_is_none() -> None:
    """INV-13: core must have seen this trip."""
    post = Post()
    put(post.image.commands, TRIP_ACK=f.TRIP_PILOT)
    post.tick(POINT_HIGH_MV=9_000)
    post.beating = False
    assert not post.tick(5, POINT_HIGH_MV=6_000) & CONTACTOR


def test_inv_13_outputs_never_exceed_permits() -> None:
    """INV-13, for every permit and every trip, each pair of them, and all together."""
    bits = [1 << i for i in range(len(f.TRIP_NAMES))]
    trips = {0, sum(bits)} | {a | b for a in bits for b in bits}
    for permits in range(32):
        for tripped in trips:
            post_image = healthy()
            board = Board()
            guard = Guard(post_image, board)
            put(post_image.commands, PERMITS=permits, BEAT=1)
            put(post_image.trips, TRIPPED=tripped)
            put(post_image.live, POINT_HIGH_MV=6_000)
            guard.tick(10)
            dropped = 0
            for bit, _, _, now, _, _ in guard_module.TABLE:
                dropped |= now if tripped & bit else 0
            left = permits & ~dropped
            if left & ISLAND and left & BOND:  # INV-6
                left &= ~ISLAND
            assert board.written == [left]


def test_trips_are_counted_with_their_value() -> None:
    post = Post()
    post.tick(POINT_HIGH_MV=9_000)
    assert post.image.trips[f.TRIP_COUNT] == 1
    assert post.image.trips[f.TRIP_VALUE] == 9_000
    ticks = post.image.trips[f.GUARD_TICKS]
    post.tick()
    assert post.image.trips[f.GUARD_TICKS] == ticks + 1


def test_the_table_is_complete() -> None:
    names = [f.names_of(row[0], f.TRIP_NAMES) for row in guard_module.TABLE]
    of_point = ("overcurrent", "pilot", "vehicle")
    further = [f"{name}_{point + 1}" for point in range(1, f.POINTS) for name in of_point]
    assert sorted(name for row in names for name in row) == sorted([*f.TRIP_NAMES, *further])
    assert not any((row[3] | row[4]) & f.OUT_ISLAND for row in guard_module.TABLE)  # held


def test_trips_that_stood_before_a_reset_keep_their_outputs_off() -> None:
    post = Post()
    post.guard.recall(f.TRIP_STOP)
    assert post.tick(100) == ON_GRID & ~(CONTACTOR | ENABLE)
    assert post.tripped == f.TRIP_STOP
