"""A driver on CPython against the register model of its chip, which runs in node."""

from __future__ import annotations

import cmath
import json
import math
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from firmware import image as im
from firmware.chips.circuit import Meter
from firmware.sense.atm90e32 import Atm90e32
from firmware.sense.metering import Metering
from tests_host.fields import EVSE as CHARGER
from tests_host.fields import columns

BRIDGE = Path(__file__).parent / "atm90e32_bridge.mjs"
BYTE_NS = 8_000  # at 1 MHz
CALL_NS = 3_000  # between calls, as on the chip
GRID, HOUSE = 0, 1
MAINS, EVSE = 0, 1
VOLTS_NV = 1_630_000  # 230 V : 6 V : 375 mV
AMPS_NV = 6_000_000  # 100 A : 50 mA, 12 ohm
RANGE_A = 120.0  # 720 mV at the pins


READY_S = 2.0  # within which a chip is configured and has a mean
ONE = ((GRID, MAINS),)
STEP_MS = 100


def within(value: float, truth: float, percent: float) -> bool:
    return abs(value - truth) <= abs(truth) * percent / 100


class Models:
    """The node process and the board's time."""

    def __init__(self) -> None:
        self.process = subprocess.Popen(
            ["node", str(BRIDGE)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        self.nanos = 10_000_000

    def tell(self, name: str, chip: int, argument: object = None) -> None:
        assert self.process.stdin
        self.process.stdin.write(json.dumps([name, chip, argument]).encode() + b"\n")

    def ask(self, name: str, chip: int, argument: object = None) -> Any:
        self.tell(name, chip, argument)
        assert self.process.stdin and self.process.stdout
        self.process.stdin.flush()
        answer = self.process.stdout.readline()
        assert answer, "the model died"
        return json.loads(answer)

    def close(self) -> None:
        assert self.process.stdin
        self.process.stdin.close()
        self.process.wait(10)


class Select:
    """A chip select pin."""

    def __init__(self, models: Models, chip: int) -> None:
        self.models, self.chip = models, chip
        self.transfers = 0

    def __call__(self, level: int) -> None:
        self.models.nanos += CALL_NS
        self.models.tell("cs", self.chip, [level, self.models.nanos])
        if level == 0:
            Bus.selected = self
            self.transfers += 1


class Bus:
    """machine.SPI as the driver uses it."""

    selected: Select

    def __init__(self, models: Models) -> None:
        self.models = models

    def write_readinto(self, out: Sequence[int], into: bytearray) -> None:
        assert len(out) == len(into)
        models = self.models
        arguments = [models.nanos, BYTE_NS, list(out)]
        into[:] = bytes(models.ask("spi", Bus.selected.chip, arguments))
        models.nanos += BYTE_NS * len(out)


def legs(*values: complex) -> list[float]:
    """Three phasors as the model takes them."""
    padded = [*values, *[0] * (3 - len(values))]
    return [part for v in padded for part in (complex(v).real, complex(v).imag)]


def three(rms: float, degrees: float = 0.0) -> list[float]:
    """A balanced set, turned by `degrees`."""
    turn = [cmath.exp(1j * math.radians(degrees - 120 * k)) for k in range(3)]
    return legs(*[rms * t for t in turn])


@dataclass
class Site:
    legs: int = 3
    nominal_v: int = 230
    hz: int = 50
    chips: tuple[tuple[int, int], ...] = ((GRID, MAINS), (HOUSE, EVSE))
    evse_node: bool = False
    build: dict[str, Any] = field(default_factory=dict)
    volts_nv: int = VOLTS_NV
    amps_nv: int = AMPS_NV
    pga: int = 1


class Bench:
    """A board with metering chips. Steps are control cycles of 100 ms."""

    def __init__(self, site: Site | None = None) -> None:
        self.site = site = site or Site()
        self.models = Models()
        self.image = im.Image()
        s = self.image.site
        s[im.LEG_COUNT] = s[im.DEVICE_LEGS + CHARGER] = site.legs
        s[im.NOMINAL_MV], s[im.NOMINAL_MHZ] = site.nominal_v * 1000, site.hz * 1000
        s[im.NODE_COUNT] = 3
        s[im.NODE_INSTRUMENT] = im.INSTRUMENT_CT
        s[im.DEVICE_NODE + CHARGER] = 2
        columns(s)
        s[im.NODE_INSTRUMENT + 2] = im.INSTRUMENT_POINT if site.evse_node else 0
        build = {
            "voltsPerVolt": [site.volts_nv * 1e-9] * 3,
            "voltsPerAmp": [site.amps_nv * 1e-9] * 3,
            **site.build,
        }
        self.rows, self.drivers, self.selects = [], [], []
        spi = Bus(self.models)
        for number, (volts, amps) in enumerate(site.chips):
            self.models.tell("build", number, build)
            row = Meter((17 + number, volts, amps, site.pga, site.volts_nv, site.amps_nv))
            select = Select(self.models, number)
            self.rows.append(row)
            self.selects.append(select)
            self.drivers.append(Atm90e32(spi, select, row))
        self.metering: Metering
        self.cycle_ns = 100_000_000

    def start(self, crossing_leg: int = 0) -> None:
        self.metering = Metering(self.image, self.rows, self.drivers, crossing_leg)

    def wave(
        self, volts: list[float], amps: list[float], hz: float = 0.0, chip: int | None = None
    ) -> None:
        """From now on; to one chip or all."""
        wave = {
            "t0Us": self.models.nanos // 1000,
            "hz": hz or self.site.hz,
            "rad": math.tau * (hz or self.site.hz) * self.models.nanos * 1e-9 % math.tau,
            "volts": volts,
            "amps": amps,
        }
        for number in range(len(self.drivers)) if chip is None else [chip]:
            self.models.tell("wave", number, wave)

    def step(self) -> None:
        """One control cycle: poll, age, latch, and the rest of the 100 ms."""
        due = self.models.nanos + self.cycle_ns
        self.metering.poll(self.cycle_ns // 1_000_000)
        self.image.age_rest(self.cycle_ns // 1_000_000)
        self.image.latch()
        self.models.nanos = due

    def run(self, seconds: float) -> None:
        for _ in range(round(seconds * 1e9 / self.cycle_ns)):
            self.step()

    def reading(self, index: int) -> int:
        return self.image.readings[index]


@contextmanager
def bench(site: Site | None = None, start: bool = True) -> Iterator[Bench]:
    made = Bench(site)
    try:
        if start:
            made.start()
        yield made
    finally:
        made.models.close()
