# islet: the circuit board between the chip's pins and the simulated house.
# GPL-3.0-or-later
"""Wires the chip's pin numbers to the house's names, as the circuit board's JSON says."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from tools.twin.house import House
from tools.twin.signals import Stretch

BOARDS = Path(__file__).resolve().parents[2] / "firmware" / "boards"


class BoardError(ValueError):
    """No such circuit board, or one the simulated house cannot drive."""


def read_board(name: str) -> dict[str, Any]:
    path = BOARDS / f"{name}.json"
    if not path.exists():
        known = ", ".join(sorted(p.stem for p in BOARDS.glob("*.json")))
        raise BoardError(f"board: {name!r}, allowed {known}")
    board = json.loads(path.read_text())
    if "sampling" not in board:
        raise BoardError(f"board: {name!r} has no sample stream")
    return board


class HousePort:
    """The house as the link sees it (link.House): pins instead of names."""

    def __init__(self, house: House, board: dict[str, Any]) -> None:
        self.house = house
        self._outputs = [(1 << row["pin"], row["name"]) for row in board["outputs"]]
        self._inputs = {row["name"]: row["pin"] for row in board["inputs"]}
        self.input_names = {pin: name for name, pin in self._inputs.items()}
        self._pilot_pin = board["pilot"]["pin"]
        self._edges: list[tuple[int, str, bool]] = []

    @property
    def t_us(self) -> int:
        return self.house.now_us

    @property
    def touched(self) -> bool:
        house = self.house
        return house.touched or (house.inverter is not None and house.inverter.touched)

    def set_pins(self, driven: int, level: int) -> None:
        for bit, name in self._outputs:
            self.house.set_output(name, bool(level & bit) if driven & bit else None)
        if not driven:  # the chip is in reset: its PWM pin floats as well
            self.house.set_pilot(1000, None)

    def set_pwm(self, pin: int, freq_hz: int, duty_u16: int) -> None:
        if pin == self._pilot_pin:
            self.house.set_pilot(freq_hz, duty_u16 / 65535)

    def advance(self, until_us: int) -> Sequence[Stretch]:
        house = self.house
        house.segments.clear()
        house.edges.clear()
        house.advance(until_us)
        self._edges = house.edges[:]
        return house.segments[:]

    def edges(self, after_us: int, until_us: int) -> Iterable[tuple[int, int, int]]:
        inputs = self._inputs
        for t_us, name, level in self._edges:
            if after_us < t_us <= until_us and name in inputs:
                yield t_us, inputs[name], int(level)

    def inputs(self) -> Iterable[tuple[int, int]]:
        contacts = self.house.contacts
        return [(pin, int(contacts[name])) for name, pin in self._inputs.items()]

    def snapshot(self) -> Any:
        return self.house.snapshot()

    def restore(self, state: Any) -> None:
        self.house.restore(state)
        self._edges = []
