# islet: a site's configuration of an older form in today's.
# GPL-3.0-or-later
"""Before devices were rows, a site had one `evse`, one `inverter`, one `meter` and one `bus`, and
`topology` told what a charging point was. `upgrade` writes what that meant as rows; it guesses
nothing that was not said, and touches nothing else."""

from __future__ import annotations

from typing import Any

Json = dict[str, Any]

OLD = ("topology", "evse", "inverter", "meter", "bus")
LINE, METER = "bus", "meter"  # names of what had none
EVSE, INVERTER = "evse", "inverter"  # as the page and the broker have named them
OF_POINT = (
    "contactor_open_ms",
    "contactor_close_ms",
    "breaking_a",
    "overcurrent_ms",
    "auth_required",
)
OF_DEVICE = ("max_a", "pause_s", "response_s")  # and what a charging point's row keeps
TOPOLOGIES = ("T1", "T2", "T3")


class Strange(ValueError):
    """No configuration of the older form; the sentence names the field."""


def is_old(site: Json) -> bool:
    return any(name in site for name in OLD)


def upgrade(site: Json) -> tuple[Json, list[str]]:
    """The site in today's form, and what a person should know of it."""
    remarks: list[str] = []
    topology = site.get("topology")
    if topology not in TOPOLOGIES:
        raise Strange(f"topology: {topology!r} is not one of {', '.join(TOPOLOGIES)}")
    sections = {name: _section(site, name) for name in OLD[1:]}
    evse, inverter = sections["evse"], sections["inverter"]
    gateway = topology == "T2"
    has_evse, has_inverter = "node" in evse, "node" in inverter
    if evse and not has_evse:
        remarks.append("evse had no node, so it was none: left out")
    if inverter and not has_inverter:
        remarks.append("inverter had no node, so it was none: left out")
    if gateway and has_inverter and not has_evse:
        raise Strange("evse: is missing, a T2 site's contactor is in the circuit of its inverter")
    if gateway and has_evse and not has_inverter:
        raise Strange("inverter: is missing, a T2 site is a gateway with an inverter")
    if gateway and has_evse and evse["node"] != inverter["node"]:
        raise Strange("evse.node: is not inverter.node, a gateway's contactor is in its circuit")
    nodes, metered = _nodes(site)
    devices: list[Json] = []
    if has_evse and not gateway:
        devices.append(_point(evse))
    if has_inverter:
        devices.append(_converter(inverter, topology, evse if has_evse else {}, remarks))
    if sections["meter"] and not metered:
        remarks.append("meter measured no node: left out")
    rows: Json = {"nodes": nodes}
    if has_evse:
        rows["points"] = [{"name": EVSE} | {k: evse[k] for k in OF_POINT if k in evse}]
    if devices:
        rows["devices"] = devices
    if metered:
        rows["meters"] = [_meter(sections["meter"])]
    if metered or has_inverter:
        rows["lines"] = [{"name": LINE} | sections["bus"]]
    new = _in_place(site, rows)
    if has_inverter and isinstance(island := new.get("island"), dict) and island.get("capable"):
        new["island"] = {"capable": True, "device": INVERTER} | island
    if "installer" in new:
        del new["installer"]
        remarks.append("installer.seal: seal it anew, make flash KEY=")
    return new, remarks


def _section(site: Json, name: str) -> Json:
    section = site.get(name, {})
    if not isinstance(section, dict):
        raise Strange(f"{name}: is not an object")
    return section


def _nodes(site: Json) -> tuple[list[Any], bool]:
    """The circuits with what measures them by name, and whether the meter measures one."""
    names = {"evse": EVSE, "inverter": INVERTER, "meter": METER}
    nodes = site.get("nodes")
    if not isinstance(nodes, list):
        raise Strange("nodes: is not a list")
    new: list[Any] = []
    for node in nodes:
        if isinstance(node, dict) and node.get("instrument") in names:
            node = node | {"instrument": names[node["instrument"]]}
        new.append(node)
    return new, any(isinstance(n, dict) and n.get("instrument") == METER for n in new)


def _legs(section: Json, where: str) -> list[str]:
    legs = section.get("legs", 1)
    if type(legs) is not int or not 1 <= legs <= 3:
        raise Strange(f"{where}.legs: {legs!r} is not a whole number from 1 to 3")
    return [f"L{leg + 1}" for leg in range(legs)]


def _point(evse: Json) -> Json:
    _known(evse, ("node", "legs", *OF_POINT, *OF_DEVICE), "evse")
    row: Json = {"name": EVSE, "kind": "point", "contactor": EVSE, "node": evse["node"]}
    row["legs"] = _legs(evse, "evse")
    return row | {key: evse[key] for key in OF_DEVICE if key in evse}


def _converter(inverter: Json, topology: str, evse: Json, remarks: list[str]) -> Json:
    row: Json = {"name": INVERTER, "kind": "converter", "node": inverter["node"]}
    row["legs"] = _legs(inverter, "inverter")
    if topology == "T2":
        row |= {"owns_pilot": True, "behind": "car"}
        if evse:
            _known(evse, ("node", "legs", *OF_POINT, *OF_DEVICE), "evse")
            row |= {"contactor": EVSE, "max_a": evse.get("max_a", 6)}
            if any(key in evse for key in OF_DEVICE[1:]):
                remarks.append("evse.pause_s, evse.response_s: a gateway has its own, left out")
    elif topology == "T3":
        row |= {"behind": "car", "may_discharge": False}
    row |= {key: value for key, value in inverter.items() if key not in ("node", "legs")}
    moved = {"line": LINE, "address": row.pop("address", 1)}
    if "base" in row:
        moved["base"] = row.pop("base")
    certificate = row.pop("certificate", None)
    return row | moved | ({} if certificate is None else {"certificate": certificate})


def _meter(meter: Json) -> Json:
    _known(meter, ("profile", "address"), "meter")
    row: Json = {"name": METER}
    if "profile" in meter:
        row["profile"] = meter["profile"]
    return row | {"line": LINE, "address": meter.get("address", 1)}


def _known(section: Json, known: tuple[str, ...], where: str) -> None:
    for key in section:
        if key not in known:
            raise Strange(f"{where}.{key}: unknown option")


def _in_place(site: Json, rows: Json) -> Json:
    """The rows where their older forms stood, `nodes` first of them; all else as it is."""
    new: Json = {}
    for key, value in site.items():
        if key == "nodes":
            new |= rows
        elif key not in OLD:
            new[key] = value
    return new
