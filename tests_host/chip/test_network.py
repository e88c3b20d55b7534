"""Sockets on virtual time: the same programs as on a network, the twin at the other end."""

from __future__ import annotations

import struct

from tests_host.chip.stub_twin import Message, StubTwin


def server(port: int, answer):
    """A twin that listens on one port; answer(data) -> list of (delay_us, bytes), None closes."""

    def react(twin: StubTwin, message: Message) -> None:
        for tag, payload in message.items:
            if tag == 4 and struct.unpack_from("<H", payload, 1)[0] != port:
                twin.at_once.append((8, payload[:1]))
            elif tag == 5:
                for delay_us, data in answer(payload[1:]):
                    if data is None:
                        twin.at_once.append((5, payload[:1]))
                    else:
                        twin.net(message.t_us + delay_us, payload[0], data)

    return react


def run(script: str, react=lambda twin, message: None, **options) -> StubTwin:
    twin = StubTwin(quit_us=2_000_000, react=react, **options).run(script)
    assert twin.code == 0, twin.stderr
    return twin


def test_streams_over_the_link() -> None:
    twin = run(
        """
import asyncio, hostlink
async def main():
    reader, writer = await asyncio.open_connection("127.0.0.1", 1883)
    writer.write(b"hello\\n")
    await writer.drain()
    print(await reader.readline(), hostlink.now_ms())
    print(await reader.readexactly(3), hostlink.now_ms())
    print(await reader.read(10), hostlink.now_ms())
    writer.close()
    await writer.wait_closed()
asyncio.run(main())
""",
        server(
            1883, lambda data: [(15_000, b"he"), (25_000, b"llo\nab"), (30_000, b"c"), (0, None)]
        ),
    )
    assert twin.stdout == "b'hello\\n' 25\nb'abc' 30\nb'' 30\n"
    tags = [tag for m in twin.messages for tag, _ in m.items]
    assert tags == [4, 5, 6]


def test_refused() -> None:
    twin = run(
        """
import asyncio
async def main():
    try:
        await asyncio.open_connection("127.0.0.1", 1884)
    except OSError as error:
        print(error.errno == 111)
asyncio.run(main())
""",
        server(1883, lambda data: []),
    )
    assert twin.stdout == "True\n"


def test_umqtt_talks_to_a_broker() -> None:
    """umqtt imports usocket, which no file can shadow; it must reach the link all the same."""

    def broker(data: bytes) -> list[tuple[int, bytes | None]]:
        replies: list[tuple[int, bytes | None]] = []
        if b"MQTT" in data:
            replies.append((3_000, b"\x20\x02\x00\x00"))
        if data[:1] == b"\x82":
            replies.append((2_000, b"\x90\x03" + data[2:4] + b"\x00"))
            replies.append((9_000, b"\x30\x06\x00\x01topen"[:2] + b"\x00\x01t" + b"hi!"))
        return replies

    script = """
import machine, hostlink, time
from umqtt.simple import MQTTClient
client = MQTTClient("islet", "127.0.0.1", keepalive=30)
client.set_callback(lambda topic, text: print(topic, text, hostlink.now_ms()))
client.connect()
print(hostlink.now_ms())
client.subscribe(b"t")
print(client.check_msg())
time.sleep_ms(20)
client.check_msg()
client.publish(b"a/b", b"value")
client.disconnect()
"""
    seen = bytearray()

    def react(twin: StubTwin, message: Message) -> None:
        data = b"".join(message.all(5)[i][1:] for i in range(len(message.all(5))))
        seen.extend(data)
        for delay_us, reply in broker(data) if data else []:
            assert reply is not None
            twin.net(message.t_us + delay_us, 0, reply)

    twin = run(script, react)
    assert twin.stdout == "3\nNone\nb't' b'hi!' 25\n"
    assert bytes(seen).endswith(b"\x30\x0a\x00\x03a/bvalue\xe0\x00")


def test_the_twin_can_be_a_client() -> None:
    """NET_ACCEPT opens a connection towards a server on the chip."""
    got = bytearray()

    def react(twin: StubTwin, message: Message) -> None:
        if message.t_us == 100_000:
            twin.at_once.append((9, struct.pack("<BH", 200, 8080)))
            twin.net(120_000, 200, b"GET / HTTP/1.0\r\n\r\n")
        for payload in message.all(5):
            got.extend(payload[1:])
            assert payload[0] == 200

    twin = run(
        """
import asyncio
async def serve(reader, writer):
    print(await reader.readline())
    writer.write(b"HTTP/1.0 200 OK\\r\\n\\r\\n")
    await writer.drain()
    writer.close()
    await writer.wait_closed()
async def main():
    await asyncio.start_server(serve, "0.0.0.0", 8080)
    await asyncio.sleep(1)
asyncio.run(main())
""",
        react,
    )
    assert twin.stdout == "b'GET / HTTP/1.0\\r\\n'\n"
    assert got == b"HTTP/1.0 200 OK\r\n\r\n"
    assert [p for m in twin.messages for p in m.all(6)] == [b"\xc8"]


def test_blocking_reads_and_time_outs() -> None:
    twin = run(
        """
import socket, hostlink
s = socket.socket()
s.connect(socket.getaddrinfo("127.0.0.1", 9)[0][-1])
s.settimeout(0.2)
s.write(b"x")
try:
    s.read(5)
except OSError as error:
    print(error.errno, hostlink.now_ms())
print(s.recv(10))
s.setblocking(False)
print(s.read(1), s.readinto(bytearray(3)))
try:
    s.recv(1)
except OSError as error:
    print(error.errno)
s.close()
try:
    s.write(b"x")
except OSError as error:
    print(error.errno)
""",
        server(9, lambda data: [(50_000, b"abc")]),
    )
    first, *rest = twin.stdout.splitlines()
    assert first in ("110 200", "110 250")
    assert rest == ["b'abc'", "None None", "11", "107"]
