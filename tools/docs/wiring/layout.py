# islet: where the blocks of a wiring drawing stand, and by which lane each wire runs.
# GPL-3.0-or-later
"""One side of the module at a time: pins in a column, blocks in a column beside it, and between
them vertical lanes, one for each net. The order of blocks, of ports and of lanes is searched for
few crossings, by moving one at a time: small, and the same on every run."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import permutations
from typing import TypeVar

from tools.docs.wiring.model import Board, Net

PIN_STEP = 44
PORT_STEP = 30
HEAD = 34  # of a block, with its title
NOTE_STEP = 20
FOOT = 12
GAP = 18  # between blocks
CLEAR = 6  # between parallel wires

Item = TypeVar("Item")


@dataclass
class Box:
    """A block on one side: its ports are (net, text), from the top."""

    title: str
    notes: tuple[str, ...]
    ports: list[tuple[Net, str]] = field(default_factory=list)
    y: float = 0

    @property
    def height(self) -> float:
        return HEAD + NOTE_STEP * len(self.notes) + PORT_STEP * len(self.ports) + FOOT

    def port_y(self, at: int) -> float:
        return self.y + HEAD + NOTE_STEP * len(self.notes) + PORT_STEP * (at + 0.5)


@dataclass
class Side:
    """One side of the drawing."""

    pins: dict[int, float]  # GPIO -> y
    boxes: list[Box]
    lanes: list[Net]  # from the module outwards

    def ends(self, net: Net) -> list[float]:
        """The y of each port of a net."""
        return [
            box.port_y(at)
            for box in self.boxes
            for at, (other, _) in enumerate(box.ports)
            if other is net
        ]


def sides(board: Board) -> tuple[Side, Side]:
    """The drawing's left and right side."""
    left, right = (
        _side(board, {row: i * PIN_STEP for i, row in enumerate(rows) if isinstance(row, int)})
        for rows in (board.module.left, board.module.right)
    )
    return left, right


def _side(board: Board, pins: dict[int, float]) -> Side:
    nets = sorted((net for net in board.nets if net.pin in pins), key=lambda net: pins[net.pin])
    boxes: dict[str, Box] = {}
    for net in nets:
        for port in net.ports:
            box = boxes.setdefault(port.block, Box(port.block, board.blocks[port.block]))
            box.ports.append((net, port.text))
    order = sorted(boxes.values(), key=lambda box: _mean(pins[net.pin] for net, _ in box.ports))
    side = Side({net.pin: pins[net.pin] for net in nets}, order, nets)
    _stack(side)
    for _ in range(4):
        before = _cost(side)
        _improve(side.lanes, side)
        _improve(side.boxes, side)
        for box in side.boxes:
            _improve(box.ports, side)
        if _cost(side) == before:
            break
    return side


def _mean(values: Iterable[float]) -> float:
    known = list(values)
    return sum(known) / len(known)


def _stack(side: Side) -> None:
    """Blocks in their order, each as near to its pins as the others let it: those that would
    overlap form a pile, and a pile stands where the mean of its blocks wants to."""
    piles: list[tuple[float, float, list[Box]]] = []  # where it wants to start, height, blocks
    for box in side.boxes:
        want = _mean(side.pins[net.pin] for net, _ in box.ports) - box.height / 2
        height, boxes = box.height + GAP, [box]
        while piles and piles[-1][0] + piles[-1][1] > want:
            above, more, before = piles.pop()
            share = len(before) / (len(before) + len(boxes))
            want = above * share + (want - more) * (1 - share)
            height, boxes = more + height, before + boxes
        piles.append((want, height, boxes))
    for y, _, boxes in piles:
        for box in boxes:
            box.y = y
            y += box.height + GAP


def _improve(items: list[Item], side: Side) -> None:
    """Move one item at a time to where it lowers the cost, as long as there is one."""
    best = _cost(side)
    better = True
    while better:
        better = False
        for i, j in permutations(range(len(items)), 2):
            items.insert(j, items.pop(i))
            _stack(side)
            cost = _cost(side)
            if cost < best:
                best, better = cost, True
            else:
                items.insert(i, items.pop(j))
                _stack(side)


def _cost(side: Side) -> float:
    """Wires that lie on one another, then crossings, then the wires' length."""
    length = sum(abs(side.pins[net.pin] - end) for net in side.lanes for end in side.ends(net))
    return hidden(side) * 10_000 + crossings(side) * 100 + length


def crossings(side: Side) -> int:
    """How often one wire crosses another."""
    count = 0
    for lane, net in enumerate(side.lanes):
        every = [side.pins[net.pin], *side.ends(net)]
        low, high = min(every), max(every)
        for other in side.lanes[lane + 1 :]:  # on its way to a lane further out
            count += low < side.pins[other.pin] < high
        for other in side.lanes[:lane]:  # on its way from a lane further in
            count += sum(low < end < high for end in side.ends(other))
    return count


def hidden(side: Side) -> int:
    """How often a wire from a pin runs along one to a port."""
    return sum(
        abs(side.pins[other.pin] - end) < CLEAR
        for lane, net in enumerate(side.lanes)
        for end in side.ends(net)
        for other in side.lanes[lane + 1 :]
    )
