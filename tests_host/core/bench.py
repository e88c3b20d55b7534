"""A small plant around Core and Guard, which a checker judges from the plant's truth."""

from __future__ import annotations

import random

from firmware import image as f
from firmware.core import Core
from firmware.guard import Guard
from tests_host.core.builders import healthy, order, put, wish
from tests_host.core.checker import STEP_MS, TICK_MS, Checker
from tests_host.fields import EVSE, INVERTER

HIGH_MV = {"A": 12_000, "B": 9_000, "C": 6_000, "D": 3_000, "E": 0, "F": -12_000}
LOW_MV = {"A": -12_000, "B": -12_000, "C": -12_000, "D": -12_000, "E": 0, "F": -12_000}
WITHOUT_DIODE_MV = {**LOW_MV, "B": -8_800, "C": -5_600, "D": -2_400}
CLOSE_MS, OPEN_MS = 60, 30  # the plant's contactor; the site declares 80 and 30


class Bench:
    """Plant, board and image. Actions change the truth; `run(steps)` lets time pass, checked."""

    def __init__(self, **site: int) -> None:
        self.image = healthy(EVSE_PAUSE_MS=5_000, **site)
        put(self.image.commands, ISLAND_STATE=f.ISLAND_SENSING, GRID_STATE=f.GRID_UNKNOWN)
        self.core = Core(self.image)
        self.guard = Guard(self.image, self)
        self.pins: int | None = None
        self.car, self.diode, self.appetite_ma, self.obedient = "A", True, 32_000, True
        self.welded = self.stuck = self.closed = False
        self.travel_ms = 0
        self.current_ma = self.ripple_ma = 0
        self.inputs = 0
        self.lost: set[str] = set()
        self.hung = False
        self.since_ms = 0  # the last step
        self.orders: list[list[int]] = []  # that stand: age, device, low, high, TTL in ms
        self.checker = Checker(self)

    def write_outputs(self, bits: int) -> None:
        self.pins = bits

    # --- actions: what may happen to a house -------------------------------------------------

    def plug(self, state: str) -> None:
        self.car = state

    def set_input(self, bit: int, on: bool) -> None:
        self.inputs = self.inputs | bit if on else self.inputs & ~bit

    def lose(self, instrument: str) -> None:
        """'pilot', 'inputs', 'evse', 'inverter', 'soc', 'meter' is silent until `find`."""
        self.lost.add(instrument)

    def find(self) -> None:
        self.lost.clear()

    def acknowledge(self) -> None:
        self.image.requests[f.ACKNOWLEDGE_SEQ] += 1
        self.checker.pardons += 6

    def order(self, device: int, low: int, high: int, ttl_ms: int = -1) -> None:
        """The operator's, in place of what it said before."""
        order(self.image, device, low, high, ttl_ms)
        self.orders = [row for row in self.orders if row[1] != device]
        if ttl_ms:
            self.orders.append([0, device, low, high, ttl_ms])

    # --- time --------------------------------------------------------------------------------

    def run(self, steps: int) -> None:
        for _ in range(steps):
            for _ in range(STEP_MS // TICK_MS):
                self._plant()
                self.guard.tick(TICK_MS)
                self.checker.after_tick()
            self.image.age(STEP_MS)
            self.since_ms += STEP_MS
            if not self.hung:
                self.image.latch()
                self.checker.before_step()
                self.core.step(self.since_ms)
                self.since_ms = 0
            self.checker.after_step()

    def _plant(self) -> None:
        live = self.image.live
        commanded = bool((self.pins or 0) & f.OUT_CONTACTOR) and not self.inputs & f.IN_ESTOP
        if commanded != self.closed:
            self.travel_ms += TICK_MS
            if self.travel_ms >= (CLOSE_MS if commanded else OPEN_MS):
                self.closed, self.travel_ms = commanded, 0
        else:
            self.travel_ms = 0
        if self.welded:
            self.closed = True
        if self.stuck:
            self.closed = False
        duty = self.image.commands[f.POINT_DUTY_PERMILLE]
        self._draw(duty)
        if "pilot" not in self.lost:
            low = LOW_MV if self.diode else WITHOUT_DIODE_MV
            high_mv = HIGH_MV[self.car]
            live[f.POINT_HIGH_MV], live[f.POINT_PILOT_AGE_MS] = high_mv, 0
            live[f.POINT_LOW_MV] = low[self.car] if 0 < duty < 1000 else high_mv
        if "inputs" not in self.lost:
            contact = f.IN_CONTACTOR if self.closed else 0
            live[f.INPUTS], live[f.INPUTS_AGE_MS] = self.inputs | contact, 0
        if "evse" not in self.lost:
            live[f.DEVICE_MA + EVSE * f.LEGS], live[f.DEVICE_AGE_MS + EVSE] = (
                self.current_ma,
                0,
            )
        if "inverter" not in self.lost:
            live[f.DEVICE_AGE_MS + INVERTER] = 0
        if "soc" not in self.lost:
            live[f.DEVICE_SOC_AGE_MS + INVERTER] = 0
        if "meter" not in self.lost:
            self.ripple_ma = (self.ripple_ma + 7) % 50  # a living meter never stands still
            live[f.NODE_AGE_MS], live[f.NODE_MA] = 0, self.current_ma + 1_000 + self.ripple_ma
            live[f.NODE_W] = live[f.NODE_MA] * 230 // 1_000
        live[f.POINT_FAST_MA] = self.current_ma
        for age in (f.FAST_AGE_MS, f.GRID_AGE_MS, f.HOUSE_AGE_MS, f.POINT_PROXIMITY_AGE_MS):
            live[age] = 0

    def _draw(self, duty: int) -> None:
        offered_ma = duty * 60 if 0 < duty < 1000 else 0
        if not self.closed or self.car not in "CD":
            self.current_ma = 0
        elif not self.obedient:
            self.current_ma = 20_000
        else:  # follows within two seconds
            target_ma = min(offered_ma, self.appetite_ma)
            self.current_ma = max(target_ma, self.current_ma - 200)

    # --- a walk without hypothesis -----------------------------------------------------------

    def wander(self, seed: int, actions: int) -> None:
        """Plausible days and all faults, chosen by a seeded die; each kind at least once."""
        die = random.Random(seed)
        wish(self.image, EVSE, 0, 32_000)
        for action in (*WALK, *(die.choice(WALK) for _ in range(actions))):
            action(self, die)
            self.run(die.choice((1, 2, 5, 20, 60)))


def _session(bench: Bench, die: random.Random) -> None:
    """A car comes, charges, and leaves in one of several ways; everything else healthy."""
    bench.find()
    bench.inputs = 0
    bench.welded = bench.stuck = bench.hung = False
    bench.diode = bench.obedient = True
    put(bench.image.live, POINT_PROXIMITY_OHM=220, SOC_PERMILLE=600)
    put(bench.image.requests, POINT_AUTHORISED=1)
    for device in (EVSE, INVERTER):
        bench.order(device, 0, 0, 0)
    bench.run(2)
    for state in ("A", "B"):
        bench.acknowledge()
        bench.plug(state)
        bench.run(15)
    wish(bench.image, EVSE, 0, 32_000)
    wish(bench.image, INVERTER, -3_000, -3_000)
    bench.plug("C")
    bench.run(die.choice((20, 90)))


def _plug(bench: Bench, die: random.Random) -> None:
    bench.plug(die.choice("ABCCDEF"))


def _faults(bench: Bench, die: random.Random) -> None:
    fault = die.choice(("diode", "obedient", "welded", "stuck", "hung"))
    setattr(bench, fault, not getattr(bench, fault))


def _inputs(bench: Bench, die: random.Random) -> None:
    bit = die.choice((f.IN_ESTOP, f.IN_RCD, f.IN_OVERTEMP, f.IN_VENTILATION))
    bench.set_input(bit, die.random() < 0.5)


def _lose(bench: Bench, die: random.Random) -> None:
    bench.lose(die.choice(("pilot", "inputs", "evse", "inverter", "soc", "meter")))


def _requests(bench: Bench, die: random.Random) -> None:
    put(bench.image.requests, POINT_AUTHORISED=die.choice((0, 1, 1)))
    put(bench.image.live, POINT_PROXIMITY_OHM=die.choice((100, 220, 680, 1500, 60, 9_999)))
    put(bench.image.live, SOC_PERMILLE=die.choice((-1, 0, 299, 300, 305, 600, 1000)))
    wish(bench.image, INVERTER, -4_000, -4_000, die.choice((500, 2_000, 600_000)))
    wish(bench.image, EVSE, 0, die.choice((0, 5_000, 10_000, 32_000)), 600_000)
    bench.order(die.choice((0, 1)), 0, die.choice((0, 8_000)), die.choice((-1, 0, 3_000)))


def _acknowledge(bench: Bench, die: random.Random) -> None:
    bench.acknowledge()


def _greedy(bench: Bench, die: random.Random) -> None:
    """Charging, then the offer falls and the car does not follow."""
    _session(bench, die)
    bench.obedient = False
    bench.order(EVSE, 0, 7_000)
    bench.run(160)


def _while_charging(bench: Bench, die: random.Random) -> None:
    """Charging, then one thing goes wrong and lasts."""
    _session(bench, die)
    wrong = die.randrange(6)
    if wrong < 3:
        setattr(bench, ("welded", "hung", "diode")[wrong], wrong < 2)
    elif wrong == 3:
        put(bench.image.live, SOC_PERMILLE=250)
    elif wrong == 4:
        wish(bench.image, EVSE, 0, 16_000, 1_000)
    else:
        put(bench.image.requests, POINT_AUTHORISED=0)
    bench.run(10)
    if wrong < 2:
        bench.plug("A")
    bench.run(20)


def _refused(bench: Bench, die: random.Random) -> None:
    """All would be well for charging but one thing."""
    _session(bench, die)
    bench.plug("A")
    bench.run(10)
    wrong = die.randrange(4)
    if wrong == 0:
        bench.diode = False
    elif wrong == 1:
        bench.set_input(die.choice((f.IN_ESTOP, f.IN_RCD, f.IN_OVERTEMP)), True)
    elif wrong == 2:
        put(bench.image.live, POINT_PROXIMITY_OHM=die.choice((60, 9_999)))
    else:
        put(bench.image.requests, POINT_AUTHORISED=0)
    for state in "BC":
        bench.plug(state)
        bench.run(40)


WALK = (
    _session,
    _greedy,
    _while_charging,
    _while_charging,
    _refused,
    _refused,
    _plug,
    _plug,
    _faults,
    _inputs,
    _lose,
    _requests,
    _acknowledge,
)
