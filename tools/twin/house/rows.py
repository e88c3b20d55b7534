# islet: the rows of a house: its points, cars, converters, sources, storages and meters.
# GPL-3.0-or-later
from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from .car import Car
from .household import Household
from .inverter import Inverter
from .meter import Meter
from .panel import Panel
from .point import Point
from .pv import Source
from .relay import Relay
from .spec import ConverterSpec, HouseSpec, PointSpec

Follower = Inverter | Source | Household  # of given power, with a grid protection of its own


class Rows:
    """`plugs` are cars with their points, `gateways` cars with the converters they stand behind;
    `branches` all that draws from a circuit, in the order in which currents are summed."""

    def __init__(
        self, spec: HouseSpec, panel: Panel, relays: Mapping[str, Relay], start: datetime
    ) -> None:
        legs, nominal = spec.legs, (spec.nominal_v, spec.nominal_hz)
        at, place = panel.at, spec.place
        self.points = [Point(p, i, at(p.circuit), legs, relays) for i, p in enumerate(spec.points)]
        self.no_point = Point(PointSpec("", ""), 0, 0, legs, relays)  # a pilot leads nowhere
        by_name = {p.name: p for p in self.points}
        self.cars = [Car(c, by_name.get(c.at)) for c in spec.cars]
        self.converters = [
            self._converter(c, panel, by_name, legs, nominal) for c in spec.converters
        ]
        self.sources = [
            Source(p, at(p.circuit), legs, place, start, nominal) for p in spec.sources
        ]
        self.storages = [Household(p, at(p.circuit), legs, nominal) for p in spec.storages]
        self.meters = [Meter(m, at(m.circuit), legs) for m in spec.meters]
        self.plugs = [(c, c.point) for c in self.cars if c.point is not None]
        self.gateways = [(c.car, c) for c in self.converters if c.car is not None]
        self.followers: list[Follower] = [*self.converters, *self.sources, *self.storages]
        self.branches: list[Car | Follower] = [*(c for c, _ in self.plugs), *self.followers]
        for car, point in self.plugs:
            point.car = car
        named = (*self.points, *self.cars, *self.followers, *self.meters)
        self.by_name: dict[str, Any] = {row.name: row for row in named}

    def _converter(
        self,
        spec: ConverterSpec,
        panel: Panel,
        points: Mapping[str, Point],
        legs: int,
        nominal: tuple[float, float],
    ) -> Inverter:
        point = points[spec.point] if spec.point else None
        at = panel.at(spec.circuit) if spec.circuit or not point else point.at
        car = next((c for c in self.cars if c.place == spec.name), None)
        if point is not None:
            point.gateway = True
        return Inverter(spec, at, legs, nominal, point, car)

    def parts(self) -> Iterator[Any]:
        """Everything of the rows that can change."""
        yield from (*self.by_name.values(), self.no_point)
        yield from (follower.watch for follower in self.followers)
        yield from (c.obeys for c in self.converters)
        yield from (c.ways for c in self.converters)
        yield from (c.battery for c in self.converters if c.car is None)
        yield from (s.battery for s in self.storages)
