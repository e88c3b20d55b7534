# islet: currents of all circuits at a moment, as they are and without islet's devices.
# GPL-3.0-or-later
from __future__ import annotations

import cmath
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from tools.twin.referee.case import Case, Circuit

LEGS = ("l1", "l2", "l3")
ANGLES_DEG = {1: (0,), 2: (0, 180), 3: (0, -120, 120)}
Pair = tuple[float, float]  # A, and A without islet's devices


@dataclass(frozen=True, slots=True)
class Flow:
    """Per leg: through the breaker (signed), and into the busbar (inflows, never negative); and
    through the neutral, the sum of the legs as phasors."""

    circuit: Circuit
    breaker: tuple[Pair, ...]
    busbar: tuple[Pair, ...]  # empty without a busbar
    neutral: Pair = (0.0, 0.0)


def lessen(truth: dict[str, Any], circuit: str, leg: int, legs: int, amps: float) -> None:
    """Take a device's current off a circuit's leg, and off its neutral."""
    truth[f"{circuit}_{LEGS[leg]}_a"] -= amps
    angle = math.radians(truth.get(f"{circuit}_n_deg", 0.0))
    neutral = cmath.rect(truth.get(f"{circuit}_n_a", 0.0), angle)
    size, angle = cmath.polar(neutral - cmath.rect(amps, math.radians(ANGLES_DEG[legs][leg])))
    truth[f"{circuit}_n_a"], truth[f"{circuit}_n_deg"] = size, math.degrees(angle)


class Flows:
    """Finds the flows of a truth; names are put together once.

    islet's part is taken away by signed RMS, as if currents were in phase: with an inductive load
    it counts a little less than it is; of the neutral as if they were in phase with the nominal
    voltages. Sources hang on circuits of their own below a busbar.
    """

    def __init__(self, case: Case) -> None:
        legs = LEGS[: case.enter.legs]
        self._rows: list[tuple[Circuit, list[tuple[str, list[str]]], tuple[str, str]]] = []
        self._children: list[list[int]] = []
        self._turns = [cmath.rect(1, math.radians(d)) for d in ANGLES_DEG[len(legs)]]
        index = {c.name: i for i, c in enumerate(case.circuits)}
        for circuit in case.circuits:
            keys = [
                (f"{circuit.name}_{leg}_a", [f"{device}.{leg}_a" for device in circuit.devices])
                for leg in legs
            ]
            self._rows.append((circuit, keys, (f"{circuit.name}_n_a", f"{circuit.name}_n_deg")))
            self._children.append(
                [index[c.name] for c in case.circuits if c.parent == circuit.name]
            )

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
            Flow(
                circuit,
                pairs[i],
                self._busbar(pairs, i, self._children[i]) if circuit.bus_a else (),
                self._neutral(truth, neutral, pairs[i]),
            )
            for i, (circuit, _, neutral) in enumerate(self._rows)
        ]

    def _neutral(
        self, truth: Mapping[str, Any], keys: tuple[str, str], pairs: Iterable[Pair]
    ) -> Pair:
        amps = truth.get(keys[0], 0.0)
        own = sum(
            (a - alone) * turn
            for (a, alone), turn in zip(pairs, self._turns, strict=True)
            if a != alone
        )
        if not own:
            return amps, amps
        angle = math.radians(truth.get(keys[1], 0.0))
        return amps, abs(cmath.rect(amps, angle) - own)

    @staticmethod
    def _busbar(pairs: list[tuple[Pair, ...]], i: int, children: list[int]) -> tuple[Pair, ...]:
        """The feed, and what comes out of each branch; what flows the other way is none."""
        sums = [[max(0.0, amps), max(0.0, alone)] for amps, alone in pairs[i]]
        for child in children:
            for total, (amps, alone) in zip(sums, pairs[child], strict=True):
                total[0] += max(0.0, -amps)
                total[1] += max(0.0, -alone)
        return tuple((amps, alone) for amps, alone in sums)
