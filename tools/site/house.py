# islet: the house of a scenario of an earlier form: its one car, inverter and meter become rows.
# GPL-3.0-or-later
"""`upgrade(scenario)` gives the same scenario with the house in rows; what is not a house's, it
leaves as it is. `told(house)` says what is wrong with a house of the earlier form.

The rows get the names that the earlier form's words had, and islet's devices the same names in a
site: so a scenario's events and expectations go on to mean what they meant.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Mapping
from typing import Any

POINT, CONVERTER, CAR, METER, LINE = "evse", "inverter", "car", "meter", "bus"
SOURCE, STORAGE = "pv", "household"
EARLIER = {  # a key of the earlier house, and the list that has it now
    "charger": "points",
    "car": "cars",
    "inverter": "converters",
    "pv": "sources",
    "household": "storages",
    "meter": "meters",
}
COMMAND = "python -m tools.site upgrade FILE"

# a field of truth in the earlier form, without its leg, and now
FACTS = {
    "pv_w": "pv.w",
    "pv_available_w": "pv.available_w",
    "pv_connected": "pv.connected",
    "pv_wh": "pv.produced_wh",
    "household_w": "household.w",
    "evse_w": "evse.w",
    "pilot_duty": "evse.pilot_duty",
    "contactor_closed": "evse.closed",
    "contactor_closings": "evse.closings",
    "contactor_openings": "evse.openings",
    "contactor_opened_a": "evse.opened_a",
    "contactor_opened_max_a": "evse.opened_max_a",
    "released": "evse.released",
    "car_w": "car.w",
    "car_plugged": "car.plugged",
    "car_state": "car.state",
    "car_soc_percent": "car.soc_percent",
    "car_offer_a": "car.offer_a",
    "car_wh": "car.charged_wh",
    "parted_live": "car.parted_live",
    "inverter_w": "inverter.w",
    "inverter_mode": "inverter.mode",
    "inverter_fault": "inverter.fault",
    "inverter_setpoint_w": "inverter.setpoint_w",
    "inverter_enabled": "inverter.enabled",
    "inverter_charged_wh": "inverter.charged_wh",
    "inverter_discharged_wh": "inverter.discharged_wh",
    "dead_grid_inverter_wh": "inverter.dead_grid_wh",
}
AMPS = re.compile(r"(evse|inverter)_(l[123]_a)$")


def told(house: Mapping[str, Any]) -> list[str]:
    """A sentence for each key of the earlier form; none where there is none."""
    found = [
        f"house.{key}: now a row of house.{rows}, with a name; `{COMMAND}` rewrites the file"
        for key, rows in EARLIER.items()
        if key in house
    ]
    for part, key, now in (
        ("relays", "contactor", "contactor"),
        ("protection", "release", "release"),
    ):
        given = house.get(part)
        if isinstance(given, dict) and key in given:
            where = f"house.{part}.{key}: now {now} of a row of house.points"
            found.append(f"{where}; `{COMMAND}` rewrites the file")
    return found


def upgrade(scenario: Mapping[str, Any]) -> dict[str, Any]:
    """The scenario with rows; one whose house has none of the earlier keys as it is."""
    new = copy.deepcopy(dict(scenario))
    house = new.get("house")
    if not isinstance(house, dict) or not told(house):
        return new
    site = new.get("site")
    new["house"] = _house(house, site if isinstance(site, dict) else {})
    circuits = {c.get("name") for c in house.get("circuits", ())}
    soc = f"{CONVERTER if house.get('inverter') is not None else CAR}.soc_percent"
    for trace in new.get("traces", ()):
        trace["drives"] = given(trace["drives"])
    for event in new.get("events", ()):
        if "set" in event:
            event["set"] = given(event["set"])
    for row in new.get("expect", ()):
        for key in ("that", "rise_of"):
            if key in row:
                row[key] = soc if row[key] == "soc_percent" else fact(row[key], circuits)
    return new


def given(name: str) -> str:
    """The name of an input: the point's contactor is its own now."""
    lead, now = "relays.contactor.", f"{POINT}.contactor."
    return now + name.removeprefix(lead) if name.startswith(lead) else name


def fact(name: str, circuits: set[Any]) -> str:
    """The name of a field of truth; a circuit of a device's name had its fields to itself."""
    if amps := AMPS.match(name):
        return name if amps[1] in circuits else f"{amps[1]}.{amps[2]}"
    return FACTS.get(name, name)


def _house(house: Mapping[str, Any], site: Mapping[str, Any]) -> dict[str, Any]:
    charger, inverter = house.get("charger"), house.get("inverter")
    gateway = charger is not None and charger.get("kind") == "dc"
    legs = house.get("legs", 3)
    new: dict[str, Any] = {}
    for key, value in house.items():
        if key not in EARLIER:
            new[key] = copy.deepcopy(value)
        elif key == "charger" and charger is not None:
            new["points"] = [_point(house, charger)]
            plug = CONVERTER if gateway else POINT
            new["cars"] = [{"name": CAR, "at": plug, **house.get("car", {})}]
        elif key == "inverter" and inverter is not None:
            new["converters"] = [_converter(inverter, gateway, legs, site)]
        elif key == "pv" and value is not None:
            new["sources"] = [{"name": SOURCE, **_wired(value, legs)}]
        elif key == "household" and value is not None:
            new["storages"] = [{"name": STORAGE, **_wired(value, legs)}]
    new["meters"] = [
        {"name": METER, **_address(site, "meter", "address", 1), **house.get("meter", {})}
    ]
    new["lines"] = [{"name": LINE, **_line(site)}]
    relays, protection = new.get("relays") or {}, new.get("protection") or {}
    relays.pop("contactor", None)
    protection.pop("release", None)
    return {k: v for k, v in new.items() if v != {} or house.get(k) == {}}


def _point(house: Mapping[str, Any], charger: Mapping[str, Any]) -> dict[str, Any]:
    point = {"name": POINT, **_wired(charger, house.get("legs", 3))}
    point.pop("kind", None)
    if contactor := (house.get("relays") or {}).get("contactor"):
        point["contactor"] = contactor
    protection = house.get("protection") or {}
    return point | ({"release": protection["release"]} if "release" in protection else {})


def _converter(
    inverter: Mapping[str, Any], gateway: bool, legs: int, site: Mapping[str, Any]
) -> dict[str, Any]:
    head: dict[str, Any] = {"name": CONVERTER}
    if gateway:
        head["point"] = POINT
    head |= _address(site, "inverter", "address", 2) | _address(site, "inverter", "base", 40_000)
    return head | _wired(inverter, legs)


def _wired(row: Mapping[str, Any], of: int) -> dict[str, Any]:
    """Legs by name instead of their number; none where it has all of the house's."""
    new = dict(row)
    if isinstance(row.get("legs"), int):
        new["legs"] = [f"L{k + 1}" for k in range(row["legs"])]
        if row["legs"] == of:
            del new["legs"]
    return new


def _address(site: Mapping[str, Any], part: str, key: str, default: int) -> dict[str, int]:
    """A number of the site's that is the device's own now, where it is no usual one."""
    given = site.get(part)
    value = given.get(key) if isinstance(given, dict) else None
    if not isinstance(value, int) or isinstance(value, bool) or value == default:
        return {}
    return {key: value}


def _line(site: Mapping[str, Any]) -> dict[str, Any]:
    bus = site.get("bus")
    return {k: bus[k] for k in ("baud", "parity") if k in bus} if isinstance(bus, dict) else {}
