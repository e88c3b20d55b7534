# islet: gain, offset and delay of a channel, from what a trusted instrument says meanwhile.
# GPL-3.0-or-later
"""What the board reads already carries the calibration that is in force, so each result is the
whole new value, not a change to it. All of it is plain arithmetic on means; a reading that is too
small, too restless, or too far from the truth for a calibration is refused."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from tools.calibrate import Doubt

LEAST_READINGS = 10
RESTLESS = 0.01  # standard deviation over mean
LEAST_SHARE = 0.05  # of a channel's range, below which a gain is noise
GAIN_MOST_PPM = 200_000
SPAN16 = 4095 * 16  # of a converter's code/16


@dataclass(frozen=True)
class Mean:
    value: float
    count: int


def steady(values: Sequence[float], what: str) -> Mean:
    """Mean of readings that stand still."""
    if len(values) < LEAST_READINGS:
        raise Doubt(f"{what}: {len(values)} fresh readings are too few: is it measured at all?")
    mean = sum(values) / len(values)
    deviation = math.sqrt(sum((v - mean) ** 2 for v in values) / (len(values) - 1))
    if deviation > RESTLESS * abs(mean):
        share = 100 * deviation / abs(mean) if mean else 100
        raise Doubt(f"{what}: moves by {share:.1f} %: wait until it is steady")
    return Mean(mean, len(values))


def gain_ppm(measured: Mean, trusted: float, old_ppm: int, full: float, what: str) -> int:
    """New gain of a channel that reads `measured` under `old_ppm` where `trusted` is true.

    full: end of its range, in the same unit."""
    if trusted < LEAST_SHARE * full:
        raise Doubt(
            f"{what}: {trusted:g} is less than {100 * LEAST_SHARE:.0f} % of the range "
            f"({full:g}): take more"
        )
    if measured.value <= 0:
        raise Doubt(f"{what}: reads nothing")
    ppm = round(((1 + old_ppm / 1e6) * trusted / measured.value - 1) * 1e6)
    if abs(ppm) > GAIN_MOST_PPM:
        raise Doubt(
            f"{what}: is off by {ppm / 1e4:+.0f} %, which is no calibration: look at the ratio "
            "and the burden in the circuit board's JSON, and whether it is the same leg"
        )
    return ppm


def offset(values: Sequence[float], old: int, most: int, what: str) -> int:
    """New offset of a channel through which nothing flows, at most `most`."""
    if len(values) < LEAST_READINGS:
        raise Doubt(f"{what}: {len(values)} fresh readings are too few")
    mean = sum(values) / len(values)
    if abs(old - mean) > most:
        raise Doubt(f"{what}: {mean:.0f} is no offset: something flows; switch everything off")
    return round(old - mean)


def delay_us(
    power_w: Mean, apparent_va: float, trusted_w: float, trusted_va: float,
    lagging: bool, hz: float, old_us: int, what: str,
) -> int:  # fmt: skip
    """New delay of a current against its voltage, from the active power of a reactive load.

    A resistive load does not show a delay: the cosine is flat there. `lagging`: the current comes
    after the voltage (a motor, a transformer); else before (capacitors)."""
    factor = trusted_w / trusted_va if trusted_va else 0
    if not 0.25 <= factor <= 0.9:
        raise Doubt(
            f"{what}: a power factor of {factor:.2f} does not show a delay: take a load of 0.25 "
            "to 0.9"
        )
    seen = power_w.value / apparent_va if apparent_va else 0
    if not -1 <= seen <= 1:
        raise Doubt(f"{what}: reads more active than apparent power; calibrate its gains first")
    sign = 1 if lagging else -1
    true_angle = sign * math.acos(factor)
    seen_angle = sign * math.acos(seen)
    us = (seen_angle - true_angle) / (2 * math.pi * hz) * 1e6
    new = round(old_us + us)
    if abs(new) > 499:
        raise Doubt(
            f"{what}: a delay of {new} us is no calibration: is the load inductive as you said, "
            "and the wiring right?"
        )
    return new


@dataclass(frozen=True)
class Pilot:
    """Calibration of the control pilot's channel."""

    gain_ppm: int
    zero_code16: int


def pilot(
    low_mv: int,
    high_mv: int,
    old: Pilot,
    points: Sequence[tuple[float, float]],
    span: int = 4096,
) -> Pilot:
    """From two plateaus (read mV, true mV), the high one and the low one. low_mv, high_mv: the
    channel's scale at code 0 and 4095; span: codes from end to end of this converter."""
    (read_1, true_1), (read_2, true_2) = points
    if abs(true_1 - true_2) < 10_000:
        raise Doubt("pilot: the two plateaus must be some 20 V apart")
    step = (high_mv - low_mv) / SPAN16 * 4096 / span  # mV per code/16, before calibration
    was = step * (1 + old.gain_ppm / 1e6)
    code_1 = (read_1 - low_mv) / was - old.zero_code16
    code_2 = (read_2 - low_mv) / was - old.zero_code16
    if abs(code_1 - code_2) < 1:
        raise Doubt("pilot: reads the same at both voltages")
    gain = (true_1 - true_2) / (code_1 - code_2) / step
    zero = (true_1 - low_mv) / (step * gain) - code_1
    ppm, code16 = round((gain - 1) * 1e6), round(zero)
    if abs(ppm) > GAIN_MOST_PPM or abs(code16) > 2048:
        raise Doubt(
            f"pilot: is off by {ppm / 1e4:+.0f} % and {code16 * step:+.0f} mV, which is no "
            "calibration: look at the divider in the circuit board's JSON"
        )
    return Pilot(ppm, code16)


def proximity_zero(pull_up_ohm: int, read_ohm: float, true_ohm: float, old_code16: int) -> int:
    """New zero of the proximity's channel, from a resistor that is known."""
    if not 50 <= true_ohm <= 3_000:
        raise Doubt("proximity: take a resistor of 50 to 3000 ohm")
    if read_ohm >= 1_000_000:
        raise Doubt("proximity: reads open")
    read_code = read_ohm / (pull_up_ohm + read_ohm) * SPAN16 - old_code16
    zero = round(true_ohm / (pull_up_ohm + true_ohm) * SPAN16 - read_code)
    if abs(zero) > 2048:
        raise Doubt("proximity: too far off: look at pull_up_ohm in the circuit board's JSON")
    return zero
