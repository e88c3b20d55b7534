"""Questions by datagrams over real sockets, and the clock that asks so; nobody waits."""

from __future__ import annotations

import asyncio
import socket
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest

from firmware.local.sntp import BYTES, Clock
from firmware.sockets.asks import Asks
from tests_host.lan.test_sntp import NOON, answer

HERE = bytes((127, 0, 0, 1))


class Network:
    """What net/plain.py says, as far as it is asked."""

    def __init__(self) -> None:
        self.address = "127.0.0.1"
        self.flows = False
        self.asked: list[str] = []

    def waits(self) -> bool:
        return self.flows

    async def resolve(self, host: str, port: int) -> Any:
        self.asked.append(host)
        if host == "nobody":
            raise OSError("nobody knows it")
        return (2, 1, 0, "", ("127.0.0.1", port))


class Server(threading.Thread):
    """Tells the time once it is asked; `lies` come first."""

    def __init__(self, *lies: bytes) -> None:
        super().__init__(daemon=True)
        self.lies = lies
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", 0))
        self.port = self.socket.getsockname()[1]
        self.heard: list[bytes] = []

    def run(self) -> None:
        while True:
            try:
                question, sender = self.socket.recvfrom(512)
            except OSError:
                return
            self.heard.append(question)
            for lie in self.lies:
                self.socket.sendto(lie, sender)
            self.socket.sendto(answer(cookie=question[40:48]), sender)


@pytest.fixture
def server() -> Iterator[Server]:
    it = Server(b"", bytes(600), answer())
    it.start()
    yield it
    it.socket.close()


def asks(network: Network) -> Asks:
    return Asks(network, lambda count: b"\7" * count)


def clock(network: Network, host: str, port: int, monkeypatch: pytest.MonkeyPatch) -> Any:
    """One whose question goes to the test's server, from a port that is free."""
    box = asks(network)
    ask = box.ask

    async def elsewhere(ours: int, address: bytes, to: int, *rest: Any) -> Any:
        assert (ours, to) == (61_123, 123)
        return await ask(0, address, port, *rest)

    monkeypatch.setattr(box, "ask", elsewhere)
    seconds = [-1]
    return Clock(box, host, lambda: seconds[0], lambda now: seconds.__setitem__(0, now), print)


def test_the_time_over_sockets(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is no answer to the question is passed over."""
    found = asyncio.run(clock(Network(), "127.0.0.1", server.port, monkeypatch)._ask())
    assert found == NOON and len(server.heard) == 1 and len(server.heard[0]) == BYTES


def test_nobody_is_asked_without_a_network(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    network = Network()
    network.address = ""
    assert asyncio.run(clock(network, "127.0.0.1", server.port, monkeypatch)._ask()) is None
    assert asyncio.run(clock(network, "router", server.port, monkeypatch)._ask()) is None
    assert not server.heard and not network.asked


def test_a_server_that_is_blocked_slows_nobody() -> None:
    """Others have their turn all the while, and it ends."""
    silent = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    silent.bind(("127.0.0.1", 0))
    port = silent.getsockname()[1]
    longest = 0.0

    async def others() -> None:
        nonlocal longest
        last = time.monotonic()
        while True:
            await asyncio.sleep(0)
            now = time.monotonic()
            longest = max(longest, now - last)
            last = now

    async def main() -> Any:
        task = asyncio.create_task(others())
        box = asks(Network())
        found = await box.ask(0, HERE, port, memoryview(b"when?"), lambda *_: 1, 300)
        task.cancel()
        return found

    began = time.monotonic()
    assert asyncio.run(main()) is None
    assert 0.3 <= time.monotonic() - began < 1.5
    assert longest < 0.1
    silent.close()


def test_a_name_is_looked_up_at_zero_power() -> None:
    """INV-9; while power flows the address of before serves."""
    network = Network()
    box = asks(network)
    network.flows = True
    with pytest.raises(OSError, match="zero power"):
        asyncio.run(box.resolve("router"))
    assert asyncio.run(box.resolve("10.0.0.1")) == bytes((10, 0, 0, 1)), "numbers are no question"
    network.flows = False
    assert asyncio.run(box.resolve("router")) == HERE
    with pytest.raises(OSError, match="nobody"):
        asyncio.run(box.resolve("nobody"))
    network.flows = True
    assert asyncio.run(box.resolve("router")) == HERE
    with pytest.raises(OSError, match="zero power"):
        asyncio.run(box.resolve("other"))
    assert network.asked == ["router", "nobody"]
