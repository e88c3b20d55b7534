"""What is wrong with a line is said in words, from faults that are made on it."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from typing import Any

import pytest

from firmware.bus.line import POLL, Device, Job, Line
from firmware.bus.pdu import READ_INPUT
from firmware.bus.peer import OK, TIMEOUT
from firmware.bus.rtu import Rtu
from tests_host.bus.connection import master
from tests_host.bus.test_rtu import signed
from tests_host.bus.wire import Answer, Devices, Uart, meter_device, run

Fault = Callable[[bytes, list[Answer]], list[Answer]]


class Wire:
    """Two meters on RS-485, polled."""

    def __init__(self, tcp: bool = False) -> None:
        devices = (meter_device(1), meter_device(2))
        self.network: Any = None
        self.uart: Any = None
        self.task: asyncio.Future[Any] | None = None
        if tcp:
            asked, self.devices, self.network = master(*devices)
            self.line = Line(asked)
        else:
            self.devices = Devices(*devices)
            self.uart = Uart(self.devices)
            self.line = Line(Rtu(self.uart, 19_200, 10))
        for address in (1, 2):
            device = Device(f"meter {address}", address, 200)
            device.jobs.append(Job(device, POLL, 250, self._job(device)))
            self.line.add(device)

    def _job(self, device: Device) -> Any:
        async def read() -> None:
            await self.line.rtu.read(device.peer, READ_INPUT, 0, 10)

        return read

    async def run(self, seconds: float = 40) -> list[str]:
        if self.task is None:
            self.task = asyncio.ensure_future(self.line.run())
        await asyncio.sleep(seconds)
        return self.said()

    async def stop(self) -> None:
        """The line is free for requests of our own."""
        assert self.task is not None
        self.task.cancel()
        self.task = None
        await asyncio.sleep(0.3)

    def said(self) -> list[str]:
        rows = self.line.report()["says"]
        assert all(set(row) == {"text", "way_out"} for row in rows)
        return [row["text"] for row in rows]


def of(address: int, work: Fault) -> Fault:
    return lambda request, answers: work(request, answers) if request[0] == address else answers


class Half:
    """Every other answer, by chance, is as `work` makes it."""

    def __init__(self, work: Fault) -> None:
        self.work, self.dice = work, random.Random(5)

    def __call__(self, request: bytes, answers: list[Answer]) -> list[Answer]:
        return answers if self.dice.random() < 0.5 else self.work(request, answers)


def silent(request: bytes, answers: list[Answer]) -> list[Answer]:
    return []


def garbled(seed: int) -> Fault:
    """As at another speed: each frame as other bytes, some of which are lost."""
    dice = random.Random(seed)
    return lambda request, answers: [(at, dice.randbytes(2 * len(a) // 3)) for at, a in answers]


def damaged(request: bytes, answers: list[Answer]) -> list[Answer]:
    return [(at, a[:5] + bytes((a[5] ^ 8,)) + a[6:]) for at, a in answers]


def other(request: bytes, answers: list[Answer]) -> list[Answer]:
    return [(at, signed(b"\x01\x03\x04\0\0\0\0")) for at, _ in answers]


WRONG: dict[str, tuple[Fault, str]] = {
    "nobody there": (silent, "Nobody answers on this line, not a byte is heard."),
    "another speed": (garbled(1), "Bytes come back, and none of them is a frame."),
    "one is off": (
        of(2, silent),
        "meter 2 does not answer at address 2; others on this line do.",
    ),
    "half": (of(1, Half(silent)), "of 100 requests and is silent to the others."),
    "damaged": (of(1, Half(damaged)), "of 100 requests; the others come damaged."),
    "two of an address": (
        of(1, Half(other)),
        "requests; to the others something else is heard.",
    ),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_fault_of_the_wire_is_named(name: str) -> None:
    fault, words = WRONG[name]

    async def main() -> None:
        wire = Wire()
        assert await wire.run(5) == []
        wire.devices.fault = fault
        found = await wire.run()
        assert len(found) == 1 and words in found[0], found
        wire.devices.fault = lambda request, answers: answers
        assert await wire.run(60) == [], "what is over is said no longer"

    run(main)


def test_half_of_the_requests_is_about_half() -> None:
    async def main() -> None:
        wire = Wire()
        wire.devices.fault = of(1, Half(silent))
        (found,) = await wire.run(60)
        share = int(found.split("answers ")[1].split(" ")[0])
        assert 30 <= share <= 70

    run(main)


def test_swapped_wires_never_fall_silent() -> None:
    async def main() -> None:
        wire = Wire()

        async def noise() -> None:
            while True:
                wire.uart.put(wire.uart.time(), bytes(20))
                await asyncio.sleep(20 * wire.uart.char)

        beside = asyncio.ensure_future(noise())
        assert await wire.run(20) == ["The line never falls silent."]
        beside.cancel()

    run(main)


@pytest.mark.parametrize("every_s", [0.4, 1.1, 2.93])
def test_a_second_master_is_named(every_s: float) -> None:
    """It asks a third device, which answers; now and then it speaks into ours."""

    async def main() -> None:
        wire = Wire()
        request = signed(bytes((3, 4, 0, 0, 0, 2)))
        answer = signed(bytes((3, 4, 4, 0, 1, 0, 2)))

        async def speak() -> None:
            while True:
                at = wire.uart.time()
                wire.uart.put(at, request)
                wire.uart.put(at + len(request) * wire.uart.char + 0.01, answer)
                await asyncio.sleep(every_s)

        beside = asyncio.ensure_future(speak())
        found = await wire.run(60)
        assert "Another master asks on this line." in found
        beside.cancel()
        await wire.run(150)
        assert wire.said() == []

    run(main)


def test_an_answer_that_comes_late_is_no_second_master() -> None:
    async def main() -> None:
        wire = Wire()
        wire.devices.fault = of(2, lambda request, answers: [(0.35, a) for _, a in answers])
        assert not any("master asks" in text for text in await wire.run())

    run(main)


def test_an_echo_is_learned_named_and_taken_out() -> None:
    """And no copy of what we write is taken for the answer of who is silent."""

    async def main() -> None:
        wire = Wire()
        wire.uart.echo = True
        assert await wire.run(10) == ["The adapter returns what is sent; that is taken out."]
        rtu, peer = wire.line.rtu, wire.line.devices[0].peer
        await wire.stop()
        assert await rtu.write_single(peer, 5, 77) == OK
        wire.devices.fault = silent
        assert await rtu.write_single(peer, 5, 78) == TIMEOUT
        wire.devices.fault = lambda request, answers: answers
        wire.uart.echo = False
        await wire.run(10)
        await wire.stop()
        assert wire.said() == [] and await rtu.write_single(peer, 5, 79) == OK

    run(main)


def test_an_echo_on_a_dead_line_is_learned_too() -> None:
    async def main() -> None:
        wire = Wire()
        wire.uart.echo = True
        wire.devices.fault = silent
        found = await wire.run(60)
        assert found[0].startswith("The adapter returns") and found[1].startswith("Nobody answers")

    run(main)


def test_a_refusal_is_named() -> None:
    async def main() -> None:
        wire = Wire()
        wire.devices.fault = of(
            1, lambda request, answers: [(0.01, wire.devices.exception(request, 2))]
        )
        assert await wire.run() == ["meter 1 refuses what it is asked: illegal data address."]

    run(main)


def closing(request: bytes, answers: list[Answer]) -> list[Answer]:
    return [(0.01, b"")]


def no_modbus(request: bytes, answers: list[Answer]) -> list[Answer]:
    return [(0.01, b"HTTP/1.0 400 Bad Request\r\n\r\n")]


@pytest.mark.parametrize(
    ("how", "words"),
    [
        ("refused", "It refuses the connection."),
        ("hung", "Nobody answers at its address in the network."),
        (closing, "It takes the connection and closes it again."),
        (no_modbus, "What answers there speaks no Modbus TCP."),
    ],
)
def test_a_fault_of_a_connection_is_named(how: Any, words: str) -> None:
    async def main() -> None:
        wire = Wire(tcp=True)
        if how == "refused":
            wire.network.up = False
        elif how == "hung":
            wire.network.hung = True
        else:
            wire.devices.fault = how
        assert await wire.run(60) == [words]
        wire.network.up, wire.network.hung = True, False
        wire.devices.fault = lambda request, answers: answers
        assert await wire.run(60) == []

    run(main)


@pytest.mark.parametrize("code", [0, 11])
def test_a_silent_unit_behind_a_gateway_is_named(code: int) -> None:
    """It says nothing, or the gateway says so for it."""

    async def main() -> None:
        wire = Wire(tcp=True)

        def gone(request: bytes, answers: list[Answer]) -> list[Answer]:
            if request[6] != 2:
                return answers
            return [(0.01, wire.devices.exception(request, code))] if code else []

        wire.devices.fault = gone
        found = await wire.run(60)
        assert found == ["There is a connection, but unit 2, meter 2, is silent behind it."]

    run(main)
