"""How much time a device needs is learned: a pause after its answers, a longer time-out."""

from __future__ import annotations

import asyncio

import pytest

from firmware.bus.line import POLL, Device, Job, Line
from firmware.bus.pdu import READ_INPUT
from firmware.bus.peer import OK, Peer
from firmware.bus.rtu import Rtu
from tests_host.bus.wire import Answer, Devices, Uart, meter_device, run

SECOND = 1000
TIMEOUT_MS = 300


class Slow:
    """A line with one device that takes `turnaround` s and is deaf for `pause` s after an answer,
    and an ordinary one beside it; both are polled by two jobs."""

    def __init__(self, turnaround: float, pause: float) -> None:
        self.devices = Devices(meter_device(1), meter_device(2))
        self.uart = Uart(self._answers)
        self.line = Line(Rtu(self.uart, 19_200, 10))
        self.turnaround, self.pause = turnaround, pause
        self.deaf_until = 0.0
        self.good = {1: 0, 2: 0}
        self.peers = {}
        for address in (1, 2):
            device = Device(f"device {address}", address, TIMEOUT_MS)
            self.peers[address] = device.peer
            for register in (0, 10):
                device.jobs.append(Job(device, POLL, 250, self._job(device, register)))
            self.line.add(device)

    def _job(self, device: Device, register: int):  # type: ignore[no-untyped-def]
        async def read() -> None:
            code = await self.line.rtu.read(device.peer, READ_INPUT, register, 4)
            self.good[device.peer.address] += code == OK

        return read

    def _answers(self, request: bytes) -> list[Answer]:
        answers = self.devices(request)
        if request[0] != 1:
            return answers
        if self.uart.time() < self.deaf_until:
            return []
        frame = answers[0][1]
        size = (len(request) + len(frame)) * self.uart.char
        self.deaf_until = self.uart.time() + size + self.turnaround + self.pause
        return [(self.turnaround, frame)]


def heard(turnaround: float, pause: float) -> tuple[dict[int, int], dict[int, Peer]]:
    """Good answers by address in 20 s, after a minute of learning; and the peers."""

    async def main() -> tuple[dict[int, int], dict[int, Peer]]:
        slow = Slow(turnaround, pause)
        running = asyncio.ensure_future(slow.line.run())
        await asyncio.sleep(60)
        before = dict(slow.good)
        await asyncio.sleep(20)
        running.cancel()
        return {a: slow.good[a] - before[a] for a in before}, slow.peers

    return run(main)


@pytest.mark.parametrize("pause", [0.005, 0.02, 0.1, 0.5, 1.0])
def test_a_device_that_needs_a_pause_is_heard(pause: float) -> None:
    """Before, the probe after a silence was answered and the read behind it never was."""
    good, peers = heard(0.008, pause)
    assert good[1] >= 0.5 * 20 / max(pause, 0.125), (good, peers[1].pause_ms)
    assert pause * SECOND <= peers[1].pause_ms <= max(2 * pause * SECOND, 10)


@pytest.mark.parametrize("turnaround", [0.32, 0.6, 1.0, 1.5])
def test_a_device_that_answers_late_is_waited_for(turnaround: float) -> None:
    good, peers = heard(turnaround, 0)
    assert good[1] >= 0.6 * 20 / (turnaround + 0.3), (good, peers[1].timeout_ms)
    assert turnaround * SECOND <= peers[1].timeout_ms <= 2_000


@pytest.mark.parametrize(("turnaround", "pause"), [(0.008, 0), (0.008, 0.5), (1.2, 0), (0.6, 0.3)])
def test_the_device_beside_it_is_heard_all_the_while(turnaround: float, pause: float) -> None:
    good, peers = heard(turnaround, pause)
    assert good[2] >= 20 / (2 * turnaround + 0.2), good
    assert peers[2].pause_ms == 0 and peers[2].timeout_ms == TIMEOUT_MS


def test_an_ordinary_line_learns_nothing() -> None:
    good, peers = heard(0.03, 0)
    assert peers[1].pause_ms == 0 and peers[1].timeout_ms == TIMEOUT_MS
    assert good[1] > 130
