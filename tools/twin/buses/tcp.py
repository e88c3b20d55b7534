# islet: Modbus TCP in virtual time: a port of the network behind which pymodbus answers.
# GPL-3.0-or-later
"""The devices of a house's line that has a port: the chip connects, asks by the unit's number, and
is answered by pymodbus' own framer and datastore, as on a wire."""

from __future__ import annotations

import asyncio
import contextlib
import struct
import threading
from typing import Any

from pymodbus.framer import FramerSocket
from pymodbus.pdu import DecodePDU

from tools.twin.buses.line import READS, Responder
from tools.twin.buses.mqtt import LATENCY_US, StubBroker
from tools.twin.link import wire

HEAD = 7  # transaction, protocol, length, unit
READ = 12  # bytes of a request to read
UNIT, FUNCTION = 6, 7


class Units(Responder):
    """Devices by unit, in frames of Modbus TCP."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.framer = FramerSocket(DecodePDU(True))

    def name_of(self, request: bytes) -> str:
        return super().name_of(request[UNIT:])

    def frame(self, reply: Any, to: Any) -> bytes:
        reply.transaction_id = to.transaction_id
        return super().frame(reply, to)

    def damaged(self, frame: bytes) -> bytes:
        """TCP's own sum guards the bytes, so it breaks off instead."""
        return frame[:-1]


class Gateway:
    """One port."""

    def __init__(self, port: int, units: Units) -> None:
        self.port = port
        self._units = units
        self._inboxes: dict[int, bytes] = {}
        self._out: list[Any] = []

    def open(self, conn: int) -> None:
        self._inboxes[conn] = b""

    def close(self, conn: int) -> None:
        self._inboxes.pop(conn, None)

    def transmit(self, t_us: int, conn: int, data: bytes, shown: Any) -> None:
        inbox = self._inboxes.get(conn, b"") + data
        while (size := whole(inbox)) and len(inbox) >= size:
            found = self._units.answer(t_us, inbox[:size], shown)
            if found:
                delay_us, frame = found
                self._out.append(wire.NetRx(conn, t_us + delay_us + LATENCY_US, frame))
            inbox = inbox[size:]
        self._inboxes[conn] = inbox

    def due(self) -> list[Any]:
        out, self._out = self._out, []
        return out

    def reset(self) -> None:
        self._inboxes.clear()
        self._out.clear()


class RealGateway:
    """A port on loopback, at SPEED=1; start() and stop() it."""

    def __init__(self, units: Responder) -> None:
        self._units = units
        self._ready, self._stop = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._run, name="modbus tcp", daemon=True)
        self.port = 0  # once started

    def start(self) -> None:
        self._thread.start()
        if not self._ready.wait(10):
            raise RuntimeError("the Modbus TCP server did not start")

    def stop(self) -> None:
        self._stop.set()
        self._thread.join(3)

    def _run(self) -> None:
        asyncio.run(self._serve())

    async def _serve(self) -> None:
        server = await asyncio.start_server(self._attend, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        self._ready.set()
        async with server:
            while not self._stop.is_set():
                await asyncio.sleep(0.05)

    async def _attend(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                head = await reader.readexactly(HEAD)
                request = head + await reader.readexactly(whole(head) - HEAD)
                found = self._units.answer(self._units.now_us(), request)
                if found:
                    delay_us, frame = found
                    await asyncio.sleep(delay_us / 1e6)
                    writer.write(frame)
                    await writer.drain()
        writer.close()


def whole(data: bytes) -> int:
    """Bytes of the frame that begins here; 0: not to be told yet."""
    return 6 + struct.unpack_from(">H", data, 4)[0] if len(data) >= HEAD else 0


class Lan:
    """What the chip's sockets reach (the link's Network): the broker, and gateways by port."""

    def __init__(self, broker: StubBroker, gateways: list[Gateway]) -> None:
        self.broker = broker
        self._gateways = {gateway.port: gateway for gateway in gateways}
        self._conns: dict[int, Gateway] = {}

    def open(self, t_us: int, conn: int, port: int) -> None:
        gateway = self._gateways.get(port)
        if gateway is None:
            self.broker.open(t_us, conn, port)
        else:
            self._conns[conn] = gateway
            gateway.open(conn)

    def changes(self, conn: int, data: bytes) -> bool:
        """Whether something in the house may; a piece of a frame does for certain."""
        return conn in self._conns and (len(data) != READ or data[FUNCTION] > READS)

    def transmit(self, t_us: int, conn: int, data: bytes, shown: Any) -> None:
        gateway = self._conns.get(conn)
        if gateway is None:
            self.broker.transmit(t_us, conn, data)
        else:
            gateway.transmit(t_us, conn, data, shown)

    def close(self, t_us: int, conn: int) -> None:
        gateway = self._conns.pop(conn, None)
        if gateway is None:
            self.broker.close(t_us, conn)
        else:
            gateway.close(conn)

    def reset(self, t_us: int) -> None:
        self._conns.clear()
        self.broker.reset(t_us)
        for gateway in self._gateways.values():
            gateway.reset()

    def next_us(self) -> int | None:
        return self.broker.next_us()

    def act(self, t_us: int) -> None:
        self.broker.act(t_us)

    def due(self, until_us: int) -> list[Any]:
        out = self.broker.due(until_us)
        for gateway in self._gateways.values():
            out = out + gateway.due()
        return out


__all__ = ("Gateway", "Lan", "Units")
