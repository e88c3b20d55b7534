"""A small plant around Core and Guard, and a checker that judges it from the plant's truth.

The checker shares no table with the firmware: windows, masks and times are written again here.
"""

from __future__ import annotations

import random

from firmware import image as f
from firmware.core import Core
from firmware.guard import Guard
from tests_host.core.builders import healthy, order, put, wish

TICK_MS = 10
STEP_MS = 100
HIGH_MV = {"A": 12_000, "B": 9_000, "C": 6_000, "D": 3_000, "E": 0, "F": -12_000}
LOW_MV = {"A": -12_000, "B": -12_000, "C": -12_000, "D": -12_000, "E": 0, "F": -12_000}
WITHOUT_DIODE_MV = {**LOW_MV, "B": -8_800, "C": -5_600, "D": -2_400}
STATES = {name: code for code, name in enumerate(f.PILOT_NAMES)}
DROPS = {
    f.TRIP_OVERCURRENT: f.OUT_CONTACTOR,
    f.TRIP_PILOT: f.OUT_CONTACTOR,
    f.TRIP_DEAD_GRID: f.OUT_ENABLE,
    f.TRIP_PROTECTION: f.OUT_CONTACTOR | f.OUT_ENABLE,
    f.TRIP_STALE_PERMIT: f.OUT_CONTACTOR | f.OUT_ENABLE,
    f.TRIP_INTERLOCK: f.OUT_ENABLE | f.OUT_BOND,
    f.TRIP_SAMPLING: f.OUT_CONTACTOR | f.OUT_ENABLE,
}
PROTECTIVE = f.IN_ESTOP | f.IN_RCD | f.IN_OVERTEMP
CLOSE_MS, OPEN_MS = 60, 30  # the plant's contactor; the site declares 80 and 30


class Violation(AssertionError):
    """An invariant does not hold."""


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
        duty = self.image.commands[f.PILOT_DUTY_PERMILLE]
        self._draw(duty)
        if "pilot" not in self.lost:
            low = LOW_MV if self.diode else WITHOUT_DIODE_MV
            high_mv = HIGH_MV[self.car]
            live[f.PILOT_HIGH_MV], live[f.PILOT_AGE_MS] = high_mv, 0
            live[f.PILOT_LOW_MV] = low[self.car] if 0 < duty < 1000 else high_mv
        if "inputs" not in self.lost:
            contact = f.IN_CONTACTOR if self.closed else 0
            live[f.INPUTS], live[f.INPUTS_AGE_MS] = self.inputs | contact, 0
        if "evse" not in self.lost:
            live[f.EVSE_MA], live[f.EVSE_AGE_MS] = self.current_ma, 0
        if "inverter" not in self.lost:
            live[f.INVERTER_AGE_MS] = 0
        if "soc" not in self.lost:
            live[f.SOC_AGE_MS] = 0
        if "meter" not in self.lost:
            self.ripple_ma = (self.ripple_ma + 7) % 50  # a living meter never stands still
            live[f.NODE_AGE_MS], live[f.NODE_MA] = 0, self.current_ma + 1_000 + self.ripple_ma
        live[f.FAST_MA] = self.current_ma
        for age in (f.FAST_AGE_MS, f.GRID_AGE_MS, f.HOUSE_AGE_MS, f.PROXIMITY_AGE_MS):
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
        wish(self.image, f.EVSE, 0, 32_000)
        for action in (*WALK, *(die.choice(WALK) for _ in range(actions))):
            action(self, die)
            self.run(die.choice((1, 2, 5, 20, 60)))


def _session(bench: Bench, die: random.Random) -> None:
    """A car comes, charges, and leaves in one of several ways; everything else healthy."""
    bench.find()
    bench.inputs = 0
    bench.welded = bench.stuck = bench.hung = False
    bench.diode = bench.obedient = True
    put(bench.image.live, PROXIMITY_OHM=220, SOC_PERMILLE=600)
    put(bench.image.requests, AUTHORISED=1)
    for device in (f.EVSE, f.INVERTER):
        order(bench.image, device, 0, 0, 0)
    bench.run(2)
    for state in ("A", "B"):
        bench.acknowledge()
        bench.plug(state)
        bench.run(15)
    wish(bench.image, f.EVSE, 0, 32_000)
    wish(bench.image, f.INVERTER, -3_000, -3_000)
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
    put(bench.image.requests, AUTHORISED=die.choice((0, 1, 1)))
    put(bench.image.live, PROXIMITY_OHM=die.choice((100, 220, 680, 1500, 60, 9_999)))
    put(bench.image.live, SOC_PERMILLE=die.choice((-1, 0, 299, 300, 305, 600, 1000)))
    wish(bench.image, f.INVERTER, -4_000, -4_000, die.choice((500, 2_000, 600_000)))
    wish(bench.image, f.EVSE, 0, die.choice((0, 5_000, 10_000, 32_000)), 600_000)
    order(bench.image, die.choice((0, 1)), 0, die.choice((0, 8_000)), die.choice((-1, 0, 3_000)))


def _acknowledge(bench: Bench, die: random.Random) -> None:
    bench.acknowledge()


def _greedy(bench: Bench, die: random.Random) -> None:
    """Charging, then the offer falls and the car does not follow."""
    _session(bench, die)
    bench.obedient = False
    order(bench.image, f.EVSE, 0, 7_000)
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
        wish(bench.image, f.EVSE, 0, 16_000, 1_000)
    else:
        put(bench.image.requests, AUTHORISED=0)
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
        put(bench.image.live, PROXIMITY_OHM=die.choice((60, 9_999)))
    else:
        put(bench.image.requests, AUTHORISED=0)
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


class Checker:
    """Invariants, judged every 10 ms from the truth, and every step from what was commanded."""

    def __init__(self, bench: Bench) -> None:
        self.bench = bench
        self.gone_ms = self.whole_ms = self.x1_ms = 0
        self.beat_age_ms = 0
        self.beat = bench.image.commands[f.BEAT]
        self.outputs = self.tripped = self.offer_ma = 0
        self.offer_ms = f.AGE_MAX_MS
        self.car_ms = self.overdraw_ms = self.soc_ms = 0
        self.car = bench.car
        self.said: dict[str, list[int]] = {}
        self.seen = {"authorised": 0, "ohm": 0, "fresh": 0}
        self.diode_seen = False
        self.weld_ms = 0

    def require(self, holds: bool, text: str) -> None:
        if not holds:
            raise Violation(text)

    # --- every 10 ms -------------------------------------------------------------------------

    def after_tick(self) -> None:
        image, bench = self.bench.image, self.bench
        outputs, tripped = image.trips[f.OUTPUTS], image.trips[f.TRIPPED]
        on = outputs & f.OUT_CONTACTOR
        lost = "pilot" in bench.lost
        self.gone_ms = 0 if bench.car in "CD" and not lost else self.gone_ms + TICK_MS
        self._inv2(on, lost)
        self._inv13(outputs, tripped)
        if on and not self.outputs & f.OUT_CONTACTOR:
            self._inv1()
        if self.outputs & f.OUT_CONTACTOR and not on:
            self._zero_first(tripped)
        self.outputs, self.tripped = outputs, tripped

    def _inv2(self, on: int, lost: bool) -> None:
        # a lost pilot is known by its age, which the control cycle counts in steps of 100 ms
        allowed_ms = 20 + (STEP_MS if lost else 0)
        self.require(not on or self.gone_ms <= allowed_ms, "INV-2: open command late")
        self.whole_ms = 0 if self.bench.welded else self.whole_ms + TICK_MS
        late = min(self.gone_ms, self.whole_ms) > allowed_ms + 80
        self.require(not (late and self.bench.closed), "INV-2: contacts open late")

    def _inv13(self, outputs: int, tripped: int) -> None:
        image = self.bench.image
        beat = image.commands[f.BEAT]
        self.beat_age_ms = 0 if beat != self.beat else self.beat_age_ms + TICK_MS
        self.beat = beat
        self.require(not outputs & ~image.commands[f.PERMITS], "INV-13: output without permit")
        self.require(self.bench.pins in (None, outputs), "INV-13: pins are not the outputs")
        for bit, drops in DROPS.items() if tripped else ():
            self.require(not (tripped & bit and outputs & drops), f"INV-13: trip {bit} ignored")
        cleared = self.tripped & ~tripped
        self.require(not cleared & ~image.commands[f.TRIP_ACK], "INV-13: cleared unacknowledged")
        stale = self.beat_age_ms > 320 and outputs & (f.OUT_CONTACTOR | f.OUT_ENABLE)
        self.require(not stale, "INV-13: permit without a fresh beat")

    def _inv1(self) -> None:
        bench = self.bench
        ventilated = bench.car == "D" and bench.inputs & f.IN_VENTILATION
        self.require(bench.car == "C" or bool(ventilated), "INV-1: closed outside C or D")
        self.require(bench.diode and self.diode_seen, "INV-1: diode not verified")
        self.require(not bench.closed, "INV-1: closed a welded contactor")
        self.require(not bench.inputs & PROTECTIVE, "INV-1: protection not healthy")
        self.require(self.seen["fresh"] == 1, "INV-1: protection not known")
        needed = bench.image.site[f.AUTH_REQUIRED]
        self.require(not needed or self.seen["authorised"] == 1, "INV-1: not authorised")
        self.require(75 <= self.seen["ohm"] <= 2_200, "INV-1: cable unknown")

    def _zero_first(self, tripped: int) -> None:
        """Rule 7: zero current first, then open, unless a fault leaves no time."""
        bench = self.bench
        hurried = tripped or bench.car not in "CD" or bench.inputs & PROTECTIVE
        hurried = hurried or bench.lost & {"inputs", "pilot"} or bench.stuck or not bench.diode
        calm = bench.current_ma < 1_000 or self.x1_ms >= 5_900
        self.require(bool(hurried) or calm, "rule 7: opened under load without need")

    # --- every step --------------------------------------------------------------------------

    def before_step(self) -> None:
        image = self.bench.image
        self.seen["authorised"] = image.requests[f.AUTHORISED]
        self.seen["ohm"] = image.readings[f.PROXIMITY_OHM]
        self.seen["fresh"] = int(image.readings[f.INPUTS_AGE_MS] <= 300)

    def after_step(self) -> None:
        if self.bench.hung:
            self.offer_ms += STEP_MS
            self.car_ms = self.weld_ms = self.overdraw_ms = 0
            self._ages()
            return
        commands = self.bench.image.commands
        self._pilot_follows(commands)
        self._weld_found(commands)
        self._offer(commands)
        self._ages()
        self._inv8(commands)
        self._inv11(commands)
        self._escalation(commands)

    def _pilot_follows(self, commands) -> None:
        bench = self.bench
        if bench.car != self.car or "pilot" in bench.lost:
            self.car, self.car_ms = bench.car, 0
        self.car_ms += STEP_MS
        state = commands[f.PILOT_STATE]
        duty = commands[f.PILOT_DUTY_PERMILLE]
        if not bench.diode or bench.car == "A":
            self.diode_seen = False
        elif 0 < duty < 1000 and bench.car in "BCD":
            self.diode_seen = True
        if self.car_ms > 300 and state != f.PILOT_DIODE:
            self.require(state == STATES[bench.car], f"pilot {state} in {bench.car}")
        unplugged = bench.car == "A" and self.car_ms > 100
        self.require(not unplugged or state == f.PILOT_A, "pilot: A is not seen at once")

    def _weld_found(self, commands) -> None:
        bench = self.bench
        against = bench.closed and not bench.image.commands[f.PERMITS] & f.OUT_CONTACTOR
        watched = against and "inputs" not in bench.lost
        self.weld_ms = self.weld_ms + STEP_MS if watched else 0
        late = self.weld_ms > 30 + 100 + 3 * STEP_MS
        self.require(not late or commands[f.FAULTS] & f.FAULT_WELD != 0, "weld not found")

    def _offer(self, commands) -> None:
        offer_ma = commands[f.OFFER_MA]
        self.offer_ms += STEP_MS
        self.x1_ms = self.x1_ms + STEP_MS if offer_ma == 0 else 0
        self.require(offer_ma == 0 or offer_ma >= 6_000, "offer below 6 A")
        if offer_ma > self.offer_ma:
            rested = self.offer_ms >= (3_000 if self.offer_ma == 0 else 5_000)
            self.require(rested, "offer raised too soon")
            raised_ma = offer_ma - (self.offer_ma or 6_000)
            self.require(raised_ma <= 2_000, "offer raised too far")
        if offer_ma != self.offer_ma:
            self.offer_ma, self.offer_ms = offer_ma, 0

    def _ages(self) -> None:
        bench = self.bench
        self.soc_ms = self.soc_ms + STEP_MS if "soc" in bench.lost else 0
        for who in ("MARKET", "OPERATOR"):
            for device in range(f.DEVICES):
                sequence = bench.image.requests[getattr(f, f"{who}_SEQ") + device]
                if bench.hung:  # core hears it when it runs again
                    sequence = self.said.get(f"{who}{device}", [0])[0]
                last = self.said.setdefault(f"{who}{device}", [0, f.AGE_MAX_MS])
                last[:] = [sequence, 0 if sequence != last[0] else last[1] + STEP_MS]

    def _inv8(self, commands) -> None:
        requests = self.bench.image.requests
        did = (commands[f.OFFER_MA], commands[f.SETPOINT_W])
        for device in range(f.DEVICES):
            wished_ms = self.said[f"MARKET{device}"][1]
            expired = wished_ms >= requests[f.MARKET_TTL_MS + device]
            self.require(not expired or did[device] == 0, "INV-8: an expired wish still acts")
            ttl_ms = requests[f.OPERATOR_TTL_MS + device]
            holds = ttl_ms < 0 or self.said[f"OPERATOR{device}"][1] < ttl_ms
            high = requests[f.OPERATOR_HIGH + device]
            low = requests[f.OPERATOR_LOW + device]
            self.require(not holds or low <= did[device] <= high, "INV-8: a limit was let go")

    def _inv11(self, commands) -> None:
        image = self.bench.image
        soc = image.readings[f.SOC_PERMILLE]
        kept = soc <= image.requests[f.RESERVE_PERMILLE] or self.soc_ms > 120_000
        self.require(not kept or commands[f.SETPOINT_W] >= 0, "INV-11: discharge below reserve")

    def _escalation(self, commands) -> None:
        bench = self.bench
        over = (
            bench.current_ma > commands[f.OFFER_MA] * 11 // 10 + 500 and "evse" not in bench.lost
        )
        self.overdraw_ms = self.overdraw_ms + STEP_MS if over and not bench.welded else 0
        self.require(self.overdraw_ms <= 14_500, "INV-3: an over-drawing car is not cut off")
