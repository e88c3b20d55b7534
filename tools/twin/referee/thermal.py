# islet: the referee's own thermal model of breakers and busbars.
# GPL-3.0-or-later
"""A first-order body heated by the square of the current, apart from the house's own model.

    heat' = ((I/In)² / limit² − heat) / tau      heat 1: a breaker at the low end of its band trips

`limit` and `tau` put a *quick* breaker into the standards' bands, so that it warms before a real
one trips (numbers as quoted second-hand in the facts: IEC 60898 [IEK], UL 489 [OPF; above 50 A
unchecked]):

    IEC 60898   1.13 In never trips; 2.55 In trips in 1…60 s (≤ 32 A), 1…120 s: here in 8 s, 11 s,
                the geometric middle, from cold
    UL 489      1.00 In never trips; 2.00 In trips within 2…10 min by rating: here in a third

A busbar has no credit: its rating is its limit, and the 10 min are only a figure for comparison.
"""

from __future__ import annotations

import math
from functools import lru_cache

BUS_TAU_S = 600.0
UL_TWICE_S = ((30, 120.0), (50, 240.0), (100, 360.0), (150, 480.0), (math.inf, 600.0))


def time_constant_s(limit: float, multiple: float, trip_s: float) -> float:
    """tau for which `multiple` times the rating reaches heat 1 from cold in trip_s."""
    return trip_s / math.log(multiple**2 / (multiple**2 - limit**2))


def constants(curve: str, rating_a: float) -> tuple[float, float]:
    """(limit, tau in s) of a breaker."""
    if curve == "UL489":
        twice_s = next(s for rating, s in UL_TWICE_S if rating_a <= rating)
        return 1.05, time_constant_s(1.05, 2.0, twice_s / 3)
    return 1.14, time_constant_s(1.14, 2.55, 8.0 if rating_a <= 32 else 11.0)


@lru_cache(maxsize=1024)
def _share(dt_s: float, tau_s: float) -> float:
    """Of the way to a steady state; moments lie equally far apart, and bodies are of few kinds."""
    return -math.expm1(-dt_s / tau_s)


class Body:
    """Thermal state of one conductor or breaker pole, of 1."""

    def __init__(self, rating_a: float, limit: float, tau_s: float) -> None:
        self.heat = 0.0
        self._scale = 1 / (rating_a * limit) ** 2
        self._tau_s = tau_s

    def warm(self, amps: float, dt_s: float) -> float:
        """Let dt_s pass at `amps`; returns the heat."""
        target = amps * amps * self._scale
        self.heat += (target - self.heat) * _share(dt_s, self._tau_s)
        return self.heat
