# islet: 12-bit sample streams of the front end, from the house's RMS phasors.
# GPL-3.0-or-later
"""The analogue front end and its converter, vectorised.

4800 frames a second of 19 channels; frame k is taken at k/4800 s, channel c a further 5 µs·c
later. Codes are 0…4095:

    0      control pilot   (v + 15) / 30 · 4095
    1      proximity       4095 · R / (R + 1000), open 4095
    2–4    EVSE CTs        2048 + i · 2047 / 120   (peak A)
    5–7    main CTs        2048 + i · 2047 / 400
    8–10   grid voltage    2048 + v · 2047 / 450
    11–13  house voltage   2048 + v · 2047 / 450
    14–18  a second point's pilot, proximity and EVSE CTs, as 0–4

Instruments are not ideal: gain, offset, phase error, noise, and the waves carry harmonics. Noise
belongs to the frame's index, so a stretch predicted again (link.py) has the same noise.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

FRAMES_PER_S = 4800
FIRST = 14  # channels of the board's first point and of the house
CHANNELS = 19
SKEW_S = 5e-6
CP, PP, EVSE_CT, MAIN_CT, GRID_V, HOUSE_V = 0, 1, 2, 5, 8, 11
AC_CHANNELS = 12  # channels 2…13
SECOND_CT = FIRST + EVSE_CT
_NOISE_APART = 7_919  # frames between a channel's noise and that of a second point
FULL_SCALE = 4095
CODE_PER_A_EVSE = 2047 / 120
CODE_PER_A_MAIN = 2047 / 400
CODE_PER_V = 2047 / 450
CODE_PER_PILOT_V = FULL_SCALE / 30

PILOT_HZ = 1000
PILOT_ROUND = 24  # frames: 1000/4800 = 5/24 of a period lies between two of them
PILOT_EDGE = 2e-3  # an edge takes 2 µs of the 1 ms period
NOISE_FRAMES = 65_521  # a prime; the pattern of 13.6 s changes channels each time round
MAX_FRAMES = FRAMES_PER_S  # one second at most in one call
_TINY = 1e-9  # V or A: below it a phasor has no angle

Phasors = tuple[complex, ...]  # RMS per leg, relative to the phase of their island


class Front(Protocol):
    """What a further point shows the board, with its own pilot and proximity."""

    evse_a: Phasors
    pilot_high_v: float
    pilot_low_v: float
    pilot_duty: float
    pp_ohm: float


class Stretch(Protocol):
    """A time with constant phasors, as the house gives it: t0_us < t ≤ t1_us.

    Angles grow continuously: the angle of the grid at t is grid_rad + 2π·grid_hz·(t − t0).
    """

    t0_us: int
    t1_us: int
    grid_hz: float
    grid_rad: float
    house_hz: float
    house_rad: float
    grid_v: Phasors
    house_v: Phasors
    main_a: Phasors  # + into the house; turns with the grid
    evse_a: Phasors  # + into the car; turns with the house
    pilot_high_v: float
    pilot_low_v: float
    pilot_duty: float  # 0 steady low … 1 steady high
    pp_ohm: float  # math.inf when open

    @property
    def second(self) -> Front | None:
        """The board's second point; None: nothing hangs there."""
        ...


@dataclass(frozen=True)
class Instruments:
    """Imperfections. `gain_permille`, `offset_codes` and `phase_deg` per channel, by its number;
    `noise_codes` is the standard deviation; harmonics are (order, fraction of the fundamental).
    """

    noise_codes: float = 1.5
    gain_permille: dict[int, float] = field(default_factory=dict)
    offset_codes: dict[int, float] = field(default_factory=dict)
    phase_deg: dict[int, float] = field(default_factory=dict)
    voltage_harmonics: tuple[tuple[int, float], ...] = ((5, 0.02), (7, 0.01))
    current_harmonics: tuple[tuple[int, float], ...] = ((3, 0.05), (5, 0.03))


def frame_after(t_us: int) -> int:
    """Index of the first frame taken later than t_us."""
    return t_us * FRAMES_PER_S // 1_000_000 + 1


class Synthesis:
    """Makes codes[frame, channel] (uint16) out of the house's stretches."""

    def __init__(self, instruments: Instruments, seed: int) -> None:
        self._orders, weights = _harmonics(instruments)
        scale = np.repeat([CODE_PER_A_EVSE, CODE_PER_A_MAIN, CODE_PER_V, CODE_PER_V], 3)
        gain = np.array([instruments.gain_permille.get(c, 0.0) for c in range(2, FIRST)])
        phase = np.radians([instruments.phase_deg.get(c, 0.0) for c in range(2, FIRST)])
        self._skew = np.arange(2, FIRST) * SKEW_S
        self._skew_second = np.arange(SECOND_CT, CHANNELS) * SKEW_S
        # [order, channel]: everything that turns an RMS phasor into the code of a harmonic
        turn = np.exp(1j * np.outer(self._orders, phase))
        self._front = math.sqrt(2) * weights * (scale * (1 + gain / 1000)) * turn
        self._front_second = math.sqrt(2) * weights[:, :3] * CODE_PER_A_EVSE
        self._zero = np.array(
            [2048.5 + instruments.offset_codes.get(c, 0.0) for c in range(2, FIRST)],
            dtype=np.float32,
        )
        self._dc = [instruments.offset_codes.get(c, 0.0) + 0.5 for c in (CP, PP)]
        rng = np.random.default_rng(seed)
        noise = rng.standard_normal((NOISE_FRAMES + MAX_FRAMES, FIRST), dtype=np.float32)
        noise[NOISE_FRAMES:] = np.roll(noise[:MAX_FRAMES], 1, axis=1)
        noise *= np.float32(instruments.noise_codes)
        self._noise = np.concatenate([noise, noise], axis=1)  # to take its channels from any on
        self._matrices: dict[tuple[object, ...], NDArray[np.float32]] = {}

    def codes(self, stretches: Sequence[Stretch], first: int, last: int) -> NDArray[np.uint16]:
        """Codes of frames first…last−1, [frame][channel]; the stretches must cover them."""
        count = last - first
        if not 0 <= count <= MAX_FRAMES:
            raise ValueError(f"frames {first}…{last}: at most {MAX_FRAMES} in one call")
        out = np.empty((count, CHANNELS), dtype=np.float32)
        at = first
        for index, stretch in enumerate(stretches):
            # a frame on a border belongs to the stretch that ends there
            end = min(last, frame_after(stretch.t1_us))
            if index == 0 and at < count and at < frame_after(stretch.t0_us) - 1:
                raise ValueError(f"frame {at} lies before the first stretch")
            if end > at:
                self._stretch(out[at - first : end - first], stretch, at)
                at = end
        if at < last:
            raise ValueError(f"frame {at} lies beyond the last stretch")
        start = first % NOISE_FRAMES
        turn = -(first // NOISE_FRAMES) % FIRST
        out[:, :FIRST] += self._noise[start : start + count, turn : turn + FIRST]
        start = (first + _NOISE_APART) % NOISE_FRAMES
        out[:, FIRST:] += self._noise[start : start + count, : CHANNELS - FIRST]
        np.maximum(out, 0, out=out)  # np.clip takes twice as long to begin
        np.minimum(out, FULL_SCALE, out=out)
        return out.astype(np.uint16)  # truncates; the half is in the offset

    def _stretch(self, out: NDArray[np.float32], stretch: Stretch, first: int) -> None:
        count = len(out)
        frames = np.arange(first, first + count)
        out[:, CP] = pilot_volts(stretch, frames) * CODE_PER_PILOT_V
        out[:, CP] += 15 * CODE_PER_PILOT_V + self._dc[0]
        out[:, PP] = proximity_code(stretch.pp_ohm) + self._dc[1]
        seconds = (frames * (1 / FRAMES_PER_S)) - stretch.t0_us * 1e-6
        grid = self._base(stretch.grid_rad, stretch.grid_hz, seconds)
        main, grid_v = slice(3, 6), slice(6, 9)
        matrix = self._matrix(stretch)
        ac = out[:, 2:FIRST]
        self._point(out[:, FIRST:], stretch, frames, seconds)
        if stretch.house_hz == stretch.grid_hz and stretch.house_rad == stretch.grid_rad:
            np.matmul(grid, matrix, out=ac)
        else:
            house = self._base(stretch.house_rad, stretch.house_hz, seconds)
            np.matmul(house, matrix, out=ac)
            ac[:, main] = grid @ matrix[:, main]
            ac[:, grid_v] = grid @ matrix[:, grid_v]
        ac += self._zero

    def _point(
        self,
        out: NDArray[np.float32],
        stretch: Stretch,
        frames: NDArray[np.int64],
        seconds: NDArray[Any],
    ) -> None:
        """The second point's channels; without one its pilot stands at +12 V, nothing flows."""
        second = stretch.second
        volts = 12.0 if second is None else pilot_volts(second, frames)
        out[:, CP] = volts * CODE_PER_PILOT_V
        out[:, CP] += 15 * CODE_PER_PILOT_V + 0.5
        out[:, PP] = proximity_code(math.inf if second is None else second.pp_ohm) + 0.5
        if second is not None and any(second.evse_a):
            house = self._base(stretch.house_rad, stretch.house_hz, seconds)
            np.matmul(house, self._carried(second, stretch.house_hz), out=out[:, EVSE_CT:])
        else:
            out[:, EVSE_CT:] = 0
        out[:, EVSE_CT:] += 2048.5

    def _carried(self, second: Front, house_hz: float) -> NDArray[np.float32]:
        """As _matrix, of its currents."""
        rms = np.array(second.evse_a, dtype=np.complex128)
        skew = np.exp(1j * math.tau * np.outer(self._orders, house_hz * self._skew_second))
        size = np.abs(rms)
        unit = np.divide(rms, size, out=np.ones_like(rms), where=size > _TINY)
        wave = self._front_second * skew * size * unit ** self._orders[:, None]
        return np.concatenate([wave.real, -wave.imag]).astype(np.float32)

    def _base(self, rad: float, hz: float, seconds: NDArray[Any]) -> NDArray[np.float32]:
        """[frame][order cos…, order sin…] of the angle at channel 0's instant."""
        angle = np.exp(1j * ((rad % math.tau) + math.tau * hz * seconds)).astype(np.complex64)
        powers: dict[int, NDArray[np.complexfloating]] = {1: angle}
        square = angle * angle
        for order in range(3, int(self._orders[-1]) + 1, 2):
            powers[order] = powers[order - 2] * square
        base = np.empty((len(seconds), 2 * len(self._orders)), dtype=np.float32)
        for i, order in enumerate(self._orders):
            base[:, i] = powers[int(order)].real
            base[:, i + len(self._orders)] = powers[int(order)].imag
        return base

    def _matrix(self, s: Stretch) -> NDArray[np.float32]:
        """[order cos…, order sin…][AC channel], so that base @ matrix gives codes."""
        key = (s.grid_hz, s.house_hz, *s.evse_a, *s.main_a, *s.grid_v, *s.house_v)
        known = self._matrices.get(key)
        if known is not None:
            return known
        rms = np.array([*s.evse_a, *s.main_a, *s.grid_v, *s.house_v], dtype=np.complex128)
        hz = np.repeat([s.house_hz, s.grid_hz, s.grid_hz, s.house_hz], 3)
        skew = np.exp(1j * math.tau * np.outer(self._orders, hz * self._skew))
        # a harmonic keeps its phase to the fundamental: it turns `order` times as far
        size = np.abs(rms)
        unit = np.divide(rms, size, out=np.ones_like(rms), where=size > _TINY)
        wave = self._front * skew * size * unit ** self._orders[:, None]
        matrix = np.concatenate([wave.real, -wave.imag]).astype(np.float32)
        if len(self._matrices) > 256:
            self._matrices.clear()
        self._matrices[key] = matrix
        return matrix


def _harmonics(instruments: Instruments) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Orders in use, and their weight [order][AC channel]: six currents, then six voltages."""
    current = {1: 1.0, **dict(instruments.current_harmonics)}
    voltage = {1: 1.0, **dict(instruments.voltage_harmonics)}
    orders = sorted(current | voltage)
    if orders[0] != 1 or any(order % 2 == 0 for order in orders):
        raise ValueError(f"sensors.harmonics: order {orders}, allowed odd orders from 1")
    rows = [[current.get(o, 0.0)] * 6 + [voltage.get(o, 0.0)] * 6 for o in orders]
    return np.array(orders), np.array(rows)


def proximity_code(ohm: float) -> float:
    return FULL_SCALE if math.isinf(ohm) else FULL_SCALE * ohm / (ohm + 1000)


def pilot_volts(
    stretch: Stretch | Front, frames: NDArray[np.int64]
) -> NDArray[np.float64] | float:
    """Pilot at each frame: PWM of 1 kHz whose periods start at whole milliseconds of t."""
    high, low, duty = stretch.pilot_high_v, stretch.pilot_low_v, stretch.pilot_duty
    if duty <= 0 or duty >= 1:
        return low if duty <= 0 else high
    return _pilot_round(high, low, duty)[frames % PILOT_ROUND]


@lru_cache(maxsize=64)
def _pilot_round(high: float, low: float, duty: float) -> NDArray[np.float64]:
    """Of PILOT_ROUND frames, in which five periods pass exactly."""
    phase = (np.arange(PILOT_ROUND) * 5 % PILOT_ROUND) / PILOT_ROUND
    rising = np.minimum(phase / PILOT_EDGE, 1.0)
    falling = np.clip((phase - duty) / PILOT_EDGE, 0.0, 1.0)
    return low + (high - low) * (rising - falling)
