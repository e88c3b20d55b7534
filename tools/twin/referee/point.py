# islet: the referee's rules for the point's contactor: a weld, a lost PEN, wear (safety.md §4).
# GPL-3.0-or-later
from __future__ import annotations

from collections import deque
from collections.abc import Iterable

from tools.twin.referee.bounds import BOUNDS
from tools.twin.referee.case import Case, Device
from tools.twin.referee.planted import Plantings
from tools.twin.referee.published import BITS, bit_of
from tools.twin.referee.rule import HOUR_S, Moment, Rule, Wrong, number

FLOWS_A = 1.5  # 1 A, surely measured
AGE_S = 2.0  # INV-4
LAG_S = (1.0, 4.0)  # of what measures a point's current, of a gateway's report
SEEN_S = 1.0  # confirmed
ACT_S = 1.0  # from the name to what is done about it
RELEASE_S = 3.0 + 1.0  # what the release has to end has ended by then
PEN_S = BOUNDS["pen_ms"] / 1000
PEN_PU = (BOUNDS["pen_low_permille"] / 1000, BOUNDS["pen_high_permille"] / 1000)
PEN_SURE_PU = 0.005  # beyond: surely measured as outside
ALIVE_PU = 0.2  # every leg below: an outage
AUXILIARY = ("contactor.aux_", "contactor.bounce_ms")
DAY_S = 24 * HOUR_S
REST_S = 5.0  # islet's own minimum off time
EXACT = 0.985


def output_bit(name: str, point: int) -> int:
    """Of an output of the board's point `point`: a further point's follow all that have names."""
    return bit_of("OUTPUTS", name) << len(BITS["OUTPUTS"]) * point


def acknowledgements(m: Moment) -> int:
    """Of a person, as published; they begin anew with the controller."""
    return m.commands["ACKNOWLEDGE_SEQ"] if m.commands is not None else 0


class Through(Rule):
    inv = "safety §4"
    title = "a contactor that counts as open and is not"
    text = (
        "More than 1.5 A while its output is off, for longer than the reading's age 2 s + its lag "
        "(1 s, a gateway's report 4 s) + 1 s: the weld is among FAULTS. 1 s later the release of "
        "the upstream protection is energised, or it is said that the point stays live; so it is "
        "4 s after a release that ended nothing. Not where what measures the point is silent. "
        "Main contacts, or one pole, closed while the output is off are named by the auxiliary as "
        "well, without any current, unless that lies."
    )

    def __init__(self, case: Case) -> None:
        super().__init__(case)
        self._planted = Plantings(case)

    def look(self, m: Moment) -> Iterable[Wrong]:
        for point in self.case.points:
            yield from self._judge(m, point)

    def _judge(self, m: Moment, point: Device) -> Iterable[Wrong]:
        case, c, name = self.case, m.commands, point.name
        if c is None or c["OUTPUTS"] & output_bit("contactor", point.point):
            return
        seen_s = AGE_S + LAG_S[bool(point.gateway)] + SEEN_S
        faults = c["FAULTS"]
        named = faults & bit_of("FAULTS", "weld")
        lies = self._planted.stands(m.t_s, tuple(f"{name}.{fault}" for fault in AUXILIARY))
        if m.now[f"{name}.closed"] and not named and not lies:
            text = f"{case.who(name)}contactor closed with its output off, and not named"
            yield Wrong(f"auxiliary {name}", text, seen_s)
        amps = max(abs(number(m.now, a)) for a in point.amps)
        if amps <= FLOWS_A or case.bus_fault(point.gateway or name, m.t_s):
            return
        text = f"{case.who(name)}{amps:.1f} A through a contactor that is told to be open"
        if not named:
            yield Wrong(f"weld {name}", text + ", and no weld is named", seen_s)
        if faults & bit_of("FAULTS", "stays_live"):
            return
        if not c["OUTPUTS"] & output_bit("release", point.point):
            silent = text + ", no release, not said to stay live"
            yield Wrong(f"release {name}", silent, seen_s + ACT_S)
        vain_s = seen_s + ACT_S + RELEASE_S
        yield Wrong(f"live {name}", text + ", the release without effect", vain_s)


class Pen(Rule):
    inv = "safety §4"
    title = "contactor closed on a lost PEN"
    text = (
        "Where the site says so (earthing pme, or by default the code g99): a leg of the grid "
        "outside 90…110 % of nominal by 0.5 % more, another alive, for 5 s in all (time inside is "
        "taken off): the contactor is open, and does not close before a person acknowledges with "
        "the voltage inside. One that the scenario welds is not the firmware's fault."
    )

    def __init__(self, case: Case) -> None:
        super().__init__(case)
        self._outside_s = 0.0
        self._lost = False
        self._acknowledged = 0

    def look(self, m: Moment) -> Iterable[Wrong]:
        if not self.case.pen_watched:
            return
        pu = self.case.enter.volts_pu(m.now)
        low, high = PEN_PU[0] - PEN_SURE_PU, PEN_PU[1] + PEN_SURE_PU
        outside = max(pu) > ALIVE_PU and not (low <= min(pu) and max(pu) <= high)
        outside = outside and bool(m.now["island_closed"])
        self._outside_s = max(0.0, self._outside_s + (m.dt_s if outside else -m.dt_s))
        self._person(m, outside)
        self._lost = self._lost or self._outside_s > PEN_S + AGE_S
        for point in self.case.points:
            name = point.name
            if m.now[f"{name}.closed"] and not self.case.welded(name, m.t_s):
                yield from self._judge(m, point, pu, outside)

    def _judge(self, m: Moment, point: Device, pu: list[float], outside: bool) -> Iterable[Wrong]:
        name = point.name
        volts = "…".join(f"{self.case.nominal_v * x:.0f}" for x in (min(pu), max(pu)))
        if self._lost and not m.before[f"{name}.closed"]:
            who = self.case.who(name)
            text = f"{who}contactor closed after a lost PEN, with no person ({volts} V)"
            yield Wrong(f"again {name}", text)
        elif outside:
            touch = f", the car's body at {number(m.now, 'touch_v'):.0f} V"
            who = self.case.who(name)
            text = f"{who}contactor closed at {volts} V{touch if number(m.now, 'touch_v') else ''}"
            yield Wrong(f"pen {name}", text, PEN_S, back=1.0)

    def _person(self, m: Moment, outside: bool) -> None:
        acknowledged = acknowledgements(m)
        if acknowledged > self._acknowledged and not outside:
            self._lost = False
        self._acknowledged = acknowledged


class Account:
    """Of one contactor: when it closed, and when it last opened."""

    def __init__(self) -> None:
        self.hour: deque[float] = deque()
        self.day: deque[float] = deque()
        self.opened_s = -REST_S


class Wear(Rule):
    inv = "safety §4"
    title = "contactor closes too often, or too soon after it opened"
    text = (
        "Closings of the main contacts: 12 in any hour, 48 in any day, a minimum off time of 5 s, "
        "whatever the cause: a car that toggles, a grid that flickers, people who plug and "
        "unplug. A person's acknowledgement begins the hour anew. What the scenario does to the "
        "contactor itself does not count."
    )

    def __init__(self, case: Case) -> None:
        super().__init__(case)
        self._accounts = [(p.name, Account()) for p in case.points]
        self._acknowledged = 0

    def look(self, m: Moment) -> Iterable[Wrong]:
        acknowledged = acknowledgements(m)
        person = acknowledged > self._acknowledged
        self._acknowledged = acknowledged
        for name, account in self._accounts:
            if person:
                account.hour.clear()
            yield from self._judge(m, name, account)

    def _judge(self, m: Moment, name: str, account: Account) -> Iterable[Wrong]:
        meddled = self.case.event_at(f"{name}.contactor", m.t_s)
        grown = number(m.now, f"{name}.closings") - number(m.before, f"{name}.closings")
        if grown > 0 and not meddled:
            for times in (account.hour, account.day):
                times.extend([m.t_s] * int(grown))
            off_s = m.t_s - account.opened_s
            if off_s < REST_S * EXACT:
                text = f"{self.case.who(name)}contactor closed {off_s:.1f} s after it opened"
                yield Wrong(f"rest {name}", text)
        if number(m.now, f"{name}.openings") > number(m.before, f"{name}.openings"):
            account.opened_s = m.t_s if not meddled else -REST_S
        for times, span_s, bound in (
            (account.hour, HOUR_S, "operations_hour"),
            (account.day, DAY_S, "operations_day"),
        ):
            while times and times[0] <= m.t_s - span_s:
                times.popleft()
            if len(times) > BOUNDS[bound]:
                who = self.case.who(name)
                text = f"{who}contactor closed {len(times)} times in {times[-1] - times[0]:.0f} s"
                yield Wrong(f"{bound} {name}", text)


RULES = (Through, Pen, Wear)
