# islet: a random house around Core for the witness: loads that switch, instruments that lag.
# GPL-3.0-or-later
"""Healthy houses must never be accused; houses with one wrong instrument must be found.

Everything random comes from the seed. The truth is in active current, mA per leg; an instrument
shows it late, with noise, and through a gain matrix that a fault changes.
"""

from __future__ import annotations

import random
from array import array
from dataclasses import dataclass, field

from firmware import image as f
from firmware.core import Core
from tests_host.core.builders import healthy, put
from tests_host.fields import EVSE, INVERTER

STEP_MS = 100
VOLTS = 230
LEGS = range(3)
SIZES_MA = (400, 800, 2_000, 4_000, 9_000, 12_000)
ONE = ((1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0))


def gains(kind: str, leg: int, legs: int) -> tuple[tuple[float, ...], ...]:
    """What each leg of a faulty instrument shows of each leg's current."""
    rows = [list(row) for row in ONE]
    other = (leg + 1) % legs
    if kind == "swapped":
        rows[leg], rows[other] = rows[other], rows[leg]
    elif kind == "on another leg":
        rows[leg] = [-0.5 * x for x in ONE[other]]  # the power of a current with a strange voltage
    else:
        gain = {"reversed": -1.0, "half": 0.5, "double": 2.0, "dead": 0.0, "frozen leg": 0.0}[kind]
        rows[leg] = [gain * x for x in rows[leg]]
    return tuple(tuple(row) for row in rows)


FAULTS = ("reversed", "half", "double", "dead", "frozen leg", "swapped", "on another leg")


@dataclass
class Load:
    """Switches by itself, or a little before or after islet's own steps."""

    legs: tuple[int, ...]
    ma: int
    on_s: float
    off_s: float
    on: bool = False
    left_ms: float = 0

    def step(self, chance: random.Random) -> None:
        self.left_ms -= STEP_MS
        if self.left_ms <= 0:
            self.on = not self.on
            self.left_ms = chance.expovariate(1 / (self.on_s if self.on else self.off_s)) * 1000


@dataclass
class Instrument:
    """A meter's register is renewed every `period_ms`; it is read every `poll_ms`, and only the
    time from reading it is in its age, but where the meter stamps its values."""

    node: int
    period_ms: int
    poll_ms: int
    delay_ms: int
    stamped: bool
    noise_ma: int
    gain: tuple[tuple[float, ...], ...] = ONE
    register: list[float] = field(default_factory=lambda: [0.0] * 3)
    taken_ms: int = 0
    past: list[list[float]] = field(default_factory=list)

    def step(
        self, now_ms: int, flow: list[float], chance: random.Random, live: array[int]
    ) -> None:
        self.past.append(flow)
        back = self.delay_ms // STEP_MS + 1
        if len(self.past) > back:
            self.past.pop(0)
        if now_ms % self.period_ms < STEP_MS or now_ms == STEP_MS:
            seen = self.past[0]
            noise = self.noise_ma
            self.register = [
                sum(g * x for g, x in zip(row, seen, strict=True)) + chance.gauss(0, noise)
                for row in self.gain
            ]
            self.taken_ms = now_ms - self.delay_ms if self.stamped else now_ms
        if now_ms % self.poll_ms < STEP_MS:
            for leg in LEGS:
                ma = round(self.register[leg])
                live[f.NODE_MA + self.node * 3 + leg] = ma
                live[f.NODE_W + self.node * 3 + leg] = ma * VOLTS // 1000
            age_ms = now_ms - self.taken_ms if self.stamped else 200
            live[f.NODE_AGE_MS + self.node] = age_ms


class House:
    """`fault`: the kind of one wrong instrument (FAULTS), on its first leg; None: healthy."""

    def __init__(self, seed: int, fault: str | None = None) -> None:
        self.chance = chance = random.Random(seed)
        self.now_ms = 0
        self.legs = chance.choice([1, 2, 3, 3, 3])
        self.gateway = chance.random() < 0.2  # T2
        self.has_car = not self.gateway
        self.has_inverter = self.gateway or chance.random() < 0.6
        self.car_legs = chance.choice([1, self.legs])
        self.inverter_legs = chance.choice([1, self.legs])
        self.sub = chance.random() < 0.5
        self.regulated = chance.random() < 0.25
        self.solar = chance.random() < 0.3
        self._site()
        self._loads()
        self._instruments(fault)
        self.car_ma = [0.0] * 3
        self.inverter_ma = 0.0  # per leg
        self.battery_ma = 0.0  # the house's own, per leg
        self.sun_ma = self.sun_goal_ma = 0.0
        self.plugged = False
        self.session_ms = 0.0
        self.orders: list[tuple[int, int]] = []
        self.moved_ms: int | None = None  # islet's own first step
        self.named_ms: int | None = None
        self.stops = 0
        self.fixed_w: int | None = None

    def _site(self) -> None:
        chance = self.chance
        parents, instruments = [-1], [chance.choice([f.INSTRUMENT_CT, f.INSTRUMENT_METER])]
        if self.sub:
            parents.append(0)
            instruments.append(f.INSTRUMENT_METER)
        below = len(parents) - 1
        self.car_node = self.inverter_node = -1
        if self.has_car:
            self.car_node = len(parents)
            parents.append(chance.choice([0, below]))
            instruments.append(f.INSTRUMENT_POINT)
        if self.has_inverter:
            self.inverter_node = len(parents)
            parents.append(chance.choice([0, below]))
            instruments.append(f.INSTRUMENT_DEVICE)
        self.parents = parents
        self.response_ms = chance.choice([300, 1_000, 2_000])
        self.rating_ma = chance.choice([25_000, 40_000, 63_000])
        sources = 16_000 if self.regulated or self.solar else 0
        self.image = healthy(
            TOPOLOGY=2 if self.gateway else 1,
            LEG_COUNT=self.legs,
            NODE_COUNT=len(parents),
            NODE_PARENT=tuple(parents),
            NODE_RATING_MA=(self.rating_ma, *([32_000] * (len(parents) - 1))),
            NODE_INSTRUMENT=tuple(instruments),
            NODE_SOURCE_MA=(sources,),
            EVSE_NODE=self.car_node,
            EVSE_LEGS=self.car_legs,
            EVSE_MAX_MA=chance.choice([16_000, 32_000]),
            EVSE_PAUSE_MS=20_000,
            INVERTER_NODE=self.inverter_node,
            INVERTER_LEGS=self.inverter_legs,
            INVERTER_CHARGE_W=5_000,
            INVERTER_DISCHARGE_W=5_000,
            INVERTER_RESPONSE_MS=2_000,
        )
        self.image.site[f.NODE_REGULATES] = int(self.regulated)
        put(self.image.commands, ISLAND_STATE=f.ISLAND_SENSING, GRID_STATE=f.GRID_UNKNOWN)
        put(self.image.requests, POINT_AUTHORISED=1, RESERVE_PERMILLE=100)
        self.core = Core(self.image)

    def _loads(self) -> None:
        chance = self.chance
        self.base_ma = [chance.uniform(200, 2_000) for _ in LEGS]
        self.loads = []
        for _ in range(chance.randint(0, 8)):
            single = chance.random() < 0.85
            leg = chance.randrange(self.legs)
            self.loads.append(
                Load(
                    legs=(leg,) if single else tuple(range(self.legs)),
                    ma=round(chance.choice(SIZES_MA) * chance.uniform(0.8, 1.2)),
                    on_s=chance.choice([5, 10, 30, 120, 600]),
                    off_s=chance.choice([5, 20, 60, 300, 1_200]),
                )
            )  # fmt: skip
        self.shy = chance.random() < 0.3  # a load that switches with islet's own steps
        self.shy_ma = 0.0

    def _instruments(self, fault: str | None) -> None:
        chance = self.chance
        self.meters = []
        for node in range(len(self.parents)):
            kind = self.image.site[f.NODE_INSTRUMENT + node]
            if kind == f.INSTRUMENT_CT:
                self.meters.append(
                    Instrument(
                        node, 200, 200, chance.choice([0, 400]), False, chance.choice([10, 60])
                    )
                )
            elif kind == f.INSTRUMENT_METER:
                period = chance.choice([200, 500, 1_000, 1_000, 2_000, 2_000])  # drivers/meter.py
                self.meters.append(
                    Instrument(
                        node, period, chance.choice([200, 400]), chance.choice([0, 200, 600]),
                        chance.random() < 0.3, chance.choice([5, 20, 60]),
                    )
                )  # fmt: skip
        self.faulty = None
        if fault:
            meter = chance.choice([m for m in self.meters if self._below(m.node)])
            leg = 0
            meter.gain = gains(fault, leg, self.legs)
            self.faulty = (meter.node, leg)

    def _below(self, node: int) -> bool:
        return any(self._is_below(n, node) for n in (self.car_node, self.inverter_node) if n >= 0)

    def _is_below(self, node: int, above: int) -> bool:
        while node >= 0:
            if node == above:
                return True
            node = self.parents[node]
        return False

    # --- time -----------------------------------------------------------------------------

    def run(self, seconds: float) -> None:
        for _ in range(round(seconds * 1000 / STEP_MS)):
            self.step()
            if self.named_ms is not None:
                return

    def step(self) -> None:
        self.now_ms += STEP_MS
        image, chance = self.image, self.chance
        for load in self.loads:
            load.step(chance)
        self._session()
        self._car()
        self._inverter()
        own = [self.car_ma[leg] + self._inverter_on(leg) for leg in LEGS]
        if self.moved_ms is None and max(map(abs, own)) >= 3_000:
            self.moved_ms = self.now_ms
        self._others()
        self._measure()
        image.latch()
        self._wishes()
        offer_ma = image.commands[f.SETPOINT + EVSE]
        self.core.step(STEP_MS)
        image.trips[f.OUTPUTS] = image.commands[f.PERMITS]  # a guard with nothing to trip for
        if offer_ma and not image.commands[f.SETPOINT + EVSE] and self.plugged:
            self.stops += 1
        self.orders.append(
            (image.commands[f.SETPOINT + EVSE], image.commands[f.SETPOINT + INVERTER])
        )
        if image.commands[f.FAULTS] & f.FAULT_INSTRUMENT and self.named_ms is None:
            self.named_ms = self.now_ms
        image.age(STEP_MS)

    def _session(self) -> None:
        self.session_ms -= STEP_MS
        if self.session_ms <= 0:
            self.plugged = not self.plugged
            self.session_ms = self.chance.uniform(30_000, 240_000)
            self.car_speed = self.chance.choice([2, 5, 20, 60])  # A per second
            self.car_waits_ms = self.chance.choice([100, 500, 2_000])
            self.car_most_ma = self.chance.choice([8_000, 16_000, 32_000])

    def _car(self) -> None:
        """Follows its offer late and not faster than it can."""
        if not self.has_car:
            return
        commands = self.image.commands
        closed = bool(commands[f.PERMITS] & f.OUT_CONTACTOR) and self.plugged
        back = self.car_waits_ms // STEP_MS
        offer_ma = self.orders[-back][0] if len(self.orders) >= back > 0 else 0
        target = min(offer_ma, self.car_most_ma) if closed and commands[f.SETPOINT + EVSE] else 0
        if not closed:
            self.car_ma = [0.0] * 3
        by = self.car_speed * STEP_MS
        for leg in range(self.car_legs):
            self.car_ma[leg] += max(-by, min(by, target - self.car_ma[leg]))

    def _inverter(self) -> None:
        back = self.response_ms // STEP_MS
        told_w = self.orders[-back][1] if len(self.orders) >= back else 0
        if not self.image.commands[f.PERMITS] & f.OUT_ENABLE:
            told_w = 0
        self.inverter_ma = told_w * 1000 / VOLTS / self.inverter_legs

    def _inverter_on(self, leg: int) -> float:
        return self.inverter_ma if self.has_inverter and leg < self.inverter_legs else 0.0

    def _others(self) -> None:
        """The house's own battery holds the sum of its meter at zero; the sun has clouds."""
        if self.solar and self.now_ms % 5_000 == 0 and self.chance.random() < 0.3:
            self.sun_goal_ma = self.chance.uniform(0, 14_000)
        self.sun_ma += max(-200.0, min(200.0, self.sun_goal_ma - self.sun_ma))
        if self.shy and self.moved_ms and self.chance.random() < 0.01:
            self.shy_ma = self.chance.choice([0, 0, 3_000, 6_000])
        if self.regulated:
            total = sum(self._flow(0)) / self.legs
            self.battery_ma -= max(-900, min(900, 0.1 * total))
            self.battery_ma = max(-16_000, min(16_000, self.battery_ma))

    def _flow(self, node: int) -> list[float]:
        flow = [0.0] * 3
        inverter = self.inverter_node >= 0 and self._is_below(self.inverter_node, node)
        car = self.car_node >= 0 and self._is_below(self.car_node, node)
        for leg in range(self.legs):
            if car:
                flow[leg] += self.car_ma[leg]
            if inverter:
                flow[leg] += self._inverter_on(leg)
            if node == 0:
                flow[leg] += self.base_ma[leg] + self.battery_ma - self.sun_ma
                if leg == 0:
                    flow[leg] += self.shy_ma
        for load in self.loads:
            if load.on and (node == 0 or load.ma < 3_000):
                for leg in load.legs:
                    flow[leg] += load.ma
        return flow

    def _measure(self) -> None:
        live, chance = self.image.live, self.chance
        for age in (
            f.INPUTS_AGE_MS,
            f.POINT_PILOT_AGE_MS,
            f.POINT_PROXIMITY_AGE_MS,
            f.FAST_AGE_MS,
            f.GRID_AGE_MS,
            f.HOUSE_AGE_MS,
            f.DEVICE_SOC_AGE_MS + INVERTER,
        ):
            live[age] = 0
        commands = self.image.commands
        duty = commands[f.POINT_DUTY_PERMILLE]
        pwm = 0 < duty < 1000
        high = 12_000 if not self.plugged else 6_000 if pwm else 9_000
        if self.has_car:
            live[f.POINT_HIGH_MV] = high
            live[f.POINT_LOW_MV] = -12_000 if pwm else high
        closed = bool(commands[f.PERMITS] & f.OUT_CONTACTOR)
        live[f.INPUTS] = f.IN_CONTACTOR if closed else 0
        if commands[f.PERMITS] & f.OUT_ENABLE:
            live[f.INPUTS] |= f.IN_ENABLE
        if self.now_ms % 200 == 0:
            for leg in LEGS:
                live[f.DEVICE_MA + EVSE * f.LEGS + leg] = max(
                    0, round(self.car_ma[leg] + chance.gauss(0, 20))
                )
            live[f.DEVICE_AGE_MS + EVSE] = 0
        if self.has_inverter and self.now_ms % 400 == 0:
            live[f.DEVICE_W + INVERTER] = round(
                self.inverter_ma * VOLTS * self.inverter_legs / 1000
            )
            for leg in LEGS:
                live[f.DEVICE_MA + INVERTER * f.LEGS + leg] = round(self._inverter_on(leg))
            live[f.DEVICE_AGE_MS + INVERTER] = 100
        for meter in self.meters:
            meter.step(self.now_ms, self._flow(meter.node), chance, live)

    def _wishes(self) -> None:
        """The car as much as it can; the battery holds what it sees of the grid at zero."""
        image = self.image
        requests, readings = image.requests, image.readings
        if self.now_ms % 1_000:
            return
        requests[f.MARKET_LOW + EVSE], requests[f.MARKET_HIGH + EVSE] = 0, 32_000
        grid_w = sum(readings[f.NODE_W + leg] for leg in LEGS)
        wish = max(-5_000, min(5_000, readings[f.DEVICE_W + INVERTER] - grid_w))
        if self.regulated:  # two of them would fight: ours goes by price
            wish = (4_000, -3_000, 0)[self.now_ms // 60_000 % 3]
        if self.fixed_w is not None:
            wish = self.fixed_w
        requests[f.MARKET_LOW + INVERTER] = requests[f.MARKET_HIGH + INVERTER] = wish
        for device in (EVSE, INVERTER):
            requests[f.MARKET_TTL_MS + device] = 10_000
            requests[f.MARKET_SEQ + device] += 1
