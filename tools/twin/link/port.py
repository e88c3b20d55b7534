# islet: the circuit board between the chip's pins and the simulated house.
# GPL-3.0-or-later
"""Wires the chip's pin numbers to the house's names, as the circuit board's JSON says."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Any

from tools.twin.house import House
from tools.twin.link.signals import Stretch
from tools.workshop import ROOT

CIRCUITS = ROOT / "firmware" / "circuits"


class BoardError(ValueError):
    """No such circuit board, or one the simulated house cannot drive."""


def read_board(name: str) -> dict[str, Any]:
    path = CIRCUITS / f"{name}.json"
    if not path.exists():
        known = ", ".join(sorted(p.stem for p in CIRCUITS.glob("*.json") if "." not in p.stem))
        raise BoardError(f"board: {name!r}, allowed {known}")
    board = json.loads(path.read_text())
    if "sampling" not in board:
        raise BoardError(f"board: {name!r} has no sample stream")
    return board


class HousePort:
    """The house as the link sees it (link.House): pins instead of names.

    An input pin may read several contacts in one loop: it is high while any of them is. Coils that
    the board's dead-man holds get what their pin says AND what the dead-man pin says."""

    def __init__(self, house: House, board: dict[str, Any]) -> None:
        self.house = house
        dead_man = board.get("dead_man", {"pin": 0, "holds": []})
        rows = [r for r in board["outputs"] if r["name"] in house.switchgear.outputs]
        self._outputs = [
            (1 << row["pin"], 1 << dead_man["pin"] if row["name"] in dead_man["holds"] else 0)
            for row in rows
        ]
        self._names = [row["name"] for row in rows]
        self._contacts = {
            row["pin"]: (row["name"], *row.get("also", ())) for row in board["inputs"]
        }
        self._pin_of = {name: pin for pin, names in self._contacts.items() for name in names}
        self.input_names = {pin: "/".join(names) for pin, names in self._contacts.items()}
        pilot = board["pilot"]
        self._pilots = [pilot[name] for name in ("pin", "pin_2") if name in pilot]
        self._begin_us = 0  # of the last advance
        self._before: dict[str, bool] = {}  # contacts before it
        self._edges: list[tuple[int, str, bool]] = []
        self._shown: Any = house.shown  # before the last advance

    @property
    def t_us(self) -> int:
        return self.house.now_us

    @property
    def touched(self) -> bool:
        return self.house.changed

    def set_pins(self, driven: int, level: int) -> None:
        high = driven & level
        for name, (bit, dead_man) in zip(self._names, self._outputs, strict=True):
            alive = not dead_man or bool(high & dead_man)
            self.house.set_output(name, bool(high & bit) and alive if driven & bit else None)
        if not driven:  # the chip is in reset: its PWM pin floats as well
            for index in range(len(self._pilots)):
                self._drive(index, 1000, None)

    def set_pwm(self, pin: int, freq_hz: int, duty_u16: int) -> None:
        if pin in self._pilots:
            self._drive(self._pilots.index(pin), freq_hz, duty_u16 / 65535)

    def _drive(self, index: int, freq_hz: float, duty: float | None) -> None:
        if index < max(1, len(self.house.points)):  # a pilot that leads to no point is loose
            self.house.set_pilot(freq_hz, duty, index)

    def advance(self, until_us: int) -> Sequence[Stretch]:
        house = self.house
        self._begin_us = house.now_us
        self._before = house.contacts  # replaced, never changed in place
        self._shown = house.shown
        house.segments.clear()
        house.edges.clear()
        house.readings.clear()
        house.advance(until_us)
        self._edges = house.edges[:]
        return house.segments[:]

    def edges(self, after_us: int, until_us: int) -> Iterable[tuple[int, int, int]]:
        contacts = dict(self._before)
        for t_us, name, level in self._edges:
            pin = self._pin_of.get(name)
            was = self._level(pin, contacts)
            contacts[name] = level
            now = self._level(pin, contacts)
            t_us = max(t_us, self._begin_us + 1)  # what follows an output at once is a change, too
            if pin is not None and now != was and after_us < t_us <= until_us:
                yield t_us, pin, now

    def _level(self, pin: int | None, contacts: dict[str, bool]) -> int:
        """Of a contact that this house does not have, low: the board pulls it down."""
        names = self._contacts[pin] if pin is not None else ()
        return int(any(contacts.get(name, False) for name in names))

    def inputs(self) -> Iterable[tuple[int, int]]:
        contacts = self.house.contacts
        return [(pin, self._level(pin, contacts)) for pin in self._contacts]

    def readings(self) -> Sequence[tuple[int, Any]]:
        return [(self._begin_us, self._shown), *self.house.readings]

    def snapshot(self) -> Any:
        return self.house.snapshot()

    def restore(self, state: Any) -> None:
        self.house.restore(state)
        self._edges = []
