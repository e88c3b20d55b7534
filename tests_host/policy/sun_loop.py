"""Points by the sun alone, second by second: a late meter, cars that follow late, and what grid
and sun gave. All by the outside: what is offered, and what flows."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from firmware import image as im
from firmware.policy import Policy
from tests_host.policy.test_policy import OWNER

VOLTS = 230
LEAST_A = 6
LATE_S = 3  # of a car, and 1 of the meter
Sun = Callable[[int], int]  # W left over beside the cars, by the second; negative: the house draws


@dataclass
class Point:
    """legs: of the point; uses: of those by the car; wants_ma: at most, by the second."""

    legs: int = 3
    uses: int = 3
    most_a: int = 16
    rank: int = 0
    wants_ma: Callable[[int], int] = lambda second: 80_000
    second: int = field(init=False, default=0)
    offers: deque[int] = field(init=False, default_factory=lambda: deque([0] * LATE_S, LATE_S))
    starts: list[int] = field(init=False, default_factory=list)
    offered_s: int = field(init=False, default=0)
    waited_s: int = field(init=False, default=0)  # for its least, which was there

    @property
    def least_w(self) -> int:
        return LEAST_A * VOLTS * self.legs

    def draw_ma(self) -> int:
        return min(self.offers[0], self.wants_ma(self.second))

    def draw_w(self) -> int:
        return self.draw_ma() * VOLTS * self.uses // 1000


@dataclass
class Run:
    """What came of it, s and W·s."""

    points: list[Point]
    grid_ws: int = 0
    sun_ws: int = 0
    policy: Policy | None = None

    @property
    def starts(self) -> int:
        return sum(len(point.starts) for point in self.points)


def play(sun: Sun, seconds: int, *points: Point, pause_s: int = 300, **owner: int) -> Run:
    image = im.Image()
    site, readings, commands = image.site, image.readings, image.commands
    run = Run(list(points) or [Point()])
    site[im.LEG_COUNT], site[im.NODE_RATING_MA] = 3, 200_000
    site[im.NOMINAL_MV] = VOLTS * 1000
    commands[im.ISLAND_STATE] = im.ISLAND_GRID
    readings[im.NODE_AGE_MS] = 0
    for row, point in enumerate(run.points):
        site[im.DEVICE_KIND + row], site[im.DEVICE_NODE + row] = im.KIND_CHARGER, 0
        for k in range(point.legs):
            site[im.DEVICE_LEG + row * im.LEGS + k] = k
        site[im.DEVICE_MAX_MA + row] = point.most_a * 1000
        site[im.DEVICE_PAUSE_MS + row] = pause_s * 1000
        site[im.DEVICE_RANK + row] = point.rank
        readings[im.DEVICE_AGE_MS + row] = 0
        for source in range(im.SOURCES):
            commands[im.CLAIM_HIGH + source * im.DEVICES + row] = 80_000
    settings = {f"owner.{key}": value for key, value in owner.items()}
    run.policy = policy = Policy(image, {**OWNER, "owner.goal": "solar", **settings})
    meter = deque([0, 0], 2)
    for second in range(seconds):
        for point in run.points:
            point.second = second
        left_w, drawn_w = sun(second), sum(point.draw_w() for point in run.points)
        grid_w = max(0, drawn_w - max(left_w, 0))
        run.grid_ws += grid_w
        run.sun_ws += drawn_w - grid_w
        meter.append(drawn_w - left_w)
        readings[im.NODE_W] = meter[0]
        for row, point in enumerate(run.points):
            for k in range(point.uses):
                readings[im.DEVICE_MA + row * im.LEGS + k] = point.draw_ma()
        policy.step(1000)
        for row, point in enumerate(run.points):
            offer_ma = image.requests[im.MARKET_HIGH + row]
            if offer_ma and not point.offers[-1]:
                point.starts.append(second)
            point.offered_s += offer_ma > 0
            point.waited_s += not offer_ma and left_w >= point.least_w
            point.offers.append(offer_ma)
    return run


def pattern(period_s: int, sun_s: int, sun_w: int, shade_w: int = -500, from_s: int = 0) -> Sun:
    """Sun for so long of each period, beginning with it."""
    return lambda second: sun_w if (second - from_s) % period_s < sun_s else shade_w
