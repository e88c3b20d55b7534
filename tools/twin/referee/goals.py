# islet: the referee's rules for the owner's goal: energy comes from where it says.
# GPL-3.0-or-later
"""By true power alone: what flows at the service, less what islet's devices draw, is the house;
what it leaves over is there for them. Of what is published only what sources other than the owner
leave a device is asked, since nobody has to do what is forbidden.

What is wished follows a meter that is late, and a car or converter that is late after it: each is
judged by the most favourable house of the last LATE_S and its response."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterable, Iterator

from tools.twin.record import image_tables
from tools.twin.referee.case import Case, Device
from tools.twin.referee.lasting import delivered
from tools.twin.referee.planted import Plantings
from tools.twin.referee.rule import Moment, Rule, Wrong, number

LATE_S = 15.0  # meter 2 s, the balance that follows it 8 s, a cycle of wishes and the bus
SETTLE_S = 40.0  # after another goal, a start, an island
MENDED_S = 120.0  # after something that was planted
OVER_W, SHARE = (
    100.0,
    0.08,
)  # of what is drawn: 6 A at 248 V, a pilot's steps, 2 % of an instrument
LEAST_A = 6.0  # IEC 61851-1
STOP_S = 180.0  # owner.sun_stop_s
BY_SUN, BY_REST = 2.0, 20.0  # s of the least that give back one of the grid
EDGE_PERCENT = 3.0  # so near its reserve, or its end, a battery may do it or not
HAND_S = 3600.0  # of a wish by hand, where it says no time
RAMP_S, RAMP = 10.0, 5.0  # a setpoint grows from zero to its rating in so long, or responses
MARKET = "market"


class Extreme:
    """The largest of a value in the last keep_s."""

    def __init__(self, keep_s: float) -> None:
        self._keep_s = keep_s
        self._rows: deque[tuple[float, float]] = deque()

    def see(self, t_s: float, value: float) -> float:
        rows = self._rows
        while rows and rows[-1][1] <= value:
            rows.pop()
        rows.append((t_s, value))
        while rows[0][0] < t_s - self._keep_s:
            rows.popleft()
        return rows[0][1]

    def forget(self) -> None:
        self._rows.clear()


class Asked:
    """The owner's goal at a moment, "" while nobody can be judged by it: it is new or not surely
    heard, a wish by hand stands, something is planted, the house is not on the grid."""

    def __init__(self, case: Case) -> None:
        self._goals = [(-math.inf, str(case.told.at("owner.goal", "hold")))]
        self._pauses: list[tuple[float, float]] = []
        for event in case.events:
            at_s, value = event.at_s, event.value
            if event.kind in ("controller", "broker"):
                self._pauses.append((at_s, at_s + (event.for_s or 0.0) + SETTLE_S))
            if event.kind != "mqtt":
                continue
            command = event.target.rsplit("/set/", 1)[-1]
            said = value if isinstance(value, dict) else {command: value}
            if command == "goal":
                goal = str(said.get("goal")) if delivered(case, at_s) else ""
                self._goals.append((at_s, goal))
                self._pauses.append((at_s, at_s + SETTLE_S))
            elif command in ("charge_ma", "target_w"):
                ttl_s = float(said.get("ttl_s", HAND_S if said.get(command) else math.inf))
                self._pauses.append((at_s, at_s + ttl_s + SETTLE_S))
        names = [d.name for d in case.devices] + list(case.cars)
        names += [name for name, kind in case.kinds.items() if kind == "meter"]
        self._inputs = ("sensors.", "protection.", "bus.", *(f"{name}." for name in names))
        self._planted = Plantings(case)
        self._since_s = 0.0  # on the grid

    def event(self, t_us: int, kind: str) -> None:
        if kind in ("start", "restart", "reset"):
            self._since_s = t_us / 1e6

    def goal(self, m: Moment) -> str:
        t_s = m.t_s
        if m.now["house_source"] != "grid" or not m.now["island_closed"]:
            self._since_s = t_s
        if m.commands is None or t_s < self._since_s + SETTLE_S:
            return ""
        if any(from_s <= t_s < to_s for from_s, to_s in self._pauses):
            return ""
        if self._planted.stands(t_s, self._inputs, MENDED_S):
            return ""
        return next(goal for at_s, goal in reversed(self._goals) if at_s <= t_s)


class OfGoal(Rule):
    """A rule about the goals in GOALS."""

    inv = "goal"
    GOALS: tuple[str, ...] = ()

    def __init__(self, case: Case) -> None:
        super().__init__(case)
        self._asked = Asked(case)
        own = [d for d in case.devices if d.row >= 0]
        self.converters = [d for d in own if d.kind == "converter"]
        self.points = [d for d in own if d.kind == "point" and d.car and not d.gateway]
        self.response_s = max((d.response_s for d in own), default=0.0)
        self.late_s = LATE_S + self.response_s

    def event(self, t_us: int, kind: str, text: str) -> Iterable[Wrong]:
        self._asked.event(t_us, kind)
        return ()

    def look(self, m: Moment) -> Iterable[Wrong]:
        goal = self._asked.goal(m)
        if goal in self.GOALS and m.commands is not None:
            yield from self.judge(m, goal)
        else:
            self.forget()

    def judge(self, m: Moment, goal: str) -> Iterator[Wrong]:
        raise NotImplementedError

    def forget(self) -> None:
        """Not judged at this moment."""

    def cars_w(self, m: Moment) -> float:
        return sum(number(m.now, f"{point.car}.w") for point in self.points)

    def house_w(self, m: Moment) -> float:
        """Without islet's devices."""
        own_w = sum(number(m.now, device.w) for device in self.converters)
        return number(m.now, "grid_w") - own_w - self.cars_w(m)


class StandsStill(OfGoal):
    title = "a device moves against the goal"
    text = (
        "hold: cars and converters draw and deliver nothing. charge: converters draw no more than "
        "owner.charge_w together, and deliver nothing. discharge: the reverse, and no car draws. "
        "100 W and 8 % for response + 10 s. One that may relieve an overload may deliver. Rules "
        "about goals are silent for 40 s after another goal, a start or an island, while a wish "
        "by hand stands, while something is planted and 120 s after."
    )
    GOALS = ("hold", "charge", "discharge")

    def judge(self, m: Moment, goal: str) -> Iterator[Wrong]:
        told, permitted_s = self.case.told, self.response_s + 10.0
        most_w = told.at("owner.charge_w", 0) if goal == "charge" else 0.0
        least_w = -told.at("owner.discharge_w", 0) if goal == "discharge" else 0.0
        drawn_w = sum(max(0.0, number(m.now, d.w)) for d in self.converters)
        given_w = sum(
            min(0.0, number(m.now, d.w))
            for d in self.converters
            if not told.of(d.name, "relieves", False)
        )
        if drawn_w > most_w * (1 + SHARE) + OVER_W:
            text = f"converters draw {drawn_w:.0f} W by goal {goal}, at most {most_w:.0f} W"
            yield Wrong("draws", text, permitted_s)
        if given_w < least_w * (1 + SHARE) - OVER_W:
            text = f"converters deliver {-given_w:.0f} W by goal {goal}, at most {-least_w:.0f} W"
            yield Wrong("gives", text, permitted_s)
        if goal != "charge" and self.cars_w(m) > OVER_W:
            text = f"cars draw {self.cars_w(m):.0f} W by goal {goal}"
            yield Wrong("cars", text, permitted_s)


class BySun(OfGoal):
    title = "goal solar charges from the grid"
    text = (
        "Goal solar: what cars and converters draw beyond what the house left over (100 W and 8 % "
        "of it, owner.sun_stop_w) is the grid's. Of that the points' least for owner.sun_stop_s "
        "and a quarter more is permitted in all; charging by the sun alone gives back half of "
        "their least, standing still a twentieth, and beside sun enough for one all of it, since "
        "that went to the grid. No converter delivers."
    )
    GOALS = ("solar",)

    def __init__(self, case: Case) -> None:
        super().__init__(case)
        self._spare = Extreme(self.late_s)
        volts, told = case.nominal_v, case.told
        leasts = [LEAST_A * volts * told.legs(point.name) for point in self.points]
        self._least_w, self._least_one_w = sum(leasts), min(leasts, default=math.inf)
        self._most_ws = 1.25 * self._least_w * told.at("owner.sun_stop_s", STOP_S)
        # nothing but delays of a converter
        self._most_ws += sum(0.1 * device.rating_w * self.late_s for device in self.converters)
        self._more_w = OVER_W + told.at("owner.sun_stop_w", 0) * len(self.points)
        self.grid_ws = 0.0

    def forget(self) -> None:
        self._spare.forget()

    def judge(self, m: Moment, goal: str) -> Iterator[Wrong]:
        spare_w = self._spare.see(m.t_s, max(0.0, -self.house_w(m)))
        given_w = sum(min(0.0, number(m.now, d.w)) for d in self.converters)
        if given_w < -OVER_W:
            yield Wrong("gives", f"converters deliver {-given_w:.0f} W", self.late_s)
        cars_w = self.cars_w(m)
        drawn_w = cars_w + sum(max(0.0, number(m.now, d.w)) for d in self.converters)
        grid_w = drawn_w - spare_w
        if grid_w > self._more_w + SHARE * drawn_w:
            self.grid_ws = min(self.grid_ws + grid_w * m.dt_s, self._most_ws)
        else:
            by = BY_SUN if cars_w > OVER_W else BY_REST
            waits = cars_w <= OVER_W and -self.house_w(m) >= self._least_one_w
            back_w = self._least_w if waits else self._least_w / by
            self.grid_ws = max(0.0, self.grid_ws - back_w * m.dt_s)
        if grid_w > self._more_w and self.grid_ws >= self._most_ws:
            text = f"charging {drawn_w:.0f} W, {spare_w:.0f} W are left over, "
            yield Wrong("grid", f"{text}{self.grid_ws / 3600:.0f} Wh of the grid so far")


class Balances(OfGoal):
    title = "goal self does not balance the house"
    text = (
        "Goal self: converters together draw what the house leaves over, and deliver what it "
        "draws, cars apart, as far as all but the owner leave them. 100 W, 4 % of their rating, 2 "
        "% of the service and least and steps of a converter, for the response, a ramp and 10 s. "
        "Within 3 % of its reserve or its end a battery may do it or not, below its reserve it "
        "does not deliver."
    )
    GOALS = ("self",)

    def __init__(self, case: Case) -> None:
        super().__init__(case)
        self._high, self._low = Extreme(self.late_s), Extreme(self.late_s)
        told = case.told
        steps = sum(
            told.of(d.name, "least_w", 0) + told.of(d.name, "step_w", 0) for d in self.converters
        )
        self._over_w = OVER_W + 0.04 * sum(d.rating_w for d in self.converters) + steps
        self._permitted_s = self.response_s + max(RAMP_S, RAMP * self.response_s) + 10.0

    def forget(self) -> None:
        self._high.forget()
        self._low.forget()

    def judge(self, m: Moment, goal: str) -> Iterator[Wrong]:
        if not self.converters:
            return
        wanted_w = -self.house_w(m)
        must_low = must_high = may_low = may_high = 0.0
        for device in self.converters:
            low, high = self._left(m, device)
            soc = number(m.now, f"{device.name}.soc_percent")
            reserve = max(device.reserve_percent, device.least_soc_percent)
            may_low += low if soc > reserve - EDGE_PERCENT else 0.0
            must_low += low if soc > reserve + EDGE_PERCENT else 0.0
            may_high += high
            must_high += high if soc < 100.0 - EDGE_PERCENT else 0.0
        if wanted_w < 0:
            least_w, most_w = max(wanted_w, may_low), max(wanted_w, must_low)
        else:
            least_w, most_w = min(wanted_w, must_high), min(wanted_w, may_high)
        high_w = self._high.see(m.t_s, most_w)
        low_w = -self._low.see(m.t_s, -least_w)
        does_w = sum(number(m.now, device.w) for device in self.converters)
        over_w = self._over_w + 0.02 * abs(number(m.now, "grid_w"))
        if not low_w - over_w <= does_w <= high_w + over_w:
            what = "leaves over" if wanted_w > 0 else "draws"
            text = f"converters at {does_w:.0f} W, the house {what} {abs(wanted_w):.0f} W, "
            yield Wrong("balance", f"{text}{low_w:.0f}…{high_w:.0f} W can be", self._permitted_s)

    @staticmethod
    def _left(m: Moment, device: Device) -> tuple[float, float]:
        """What all but the owner leave it, standing still included."""
        c, lows, highs = m.commands or {}, [], []
        for source, name in enumerate(image_tables.SOURCE_NAMES):
            if name != MARKET:
                at = source * image_tables.DEVICES + device.row
                lows.append(c[f"CLAIM_LOW[{at}]"])
                highs.append(c[f"CLAIM_HIGH[{at}]"])
        return min(max(lows), 0), max(min(highs), 0)


RULES = (StandsStill, BySun, Balances)
