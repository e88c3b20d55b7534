# islet: what a planner that knows all loads could let every device have.
# GPL-3.0-or-later
"""In the order of their ranks each device is given the most that the circuits leave, those of one
rank the most together; a device that needs some least has that or nothing. Each is a mixed-integer
linear program: none of islet's own ways is in it. It knows every load and wish as it is at this
moment, not what comes; it needs no meter, no proof and no growth, and is not fair among equals."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.optimize import Bounds, LinearConstraint, milp

LEAST_MA = 6_000


@dataclass(frozen=True)
class Device:
    node: int
    legs: tuple[int, ...]
    rank: int
    max_ma: int
    offers: bool
    response_ms: int = 0  # until what it is told becomes its current
    rise_ma: int = 0  # a step, of one that takes an offer


@dataclass(frozen=True)
class Tree:
    parent: list[int]
    rating_ma: list[int]
    devices: list[Device]

    def above(self, device: Device) -> list[int]:
        node, nodes = device.node, []
        while node >= 0:
            nodes.append(node)
            node = self.parent[node]
        return nodes


def best(tree: Tree, foreign_ma: list[int], wishes_ma: list[int]) -> list[float]:
    """mA per leg of every device, towards its wish."""
    given = [0.0] * len(tree.devices)
    for way in (1, -1):  # drawing; feeding back
        left = np.array(
            [tree.rating_ma[i // 3] - way * foreign_ma[i] for i in range(len(foreign_ma))], float
        )
        asks = [d for d in range(len(wishes_ma)) if wishes_ma[d] * way > 0]
        for rank in sorted({tree.devices[d].rank for d in asks}):
            group = [d for d in asks if tree.devices[d].rank == rank]
            wants = [min(abs(wishes_ma[d]), tree.devices[d].max_ma) for d in group]
            for d, ma in zip(group, _most(tree, left, group, wants), strict=True):
                given[d] = ma
                for node in tree.above(tree.devices[d]):
                    for leg in tree.devices[d].legs:
                        left[node * 3 + leg] -= ma
    return given


def _most(tree: Tree, left: np.ndarray, group: list[int], wants: list[int]) -> list[float]:
    count = len(group)
    devices = [tree.devices[d] for d in group]
    rows: Any = []
    rooms: Any = []
    for i in range(len(left)):
        row = np.zeros(2 * count)
        for c, device in enumerate(devices):
            if i // 3 in tree.above(device) and i % 3 in device.legs:
                row[c] = 1
        if row.any():
            rows.append(row)
            rooms.append(max(0.0, left[i]))
    for c, device in enumerate(devices):  # nothing, or from its least to what it wants
        least = LEAST_MA if device.offers else 0
        row = np.zeros(2 * count)
        row[c], row[count + c] = 1, -wants[c]
        rows.append(row)
        rooms.append(0.0)
        row = np.zeros(2 * count)
        row[c], row[count + c] = -1, least
        rows.append(row)
        rooms.append(0.0)
    costs = np.array([-float(len(device.legs)) for device in devices] + [0.0] * count)
    most: Any = np.array([float(ma) for ma in wants] + [1.0] * count)
    found = milp(
        costs,
        constraints=LinearConstraint(np.array(rows), -np.inf, rooms),
        bounds=Bounds(0, most),
        integrality=np.array([0] * count + [1] * count),
    )
    assert found.success, found.message
    return [float(ma) for ma in found.x[:count]]
