# islet: what the unit's own clamps and voltage inputs see of the house, and their faults.
# GPL-3.0-or-later
"""Fixed imperfections (gain, offset, phase, noise) belong to the samples: signals.py. Here are
those that come and go in a run: a clamp turned round, dead, frozen, on another leg."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from .meter import ORDERS
from .segment import Front, Segment

if TYPE_CHECKING:
    from . import House
    from .point import Point

GROUPS: tuple[str, ...] = (
    "evse",
    "main",
    "grid",
    "house",
)  # clamps at the charger and mains, volts of both sides
Phasors = tuple[complex, ...]


class Instruments:
    """Per group a factor for each leg (−1 turned round, 0 dead), which leg each has, and what a
    frozen one goes on to show. `faulty` is False while all is as it should be."""

    def __init__(self) -> None:
        self.gains = dict.fromkeys(GROUPS, (1.0, 1.0, 1.0))
        self.orders = dict.fromkeys(GROUPS, ORDERS[0])
        self.held: dict[str, tuple[complex | None, ...]] = dict.fromkeys(GROUPS, (None,) * 3)
        self.faulty = False

    def gain(self, group: str, leg: int, value: float) -> None:
        row = list(self.gains[group])
        row[leg] = value
        self.gains = {**self.gains, group: tuple(row)}
        self._look()

    def order(self, group: str, value: str) -> None:
        self.orders = {**self.orders, group: value}
        self._look()

    def freeze(self, group: str, leg: int, frozen: bool, true: Phasors) -> None:
        """From now on it shows what it shows now."""
        row = list(self.held[group])
        row[leg] = self.shown(group, true)[leg] if frozen else None
        self.held = {**self.held, group: tuple(row)}
        self._look()

    def _look(self) -> None:
        self.faulty = any(
            self.gains[g] != (1, 1, 1) or self.orders[g] != ORDERS[0] or any(
                v is not None for v in self.held[g]
            )
            for g in GROUPS
        )  # fmt: skip

    def shown(self, group: str, true: Phasors) -> Phasors:
        """The phasors of a group as its instruments show them."""
        order, gains, held = self.orders[group], self.gains[group], self.held[group]
        return tuple(
            true[int(order[k]) - 1] * gains[k] if (frozen := held[k]) is None else frozen
            for k in range(3)
        )


def _point(house: House) -> Point:
    """The board's first point; its currents are those whose instruments may be wrong."""
    return house.points[0] if house.points else house.no_point


def measured(house: House, group: str) -> Phasors:
    """What the unit's own instruments of a group show."""
    n = house.network
    evse_a = _point(house).flow
    true = {"grid": n.grid_v, "house": n.house_v, "main": n.main_a, "evse": evse_a}[group]
    return house.instruments.shown(group, true)


def _front(point: Point) -> Front:
    """What a point's own wires carry to the board."""
    duty, car = point.pilot_duty, point.car
    if duty < 0:
        high = low = 0.0
    elif car is not None:
        high, low = car.pilot_v(12.0), car.pilot_v(-12.0)
    else:
        high, low = 12.0, -12.0
    ohm = car.proximity_ohm if car is not None and car.plugged else math.inf
    return Front(point.flow, high, low, 1.0 if duty < 0 else duty, point.pilot_hz, ohm)


def shown(house: House, end_us: int) -> Segment:
    """Constant phasors from now to end_us, as they reach the unit's front end."""
    n, point = house.network, _point(house)
    grid_hz, grid_rad = house.grid_side()
    front = _front(point)
    grid_v, house_v, main_a, evse_a = n.grid_v, n.house_v, n.main_a, point.flow
    if house.instruments.faulty:
        grid_v, house_v = measured(house, "grid"), measured(house, "house")
        main_a, evse_a = measured(house, "main"), measured(house, "evse")
    return Segment(
        house.now_us,
        end_us,
        grid_hz,
        grid_rad,
        house.house_hz,
        house.house_rad,
        grid_v,
        house_v,
        main_a,
        evse_a,
        front.pilot_high_v,
        front.pilot_low_v,
        front.pilot_duty,
        front.pilot_hz,
        front.pp_ohm,
        _front(house.points[1]) if len(house.points) > 1 else None,
    )
