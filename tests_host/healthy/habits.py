# islet: healthy houses: what happens in them: loads, sun, cars, owners, outages, resets.
# GPL-3.0-or-later
from __future__ import annotations

from tests_host.healthy.world import Json, World

GOALS = ("hold", "charge", "solar", "solar", "self", "self", "discharge")
KINDS = (  # name, W, power factor: what a household switches
    ("kettle", 2000, 1.0),
    ("oven", 2600, 1.0),
    ("hob", 5000, 1.0),
    ("heat_pump", 2400, 0.9),
    ("dryer", 1800, 0.95),
    ("shower", 7000, 1.0),
    ("lights", 300, 0.95),
    ("pump", 900, 0.85),
    ("tools", 1400, 0.9),
)
FULL = 0.72  # of the service's rating, what the loads of a leg may come to, base load included
CARRIED = 0.45  # of the inverter's rating per leg, in an island


def add(w: World, site: Json, house: Json, sunny: bool) -> None:
    """Loads, clouds, the car's and the owner's day, an outage, a reset."""
    if w.outage is not None:
        w.set(w.outage[0], "grid.outage", True)
        w.set(w.outage[1], "grid.outage", False)
    _loads(w, site, house)
    if w.has_pv:
        _clouds(w, sunny)
    if w.has_car and not w.gateway:
        _car(w, house)
    elif w.gateway:
        _gateway_car(w, house)
    _owner(w, site, house)
    if w.likely(0.15):
        _reset(w)


def _loads(w: World, site: Json, house: Json) -> None:
    grid = w.grid
    base_kwh = w.between(800, 5000, 0)
    base_a = base_kwh * 0.35 / grid.legs / grid.volts  # an evening's W a kWh, about
    carried_a = 1e9
    if w.capable and w.outage is not None:
        carried_a = CARRIED * w.inverter_w / w.inverter_legs / grid.volts
    leg_a = [base_a] * grid.legs
    island_a = [base_a] * grid.legs
    if base_a > 0.6 * carried_a:
        base_kwh = round(base_kwh * 0.6 * carried_a / base_a)
        leg_a = [0.6 * carried_a] * grid.legs
        island_a = list(leg_a)
    sheds = bool((site.get("island") or {}).get("shed"))
    rows: list[Json] = []
    for name, watts, factor in w.chance.sample(KINDS, w.chance.randint(2, 6)):
        whole = grid.legs > 1 and watts > 2200
        legs = list(range(1, grid.legs + 1)) if whole else [w.chance.randint(1, grid.legs)]
        w_now = round(watts * w.chance.uniform(0.6, 1.1), -1)
        amps = w_now / len(legs) / grid.volts / factor
        sheddable = sheds and (amps > 6 or w.likely(0.3))
        if any(leg_a[k - 1] + amps > FULL * w.service_a for k in legs):
            continue
        if not sheddable and any(island_a[k - 1] + amps > carried_a for k in legs):
            continue
        for k in legs:
            leg_a[k - 1] += amps
            if not sheddable:
                island_a[k - 1] += amps
        w.circuit(name, amps)
        rows.append(
            {"name": name, "w": w_now, "legs": legs, "circuit": name, "power_factor": factor,
             "sheddable": sheddable, "at": []}
        )  # fmt: skip
        _switching(w, f"loads.{name}")
    house["loads"] = {
        "annual_kwh": base_kwh,
        "profile": w.chance.choice(("h0", "h0_dyn", "h0_dyn", "l0")),
        "power_factor": w.between(0.9, 1.0),
        "flicker_percent": w.between(0, 8, 1),
        "appliances": rows,
    }


def _switching(w: World, name: str) -> None:
    """On once or twice, or by a thermostat."""
    at_s = w.between(0, 0.5 * w.seconds, 1)
    if w.likely(0.15):
        on_s, off_s = w.between(1, 4), w.between(1.5, 5)
        while at_s < w.seconds - 2:
            w.set(at_s, name, True)
            w.set(at_s + on_s, name, False)
            at_s += on_s + off_s
        return
    for _ in range(w.chance.randint(1, 3)):
        if at_s > w.seconds - 1:
            return
        w.set(at_s, name, True)
        at_s += w.between(1, 25)
        if at_s > w.seconds - 1 or w.likely(0.15):
            return  # stays on
        w.set(at_s, name, False)
        at_s += w.between(0.5, 15)


def _clouds(w: World, sunny: bool) -> None:
    if not sunny:
        return
    points: list[list[float]] = [[0, w.between(0.2, 1.0)]]
    while points[-1][0] < w.seconds:
        at_s, value = points[-1]
        at_s = round(at_s + w.between(3, 20, 1), 1)
        points.append([at_s, value])
        points.append([round(at_s + w.between(0.5, 8, 1), 1), w.between(0.1, 1.1)])
    w.traces.append({"drives": "pv.cloud", "interpolation": "linear", "points": points})


def _car(w: World, house: Json) -> None:
    """Pauses, is unplugged with or without asking first, is plugged in again."""
    car = house["cars"][0]
    if not car["plugged"]:
        w.set(w.between(3, 15, 1), "car.plugged", True)
    if w.likely(0.2):  # the vehicle pauses
        at_s = w.between(10, w.seconds - 12, 1)
        w.set(at_s, "car.wants", False)
        w.set(at_s + w.between(2, 20, 1), "car.wants", True)
    elif w.likely(0.35):
        at_s = w.between(15, w.seconds - 8, 1)
        if w.likely(0.5):  # its driver stops it first
            w.set(at_s - 3, "car.wants", False)
        w.set(at_s, "car.plugged", False)
        if w.likely(0.6):
            back_s = at_s + w.between(4, 15, 1)
            w.set(back_s, "car.plugged", True)
            w.set(back_s, "car.wants", True)


def _gateway_car(w: World, house: Json) -> None:
    """The gateway holds the plug while there is current: it is told to stand still first."""
    if not house["cars"][0]["plugged"]:
        w.set(w.between(3, 12, 1), "car.plugged", True)
    elif w.outage is None and w.likely(0.25):
        at_s = w.between(20, w.seconds - 8, 1)
        w.say(at_s - 10, "goal", "hold")
        w.set(at_s, "car.plugged", False)
        if w.likely(0.6):
            w.set(at_s + w.between(3, 10, 1), "car.plugged", True)


def _owner(w: World, site: Json, house: Json) -> None:
    watts = w.inverter_w if w.has_inverter else 0
    behind = house.get("cars" if w.gateway else "converters", [{}])[0]
    soc = behind.get("soc_percent", 50)
    reserve = w.chance.choice((0, 20, 30, 50, 80))
    outage_reserve = min(reserve, w.chance.choice((5, 10, 20)), int(soc) - 5)
    site["owner"] = {
        "goal": w.chance.choice(GOALS),
        "charge_a": w.chance.choice((10, 16, 32, 80)),
        "charge_w": round(watts * w.between(0.3, 1)),
        "discharge_w": round(watts * w.between(0.3, 1)),
        "reserve_percent": reserve,
        "outage_reserve_percent": max(0, outage_reserve),
    }
    if w.has_inverter:
        site["export_limit_w"] = w.chance.choice((-1, -1, -1, 0, 800, 3000))
        site["coordinated"] = w.likely(0.4)
    stopped = any(e.get("mqtt", {}).get("payload") == "hold" for e in w.events)
    if w.likely(0.45) and not stopped:
        w.say(w.between(10, w.seconds - 10, 1), "goal", w.chance.choice(GOALS))
    if w.has_car and not w.gateway and w.likely(0.2):
        lower = {"charge_ma": w.chance.choice((0, 6000, 9000)), "ttl_s": 15}
        w.say(w.between(8, w.seconds - 15, 1), "charge_ma", lower)
    if w.has_inverter and not stopped and w.likely(0.2):  # a price
        wish = {"target_w": round(watts * w.between(-1, 1)), "ttl_s": 10}
        w.say(w.between(12, w.seconds - 15, 1), "target_w", wish)
    if w.likely(0.15):
        if w.has_inverter and (w.gateway or w.likely(0.5)):
            limit: Json = {"device": "inverter", "low": 0, "high": round(watts * 0.4)}
        else:
            limit = {"device": "evse", "high": w.chance.choice((0, 8000))}
        w.say(w.between(10, w.seconds - 20, 1), "operator", {**limit, "ttl_s": 12})
    if any(point["auth_required"] for point in site.get("points", ())):
        plugged = [e["at_s"] for e in w.events if e.get("set") == "car.plugged" and e["to"]]
        for at_s in [3.0] * house["cars"][0]["plugged"] + plugged:
            w.say(at_s + w.between(1.5, 4, 1), "authorise", {"authorised": True})


def _reset(w: World) -> None:
    """The controller restarts, or its supply is gone for a moment."""
    at_s = w.between(8, w.seconds - 12, 1)
    if not w.away(at_s - 6, at_s + 6):
        return
    if w.likely(0.6):
        w.events.append({"at_s": at_s, "controller": "reset"})
    else:
        w.events.append({"at_s": at_s, "controller": "off", "for_s": w.between(0.5, 4, 1)})
