"""The network of a board with a W5500, against the emulated chip and its small network."""

from __future__ import annotations

import asyncio
import errno
from collections.abc import Awaitable, Callable, Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from firmware.lan import lease
from firmware.local import address
from tests_host.bus.wire import VirtualLoop
from tests_host.lan.kit import BURST, METERS, NAME, Rig

OFFERED = bytes((192, 168, 77, 50))
ROUTER = bytes((192, 168, 77, 1))
BROKER = bytes((192, 168, 77, 20))
MASK = bytes((255, 255, 255, 0))
LISTENING, CLOSED = 0x14, 0
DISCOVER, REQUEST = ["dhcp", 1], ["dhcp", 3]


class World:
    """Runs a test's coroutine beside the tasks of the network, on virtual time."""

    def __init__(self) -> None:
        self.loop = VirtualLoop(0.1)
        self.rigs: list[Rig] = []

    def run(
        self, main: Callable[[Rig], Awaitable[Any]], fixed: bool = False, **options: Any
    ) -> Rig:
        rig = Rig(self.loop, **options)
        self.rigs.append(rig)
        keeper: Any = lease.Leased(rig.lan)
        if fixed:
            keeper = lease.Fixed(rig.lan, OFFERED, MASK, ROUTER, ROUTER)
        self.keeper = keeper

        async def all_of_it() -> None:
            tasks = [asyncio.create_task(work.run()) for work in (rig.lan, keeper)]
            try:
                await main(rig)
            finally:
                for task in tasks:
                    if task.done():
                        task.result()
                    task.cancel()
                await asyncio.gather(*tasks, return_exceptions=True)

        asyncio.set_event_loop(self.loop)
        self.loop.run_until_complete(all_of_it())
        assert rig.spi.longest <= BURST and rig.spi.baud == METERS
        return rig

    def close(self) -> None:
        for rig in self.rigs:
            rig.chip.stop()
        self.loop.close()


@pytest.fixture
def world() -> Iterator[World]:
    made = World()
    yield made
    made.close()


async def addressed(rig: Rig, seconds: float = 10) -> None:
    for _ in range(int(seconds * 10)):
        await asyncio.sleep(0.1)
        if rig.lan.address == OFFERED and rig.lan.linked:
            return
    raise AssertionError(rig.lan.state())


def test_an_address_is_asked_for_and_kept(world: World) -> None:
    async def main(rig: Rig) -> None:
        assert rig.lan.state()["link"] == "absent"
        await addressed(rig)
        state = rig.lan.state()
        assert (state["link"], state["address"], state["reason"]) == ("up", "192.168.77.50", "")
        settings = rig.chip.settings()
        assert rig.chip.named() == state["name"] == NAME
        assert settings["ip"] == "192.168.77.50" and settings["gateway"] == "192.168.77.1"
        assert rig.chip.heard() == [DISCOVER, REQUEST]
        await asyncio.sleep(301)
        assert rig.chip.heard() == [REQUEST]  # at half of 600 s, from the server
        rig.chip.silent("dhcp")
        await asyncio.sleep(590)
        assert rig.lan.address == OFFERED and rig.chip.heard()
        await asyncio.sleep(20)
        assert rig.lan.state()["address"] == "0.0.0.0"
        rig.chip.silent()
        await addressed(rig, 40)

    world.run(main)


def test_a_cable_out_and_in(world: World) -> None:
    async def main(rig: Rig) -> None:
        await addressed(rig)
        rig.chip.heard()
        rig.chip.cable(False)
        await asyncio.sleep(5)
        assert (rig.lan.state()["link"], rig.lan.reason) == ("down", "no cable")
        rig.chip.cable(True)
        await asyncio.sleep(4)
        assert rig.chip.heard() == [REQUEST]  # for the address it had
        assert rig.lan.reason == "" and rig.lan.linked

    world.run(main)


def test_a_server_that_refuses_or_is_silent(world: World) -> None:
    async def main(rig: Rig) -> None:
        rig.chip.silent("dhcp")
        await asyncio.sleep(26)
        assert rig.lan.reason == "nobody gives an address"
        assert rig.chip.heard() == [DISCOVER] * 4
        rig.chip.silent()
        rig.chip.lease({"refuses": True})
        await asyncio.sleep(14)
        assert rig.lan.reason in ("its address was refused", "asks for an address")
        rig.chip.lease({"refuses": False})
        await addressed(rig, 20)
        rig.chip.conflict()
        await asyncio.sleep(2)
        assert rig.chip.heard()[-2:] == [DISCOVER, REQUEST]

    world.run(main)


def test_the_chip_is_brought_up_again(world: World) -> None:
    """A dip of its supply: it has forgotten everything, and says nothing."""

    async def main(rig: Rig) -> None:
        await addressed(rig)
        stream = await rig.lan.connect(BROKER, 1883)
        reading = asyncio.create_task(stream.read(10))
        rig.chip.forget()
        await asyncio.sleep(1)
        assert reading.done()
        await asyncio.sleep(9)
        assert rig.chip.settings()["ip"] == "192.168.77.50" and rig.lan.reason == ""

    world.run(main)


# --- connections --------------------------------------------------------------------------------


async def pages(rig: Rig, handler: Any) -> asyncio.Task[None]:
    task = asyncio.create_task(rig.lan.serve(SimpleNamespace(handle_request=handler), "", 80))
    await asyncio.sleep(0.6)
    assert rig.chip.states()[3:7] == [LISTENING] * 4
    return task


def test_four_are_served_and_the_fifth_is_refused(world: World) -> None:
    async def echo(reader: Any, writer: Any) -> None:
        assert writer.get_extra_info("peername") == ("192.168.77.1", 40_000)
        while data := await reader.read(100):
            await writer.awrite(data)

    async def main(rig: Rig) -> None:
        await addressed(rig)
        task = await pages(rig, echo)
        lines = [rig.chip.knock(80) for _ in range(5)]
        assert lines[4] < 0 <= min(lines[:4])
        for i in lines[:4]:
            rig.chip.say(i, bytes((65 + i,)).hex())
        await asyncio.sleep(0.1)
        assert [rig.chip.got(i) for i in lines[:4]] == ["41", "42", "43", "44"]
        assert rig.lan.state()["connections"] == 4
        for i in lines[:4]:
            rig.chip.finish(i)
        await asyncio.sleep(1)
        assert rig.chip.states()[3:7] == [LISTENING] * 4
        assert rig.lan.state()["connections"] == 0
        task.cancel()

    world.run(main, fixed=True)


def test_more_than_a_buffer_either_way(world: World) -> None:
    much = bytes(i * 7 & 255 for i in range(9_000))
    heard = bytearray()

    async def take(reader: Any, writer: Any) -> None:
        while len(heard) < len(much):
            heard.extend(await reader.read(1_000))
        writer.write(much[:4_000])
        writer.write(much[4_000:])
        await writer.drain()

    async def main(rig: Rig) -> None:
        await addressed(rig)
        task = await pages(rig, take)
        line = rig.chip.knock(80)
        rig.chip.say(line, much.hex())
        await asyncio.sleep(3)
        assert bytes(heard) == much
        assert bytes.fromhex(rig.chip.got(line)) == much
        assert rig.chip.log(line) == ["end"]  # after all of it
        rig.chip.finish(line)
        await asyncio.sleep(0.6)
        assert rig.chip.states()[3:7] == [LISTENING] * 4
        task.cancel()

    world.run(main, fixed=True)


def test_a_peer_that_takes_nothing_or_goes(world: World) -> None:
    failed: list[str] = []

    async def speak(reader: Any, writer: Any) -> None:
        try:
            for _ in range(10):
                await asyncio.wait_for(writer.awrite(bytes(1000)), 5)
        except (TimeoutError, OSError) as error:
            failed.append(type(error).__name__)

    async def main(rig: Rig) -> None:
        await addressed(rig)
        task = await pages(rig, speak)
        line = rig.chip.knock(80)
        rig.chip.stall(line, True)
        await asyncio.sleep(12)
        assert failed == ["TimeoutError"]
        assert rig.chip.states()[3:7] == [LISTENING] * 4 and "abort" in rig.chip.log(line)
        line = rig.chip.knock(80)
        rig.chip.stall(line, True)
        await asyncio.sleep(0.1)
        rig.chip.ask("break", line)
        await asyncio.sleep(1)
        assert failed == ["TimeoutError", "OSError"]
        assert rig.chip.states()[3:7] == [LISTENING] * 4
        task.cancel()

    world.run(main, fixed=True)


def test_a_connection_of_ours(world: World) -> None:
    async def main(rig: Rig) -> None:
        await addressed(rig)
        stream = await rig.lan.connect(BROKER, 1883)
        assert rig.chip.lines() == ["192.168.77.20:1883"]
        stream.write(b"hello")
        await stream.drain()
        await asyncio.sleep(0.01)
        rig.chip.say(0, b"\x20\x02\0\0".hex())
        assert await stream.readexactly(4) == b"\x20\x02\0\0"
        assert rig.chip.got(0) == b"hello".hex()
        rig.chip.say(0, b"ab".hex())
        rig.chip.finish(0)
        with pytest.raises(EOFError):
            await stream.readexactly(3)
        stream.s.close()
        await asyncio.sleep(1)
        assert rig.chip.states()[1] == CLOSED
        rig.chip.answer("broken")
        with pytest.raises(OSError, match="111"):
            await rig.lan.connect(BROKER, 1883)
        with pytest.raises(OSError, match="does not answer"):
            await rig.lan.connect(bytes((192, 168, 77, 99)), 1883)
        rig.chip.answer("")
        task = asyncio.create_task(rig.lan.connect(BROKER, 1883))
        await asyncio.sleep(0.5)
        task.cancel()
        await asyncio.sleep(0.1)
        assert rig.chip.states()[1] == CLOSED  # and its place is free again
        rig.chip.answer("connected")
        streams = [await rig.lan.connect(BROKER, 1883) for _ in range(3)]
        with pytest.raises(OSError, match="no socket"):
            await rig.lan.connect(BROKER, 1883)
        assert streams[0].number == 1

    world.run(main, fixed=True)


def test_a_peer_that_vanished_is_noticed(world: World) -> None:
    """Half a minute of silence, then 6.3 s of asking; one that is only silent is kept."""

    async def main(rig: Rig) -> None:
        await addressed(rig)
        gone, silent = [await rig.lan.connect(BROKER, 1883) for _ in range(2)]
        for stream in (gone, silent):
            await stream.awrite(b"hello")
        await asyncio.sleep(1)
        reading = [asyncio.create_task(stream.read(10)) for stream in (gone, silent)]
        rig.chip.vanish(0)
        await asyncio.sleep(34)
        assert not reading[0].done()
        await asyncio.sleep(3)
        with pytest.raises(OSError, match=str(errno.ECONNRESET)):
            await reading[0]
        gone.close()
        assert rig.chip.states()[1] == CLOSED and (await rig.lan.connect(BROKER, 1883)) is gone
        await asyncio.sleep(200)
        assert not reading[1].done() and silent.speaks
        reading[1].cancel()

    world.run(main, fixed=True)


def test_nothing_goes_without_an_address(world: World) -> None:
    async def main(rig: Rig) -> None:
        await asyncio.sleep(0.6)
        with pytest.raises(OSError, match="no network: no cable"):
            await rig.lan.connect(BROKER, 1883)
        with pytest.raises(OSError, match="cannot be looked up"):
            await rig.lan.resolve("broker")
        assert await rig.lan.resolve("10.1.2.3") == bytes((10, 1, 2, 3))

    world.run(main)


def test_names(world: World) -> None:
    async def main(rig: Rig) -> None:
        await addressed(rig)
        assert await rig.lan.resolve("broker") == BROKER
        with pytest.raises(OSError, match="no address"):
            await rig.lan.resolve("elsewhere.example")
        rig.chip.lie("dns", "00" * 40)  # of another question: the next answer counts
        start = asyncio.get_running_loop().time()
        assert await rig.lan.resolve("broker") == BROKER
        assert asyncio.get_running_loop().time() - start < 3
        rig.chip.silent("dns")
        with pytest.raises(OSError):
            await rig.lan.resolve("broker")

    world.run(main)


def test_nothing_is_asked_of_the_chip_while_nothing_happens(world: World) -> None:
    """Four looks a second at what no interrupt tells: two frames, and none for each socket."""

    async def main(rig: Rig) -> None:
        await addressed(rig)
        await pages(rig, None)
        before = rig.chip.frames()
        await asyncio.sleep(10)
        assert rig.chip.frames() - before <= 2 * 40 + 2

    world.run(main, fixed=True)


def test_addresses_as_text() -> None:
    assert address.numbers("192.168.0.1") == b"\xc0\xa8\0\1"
    assert address.numbers("192.168.0.256") is None and address.numbers("1.2.3") is None
    assert address.dotted(b"\xc0\xa8\0\1") == "192.168.0.1"
