"""A connection in virtual time: the network of one side, pymodbus' TCP framer on the other."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, cast

from pymodbus.framer import FramerSocket
from pymodbus.pdu import DecodePDU, ExceptionResponse
from pymodbus.simulator import SimDevice

from firmware.bus.tcp import Tcp
from firmware.net.link import Link
from tests_host.bus.wire import Answer, Devices, now


class Behind(Devices):
    """What answers at the other end of a connection."""

    def __init__(self, *devices: SimDevice, turnaround: float = 0.008) -> None:
        super().__init__(*devices, turnaround=turnaround)
        self.framer = cast(Any, FramerSocket(DecodePDU(True)))

    def __call__(self, request: bytes) -> list[Answer]:
        used, pdu = self.framer.handleFrame(request, 0, 0)
        assert pdu is not None and used == len(request), f"no Modbus TCP: {request.hex()}"
        self.requests.append(pdu)
        answers: list[Answer] = []
        if pdu.dev_id in self.known:
            reply = now(pdu.datastore_update(cast(Any, self.core), pdu.dev_id))
            answers = [(self.turnaround, self.framed(reply, pdu))]
        return self.fault(request, answers)

    def framed(self, reply: Any, to: Any) -> bytes:
        reply.dev_id, reply.transaction_id = to.dev_id, to.transaction_id
        return self.framer.buildFrame(reply)

    def exception(self, request: bytes, code: int) -> bytes:
        _, pdu = self.framer.handleFrame(request, 0, 0)
        assert pdu is not None
        return self.framed(ExceptionResponse(pdu.function_code, code), pdu)


class Stream:
    """As a network's: what the other side says comes when its time has come."""

    def __init__(self, answer: Callable[[bytes], list[Answer]]) -> None:
        self.answer = answer
        self.s = self
        self.closed = False
        self._out = b""
        self._in = b""
        self._more = asyncio.Event()

    def write(self, data: bytes) -> None:
        self._out += data

    async def drain(self) -> None:
        if self.closed:
            raise OSError(104)
        out, self._out = self._out, b""
        loop = asyncio.get_running_loop()
        for after, data in self.answer(out):
            loop.call_later(after, self._arrive, data)

    def _arrive(self, data: bytes) -> None:
        """b"": the other side closes."""
        self._in += data
        self.closed = self.closed or not data
        self._more.set()

    async def read(self, count: int) -> bytes:
        while not self._in and not self.closed:
            self._more.clear()
            await self._more.wait()
        data, self._in = self._in[:count], self._in[count:]
        return data

    def close(self) -> None:
        self.closed = True
        self._more.set()


class Network:
    """One host; up: whether it takes a connection, hung: whether it says nothing about it."""

    def __init__(self, answer: Callable[[bytes], list[Answer]]) -> None:
        self.answer = answer
        self.up, self.hung = True, False
        self.opened: list[float] = []
        self.stream: Stream | None = None

    def waits(self) -> bool:
        return False

    async def resolve(self, host: str, port: int) -> str:
        return host

    async def connect(self, found: str, port: int, first: bytes) -> Stream:
        self.opened.append(asyncio.get_running_loop().time())
        if self.hung:
            await asyncio.sleep(60)
        if not self.up:
            raise OSError(111)
        self.stream = Stream(self.answer)
        self.stream.write(first)
        await self.stream.drain()
        return self.stream


def master(*devices: SimDevice) -> tuple[Tcp, Behind, Network]:
    behind = Behind(*devices)
    network = Network(behind)
    return Tcp(Link("192.168.0.20", 502, network)), behind, network
