# islet: tests of the link where the chip loses its mind, and of levels between two changes.
# GPL-3.0-or-later
from __future__ import annotations

import itertools

from tests_host.twin.link_kit import BLOCK, CLOSE, SYNTHESIS, Rig
from tests_host.twin.stubs import StubHouse
from tools.twin.link import wire
from tools.twin.link.session import Session
from tools.twin.link.signals import frame_after


def test_after_a_restart_the_chip_counts_from_zero_and_its_pins_have_floated():
    rig = Rig()
    rig.say(13_500, CLOSE, why=wire.OUTPUT_EDGE)
    rig.run_to(53_123)
    rig.session.restart()
    assert rig.session.boot_us == 310_000
    assert not rig.house.closed
    rig.next_frame = rig.now_us = 0
    answer = rig.say(0, why=wire.START)
    assert answer.until_us == 100_000
    assert wire.Edge(0, 10, 0) in answer.items
    (samples,) = (i for i in answer.items if isinstance(i, wire.Samples))
    assert samples.first == 0
    rig.run_to(200_000)
    assert rig.session.now_us == 510_000


class Taker:
    """Takes the chip's mind at given times."""

    def __init__(self, *rows: tuple[int, str, int]) -> None:
        self.rows = list(rows)
        self.session: Session | None = None

    def next_us(self):
        return self.rows[0][0] if self.rows else None

    def act(self, t_us):
        _, cause, for_us = self.rows.pop(0)
        assert self.session is not None
        self.session.lose(cause, t_us, for_us)


def taken(*rows, end_us=None):
    house, taker = StubHouse(), Taker(*rows)
    session = taker.session = Session(house, SYNTHESIS, actors=[taker])
    session.end_us = end_us
    answer = session.exchange(wire.Ask(0, wire.START, 0))
    frame = 0
    while session.lost is None:
        frame = frame_after(answer.until_us) // BLOCK * BLOCK
        items = (CLOSE, wire.Scratch(0, 77), wire.Scratch(3, 1 << 31))
        answer = session.exchange(wire.Ask(answer.until_us, wire.BLOCK_END, frame, items))
    return session, house


def test_a_reset_of_the_scenario_lets_the_pins_float_and_the_scratch_registers_stay():
    session, house = taken((123_456, "reset", 0))
    assert session.now_us == 123_456 and house.closed
    session.restart()
    assert not house.closed
    assert session.now_us == session.boot_us == 380_000
    assert session.scratch == [77, 0, 0, 1 << 31, 0, 0, 0, 0]
    assert session.lost is None


def test_a_power_cut_lasts_and_clears_the_scratch_registers_and_others_are_seen_to():
    session, _ = taken(
        (123_456, "off", 3_000_000), (1_000_000, "reset", 0), (2e6, "off", 2_000_000)
    )
    seen = []
    session.future.on_committed = lambda t_us, stretches, edges, truth: seen.append(t_us)
    session.restart()
    assert session.now_us == session.boot_us == 4_250_000
    assert session.scratch == [0] * 8
    assert max(b - a for a, b in itertools.pairwise(seen)) <= 100_000


def test_a_restart_ends_with_the_run():
    """A run whose end lies in the dark time is over there, and not turned in a circle."""
    session, _ = taken((123_456, "off", 3_000_000), end_us=500_000)
    session.restart()
    assert session.over and session.now_us == 500_000


class QuickHouse(StubHouse):
    """Its contact on pin 14 is what pin 3 is driven to, at once: at the next advance, as any
    change of an output, even one to the very moment where it stands."""

    at_once = 0

    def advance(self, until_us):
        begin_us = self.t_us
        if self.touched and self.at_once != self.level >> 3 & 1:
            self.at_once = self.level >> 3 & 1
            self._edges.append((begin_us + 1, 14, self.at_once))
        found = super().advance(until_us)
        if until_us == begin_us:
            self._edges = [edge for edge in self._edges if edge[0] <= begin_us]
        return found

    def inputs(self):
        return [(10, int(self.closed)), (14, self.at_once)]

    def snapshot(self):
        return super().snapshot(), self.at_once

    def restore(self, state):
        super().restore(state[0])
        self.at_once = state[1]


def test_a_contact_that_answers_between_two_changes_of_one_moment_is_not_lost():
    session = Session(QuickHouse(), SYNTHESIS)
    session.exchange(wire.Ask(0, wire.START, 0))
    session.exchange(wire.Ask(20_000, wire.OUTPUT_EDGE, 0, (wire.Pins(12, 8),)))
    answer = session.exchange(wire.Ask(20_000, wire.OUTPUT_EDGE, 0, (wire.Pwm(7, 1000, 9),)))
    assert wire.Edge(20_001, 14, 1) in answer.items
    answer = session.exchange(wire.Ask(30_000, wire.OUTPUT_EDGE, 48, (wire.Pwm(7, 1000, 8),)))
    assert not any(isinstance(item, wire.Edge) for item in answer.items)
