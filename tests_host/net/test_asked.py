"""A meter that is asked over HTTP: a real server, and servers that answer what no meter would."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from firmware import image as im
from firmware.drivers import asked as module
from firmware.drivers.asked import Asked
from firmware.net.link import Link
from tests_host.net.conftest import free_port
from tests_host.net.mqtt_kit import ended
from tests_host.net.plain import Plain

UNHEARD_MS = 60_000
GIVEN: dict[str, Any] = {
    "values.host": "127.0.0.1",
    "values.path": "/api/v1/data",
    "values.current": [f"active_current_l{leg}_a" for leg in (1, 2, 3)],
    "values.power": [f"phases.{leg}.w" for leg in (0, 1, 2)],
    "values.export": None,
    "values.current_factor": 1,
    "values.power_factor": 1,
    "values.round_a": 0,
    "values.sample_ms": 500,
}


class Truth:
    def __init__(self) -> None:
        self.amps = [10.0, 4.5, 0.0]
        self.watts = [2300, -1000, 0]
        self.asked = 0

    def body(self) -> bytes:
        self.asked += 1
        self.watts[0] += 1
        document: dict[str, Any] = {"wifi_ssid": "home", "phases": [{"w": w} for w in self.watts]}
        document |= dict(zip(GIVEN["values.current"], self.amps, strict=True))
        return json.dumps(document).encode()


@contextmanager
def server(truth: Truth, port: int, protocol: str, sized: bool = True) -> Iterator[None]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = protocol

        def do_GET(self) -> None:
            if self.path != GIVEN["values.path"]:
                self.send_error(404)
                return
            body = truth.body()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            if sized:
                self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None:
            pass

    it = ThreadingHTTPServer(("127.0.0.1", port), Handler)
    thread = threading.Thread(target=it.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield
    finally:
        it.shutdown()
        it.server_close()
        thread.join()


def made(image: im.Image, port: int, **changes: Any) -> Asked:
    given = GIVEN | {f"values.{key}": value for key, value in changes.items()}
    image.live[im.NODE_AGE_MS] = UNHEARD_MS
    return Asked(image, 0, "house", given, Link("127.0.0.1", port, Plain()))


async def until(true: Callable[[], Any]) -> bool:
    end = time.monotonic() + 20
    while not true() and time.monotonic() < end:
        await asyncio.sleep(0.02)
    return bool(true())


def running(
    image: im.Image, port: int, then: Callable[[Asked], Awaitable[None]], **more: Any
) -> None:
    async def main() -> None:
        meter = made(image, port, **more)
        task = asyncio.ensure_future(meter.run())
        try:
            await then(meter)
        finally:
            await ended(task)
        assert meter.link.writer is None

    asyncio.run(main())


@pytest.mark.parametrize(
    ("protocol", "sized"), [("HTTP/1.0", True), ("HTTP/1.1", True), ("HTTP/1.0", False)]
)
def test_a_meter_is_read(site: im.Image, protocol: str, sized: bool) -> None:
    truth, port, live = Truth(), free_port(), site.live

    async def then(meter: Asked) -> None:
        assert await until(lambda: meter.polls >= 3)
        assert list(live[im.NODE_MA : im.NODE_MA + 3]) == [10_000, -4_500, 0]
        assert live[im.NODE_W + 1 : im.NODE_W + 3].tolist() == [-1000, 0]
        assert abs(live[im.NODE_W] - truth.watts[0]) <= 1
        assert 500 <= live[im.NODE_AGE_MS] < 2000
        assert meter.report()["errors"] == [] and meter.state() == "ok"

    with server(truth, port, protocol, sized):
        running(site, port, then)


def test_a_server_that_goes_and_comes_back(
    site: im.Image, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_RETRY_MS", (100,))
    truth, port = Truth(), free_port()

    async def then(meter: Asked) -> None:
        assert await until(lambda: meter.report()["errors"])
        assert site.live[im.NODE_AGE_MS] == UNHEARD_MS
        with server(truth, port, "HTTP/1.1"):
            assert await until(lambda: meter.polls >= 1)
            assert meter.report()["errors"] == []
        said = meter.polls
        assert await until(lambda: meter.report()["errors"])
        with server(truth, port, "HTTP/1.1"):
            assert await until(lambda: meter.polls > said)

    running(site, port, then)


def test_a_path_that_is_not_there_is_named(site: im.Image) -> None:
    port = free_port()

    async def then(meter: Asked) -> None:
        assert await until(lambda: meter.errors)
        assert meter.report()["errors"] == ["answer: is 404"]

    with server(Truth(), port, "HTTP/1.1"):
        running(site, port, then, path="/else")


OK = b"HTTP/1.1 200 OK\r\n"


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (b"", "is no HTTP"),
        (b"SSH-2.0\r\n\r\n{}", "is no HTTP"),
        (b"HTTP/1.1 302 Found\r\nLocation: /\r\n\r\n", "is 302"),
        (OK + b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "in chunks"),
        (OK + b"Content-Length: 5000\r\n\r\n", "longer than 3072"),
        (OK + b"Content-Length: -5\r\n\r\n", "longer than 3072"),
        (OK + b"Content-Length: x\r\n\r\n", ""),
        (OK + b"Content-Length: 50\r\n\r\n{}", "broke off"),
        (OK + b"\r\n" + b" " * 4000, "longer than 3072"),
        (OK + b"X: " + b"y" * 9000, "longer than 3072"),
        (OK + b"\r\n{}", "not a number"),
        (OK + b"\r\n{'a': 1}", "not a number"),
        (OK + b"\r\n\xff\xfe", "not a number"),
        (None, "none in 300 ms"),  # never
    ],
)
def test_what_no_meter_answers_is_named_and_taken_for_nothing(
    site: im.Image, monkeypatch: pytest.MonkeyPatch, answer: bytes | None, why: str
) -> None:
    monkeypatch.setattr(module, "_DEADLINE_MS", 300)

    async def main() -> None:
        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.readuntil(b"\r\n\r\n")
            if answer is None:
                await asyncio.sleep(5)
            else:
                writer.write(answer)
            writer.close()

        it = await asyncio.start_server(serve, "127.0.0.1", 0)
        meter = made(site, it.sockets[0].getsockname()[1])
        task = asyncio.ensure_future(meter.run())
        try:
            assert await until(lambda: meter.errors)
            assert any(why in error for error in meter.report()["errors"])
            assert site.live[im.NODE_AGE_MS] == UNHEARD_MS and meter.polls == 0
        finally:
            await ended(task)
            it.close()

    asyncio.run(main())
