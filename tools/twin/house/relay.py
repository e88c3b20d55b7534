# islet: relays and contactors: travel time, bouncing auxiliary contact, faults.
# GPL-3.0-or-later
from __future__ import annotations

from .dice import Dice
from .spec import RelaySpec

NEVER = 1 << 62


class Relay:
    """One relay. `closed`: main contacts; `aux`: its auxiliary contact as wired to the unit.

    The auxiliary is a mirror or linked contact: it follows the main contacts, also welded ones,
    half a millisecond later on closing, with bounce. It is told here as "main closed"; the
    islanding switch's mirror contact reports the inverse.
    """

    def __init__(self, spec: RelaySpec, closed: bool, dice: Dice) -> None:
        self.close_ms = spec.close_ms
        self.open_ms = spec.open_ms
        self.bounce_ms = spec.bounce_ms
        self.welded = False  # once closed, stays closed
        self.welded_pole = "none"  # this pole alone does
        self.stuck_open = False
        self.aux_stuck: bool | None = None
        self.coil = closed
        self.closed = closed
        self.pole_welded = -1  # leg whose contact did weld, −1 none
        self.aux = closed
        self.due_us = NEVER
        self._plan: tuple[tuple[int, str, bool], ...] = ()
        self._dice = dice

    def drive(self, now_us: int, coil: bool) -> None:
        """Energise or release the coil; the contacts follow after their travel."""
        if coil == self.coil:
            return
        self.coil = coil
        travel_us = round((self.close_ms if coil else self.open_ms) * 1000)
        at_us = now_us + travel_us
        plan = [(at_us, "main", coil)]
        if coil:
            aux_us = at_us + 500
            plan.append((aux_us, "aux", True))
            bounce_us = round(self.bounce_ms * 1000)
            if bounce_us >= 3:
                first = aux_us + 1 + int(self._dice.uniform() * (bounce_us // 3))
                plan.append((first, "aux", False))
                plan.append(
                    (first + 1 + int(self._dice.uniform() * (bounce_us // 2)), "aux", True)
                )
        else:
            plan.append((at_us, "aux", False))
        self._plan = tuple(plan)
        self.due_us = plan[0][0]

    def step(self, now_us: int) -> bool:
        """Move what is due; True if a main contact or the auxiliary changed."""
        before = (self.closed, self.aux, self.pole_welded)
        while self._plan and self._plan[0][0] <= now_us:
            _, what, level = self._plan[0]
            self._plan = self._plan[1:]
            if what == "main":
                self._move(level)
            else:
                self.aux = level and (self.closed or self.pole_welded >= 0)
        if not self._plan:  # at rest the auxiliary tells the truth about the mechanics
            self.aux = self.closed or self.pole_welded >= 0
        self.due_us = self._plan[0][0] if self._plan else NEVER
        return before != (self.closed, self.aux, self.pole_welded)

    def _move(self, level: bool) -> None:
        if level:
            self.closed = not self.stuck_open
        elif self.welded and self.closed:
            pass
        else:
            if self.closed and self.welded_pole != "none":
                self.pole_welded = int(self.welded_pole[1]) - 1
            self.closed = False

    def mend(self) -> None:
        """After a change of the fault switches: a weld that is gone lets go at once."""
        if self.welded_pole == "none":
            self.pole_welded = -1
        if self._plan:
            return
        if not self.coil and self.closed and not self.welded:
            self.closed = False
        elif self.coil and not self.closed and not self.stuck_open:
            self.closed = True
        elif self.coil and self.stuck_open:
            self.closed = False

    def pole(self, leg: int) -> bool:
        return self.closed or self.pole_welded == leg

    @property
    def contact(self) -> bool:
        """What the unit reads: True for "closed", unless the contact is stuck."""
        return self.aux if self.aux_stuck is None else self.aux_stuck
