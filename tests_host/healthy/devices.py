# islet: healthy houses: what is installed, in the house and in islet's configuration alike.
# GPL-3.0-or-later
from __future__ import annotations

import math

from tests_host.healthy.world import BREAKERS_A, WHOLE_NEUTRAL, Json, World

CABLES_OHM = (1500, 680, 220)  # resistor in the plug: cables of 13, 20 and 32 A
DECLARED_OPEN_MS, DECLARED_CLOSE_MS = 30, 80
HOLD_MS = 2000  # stored energy of the host circuit's bond, as its file says


def add(w: World, site: Json, house: Json) -> None:
    """Charging point or gateway, car, inverter, PV, household battery, relays."""
    below = _below(w)
    if w.has_car and not w.gateway:
        _point(w, site, house, below)
    if w.has_inverter:
        _inverter(w, site, house, below)
    if w.gateway:
        _gateway(w, site, house)
    if w.has_pv:
        _pv(w, house)
    if w.regulated:
        _household_battery(w, house)
    _relays(w, site, house)
    if w.has_car and not w.gateway and w.likely(0.3):
        house["protection"] = {"ventilation": True}


def named(legs: int) -> list[str]:
    """The first legs, by name."""
    return [f"L{k + 1}" for k in range(legs)]


def _below(w: World) -> str:
    """What feeds islet's devices: the service, or a sub-panel nobody measures."""
    if not w.likely(0.2):
        return "service"
    rating = w.service_a
    curve = w.curve if w.curve == "UL489" else "C"
    w.circuits.append({"name": "garage", "parent": "service", "breaker_a": rating, "curve": curve})
    w.nodes.append({"name": "garage", "parent": "service", "rating_a": rating})
    return "garage"


def _node(w: World, name: str, parent: str, rating_a: float, instrument: str) -> None:
    node: Json = {"name": name, "parent": parent, "rating_a": rating_a, "instrument": instrument}
    if w.curve == "UL489":
        node["continuous_percent"] = 80
    w.nodes.append(node)


def _room_a(w: World, below: str) -> float:
    """What a circuit of islet's may be rated: an unmeasured one above it holds them all."""
    most = w.service_a * (0.5 if below != "service" else 0.9)
    return max(a for a in BREAKERS_A if a <= most)


def _point(w: World, site: Json, house: Json, below: str) -> None:
    legs = w.grid.legs if w.likely(0.7) else 1
    most_a = min(w.chance.choice((10, 16, 16, 20, 32, 32)), _room_a(w, below) * 0.8)
    rating = w.circuit("wallbox", most_a, below)
    most_a = float(max(6, int(most_a)))
    _node(w, "wallbox", below, rating, "evse")
    response_s = w.between(3, 8, 0)
    row = {
        "name": "evse",
        "kind": "point",
        "contactor": "evse",
        "node": "wallbox",
        "legs": named(legs),
        "max_a": most_a,
        "pause_s": w.chance.choice((10, 30, 300)),
        "response_s": response_s,
    }
    site["points"] = [_contactor(w, 200)]
    site.setdefault("devices", []).append(row)
    house["points"] = [{"name": "evse", "circuit": "wallbox", "legs": named(legs)}]
    house["cars"] = [{"name": "car", "at": "evse", **_car(w, legs, response_s)}]


def _contactor(w: World, breaking_a: int) -> Json:
    return {
        "name": "evse",
        "contactor_open_ms": DECLARED_OPEN_MS,
        "contactor_close_ms": DECLARED_CLOSE_MS,
        "breaking_a": breaking_a,
        "auth_required": w.likely(0.25),
    }


def _car(w: World, legs: int, response_s: float) -> Json:
    """Of one leg or more, quick or as slow as declared, hungry, nearly full or full."""
    ohm = w.chance.choice(CABLES_OHM)
    most_a = w.chance.choice((10, 13, 16, 16, 20, 32))
    follows_s = 0.85 * response_s  # delay and ramp together
    reaction_s = w.between(0.2, 0.5 * follows_s)
    down = most_a / (follows_s - reaction_s)
    soc = w.chance.choice((w.between(10, 60, 0), w.between(60, 90, 0), 97.0, 100.0))
    return {
        "plugged": w.likely(0.8),
        "wants": w.likely(0.9),
        "capacity_kwh": w.chance.choice((22, 40, 60, 90)),
        "soc_percent": soc,
        "target_percent": w.chance.choice((80, 100, 100)),
        "taper_percent": w.chance.choice((70, 80, 95)),
        "legs": w.chance.choice((1, legs, legs)),
        "max_a": most_a,
        "reaction_s": reaction_s,
        "start_s": w.between(0.3, 5),
        "up_a_per_s": w.between(1, 20),
        "down_a_per_s": w.between(down, 4 * down + 10),
        "unplug_ms": w.chance.randint(150, 600),
        "proximity_ohm": round(ohm * w.chance.uniform(0.97, 1.03)),
    }


def _inverter(w: World, site: Json, house: Json, below: str) -> None:
    name = "gateway" if w.gateway else "battery"
    legs, volts = w.inverter_legs, w.grid.volts
    room_a = _room_a(w, below) * 0.8
    watts = int(min(w.inverter_w, room_a * legs * volts))
    rating = w.circuit(name, watts / legs / volts, below)
    _node(w, name, below, rating, "inverter")
    response_s = w.chance.choice((1, 2, 2, 4))
    charge_w = int(watts * w.chance.choice((1.0, 1.0, 0.7)))
    w.inverter_w = watts
    row: Json = {
        "name": "inverter",
        "kind": "converter",
        "node": name,
        "legs": named(legs),
        "charge_w": charge_w,
        "discharge_w": watts,
        "response_s": response_s,
        "revert_s": w.chance.choice((5, 10, 10)),
        "line": "bus",
        "address": 2,
        "base": w.chance.choice((40_000, 40_000, 0, 50_000)),
    }
    site.setdefault("devices", []).append(row)
    asked = w.capable or w.likely(0.85)  # an island is asked for by the same register
    if not asked:  # a device that cannot be asked comes with its certificate
        row["certificate"] = {
            "standard": "EN 50549-1", "number": "H-1", "profile": w.code,
        }  # fmt: skip
    converter = {
        "name": "inverter",
        "base": row["base"],
        "legs": named(legs),
        "charge_w": charge_w,
        "discharge_w": watts,
        "response_s": w.between(0.1, 0.4 * response_s),
        "ramp_w_per_s": round(watts / (0.4 * response_s) * w.chance.uniform(1, 4)),
        "efficiency": w.between(0.88, 0.97),
        "enable_ms": w.chance.randint(1, 20),
        "stop_ms": w.chance.randint(20, 300),
        "form_delay_s": w.between(0.1, 0.8),
        "soft_start_s": w.between(0.2, 1.5),
        "form_ohm": round(0.03 * volts * volts * legs / watts * w.chance.uniform(0.3, 1), 4),
        "shift_hz": w.between(0.5, 2.0),
        "watch": {"reconnect_s": w.between(1, 10), "detect_s": w.between(0.2, 1.2)},
        "sunspec": {
            "end_model": w.likely(0.8),
            "longer_by": w.chance.choice((0, 0, 2, 10)),
            "unused_factors": w.likely(0.7),
            "anti_islanding": asked,
        },
    }
    house["converters"] = [converter]
    if w.gateway:
        converter["point"] = "evse"
    else:
        converter |= {
            "circuit": name,
            "capacity_kwh": w.chance.choice((5, 10, 15)),
            "soc_percent": w.between(30, 95, 0) if w.capable else w.between(8, 100, 0),
        }


def _gateway(w: World, site: Json, house: Json) -> None:
    site["devices"][0] |= {
        "behind": "car",
        "owns_pilot": True,
        "contactor": "evse",
        "max_a": max(6, math.ceil(w.inverter_w / w.inverter_legs / w.grid.volts)),
        "rank": w.chance.choice((0, 1, 2)),  # alone, it is served first by any
        "step_w": w.chance.choice((0, 1)),  # both mean freely
    }
    site["points"] = [_contactor(w, 300)]
    house["points"] = [{"name": "evse", "circuit": "gateway", "legs": named(w.inverter_legs)}]
    car = {
        "name": "car",
        "at": "inverter",
        "plugged": w.outage is not None or w.likely(0.85),
        "capacity_kwh": w.chance.choice((24, 40, 62)),
        "soc_percent": w.between(35, 95, 0) if w.capable else w.between(10, 100, 0),
    }
    house["cars"] = [car]


def _pv(w: World, house: Json) -> None:
    """A roof that is no more than half of the service."""
    legs = w.grid.legs if w.likely(0.7) else 1
    volts = w.grid.volts
    most_w = 0.45 * w.service_a * volts * legs
    rated_w = round(min(most_w, w.between(1500, 9000, 0)), -1)
    source_a = math.ceil(rated_w / legs / volts * 10) / 10
    rating = w.circuit("roof", source_a)
    w.nodes.append({"name": "roof", "parent": "service", "rating_a": rating, "source_a": source_a})
    pv = {
        "name": "pv",
        "circuit": "roof",
        "w_peak": round(rated_w * w.chance.uniform(0.9, 1.3)),
        "w_rated": rated_w,
        "legs": named(legs),
        "tilt_deg": w.between(5, 50, 0),
        "azimuth_deg": w.between(90, 270, 0),
        "ramp_s": w.chance.choice((10, 60, 300)),
        "linke_turbidity": w.between(2, 5, 1),
    }
    house["sources"] = [pv]


def _household_battery(w: World, house: Json) -> None:
    """Not islet's: its inverter holds the service's power at its own goal, quickly or slowly."""
    legs, volts = w.grid.legs if w.likely(0.7) else 1, w.grid.volts
    watts = int(min(w.chance.choice((1500, 3000, 5000)), 0.3 * w.service_a * volts * legs))
    source_a = math.ceil(watts / legs / volts * 10) / 10
    rating = w.circuit("storage", source_a)
    w.nodes.append(
        {"name": "storage", "parent": "service", "rating_a": rating, "source_a": source_a}
    )
    w.nodes[0]["self_regulating"] = w.chance.choice(("yes", "proved"))
    storage = {
        "name": "household",
        "circuit": "storage",
        "legs": named(legs),
        "power_w": watts,
        "soc_percent": w.chance.choice((0, 20, 60, 100)),
        "goal_w": w.chance.choice((0, 0, 50, -50)),
        "period_s": w.between(0.3, 2.5, 1),
        "gain": w.between(0.3, 0.9),
        "watch": {"reconnect_s": w.chance.choice((5, 60))},
    }
    house["storages"] = [storage]


def _relays(w: World, site: Json, house: Json) -> None:
    chance = w.chance

    def relay(slowest_ms: int, open_ms: int, close_ms: int) -> Json:
        return {
            "open_ms": chance.randint(min(8, open_ms), open_ms),
            "close_ms": chance.randint(min(12, close_ms), close_ms),
            "bounce_ms": chance.randint(0, 6),
            "aux_delay_ms": chance.randint(0, slowest_ms),
        }

    contactor = relay(6, 22, 70)
    for point in house.get("points", ()):
        point["contactor"] = contactor
    if not w.capable:
        return
    switched = w.code not in WHOLE_NEUTRAL
    bonds_itself = switched and w.likely(0.25)
    slowest = chance.choice((60, 120, 240))
    shed = w.likely(0.8)
    site["island"] = {
        "capable": True,
        "device": "inverter",
        "auto": w.likely(0.85),
        "max_w": w.inverter_w,
        "neutral_switched": switched,
        "device_bonds": bonds_itself,
        "electrode": True,
        "shed": shed,
    }
    house["converters"][0]["bonds_itself"] = bonds_itself
    house["relays"] = {
        "island": relay(20, slowest, slowest),
        "bond": relay(20, slowest, slowest),
        "loads": relay(10, 60, 80),
        "neutral_switched": switched,
        "bond_hold_ms": HOLD_MS,
        "switch_excluded": True,
        "dead_ms": chance.randint(20, 100),
    }
