# islet: what was found, in words and as configuration.
# GPL-3.0-or-later
from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from tools.probe.bus import Host, Serial
from tools.probe.profiles import Fit
from tools.probe.sunspec import SunSpec

NEEDED = (701, 704, 715)  # to command a converter: firmware/drivers/sunspec_inverter.py
MOST_OTHERS = 5  # told with their reasons
CERTAINTY = {
    "certain": "it is certainly",
    "likely": "it is likely",
    "possible": "it is possibly",
}


@dataclass
class Found:
    """A device that answered."""

    where: Serial | Host
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
        if not best.driven:
            lines.append(f"    a {best.role}: no driver yet, a site cannot name it")
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
    lines: dict[Serial | Host, dict[str, Any]] = {}
    meters, devices = [], []
    for found in everybody:
        line = lines.setdefault(found.where, _line(found.where, f"line {len(lines) + 1}"))
        place = {"line": line["name"], "address": found.unit}
        if found.best and found.best.role == "meter":
            name = f"meter {len(meters) + 1}"
            meters.append({"name": name, "profile": found.best.name, **place})
        elif found.sunspec and found.sunspec.has(*NEEDED):
            row = {"kind": "converter", "node": "<its circuit>", "legs": ["<L1>"]}
            limits = {"charge_w": "<W>", "discharge_w": "<W>"}
            name = f"converter {len(devices) + 1}"
            devices.append({"name": name, **row, **limits, **place, "base": found.sunspec.base})
        elif found.best and found.best.driven:
            name = f"converter {len(devices) + 1}"
            row = {"kind": "converter", "profile": found.best.name, "node": "<its circuit>"}
            devices.append({"name": name, **row, **place})
    rows = {"lines": list(lines.values()), "meters": meters, "devices": devices}
    return {key: value for key, value in rows.items() if value}


def _line(where: Serial | Host, name: str) -> dict[str, Any]:
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
