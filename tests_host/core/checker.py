"""A judge of Core and Guard that knows the plant's truth.

It shares no table with the firmware: masks, windows and times are written again here.
"""

from __future__ import annotations

from array import array
from typing import Protocol

from firmware import image as f
from tests_host.fields import EVSE, INVERTER

TICK_MS = 10
STEP_MS = 100
STATES = {name: code for code, name in enumerate(f.PILOT_NAMES)}
DROPS = {
    f.TRIP_OVERCURRENT: f.OUT_CONTACTOR,
    f.TRIP_PILOT: f.OUT_CONTACTOR,
    f.TRIP_DEAD_GRID: f.OUT_ENABLE,
    f.TRIP_STOP: f.OUT_CONTACTOR | f.OUT_ENABLE,
    f.TRIP_RCD: f.OUT_CONTACTOR,
    f.TRIP_HEAT: f.OUT_CONTACTOR,
    f.TRIP_STALE_PERMIT: f.OUT_CONTACTOR | f.OUT_ENABLE,
    f.TRIP_INTERLOCK: f.OUT_ENABLE | f.OUT_BOND,
    f.TRIP_SAMPLING: f.OUT_CONTACTOR | f.OUT_ENABLE,
    f.TRIP_VEHICLE: f.OUT_CONTACTOR,
}
PROTECTIVE = f.IN_ESTOP | f.IN_RCD | f.IN_OVERTEMP


class Violation(AssertionError):
    """An invariant does not hold."""


class Plant(Protocol):
    """The truth that is judged by: image, pins, and what the house really does (bench.py)."""

    image: f.Image
    pins: int | None
    car: str
    diode: bool
    closed: bool
    welded: bool
    stuck: bool
    hung: bool
    current_ma: int
    inputs: int
    lost: set[str]
    orders: list[list[int]]


class Checker:
    """Invariants, judged every 10 ms from the truth, and every step from what was commanded."""

    def __init__(self, bench: Plant) -> None:
        self.bench = bench
        self.gone_ms = self.whole_ms = self.x1_ms = 0
        self.beat_age_ms = 0
        self.beat = bench.image.commands[f.BEAT]
        self.outputs = self.tripped = self.offer_ma = 0
        self.offer_ms = f.AGE_MAX_MS
        self.car_ms = self.poor_ms = self.overdraw_ms = self.soc_ms = 0
        self.car = bench.car
        self.said: dict[int, list[int]] = {}
        self.seen: dict[str, int] = {}
        self.diode_seen = False
        self.weld_ms = 0
        self.off_ms = f.AGE_MAX_MS
        self.day_ms: list[int] = []  # when it was closed
        self.pardons = 0  # operations that persons gave back

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
            self.require(self.off_ms >= 4_800, "safety.md 4: no minimum off time")
            self.day_ms = [at for at in self.day_ms if at > -86_400_000]
            self.day_ms.append(0)
            hour = sum(1 for at in self.day_ms if at > -3_600_000)
            self.require(hour <= 12 + self.pardons, "safety.md 4: the hourly account is overdrawn")
        self.off_ms = 0 if on else self.off_ms + TICK_MS
        if self.day_ms:
            self.day_ms = [at - TICK_MS for at in self.day_ms]
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
        # commanded by what the last step saw; the guard stands in for B, A and worse at once
        right = self.seen["ventilated"] or (self.seen["c"] and bench.car in "CD")
        self.require(bench.car in "CD" and bool(right), "INV-1: closed outside C or D")
        self.require(self.diode_seen, "INV-1: diode not verified")
        self.require(not self.seen["closed"], "INV-1: closed a welded contactor")
        self.require(not self.seen["protective"], "INV-1: protection not healthy")
        self.require(self.seen["fresh"] == 1, "INV-1: protection not known")
        needed = bench.image.site[f.POINT_AUTH_REQUIRED]
        self.require(not needed or self.seen["authorised"] == 1, "INV-1: not authorised")
        known = any(75 <= self.seen[when] <= 2_200 for when in ("ohm", "ohm before"))
        self.require(known, "INV-1: cable unknown")  # its rating is debounced over two steps

    def _zero_first(self, tripped: int) -> None:
        """Rule 7: zero current first, then open, unless a fault leaves no time."""
        bench = self.bench
        hurried = tripped or bench.car not in "CD" or bench.inputs & PROTECTIVE
        hurried = hurried or bench.lost & {"inputs", "pilot"} or bench.stuck
        state = bench.image.commands[f.POINT_PILOT_STATE]  # a missing diode is a pilot fault
        hurried = hurried or state not in (f.PILOT_C, f.PILOT_D)
        hurried = hurried or bench.image.commands[f.POINT_CONTACTOR_STATE] == f.CONTACTOR_FAULT
        ignored = bench.image.commands[f.FAULTS] & (f.FAULT_NOT_FOLLOWED | f.FAULT_PEN)
        dry = state == f.PILOT_D and not self.seen["ventilated"]
        hurried = hurried or ignored or dry
        calm = self.seen["ma"] < 1_000 or self.x1_ms >= 5_900
        self.require(bool(hurried) or calm, "rule 7: opened under load without need")

    # --- every step --------------------------------------------------------------------------

    def before_step(self) -> None:
        image = self.bench.image
        self.seen["authorised"] = image.requests[f.POINT_AUTHORISED]
        self.seen["ohm before"] = self.seen.get("ohm", -1)
        self.seen["ohm"] = image.readings[f.POINT_PROXIMITY_OHM]
        inputs = image.readings[f.INPUTS]
        self.seen["ma"] = self.bench.current_ma
        self.seen["closed"] = inputs & f.IN_CONTACTOR
        self.seen["protective"] = inputs & PROTECTIVE
        self.seen["c"] = self.bench.car == "C"
        self.seen["ventilated"] = self.bench.car == "D" and inputs & f.IN_VENTILATION != 0
        self.seen["fresh"] = int(image.readings[f.INPUTS_AGE_MS] <= 300)

    def after_step(self) -> None:
        if self.bench.hung:
            self.offer_ms += STEP_MS
            self.car_ms = self.poor_ms = self.weld_ms = self.overdraw_ms = 0
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

    def _pilot_follows(self, commands: array[int]) -> None:
        bench = self.bench
        if bench.car != self.car or "pilot" in bench.lost:
            self.car, self.car_ms = bench.car, 0
        if "pilot" in bench.lost:
            self.poor_ms = 0
            return
        self.car_ms += STEP_MS
        state = commands[f.POINT_PILOT_STATE]
        if state == f.PILOT_DIODE:
            self.car_ms = 0  # acknowledged, it looks afresh
        readings = bench.image.readings
        swings = readings[f.POINT_LOW_MV] != readings[f.POINT_HIGH_MV]
        poor = not bench.diode and bench.car in "BCD" and swings
        self.poor_ms = self.poor_ms + STEP_MS if poor and state != f.PILOT_DIODE else 0
        self.require(self.poor_ms <= 1_200, "pilot: a missing diode is not named")
        if poor:
            self.car_ms = 0  # while it looks like that, no state is due
        duty = commands[f.POINT_DUTY_PERMILLE]
        if not bench.diode or bench.car == "A":
            self.diode_seen = False
        elif 0 < duty < 1000 and bench.car in "BCD":
            self.diode_seen = True
        if self.car_ms > 300:
            self.require(state == STATES[bench.car], f"pilot {state} in {bench.car}")
        unplugged = bench.car == "A" and self.car_ms > 100
        self.require(not unplugged or state == f.PILOT_A, "pilot: A is not seen at once")

    def _weld_found(self, commands: array[int]) -> None:
        bench = self.bench
        against = bench.closed and not bench.image.commands[f.PERMITS] & f.OUT_CONTACTOR
        watched = against and "inputs" not in bench.lost
        self.weld_ms = self.weld_ms + STEP_MS if watched else 0
        late = self.weld_ms > 30 + 100 + 3 * STEP_MS
        self.require(not late or commands[f.FAULTS] & f.FAULT_WELD != 0, "weld not found")

    def _offer(self, commands: array[int]) -> None:
        offer_ma = commands[f.SETPOINT + EVSE]
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
        for device in range(f.DEVICES):
            sequence = bench.image.requests[f.MARKET_SEQ + device]
            if bench.hung:  # core hears it when it runs again
                sequence = self.said.get(device, [0])[0]
            last = self.said.setdefault(device, [0, f.AGE_MAX_MS])
            last[:] = [sequence, 0 if sequence != last[0] else last[1] + STEP_MS]
        for order in bench.orders:
            order[0] += STEP_MS

    def _inv8(self, commands: array[int]) -> None:
        requests = self.bench.image.requests
        did = commands[f.SETPOINT : f.SETPOINT + f.DEVICES]
        for device in range(f.DEVICES):
            wished_ms = self.said[device][1]
            expired = wished_ms >= requests[f.MARKET_TTL_MS + device]
            self.require(not expired or did[device] == 0, "INV-8: an expired wish still acts")
        for age_ms, device, low, high, ttl_ms in self.bench.orders:
            holds = ttl_ms < 0 or age_ms < ttl_ms
            self.require(not holds or low <= did[device] <= high, "INV-8: a limit was let go")

    def _inv11(self, commands: array[int]) -> None:
        image = self.bench.image
        soc = image.readings[f.DEVICE_SOC_PERMILLE + INVERTER]
        kept = soc <= image.requests[f.RESERVE_PERMILLE] or self.soc_ms > 120_000
        self.require(
            not kept or commands[f.SETPOINT + INVERTER] >= 0, "INV-11: discharge below reserve"
        )

    def _escalation(self, commands: array[int]) -> None:
        bench = self.bench
        over = (
            bench.current_ma > commands[f.SETPOINT + EVSE] * 11 // 10 + 500
            and "evse" not in bench.lost
        )
        self.overdraw_ms = self.overdraw_ms + STEP_MS if over and not bench.welded else 0
        self.require(self.overdraw_ms <= 6_500, "INV-3: an over-drawing car is not cut off")
