# islet: what a device does on its bus besides obeying, and what was done to it there.
# GPL-3.0-or-later
from __future__ import annotations


class Ways:
    """Faults for scenarios: `refuses` each write with an exception, `cuts_w` takes no more than
    this and says nothing, `asleep` answers nobody and stands still, `wears_after` so many writes
    of a register keeps what it has.

    `writes` counts registers written, `worn` those of the one written most; a breach is what its
    maker forbids: `breaches` counts them, `breach` is the last in words."""

    def __init__(self) -> None:
        self.refuses = self.asleep = False
        self.cuts_w: float | None = None
        self.wears_after: int | None = None
        self.writes = self.worn = self.breaches = 0
        self.breach = ""
        self._counts: dict[int, int] = {}

    def wrote(self, register: int) -> bool:
        """Count a write; False where the register is worn out and keeps what it has."""
        count = self._counts.get(register, 0) + 1
        self._counts = self._counts | {register: count}  # a snapshot keeps the old one
        self.writes += 1
        self.worn = max(self.worn, count)
        return self.wears_after is None or count <= self.wears_after

    def breached(self, text: str) -> None:
        self.breaches += 1
        self.breach = text
