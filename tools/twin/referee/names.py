# islet: the referee's rule for the names of faults.
# GPL-3.0-or-later
from __future__ import annotations

from collections.abc import Iterable

from tools.twin.record import image_tables
from tools.twin.referee.case import Case, Device
from tools.twin.referee.planted import Plantings, plant_of
from tools.twin.referee.rule import LEGS, Moment, Rule, Truth, Wrong, number

SAID_S = 1.0  # shorter is a doubt, not a name
HEAVY = 0.9  # of what an island carries, from where it may be called too much
LOW_PERCENT = 2.0  # above the battery's floor or reserve, where a device may stop by itself
HIGH_PU, LOW_PU = 1.10, 0.90  # a leg above, another below: what a lost neutral looks like
OVERLOADED = ("island_load", "island_stop", "loads")
STOPPED = ("island_stop",)
UNEVEN = ("pen", "body_live", "neutral")
SUNNY = ("not_dead", "island_voltage")


class Named(Rule):
    inv = "rule 12"
    title = "a fault with the wrong name, or with no cause"
    text = (
        "A fault that stays published for 1 s is one that something planted so far allows "
        "(planted.py has the table), or that truth itself shows: an island at 90 % of what it "
        "carries, a device that stopped or is empty, legs as of a lost neutral, PV that holds the "
        "house, a tripped breaker, the gateway's car unplugged."
    )

    def __init__(self, case: Case) -> None:
        super().__init__(case)
        self._planted = Plantings(case)
        self._sources = [f"{name}.w" for name, kind in case.kinds.items() if kind == "source"]
        self._shown: set[str] = set()  # allowed by what has been true so far

    def look(self, m: Moment) -> Iterable[Wrong]:
        self._watch(m)
        faults = m.commands["FAULTS"] if m.commands is not None else 0
        if not faults:
            return
        allowed = self._planted.names(m.t_s) | self._shown
        for bit, name in enumerate(image_tables.FAULT_NAMES):
            if faults >> bit & 1 and name not in allowed:
                yield Wrong(name, f"fault {name!r}, and nothing that could be called so", SAID_S)

    def _watch(self, m: Moment) -> None:
        case, now, shown = self.case, m.now, self._shown
        if now.get("breaker_trips"):
            plant = plant_of("circuits.any.tripped", {})
            shown.update(plant.names if plant is not None else ())
        pu = [number(now, f"house_{leg}_v") / case.nominal_v for leg in LEGS[: case.enter.legs]]
        if max(pu) > HIGH_PU and min(pu) < LOW_PU:
            shown.update(UNEVEN)
        if not case.islandable:
            return
        former = case.former
        if former is not None:
            self._watch_former(now, former)
        if any(number(now, w) for w in self._sources) and now["house_source"] in ("form", "drift"):
            shown.update(SUNNY)

    def _watch_former(self, now: Truth, former: Device) -> None:
        case, shown, name = self.case, self._shown, former.name
        heaviest_w = max(number(now, "loads_w"), -number(now, former.w))
        if now[f"{name}.fault"] or (case.carries_w and heaviest_w > HEAVY * case.carries_w):
            shown.update(OVERLOADED)
        if now[f"{name}.mode"] == "form" and self._leg_heavy(now, former):
            shown.update(OVERLOADED)
        least = max(former.least_soc_percent, case.outage_reserve_percent) + LOW_PERCENT
        gone = former.car and not now[f"{former.car}.plugged"]
        if number(now, f"{name}.soc_percent") <= least or gone:
            shown.update(STOPPED)

    def _leg_heavy(self, now: Truth, former: Device) -> bool:
        """A leg near its share of the converter, or near its circuit's rating."""
        case = self.case
        legs = former.legs or case.enter.legs
        amps = max(abs(number(now, a)) for a in former.amps)
        rated_a = max(former.rating_w, case.carries_w) / legs / case.nominal_v
        return rated_a > 0 and amps > HEAVY * min(rated_a, former.node_a or rated_a)


RULES = (Named,)
