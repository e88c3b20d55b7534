# islet: how the inverter follows what it is told, and the ways in which it does not.
# GPL-3.0-or-later
from __future__ import annotations

NEVER = 1 << 62


class Obedience:
    """`goal(now)` is the power aimed at while following.

    `sign` −1 turns the setpoint round, `gain` scales it; a step goes `overshoot_percent` of its
    size beyond for a while; `own_w` is what it does by itself while no setpoint is enabled: after
    a restart, in its own mode; with `forgets` so each time it connects; `stuck_w` is held
    whatever is asked. `lies`: its report is its setpoint, whatever it does."""

    def __init__(self, overshoot_s: float) -> None:
        self.sign = 1
        self.gain = 1.0
        self.overshoot_percent = 0.0
        self.own_w: float | None = None
        self.stuck_w: float | None = None
        self.ignores_setpoint = False
        self.forgets = False
        self.ignores_revert = False
        self.returns_s: float | None = None  # its reversion timer, whatever it was told
        self.lies = False
        self._overshoot_us = round(overshoot_s * 1e6)
        self._asked_w = 0.0  # the setpoint it follows, 0 in its own mode
        self._follows = False
        self._beyond_w = 0.0
        self.over_us = NEVER  # end of the overshoot

    def take(self, now_us: int, asked_w: float | None) -> None:
        """A setpoint comes into force; None: it is left to itself."""
        before = self.goal(now_us)
        self._follows, self._asked_w = asked_w is not None, asked_w or 0.0
        self._beyond_w = 0.0
        if self.overshoot_percent:
            self._beyond_w = (self.goal(now_us) - before) * self.overshoot_percent / 100
            self.over_us = now_us + self._overshoot_us

    def goal(self, now_us: int) -> float:
        if self.stuck_w is not None:
            return self.stuck_w
        if not self._follows:
            return self.own_w or 0.0
        beyond_w = self._beyond_w if now_us < self.over_us else 0.0
        return self.sign * self.gain * self._asked_w + beyond_w

    def due_us(self, now_us: int) -> int:
        return self.over_us if self.over_us > now_us else NEVER
