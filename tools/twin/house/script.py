# islet: timed changes and traces, as the house follows them by itself.
# GPL-3.0-or-later
from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass
from typing import Any

NEVER = 1 << 62
SECOND_US = 1_000_000


@dataclass(frozen=True)
class Change:
    """At at_us the dotted input `name` takes `value`."""

    at_us: int
    name: str
    value: Any


@dataclass(frozen=True)
class Trace:
    """`name` follows values[i] from times_us[i] on; `linear` goes straight from point to point."""

    name: str
    times_us: tuple[int, ...]
    values: tuple[float, ...]
    linear: bool = False

    def at(self, now_us: int) -> float | None:
        """Its value, None before its first row."""
        i = bisect_right(self.times_us, now_us) - 1
        if i < 0:
            return None
        if not self.linear or i + 1 == len(self.times_us):
            return self.values[i]
        t0, t1 = self.times_us[i], self.times_us[i + 1]
        part = (now_us - t0) / (t1 - t0)
        return self.values[i] * (1 - part) + self.values[i + 1] * part

    def next_us(self, now_us: int) -> int:
        """When it has a new value: its next row, or the next second on a slope."""
        i = bisect_right(self.times_us, now_us)
        if i == len(self.times_us):
            return NEVER
        row_us = self.times_us[i]
        if self.linear and i > 0:
            return min(row_us, (now_us // SECOND_US + 1) * SECOND_US)
        return row_us


class Script:
    """All changes and traces of a run; its whole state is how far it got."""

    def __init__(self) -> None:
        self._changes: tuple[Change, ...] = ()
        self._traces: tuple[Trace, ...] = ()
        self._next = 0
        self._trace_us = NEVER
        self.due_us = NEVER

    def load(self, changes: list[Change], traces: list[Trace]) -> None:
        self._changes = tuple(sorted(changes, key=lambda c: c.at_us))
        self._traces = tuple(traces)
        self._next = 0
        self._trace_us = 0 if traces else NEVER
        self.due_us = 0

    def due(self, now_us: int) -> list[tuple[str, Any]]:
        """What is to be applied now."""
        if now_us < self.due_us:
            return []
        found: list[tuple[str, Any]] = []
        if now_us >= self._trace_us:
            for trace in self._traces:
                value = trace.at(now_us)
                if value is not None:
                    found.append((trace.name, value))
            self._trace_us = min(t.next_us(now_us) for t in self._traces)
        changes = self._changes
        while self._next < len(changes) and changes[self._next].at_us <= now_us:
            change = changes[self._next]
            found.append((change.name, change.value))
            self._next += 1
        next_us = changes[self._next].at_us if self._next < len(changes) else NEVER
        self.due_us = min(next_us, self._trace_us)
        return found
