# islet: what the board says while somebody watches.
# GPL-3.0-or-later
from __future__ import annotations

import time
from typing import Any

from tools.calibrate import Doubt
from tools.flash.link import Link

EVERY_S = 0.4  # a metering chip renews its means every 320 ms

Readings = list[dict[str, Any]]


class Sampler:
    def __init__(self, link: Link) -> None:
        self._link = link

    def calibration(self) -> str:
        """The board's present file; "" when there is none."""
        answer = self._link.ask("calibration")
        if answer is None:
            raise Doubt("the board is at its prompt: reset it, so that islet measures")
        return answer["text"] or ""

    def take(self, seconds: float) -> Readings:
        """Readings over so many seconds."""
        taken: Readings = []
        for _ in range(max(1, round(seconds / EVERY_S))):
            answer = self._link.ask("readings")
            if answer is None:
                raise Doubt("islet stopped in the middle: begin again")
            taken.append(answer)
            time.sleep(EVERY_S)
        return taken


def of_leg(readings: Readings, name: str, leg: int) -> list[float]:
    """The fresh values of one leg."""
    return [row[name][leg] for row in readings if row[name] is not None and len(row[name]) > leg]


def power(readings: Readings, legs: int) -> list[list[tuple[float, float]]]:
    """(W, VA) of each leg at the mains, where both are fresh."""
    return [
        [
            (row["mains_w"][k], abs(row["mains_ma"][k]) * row["grid_mv"][k] / 1e6)
            for k in range(legs)
        ]
        for row in readings
        if row["mains_w"] is not None and row["grid_mv"] is not None
    ]
