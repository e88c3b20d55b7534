# islet: a random house around a Panel: circuit tree, loads, meters and devices that answer late.
# GPL-3.0-or-later
"""The truth is kept apart from what the panel is shown: it sees meters that sample seldom and
report late, and devices that follow after a delay."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field

from firmware import image as im
from firmware.core.panel.tree import Panel
from tests_host.core.fakes import FakeLimits
from tests_host.fields import EVSE, INVERTER, columns

STEP_MS = 100
VOLTS = 230
TOLERANCE_MA = 400  # an inverter's W are whole, a leg's share is rounded
SAMPLE_MS = 200  # what a meter's profile adds to an age, in the case that it is not so
WORST_MS = 1_300  # a meter's period and its reporting delay


@dataclass
class Tree:
    """Node 0 is the service; the EVSE and the inverter have the last two nodes."""

    parent: list[int]
    rating_ma: list[int]
    bus_ma: list[int]
    evse_legs: int
    inverter_legs: int
    response_ms: int
    period_ms: int

    @property
    def evse(self) -> int:
        return len(self.parent) - 2

    @property
    def inverter(self) -> int:
        return len(self.parent) - 1

    def path(self, node: int) -> list[int]:
        nodes = []
        while node >= 0:
            nodes.append(node)
            node = self.parent[node]
        return nodes


def random_tree(chance: random.Random) -> Tree:
    feeders = chance.randint(1, 6)
    parent = [-1] + [chance.randrange(node) for node in range(1, feeders)]
    rating = [chance.choice([25_000, 40_000, 63_000])]
    rating += [chance.choice([16_000, 20_000, 32_000]) for _ in range(1, feeders)]
    parent += [chance.randrange(feeders), chance.randrange(feeders)]
    rating += [chance.choice([20_000, 32_000]), chance.choice([16_000, 25_000])]
    bus = [rating[0] if chance.random() < 0.3 else 0] + [0] * (len(parent) - 1)
    return Tree(
        parent,
        rating,
        bus,
        evse_legs=chance.choice([1, 3]),
        inverter_legs=chance.choice([1, 3]),
        response_ms=chance.choice([200, 1_000, 2_000]),
        period_ms=chance.choice([200, 500, 1_000]),
    )


@dataclass
class House:
    """Steps the truth and the panel together; `spoil` may plant a mistake in the panel."""

    tree: Tree
    chance: random.Random
    spoil: Callable[[Panel], None] | None = None
    coordinated: bool = False
    sources_ma: int = 0  # nameplate declared at the service
    evse_wish_ma: int = 16_000
    wish_w: int = 0
    volts: int = VOLTS  # as they are measured
    living: bool = False  # its meters never stand still, as real ones
    stale: set[int] = field(default_factory=set)  # nodes whose meter fell silent
    frozen: set[int] = field(default_factory=set)  # nodes whose meter repeats itself
    frozen_legs: set[tuple[int, int]] = field(default_factory=set)  # or one leg of it

    def __post_init__(self) -> None:
        self.image = im.Image()
        self.image.commands[im.ISLAND_STATE] = im.ISLAND_GRID
        self.now_ms = 0
        nodes = len(self.tree.parent)
        self.load_ma = [[0] * im.LEGS for _ in range(nodes)]
        self.evse_ma = self.drawn_ma = [0] * im.LEGS
        self.inverter_ma = [0] * im.LEGS
        self.orders: list[tuple[int, int, int]] = []
        self.meters = [[(0, [0] * im.LEGS)] for _ in range(nodes)]
        self.offer_ms = 0
        self._declare()
        self.panel = Panel(self.image, FakeLimits(self.image))  # type: ignore[arg-type]
        if self.spoil:
            self.spoil(self.panel)

    def _declare(self) -> None:
        site, tree = self.image.site, self.tree
        site[im.NODE_COUNT] = len(tree.parent)
        for node, parent in enumerate(tree.parent):
            site[im.NODE_PARENT + node] = parent
            site[im.NODE_RATING_MA + node] = tree.rating_ma[node]
            site[im.NODE_BUS_MA + node] = tree.bus_ma[node]
            site[im.NODE_INSTRUMENT + node] = im.INSTRUMENT_METER
        site[im.NODE_SOURCE_MA] = self.sources_ma
        site[im.NODE_INSTRUMENT + tree.evse] = im.INSTRUMENT_POINT
        site[im.NODE_INSTRUMENT + tree.inverter] = im.INSTRUMENT_DEVICE
        (
            site[im.DEVICE_NODE + EVSE],
            site[im.DEVICE_LEGS + EVSE],
            site[im.DEVICE_MAX_MA + EVSE],
        ) = (
            tree.evse,
            tree.evse_legs,
            32_000,
        )
        site[im.DEVICE_NODE + INVERTER], site[im.DEVICE_LEGS + INVERTER] = (
            tree.inverter,
            tree.inverter_legs,
        )
        site[im.DEVICE_CHARGE_W + INVERTER] = site[im.DEVICE_DISCHARGE_W + INVERTER] = (
            5_000 * tree.inverter_legs
        )
        site[im.DEVICE_RESPONSE_MS + EVSE] = site[im.DEVICE_RESPONSE_MS + INVERTER] = (
            tree.response_ms
        )
        site[im.COORDINATED], site[im.DEVICE_REVERT_MS + INVERTER] = (
            int(self.coordinated),
            10_000,
        )
        columns(site)

    # --- truth --------------------------------------------------------------------------------

    def foreign_ma(self, node: int, leg: int) -> int:
        """What flows through a node but for islet's devices."""
        total = self.load_ma[node][leg]
        for child, parent in enumerate(self.tree.parent):
            if parent == node:
                total += self.foreign_ma(child, leg)
        return total

    def own_ma(self, node: int, leg: int) -> tuple[int, int]:
        """(EVSE, inverter) through a node."""
        evse = self.evse_ma[leg] if node in self.tree.path(self.tree.evse) else 0
        inverter = self.inverter_ma[leg] if node in self.tree.path(self.tree.inverter) else 0
        return evse, inverter

    def flow_ma(self, node: int, leg: int) -> int:
        return self.foreign_ma(node, leg) + sum(self.own_ma(node, leg))

    # --- time ---------------------------------------------------------------------------------

    def run(self, ms: int, each: Callable[[], None] | None = None) -> None:
        for _ in range(ms // STEP_MS):
            self.now_ms += STEP_MS
            self._move_devices()
            self._measure()
            self.panel.step(STEP_MS)
            self._arbitrate()
            if each:
                each()

    def _move_devices(self) -> None:
        """Offer and setpoint become current after the response time."""
        self.drawn_ma = self.evse_ma
        late = [order for order in self.orders if order[0] <= self.now_ms - self.tree.response_ms]
        offer_ma, setpoint_ma = (late[-1][1], late[-1][2]) if late else (0, 0)
        self.orders = self.orders[max(0, len(late) - 1) :]
        self.evse_ma = [offer_ma if leg < self.tree.evse_legs else 0 for leg in range(im.LEGS)]
        legs = self.tree.inverter_legs
        self.inverter_ma = [setpoint_ma if leg < legs else 0 for leg in range(im.LEGS)]

    def _measure(self) -> None:
        readings = self.image.readings
        readings[im.GRID_AGE_MS] = readings[im.DEVICE_AGE_MS + INVERTER] = 0
        readings[im.DEVICE_AGE_MS + EVSE] = STEP_MS  # the mean of the cycle before
        for leg in range(im.LEGS):
            readings[im.GRID_MV + leg] = self.volts * 1_000
            readings[im.DEVICE_MA + EVSE * im.LEGS + leg] = self.drawn_ma[leg]
            readings[im.DEVICE_MA + INVERTER * im.LEGS + leg] = self.inverter_ma[leg]
        readings[im.DEVICE_W + INVERTER] = sum(self.inverter_ma) * VOLTS // 1_000
        for node in range(len(self.tree.parent)):
            self._meter(node)

    def _meter(self, node: int) -> None:
        """A sample each period, reported 100 ms later, its age counted from the sample."""
        samples = self.meters[node]
        if node not in self.stale and self.now_ms % self.tree.period_ms == 0:
            ripple_ma = self.now_ms // self.tree.period_ms * 7 % 50 if self.living else 0
            flow = [self.flow_ma(node, leg) + ripple_ma for leg in range(im.LEGS)]
            for leg in range(im.LEGS):
                if node in self.frozen or (node, leg) in self.frozen_legs:
                    flow[leg] = samples[-1][1][leg]
            samples.append((self.now_ms, flow))
        while len(samples) > 1 and samples[1][0] <= self.now_ms - 100:
            samples.pop(0)
        at_ms, flow = samples[0]
        age_ms = self.now_ms - at_ms + SAMPLE_MS
        self.image.readings[im.NODE_AGE_MS + node] = min(im.AGE_MAX_MS, age_ms)
        for leg in range(im.LEGS):
            self.image.readings[im.NODE_MA + node * im.LEGS + leg] = flow[leg]
            self.image.readings[im.NODE_W + node * im.LEGS + leg] = flow[leg] * VOLTS // 1_000

    def claim(self, device: int, source: int = im.PANEL) -> tuple[int, int]:
        slot = source * im.DEVICES + device
        return self.image.commands[im.CLAIM_LOW + slot], self.image.commands[im.CLAIM_HIGH + slot]

    def _arbitrate(self) -> None:
        """Down at once, up slowly: the offer each 5 s, to 6 A and then by three times what islet
        raises it, the setpoint over 10 s."""
        commands = self.image.commands
        for source in set(range(im.SOURCES)) - {im.PANEL}:
            commands[im.CLAIM_HIGH + source * im.DEVICES + EVSE] = self.evse_wish_ma
        target_ma = min(self.claim(EVSE)[1], self.evse_wish_ma)
        target_ma = target_ma if target_ma >= 6_000 else 0
        if target_ma < commands[im.SETPOINT + EVSE] or self.now_ms >= self.offer_ms:
            commands[im.SETPOINT + EVSE] = min(
                target_ma, max(6_000, commands[im.SETPOINT + EVSE] + 6_000)
            )
            self.offer_ms = self.now_ms + 5_000
        low_w, high_w = self.claim(INVERTER)
        target_w = max(low_w, min(high_w, self.wish_w))
        step_w = 50 * self.tree.inverter_legs
        now_w = max(low_w, min(high_w, commands[im.SETPOINT + INVERTER]))
        commands[im.SETPOINT + INVERTER] = max(now_w - step_w, min(now_w + step_w, target_w))
        if abs(target_w) < abs(now_w):
            commands[im.SETPOINT + INVERTER] = target_w
        legs = self.tree.inverter_legs
        setpoint_ma = commands[im.SETPOINT + INVERTER] * 1_000 // (VOLTS * legs)
        self.orders.append((self.now_ms, commands[im.SETPOINT + EVSE], setpoint_ma))

    # --- INV-3 --------------------------------------------------------------------------------

    def breaches(self) -> list[str]:
        """Legs over a limit to which islet adds more than nothing; positive parts only, so that
        the trip of a delivering device cannot overload a leg either."""
        found = []
        for node, limit_ma in enumerate(self.tree.rating_ma):
            for leg in range(im.LEGS):
                evse, inverter = self.own_ma(node, leg)
                foreign = self.foreign_ma(node, leg)
                drawn = evse + max(0, inverter)
                if drawn > TOLERANCE_MA and foreign + drawn > limit_ma + TOLERANCE_MA:
                    found.append(f"node {node} leg {leg}: {foreign} + {drawn} > {limit_ma} mA")
                back = max(0, -inverter)
                if back > TOLERANCE_MA and back - foreign > limit_ma + TOLERANCE_MA:
                    found.append(f"node {node} leg {leg}: {foreign} - {back} < -{limit_ma} mA")
        return found


def upset(house: House) -> list[str]:
    """Let the house run, change all loads at once, and report what is wrong after INV-3's time."""
    chance = house.chance
    found: list[str] = []
    for _ in range(3):
        for node in range(len(house.tree.parent) - 2):
            for leg in range(im.LEGS):
                house.load_ma[node][leg] = chance.choice([0, 0, 3_000, 9_000, 15_000, -12_000])
        house.evse_wish_ma = chance.choice([0, 16_000, 32_000])
        house.wish_w = chance.choice([-15_000, -5_000, 0, 5_000, 15_000])
        house.run(WORST_MS + 100 + house.tree.response_ms)
        house.run(12_000, each=lambda: found.extend(house.breaches()))
    return found


def seeded(seed: int, spoil: Callable[[Panel], None] | None = None) -> House:
    chance = random.Random(seed)
    return House(random_tree(chance), chance, spoil, living=True)
