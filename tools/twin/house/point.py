# islet: a local charging point: its pilot, its contactor, what flows through it.
# GPL-3.0-or-later
from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from .field import wires
from .relay import Relay
from .spec import PointSpec

if TYPE_CHECKING:
    from .car import Car

ZERO: tuple[complex, ...] = (0j, 0j, 0j)


def output(name: str, index: int) -> str:
    """An output or contact of the board's point `index`: contactor, contactor_2, …"""
    return name if index == 0 else f"{name}_{index + 1}"


class Point:
    """`flow` is the current through its contactor, which has counted its operations."""

    def __init__(
        self, spec: PointSpec, index: int, at: int, legs: int, relays: Mapping[str, Relay]
    ) -> None:
        self.name, self.index, self.at = spec.name, index, at  # its circuit
        self.legs = wires(spec.legs, legs)
        self.contactor = relays[output("contactor", index)]
        self.release = output("release", index) if spec.release else ""
        self.car: Car | None = None  # plugged in here
        self.gateway = False  # a converter lies behind the contactor
        self.pilot_hz, self.pilot_duty = 1000.0, -1.0  # −1: not driven
        self.flow = ZERO
        self.closings = self.openings = 0
        self.opened_a = self.opened_max_a = 0.0

    def switched(self, closed: bool) -> None:
        """Its main contacts have moved."""
        if closed:
            self.closings += 1
            return
        self.openings += 1
        self.opened_a = max(abs(a) for a in self.flow)
        self.opened_max_a = max(self.opened_max_a, self.opened_a)
