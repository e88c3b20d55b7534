"""Samples as the host board's front end makes them, with numpy; the truth beside them."""

from __future__ import annotations

import json
from array import array
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from firmware import image as im
from firmware.chips.circuit import Circuit
from firmware.sense import Sense
from tests_host.fields import EVSE as CHARGER
from tests_host.fields import columns
from tools.pack.circuits import pack

ROOT = Path(__file__).resolve().parents[2]
BOARD = json.loads((ROOT / "firmware/circuits/host.json").read_text())
RATE_HZ, FRAMES, CHANNELS, SKEW_S = 4800, 48, 19, 5e-6
SECOND = 14  # where a second point's channels begin
CP, PP, EVSE, MAIN, GRID, HOUSE = 0, 1, 2, 5, 8, 11
PEAK = {EVSE: 120.0, MAIN: 400.0, GRID: 450.0, HOUSE: 450.0}
BLOCKS_PER_S = 100


@dataclass
class Wave:
    """An RMS value with a phase, a fraction of fifth harmonic, and an offset in codes."""

    rms: float
    phase: float = 0.0
    fifth: float = 0.0
    offset: float = 0.0

    def at(self, t: np.ndarray, hz: float) -> np.ndarray:
        w = 2 * np.pi * hz * t + self.phase
        peak = self.rms * np.sqrt(2) / np.sqrt(1 + self.fifth**2)
        return peak * (np.sin(w) + self.fifth * np.sin(5 * w))


class Bench:
    """A Sense with its image on CPython, fed with waves per channel."""

    def __init__(self, legs: int = 3, seed: int = 1) -> None:
        self.image = im.Image()
        site = self.image.site
        site[im.LEG_COUNT] = site[im.DEVICE_LEGS + CHARGER] = legs
        site[im.DEVICE_NODE + CHARGER] = 0
        columns(site)
        site[im.NODE_COUNT] = 1
        site[im.NODE_INSTRUMENT] = im.INSTRUMENT_CT
        self.analog = Circuit(pack(BOARD)).analog
        self.sense = Sense(self.image, self.analog)
        self.random = np.random.default_rng(seed)
        self.block = 0
        self.hz = 50.0
        self.noise = 1.5
        self.waves = {c + leg: Wave(0.0) for c in PEAK for leg in range(3)}
        self.pilot = lambda t: np.full_like(t, 12.0)
        self.pp_ohm = np.inf
        self.point = 0  # whose pilot, proximity and current these are

    def codes(self, blocks: int) -> np.ndarray:
        """[frame][channel] of the next `blocks` blocks."""
        n = np.arange(self.block * FRAMES, (self.block + blocks) * FRAMES)
        self.block += blocks
        out = np.empty((len(n), CHANNELS))
        for channel in range(CHANNELS):
            t = n / RATE_HZ + channel * SKEW_S
            point, c = divmod(channel, SECOND)
            own = point == self.point  # the other point is a socket with nothing in it
            if c == CP:
                out[:, channel] = ((self.pilot(t) if own else 12.0) + 15) / 30 * 4095
            elif c == PP:
                ohm = self.pp_ohm if own else np.inf
                out[:, channel] = 4095 / (1 + 1000 / ohm) if ohm else 0
            else:
                wave = self.waves[c] if own or c > EVSE + 2 else Wave(0.0)
                peak = PEAK[(c - 2) // 3 * 3 + 2]
                out[:, channel] = 2048 + wave.offset + wave.at(t, self.hz) * 2047 / peak
        out += self.random.normal(0, self.noise, out.shape) if self.noise else 0
        return np.clip(np.rint(out), 0, 4095).astype("<u2")

    def run(self, seconds: float) -> None:
        blocks = round(seconds * BLOCKS_PER_S)
        self.feed(self.codes(blocks))

    def feed(self, codes: np.ndarray) -> None:
        for at in range(0, len(codes), FRAMES):
            self.image.age(10)
            self.sense.on_block(as_samples(codes[at : at + FRAMES]), FRAMES)


def as_samples(codes: np.ndarray) -> array:
    """Interleaved, as the converter leaves them."""
    return array("H", codes.astype("<u2").tobytes())


def pwm(duty: float, high: float, low: float = -12.0, hz: float = 1000.0):
    """A control pilot with edges of 2 µs."""

    def volts(t: np.ndarray) -> np.ndarray:
        phase = (t * hz) % 1.0
        edge = 2e-6 * hz
        up = np.clip(phase / edge, 0, 1)
        down = np.clip((phase - duty) / edge, 0, 1)
        return low + (high - low) * np.where(phase < duty, up, 1 - down)

    return volts
