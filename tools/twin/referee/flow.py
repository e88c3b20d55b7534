# islet: currents of all circuits at a moment, as they are and without islet's devices.
# GPL-3.0-or-later
from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tools.twin.referee.case import Case, Circuit

LEGS = ("l1", "l2", "l3")
Pair = tuple[float, float]  # A, and A without islet's devices


@dataclass(frozen=True, slots=True)
class Flow:
    """Per leg: through the breaker (signed), and into the busbar (inflows, never negative)."""

    circuit: Circuit
    breaker: tuple[Pair, ...]
    busbar: tuple[Pair, ...]  # empty without a busbar


class Flows:
    """Finds the flows of a truth; names are put together once.

    islet's part is taken away by signed RMS, as if currents were in phase: with an inductive load
    it counts a little less than it is. Sources hang on circuits of their own below a busbar.
    """

    def __init__(self, case: Case) -> None:
        legs = LEGS[: case.enter.legs]
        self._rows = []
        index = {c.name: i for i, c in enumerate(case.circuits)}
        for circuit in case.circuits:
            keys = [
                (f"{circuit.name}_{leg}_a", [f"{device}.{leg}_a" for device in circuit.devices])
                for leg in legs
            ]
            children = [index[c.name] for c in case.circuits if c.parent == circuit.name]
            self._rows.append((circuit, keys, children))

    def of(self, truth: Mapping[str, Any]) -> list[Flow]:
        pairs: list[tuple[Pair, ...]] = []
        for _, keys, _ in self._rows:
            row = []
            for own, devices in keys:
                alone = amps = truth[own]
                for device in devices:
                    alone -= truth[device]
                row.append((amps, alone))
            pairs.append(tuple(row))
        return [
            Flow(circuit, pairs[i], self._busbar(pairs, i, children) if circuit.bus_a else ())
            for i, (circuit, _, children) in enumerate(self._rows)
        ]

    @staticmethod
    def _busbar(pairs: list[tuple[Pair, ...]], i: int, children: list[int]) -> tuple[Pair, ...]:
        """The feed, and what comes out of each branch; what flows the other way is none."""
        sums = [[max(0.0, amps), max(0.0, alone)] for amps, alone in pairs[i]]
        for child in children:
            for total, (amps, alone) in zip(sums, pairs[child], strict=True):
                total[0] += max(0.0, -amps)
                total[1] += max(0.0, -alone)
        return tuple((amps, alone) for amps, alone in sums)
