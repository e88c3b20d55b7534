# islet: the circuit tree: who hangs where, and what its breakers leave connected.
# GPL-3.0-or-later
from __future__ import annotations

from .circuit import Circuit
from .loads import Loads
from .spec import CircuitSpec, HouseSpec


class Panel:
    """Circuits with parents before children, the service entrance first."""

    def __init__(self, spec: HouseSpec) -> None:
        order = _in_order(spec.circuits)
        self.index = {c.name: i for i, c in enumerate(order)}
        self.circuits = [
            Circuit(c, -1 if c.parent is None else self.index[c.parent]) for c in order
        ]
        self.fed = (True,) * len(order)
        self.y_legs: tuple[complex, ...] = (0j, 0j, 0j)  # of all connected loads
        self.stale = True  # `admit` is due
        self.loads_at = self.at(spec.loads.circuit)

    def at(self, circuit: str | None) -> int:
        """Index of a circuit, the service where none is named."""
        return 0 if circuit is None else self.index[circuit]

    def admit(self, loads: Loads, shed: bool) -> None:
        """Which circuits are fed, and the admittance of their loads by leg."""
        self.stale = False
        fed: list[bool] = []
        for i, circuit in enumerate(self.circuits):
            # a tripped service parts the house from the grid, not the house from itself
            fed.append(i == 0 or (fed[circuit.parent] and not circuit.tripped))
        self.fed = tuple(fed)
        loads.admit(self.loads_at, self.index, shed)
        sums = [0j, 0j, 0j]
        for on, row in zip(fed, loads.y, strict=True):
            if on:
                for k in range(3):
                    sums[k] += row[k]
        self.y_legs = (sums[0], sums[1], sums[2])


def _in_order(circuits: list[CircuitSpec]) -> list[CircuitSpec]:
    left, order = list(circuits), []
    while left:
        known = {c.name for c in order}
        ready = [c for c in left if c.parent is None or c.parent in known]
        if not ready:
            names = ", ".join(c.name for c in left)
            raise ValueError(f"house.circuits: {names}: no way to the service entrance")
        order += ready
        left = [c for c in left if c not in ready]
    return order
