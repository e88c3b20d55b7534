# islet: healthy houses: the scenario of one, drawn from its seed.
# GPL-3.0-or-later
"""`house(seed)` is a scenario document in which nothing is at fault: what is declared to islet is
true of the house within the classes of its instruments, and what happens belongs to every day."""

from __future__ import annotations

from typing import Any

from tests_host.healthy import devices, habits
from tests_host.healthy.world import EARTHINGS, Json, World, world

LABELS = {  # dates and local times, sun or none; few, for the profiles of a date are slow to make
    True: ("2026-06-15T12:30:00+02:00", "2026-04-10T11:00:00+02:00", "2026-09-05T15:30:00+02:00"),
    False: ("2026-01-14T19:00:00+01:00", "2026-06-15T03:10:00+02:00", "2026-11-20T07:30:00+01:00"),
}
# what trips without a fault: a dead grid, a plug pulled while charging, what a restart finds
TRIPS = ("overcurrent", "stop", "interlock", "sampling", "rcd", "heat", "vehicle", "bond")


def house(seed: int) -> Json:
    """The scenario of one healthy house."""
    w = world(seed)
    sunny = w.has_pv and w.likely(0.85)
    w.circuits.append({"name": "service", "breaker_a": w.service_a, "curve": w.curve})
    w.nodes.append(_service_node(w))
    site: Json = _site(w)
    physical: Json = {
        "legs": w.grid.legs,
        "nominal_v": w.grid.volts,
        "nominal_hz": w.grid.hz,
        "grid": _grid(w),
        "meters": [
            {"name": "meter", "update_s": _meter_s(w), "gain_permille": w.between(-10, 10, 1)}
        ],
        "lines": [{**site["lines"][0]}],
        "sensors": _sensors(w),
    }
    if w.nodes[0]["instrument"] == "meter":
        row = {"name": "meter", "profile": "sdm630", "line": "bus", "address": 1}
        site["meters"] = [row]
    devices.add(w, site, physical)
    habits.add(w, site, physical, sunny)
    site["nodes"] = w.nodes
    physical["circuits"] = w.circuits
    return {
        "name": f"healthy {seed}",
        "text": f"A healthy house: {_said(w)}.",
        "start": w.chance.choice(LABELS[sunny]),
        "seconds": w.seconds,
        "site": site,
        "house": physical,
        "traces": w.traces,
        "events": sorted((e for e in w.events if e["at_s"] < w.seconds), key=lambda e: e["at_s"]),
        "expect": _expect(w),
    }


def _said(w: World) -> str:
    parts = [w.topology, f"{w.grid.legs} x {w.grid.volts} V, {w.grid.hz} Hz", w.code]
    parts.append(f"{w.service_a} A")
    for so, name in (
        (w.has_car and not w.gateway, "charging point"),
        (w.has_inverter and not w.gateway, "inverter"),
        (w.has_pv, "PV"),
        (w.regulated, "household battery"),
        (w.capable, "can island"),
        (w.outage is not None, "outage"),
    ):
        if so:
            parts.append(name)
    return ", ".join(parts)


def _service_node(w: World) -> Json:
    node: Json = {"name": "service", "parent": None, "rating_a": w.service_a}
    node["instrument"] = w.chance.choice(("meter", "meter", "ct"))
    if w.curve == "UL489":
        w.circuits[0]["bus_a"] = node["bus_a"] = w.chance.choice((w.service_a, 225))
        node["bus_percent"] = 120
    return node


def _site(w: World) -> Json:
    overrides: Json = {}
    if w.likely(0.85) or w.outage:  # else the code's own delays: nothing is fed in all the run
        overrides["enter_delay_s"] = w.between(5, 10, 0)
        overrides["enter_ramp_s"] = w.between(1, 10, 0)
    if w.outage and w.likely(0.6):
        overrides["grid_loss_s"] = w.chance.choice((1, 2))
    baud = w.chance.choice((9600, 19_200, 38_400))
    return {
        "name": f"healthy {w.seed}",
        "legs": w.grid.legs,
        "nominal_v": w.grid.volts,
        "nominal_hz": w.grid.hz,
        "grid_code": w.code,
        "grid_code_overrides": overrides,
        "earthing": w.earthing,
        "lines": [{"name": "bus", "baud": baud, "parity": "N"}],
        "mqtt": {"host": "127.0.0.1", "port": 1883, "prefix": "islet/healthy"},
        "http": {"port": 8080, "token": "twin"},
    }


def _meter_s(w: World) -> float:
    """Its own period: what common meters have, now and then a slow one."""
    return w.between(1.2, 1.8) if w.likely(0.1) else w.between(0.2, 1.0)


def _grid(w: World) -> Json:
    """A supply that loses 1 to 3 % at the service's rating, whose voltage and frequency wander."""
    ohm = w.grid.volts / w.service_a * w.between(0.01, 0.03, 4)
    middle = w.between(0.975, 1.015, 3)
    points = [[0, middle]]
    while points[-1][0] < w.seconds:
        step = w.between(-0.006, 0.006, 4)
        points.append([points[-1][0] + w.between(4, 15, 1), round(middle + step, 4)])
    w.traces.append({"drives": "grid.voltage_pu", "interpolation": "linear", "points": points})
    for leg in range(1, w.grid.legs + 1):
        if w.likely(0.4):  # legs differ a little
            w.traces.append(
                {"drives": f"grid.l{leg}_pu", "points": [[0, w.between(0.99, 1.01, 3)]]}
            )
        elif w.likely(0.25):  # a neighbour's motor starts
            at_s = w.between(5, w.seconds - 3)
            w.set(at_s, f"grid.l{leg}_pu", w.between(0.96, 0.985, 3))
            w.set(at_s + w.between(0.1, 0.6), f"grid.l{leg}_pu", 1.0)
    return {
        "r_ohm": round(ohm, 4),
        "x_ohm": round(ohm * w.between(0.3, 0.9), 4),
        "voltage_pu": middle,
        "wander_hz": w.between(0.002, 0.02, 3),
        "earthing": EARTHINGS[w.earthing],
        "neighbour_w": w.chance.choice((0, 500, 2000, 6000)),
    }


def _sensors(w: World) -> Json:
    """Class 1 and what a converter adds."""
    legs = [f"l{k + 1}" for k in range(w.grid.legs)]
    channels = [f"{group}_{leg}" for group in ("evse", "main", "grid", "house") for leg in legs]
    return {
        "noise_codes": w.between(0.3, 2.5),
        "gain_permille": {c: w.between(-10, 10, 1) for c in channels},
        "offset_codes": {c: w.between(-6, 6, 1) for c in channels},
        "phase_deg": {c: w.between(-0.5, 0.5) for c in channels},
        "voltage_harmonics": [[5, w.between(0, 0.03, 3)], [7, w.between(0, 0.02, 3)]],
        "current_harmonics": [[3, w.between(0, 0.1, 3)], [5, w.between(0, 0.06, 3)]],
    }


def _expect(w: World) -> list[Json]:
    rows: list[Json] = [
        {"that": "breaker_trips", "equals": 0, "text": "no breaker trips"},
        {"that": "islet.FAULTS", "equals": 0, "text": "nothing is accused"},
    ]
    rows += [
        {"that": "islet.TRIPPED", "bit": name, "equals": False, "text": f"{name} does not trip"}
        for name in TRIPS
        if name != "sampling" or w.outage is None  # an unloaded leg may leave the range then
    ]
    end: dict[str, Any] = {"that": "house_source", "when": "end", "equals": "grid"}
    return [*rows, {**end, "text": "the house is on the grid at last"}]
