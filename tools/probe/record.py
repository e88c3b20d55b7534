# islet: all registers that a device has, into a file.
# GPL-3.0-or-later
"""recording.py has the file."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from tools.probe.bus import Bus, Refused

BLOCK = 100  # registers in a request
STRIDE = 4  # in a refused block every fourth is asked for; an island of fewer may be missed


def registers(
    bus: Bus, unit: int, function: int, spans: list[tuple[int, int]], step: Callable[[int], None]
) -> dict[int, int]:
    """What can be read of the spans (first, one past the last)."""
    found: dict[int, int] = {}
    for first, end in spans:
        for at, words in _blocks(bus, unit, function, first, end, step):
            found.update(enumerate(words, at))
    return found


def _blocks(
    bus: Bus, unit: int, function: int, first: int, end: int, step: Callable[[int], None]
) -> Iterator[tuple[int, list[int]]]:
    """(first register, words) of what is there."""
    for at in range(first, end, BLOCK):
        stop = min(at + BLOCK, end)
        step(at)
        try:
            words = bus.read(unit, function, at, stop - at)
        except Refused:
            yield from _islands(bus, unit, function, at, stop)
            continue
        if words is not None:
            yield at, words


def _islands(
    bus: Bus, unit: int, function: int, at: int, stop: int
) -> Iterator[tuple[int, list[int]]]:
    """What a refused block has all the same, register by register."""

    def one(register: int) -> list[int] | None:
        try:
            return bus.read(unit, function, register, 1)
        except Refused:
            return None

    done = at
    for tried in range(at, stop, STRIDE):
        if tried < done or (words := one(tried)) is None:
            continue
        first = tried
        while first > done and (before := one(first - 1)) is not None:
            words, first = before + words, first - 1
        done = tried + 1
        while done < stop and (after := one(done)) is not None:
            words, done = words + after, done + 1
        yield first, words
