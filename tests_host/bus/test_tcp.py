"""Modbus TCP: the same promises as on a wire, by the number that each answer bears."""

from __future__ import annotations

import asyncio
import random
from typing import Any, cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pymodbus.server import ModbusTcpServer

from firmware import image as im
from firmware.bus.line import Line
from firmware.bus.pdu import READ_HOLDING, READ_INPUT
from firmware.bus.peer import EXCEPTION, FOREIGN, LINE, OK, SHAPE, TIMEOUT, Peer
from firmware.bus.tcp import Tcp
from firmware.drivers.meter import Meter
from firmware.net.link import Link
from tests_host.bus.connection import Behind, Network, master
from tests_host.bus.house import House, profile
from tests_host.bus.wire import Answer, for_seconds, meter_device, run, set_meter

VALUES = [0x1234, 0xABCD, 0x0001, 0xFFFF]


def connected() -> tuple[Tcp, Peer, Behind, Network]:
    tcp, behind, network = master(meter_device(1), meter_device(2))
    behind.registers(1)[: len(VALUES)] = VALUES
    behind.registers(2)[: len(VALUES)] = [7, 7, 7, 7]
    return tcp, Peer("meter", 1, 200), behind, network


def registers(tcp: Tcp, count: int = 4) -> list[int]:
    return [tcp.unsigned16(i) for i in range(count)]


def seconds() -> float:
    return asyncio.get_running_loop().time()


def test_reads_and_writes() -> None:
    async def main() -> None:
        tcp, peer, behind, network = connected()
        for _ in range(3):
            assert await tcp.read(peer, READ_INPUT, 0, 4) == OK
            assert registers(tcp) == VALUES and tcp.signed16(3) == -1
        assert await tcp.write(peer, 10, (1, 2, 3)) == OK
        assert await tcp.write_single(peer, 13, 4) == OK
        assert await tcp.read(peer, READ_HOLDING, 10, 4) == OK
        assert registers(tcp) == [1, 2, 3, 4]
        assert await tcp.read(Peer("other", 2, 200), READ_INPUT, 0, 4) == OK
        assert registers(tcp) == [7, 7, 7, 7]
        assert peer.counts[OK] == 6 and sum(peer.counts) == 6 and peer.writes == 2
        assert len(network.opened) == 1, "one connection for all"
        assert [r.transaction_id for r in behind.requests] == list(range(1, 8))

    run(main)


def test_the_number_of_a_request_goes_round() -> None:
    async def main() -> None:
        tcp, peer, behind, _ = connected()
        tcp._number = 0xFFFE
        for _ in range(3):
            assert await tcp.read(peer, READ_INPUT, 0, 4) == OK
        assert [r.transaction_id for r in behind.requests] == [0xFFFF, 0, 1]

    run(main)


@pytest.mark.parametrize("late_s", [0.25, 0.35])
def test_a_late_answer_is_nobody_elses(late_s: float) -> None:
    """On a wire a probe is needed for that; and the device is waited for longer from now on."""

    async def main() -> None:
        tcp, peer, behind, network = connected()
        behind.fault = lambda request, answers: [(late_s, data) for _, data in answers]
        assert await tcp.read(peer, READ_INPUT, 0, 4) == TIMEOUT
        behind.fault = lambda request, answers: [(0.2, data) for _, data in answers]
        behind.registers(1)[0] = 99
        peer.timeout_ms = 400
        assert await tcp.read(peer, READ_INPUT, 0, 4) == OK
        assert registers(tcp)[0] == 99
        assert tcp.stray == 17 and peer.timeout_ms == 800
        assert len(network.opened) == 1

    run(main)


def test_silence_times_out_and_at_last_the_connection_is_made_anew() -> None:
    async def main() -> None:
        tcp, peer, behind, network = connected()
        behind.fault = lambda request, answers: []
        for _ in range(3):
            before = seconds()
            assert await tcp.read(peer, READ_INPUT, 0, 4) == TIMEOUT
            assert seconds() - before == pytest.approx(0.2)
        assert network.stream is not None and network.stream.closed
        assert await tcp.read(peer, READ_INPUT, 0, 4) == LINE, "not at once"
        behind.fault = lambda request, answers: answers
        await asyncio.sleep(1)
        assert await tcp.read(peer, READ_INPUT, 0, 4) == OK
        assert len(network.opened) == 2

    run(main)


def test_one_silent_device_leaves_the_others_their_connection() -> None:
    async def main() -> None:
        tcp, peer, _, network = connected()
        dead = Peer("dead", 9, 100)
        for _ in range(6):
            assert await tcp.read(dead, READ_INPUT, 0, 4) == TIMEOUT
            assert await tcp.read(peer, READ_INPUT, 0, 4) == OK
        assert len(network.opened) == 1

    run(main)


@pytest.mark.parametrize("hung", [False, True])
def test_a_host_that_is_not_there_is_tried_more_and_more_seldom(hung: bool) -> None:
    async def main() -> None:
        tcp, peer, _, network = connected()
        network.up, network.hung = False, hung
        while seconds() < 200:
            before = seconds()
            assert await tcp.read(peer, READ_INPUT, 0, 4) == LINE
            assert seconds() - before <= 3
            await asyncio.sleep(0.05)
        gaps = [b - a for a, b in zip(network.opened, network.opened[1:], strict=False)]
        assert gaps[0] < 5 and max(gaps) < 13.5 and min(gaps[4:]) >= 10
        assert peer.silences and peer.resting(round(seconds() * 1000))
        network.up, network.hung = True, False
        await asyncio.sleep(10)
        assert await tcp.read(peer, READ_INPUT, 0, 4) == OK and not peer.silences

    run(main)


def test_a_closed_connection_is_made_anew() -> None:
    async def main() -> None:
        tcp, peer, behind, network = connected()
        assert await tcp.read(peer, READ_INPUT, 0, 4) == OK
        behind.fault = lambda request, answers: [(0.01, b"")]
        assert await tcp.read(peer, READ_INPUT, 0, 4) == LINE
        behind.fault = lambda request, answers: answers
        await asyncio.sleep(1)
        assert await tcp.read(peer, READ_INPUT, 0, 4) == OK
        assert len(network.opened) == 2 and peer.counts[LINE] == 1

    run(main)


def changed(at: int, byte: int) -> Any:
    def fault(_: bytes, answers: list[Answer]) -> list[Answer]:
        [(after, data)] = answers
        return [(after, data[:at] + bytes((byte,)) + data[at + 1 :])]

    return fault


# byte of the answer, its new value, what it is
WRONG = {
    "another unit": (6, 2, FOREIGN),
    "another function": (7, 3, SHAPE),
    "a byte count that lies": (8, 6, SHAPE),
    "an exception with registers": (7, 0x84, SHAPE),
    "another protocol": (3, 1, LINE),
    "no length": (5, 1, LINE),
    "a length that no frame has": (4, 2, LINE),
    "another number": (1, 0xEE, TIMEOUT),
    "longer than it is": (5, 12, TIMEOUT),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_is_no_answer_is_refused_by_name(name: str) -> None:
    at, byte, code = WRONG[name]

    async def main() -> None:
        tcp, peer, behind, network = connected()
        behind.fault = changed(at, byte)
        assert await tcp.read(peer, READ_INPUT, 0, 4) == code
        assert peer.counts[code] == 1 and peer.counts[OK] == 0
        behind.fault = lambda request, answers: answers
        codes = []
        for _ in range(2):  # the rest of a broken frame may spoil the next
            await asyncio.sleep(1)
            codes.append(await tcp.read(peer, READ_INPUT, 0, 4))
        assert codes[-1] == OK and registers(tcp) == VALUES
        assert len(network.opened) == 1 + (code == LINE) + (name == "longer than it is")

    run(main)


def test_a_refusal_is_told_by_its_number() -> None:
    async def main() -> None:
        tcp, peer, behind, _ = connected()
        behind.fault = lambda request, answers: [(0.008, behind.exception(request, 2))]
        assert await tcp.read(peer, READ_INPUT, 0, 4) == EXCEPTION and peer.exception == 2
        assert await tcp.write_single(peer, 3, 1) == EXCEPTION

    run(main)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_answers_in_pieces_and_late_ones_before_them(seed: int) -> None:
    chance = random.Random(seed)

    def pieces(_: bytes, answers: list[Answer]) -> list[Answer]:
        data = answers[0][1]
        cuts = sorted(chance.sample(range(1, len(data)), chance.randint(0, 4)))
        parts = [data[a:b] for a, b in zip([0, *cuts], [*cuts, len(data)], strict=True)]
        if chance.random() < 0.3:
            parts.insert(0, b"\x77" + data[1:])  # of a request long ago
        return [(0.01 * (i + 1), part) for i, part in enumerate(parts)]

    async def main() -> None:
        tcp, peer, behind, network = connected()
        behind.fault = pieces
        for value in range(20):
            behind.registers(1)[0] = value
            assert await tcp.read(peer, READ_INPUT, 0, 4) == OK
            assert registers(tcp) == [value, *VALUES[1:]]
        assert len(network.opened) == 1

    run(main)


@settings(max_examples=100, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_no_noise_is_taken_for_an_answer(seed: int) -> None:
    """Random bytes, flipped bits, cut frames: never a value that was not sent, and two tries after
    it has become quiet the device answers again."""
    chance = random.Random(seed)

    def noise(_: bytes, answers: list[Answer]) -> list[Answer]:
        [(after, data)] = answers
        kind = chance.randrange(4)
        if kind == 0:
            return [(after, chance.randbytes(chance.randint(1, 40)))]
        if kind == 1:
            return [(after, data[: chance.randint(0, len(data) - 1)] or b"\0")]
        at = chance.randrange(9)  # TCP's own sum guards the values; here the head is wrong
        spoilt = data[:at] + bytes((data[at] ^ 1 << chance.randrange(8),)) + data[at + 1 :]
        return [(after, spoilt), (after + 0.01, data)] if kind == 2 else [(after, spoilt)]

    async def main() -> None:
        tcp, peer, behind, _ = connected()
        for _ in range(10):
            behind.fault = noise
            if await tcp.read(peer, READ_INPUT, 0, 4) == OK:
                assert registers(tcp) == VALUES
            behind.fault = lambda request, answers: answers
            codes = []
            for _ in range(2):
                await asyncio.sleep(10)
                codes.append(await tcp.read(peer, READ_INPUT, 0, 4))
            assert codes[-1] == OK and registers(tcp) == VALUES

    run(main)


def test_a_line_over_a_connection_serves_meter_and_inverter() -> None:
    async def main() -> None:
        house = House(meter=False, inverter=False)
        behind = Behind(meter_device(1))
        set_meter(behind.registers(1), [10, 5, 0], [2200, -1100, 0])
        line = Line(Tcp(Link("192.168.0.20", 502, Network(behind))))
        meter = Meter(house.image, line, profile(), 1, 0)
        house.registers = behind.registers(1)
        beside = asyncio.ensure_future(house.live())
        await for_seconds(5, line.run())
        live = house.image.live
        assert list(live[im.NODE_MA : im.NODE_MA + 3]) == [10_000, -5_000, 0]
        assert live[im.NODE_AGE_MS] < 1000 and meter.state() == "ok"
        behind.fault = lambda request, answers: [(0.01, b"")]
        await for_seconds(5, line.run())
        assert live[im.NODE_AGE_MS] > 4000 and meter.state() == "silent"
        assert line.report()["meter"]["last"] == "line"
        beside.cancel()

    run(main)


def test_against_a_server_of_pymodbus() -> None:
    """A real socket on loopback; nothing of the other side is ours."""

    class Loopback:
        def waits(self) -> bool:
            return False

        async def resolve(self, host: str, port: int) -> str:
            return host

        async def connect(self, found: str, port: int, first: bytes) -> Any:
            reader, writer = await asyncio.open_connection(found, port)

            class Both:
                s = writer
                read = reader.read
                write = writer.write
                drain = writer.drain

            writer.write(first)
            await writer.drain()
            return Both()

    async def main() -> None:
        server = ModbusTcpServer([meter_device(1), meter_device(3)], address=("127.0.0.1", 0))
        await server.serve_forever(background=True)
        try:
            port = cast(Any, server.transport).sockets[0].getsockname()[1]
            tcp, peer = Tcp(Link("127.0.0.1", port, Loopback())), Peer("meter", 3, 2000)
            assert await tcp.write(peer, 0, VALUES) == OK
            assert await tcp.write_single(peer, 1, 5) == OK
            assert await tcp.read(peer, READ_HOLDING, 0, 4) == OK
            assert registers(tcp) == [VALUES[0], 5, *VALUES[2:]]
            assert await tcp.read(peer, READ_HOLDING, 0x17F, 4) == EXCEPTION
            assert peer.exception == 2
            await tcp.link.close()
        finally:
            await server.shutdown()

    asyncio.run(main())
