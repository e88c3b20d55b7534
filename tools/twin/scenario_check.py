# islet: scenarios: checks that a schema cannot make, and what events and expectations become.
# GPL-3.0-or-later
from __future__ import annotations

import csv
import math
import re
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from pathlib import Path
from typing import Any

from tools.flash import FlashError
from tools.probe.recording import load
from tools.twin.buses.sunspec import FACTORS
from tools.twin.house import House, Trace, controls

MOST_ERRORS = 8
IMAGE_FIELD = re.compile(r"islet\.[A-Z][A-Z0-9_]*(\[\d+\])?$")
UNITS = 1_000_000  # µs per s
ROWS = ("points", "cars", "converters", "sources", "storages", "meters")
RESERVED = ("grid", "loads", "relays", "protection", "circuits", "sensors", "islet", "all")


def _rows(house: dict[str, Any], *lists: str) -> list[tuple[str, dict[str, Any]]]:
    """The rows of these lists, or of all, with their place."""
    return [
        (f"{key}[{i}]", row) for key in lists or ROWS for i, row in enumerate(house.get(key, ()))
    ]


class ScenarioError(ValueError):
    """What is wrong with a scenario, one line each in `problems`."""

    def __init__(self, path: Path | str, problems: list[str]) -> None:
        self.problems = problems
        more = len(problems) - MOST_ERRORS
        lines = problems[:MOST_ERRORS] + ([f"and {more} more"] if more > 0 else [])
        if len(lines) == 1:
            super().__init__(f"{path}: {lines[0]}")
        else:
            super().__init__("\n  ".join([f"{path}:", *lines]))


@dataclass(frozen=True)
class Event:
    """Something that happens. `kind`: set, bus, update, app, mqtt, broker, controller; `target`:
    dotted input, device, topic or ""; `value`: what it becomes (the fault; insert, factors; watts;
    the payload; "up" or "down", "reset" or "off"); `for_s`: a bus fault's length, None to the end;
    that of a power cut or of an update's silence."""

    at_s: float
    kind: str
    target: str
    value: Any
    for_s: float | None = None


@dataclass(frozen=True)
class Expectation:
    """`that`, a field of truth() or islet.<FIELD> of the process image (`bit`: one bit of it, by
    name), or `rise_of`, the growth of a counter over the window, within bounds; `when`: always,
    ever, or at the end."""

    that: str
    from_s: float
    to_s: float | None
    text: str
    rise: bool = False
    when: str = "always"
    at_least: float | None = None
    at_most: float | None = None
    equals: Any = None
    bit: str = ""

    def holds(self, value: Any) -> bool:
        """Whether one value is within the bounds."""
        if self.at_least is not None and not value >= self.at_least:
            return False
        if self.at_most is not None and not value <= self.at_most:
            return False
        return self.equals is None or value == self.equals


class Problems:
    """The checks a schema cannot make; collects what is wrong and stops once."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.found: list[str] = []

    def add(self, where: str, what: str) -> None:
        self.found.append(f"{where}: {what}")

    def stop(self) -> None:
        if self.found:
            raise ScenarioError(self.path, self.found)

    def start(self, text: str) -> datetime:
        """Local time with its zone."""
        try:
            start = datetime.fromisoformat(text)
        except ValueError:
            start = None
        if start is None or start.tzinfo is None:
            allowed = "allowed ISO 8601 with zone, as 2026-06-15T10:00:00+02:00"
            self.add("start", f"{text!r}, {allowed}")
            self.stop()
        assert start is not None
        return start

    def wiring(self, house: dict[str, Any]) -> None:
        """Names of circuits, legs, and what stands behind what."""
        circuits = house["circuits"]
        names = [c["name"] for c in circuits]
        allowed = f"allowed {', '.join(names)}"
        for name in sorted({n for n in names if names.count(n) > 1}):
            self.add("house.circuits", f"{name!r} twice, allowed once each")
        roots = [c["name"] for c in circuits if c.get("parent") is None]
        if len(roots) != 1:
            self.add("house.circuits", f"without parent {roots}, allowed exactly one")
        for i, circuit in enumerate(circuits):
            parent = circuit.get("parent")
            if parent is not None and parent not in names:
                self.add(f"house.circuits[{i}].parent", f"{parent!r}, {allowed}")
        self._loops(circuits)
        appliances = (house.get("loads") or {}).get("appliances", [])
        users = [("loads", house.get("loads") or {})]
        users += [(f"loads.appliances[{i}]", a) for i, a in enumerate(appliances)]
        users += [(where, row) for where, row in _rows(house)]
        for where, user in users:
            circuit = user.get("circuit")
            if circuit is not None and circuit not in names:
                self.add(f"house.{where}.circuit", f"{circuit!r}, {allowed}")
        self._legs(house, appliances)
        self._names(house)
        self._places(house, allowed)
        self._buses(house)
        relays = house.get("relays") or {}
        if relays.get("bond_hold_ms") and not relays.get("switch_excluded"):
            what = (
                "held by stored energy, allowed with switch_excluded (the switch may else close)"
            )
            self.add("house.relays.bond_hold_ms", what)

    def _names(self, house: dict[str, Any]) -> None:
        """Each row has a name of its own, and none of the house's other words."""
        seen: dict[str, str] = {}
        for where, row in _rows(house, *ROWS, "recordings", "lines"):
            name = row["name"]
            if name in RESERVED:
                self.add(f"house.{where}.name", f"{name!r} is taken, allowed a name of its own")
            if name in seen:
                self.add(f"house.{where}.name", f"{name!r} is house.{seen[name]}, allowed once")
            seen[name] = where

    def _places(self, house: dict[str, Any], circuits: str) -> None:
        """What stands behind what."""
        points = [p["name"] for p in house.get("points", [])]
        converters = [c["name"] for c in house.get("converters", [])]
        taken: dict[str, str] = {}
        for where, car in _rows(house, "cars"):
            at = car["at"]
            if at not in (*points, *converters):
                allowed = f"allowed {', '.join((*points, *converters)) or 'a point or converter'}"
                self.add(f"house.{where}.at", f"{at!r}, {allowed}")
            elif at in taken:
                text = f"{at!r}, where {taken[at]} is, allowed one car each"
                self.add(f"house.{where}.at", text)
            taken[at] = car["name"]
        for where, converter in _rows(house, "converters"):
            point = converter.get("point")
            if point is not None and point not in points:
                self.add(f"house.{where}.point", f"{point!r}, allowed {', '.join(points)}")
            if point is None and converter.get("circuit") is None:
                self.add(f"house.{where}.circuit", f"absent, {circuits}")

    def _buses(self, house: dict[str, Any]) -> None:
        """Lines exist, and an address is used once on each."""
        lines = [line["name"] for line in house.get("lines", [])]
        used: dict[tuple[str, int], str] = {}
        ports: list[int] = []
        for where, line in _rows(house, "lines"):
            port = line.get("port", 0)
            if port in ports:
                self.add(f"house.{where}.port", f"{port}, allowed one line each")
            ports += [port] if port else []
        for where, row in _rows(house, "recordings"):
            try:
                load(self.path.parent / row["file"])
            except FlashError as error:
                self.add(f"house.{where}.file", str(error))
        for where, row in _rows(house, "meters", "converters", "recordings"):
            line = row.get("line") or (lines[0] if lines else "")
            if line not in lines and line:
                allowed = ", ".join(lines) or "none: this house has no line"
                self.add(f"house.{where}.line", f"{line!r}, allowed {allowed}")
            place = (line, row.get("address", 2 if where.startswith("converters") else 1))
            if place in used:
                on = f" on line {line}" if line else ""
                text = (
                    f"{place[1]}{on} is {used[place]}'s, allowed once: give {row['name']} another"
                )
                self.add(f"house.{where}.address", text)
            used[place] = row["name"]

    def _loops(self, circuits: list[dict[str, Any]]) -> None:
        parent = {c["name"]: c.get("parent") for c in circuits}
        for name in parent:
            at, seen = name, set()
            while at is not None and at in parent and at not in seen:
                seen.add(at)
                at = parent[at]
            if at in seen:
                self.add("house.circuits", f"{name!r} is its own ancestor, allowed a tree")

    def _legs(self, house: dict[str, Any], appliances: list[dict[str, Any]]) -> None:
        legs = house.get("legs", 3)
        for where, row in _rows(house):
            wired = row.get("legs")
            for leg in wired if isinstance(wired, list) else ():
                if int(leg[1]) > legs:
                    last = f"L1…L{legs}" if legs > 1 else "L1"
                    self.add(f"house.{where}.legs", f"{leg!r}, allowed {last} (house.legs)")
        names: set[str] = set()
        for i, appliance in enumerate(appliances):
            for leg in appliance.get("legs", [1]):
                if leg > legs:
                    where = f"house.loads.appliances[{i}].legs"
                    self.add(where, f"{leg}, allowed 1…{legs} (house.legs)")
            if appliance["name"] in names | {"scale", "l1_w", "l2_w", "l3_w", "w"}:
                where = f"house.loads.appliances[{i}].name"
                self.add(where, f"{appliance['name']!r} is taken, allowed a name of its own")
            names.add(appliance["name"])

    def trace(self, i: int, data: dict[str, Any], house: House) -> Trace | None:
        """A trace's rows, from its CSV or in place."""
        where = f"traces[{i}]"
        name = data["drives"]
        control = house.controls.get(name)
        if control is None:
            try:
                controls.check(house.controls, name, None)
            except ValueError as error:
                self.add(f"{where}.drives", str(error))
            return None
        rows = self._csv(where, data) if "csv" in data else data["points"]
        if not rows:
            return None
        times = [round(r[0] * UNITS) for r in rows]
        if any(b <= a for a, b in pairwise(times)):
            self.add(where, "time_s does not grow from row to row")
        for number, (_, value) in enumerate(rows):
            if not control.kind.accepts(value):
                allowed = control.kind.text()
                self.add(where, f"row {number + 1}: {name} {value!r}, allowed {allowed}")
                return None
        linear = data.get("interpolation", "step") == "linear"
        return Trace(name, tuple(times), tuple(r[1] for r in rows), linear)

    def _csv(self, where: str, data: dict[str, Any]) -> list[list[float]]:
        path = self.path.parent / data["csv"]
        try:
            with path.open(newline="", encoding="utf-8") as file:
                rows = list(csv.DictReader(file))
        except OSError as error:
            self.add(f"{where}.csv", f"cannot read {path}: {error.strerror}")
            return []
        columns = list(rows[0]) if rows else []
        column = data.get("column") or next((c for c in columns if c != "time_s"), None)
        for needed in ("time_s", column):
            if needed not in columns:
                have = ", ".join(map(str, columns)) or "none"
                self.add(f"{where}.csv", f"no column {needed!r}, the file has {have}")
                return []
        assert column is not None
        found: list[list[float]] = []
        for number, row in enumerate(rows, 2):
            try:
                pair = [float(row["time_s"]), float(row[column])]
            except (TypeError, ValueError):
                bad = [row["time_s"], row[column]]
                self.add(f"{where}.csv", f"{path.name} line {number}: {bad}, allowed numbers")
                return []
            if not all(map(math.isfinite, pair)):
                self.add(f"{where}.csv", f"{path.name} line {number}: allowed finite numbers")
                return []
            found.append(pair)
        return found

    def event(
        self, i: int, data: dict[str, Any], house: House, seconds: float = math.inf
    ) -> Event | None:
        """One of the seven kinds, before the scenario's end."""
        at_s, where = data["at_s"], f"events[{i}]"
        if at_s >= seconds:
            self.add(f"{where}.at_s", f"{at_s:g}, allowed below {seconds:g}, where it ends")
        if "set" in data:
            try:
                controls.check(house.controls, data["set"], data["to"])
            except ValueError as error:
                self.add(f"{where}.set", str(error))
                return None
            return Event(at_s, "set", data["set"], data["to"])
        if "bus" in data:
            rows = (*house.meters, *house.converters, *house.spec.recordings)
            on_lines = [row.name for row in rows]
            if data["bus"] not in (*on_lines, "all"):
                allowed = ", ".join((*on_lines, "all"))
                self.add(f"{where}.bus", f"{data['bus']!r}, allowed {allowed}")
            return Event(at_s, "bus", data["bus"], data["fault"], data.get("for_s"))
        if "update" in data:
            converters = [row.name for row in house.converters if not row.family]
            if data["update"] not in converters:
                allowed = ", ".join(converters) or "none: this house has no converter by SunSpec"
                self.add(f"{where}.update", f"{data['update']!r}, allowed {allowed}")
            factors = data.get("factors", {})
            for name in factors:
                if name not in FACTORS:
                    allowed = f"allowed {', '.join(FACTORS)}"
                    self.add(f"{where}.factors", f"{name!r}, {allowed}")
            value = (data.get("insert", 0), factors)
            return Event(at_s, "update", data["update"], value, data.get("for_s", 0.0))
        if "app" in data:
            families = [row.name for row in house.converters if row.family]
            if data["app"] not in families:
                allowed = ", ".join(families) or "none: no converter here is of a family"
                self.add(f"{where}.app", f"{data['app']!r}, allowed {allowed}")
            return Event(at_s, "app", data["app"], data["w"])
        if "mqtt" in data:
            message = data["mqtt"]
            return Event(at_s, "mqtt", message["topic"], message["payload"])
        if "controller" in data:
            if data["controller"] == "reset" and "for_s" in data:
                self.add(f"{where}.for_s", "a reset has no length, allowed with off")
            return Event(at_s, "controller", "", data["controller"], data.get("for_s", 0.0))
        return Event(at_s, "broker", "", data["broker"])

    def expectation(
        self, i: int, data: dict[str, Any], fields: set[str], seconds: float = math.inf
    ) -> Expectation:
        where = f"expect[{i}]"
        rise = "rise_of" in data
        key = "rise_of" if rise else "that"
        that = data[key]
        if that not in fields and not IMAGE_FIELD.match(that):
            first = re.split(r"[._]", that)[0]
            near = [f for f in sorted(fields) if re.split(r"[._]", f)[0] == first]
            allowed = ", ".join(near or sorted(fields))
            self.add(f"{where}.{key}", f"{that!r}, allowed {allowed}; or islet.<FIELD>")
        elif IMAGE_FIELD.match(that):
            from tools.twin.referee import published  # the referee imports this module

            try:
                published.place(that.removeprefix("islet."))
            except KeyError as error:
                self.add(f"{where}.{key}", f"{that!r}: {error.args[0]}")
        if "bit" in data:
            from tools.twin.referee import published

            try:
                published.bit_of(that.removeprefix("islet."), data["bit"])
            except KeyError as error:
                self.add(f"{where}.bit", str(error.args[0]))
        to_s = data.get("to_s")
        if data.get("from_s", 0) >= seconds:
            what = f"{data['from_s']:g}, allowed below {seconds:g}, where it ends"
            self.add(f"{where}.from_s", what)
        if to_s is not None and to_s < data.get("from_s", 0):
            self.add(f"{where}.to_s", f"{to_s}, allowed from_s {data.get('from_s', 0)} and later")
        return Expectation(
            that=that,
            from_s=data.get("from_s", 0.0),
            to_s=to_s,
            text=data.get("text", ""),
            rise=rise,
            when=data.get("when", "end" if rise else "always"),
            at_least=data.get("at_least"),
            at_most=data.get("at_most"),
            equals=data.get("equals"),
            bit=data.get("bit", ""),
        )
