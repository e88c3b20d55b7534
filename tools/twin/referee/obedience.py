# islet: the referee's rules for a device that does not do what it was granted.
# GPL-3.0-or-later
from __future__ import annotations

from collections import deque
from collections.abc import Iterable

from tools.twin.referee.bounds import BOUNDS
from tools.twin.referee.case import Case, Device
from tools.twin.referee.rule import Moment, Rule, Wrong, number

OBEY_S = 10.0  # INV-16
BACK = 1.0  # of it, a second inside
TOLERANCE = 0.03  # of its rating, and at least
TOLERANCE_W = 100.0
WAY_S = 1.0  # of a grant to the device's register
EFFECT_S = 2.0  # an enable's
SEEN_S = 2.0  # greatest age of what shows that it has none
STEP_S = 0.5
TOLERANCE_A, TOLERANCE_SHARE = 0.5, 0.05  # INV-16
MEASURED_A = 0.1  # resolution of what measures it
# Resistor of the plug, from and below in ohm, and the cable's rating (IEC 61851-1 Annex B; limits
# by Phoenix Contact, both second-hand).
CABLES = ((75, 150, 63.0), (150, 330, 32.0), (330, 1000, 20.0), (1000, 2200, 13.0))


def tolerance_w(rating_w: float) -> float:
    return max(TOLERANCE_W, TOLERANCE * rating_w)


def hull(m: Moment, device: Device) -> tuple[float, float] | None:
    """The published grant of a converter, standing still included; None until published, and of
    one that islet does not command."""
    if m.commands is None or device.row < 0:
        return None
    row = device.row
    return min(m.commands[f"GRANT_LOW[{row}]"], 0), max(m.commands[f"GRANT_HIGH[{row}]"], 0)


class Leash:
    """What a device was granted during the last `keep_s`, and whether it is outside of it."""

    def __init__(self, keep_s: float) -> None:
        self.keep_s = keep_s
        self.low = self.high = 0.0  # loosest of those
        self.left_s = -1.0  # outside the present grant for so long, −1 inside
        self.outside = False  # of everything that it may still be following
        self._grants: deque[tuple[float, float, float]] = deque()
        self._since_s: float | None = None
        self._head_s: float | None = None  # outside before it was `outside`

    def see(self, t_s: float, value: float, low: float, high: float, slack: float) -> None:
        grants = self._grants
        grants.append((t_s, low, high))
        while grants[0][0] < t_s - self.keep_s and len(grants) > 1:
            grants.popleft()
        if low - slack <= value <= high + slack:
            self._since_s = self._head_s = None
            self.left_s, self.outside = -1.0, False
            return
        if self._since_s is None:
            self._since_s = t_s
        self.left_s = t_s - self._since_s
        self.low = min(row[1] for row in grants)
        self.high = max(row[2] for row in grants)
        self.outside = not self.low - slack <= value <= self.high + slack
        if not self.outside:
            self._head_s = None

    def wrong(self, what: str, text: str) -> Wrong:
        """OBEY_S from leaving the grant: what it was entitled to follow late is part of them. It
        is given back as slowly as it went: outside for more than half of the time is outside."""
        if self._head_s is None:
            self._head_s = min(self.left_s, self.keep_s)
        return Wrong(what, text, OBEY_S - self._head_s, back=BACK)


class ConverterLeash(Leash):
    """A converter's, while it follows the grid."""

    def __init__(self, device: Device, more_s: float = 0.0) -> None:
        super().__init__(device.response_s + more_s)
        self.device = device
        self._slack = tolerance_w(device.rating_w)

    def look(self, m: Moment) -> bool:
        """False as long as nothing is published."""
        granted = hull(m, self.device)
        if granted is None:
            return False
        follows = m.now[f"{self.device.name}.mode"] == "follow"
        watts = number(m.now, self.device.w) if follows else 0.0
        self.see(m.t_s, watts, *granted, self._slack)
        return True

    def share(self, m: Moment) -> float:
        """The part of its power that is within all that it may still be following."""
        if not self.look(m) or not self.outside:
            return 1.0
        watts = number(m.now, self.device.w)
        return min(max(watts, self.low), self.high) / watts


class Obeys(Rule):
    inv = "INV-16"
    title = "a device outside its grant keeps its enable"
    text = (
        "A converter that follows the grid outside all that was granted in its declared response "
        "+ 1 s, by more than 100 W or 3 % of its rating, has lost its enable or its contactor "
        "within 10 s of leaving its grant; time inside is taken off the time outside. A converter "
        "whose whole nameplate fits INV-4's static rule is exempt while nothing measures it."
    )

    def __init__(self, case: Case) -> None:
        super().__init__(case)
        self._leashes = [ConverterLeash(d, WAY_S) for d in case.converters]
        self.longest_s = 0.0  # from leaving its grant to its enable's end

    def look(self, m: Moment) -> Iterable[Wrong]:
        for leash in self._leashes:
            device = leash.device
            if not leash.look(m) or leash.left_s < 0 or not m.now[f"{device.name}.enabled"]:
                continue
            self.longest_s = max(self.longest_s, leash.left_s)
            if not leash.outside or self.case.unwitnessed(device, m.t_s):
                continue
            low, high = hull(m, device) or (0, 0)
            watts = number(m.now, device.w)
            text = f"{device.name} at {watts:.0f} W, granted {low:.0f}…{high:.0f} W"
            yield leash.wrong(device.name, text)


class Follows(Rule):
    inv = "INV-16"
    title = "a car beyond its offer, or the cable's rating, keeps its contactor"
    text = (
        "T1: a car that draws more than all that was offered in the declared response + 1 s, by "
        "more than 0.5 A or 5 % and the declared error of what measures it, or more than 105 % of "
        "its cable (proximity: 1.5 kΩ 13 A, 680 Ω 20 A, 220 Ω 32 A, 100 Ω 63 A, unknown 0 A) for "
        "10 s in all, finds its contactor open. One that the scenario welds is the weld's rule."
    )

    def __init__(self, case: Case) -> None:
        super().__init__(case)
        self._rows = [(p, Leash(p.response_s + WAY_S)) for p in case.points if not p.gateway]

    def look(self, m: Moment) -> Iterable[Wrong]:
        for point, leash in self._rows:
            if m.commands is not None and point.row >= 0:
                yield from self._judge(
                    m, point, leash, m.commands[f"SETPOINT[{point.row}]"] / 1000
                )

    def _judge(self, m: Moment, point: Device, leash: Leash, offer_a: float) -> Iterable[Wrong]:
        case, name = self.case, point.name
        amps = max(abs(number(m.now, a)) for a in point.amps)
        slack = max(TOLERANCE_A, TOLERANCE_SHARE * offer_a) + point.error * amps + MEASURED_A
        leash.see(m.t_s, amps, 0.0, offer_a, slack)
        if not m.now[f"{name}.closed"] or case.welded(name, m.t_s):
            return
        if leash.outside:
            text = f"{case.who(name)}car draws {amps:.1f} A of {offer_a:.1f} A offered"
            yield leash.wrong(f"offer {name}", text)
        ohm = case.setting(f"{point.car}.proximity_ohm", m.t_s) if point.car else 0.0
        cable_a = rating_a(ohm)
        most_a = cable_a * BOUNDS["cable_permille"] / 1000 + point.error * amps + MEASURED_A
        if amps > most_a:
            text = f"{case.who(name)}{amps:.1f} A through a cable of {cable_a:g} A"
            yield Wrong(f"cable {name}", text, OBEY_S, back=BACK)


def rating_a(ohm: float) -> float:
    """Of the cable with this resistor in its plug, 0 for one that is not known."""
    return next((amps for low, high, amps in CABLES if low <= ohm < high), 0.0)


class Effect(Rule):
    inv = "INV-16"
    title = "power without an enable, and the next switch up closed"
    text = (
        "A converter above 100 W and 3 % of its rating for longer than 2 s + the greatest age of "
        "what shows it after its enable fell: T2's contactor is open, or a site's islanding "
        "switch, 2 s more where both have to. A site with neither can only name it."
    )

    def __init__(self, case: Case) -> None:
        super().__init__(case)
        self._off_s: dict[str, float] = {}  # since

    def look(self, m: Moment) -> Iterable[Wrong]:
        for device in self.case.converters:
            name = device.name
            if m.now[f"{name}.enabled"]:
                self._off_s.pop(name, None)
                continue
            off_s = self._off_s.setdefault(name, m.t_s)
            watts = number(m.now, device.w)
            late_s = m.t_s - off_s - EFFECT_S - SEEN_S - STEP_S
            if abs(watts) <= tolerance_w(device.rating_w) or late_s < 0:
                continue
            text = f"{name} at {watts:.0f} W without its enable"
            if device.contactor:
                if m.now[f"{device.contactor}.closed"]:
                    yield Wrong(f"contactor {name}", text)
            elif self.case.islandable and m.now["island_closed"]:
                yield Wrong(f"island {name}", text)


RULES = (Obeys, Follows, Effect)
