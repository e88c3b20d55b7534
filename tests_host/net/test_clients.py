"""How many may ask for the page, and for how long: over real sockets on the device."""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
import threading
import time
from collections.abc import Callable

import pytest

from firmware.net import clients
from tests_host.net.conftest import Device


def raw(device: Device, data: bytes) -> bytes:
    """Send bytes, read the answer to its end."""
    with socket.create_connection(("127.0.0.1", device.port), 20) as sock:
        answer = b""
        with contextlib.suppress(ConnectionError):
            sock.sendall(data)
            while more := sock.recv(4096):
                answer += more
    return answer


def test_broken_requests_do_no_harm(devices: Callable[..., Device]) -> None:
    device = devices()
    for data in (
        b"\r\n\r\n",
        b"\xff\xfe\r\n\r\n",
        b"GET\r\n\r\n",
        b"GET / HTTP/1.1\r\nno colon here\r\n\r\n",
        b"POST /api/command HTTP/1.1\r\nContent-Length: many\r\n\r\n",
        b"POST /api/command HTTP/1.1\r\nContent-Length: -5\r\n\r\n",
        b"GET /" + b"a" * 9000 + b" HTTP/1.1\r\n\r\n",
        b"GET / HTTP/1.1\r\n" + b"X: y\r\n" * 3000 + b"\r\n",
        b"GET / HTTP/1.1\r\nX: " + b"y" * 9000 + b"\r\n\r\n",
    ):
        raw(device, data)
    with socket.create_connection(("127.0.0.1", device.port)) as sock:  # leaves half way
        sock.sendall(b"POST /api/command HTTP/1.1\r\nContent-Length: 100\r\n\r\nhalf")
    state = device.until(lambda s: s["http"]["clients"] == 1)
    assert state["test"]["ticks"] > 0
    assert device.stop() == "", "a traceback or other noise"


def opened(device: Device, data: bytes = b"") -> socket.socket:
    sock = socket.create_connection(("127.0.0.1", device.port), 20)
    sock.sendall(data)
    time.sleep(0.02)  # MicroPython listens for five at once; a sixth would knock again in 1 s
    return sock


def test_silent_clients_are_bounded_and_dropped(devices: Callable[..., Device]) -> None:
    """Clients that connect and say nothing hold no place for long, and nobody else waits."""
    device = devices()
    before = device.state()["test"]["ticks"]
    silent = [opened(device) for _ in range(5)]
    assert device.state()["http"]["clients"] == 6
    silent += [opened(device) for _ in range(20)]
    device_free = threading.Event()

    def wait() -> None:
        for sock in silent:
            sock.settimeout(30)
            with contextlib.suppress(OSError):
                sock.recv(1)
        device_free.set()

    threading.Thread(target=wait, daemon=True).start()
    assert device_free.wait(60)
    time.sleep(0.5)  # the last ones are being dropped
    state = device.state()
    assert state["http"]["clients"] == 1 and state["http"]["dropped"] > 0
    assert state["test"]["ticks"] > before + 100


HEAD = b"GET /api/state HTTP/1.1\r\n"
POST = b"POST /api/command HTTP/1.1\r\nContent-Length: 500\r\n\r\n"


@pytest.mark.parametrize(("begin", "drip"), [(HEAD, b"X: y\r\n"), (POST, b"{ ")])
def test_who_drips_holds_its_place_for_one_deadline(
    devices: Callable[..., Device], begin: bytes, drip: bytes
) -> None:
    """One for a whole head, one for a whole body, however often something comes: 1 s here."""
    device = devices()
    socks = [opened(device, begin) for _ in range(6)]
    started = time.monotonic()
    ended: dict[socket.socket, float] = {}
    answers = dict.fromkeys(socks, b"")
    at = 0
    while len(ended) < len(socks):
        for sock in set(socks) - set(ended):
            if not answers[sock]:
                sock.sendall(drip[at % len(drip) :][:1])
            sock.settimeout(0.01)
            try:
                answers[sock] += (data := sock.recv(4096))
            except TimeoutError:
                continue
            if not data:
                ended[sock] = time.monotonic() - started
        at += 1
        time.sleep(0.1)
    assert max(ended.values()) < 4, "a deadline, and a second to leave"
    for answer in answers.values():
        status, _, body = answer.partition(b"\r\n\r\n")
        assert status.startswith(b"HTTP/1.0 408 ")
        assert json.loads(body)["error"] == "it took too long"
    assert device.state()["http"]["clients"] == 1
    assert device.stop() == "", "a traceback or other noise"


def test_eight_clients_at_once_are_all_answered(devices: Callable[..., Device]) -> None:
    """More than there are places: they wait for one, and nobody is reset."""
    device = devices(fast=False)
    said: list[int] = []

    def ask_often() -> None:
        said.extend(device.request("GET", "/api/state")[0] for _ in range(25))

    threads = [threading.Thread(target=ask_often) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert said == [200] * 200


REQUESTS = (
    HEAD + b"\r\n",
    POST + b"x" * 500,
    POST.replace(b"500", b"5000") + b"x" * 5000,
    HEAD + b"X: y\r\n" * 3000 + b"\r\n",
)


def test_who_finds_no_place_is_told_when_to_come_again(devices: Callable[..., Device]) -> None:
    """A whole answer and an end, no reset, whenever the request's parts come."""
    device = devices()
    for pause_s, requests in ((0, REQUESTS[1:3]), (0.1, REQUESTS[:2])):
        for data in requests:
            held = [opened(device, HEAD) for _ in range(6)]
            sock = opened(device, data[:30])
            time.sleep(pause_s)
            sock.sendall(data[30:])
            answer = b""
            while more := sock.recv(4096):
                answer += more
            head, _, body = answer.partition(b"\r\n\r\n")
            lines = head.decode().split("\r\n")
            assert lines[0].startswith("HTTP/1.0 503 ") and "Retry-After: 10" in lines
            assert json.loads(body)["error"] == "all places are taken"
            for each in [*held, sock]:
                each.close()
            device.until(lambda s: s["http"]["clients"] == 1)
    assert device.state()["http"]["dropped"] >= 7 * 4


def test_too_large_a_head_is_called_that(devices: Callable[..., Device]) -> None:
    device = devices()
    assert raw(device, REQUESTS[3]).startswith(b"HTTP/1.0 431 ")


def test_whole_answers_tell_their_length() -> None:
    for answer in (clients._BUSY, clients._TOO_LATE, clients._TOO_LARGE):
        head, _, body = answer.partition(b"\r\n\r\n")
        assert f"Content-Length: {len(body)}" in head.decode().split("\r\n")
        assert set(json.loads(body)) == {"ok", "field", "error", "allowed"}


class SlowTaker:
    """A client's side of a stream: it takes each piece after a while."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self.taken = 0

    async def awrite(self, _data: bytes) -> None:
        await asyncio.sleep(self.seconds)
        self.taken += 1


@pytest.mark.parametrize(
    ("seconds", "streaming", "most"), [(0.06, False, 10), (0.06, True, 100), (0.2, True, 0)]
)
def test_an_answer_has_one_deadline_and_each_state_of_a_stream(
    monkeypatch: pytest.MonkeyPatch, seconds: float, streaming: bool, most: int
) -> None:
    monkeypatch.setattr(clients, "_ANSWER_MS", 500)
    monkeypatch.setattr(clients, "_STALL_MS", 150)
    taker = SlowTaker(seconds)

    async def go() -> None:
        writer = clients._Writer(taker)
        for number in range(20):
            if streaming and number % 5 == 0:
                writer.begin()
            await writer.awrite(b"x")

    if streaming and most:
        asyncio.run(go())
        assert taker.taken == 20
    else:
        with pytest.raises(OSError):
            asyncio.run(go())
        assert taker.taken <= most
