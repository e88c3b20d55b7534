# islet: a house around a site's configuration, for `make run SITE=…`.
# GPL-3.0-or-later
"""`scenario(site)` gives the scenario of a house that is wired as the site says: its circuits,
devices, lines and meters, a car at each point and gateway, sun where the site names a source it
does not command, a kettle and an oven, and an outage where the site may island. What the site does
not say is an ordinary summer's day. It is a demonstration of the site, not a proof of the house:
the real one may be wired otherwise."""

from __future__ import annotations

import copy
import re
from collections.abc import Iterator
from typing import Any

Json = dict[str, Any]

SECONDS = 900
OVEN_S, OUTAGE_S = (120, 240), (420, 540)  # from, to
SUPPLY_DROP = 0.013  # of the voltage at the main breaker's rating, in the supply's resistance
FIFTY = {"start": "2026-06-15T10:30:00+02:00", "place": {"latitude": 52.5, "longitude": 13.4}}
SIXTY = {"start": "2026-06-15T10:30:00-05:00", "place": {"latitude": 40.0, "longitude": -90.0}}
METER = "sdm630"  # the one the simulated house has
SPEED = ("baud", "parity", "port")  # of a line, as both have it
MODBUS_PORT = 502
TOLD_LINE: Json = {"name": "instead of the broker", "host": "127.0.0.1"}


class Names:
    """The house's names: small letters, digits and _, each once."""

    def __init__(self) -> None:
        self._taken: set[str] = set()

    def of(self, text: Any) -> str:
        plain = re.sub(r"[^a-z0-9]+", "_", str(text).lower()).strip("_") or "it"
        plain = plain if plain[0].isalpha() else f"n_{plain}"
        name, count = plain, 1
        while name in self._taken:
            count += 1
            name = f"{plain}_{count}"
        self._taken.add(name)
        return name


def scenario(site: Json) -> tuple[Json, list[str]]:
    """The scenario, and what of the site the simulated house has otherwise. The site has to be
    one that the firmware takes."""
    site, told = _on_a_line(site)
    rows = Names()
    for word in ("grid", "loads", "relays", "protection", "sensors", "house", "main"):
        rows.of(word)  # the house's own words
    circuits = Names()
    node = {row["name"]: circuits.of(row["name"]) for row in site["nodes"]}
    line = {row["name"]: rows.of(row["name"]) for row in site.get("lines", ())}
    devices = site.get("devices", ())
    local = {row["contactor"]: row for row in devices if row.get("contactor")}
    point = {row["name"]: rows.of(row["name"]) for row in site.get("points", ())}
    converters = {r["name"]: rows.of(r["name"]) for r in devices if r["kind"] == "converter"}
    legs, volts, hertz = site["legs"], site["nominal_v"], site["nominal_hz"]
    there = FIFTY if hertz == 50 else SIXTY
    house: Json = {
        "legs": legs,
        "nominal_v": volts,
        "nominal_hz": hertz,
        "place": there["place"],
        "grid": {"r_ohm": _supply_ohm(site), "x_ohm": _supply_ohm(site), "wander_hz": 0.01},
        "circuits": [_circuit(row, node) for row in site["nodes"]],
        "loads": _loads(legs, volts),
        "points": [
            {"name": name, "circuit": node[local[key]["node"]], "legs": local[key]["legs"]}
            for key, name in point.items()
        ],
        "cars": list(_cars(devices, point, converters, rows)),
        "converters": [
            _converter(row, converters, point, node, line)
            for row in devices
            if row["kind"] == "converter"
        ],
        "sources": list(_sources(site, node, rows)),
        "storages": [
            {"name": rows.of("storage"), "circuit": node[row["name"]]}
            for row in site["nodes"]
            if row.get("self_regulating", "no") != "no"
        ],
        "meters": list(_meters(site, node, line, rows)),
        "lines": [
            {"name": line[row["name"]], **{k: row[k] for k in SPEED if k in row}}
            for row in _at_ports(site)
        ],
        "relays": _relays(site),
    }
    made, remarks = _simulated(site)
    return {
        "name": str(site.get("name", "a site")),
        "text": "A house around this site: python -m tools.twin --site FILE",
        "start": there["start"],
        "seconds": SECONDS,
        "site": made,
        "house": {key: value for key, value in house.items() if value != []},
        "events": list(_events(site)),
    }, told + remarks


def _supply_ohm(site: Json) -> float:
    return round(SUPPLY_DROP * site["nominal_v"] / site["nodes"][0]["rating_a"], 4)


def _circuit(row: Json, node: dict[str, str]) -> Json:
    made = {"name": node[row["name"]], "breaker_a": row["rating_a"]}
    if row.get("parent") is not None:
        made["parent"] = node[row["parent"]]
    return made | ({"bus_a": row["bus_a"]} if row.get("bus_a") else {})


def _loads(legs: int, volts: float) -> Json:
    """Between leg and neutral, so sized by the voltage."""
    return {
        "annual_kwh": 4000,
        "appliances": [
            {"name": "oven", "w": round(11 * volts), "legs": [1], "at": []},
            {"name": "kettle", "w": round(8 * volts), "legs": [legs], "sheddable": True},
        ],
    }


def _cars(
    devices: Any, point: dict[str, str], converters: dict[str, str], rows: Names
) -> Iterator[Json]:
    for row in devices:
        if row["kind"] == "point":
            yield {
                "name": rows.of("car"),
                "at": point[row["contactor"]],
                "legs": len(row["legs"]),
                "max_a": max(6, min(32, row.get("max_a", 6))),
            }
        elif row["kind"] == "converter" and row.get("behind") in ("car", "both"):
            yield {"name": rows.of("car"), "at": converters[row["name"]], "soc_percent": 60}


def _converter(
    row: Json,
    converters: dict[str, str],
    point: dict[str, str],
    node: dict[str, str],
    line: dict[str, str],
) -> Json:
    made = {
        "name": converters[row["name"]],
        "circuit": node[row["node"]],
        "legs": row["legs"],
        "line": line[row["line"]],
        "address": row.get("address", 1),
        "charge_w": row.get("charge_w", 0),
        "discharge_w": row.get("discharge_w", 0),
    }
    if row.get("contactor"):
        made["point"] = point[row["contactor"]]
    return made | {key: row[key] for key in ("base", "stop_ms", "shift_hz") if key in row}


def _sources(site: Json, node: dict[str, str], rows: Names) -> Iterator[Json]:
    """The sun behind each nameplate that islet does not command."""
    for row in site["nodes"]:
        if row.get("source_a"):
            watts = row["source_a"] * site["nominal_v"] * site["legs"]
            yield {"name": rows.of("pv"), "circuit": node[row["name"]], "w_peak": watts}


def _meters(site: Json, node: dict[str, str], line: dict[str, str], rows: Names) -> Iterator[Json]:
    measured = {row.get("instrument"): row["name"] for row in site["nodes"]}
    service = site["nodes"][0]["name"]
    for row in site.get("meters", ()):
        made = {"name": rows.of(row["name"]), "line": line[row["line"]]}
        made["address"] = row.get("address", 1)
        if measured[row["name"]] != service:
            made["circuit"] = node[measured[row["name"]]]
        yield made


def _relays(site: Json) -> Json:
    """The neutral as the site says or, where it says nothing, as the usual panel of 60 Hz has."""
    island = site.get("island", {})
    switched = island.get("neutral_switched")
    return {"neutral_switched": site["nominal_hz"] == 50 if switched is None else switched}


def _on_a_line(site: Json) -> tuple[Json, list[str]]:
    """The site with a meter on a line for each that a broker tells, and a remark about each."""
    site, remarks = copy.deepcopy(site), []
    for address, row in enumerate((m for m in site.get("meters", ()) if "line" not in m), 1):
        remarks.append(f"meter {row['name']}: a {METER} on a line stands in for a broker's topics")
        row.pop("values", None)
        row |= {"line": TOLD_LINE["name"], "address": address, "profile": METER}
    if remarks:
        site["lines"] = [*site.get("lines", ()), TOLD_LINE]
    return site, remarks


def _at_ports(site: Json) -> list[Json]:
    """The lines; those over the network each at a port of its own, since the simulated network
    has one host."""
    lines = copy.deepcopy(site.get("lines", []))
    for i, row in enumerate(row for row in lines if row.get("host")):
        row["port"] = MODBUS_PORT + i
    return lines


def _simulated(site: Json) -> tuple[Json, list[str]]:
    """The site as the simulated house can have it: everything on this PC alone."""
    made, remarks = copy.deepcopy(site), []
    made["http"] = {**made.get("http", {}), "port": 8080}
    made["http"].pop("host", None)
    made["mqtt"] = {**made.get("mqtt", {}), "host": "127.0.0.1"}
    if "lines" in made:
        made["lines"] = _at_ports(site)
    own = {row["name"] for row in made.pop("profiles", ())}
    for row in made.get("devices", ()):
        if row.get("profile") in own:
            remarks.append(f"device {row['name']}: SunSpec stands in for a {row.pop('profile')}")
    for row in made.get("meters", ()):
        if row["profile"] != METER:
            remarks.append(f"meter {row['name']}: a {METER} stands in for a {row['profile']}")
            row["profile"] = METER
    return made, remarks


def _events(site: Json) -> Iterator[Json]:
    for at_s, on in zip(OVEN_S, (True, False), strict=True):
        yield {"at_s": at_s, "set": "loads.oven", "to": on}
    if site.get("island", {}).get("capable"):
        for at_s, out in zip(OUTAGE_S, (True, False), strict=True):
            yield {"at_s": at_s, "set": "grid.outage", "to": out}
