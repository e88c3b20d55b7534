# islet: a stretch of the house's waves, as a chip with converters of its own is told of it.
# GPL-3.0-or-later
from __future__ import annotations

import math
from dataclasses import dataclass

from tools.twin.link.signals import Stretch

Legs = tuple[complex, ...]  # three


@dataclass(frozen=True, slots=True)
class Wave:
    """An item of the link (wire.py): constant RMS phasors for t0_us < t ≤ t1_us, with the meaning
    signals.Stretch gives them. The pilot has its two levels only: at which of them it is, the
    chip's own pin says."""

    t0_us: int
    t1_us: int
    grid_hz: float
    grid_rad: float
    house_hz: float
    house_rad: float
    evse_a: Legs
    main_a: Legs
    grid_v: Legs
    house_v: Legs
    pilot_high_v: float
    pilot_low_v: float
    pp_ohm: float  # math.inf: open


def wave_of(stretch: Stretch, boot_us: int) -> Wave:
    """The stretch in the chip's time; one that began before the chip did is cut there."""
    t0_us = max(stretch.t0_us, boot_us)
    turn = math.tau * (t0_us - stretch.t0_us) * 1e-6
    return Wave(
        t0_us - boot_us,
        stretch.t1_us - boot_us,
        stretch.grid_hz,
        stretch.grid_rad + turn * stretch.grid_hz,
        stretch.house_hz,
        stretch.house_rad + turn * stretch.house_hz,
        stretch.evse_a,
        stretch.main_a,
        stretch.grid_v,
        stretch.house_v,
        stretch.pilot_high_v,
        stretch.pilot_low_v,
        stretch.pp_ohm,
    )
