# islet: scenarios: one JSON file describes a house, its devices, a run and what is expected.
# GPL-3.0-or-later
"""Load and check a scenario; every error names the field, the bad value and what is allowed.

`python -m tools.twin.scenario` writes scenario.schema.json and the tables of README.md anew from
the declarations in house/spec.py, house/controls.py and house/truth.py;
`python -m tools.twin.scenario FILE…` checks files.
"""

from __future__ import annotations

import csv
import json
import math
import re
import sys
from dataclasses import dataclass, field
from datetime import datetime
from itertools import pairwise
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator

from tools.twin.house import Change, House, HouseSpec, Trace, controls, from_dict
from tools.twin.scenario_schema import explain, flat, schema

HERE = Path(__file__).parent
SCHEMA = HERE / "scenario.schema.json"
MOST_ERRORS = 8
IMAGE_FIELD = re.compile(r"islet\.[A-Z][A-Z0-9_]*(\[\d+\])?$")
UNITS = 1_000_000  # µs per s


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
    """Something that happens. `kind`: set, bus, mqtt, broker, controller; `target`: dotted input,
    device, topic or ""; `value`: what it becomes (the fault, the payload, "up" or "down", "reset"
    or "off"); `for_s`: a bus fault's length, None to the end; a power cut's."""

    at_s: float
    kind: str
    target: str
    value: Any
    for_s: float | None = None


@dataclass(frozen=True)
class Expectation:
    """`that`, a field of truth() or islet.<FIELD> of the process image, or `rise_of`, the growth
    of a counter over the window, within bounds; `when`: always, ever, or at the end."""

    that: str
    from_s: float
    to_s: float | None
    text: str
    rise: bool = False
    when: str = "always"
    at_least: float | None = None
    at_most: float | None = None
    equals: Any = None

    def holds(self, value: Any) -> bool:
        """Whether one value is within the bounds."""
        if self.at_least is not None and not value >= self.at_least:
            return False
        if self.at_most is not None and not value <= self.at_most:
            return False
        return self.equals is None or value == self.equals


@dataclass(frozen=True)
class Scenario:
    """A checked scenario; `site` is the firmware's configuration, verbatim and unchecked."""

    path: Path
    name: str
    text: str
    start: datetime
    seconds: float
    site: dict[str, Any]
    house: HouseSpec
    traces: list[Trace] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)
    expect: list[Expectation] = field(default_factory=list)

    def new_house(self, seed: int = 0) -> House:
        """The house at its start; it carries out the `set` events and traces by itself."""
        house = House(self.house, self.start, seed)
        changes = [
            Change(round(e.at_s * UNITS), e.target, e.value)
            for e in self.events
            if e.kind == "set"
        ]
        house.schedule(changes, self.traces)
        return house


def load(path: Path | str) -> Scenario:
    """Read and check a scenario file; ScenarioError tells what is wrong with it."""
    path = Path(path)
    data = _read_json(path, path)
    return parse(data, path)


def parse(data: Any, path: Path) -> Scenario:
    """Check `data` as if read from `path` (relative paths in it start there)."""
    problems = [explain(e) for e in flat(Draft202012Validator(schema()).iter_errors(data))]
    if problems:
        raise ScenarioError(path, sorted(set(problems)))
    checks = Problems(path)
    start = checks.start(data["start"])
    site = data["site"]
    if isinstance(site, str):
        site = _read_json(path.parent / site, path, "site")
    checks.wiring(data["house"])
    checks.stop()
    spec: HouseSpec = from_dict(HouseSpec, data["house"])
    house = House(spec, start, 0)
    traces = [checks.trace(i, t, house) for i, t in enumerate(data.get("traces", []))]
    events = [checks.event(i, e, house) for i, e in enumerate(data.get("events", []))]
    fields = set(house.truth())
    expect = [checks.expectation(i, e, fields) for i, e in enumerate(data.get("expect", []))]
    checks.stop()
    return Scenario(
        path=path,
        name=data["name"],
        text=data.get("text", ""),
        start=start,
        seconds=data["seconds"],
        site=site,
        house=spec,
        traces=[t for t in traces if t],
        events=sorted((e for e in events if e), key=lambda e: e.at_s),
        expect=expect,
    )


def _read_json(path: Path, scenario: Path, where: str = "") -> Any:
    lead = f"{where}: {path} " if where else ""
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ScenarioError(scenario, [f"{lead}cannot be read: {error.strerror}"]) from None
    except ValueError as error:
        raise ScenarioError(scenario, [f"{lead}is not JSON: {error}"]) from None
    except RecursionError:
        raise ScenarioError(scenario, [f"{lead}is nested too deeply"]) from None
    if where and not isinstance(data, dict):
        raise ScenarioError(scenario, [f"{lead}is not a JSON object"])
    return data


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
        users = [("loads", house.get("loads")), ("pv", house.get("pv"))]
        users += [("charger", house.get("charger")), ("inverter", house.get("inverter"))]
        appliances = (house.get("loads") or {}).get("appliances", [])
        users += [(f"loads.appliances[{i}]", a) for i, a in enumerate(appliances)]
        for where, user in users:
            circuit = (user or {}).get("circuit")
            if circuit is not None and circuit not in names:
                self.add(f"house.{where}.circuit", f"{circuit!r}, {allowed}")
        self._legs(house, appliances)
        charger, inverter = house.get("charger"), house.get("inverter")
        if charger and charger.get("kind") == "dc" and inverter is None:
            self.add("house.inverter", "absent, a dc charger needs one")
        if (
            inverter is not None
            and "circuit" not in inverter
            and (charger or {}).get("kind") != "dc"
        ):
            self.add("house.inverter.circuit", f"absent, {allowed}")

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
        for part, default in (("pv", 3), ("charger", 3), ("inverter", 3)):
            spec = house.get(part)
            if spec and spec.get("legs", default) > legs:
                used = spec.get("legs", default)
                self.add(f"house.{part}.legs", f"{used}, allowed 1…{legs} (house.legs)")
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

    def event(self, i: int, data: dict[str, Any], house: House) -> Event | None:
        """One of the five kinds."""
        at_s, where = data["at_s"], f"events[{i}]"
        if "set" in data:
            try:
                controls.check(house.controls, data["set"], data["to"])
            except ValueError as error:
                self.add(f"{where}.set", str(error))
                return None
            return Event(at_s, "set", data["set"], data["to"])
        if "bus" in data:
            return Event(at_s, "bus", data["bus"], data["fault"], data.get("for_s"))
        if "mqtt" in data:
            message = data["mqtt"]
            return Event(at_s, "mqtt", message["topic"], message["payload"])
        if "controller" in data:
            if data["controller"] == "reset" and "for_s" in data:
                self.add(f"{where}.for_s", "a reset has no length, allowed with off")
            return Event(at_s, "controller", "", data["controller"], data.get("for_s", 0.0))
        return Event(at_s, "broker", "", data["broker"])

    def expectation(self, i: int, data: dict[str, Any], fields: set[str]) -> Expectation:
        where = f"expect[{i}]"
        rise = "rise_of" in data
        key = "rise_of" if rise else "that"
        that = data[key]
        if that not in fields and not IMAGE_FIELD.match(that):
            near = [f for f in sorted(fields) if f.split("_")[0] == that.split("_")[0]]
            allowed = ", ".join(near or sorted(fields))
            self.add(f"{where}.{key}", f"{that!r}, allowed {allowed}; or islet.<FIELD>")
        elif IMAGE_FIELD.match(that):
            from tools.twin.referee.published import place  # the referee imports this module

            try:
                place(that.removeprefix("islet."))
            except KeyError as error:
                self.add(f"{where}.{key}", f"{that!r}: {error.args[0]}")
        to_s = data.get("to_s")
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
        )


def main(arguments: list[str]) -> int:
    if not arguments:
        from tools.twin.house import document

        SCHEMA.write_text(json.dumps(schema(), indent=2, ensure_ascii=False) + "\n")
        document.write(HERE / "README.md")
        return 0
    bad = 0
    for name in arguments:
        try:
            load(name)
            print(f"{name}: good")
        except ScenarioError as error:
            bad = 1
            print(error)
    return bad


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
