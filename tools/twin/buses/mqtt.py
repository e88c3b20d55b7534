# islet: a broker in virtual time: a socket stub with the behaviour of an MQTT 3.1.1 broker.
# GPL-3.0-or-later
"""At SPEED=max no real broker can follow; this stub stands in for one and is named as such.

It knows what the firmware uses: CONNECT with will, SUBSCRIBE (+ and #), PUBLISH at QoS 0 and 1
with retain, PING, DISCONNECT; and it can be down (refuses), or hung (accepts, never answers). The
real broker is in `realbroker.py`; the tests run the firmware against both.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import dataclass, field

from tools.twin.link import wire

LATENCY_US = 2_000
CONNECT, CONNACK, PUBLISH, PUBACK, SUBSCRIBE, SUBACK = 1, 2, 3, 4, 8, 9
PINGREQ, PINGRESP, DISCONNECT = 12, 13, 14


def packet(kind: int, flags: int, body: bytes) -> bytes:
    length, head = len(body), bytearray([kind << 4 | flags])
    while True:
        length, low = divmod(length, 128)
        head.append(low | (128 if length else 0))
        if not length:
            return bytes(head) + body


def text(value: str) -> bytes:
    raw = value.encode()
    return struct.pack(">H", len(raw)) + raw


def take_text(body: bytes, at: int) -> tuple[str, int]:
    size = struct.unpack_from(">H", body, at)[0]
    return body[at + 2 : at + 2 + size].decode(), at + 2 + size


def matches(pattern: str, topic: str) -> bool:
    wanted, given = pattern.split("/"), topic.split("/")
    for i, part in enumerate(wanted):
        if part == "#":
            return True
        if i >= len(given) or part not in ("+", given[i]):
            return False
    return len(wanted) == len(given)


@dataclass
class Client:
    inbox: bytes = b""
    subscriptions: list[str] = field(default_factory=list)
    will: tuple[str, bytes, bool] | None = None
    greeted: bool = False


class StubBroker:
    """The network the chip's sockets reach at SPEED=max (an actor of the link)."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.state = "up"  # "down" refuses and closes, "hung" accepts and never answers
        self.retained: dict[str, bytes] = {}
        self.on_message: Callable[[int, str, bytes], None] = lambda t_us, topic, payload: None
        self._clients: dict[int, Client] = {}
        self._out: list[wire.NetRx | wire.NetClosed | wire.NetRefused] = []

    # --- scenario -------------------------------------------------------------------------

    def set_state(self, state: str) -> None:
        """up, down or hung, with an error that says so."""
        if state not in ("up", "down", "hung"):
            raise ValueError(f"broker: {state!r} is not one of up, down, hung")
        if state == "down":
            self._out += [wire.NetClosed(conn) for conn in self._clients]
            self._clients.clear()
        self.state = state

    def publish(self, t_us: int, topic: str, payload: bytes, retain: bool = False) -> None:
        """Somebody publishes; whoever subscribed gets it."""
        if retain:
            self.retained[topic] = payload
        self.on_message(t_us, topic, payload)
        if self.state != "up":
            return
        for conn, client in self._clients.items():
            if any(matches(pattern, topic) for pattern in client.subscriptions):
                self._send(t_us, conn, packet(PUBLISH, 0, text(topic) + payload))

    # --- the link's network ----------------------------------------------------------------

    def open(self, t_us: int, conn: int, port: int) -> None:
        if port != self.port or self.state == "down":
            self._out.append(wire.NetRefused(conn))
        else:
            self._clients[conn] = Client()

    def transmit(self, t_us: int, conn: int, data: bytes) -> None:
        client = self._clients.get(conn)
        if client is None or self.state == "hung":
            return
        client.inbox += data
        while (found := self._next(client)) is not None:
            self._handle(t_us, conn, client, *found)

    def close(self, t_us: int, conn: int) -> None:
        self._gone(t_us, conn)

    def reset(self, t_us: int) -> None:
        """The chip begins anew: what was on its way to its last life reaches nobody."""
        for conn in list(self._clients):
            self._gone(t_us, conn)
        self._out.clear()

    def next_us(self) -> int | None:
        return None  # it answers at once, only the wire takes time

    def act(self, t_us: int) -> None:
        """Nothing of its own."""

    def due(self, until_us: int) -> list[wire.NetRx | wire.NetClosed | wire.NetRefused]:
        out, self._out = self._out, []
        return out

    # --- MQTT -----------------------------------------------------------------------------

    def _send(self, t_us: int, conn: int, data: bytes) -> None:
        self._out.append(wire.NetRx(conn, t_us + LATENCY_US, data))

    def _gone(self, t_us: int, conn: int) -> None:
        client = self._clients.pop(conn, None)
        if client and client.will:
            topic, payload, retain = client.will
            self.publish(t_us, topic, payload, retain)

    @staticmethod
    def _next(client: Client) -> tuple[int, int, bytes] | None:
        """Take one whole packet from the inbox: (kind, flags, body)."""
        data, length, at = client.inbox, 0, 1
        while True:
            if at >= len(data):
                return None
            length |= (data[at] & 127) << 7 * (at - 1)
            at += 1
            if not data[at - 1] & 128:
                break
        if len(data) < at + length:
            return None
        client.inbox = data[at + length :]
        return data[0] >> 4, data[0] & 15, data[at : at + length]

    def _handle(
        self, t_us: int, conn: int, client: Client, kind: int, flags: int, b: bytes
    ) -> None:
        if kind == CONNECT and not client.greeted:
            client.greeted = True
            self._connect(client, b)
            self._send(t_us, conn, packet(CONNACK, 0, b"\0\0"))
        elif not client.greeted or kind == DISCONNECT:
            if kind == DISCONNECT:
                client.will = None
            self._gone(t_us, conn)
            self._out.append(wire.NetClosed(conn))
        elif kind == PINGREQ:
            self._send(t_us, conn, packet(PINGRESP, 0, b""))
        elif kind == SUBSCRIBE:
            self._subscribe(t_us, conn, client, b)
        elif kind == PUBLISH:
            self._published(t_us, conn, flags, b)

    @staticmethod
    def _connect(client: Client, body: bytes) -> None:
        _, at = take_text(body, 0)
        flags, at = body[at + 1], at + 4
        _, at = take_text(body, at)
        if flags & 4:
            topic, at = take_text(body, at)
            size = struct.unpack_from(">H", body, at)[0]
            client.will = (topic, body[at + 2 : at + 2 + size], bool(flags & 0x20))

    def _subscribe(self, t_us: int, conn: int, client: Client, body: bytes) -> None:
        at, granted = 2, b""
        while at < len(body):
            pattern, at = take_text(body, at)
            granted += bytes([min(body[at], 1)])
            at += 1
            client.subscriptions.append(pattern)
        self._send(t_us, conn, packet(SUBACK, 0, body[:2] + granted))
        for topic, payload in self.retained.items():
            if any(matches(pattern, topic) for pattern in client.subscriptions):
                self._send(t_us, conn, packet(PUBLISH, 1, text(topic) + payload))

    def _published(self, t_us: int, conn: int, flags: int, body: bytes) -> None:
        topic, at = take_text(body, 0)
        if flags & 6:
            self._send(t_us, conn, packet(PUBACK, 0, body[at : at + 2]))
            at += 2
        self.publish(t_us, topic, body[at:], bool(flags & 1))
