# islet: the referee's rule for what was asked to last: the operator's limits, the owner's wishes.
# GPL-3.0-or-later
from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from tools.twin.referee.case import Case, Device
from tools.twin.referee.obedience import tolerance_w
from tools.twin.referee.planted import Plantings
from tools.twin.referee.rule import Moment, Rule, Wrong, number
from tools.twin.scenario import Event

STEPS = 3  # ranges that the image holds of one issuer for one device; the operator comes first
HEARD_S = 5.0  # a message is published as heard within
DONE_S = 5.0  # and done, on top of the device's response
END_S = 2.0  # before its end nothing is judged: clocks differ
OWNER_S = 5.0  # after a start the broker may not be there yet
BROKER_S = 90.0  # nor so long after the broker has come back
OVER_A = 0.5
WITHIN = ("sensors.evse",)


@dataclass(slots=True)
class Limit:
    """low and high in mA (a point) or W (a converter), from at_s until end_s."""

    who: str
    device: Device
    low: float
    high: float
    at_s: float
    end_s: float
    heard: bool = False

    def text(self) -> str:
        unit = "mA" if self.device.kind == "point" else "W"
        low = f"{self.low:g}…" if math.isfinite(self.low) else ""
        until = "until released" if self.end_s == math.inf else f"until {self.end_s:.0f} s"
        return f"{self.who}'s {low}{self.high:g} {unit} of {self.at_s:.0f} s, {until}"


class Lasts(Rule):
    inv = "INV-8"
    title = "a restriction that did not last"
    text = (
        "What the operator limits, once it is published as heard, binds the published grant until "
        "its own end or its release, whatever else it says meanwhile (limits add up) and whatever "
        "happens to the controller; time without power does not count. The owner's goal hold, and "
        "a charge_ma until its end or the owner's next word, bind as well. True current and power "
        "stay within (0.5 A; 100 W or 3 %) after response + 5 s, unless the device itself is "
        "planted not to obey."
    )

    def __init__(self, case: Case) -> None:
        super().__init__(case)
        self._limits = list(_limits(case))
        self._planted = Plantings(case)
        names = [d.name for d in case.devices] + list(case.cars)
        self._within = (*WITHIN, *(f"{n}." for n in names), *(f"bus.{n}" for n in names))

    def look(self, m: Moment) -> Iterable[Wrong]:
        for limit in self._limits:
            if not limit.at_s <= m.t_s < limit.end_s - END_S:
                continue
            if limit.who == "operator" and not limit.heard:
                limit.heard = self._hears(m, limit)
                continue
            source = limit.device.gateway or limit.device.name  # a gateway's point carries it
            if m.now.get(f"{source}.mode") == "form":
                continue  # an island is nobody's but the house's
            yield from self._judge(m, limit)

    @staticmethod
    def _hears(m: Moment, limit: Limit) -> bool:
        """The message stands in the image as it was sent."""
        if m.commands is None or m.t_s > limit.at_s + HEARD_S:
            return False
        first = (1 + limit.device.row) * STEPS  # the operator's are the first: a node's, devices'
        steps = range(first, first + STEPS)
        highs = [
            m.commands[f"LEASE_HIGH[{i}]"] for i in steps if m.commands[f"LEASE_UNTIL_S[{i}]"]
        ]
        return limit.high in highs

    def _judge(self, m: Moment, limit: Limit) -> Iterator[Wrong]:
        device, c = limit.device, m.commands
        if c is not None and limit.who == "operator":
            low, high = c[f"GRANT_LOW[{device.row}]"], c[f"GRANT_HIGH[{device.row}]"]
            if high > limit.high or low < limit.low:
                text = f"granted {low}…{high} against the {limit.text()}"
                yield Wrong(f"granted {device.name} {limit.at_s}", text, 1.0)
        response_s = device.response_s
        if m.t_s < limit.at_s + response_s + DONE_S:
            return
        if self._planted.stands(m.t_s, self._within, 60.0):
            return
        if device.kind == "converter":
            watts, slack = number(m.now, device.w), tolerance_w(device.rating_w)
            if not limit.low - slack <= watts <= limit.high + slack:
                text = f"{device.name} at {watts:.0f} W against the {limit.text()}"
                yield Wrong(f"watts {device.name} {limit.at_s}", text, response_s + DONE_S)
        else:
            amps = max(abs(number(m.now, a)) for a in device.amps)
            if amps > limit.high / 1000 + OVER_A:
                text = f"car at {amps:.1f} A against the {limit.text()}"
                yield Wrong(f"amps {device.name} {limit.at_s}", text, response_s)


def _limits(case: Case) -> Iterator[Limit]:
    """The case's messages as limits, with their ends."""
    found: list[Limit] = []
    for event in case.events:
        if event.kind != "mqtt" or not isinstance(event.value, (dict, str)):
            continue
        command = event.target.rsplit("/set/", 1)[-1]
        if command == "operator" and isinstance(event.value, dict):
            _operator(case, found, event, event.value)
        elif command in ("goal", "charge_ma", "target_w"):
            _owner(case, found, event, command)
        elif command == "limit" and isinstance(event.value, dict) and event.value.get("release"):
            for device in _commanded(case):
                if event.value.get("device") in (device.name, "all"):
                    _end(found, "owner", device, event.at_s)
    for limit in found:
        limit.end_s += _unpowered_s(case, limit)
        yield limit


def _operator(case: Case, found: list[Limit], event: Event, said: dict[str, Any]) -> None:
    device = next((d for d in _commanded(case) if d.name == said.get("device")), None)
    if device is None:
        return
    ttl_s, release = said.get("ttl_s"), said.get("release", False)
    if (ttl_s is not None) + bool(said.get("until_released")) + bool(release) != 1:
        return
    if release:
        _end(found, "operator", device, event.at_s)
        return
    low, high = said.get("low"), said.get("high")
    if low is None and high is None:
        return
    end_s = math.inf if ttl_s is None else event.at_s + ttl_s
    low = -math.inf if low is None else low
    found.append(
        Limit("operator", device, low, 2_000_000 if high is None else high, event.at_s, end_s)
    )


def _owner(case: Case, found: list[Limit], event: Event, command: str) -> None:
    """The owner's next word about a device replaces the one before."""
    value = event.value.get(command) if isinstance(event.value, dict) else event.value
    kinds = {"goal": ("point", "converter"), "charge_ma": ("point",), "target_w": ("converter",)}
    about = [d for d in _commanded(case) if d.kind in kinds[command]]
    for device in about:
        _end(found, "owner", device, event.at_s)
    if not delivered(case, event.at_s):
        return
    if command == "goal" and value == "hold":
        for device in about:
            found.append(Limit("owner", device, 0, 0, event.at_s, math.inf))
    elif command == "charge_ma" and isinstance(event.value, dict) and isinstance(value, int):
        ttl_s = event.value.get("ttl_s", 3600 if value else math.inf)  # nothing is a stop
        for device in about:
            end_s = event.at_s + ttl_s
            found.append(Limit("owner", device, -math.inf, value, event.at_s, end_s))


def _commanded(case: Case) -> list[Device]:
    return [d for d in case.devices if d.row >= 0]


def _end(found: list[Limit], who: str, device: Device, at_s: float) -> None:
    for limit in found:
        if limit.who == who and limit.device is device:
            limit.end_s = min(limit.end_s, at_s)


def delivered(case: Case, at_s: float) -> bool:
    """The broker is up, and the controller on it."""
    since_s = OWNER_S
    for event in case.events:
        if event.at_s > at_s:
            break
        if event.kind == "broker":
            since_s = event.at_s + BROKER_S if event.value == "up" else math.inf
        elif event.kind == "controller":
            since_s = max(since_s, event.at_s + (event.for_s or 0.0) + BROKER_S)
    return at_s >= since_s


def _unpowered_s(case: Case, limit: Limit) -> float:
    """A restriction's time stands still without power: at least so much is added."""
    cuts = (e for e in case.events if e.kind == "controller" and e.value == "off")
    return sum(e.for_s or 0.0 for e in cuts if limit.at_s < e.at_s < limit.end_s)


RULES = (Lasts,)
