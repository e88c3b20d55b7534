"""Who speaks first on a line: a zero before all, what is dead least of all."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from firmware import image as im
from firmware.bus.line import HEARTBEAT, POLL, SETPOINT, SPARE, ZERO, Device, Job, Line
from firmware.bus.pdu import READ_INPUT
from firmware.bus.peer import OK, TIMEOUT, Peer
from firmware.bus.rtu import Rtu
from tests_host.bus.house import House
from tests_host.bus.wire import Answer, Devices, Uart, meter_device, run
from tests_host.drivers.families import Solax
from tests_host.drivers.test_family import Home


class Crowd:
    """Devices with one job each, which notes whose turn it was."""

    def __init__(self, *ranks: int, turnaround: float = 0.008) -> None:
        self.devices = Devices(
            *(meter_device(1 + i) for i in range(len(ranks))), turnaround=turnaround
        )
        self.uart = Uart(self.devices)
        self.line = Line(Rtu(self.uart, 19_200, 10))
        self.turns: list[tuple[int, float]] = []
        self.jobs: list[Job] = []
        for i, rank in enumerate(ranks):
            device = Device(f"device {i}", 1 + i, 300)
            self.jobs.append(Job(device, rank, 250, self._turn(device, i)))
            device.jobs.append(self.jobs[-1])
            self.line.add(device)

    def _turn(self, device: Device, i: int) -> Any:
        async def read() -> None:
            self.turns.append((i, self.uart.time()))
            await self.line.rtu.read(device.peer, READ_INPUT, 0, 10)

        return read

    def peer(self, i: int) -> Peer:
        return self.line.devices[i].peer

    async def run(self, seconds: float) -> list[int]:
        """Whose turns they were."""
        task = asyncio.ensure_future(self.line.run())
        before = len(self.turns)
        await asyncio.sleep(seconds)
        task.cancel()
        return [i for i, _ in self.turns[before:]]


def test_turns_go_by_rank() -> None:
    async def main() -> None:
        crowd = Crowd(SPARE, POLL, HEARTBEAT, SETPOINT, ZERO)
        assert (await crowd.run(0.24))[:5] == [4, 3, 2, 1, 0]

    run(main)


def silent(*addresses: int) -> Any:
    return lambda request, answers: [] if request[0] in addresses else answers


def test_a_dead_device_takes_one_try_in_ten_seconds_and_the_others_keep_their_pace() -> None:
    async def main() -> None:
        crowd = Crowd(POLL, POLL, POLL)
        crowd.devices.fault = silent(2)
        await crowd.run(60)
        turns = await crowd.run(60)
        assert 5 <= turns.count(1) <= 7
        assert turns.count(0) > 225 and turns.count(2) > 225
        crowd.devices.fault = silent()
        await crowd.run(11)
        assert crowd.peer(1).code == OK and not crowd.peer(1).silences

    run(main)


def test_one_that_missed_twice_is_back_within_two_seconds() -> None:
    async def main() -> None:
        crowd = Crowd(POLL)
        await crowd.run(2)
        crowd.devices.fault = silent(1)
        await crowd.run(1)
        assert crowd.peer(0).silences
        crowd.devices.fault = silent()
        await crowd.run(2)
        assert crowd.peer(0).code == OK

    run(main)


@pytest.mark.parametrize(("rank", "goes"), [(ZERO, True), (SETPOINT, True), (POLL, False)])
def test_a_setpoint_goes_to_one_that_rests_and_a_poll_does_not(rank: int, goes: bool) -> None:
    async def main() -> None:
        crowd = Crowd(rank)
        crowd.devices.fault = silent(1)
        crowd.peer(0).note(TIMEOUT, round(crowd.uart.time() * 1000))
        assert crowd.peer(0).silences == 1
        assert bool(await crowd.run(0.02)) is goes

    run(main)


def test_one_that_takes_more_than_twice_its_share_waits_for_the_others() -> None:
    """Five devices, of which one takes 0.2 s for each answer and is always due."""

    async def main(shared: bool) -> list[int]:
        crowd = Crowd(POLL, POLL, POLL, POLL, POLL)

        def slow(request: bytes, answers: list[Answer]) -> list[Answer]:
            return [(0.2, data) for _, data in answers] if request[0] == 1 else answers

        crowd.devices.fault = slow
        crowd.jobs[0].period_ms = 10
        for job in crowd.jobs[1:]:
            job.period_ms = 100
        if not shared:
            crowd.line._choose = unshared(crowd)  # type: ignore[method-assign]
        await crowd.run(5)
        return await crowd.run(10)

    def unshared(crowd: Crowd) -> Any:
        chosen = Line._choose

        def choose(now: int) -> Job | None:
            for device in crowd.line.devices:
                device.peer.taken_ms = 0
            return chosen(crowd.line, now)

        return choose

    kept, before = run(lambda: main(True)), run(lambda: main(False))
    assert kept.count(0) >= 15, "what it may take, it has"
    others = len(kept) - kept.count(0)
    assert others > 1.2 * (len(before) - before.count(0))


def zeroed(house: House, since: float) -> float:
    """When WSet = 0 was first on the wire."""
    at = house.sunspec.register(704, "WSetMod")
    for when, frame in house.uart.sent:
        watts = frame[1] == 16 and frame[2] << 8 | frame[3] in (at, at - 1)
        if when >= since and watts and not any(frame[-6:-2]):
            return when
    raise AssertionError("no zero")


@pytest.mark.parametrize("phase", range(0, 400, 37))
def test_a_zero_is_the_next_request(phase: int) -> None:
    """Whatever else is due; but for one that waits already for the line to fall silent."""

    async def main() -> None:
        house = House()
        house.ask(im.MODE_FOLLOW, -2000)
        await house.run(4 + phase / 1000)
        beside = asyncio.ensure_future(house.run(3))
        await asyncio.sleep(1)
        asked, before = house.uart.time(), len(house.uart.sent)
        house.ask(im.MODE_FOLLOW, 0)
        await asyncio.sleep(1)
        when = zeroed(house, asked)
        between = [frame for at, frame in house.uart.sent[before:] if at < when]
        assert len(between) <= 1  # one may already wait for the line to fall silent
        beside.cancel()

    run(main)


def test_the_news_of_a_zero_ends_the_rest_of_a_dead_device() -> None:
    async def main() -> None:
        house = House(meter=False)
        house.ask(im.MODE_FOLLOW, -2000)
        await house.run(5)
        house.devices.fault = lambda request, answers: []
        await house.run(60)
        peer = house.inverter.peer
        beside = asyncio.ensure_future(house.run(9))
        while not peer.resting(round(house.uart.time() * 1000)):
            await asyncio.sleep(0.01)
        asked, before = house.uart.time(), len(house.uart.sent)
        house.ask(im.MODE_FOLLOW, 0)
        await asyncio.sleep(8)
        tries = [round(at - asked, 1) for at, _ in house.uart.sent[before:]]
        assert tries[0] <= 0.1 and len(tries) >= 4, tries
        beside.cancel()

    run(main)


@pytest.mark.parametrize("serial", [False, True], ids=["tcp", "rtu"])
def test_a_family_that_is_silent_is_told_its_zero_all_the_same(serial: bool) -> None:
    """Its answers are lost, not what it is told."""

    async def main() -> None:
        home = Home(Solax, serial)
        home.ask(2000)
        await home.run(8)
        home.answers.fault = lambda request, answers: []
        await home.run(2.5)
        assert home.family.peer.silences >= 2 and home.own.target == 2000
        home.ask(0)
        await home.run(1)
        assert home.own.target == 0
        await home.die()

    run(main)
