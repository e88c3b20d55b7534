# islet: a stretch of time with constant phasors, as the samples are made from.
# GPL-3.0-or-later
from __future__ import annotations

import math
from dataclasses import dataclass

SAME_V_OR_A = 1e-3
SAME_DEG = 0.001


@dataclass(slots=True)
class Front:
    """What a further point shows the board."""

    evse_a: tuple[complex, ...]
    pilot_high_v: float
    pilot_low_v: float
    pilot_duty: float
    pilot_hz: float
    pp_ohm: float

    def is_as(self, new: Front) -> bool:
        was = (self.pilot_high_v, self.pilot_low_v, self.pilot_duty, self.pilot_hz, self.pp_ohm)
        now = (new.pilot_high_v, new.pilot_low_v, new.pilot_duty, new.pilot_hz, new.pp_ohm)
        amps = zip(self.evse_a, new.evse_a, strict=True)
        return was == now and all(abs(x - y) <= SAME_V_OR_A for x, y in amps)


@dataclass(slots=True)
class Segment:
    """A time with constant phasors, t0_us < t ≤ t1_us. RMS; angles relative to the own phase,
    which at t is rad + 2π·hz·(t − t0). Legs that do not exist are 0."""

    t0_us: int
    t1_us: int
    grid_hz: float
    grid_rad: float
    house_hz: float
    house_rad: float
    grid_v: tuple[complex, ...]
    house_v: tuple[complex, ...]
    main_a: tuple[complex, ...]  # + into the house, turns with the grid
    evse_a: tuple[complex, ...]  # + into the car or gateway, turns with the house
    pilot_high_v: float
    pilot_low_v: float
    pilot_duty: float  # 0 steady low, 1 steady high
    pilot_hz: float
    pp_ohm: float  # math.inf: open
    second: Front | None = None  # the board's second point

    def goes_on_as(self, new: Segment) -> bool:
        """`new`, which begins where this one ends, is the same to within a millivolt."""
        if (new.grid_hz, new.house_hz) != (self.grid_hz, self.house_hz):
            return False
        pilot = (self.pilot_high_v, self.pilot_low_v, self.pilot_duty, self.pilot_hz, self.pp_ohm)
        if pilot != (new.pilot_high_v, new.pilot_low_v, new.pilot_duty, new.pilot_hz, new.pp_ohm):
            return False
        if (
            self.second is not None
            and new.second is not None
            and not self.second.is_as(new.second)
        ):
            return False
        turn = math.tau * (new.t0_us - self.t0_us) * 1e-6
        if angle_between(new.grid_rad, self.grid_rad + turn * self.grid_hz) > SAME_DEG:
            return False
        if angle_between(new.house_rad, self.house_rad + turn * self.house_hz) > SAME_DEG:
            return False
        was = (*self.grid_v, *self.house_v, *self.main_a, *self.evse_a)
        now = (*new.grid_v, *new.house_v, *new.main_a, *new.evse_a)
        return all(abs(x - y) <= SAME_V_OR_A for x, y in zip(was, now, strict=True))


def angle_between(a_rad: float, b_rad: float) -> float:
    """Smallest angle between two phases, degrees, 0…180."""
    return abs(math.degrees((a_rad - b_rad + math.pi) % math.tau - math.pi))
