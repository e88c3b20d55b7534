# islet: the house at a moment, what it has been, and what a scenario has done to it.
# GPL-3.0-or-later
from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

from firmware import image as im
from tools.twin.referee.case import Case, Device
from tools.twin.referee.names import Named
from tools.twin.referee.planted import Plantings
from tools.twin.referee.rule import Moment
from tools.twin.view.devices import commanded

Truth = Mapping[str, Any]
KEPT_S = 6.0  # so long a figure or a state may be behind: ages, debounce, confirmations
START_S = 12.0  # since a start: instruments are found, the site is sensed
LIVE_V = 50
LEGS = ("l1", "l2", "l3")


class Said(NamedTuple):
    """What a sentence is said of: the names of its device or point and of its circuit; with which
    figure, and, of a claim, which bound."""

    name: str
    of: str = ""
    node: str = ""
    leg: int = -1
    value: int = 0
    bound: int = 0
    text: str = ""


class World:
    """Everything a predicate may ask. `image` is for what the house cannot know alone: what people
    and networks have asked for."""

    def __init__(self, case: Case, proved: tuple[str, ...]) -> None:
        self.case, self.told, self.site = case, case.told, case.told.site
        self.proved = proved  # names of converters with a record of their proof
        self.devices = {device.name: device for device in case.devices}
        self.rows = {row.name: row.row for row in commanded(self.site)}
        self.truth: Truth = {}
        self.t_s = self.booted_s = 0.0
        self.image = im.Image()
        self.past: deque[tuple[float, Truth]] = deque()
        self._noted: dict[str, float] = {}  # what has been so, and when last
        self._named = Named(case)
        self._plantings = Plantings(case)

    def observe(self, m: Moment) -> None:
        self.t_s, self.truth = m.t_s, m.now
        self.past.append((m.t_s, m.now))
        while self.past[0][0] < m.t_s - KEPT_S:
            self.past.popleft()
        for _ in self._named.look(m):
            pass
        for name, so in NOTED:
            if so(self):
                self._noted[name] = m.t_s
        for car in self.case.cars:
            for fact in ("plugged", "state"):
                self._noted[f"{car}.{fact}={m.now[f'{car}.{fact}']}"] = m.t_s

    def boot(self, t_s: float) -> None:
        self.booted_s = t_s

    # --- what has been ------------------------------------------------------------------------

    def was(self, name: str, within_s: float = math.inf) -> bool:
        """A row of NOTED, or CAR.plugged=True and the like."""
        return self._noted.get(name, -math.inf) >= self.t_s - within_s

    def starting(self, for_s: float = START_S) -> bool:
        return self.t_s < self.booted_s + for_s

    def lately(self, so: Callable[[Truth], bool]) -> bool:
        """At some moment of the last seconds."""
        return any(so(truth) for _, truth in reversed(self.past))  # mostly now

    def since(self, seconds: float) -> list[Truth]:
        """What has been in the last seconds."""
        return [truth for t_s, truth in self.past if t_s >= self.t_s - seconds]

    def near(self, value: float, key: Callable[[Truth], float], by: float) -> bool:
        """A figure is one of the house's of the last seconds."""
        if abs(key(self.truth) - value) <= by:
            return True  # now
        was = [key(truth) for _, truth in self.past]
        return min(was) - by <= value <= max(was) + by

    def may(self, fault: str) -> bool:
        """Something planted so far, or truth itself, may be called so (the referee's table)."""
        return fault in self._plantings.names(self.t_s) | self._named._shown

    def planted(self, *inputs: str, after_s: float = 20.0) -> bool:
        """One of these inputs is not as it should be, or was not some seconds ago."""
        return self._plantings.stands(self.t_s, inputs, after_s)

    def instruments_planted(self, after_s: float = 20.0) -> bool:
        return self.planted("sensors.", "bus.", *(f"{m}." for m in self.meters()), after_s=after_s)

    # --- who is who ---------------------------------------------------------------------------

    def meters(self) -> list[str]:
        return [name for name, kind in self.case.kinds.items() if kind == "meter"]

    def device(self, name: str) -> Device | None:
        return self.devices.get(name)

    def cars_of(self, name: str) -> tuple[str, ...]:
        """Cars at a point, or behind a gateway; all where nobody knows whose it is."""
        if name not in self.devices:
            return self.case.cars
        device = self.devices[name]
        found = [d.car for d in self.case.devices if d.name in (name, device.gateway)]
        return tuple(car for car in found if car)

    def car(self, name: str, fact: str, *values: Any) -> bool:
        """One of its cars is now so."""
        return any(self.truth[f"{car}.{fact}"] in values for car in self.cars_of(name))

    def points_of(self, name: str) -> list[str]:
        """Its point: the one of that name, that before it, or all."""
        device = self.devices.get(name)
        if device is None:
            return [point.name for point in self.case.points]
        return [device.contactor] if device.contactor else []

    def closed(self, name: str) -> bool:
        return any(self.truth[f"{point}.closed"] for point in self.points_of(name))

    def converters_of(self, name: str) -> list[str]:
        found = [c.name for c in self.case.converters]
        return [name] if name in found else found

    def silent(self, name: str, for_s: float = 0.0, after_s: float = 0.0) -> bool:
        """Its line has been dead to it for so long, or was `after_s` ago."""
        sleeps = [event for event in self.case.events if event.target == f"{name}.asleep"]
        times = [
            (event.at_s, math.inf if event.for_s is None else event.at_s + event.for_s)
            for event in self.case.events
            if event.kind in ("bus", "update") and event.target in (name, "all")
        ]
        times += [
            (event.at_s, min((e.at_s for e in sleeps[k + 1 :]), default=math.inf))
            for k, event in enumerate(sleeps)
            if event.value
        ]
        return any(from_s + for_s <= self.t_s < to_s + after_s for from_s, to_s in times)

    def instrument(self, node: str) -> str:
        """What measures a circuit, by name."""
        found = str(self.told.node(node).get("instrument") or "")
        if self.told.listed or found != "meter":
            return found
        return next(iter(self.meters()), found)

    def field(self, name: str, index: int = 0) -> int:
        """Of the image: what was asked of islet."""
        for table, buffer in zip(
            im.TABLES,
            (self.image.site, self.image.readings, self.image.requests, self.image.commands,
             self.image.trips),
            strict=True,
        ):  # fmt: skip
            for row in table.rows:
                if row[0] == name:
                    return buffer[row[1] + index]
        raise KeyError(name)

    def asked(self, *commands: str) -> Iterator[tuple[float, str, Any]]:
        """Commands of the scenario so far: when, which, what."""
        for event in self.case.events:
            if event.kind == "mqtt" and event.at_s <= self.t_s:
                command = event.target.rsplit("/set/", 1)[-1]
                if command in commands:
                    yield event.at_s, command, event.value

    def by_hand(self, name: str) -> bool:
        """A wish by hand of this device may stand."""
        device = self.devices.get(name)
        wanted = "target_w" if device is not None and device.kind == "converter" else "charge_ma"
        for at_s, command, value in self.asked(wanted):
            ttl_s = value.get("ttl_s", 3600) if isinstance(value, dict) else 3600
            if command and at_s <= self.t_s <= at_s + ttl_s + 2:
                return True
        return False


def grid_v(w: World) -> list[float]:
    return [w.truth[f"grid_{leg}_v"] for leg in LEGS if f"grid_{leg}_v" in w.truth]


def house_v(w: World) -> list[float]:
    return [w.truth[f"house_{leg}_v"] for leg in LEGS if f"house_{leg}_v" in w.truth]


def grid_bad(w: World, low: float = 0.88, high: float = 1.09) -> bool:
    """A leg or the frequency is where some grid code would say so."""
    nominal = w.case.nominal_v
    off_hz = abs(w.truth["grid_hz"] - w.site.get("nominal_hz", 50)) > 0.1
    return off_hz or any(not low * nominal <= v <= high * nominal for v in grid_v(w))


# what trips and past tenses are asked about, noted while it is so
NOTED: tuple[tuple[str, Callable[[World], bool]], ...] = (
    ("away", lambda w: not w.truth["grid_present"]),
    ("bad", grid_bad),
    ("low", lambda w: min(grid_v(w)) < 0.5 * w.case.nominal_v),
    ("unsupplied", lambda w: not live(w) or max(grid_v(w)) < LIVE_V),  # a device, or a meter
    ("estop", lambda w: w.truth["estop"]),
    ("rcd", lambda w: w.truth["rcd"]),
    ("overtemp", lambda w: w.truth["overtemp"]),
    ("service_switch", lambda w: w.truth["service_switch"]),
    ("forming", lambda w: w.truth["house_source"] == "form"),
    ("open", lambda w: not w.truth["island_closed"]),
    ("disabled", lambda w: not all(w.truth[f"{c.name}.enabled"] for c in w.case.converters)),
    ("bonded", lambda w: w.truth["bond_closed"] and w.truth["island_closed"]),
    ("unventilated", lambda w: not w.truth["ventilation"] and w.car("", "state", "D")),
    ("overdrawn", lambda w: any(
        abs(w.truth[a]) > 1.1 * w.told.of(p.name, "max_a", 16)
        for p in w.case.points for a in p.amps if a in w.truth)),
)  # fmt: skip


def live(w: World) -> bool:
    return max(house_v(w)) > LIVE_V
