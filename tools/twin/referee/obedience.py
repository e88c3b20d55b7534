# islet: the referee's rule for a device that does not do what it was granted.
# GPL-3.0-or-later
from __future__ import annotations

from collections import deque
from collections.abc import Iterable

from tools.twin.referee.case import Case
from tools.twin.referee.rule import Moment, Rule, Wrong, number

OBEY_S = 10.0  # INV-16
TOLERANCE = 0.03  # of its rating, and at least
TOLERANCE_W = 100.0
WAY_S = 1.0  # of a grant to the device's register
EFFECT_S = 2.0  # an enable's
SEEN_S = 2.0  # greatest age of what shows that it has none
STEP_S = 0.5


def tolerance_w(rating_w: float) -> float:
    return max(TOLERANCE_W, TOLERANCE * rating_w)


def hull(m: Moment) -> tuple[float, float] | None:
    """The published grant of the inverter, standing still included; None until published."""
    if m.commands is None:
        return None
    return min(m.commands["GRANT_LOW[1]"], 0), max(m.commands["GRANT_HIGH[1]"], 0)


def disobeys(m: Moment, rating_w: float) -> bool:
    """It follows the grid outside its grant, beyond tolerance."""
    granted = hull(m)
    if granted is None or m.now["inverter_mode"] != "follow":
        return False
    watts, slack = number(m.now, "inverter_w"), tolerance_w(rating_w)
    return not granted[0] - slack <= watts <= granted[1] + slack


class Obeys(Rule):
    inv = "INV-16"
    title = "a device outside its grant keeps its enable"
    text = (
        "An inverter that follows the grid outside all that was granted in its declared response "
        "+ 1 s, by more than 100 W or 3 % of its rating, has lost its enable or its contactor "
        "within 10 s of leaving its grant. A site whose whole nameplate fits unmeasured is "
        "exempt where nothing measures it."
    )

    def __init__(self, case: Case) -> None:
        super().__init__(case)
        self._grants: deque[tuple[float, float, float]] = deque()
        self._left_s: float | None = None
        self.longest_s = 0.0  # from leaving its grant to its enable's end

    def look(self, m: Moment) -> Iterable[Wrong]:
        granted = hull(m)
        if granted is None:
            return
        keep_s = self.case.inverter_response_s + WAY_S
        self._grants.append((m.t_s, *granted))
        while self._grants[0][0] < m.t_s - keep_s and len(self._grants) > 1:
            self._grants.popleft()
        if not disobeys(m, self.case.inverter_rating_w):
            self._left_s = None
            return
        if self._left_s is None:
            self._left_s = m.t_s
        if m.now["inverter_enabled"]:
            self.longest_s = max(self.longest_s, m.t_s - self._left_s)
        watts = number(m.now, "inverter_w")
        slack = tolerance_w(self.case.inverter_rating_w)
        low = min(row[1] for row in self._grants)
        high = max(row[2] for row in self._grants)
        if low - slack <= watts <= high + slack or not m.now["inverter_enabled"]:
            return
        if m.t_s - self._left_s < OBEY_S:
            return
        text = f"inverter at {watts:.0f} W, granted {granted[0]:.0f}…{granted[1]:.0f} W"
        yield Wrong("inverter", text)


class Effect(Rule):
    inv = "INV-16"
    title = "power without an enable, and the next switch up closed"
    text = (
        "An inverter above 100 W and 3 % of its rating for longer than 2 s + the greatest age of "
        "what shows it after its enable fell: T2's contactor is open, or a site's islanding "
        "switch, 2 s more where both have to. A site with neither can only name it."
    )

    def __init__(self, case: Case) -> None:
        super().__init__(case)
        self._off_s: float | None = None

    def look(self, m: Moment) -> Iterable[Wrong]:
        if m.now["inverter_enabled"]:
            self._off_s = None
            return
        if self._off_s is None:
            self._off_s = m.t_s
        watts = number(m.now, "inverter_w")
        late_s = m.t_s - self._off_s - EFFECT_S - SEEN_S - STEP_S
        if abs(watts) <= tolerance_w(self.case.inverter_rating_w) or late_s < 0:
            return
        if self.case.gateway and m.now["contactor_closed"]:
            yield Wrong("contactor", f"inverter at {watts:.0f} W without its enable")
        elif not self.case.gateway and self.case.islandable and m.now["island_closed"]:
            yield Wrong("island", f"inverter at {watts:.0f} W without its enable")


RULES = (Obeys, Effect)
