"""How old control values grow on a line with a converter, two meters and one that is dead, and how
long a zero waits: in virtual time, frames and turnarounds as on a wire or over a connection."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Any

from firmware import image as im
from firmware.bus.line import Line
from firmware.bus.rtu import Rtu
from firmware.bus.tcp import Tcp
from firmware.drivers.meter import Meter
from firmware.drivers.sunspec_inverter import Inverter
from firmware.net.link import Link
from tests_host.bus.connection import Behind, Network
from tests_host.bus.house import INVERTER, profile
from tests_host.bus.wire import Devices, SunSpecDevice, Uart, meter_device, run, set_meter
from tests_host.fields import columns

GRID, CONVERTER, SECOND, DEAD = 1, 2, 3, 9  # addresses
NODES = 4  # of the grid's meter, the converter, the second meter and the dead one
TIMEOUT_MS = 300  # of all of them
MARGIN_MS = 10
TURNAROUND_S = 0.02  # of each device
PROFILE = "sdm630"
STEP_MS = 10
SILENCE_S = 0.004  # 3.5 characters at 9,600 baud
HEAD = 4  # bytes of a frame before the count of what is asked


@dataclass
class Found:
    """In ms. `sum_ms`: a round of frames and turnarounds, a time-out and 10 ms."""

    frames_ms: float
    turnarounds_ms: float
    sum_ms: float
    ages_ms: dict[str, list[int]]
    zeros_ms: list[float]  # from when the line was free, or from the wish where it was
    tries: int  # of the dead device, a minute

    def p99(self, name: str) -> int:
        ages = sorted(self.ages_ms[name])
        return ages[len(ages) * 99 // 100]


class Site:
    """baud 0: over a connection."""

    def __init__(self, baud: int) -> None:
        self.baud = baud
        self.image = im.Image()
        site = self.image.site
        site[im.LEG_COUNT] = site[im.DEVICE_LEGS + INVERTER] = 3
        site[im.NODE_COUNT], site[im.DEVICE_NODE + INVERTER] = NODES, 1
        for node, (kind, row) in enumerate(
            (
                (im.INSTRUMENT_METER, 0),
                (im.INSTRUMENT_DEVICE, INVERTER),
                (im.INSTRUMENT_METER, 1),
                (im.INSTRUMENT_METER, 2),
            )
        ):
            site[im.NODE_INSTRUMENT + node] = kind
            site[im.NODE_INSTRUMENT_ROW + node] = row
        site[im.DEVICE_REVERT_MS + INVERTER] = 10_000
        columns(site)
        self.image.commands[im.ISLAND_STATE] = im.ISLAND_GRID
        self.sunspec = SunSpecDevice(CONVERTER)
        others = (meter_device(GRID), meter_device(SECOND), self.sunspec.device)
        self.devices: Any = (Devices if baud else Behind)(*others, turnaround=TURNAROUND_S)
        self.sunspec.live_in(self.devices)
        self.log: list[tuple[float, bytes, int]] = []  # when, request, bytes of the answer
        if baud:
            self.uart = Uart(self._answer, baud)
            self.line = Line(Rtu(self.uart, baud, 10))
        else:
            self.line = Line(Tcp(Link("192.168.0.20", 502, Network(self._answer))))
        for node, address in ((0, GRID), (2, SECOND), (3, DEAD)):
            meter = Meter(
                self.image, self.line, profile(PROFILE), address, node, f"meter {address}"
            )
            meter.begin_with(TIMEOUT_MS, None)
            self.sample_ms = meter.profile.sample_ms  # as old a value is before it is asked for
        Inverter(self.image, self.line, INVERTER, CONVERTER)
        for address in (GRID, SECOND):
            set_meter(self.devices.registers(address), [10, 5, 0], [2200, -1100, 0])

    def time(self) -> float:
        return asyncio.get_running_loop().time()

    def _answer(self, request: bytes) -> Any:
        answers = self.devices(request)
        self.log.append((self.time(), request, sum(len(data) for _, data in answers)))
        return answers

    def wire_s(self, count: int) -> float:
        return count * 10 / self.baud if self.baud else 0.0

    def round(self, first: int) -> tuple[float, float]:
        """Frames with the silences before them, and turnarounds, of everything that living devices
        were asked since, each once, in ms."""
        asked: dict[bytes, int] = {}
        for _, request, size in self.log[first:]:
            place = request if self.baud else request[6:]
            if place[0] != DEAD and size:
                asked[place[: HEAD if place[1] > HEAD else HEAD + 2]] = len(request) + size
        silence_s = max(3.5 * 10 / self.baud, 0.00175) if self.baud else 0.0
        frames = sum(self.wire_s(size) + silence_s for size in asked.values())
        return frames * 1000, TURNAROUND_S * 1000 * len(asked)

    async def live(self, ages: dict[str, list[int]] | None = None) -> None:
        """The rest of the firmware: values grow old, core beats, no meter's voltage stands."""
        live = self.image.live
        step = 0
        while True:
            await asyncio.sleep(STEP_MS / 1000)
            self.image.age(STEP_MS)
            step += 1
            if step % 10 == 0:
                self.image.commands[im.BEAT] += 1
                for address in (GRID, SECOND):
                    words = self.devices.registers(address)
                    words[1] = (words[1] + 1) & 0xFF
            if ages is not None:
                ages["grid meter"].append(live[im.NODE_AGE_MS] - self.sample_ms)
                ages["second meter"].append(live[im.NODE_AGE_MS + 2] - self.sample_ms)
                ages["converter"].append(live[im.DEVICE_AGE_MS + INVERTER])

    def ask(self, w: int) -> None:
        self.image.commands[im.SETPOINT_MODE + INVERTER] = im.MODE_FOLLOW
        self.image.commands[im.SETPOINT + INVERTER] = w

    def free(self, at: float) -> float:
        """When the line was free, of who asked then: the transaction under way has ended, and the
        silence behind it, which is a frame's own end."""
        begun = [(when, request, size) for when, request, size in self.log if when < at]
        if not begun:
            return at
        when, request, size = begun[-1]
        if size:
            ends = when + self.wire_s(len(request) + size) + TURNAROUND_S
        else:
            ends = when + self.wire_s(len(request) + 41) + TIMEOUT_MS / 1000
        silence_s = max(3.5 * 10 / self.baud, 0.00175) if self.baud else 0.0
        return max(at, ends + silence_s)

    def zeroed(self, since: int) -> float:
        """When the zero was sent."""
        at = self.sunspec.register(704, "WSetMod")
        for when, request, _ in self.log[since:]:
            place = request if self.baud else request[6:]
            end = -2 if self.baud else len(request)
            watts = place[1] == 16 and place[2] << 8 | place[3] in (at, at - 1)
            if watts and not any(request[:end][-4:]):
                return when
        raise AssertionError("no zero")


def measure(baud: int, seconds: int = 300, zeros: int = 60) -> Found:
    async def main() -> Found:
        site = Site(baud)
        ages: dict[str, list[int]] = {"grid meter": [], "second meter": [], "converter": []}
        site.ask(-2000)
        tasks = [asyncio.ensure_future(site.line.run()), asyncio.ensure_future(site.live())]
        await asyncio.sleep(60)  # found, and the dead one known
        tasks[1].cancel()
        tasks[1] = asyncio.ensure_future(site.live(ages))
        first = len(site.log)
        await asyncio.sleep(seconds)
        place = 0 if baud else 6
        tries = sum(1 for _, request, _ in site.log[first:] if request[place] == DEAD)
        frames, turnarounds = site.round(first)
        waits: list[float] = []
        for number in range(zeros):
            site.ask(-2000)
            await asyncio.sleep(1.2 + 0.0137 * number)
            begun = len(site.log)
            while len(site.log) == begun:  # amid a transaction
                await asyncio.sleep(0.001)
            await asyncio.sleep(0.0007 * (number % 20))
            asked, before = site.time(), len(site.log)
            site.ask(0)
            await asyncio.sleep(0.8)
            zero = site.zeroed(before)
            # one that was chosen before waits for the line to fall silent: it is under way too
            chosen = [when for when, _, _ in site.log[before:] if when < zero]
            falls_silent = site.free(asked) <= asked + SILENCE_S
            since = chosen[0] + 1e-6 if chosen and falls_silent else asked
            waits.append((zero - site.free(since)) * 1000)
        for task in tasks:
            if task.done():
                task.result()
            task.cancel()
        dead_ms = TIMEOUT_MS + site.wire_s(8) * 1000
        whole = frames + turnarounds + dead_ms + MARGIN_MS
        return Found(frames, turnarounds, whole, ages, waits, round(tries * 60 / seconds))

    return run(main)
