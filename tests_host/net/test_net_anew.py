"""How long somebody waits and is waited for, in virtual time."""

from __future__ import annotations

import asyncio
import itertools
from typing import Any

import pytest

from firmware import image as im
from firmware.net.clients import Server
from firmware.net.packets import Packets
from tests_host.bus.wire import run
from tests_host.net.mqtt_kit import link


def test_who_finds_no_place_is_told_so_after_two_seconds() -> None:
    async def main() -> float:
        server = Server((), None)
        server.clients = 6
        began = asyncio.get_running_loop().time()
        assert not await server._place("somebody")
        return asyncio.get_running_loop().time() - began

    assert run(main) == pytest.approx(2, abs=0.01)


def test_a_packets_number_is_one_of_sixteen_bits_and_never_nought() -> None:
    packets = Packets(b"me", "", 0, None, None, 30)
    packets.set_callback(print)
    packets.build(packets.connect)
    packets.pid = 64_000
    numbers = [
        int.from_bytes(packets.build(packets.subscribe, b"a", 1)[2:4], "big") for _ in range(3_000)
    ]
    assert all(b in (a + 1, 1) for a, b in itertools.pairwise(numbers))


class Silent:
    """A connection that takes everything; the broker says what `says` has, by the second."""

    def __init__(self) -> None:
        self.reader = asyncio.StreamReader()
        self.pings: list[float] = []

    def begin(self) -> None: ...

    async def send(self, data: bytes) -> None:
        if bytes(data) == b"\xc0\x00":
            self.pings.append(asyncio.get_running_loop().time())


def test_a_silent_broker_is_asked_after_ten_seconds_and_given_up_after_fifteen(
    site: im.Image,
) -> None:
    """Its answer, 12 s after the beginning, begins both anew."""

    async def main() -> tuple[list[float], float]:
        broker: Any = Silent()
        loop = asyncio.get_running_loop()
        began = loop.time()
        loop.call_at(began + 12, broker.reader.feed_data, b"\xd0\x00")
        mqtt = link(site, 1)
        mqtt._packets.build(mqtt._packets.connect)
        with pytest.raises(OSError, match="silent for 15 s"):
            await mqtt._serve(broker)
        return [at - began for at in broker.pings], loop.time() - began

    pings, end = run(main)
    assert pings == [pytest.approx(10, abs=0.3), pytest.approx(22, abs=0.3)]
    assert end == pytest.approx(27, abs=0.3)
