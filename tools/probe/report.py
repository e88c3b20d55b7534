# islet: what was found, in words and as configuration.
# GPL-3.0-or-later
from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from tools.probe.board import Through
from tools.probe.bus import Host, Where
from tools.probe.profiles import Fit
from tools.probe.sunspec import SunSpec

NEEDED = (701, 704, 715)  # to command a converter: firmware/drivers/sunspec_inverter.py
# what only a person knows of a converter, and what is asked
OPEN = {"node": "<its circuit>", "legs": ["<L1>"], "charge_w": "<W>", "discharge_w": "<W>"}
SUN_W = "<W>"
ASKED = {
    "sun_w": "most that the sun on its own DC side gives, in W; 0 where there is none",
    "node": "a name of nodes[], where it hangs",
    "legs": "of L1, L2, L3, in the order of its own",
    "charge_w": "most that it may draw, in W",
    "discharge_w": "most that it may deliver, in W; 0 for none",
}
REVERT_S = 10  # of a site that says nothing
MOST_OTHERS = 5  # told with their reasons
CERTAINTY = {
    "certain": "it is certainly",
    "likely": "it is likely",
    "possible": "it is possibly",
}


@dataclass
class Found:
    """A device that answered."""

    where: Where
    unit: int
    sunspec: SunSpec | None
    fits: Sequence[Fit]

    @property
    def best(self) -> Fit | None:
        return self.fits[0] if self.fits and self.fits[0].fits else None


def words(found: Found) -> list[str]:
    """Lines about one device."""
    lines = [f"unit {found.unit} on {found.where}"]
    if found.sunspec:
        lines += _sunspec(found.sunspec)
    best = found.best
    if best:
        lines.append(f"  {CERTAINTY[best.certainty]} {best.name}: {best.document['name']}")
        lines.append(f"    for it: {best.why}")
        lines += [f"    {value}" for value in best.values]
        if best.undriven:
            lines.append(f"    {best.undriven}, so a site cannot name it")
        others = [fit for fit in found.fits[1:] if fit.fits]
        if others:
            lines.append("  others fit as well, the label on it decides:")
        lines += [f"    {fit.name} ({fit.certainty}): {fit.why}" for fit in others[:MOST_OTHERS]]
        if more := others[MOST_OTHERS:]:
            lines.append("    and " + ", ".join(fit.name for fit in more))
    elif not found.sunspec:
        lines.append("  fits no profile of islet's; the nearest are:")
        lines += [f"    {fit.name}: {fit.why}" for fit in found.fits[:3]]
    return lines


def _sunspec(found: SunSpec) -> list[str]:
    who = " ".join(word for word in (found.maker, found.model, found.version) if word)
    models = ", ".join(str(number) for number, _ in found.models)
    lines = [f"  SunSpec at {found.base}: {who or 'says no name'}", f"    models {models}"]
    if not found.ended:
        lines.append("    the chain of models has no end")
    missing = [number for number in NEEDED if not found.has(number)]
    if missing:
        lines.append(f"    islet cannot command it: no model {', '.join(map(str, missing))}")
    return lines


def configuration(everybody: Sequence[Found]) -> dict[str, Any]:
    """What to paste into a site: lines, meters, devices. What only a person knows is left open
    with a word in angle brackets."""
    lines: dict[Where, dict[str, Any]] = {}
    for where in _in_order([found.where for found in everybody]):
        lines[where] = _line(where, f"line {len(lines) + 1}")
    meters, devices = [], []
    for found in everybody:
        place = {"line": lines[found.where]["name"], "address": found.unit}
        if found.best and found.best.role == "meter":
            name = f"meter {len(meters) + 1}"
            meters.append({"name": name, "profile": found.best.name, **place})
            continue
        row = {"name": f"converter {len(devices) + 1}", "kind": "converter", **OPEN}
        if found.sunspec and found.sunspec.has(*NEEDED):
            devices.append({**row, **place, "base": found.sunspec.base})
        elif found.best and not found.best.undriven:
            devices.append({**row, **_family(found.best), **place})
    rows = {"lines": list(lines.values()), "meters": meters, "devices": devices}
    return {key: value for key, value in rows.items() if value} if meters or devices else {}


def _family(fit: Fit) -> dict[str, Any]:
    """What its profile asks for beside the rest."""
    named: dict[str, Any] = {"profile": fit.name, **_lease(fit.document)}
    return named | ({"sun_w": SUN_W} if fit.document["controls"] == "battery" else {})


def _lease(document: dict[str, Any]) -> dict[str, Any]:
    """What follows from how long it obeys: its time-out, where the usual one is too short; and
    that it may not discharge where nobody says that it stops (firmware/config/rules_family.py)."""
    lease = document["lease"]
    if lease.get("write"):
        least_s = lease.get("least_s", 0)
        return {"revert_s": least_s} if least_s > REVERT_S else {}
    return {"discharge_w": 0, "revert_s": 0} if lease["then"] in ("goes_on", "unknown") else {}


def _in_order(places: Sequence[Where]) -> list[Where]:
    """Each once. A site's serial lines are the board's transceivers in their order: one that has
    nobody, before one that has somebody, stands there all the same."""
    out: list[Where] = []
    for where in dict.fromkeys(places):
        used = [each.line for each in out if isinstance(each, Through)]
        if isinstance(where, Through):
            out += [replace(where, line=i) for i in range(where.line) if i not in used]
        out.append(where)
    return out


def open_fields(document: dict[str, Any]) -> list[str]:
    """What a person has to say yet, by field."""
    said = []
    for i, row in enumerate(document.get("devices", [])):
        asked = OPEN | {"sun_w": SUN_W}
        still = [key for key in asked if row.get(key) == asked[key]]
        said += [f"devices[{i}].{key}: {ASKED[key]}" for key in still]
    if document.get("meters"):
        said.append("nodes[].instrument: names each meter, at the circuit that it measures")
    return said


def _line(where: Where, name: str) -> dict[str, Any]:
    if isinstance(where, Host):
        line: dict[str, Any] = {"name": name, "host": where.host}
        return line | ({"port": where.port} if where.port != 502 else {})
    line = {"name": name, "baud": where.baud, "parity": where.parity}
    return line | ({"stop_bits": where.stop_bits} if where.stop_bits != 1 else {})


def text(document: dict[str, Any]) -> str:
    """A row a line, as people write sites."""
    lists = []
    for key, rows in document.items():
        inside = ",\n".join("    " + json.dumps(row) for row in rows)
        lists.append(f'  "{key}": [\n{inside}\n  ]')
    return "{\n" + ",\n".join(lists) + "\n}"
