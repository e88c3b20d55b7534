# islet: the reasons of limits and of the policy: what must be so in the house.
# GPL-3.0-or-later
"""Where a code has several sentences there is a predicate for each, in their order."""

from __future__ import annotations

import math
from collections.abc import Callable

from firmware import image as im
from tests_host.people.truth import alerts
from tests_host.people.truth.world import KEPT_S, LEGS, Said, Truth, World
from tools.twin.referee.gridcode import grid_code
from tools.twin.referee.obedience import CABLES

Predicate = Callable[[World, Said], bool]
Row = Predicate | None | tuple[Predicate | None, ...]
NEAR_A = 2.5  # of a headroom: instruments, ages, and what a device itself moves meanwhile
NEAR_W = 400.0
LEAST_A = 6.0
LONGEST_S = 300  # that a measurement must have been good for
FLOW_S = 3.0  # what is left over is known so late at most


def _rating(w: World, s: Said) -> bool:
    """No more than it is declared to do."""
    keys = ("max_a",) if w.told.of(s.of, "max_a", None) else ("charge_w", "discharge_w")
    most = max(w.told.of(s.of, key, 0) * (1000 if key == "max_a" else 1) for key in keys)
    return abs(s.bound) <= most


def _no_car(w: World, s: Said) -> bool:
    return w.car(s.of, "plugged", False) or w.planted(*w.cars_of(s.of), "sensors.")


def _cable(w: World, s: Said) -> bool:
    ohms = [w.case.setting(f"{car}.proximity_ohm", w.t_s) for car in w.cars_of(s.of)]
    found = [amps for low, high, amps in CABLES for ohm in ohms if low <= ohm < high]
    return any(s.value == amps * 1000 for amps in found)


def _no_cable(w: World, s: Said) -> bool:
    return w.may("cable") or w.starting() or _no_car(w, s)


def _pilot_bad(w: World, s: Said) -> bool:
    return alerts._pilot(w, s) or w.may("diode") or w.starting()


def _pilot_unread(w: World, s: Said) -> bool:
    return w.starting() or w.planted("sensors.")


def _not_authorised(w: World, s: Said) -> bool:
    """The site wants somebody, and nobody has, or the car was away since."""
    points = w.points_of(s.of)
    wanted = any(w.told.of(point, "auth_required", False) for point in points)
    asked = [at_s for at_s, _, _ in w.asked("authorise")]
    gone = any(w.was(f"{car}.plugged=False") for car in w.cars_of(s.of))
    return wanted and (not asked or gone or w.t_s > max(asked) + 300 or w.booted_s > max(asked))


def _unventilated(w: World, s: Said) -> bool:
    return w.was("unventilated", 120)


PROTECTIONS = (
    ("emergency stop", "estop"),
    ("residual current device", "rcd"),
    ("too hot", "overtemp"),
)


def _cut(w: World, s: Said) -> bool:
    named = [fact for words, fact in PROTECTIONS if words in s.text]
    return all(w.lately(lambda t, f=fact: t[f]) for fact in named) if named else w.starting()


def _contactor_bad(w: World, s: Said) -> bool:
    return w.may("weld") or w.may("stuck_open")


def _empties(w: World, s: Said) -> bool:
    return w.closed(s.of)


def _stands_open(w: World, s: Said) -> bool:
    return not w.closed(s.of)


def _tripped(w: World, s: Said) -> bool:
    """Each trip that is told, by its own predicate."""
    for bit, name in enumerate(im.TRIP_NAMES):
        if s.value >> bit & 1:
            so = alerts.TRIPS[name]
            if so is not None and not so(w, s):
                return False
    return True


def _faulty(w: World, s: Said) -> bool:
    return any(w.lately(lambda t, n=name: t[f"{n}.fault"]) for name in w.converters_of(s.of))


def _dumb(w: World, s: Said) -> bool:
    quiet = w.silent(s.of, 1.0, KEPT_S) or w.planted(f"bus.{s.of}")
    return quiet or w.starting() or w.was("unsupplied", 30.0)


def _abnormal(w: World, s: Said) -> bool:
    return w.was("bad", 15) or w.planted("sensors.grid")


def _dead(w: World, s: Said) -> bool:
    return w.was("low", 3) or w.planted("sensors.grid")


def _unmeasured_grid(w: World, s: Said) -> bool:
    return w.starting() or w.planted("sensors.grid")


def _grid_back(w: World, s: Said) -> bool:
    return w.lately(lambda t: t["grid_present"])


def _off_grid(w: World, s: Said) -> bool:
    leaving = w.field("ISLAND_STATE") in (im.ISLAND_STOPPING, im.ISLAND_OPENING)
    return w.lately(lambda t: not t["island_closed"]) or leaving


def _room(w: World, s: Said) -> bool:
    """What the circuit bears less what all but this device draw, or less: others come first."""
    node = w.told.node(s.node)
    limit_a = node.get("rating_a", 0) * node.get("continuous_percent", 100) / 100
    key = f"{s.node}_{LEGS[s.leg]}_a"
    first = w.site["nodes"][0]["name"] == s.node
    key = f"main_{LEGS[s.leg]}_a" if first or key not in w.truth else key
    own = f"{s.of}.{LEGS[s.leg]}_a"

    def others_a(truth: Truth) -> float:
        return truth[key] - truth.get(own, 0.0)

    if s.value <= 0 or w.instruments_planted() or w.starting():
        return True  # nothing is left, however much it is over
    least_a = min(others_a(truth) for _, truth in w.past)
    return s.value / 1000 <= limit_a - least_a + NEAR_A


def _neutral(w: World, s: Said) -> bool:
    """Where there are several legs; and no more than its neutral bears beside what comes back
    there now, had all of it another angle and this device no part in it."""
    node = w.told.node(s.node)
    limit_a = node.get("neutral_a", 0) or node.get("rating_a", 0)
    own_a = sum(abs(w.truth.get(f"{s.of}.{leg}_a", 0.0)) for leg in LEGS)
    most_a = max(truth.get(f"{s.node}_n_a", 0.0) for _, truth in w.past)
    return w.site["legs"] > 1 and s.value / 1000 <= limit_a + most_a + own_a + NEAR_A


def _balance(w: World, s: Said) -> bool:
    """Site or grid code limit what islet loads one leg more than another, by what is said."""
    allowed = grid_code(w.site, w.site["nominal_v"], w.site["legs"]).unbalance
    said = (f"{va / 1000:.1f} kVA" for va in (allowed.draw_va, allowed.feed_va) if va)
    return w.site["legs"] > 1 and any(each in s.text for each in said)


def _export(w: World, s: Said) -> bool:
    limit_w = w.site.get("export_limit_w", -1)
    said = f"{limit_w / 1000:.1f} kW" if limit_w >= 1000 else f"{limit_w:g} W"
    return limit_w >= 0 and said in s.text


def _no_reading(w: World, s: Said) -> bool:
    """The circuit's instrument, or that of a circuit above or below, is or was not to be heard."""
    names = {s.of, s.node, w.instrument(s.node), *w.meters()} - {""}
    quiet = any(w.silent(name, 1.0, 60.0) for name in names)
    dark = w.was("unsupplied", 60.0)
    return quiet or dark or w.starting() or w.instruments_planted(60.0)


def _leased(*issuers: str) -> Predicate:
    """Somebody who may has asked for it."""

    def so(w: World, s: Said) -> bool:
        for at_s, command, value in w.asked("operator", "limit", "charge_ma", "target_w"):
            who = "owner" if command != "operator" else "operator"
            if command == "operator" and isinstance(value, dict):
                who = value.get("issuer", who)
            if who in issuers and at_s <= w.t_s:
                return True
        return False

    return so


def _reserve(w: World, s: Said) -> bool:
    """The owner's, told as it is."""
    owner = w.site.get("owner", {})
    bounds = [owner.get(key, 100) for key in ("reserve_percent", "outage_reserve_percent")]
    for _, _, value in w.asked("reserve"):
        values = value.values() if isinstance(value, dict) else (value,)
        bounds += [permille / 10 for permille in values if isinstance(permille, int)]
    return s.text.endswith(tuple(f" {bound:g} %." for bound in bounds))


def _soc_unknown(w: World, s: Said) -> bool:
    names = w.converters_of(s.of)
    odd = w.planted(*(f"{name}.soc" for name in names), *(f"bus.{name}" for name in names))
    jumped = any(w.was(f"{car}.plugged=False") for car in w.cars_of(s.of))
    return odd or jumped or w.starting(60)


def _one_way(w: World, s: Said) -> bool:
    """A car's own charging point does not deliver, nor an unauthorised car."""
    device = w.device(s.of)
    return device is None or device.kind == "point" or bool(w.told.of(s.of, "behind", ""))


def _unguarded(w: World, s: Said) -> bool:
    return w.case.setting(f"{s.of}.anti_islanding", w.t_s) is False


def _uncertified(w: World, s: Said) -> bool:
    return not w.told.of(s.of, "certificate", {})


def _own_trip(w: World, s: Said) -> bool:
    return w.was("bad")


def _flaps(w: World, s: Said) -> bool:
    return w.was("bad") or w.was("away")


def _moved(w: World, s: Said) -> bool:
    return any(
        w.truth[f"{p}.openings"] + w.truth[f"{p}.closings"] > 0 for p in w.points_of(s.of)
    ) or w.starting(600)


def _pen(w: World, s: Said) -> bool:
    return w.may("pen")


def _unproved(w: World, s: Said) -> bool:
    """Nobody has a record of it, or it is not known again yet, or it did not obey."""
    return s.of not in w.proved or w.may("not_obeyed") or w.starting() or w.silent(s.of, 0, 30)


def _proving(w: World, s: Said) -> bool:
    return any(w.asked("prove")) or w.field("PROOF_STATE") > 0


def _relieves(w: World, s: Said) -> bool:
    return bool(w.told.of(s.of, "relieves", False))


def _busbar(w: World, s: Said) -> bool:
    """The circuit it names has one, and it bears as much."""
    bus_a = w.told.node(s.node).get("bus_a", 0)
    return bus_a > 0 and s.value / 1000 <= bus_a


def _has_busbar(w: World, s: Said) -> bool:
    return any(node.get("bus_a", 0) for node in w.told.line(s.of))


def _measured(w: World, s: Said) -> bool:
    """There is an instrument that could show it."""
    return bool(w.instrument(s.node))


def _at_rest(w: World, s: Said) -> bool:
    """It draws next to nothing by now, nor would it have to wait longer than a person has set."""
    amps = [f"{s.of}.{leg}_a" for leg in LEGS if f"{s.of}.{leg}_a" in w.truth]
    least_a = min(max((abs(truth[a]) for a in amps), default=0.0) for _, truth in w.past)
    return least_a < 1.5 and s.value <= 1000 * max(LONGEST_S, w.told.of(s.of, "pause_s", 300))


def _good_again(w: World, s: Said) -> bool:
    return _measured(w, s) and _at_rest(w, s)


def _rises(w: World, s: Said) -> bool:
    """It does not draw its whole rating by now."""
    amps = [f"{s.of}.{leg}_a" for leg in LEGS if f"{s.of}.{leg}_a" in w.truth]
    least_a = min(max((truth[a] for a in amps), default=0.0) for _, truth in w.past)
    return least_a < w.told.of(s.of, "max_a", math.inf)


def _goes_on(w: World, s: Said) -> bool:
    """It was asked, and nothing but its own time-out would end it."""
    return s.of in w.proved and not w.field("ENABLE_WIRED")


REASONS: dict[str, Row] = {
    "NONE": None,  # nothing is said
    "RATING": _rating,
    "NO_VEHICLE": _no_car,
    "NOT_READY": lambda w, s: w.car(s.of, "state", "B"),
    "CABLE": (_no_cable, _cable),
    "PILOT_FAULT": (_pilot_bad, _pilot_unread),
    "NOT_AUTHORISED": _not_authorised,
    "VENTILATION": _unventilated,
    "PROTECTION": _cut,
    "CONTACTOR": (_contactor_bad, None, _empties, _stands_open),
    "TRIP": _tripped,
    "DEVICE_FAULT": (_faulty, _no_car, lambda w, s: False),  # no twin has a second hand
    "DEVICE_SILENT": _dumb,
    "GRID_ABNORMAL": (_abnormal, _dead, _unmeasured_grid),
    "GRID_WAIT": _grid_back,
    "GRID_RAMP": _grid_back,
    "ISLAND": (_off_grid, lambda w, s: w.may("forming")),
    "BREAKER": _room,
    "BUSBAR": _busbar,
    "EXPORT": _export,
    "METER_STALE": _no_reading,
    "STATIC_BACKFEED": _has_busbar,
    "PAUSE": _at_rest,
    "GROWTH": _rises,
    "OPERATOR": _leased("operator"),
    "RESERVE": _reserve,
    "SOC_UNKNOWN": _soc_unknown,
    "GOAL": None,  # told by WISHES
    "NO_GOAL": None,
    "NOT_FOLLOWED": lambda w, s: w.may("not_followed"),
    "TOPOLOGY": _one_way,
    "BOOT": lambda w, s: w.starting(20) or w.was("bad", 20) or w.planted("sensors.", "relays."),
    "NOT_OBEYED": lambda w, s: w.may("not_obeyed"),
    "UNWITNESSED": _no_reading,
    "ANTI_ISLANDING": (_unguarded, _dumb, _uncertified),
    "ENABLE": lambda w, s: w.may("enable"),
    "OWN_TRIP": _own_trip,
    "FLAPPING": _flaps,
    "INSTRUMENT": lambda w, s: alerts._instrument(w, s),
    "UNPROVED": _measured,
    "REST": _moved,
    "PEN": (_pen, _unmeasured_grid),
    "METER_BACK": _good_again,
    "OWNER": _leased("owner"),
    "CONTACT": _leased("contact"),
    "SITE": _leased("site"),
    "OCPP": _leased("ocpp"),
    "OPENADR": _leased("openadr"),
    "UTILITY": _leased("utility"),
    "MANAGER": _leased("manager"),
    "RELIEF": _relieves,
    "COMMISSION": _unproved,
    "PROOF": _proving,
    "NO_RETURN": _goes_on,
    "NEUTRAL": _neutral,
    "BALANCE": _balance,
}


def _left_w(w: World, truth: Truth) -> float:
    """What the house leaves over: what flows out, and what islet's own devices draw."""
    own = [d for d in w.case.devices if d.name in w.rows]
    return sum(truth[d.w] for d in own) - truth["grid_w"]


def _least_w(w: World, s: Said) -> float:
    return LEAST_A * w.case.nominal_v * w.told.legs(s.of)


def _short(w: World, s: Said) -> bool:
    return min(_left_w(w, truth) for truth in w.since(FLOW_S)) < _least_w(w, s) + NEAR_W


def _enough(w: World, s: Said) -> bool:
    stop_w = w.told.at("owner.sun_stop_w", 0) or 0
    most_w = max(_left_w(w, truth) for truth in w.since(FLOW_S))
    return most_w > _least_w(w, s) - stop_w - NEAR_W


def _before(w: World, s: Said) -> bool:
    """Whoever is named has a car or a battery that can take it, and does."""
    return "After " in s.text and len(w.rows) > 1


def _hand(w: World, s: Said) -> bool:
    return w.by_hand(s.of) or w.booted_s > 0


def _meter(w: World, s: Said) -> bool:
    return _no_reading(w, s._replace(node=w.site["nodes"][0]["name"]))


def _goal(w: World, s: Said) -> bool:
    return not w.by_hand(s.of) or any(w.asked("goal")) or w.booted_s > 0


def _empty(w: World, s: Said) -> bool:
    """The battery at the reserve that is told, or not known."""
    percents = [w.truth[f"{name}.soc_percent"] for name in w.converters_of(s.of)]
    if "not known" in s.text:
        return _soc_unknown(w, s)
    reserve = float(s.text.rstrip(" %.").split()[-1])
    return _reserve(w, s) and min(percents, default=math.inf) <= reserve + 5


WISHES: dict[str, Predicate | None] = {
    "off_grid": _off_grid,
    "goal": _goal,
    "hand": _hand,
    "meter": _meter,
    "short": _short,
    "waits": _enough,
    "holds": _short,
    "before": _before,
    "reserve": _empty,
    "rests": _enough,
}
