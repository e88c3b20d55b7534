# islet: tests of the link: codec, prediction, rollback, actors.
# GPL-3.0-or-later
from __future__ import annotations

import random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests_host.twin.link_kit import CLOSE, OPEN, Rig
from tests_host.twin.stubs import StubDevice, StubHouse
from tools.twin.link import wire
from tools.twin.link.session import LinkError
from tools.twin.link.signals import CHANNELS, frame_after

u8, u16, u32 = st.integers(0, 255), st.integers(0, 65535), st.integers(0, 2**32 - 1)
pin, level, uart = st.integers(0, 31), st.integers(0, 1), st.integers(0, 3)
t_us = st.integers(0, 2**32 * 1000 - 1)
data = st.binary(max_size=300)
CHIP = st.one_of(
    st.builds(wire.Pins, u32, u32),
    st.builds(wire.Pwm, pin, u32, u16),
    st.builds(wire.UartTx, uart, data),
    st.builds(wire.NetOpen, u8, st.integers(1, 65535)),
    st.builds(wire.NetTx, u8, data),
    st.builds(wire.NetClose, u8),
    st.builds(wire.Section, st.integers(0, 4), data),
    st.builds(wire.Log, st.text(max_size=50)),
    st.builds(wire.Watchdog, u32),
    st.builds(wire.Step, u16),
    st.builds(wire.Scratch, st.integers(0, 7), u32),
)
TWIN = st.one_of(
    st.builds(wire.Samples, u32, data),
    st.builds(wire.Edge, t_us, pin, level),
    st.builds(wire.UartRx, uart, t_us, u16, data),
    st.builds(wire.NetRx, u8, t_us, data),
    st.builds(wire.NetClosed, u8),
    st.builds(wire.Rtc, u32),
    st.just(wire.Quit()),
    st.builds(wire.NetRefused, u8),
    st.builds(wire.NetAccept, u8, st.integers(1, 65535)),
    st.builds(wire.Lose, t_us, st.integers(1, 2)),
)


@given(t_us, st.sampled_from(sorted(wire.WHY_NAMES)), u32, st.lists(CHIP, max_size=6))
def test_what_the_chip_says_survives_the_wire(now, why, frame, items):
    ask = wire.Ask(now, why, frame, tuple(items))
    assert wire.Ask.decode(ask.encode()) == ask


@given(t_us, st.lists(TWIN, max_size=6))
def test_what_the_twin_says_survives_the_wire(until, items):
    answer = wire.Answer(until, tuple(items))
    assert wire.Answer.decode(answer.encode()) == answer


@given(st.binary(max_size=60))
def test_any_bytes_are_decoded_or_refused(body):
    for kind in (wire.Ask, wire.Answer):
        try:
            message = kind.decode(body)
        except wire.WireError:
            continue
        assert message.encode() == body


HEAD = wire.Ask(0, wire.BLOCK_END, 0).encode()


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"", "Ask: 0 bytes"),
        (wire.struct.pack("<IHBI", 0, 1000, 1, 0), "1000 µs"),
        (wire.struct.pack("<IHBI", 0, 0, 7, 0), "Ask.why: 7"),
        (HEAD + b"\x01", "item cut short"),
        (HEAD + b"\x63\0\0", "tag 99"),
        (HEAD + b"\x01\x08\0abc", "Pins: cut short"),
        (HEAD + b"\x01\x02\0ab", "Pins: 2 bytes, expected 8"),
        (HEAD + b"\x02\x07\0\x20\0\0\0\0\0\0", "Pwm.pin: 32, allowed 0…31"),
        (HEAD + b"\x08\x01\0\xff", "Log: text is not UTF-8"),
    ],
)
def test_a_bad_message_names_the_item_and_the_field(body, words):
    with pytest.raises(wire.WireError, match=words):
        wire.Ask.decode(body)


def test_items_travel_in_their_own_direction_only():
    with pytest.raises(wire.WireError, match="Quit does not travel"):
        wire.Ask(0, wire.BLOCK_END, 0, (wire.Quit(),)).encode()
    with pytest.raises(wire.WireError, match=r"Edge\.level: 2"):
        wire.Answer(1, (wire.Edge(0, 1, 2),)).encode()


# --- the session ---------------------------------------------------------------------------


def test_the_first_answer_tells_the_inputs_and_the_clock_and_reaches_100_ms():
    rig = Rig()
    assert wire.Edge(0, 10, 0) in rig.answer.items
    assert wire.Rtc(0) in rig.answer.items
    assert rig.answer.until_us == 100_000
    (samples,) = (i for i in rig.answer.items if isinstance(i, wire.Samples))
    assert samples.first == 0
    assert len(samples.codes) == 2 * CHANNELS * 481  # frame 480 is at 100 ms itself


def test_a_prediction_that_held_is_not_simulated_again():
    rig = Rig()
    rig.run_to(300_000)
    assert [t for t, _ in rig.house.history] == [100_000, 200_000, 300_000, 400_000]


def test_looking_ahead_changes_no_answer():
    """Two sessions under the same random doings, one of which looks ahead now and then."""
    rng = random.Random(7)
    plain, ahead = Rig(), Rig()
    used = 0
    for _ in range(400):
        if rng.random() < 0.8:
            ahead.session.look_ahead()
            used += ahead.session.future._further is not None
        if rng.random() < 0.6:
            at_us, items, why = plain.answer.until_us, (), wire.BLOCK_END
        else:
            at_us = rng.randint(plain.now_us, plain.answer.until_us)
            items, why = (rng.choice([OPEN, CLOSE]),), wire.OUTPUT_EDGE
            if rng.random() < 0.3:
                items, why = (wire.UartTx(1, b"hello"),), wire.UART
        a, b = plain.say(at_us, *items, why=why), ahead.say(at_us, *items, why=why)
        assert a == b
    assert used > 100
    assert plain.received == ahead.received
    assert plain.device.seen == ahead.device.seen


def test_an_output_takes_effect_at_its_time_and_voids_the_rest():
    rig = Rig()
    answer = rig.say(13_500, CLOSE, why=wire.OUTPUT_EDGE)
    assert answer.until_us == 100_000
    assert wire.Edge(33_500, 10, 1) in answer.items
    rig.run_to(100_000)
    assert rig.edges == [wire.Edge(33_500, 10, 1)]
    assert (13_500, False) in rig.house.history


def test_an_edge_that_was_predicted_but_undone_does_not_happen():
    rig = Rig()
    rig.say(10_000, CLOSE, why=wire.OUTPUT_EDGE)
    rig.say(15_000, OPEN, why=wire.OUTPUT_EDGE)  # before the 20 ms of travel
    rig.run_to(200_000)
    assert [e.level for e in rig.edges] == [0]  # the stub's contact says: open, at 35 ms
    assert not any(closed for _, closed in rig.house.history)


def test_samples_are_continuous_and_identical_however_often_the_chip_interrupts():
    calm, busy = Rig(), Rig()
    calm.say(10_000, CLOSE, why=wire.OUTPUT_EDGE)
    busy.say(10_000, CLOSE, why=wire.OUTPUT_EDGE)
    for at_us in range(11_234, 250_000, 7_919):
        busy.run_to(at_us)
    calm.run_to(300_000)
    busy.run_to(300_000)
    assert set(range(1440)) <= set(calm.codes)
    wrong = [k for k in range(1440) if calm.codes[k] != busy.codes[k]]
    # the amplitude is the same; only a phase recomputed at another start may round differently
    for k in wrong:
        a = np.frombuffer(calm.codes[k], "<u2").astype(int)
        b = np.frombuffer(busy.codes[k], "<u2").astype(int)
        assert abs(a - b).max() <= 1
    assert len(wrong) < 40


def test_a_device_acts_once_at_the_end_of_its_frame_on_the_true_house():
    rig = Rig()
    answer = rig.say(20_000, wire.UartTx(1, b"abcd"), why=wire.UART)
    end_us = 20_000 + 4 * StubDevice.CHAR_US
    assert answer.until_us == end_us  # no prediction past it
    assert rig.device.seen == []
    rig.run_to(100_000)
    assert rig.device.seen == [(end_us, b"abcd")]
    assert rig.device.truth == [end_us]
    assert bytes(b for _, b in rig.received) == b"dcba"
    assert rig.received[0][0] == end_us + 7000
    assert rig.house.setpoint_w == ord("a")


def test_a_device_does_not_act_in_a_prediction_that_is_undone():
    rig = Rig()
    rig.say(20_000, wire.UartTx(1, b"abcd"), why=wire.UART)
    rig.say(21_000, CLOSE, why=wire.OUTPUT_EDGE)
    assert rig.device.seen == []
    rig.run_to(60_000)
    assert len(rig.device.seen) == 1


def test_an_answer_cut_by_an_output_arrives_whole_and_once():
    rig = Rig()
    rig.say(1_000, wire.UartTx(1, b"0123456789"), why=wire.UART)
    first_us = 1_000 + 10 * StubDevice.CHAR_US + 7000
    rig.run_to(first_us + 3 * StubDevice.CHAR_US + 100)
    assert len(rig.received) == 4
    rig.say(rig.now_us, CLOSE, why=wire.OUTPUT_EDGE)
    rig.run_to(100_000)
    assert bytes(b for _, b in rig.received) == b"9876543210"
    assert [t for t, _ in rig.received] == [first_us + i * StubDevice.CHAR_US for i in range(10)]


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32))
def test_any_order_of_doings_gives_the_truth_of_one_pass(seed):
    """The house after random outputs and requests equals a house simulated straight through."""
    rng = random.Random(seed)
    rig = Rig()
    doings: list[tuple[int, wire.Pins]] = []
    at_us, sent, free_us = 0, 0, 0
    while at_us < 600_000:
        at_us += rng.randint(1, 60_000)
        rig.run_to(at_us)
        if rng.random() < 0.5:
            pins = rng.choice([OPEN, CLOSE])
            doings.append((at_us, pins))
            rig.say(at_us, pins, why=wire.OUTPUT_EDGE)
        elif at_us > free_us:
            request = bytes(rng.choices(range(256), k=rng.randint(1, 12)))
            rig.say(at_us, wire.UartTx(1, request), why=wire.UART)
            free_us = at_us + len(request) * 2 * StubDevice.CHAR_US + 8000
            sent += len(request)
    rig.run_to(900_000)
    plain = StubHouse()
    for t_us, pins in doings:
        plain.advance(t_us)
        plain.set_pins(pins.driven, pins.level)
    plain.advance(900_000)
    rig.session.exchange(wire.Ask(900_000, wire.BLOCK_END, rig.next_frame))
    at = rig.session.future._ahead.state
    assert (plain.t_us, plain.closed) == (at[0], at[4])
    assert at[5] == pytest.approx(plain.charge_wh)
    assert len(rig.received) == sent
    assert len({t for t, _ in rig.received}) == sent
    assert all(
        end == truth for (end, _), truth in zip(rig.device.seen, rig.device.truth, strict=True)
    )
    assert set(range(frame_after(800_000))) <= set(rig.codes)


@pytest.mark.parametrize(
    ("ask", "words"),
    [
        (wire.Ask(100_001, wire.BLOCK_END, 0), "the chip is at 100001 µs, allowed 0…100000"),
        (wire.Ask(50_000, wire.BLOCK_END, 300), "next frame is 300, allowed 0…241"),
        (wire.Ask(50_000, wire.UART, 0, (wire.UartTx(2, b"x"),)), "nothing hangs on UART 2"),
        (wire.Ask(50_000, wire.NET, 0, (wire.NetOpen(1, 1883),)), "no virtual network"),
    ],
)
def test_an_impossible_chip_is_refused(ask, words):
    rig = Rig()
    with pytest.raises(LinkError, match=words):
        rig.session.exchange(ask)


def test_time_does_not_go_back():
    rig = Rig()
    rig.say(60_000, CLOSE, why=wire.OUTPUT_EDGE)
    with pytest.raises(LinkError, match="allowed 60000…100000"):
        rig.session.exchange(wire.Ask(59_999, wire.BLOCK_END, 0))


class Reader(StubDevice):
    """Is only read: notes what it shows, and says so."""

    def only_reads(self, data: bytes) -> bool:
        return True

    def next_us(self) -> int | None:
        return None

    def transmit(self, t_us: int, data: bytes, shown: bool) -> None:
        self.seen.append((t_us, data))
        self.truth.append(shown)
        self._answers.append((t_us + 4_000, str(shown).encode(), self.CHAR_US))


def test_reading_sees_the_moment_and_disturbs_nothing():
    """At random moments, also at a block's end and after looking ahead, among real changes."""
    rng = random.Random(11)
    quiet, read = Rig(), Rig(Reader)
    for _ in range(300):
        at_us = quiet.answer.until_us
        if rng.random() < 0.5:
            at_us = rng.randint(quiet.now_us, quiet.answer.until_us)
        change = (rng.choice([OPEN, CLOSE]),) if rng.random() < 0.2 else ()
        ask = (wire.UartTx(1, b"?"),) if rng.random() < 0.5 else ()
        if rng.random() < 0.5:
            read.session.look_ahead()
        why = wire.OUTPUT_EDGE if change else wire.NET
        quiet.say(at_us, *change, why=why)
        read.say(at_us, *ask, *change, why=why)
        assert quiet.answer.until_us == read.answer.until_us
    assert len(read.device.seen) > 100
    turns = [(0, 0), *((edge.t_us, edge.level) for edge in quiet.edges)]
    closed = [[level for at, level in turns if at <= t][-1] for t, _ in read.device.seen]
    assert read.device.truth == closed
    assert sum(closed) not in (0, len(closed))
    assert quiet.codes == read.codes
    assert quiet.edges == read.edges


def test_a_device_that_lies_about_only_reading_is_found_out():
    rig = Rig(Reader)

    def meddle(t_us: int, data: bytes, shown: bool) -> None:
        rig.house.touched = True

    rig.device.transmit = meddle  # type: ignore[method-assign]
    with pytest.raises(LinkError, match="only reads"):
        rig.say(30_000, wire.UartTx(1, b"?"), why=wire.UART)
