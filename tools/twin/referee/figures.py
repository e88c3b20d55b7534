# islet: key figures of a run, from physical truth.
# GPL-3.0-or-later
from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from tools.twin.referee.case import Case
from tools.twin.referee.obedience import Obeys
from tools.twin.referee.panel import Heat
from tools.twin.referee.rule import Moment, Truth, number


class Figures:
    """Most and least of a run, and its counters at the end."""

    def __init__(self, case: Case) -> None:
        self._breaker = dict.fromkeys((c.name for c in case.circuits), 0.0)
        self._busbar = {c.name: 0.0 for c in case.circuits if c.bus_a}
        self._case = case
        self._socs = [f"{d.name}.soc_percent" for d in case.converters]
        self._socs = self._socs or [f"{car}.soc_percent" for car in case.cars]
        self._least_soc: float | None = None
        self._opened = 0
        self._last: Truth = {}

    def observe(self, m: Moment) -> None:
        now = m.now
        for flow in m.flows:
            name = flow.circuit.name
            most = max(abs(amps) for amps, _ in flow.breaker)
            self._breaker[name] = max(self._breaker[name], most / flow.circuit.breaker_a)
            if flow.busbar:
                most = max(amps for amps, _ in flow.busbar)
                self._busbar[name] = max(self._busbar[name], most / flow.circuit.bus_a)
        for name in self._socs:
            soc = number(now, name)
            self._least_soc = soc if self._least_soc is None else min(self._least_soc, soc)
        for point in self._case.points:
            name = point.name
            grown = number(now, f"{name}.openings") > number(m.before, f"{name}.openings")
            if grown and number(now, f"{name}.opened_a") >= 1.0:
                self._opened += 1
        self._last = now

    def result(self, heat: Heat, obeys: Obeys) -> dict[str, Any]:
        last, case = self._last, self._case
        points = [d.name for d in case.points]
        converters = [d.name for d in case.converters]
        sources = [name for name, kind in case.kinds.items() if kind == "source"]

        def total(names: Iterable[str], field: str) -> float:
            return sum((number(last, f"{name}.{field}") for name in names), 0.0)

        return {
            "max_breaker_percent": _percent(self._breaker),
            "max_busbar_percent": _percent(self._busbar),
            "max_breaker_heat_percent": _percent(heat.worst),
            "max_busbar_heat_percent": _percent(heat.bus_worst),
            "breaker_trips": int(number(last, "breaker_trips")),
            "dead_grid_wh": round(number(last, "dead_grid_fed_wh"), 3),
            "dead_grid_inverter_wh": round(total(converters, "dead_grid_wh"), 3),
            "outside_grant_s": round(obeys.longest_s, 2),
            "most_bonds": int(number(last, "ne_bonds_most")),
            "contactor_closings": int(total(points, "closings")),
            "contactor_openings": int(total(points, "openings")),
            "opened_under_load": self._opened,
            "imported_wh": round(number(last, "import_wh"), 1),
            "exported_wh": round(number(last, "export_wh"), 1),
            "car_wh": round(total(case.cars, "charged_wh"), 1),
            "pv_wh": round(total(sources, "produced_wh"), 1),
            "charged_wh": round(total(converters, "charged_wh"), 1),
            "discharged_wh": round(total(converters, "discharged_wh"), 1),
            "least_soc_percent": None if self._least_soc is None else round(self._least_soc, 2),
        }


def _percent(values: dict[str, float]) -> dict[str, float]:
    return {name: round(100 * value, 1) for name, value in values.items()}
