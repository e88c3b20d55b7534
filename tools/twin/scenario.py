# islet: scenarios: one JSON file describes a house, its devices, a run and what is expected.
# GPL-3.0-or-later
"""Load and check a scenario; every error names the field, the bad value and what is allowed.

`python -m tools.twin.scenario` writes scenario.schema.json and the tables of README.md anew from
the declarations in house/spec.py, house/controls.py and house/truth.py;
`python -m tools.twin.scenario FILE…` checks files.
"""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator

from tools.site.house import told
from tools.twin.house import Change, House, HouseSpec, Trace, from_dict
from tools.twin.records import Proofs
from tools.twin.scenario_check import UNITS, Event, Expectation, Problems, ScenarioError
from tools.twin.scenario_schema import explain, flat, schema

HERE = Path(__file__).parent
__all__ = ["Event", "Expectation", "Scenario", "ScenarioError", "load", "parse"]

SCHEMA = HERE / "scenario.schema.json"


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
    proofs: Proofs | None = None  # records; None: to be made before the run

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
    house = data.get("house") if isinstance(data, dict) else None
    if isinstance(house, dict) and (earlier := told(house)):
        raise ScenarioError(path, earlier)
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
    seconds = data["seconds"]
    traces = [checks.trace(i, t, house) for i, t in enumerate(data.get("traces", []))]
    events = [checks.event(i, e, house, seconds) for i, e in enumerate(data.get("events", []))]
    fields = set(house.truth())
    expect = [
        checks.expectation(i, e, fields, seconds) for i, e in enumerate(data.get("expect", []))
    ]
    checks.stop()
    return Scenario(
        path=path,
        name=data["name"],
        text=data.get("text", ""),
        start=start,
        seconds=seconds,
        site=site,
        house=spec,
        traces=[t for t in traces if t],
        events=sorted((e for e in events if e), key=lambda e: e.at_s),
        expect=expect,
        proofs=data.get("proofs"),
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
