"""Spoilt frames for a line's masters and drivers, in a time of their own that costs nothing.

Each is what should have been an answer: random bytes, cut, with bits flipped, of another device,
of another function or length, glued to another, or late; whatever comes of it, nothing is raised,
no value be taken that nobody sent, and two polls later the device is heard again. What has the
right address, function, length and sum is taken by whoever checks no more than Modbus gives: it is
counted (`unseen`), and held against pymodbus' own sum. Over a connection TCP's sum guards the
values, so bits are flipped in the head alone.

    python -m tests_host.fuzz.lines --frames 1000000 --seed 1
"""

from __future__ import annotations

import argparse
import contextlib
import random
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from firmware import image as im
from firmware.bus import line as line_module
from firmware.bus import peer as peer_module
from firmware.bus import rtu as rtu_module
from firmware.bus import tcp as tcp_module
from firmware.bus.line import Line
from firmware.bus.peer import CODE_NAMES, OK, Peer
from firmware.bus.rtu import Rtu
from firmware.bus.tcp import Tcp
from firmware.drivers import meter as meter_module
from firmware.drivers import sunspec_control, sunspec_inverter, sunspec_models
from firmware.drivers.meter import Meter
from firmware.drivers.sunspec_inverter import Inverter
from tests_host.bus.connection import Behind
from tests_host.bus.house import INVERTER, profile
from tests_host.bus.wire import Devices, SunSpecDevice, meter_device, now, set_meter
from tests_host.fields import columns
from tests_host.fuzz.spoil import BAUD, HEAD, LOOK_MS, Connection, Spoil, Time, Uart

POLLS = 2  # until it is heard again
QUIET_MS = 11_000  # after which a lost connection is tried again
CLOCKED = (
    line_module, peer_module, rtu_module, tcp_module, meter_module,
    sunspec_control, sunspec_inverter, sunspec_models,
)  # fmt: skip


@contextlib.contextmanager
def clocked(clock: Time) -> Iterator[None]:
    """The firmware's modules by this time."""
    before = []
    for module in CLOCKED:
        for name in ("ticks_ms", "sleep_ms", "wait_for_ms"):
            if hasattr(module, name):
                before.append((module, name, getattr(module, name)))
                setattr(module, name, getattr(clock, name))
    try:
        yield
    finally:
        for module, name, value in before:
            setattr(module, name, value)


@dataclass
class Report:
    frames: int = 0
    kinds: Counter[str] = field(default_factory=Counter)
    codes: Counter[str] = field(default_factory=Counter)
    unseen: int = 0  # wrong, with the right address, function, length and sum
    wrong: list[str] = field(default_factory=list)

    def add(self, other: Report) -> None:
        self.frames += other.frames
        self.kinds += other.kinds
        self.codes += other.codes
        self.unseen += other.unseen
        self.wrong += other.wrong


class Bus:
    """A master, a meter and a converter with their drivers, and a device read by itself."""

    def __init__(self, seed: int, tcp: bool, clock: Time) -> None:
        self.clock = clock
        self.dice = random.Random(f"{seed} {tcp}")
        self.tcp = tcp
        self.image = im.Image()
        site = self.image.site
        site[im.LEG_COUNT] = site[im.DEVICE_LEGS + INVERTER] = 3
        site[im.NODE_COUNT], site[im.DEVICE_NODE + INVERTER] = 2, 1
        site[im.NODE_INSTRUMENT] = im.INSTRUMENT_METER
        site[im.NODE_INSTRUMENT + 1] = im.INSTRUMENT_DEVICE
        site[im.DEVICE_REVERT_MS + INVERTER] = 10_000
        columns(site)
        self.image.commands[im.ISLAND_STATE] = im.ISLAND_GRID
        self.image.commands[im.SETPOINT_MODE + INVERTER] = im.MODE_FOLLOW
        sunspec = SunSpecDevice(2)
        sunspec.seconds = lambda: self.clock.ms // 1000
        devices: Any = (Behind if tcp else Devices)(
            meter_device(1), sunspec.device, meter_device(3)
        )
        sunspec.live_in(devices)
        set_meter(devices.registers(1), [10, 5, 0], [2200, -1100, 0])
        devices.registers(3)[:120] = [self.dice.randrange(1 << 16) for _ in range(120)]
        self.spoil = Spoil(devices, self.dice, tcp)
        self.report = Report()
        self.master: Any
        if tcp:
            self.master = Tcp(Connection(self.clock, self.spoil))
        else:
            self.master = Rtu(Uart(self.clock, self.spoil), BAUD, 10)
        self._read, self._transact = self.master.read, self.master._transact
        self.master.read, self.master._transact = self._watched, self._counted
        line = Line(self.master)
        self.meter = Meter(self.image, line, profile(), 1, 0)
        self.inverter = Inverter(self.image, line, INVERTER, 2)
        self.peer = Peer("plain", 3, 300)

    async def _counted(self, peer: Peer, request: bytes) -> int:
        code = await self._transact(peer, request)
        if self.spoil.on:
            self.report.codes[CODE_NAMES[code]] += 1
        return code

    async def _watched(self, peer: Peer, function: int, register: int, count: int) -> int:
        """What a driver is given is held against what the device said."""
        code = await self._read(peer, function, register, count)
        if code != OK:
            return code
        count *= 2
        at = self.master.data()
        taken = bytes(self.master.frame[at : at + count])
        start = HEAD if self.tcp else 3
        if taken != self.spoil.good[start : start + count]:
            if self._looks_right(peer, function, at, count):
                self.report.unseen += 1
            else:
                self.report.wrong.append(f"taken {taken.hex()} from {self.spoil.said.hex()}")
        return code

    def _looks_right(self, peer: Peer, function: int, at: int, count: int) -> bool:
        """By all that a frame has, and it came in one piece; over a connection that is its head
        alone, where a device has glued its frames together wrongly."""
        head, frame = bytes((peer.address, function, count)), self.master.frame
        if self.tcp:
            whole = bytes(frame[: at + count])
            size = (count + 3).to_bytes(2, "big")
            right = whole[2:HEAD] == b"\0\0" + size + head and self.spoil.kind == "glued"
        else:
            whole = bytes(frame[at - 3 : at + count + 2])
            right = whole[:3] == head and self.spoil.summed(whole[:-2]) == whole
        return right and whole in self.spoil.said

    def rest(self, peer: Peer) -> None:
        """As a line leaves it alone."""
        while peer.resting(self.clock.ms):
            self.clock.ms += LOOK_MS

    def poll(self) -> None:
        """Of one of them, at random."""
        for peer in (self.peer, self.meter.peer, self.inverter.peer):
            self.rest(peer)
        which = self.dice.randrange(10)
        if which < 5:
            now(
                self.master.read(self.peer, 4, self.dice.randrange(60), self.dice.randrange(1, 40))
            )
        elif which < 8:
            now(self.meter.jobs[0].run())
        else:
            self.inverter.watch(self.clock.ms)
            jobs = [job for job in self.inverter.jobs if job.on]
            now(self.dice.choice(jobs).run())

    def one(self) -> None:
        """A spoilt answer, and what comes after it."""
        spoil, report = self.spoil, self.report
        self.image.commands[im.BEAT] += 1
        self.image.commands[im.SETPOINT + INVERTER] = self.dice.randrange(-4000, 4000)
        spoil.on = True
        self.poll()
        spoil.on = False
        report.frames += 1
        report.kinds[spoil.kind] += 1
        self.clock.ms += QUIET_MS if self.tcp else self.dice.randrange(0, 4000)
        code, polls = OK, 0
        while polls < POLLS:
            self.rest(self.peer)
            polls += not self.clock.coming  # what is late may be still to come
            code = now(self.master.read(self.peer, 4, 0, 20))
            if code == OK:
                return
            if self.tcp:
                self.clock.ms += QUIET_MS
        report.wrong.append(f"not heard again after {spoil.kind}: {CODE_NAMES[code]}")


def fuzz(seed: int, frames: int, tcp: bool, told: Any = lambda _: None) -> Report:
    bus_seed, done = seed, 0
    report = Report()
    while done < frames:  # ticks end before they wrap
        count = min(20_000, frames - done)
        clock = Time()
        with clocked(clock):
            bus = Bus(bus_seed, tcp, clock)
            for number in range(count):
                try:
                    bus.one()
                except Exception as error:
                    bus.report.wrong.append(
                        f"{bus.spoil.kind}: {error!r} (seed {bus_seed}, frame {number})"
                    )
                    break
                if len(bus.report.wrong) > 20:
                    break
        report.add(bus.report)
        bus_seed, done = bus_seed + 1, done + count
        told(done)
        if report.wrong:
            break
    return report


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--frames", type=int, default=1_000_000, help="half of each kind of line")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    for tcp in (False, True):
        start = time.monotonic()
        report = fuzz(options.seed, options.frames // 2, tcp)
        took = time.monotonic() - start
        print("TCP" if tcp else "RTU", report.frames, "frames,", f"{took:.0f} s")
        print("  kinds", dict(report.kinds))
        print("  codes", dict(report.codes))
        print("  unseen by the sum", report.unseen, "wrong", report.wrong[:10], flush=True)


if __name__ == "__main__":
    main()
