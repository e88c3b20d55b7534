# islet: relays and contactors: travel time, bouncing auxiliary contact, faults.
# GPL-3.0-or-later
from __future__ import annotations

from .dice import Dice
from .spec import RelaySpec

NEVER = 1 << 62
POLES = ("l1", "l2", "l3", "n")
NEUTRAL = 3
SHORT_MS = 20.0  # an auxiliary that bounces longer is a bad one, on opening as well
CHATTER_MS = 15.0  # between two edges of a bad one, at most


class Relay:
    """One relay. `closed`: main contacts; `aux`: its auxiliary contact as wired to the unit.

    The auxiliary is a mirror or linked contact: it follows the mechanics, also welded ones, half a
    millisecond later on closing, with bounce. It is told here as "main closed"; the islanding
    switch's mirror contact reports the inverse. A bad one may follow the coil, answer late, or
    stay where it is when a main contact or its wire has gone (`main_lost`).
    """

    def __init__(self, spec: RelaySpec, closed: bool, dice: Dice) -> None:
        self.close_ms = spec.close_ms
        self.open_ms = spec.open_ms
        self.bounce_ms = spec.bounce_ms
        self.aux_delay_ms = spec.aux_delay_ms
        self.aux_follows = spec.aux_follows
        self.welded = False  # once closed, stays closed
        self.welded_pole = "none"  # this pole alone does
        self.stuck_open = False
        self.main_lost = False  # no current through its main contacts, whatever the mechanics do
        self.aux_stuck: bool | None = None
        self.coil = closed
        self.armature = closed
        self.closed = closed
        self.pole_welded = -1  # leg whose contact did weld, −1 none, 3 the neutral's
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
        aux_us = at_us + (500 if coil else 0) + round(self.aux_delay_ms * 1000)
        plan = [(at_us, "main", coil), (aux_us, "aux", coil)]
        bounce_us = round(self.bounce_ms * 1000)
        if self.bounce_ms > SHORT_MS:
            at_us = aux_us
            while (at_us := at_us + 1 + int(self._dice.uniform() * CHATTER_MS * 1000)) < (
                aux_us + bounce_us
            ):
                plan.append((at_us, "aux", not plan[-1][2]))
            plan.append((aux_us + bounce_us, "aux", coil))
        elif coil and bounce_us >= 3:
            first = aux_us + 1 + int(self._dice.uniform() * (bounce_us // 3))
            plan.append((first, "aux", False))
            plan.append((first + 1 + int(self._dice.uniform() * (bounce_us // 2)), "aux", True))
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
            elif self._linked() == self.coil:
                self.aux = level
            else:
                self.aux = not self.coil  # what does not move does not bounce
        if not self._plan:  # at rest the auxiliary tells the truth about the mechanics
            self.aux = self._linked()
        self.due_us = self._plan[0][0] if self._plan else NEVER
        return before != (self.closed, self.aux, self.pole_welded)

    def _linked(self) -> bool:
        """What moves the auxiliary."""
        if self.aux_follows == "coil":
            return self.coil
        return self.armature or self.pole_welded >= 0

    def _move(self, level: bool) -> None:
        if level:
            self.armature = not self.stuck_open
        elif self.welded and self.armature:
            pass
        else:
            if self.armature and self.welded_pole != "none":
                self.pole_welded = POLES.index(self.welded_pole)
            self.armature = False
        self.closed = self.armature and not self.main_lost

    def mend(self) -> None:
        """After a change of the fault switches: a weld that is gone lets go at once."""
        if self.welded_pole == "none":
            self.pole_welded = -1
        if not self._plan:
            if not self.coil and self.armature and not self.welded:
                self.armature = False
            elif self.coil and not self.armature and not self.stuck_open:
                self.armature = True
            elif self.coil and self.stuck_open:
                self.armature = False
            self.aux = self._linked()
        self.closed = self.armature and not self.main_lost

    def pole(self, leg: int) -> bool:
        return self.closed or self.pole_welded == leg

    @property
    def contact(self) -> bool:
        """What the unit reads: True for "closed", unless the contact is stuck."""
        return self.aux if self.aux_stuck is None else self.aux_stuck
