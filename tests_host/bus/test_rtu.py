"""One request, one answer, whatever the line does in between."""

from __future__ import annotations

import asyncio
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pymodbus.framer import FramerRTU

from firmware.bus import rtu
from firmware.bus.pdu import READ_HOLDING, READ_INPUT
from firmware.bus.peer import (
    BUSY,
    CRC,
    EXCEPTION,
    FOREIGN,
    LINE,
    NOISE,
    OK,
    SHAPE,
    TIMEOUT,
    Peer,
)
from firmware.bus.rtu import Rtu
from tests_host.bus.wire import Answer, Devices, Uart, meter_device, run

VALUES = [0x1234, 0xABCD, 0x0001, 0xFFFF]


def line(baud: int = 19_200, echo: bool = False) -> tuple[Rtu, Peer, Devices, Uart]:
    devices = Devices(meter_device(1), meter_device(2))
    devices.registers(1)[: len(VALUES)] = VALUES
    devices.registers(2)[: len(VALUES)] = [7, 7, 7, 7]
    uart = Uart(devices, baud)
    uart.echo = echo
    return Rtu(uart, baud, 10, echo), Peer("meter", 1, 200), devices, uart


def signed(body: bytes) -> bytes:
    return body + FramerRTU.compute_CRC(body).to_bytes(2, "big")


def registers(master: Rtu, count: int = 4) -> list[int]:
    return [master.unsigned16(i) for i in range(count)]


@pytest.mark.parametrize("baud", [1200, 2400, 9600, 19_200, 38_400, 115_200])
def test_reads_and_writes_at_every_speed(baud: int) -> None:
    async def main() -> None:
        master, peer, _, uart = line(baud)
        for _ in range(3):
            assert await master.read(peer, READ_INPUT, 0, 4) == OK
            assert registers(master) == VALUES
        assert await master.write(peer, 10, (1, 2, 3)) == OK
        assert await master.write_single(peer, 13, 4) == OK
        assert await master.read(peer, READ_HOLDING, 10, 4) == OK
        assert registers(master) == [1, 2, 3, 4]
        assert peer.counts[OK] == 6 and sum(peer.counts) == 6
        assert min(uart.silences) >= 3.5 and master.stray == 0
        assert min(uart.silences) * uart.char >= 0.00175

    run(main)


@pytest.mark.parametrize("count", [7, 8, 16, 17, 30])
def test_a_long_request_has_room(count: int) -> None:
    async def main() -> None:
        master, peer, _, _ = line()
        values = tuple(range(1, count + 1))
        assert await master.write(peer, 10, values) == OK
        assert await master.read(peer, READ_HOLDING, 10, count) == OK
        assert tuple(master.unsigned16(i) for i in range(count)) == values
        assert peer.writes == 1

    run(main)


def test_ticks_wrap_unnoticed() -> None:
    async def main() -> None:
        master, peer, _, _ = line()
        for _ in range(100):
            assert await master.read(peer, READ_INPUT, 0, 4) == OK
        peer.address = 9
        assert await master.read(peer, READ_INPUT, 0, 4) == TIMEOUT

    run(main, start=2**30 / 1000 - 1.5)


def test_silence_times_out_and_the_device_rests_longer_each_time() -> None:
    async def main() -> None:
        master, peer, devices, uart = line()
        devices.fault = lambda request, answers: []
        rests, at = [], 0
        for _ in range(10):
            before = uart.time()
            assert await master.read(peer, READ_INPUT, 0, 4) == TIMEOUT
            assert 0.2 < uart.time() - before < 0.26
            at = round(uart.time() * 1000)
            rests.append(next(ms for ms in range(0, 19000, 50) if not peer.resting(at + ms)))
        assert rests == [500, 1000, 2000, *[4000] * 5, 10_000, 10_000]
        peer.wake(at)
        assert not peer.resting(at), "the news of a zero"
        assert await master.read(peer, READ_INPUT, 0, 4) == TIMEOUT
        at = round(uart.time() * 1000)
        assert peer.resting(at + 450) and not peer.resting(at + 500)
        devices.fault = lambda request, answers: answers
        assert await master.read(peer, READ_INPUT, 0, 4) == OK
        assert not peer.resting(round(uart.time() * 1000))

    run(main)


def replaced(answer: bytes) -> object:
    return lambda request, answers: [(0.008, answer)]


GOOD = signed(bytes([1, 4, 8]) + b"".join(v.to_bytes(2, "big") for v in VALUES))
FAULTS = {
    "wrong crc": (GOOD[:-1] + bytes([GOOD[-1] ^ 1]), CRC),
    "short": (GOOD[:9], CRC),
    "very short": (GOOD[:2], NOISE),
    "another device": (signed(b"\x02" + GOOD[1:-2]), FOREIGN),
    "another function": (signed(b"\x01\x03" + GOOD[2:-2]), SHAPE),
    "fewer registers": (signed(bytes([1, 4, 4]) + GOOD[3:7]), SHAPE),
    "more registers": (signed(bytes([1, 4, 10]) + GOOD[3:11] + b"\0\0"), SHAPE),
    "byte count lies": (signed(bytes([1, 4, 6]) + GOOD[3:11]), SHAPE),
    "a write's reply": (signed(bytes([1, 16, 0, 0, 0, 4])), SHAPE),
    "noise": (bytes([0x55, 0xAA, 0x00, 0x13]), NOISE),
}


@pytest.mark.parametrize("name", FAULTS)
def test_what_is_no_answer_is_refused_by_name(name: str) -> None:
    answer, code = FAULTS[name]

    async def main() -> None:
        master, peer, devices, _ = line()
        devices.fault = lambda request, answers: [(0.008, answer)]
        assert await master.read(peer, READ_INPUT, 0, 4) == code
        assert peer.counts[code] == 1 and peer.counts[OK] == 0
        devices.fault = lambda request, answers: answers
        assert await master.read(peer, READ_INPUT, 0, 4) == OK
        assert registers(master) == VALUES

    run(main)


def test_exceptions_are_decoded() -> None:
    async def main() -> None:
        master, peer, devices, _ = line()
        assert await master.read(peer, READ_INPUT, 0x300, 4) == EXCEPTION  # pymodbus refuses
        assert peer.exception == 2 and not peer.silences
        devices.fault = lambda request, answers: [(0.01, devices.exception(request, 6))]
        assert await master.write(peer, 0, (1,)) == EXCEPTION
        assert peer.exception == 6

    run(main)


@pytest.mark.parametrize(
    "noise", [b"\x00", b"\xff\x00\x01", b"\x01\x04", b"\x01\x04\x08", b"\x01" * 12]
)
def test_noise_before_the_frame(noise: bytes) -> None:
    async def main() -> None:
        master, peer, devices, _ = line()
        devices.fault = lambda request, answers: [(0.008, noise + answers[0][1])]
        assert await master.read(peer, READ_INPUT, 0, 4) == OK
        assert registers(master) == VALUES
        assert peer.counts[OK] == 1 and sum(peer.counts) == 2

    run(main)


@pytest.mark.parametrize("gap", [0.0, 0.002, 0.04])
def test_another_answer_before_ours(gap: float) -> None:
    other = FAULTS["another device"][0]

    async def main() -> None:
        master, peer, devices, uart = line()
        first = len(other) * uart.char
        devices.fault = lambda request, answers: [
            (0.005, other),
            (0.005 + first + gap, answers[0][1]),
        ]
        assert await master.read(peer, READ_INPUT, 0, 4) == OK
        assert registers(master) == VALUES

    run(main)


def test_trailing_noise_does_not_reach_the_next_answer() -> None:
    async def main() -> None:
        master, peer, devices, uart = line()
        devices.fault = lambda request, answers: [(0.008, answers[0][1] + b"\x00\x01\x04")]
        for _ in range(5):
            assert await master.read(peer, READ_INPUT, 0, 4) == OK
            assert registers(master) == VALUES
        assert min(uart.silences) >= 3.5

    run(main)


@pytest.mark.parametrize("echo", [True, False])
def test_own_echo_is_no_answer(echo: bool) -> None:
    """A write of one register is answered by its own copy: only the echo option can tell."""

    async def main() -> None:
        master, peer, devices, _ = line(echo=True)
        master.echo = echo
        devices.fault = lambda request, answers: []
        code = await master.write_single(peer, 5, 77)
        assert code == (TIMEOUT if echo else OK)
        assert await master.write(peer, 5, (77,)) != OK  # 16 is told apart in any case
        assert await master.read(peer, READ_INPUT, 0, 4) != OK
        devices.fault = lambda request, answers: answers
        if echo:
            assert await master.write_single(peer, 5, 78) == OK
        assert await master.read(peer, READ_INPUT, 0, 4) == OK
        assert registers(master) == VALUES

    run(main)


@pytest.mark.parametrize("late_ms", range(150, 4000, 35))
def test_a_late_answer_is_never_taken_for_the_next_one(late_ms: int) -> None:
    """The device's values count its requests, so an answer shows which request it is for."""

    async def main() -> None:
        master, peer, devices, uart = line()
        count = 0

        def slow(request: bytes, answers: list[Answer]) -> list[Answer]:
            nonlocal count
            count += 1
            size = 2 * int.from_bytes(request[4:6], "big")
            body = bytes([1, 4, size]) + count.to_bytes(2, "big") * (size // 2)
            return [(late_ms / 1000 if count < 4 else 0.008, signed(body))]

        devices.fault = slow
        while count < 8:
            if peer.resting(round(uart.time() * 1000)):
                await asyncio.sleep(0.01)
                continue
            if await master.read(peer, READ_INPUT, 0, 1) == OK:
                assert master.unsigned16(0) == count

    run(main)


def test_a_line_that_never_falls_silent() -> None:
    async def main() -> None:
        master, peer, _, uart = line()
        uart.put(uart.time(), bytes(5000))
        await asyncio.sleep(0.01)
        assert await master.read(peer, READ_INPUT, 0, 4) == BUSY
        assert not uart.sent
        assert master.stray > 50

    run(main)


def test_a_dead_uart_is_an_outcome_not_an_error() -> None:
    class Gone(Uart):
        def any(self) -> int:
            raise OSError(5)

    async def main() -> None:
        master = Rtu(Gone(lambda request: []), 19_200, 10)
        peer = Peer("meter", 1, 200)
        assert await master.read(peer, READ_INPUT, 0, 4) == LINE
        assert peer.counts[LINE] == 1

    run(main)


# --- random streams --------------------------------------------------------------------------


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32), st.sampled_from(["random", "shuffled", "damaged", "mixed"]))
def test_garbage_is_never_accepted_and_never_raises(seed: int, kind: str) -> None:
    """60 × 12 answers of up to 300 bytes; then the next good answer is taken."""
    dice = random.Random(seed)

    def garbage() -> bytes:
        how = dice.choice(["random", "shuffled", "damaged"]) if kind == "mixed" else kind
        if how == "random":
            return dice.randbytes(dice.randint(0, 300))
        if how == "shuffled":  # bytes that look much like ours
            return bytes(dice.choice(GOOD) for _ in range(dice.randint(1, 60)))
        damaged = bytearray(GOOD * dice.randint(1, 3))
        for start in range(0, len(damaged), len(GOOD)):  # each copy at another place
            damaged[start + dice.randrange(len(GOOD))] ^= 1 << dice.randrange(8)
        return bytes(damaged)

    async def main() -> None:
        master, peer, devices, _ = line()
        good = devices.fault
        for _ in range(12):
            devices.fault = lambda request, answers: [(dice.random() / 4, garbage())]
            assert await master.read(peer, READ_INPUT, 0, 4) not in (OK, EXCEPTION)
        devices.fault = good
        while (code := await master.read(peer, READ_INPUT, 0, 4)) == BUSY:
            pass
        if code != OK:  # the last garbage may still have been under way
            code = await master.read(peer, READ_INPUT, 0, 4)
        assert code == OK and registers(master) == VALUES

    run(main)


def test_twenty_thousand_bytes_between_good_answers() -> None:
    async def main() -> None:
        dice = random.Random(1)
        master, peer, devices, _ = line(115_200)
        total = good = 0
        while total < 40_000:
            garbage = dice.randbytes(dice.randint(1, 200))
            total += len(garbage)
            devices.fault = lambda request, answers: [(0.003, garbage + answers[0][1])]  # noqa: B023
            if await master.read(peer, READ_INPUT, 0, 4) == OK:
                assert registers(master) == VALUES
                good += 1
        assert good > 150  # nearly all: some garbage ends like the start of our answer

    run(main)


def test_the_check_of_wrong_frames_can_fail(monkeypatch: pytest.MonkeyPatch) -> None:
    """Planted mistake: without the CRC the damaged answer would be taken."""
    monkeypatch.setattr("firmware.bus.pdu.crc16", lambda frame, start, end: 0)

    async def main() -> None:
        master, peer, devices, _ = line()
        devices.fault = lambda request, answers: [(0.008, FAULTS["wrong crc"][0])]
        master._send = lambda address, request: _send(master, address, request)  # type: ignore[method-assign]
        assert await master.read(peer, READ_INPUT, 0, 4) == OK

    def _send(master: Rtu, address: int, request: bytes) -> int:
        frame = signed(bytes([address]) + request)
        master._request[: len(frame)] = frame
        master.sent_ms = rtu.ticks_ms()
        master.uart.write(frame)
        return len(frame)

    run(main)
