# islet: a charging point behind a late meter: what the panel is shown, and what is true.
# GPL-3.0-or-later
"""Panel and Limits alone, on CPython, with a car that reacts and ramps and instruments of five
kinds. Truth in A and s; a step is a control cycle."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from firmware import image as f
from firmware.core.limits.arbiter import Limits
from firmware.core.panel.tree import Panel
from tests_host.core.builders import healthy, put, wish
from tests_host.fields import EVSE

STEP_MS = 100
FINE_MS = 20
POLL_MS = 250
ANSWER_MS = 80  # from request to answer
SAMPLE_MS = 200  # what the profile adds to an age
VOLTS = 230
OVER, OVER_A = 1.03, 0.3  # the referee's
WORST_AGE_S = 2.0
MEAN_MS = 320  # of a metering chip
GROWN_S = 60
LEARNING_S = (0.2, 0.5, 1.0, 2.0, None)  # registers' period of five meters; None: a chip


@dataclass
class Car:
    reaction_s: float = 1.0
    start_s: float = 1.0
    up_a_per_s: float = 2.0
    down_a_per_s: float = 20.0
    legs: int = 1
    most_a: float = 16.0
    amps: float = 0.0
    seen_a: float = 0.0
    offer_a: float = 0.0
    react_s: float = -1.0
    live_s: float = -1.0

    def step(self, offer_a: float, closed: bool, dt_s: float) -> None:
        if offer_a != self.offer_a:
            self.offer_a = offer_a
            if self.react_s < 0:
                self.react_s = self.reaction_s
        if self.react_s >= 0:
            self.react_s -= dt_s
            if self.react_s <= 0:
                self.seen_a, self.react_s = self.offer_a, -1.0
        self.live_s = self.live_s + dt_s if closed else -1.0
        if not closed:
            self.amps = 0.0
            return
        want = min(self.seen_a, self.most_a) if self.live_s >= self.start_s else 0.0
        if want > self.amps:
            self.amps = min(want, max(self.amps, min(6.0, want)) + self.up_a_per_s * dt_s)
        elif want < self.amps:
            self.amps = max(want, self.amps - self.down_a_per_s * dt_s)
            if self.amps < 6.0:
                self.amps = want


@dataclass
class Late:
    """One house. `update_s` of the meter's registers, or None for a metering chip's means."""

    car: Car = field(default_factory=Car)
    update_s: float | None = 0.5
    rating_a: float = 25.0
    response_s: float = 5.0
    pause_s: float = 300.0
    phase_ms: int = 0  # of the meter's clock
    gain: float = 1.0
    spoil: Callable[[Late], None] | None = None

    def __post_init__(self) -> None:
        instrument = f.INSTRUMENT_CT if self.update_s is None else f.INSTRUMENT_METER
        self.image = healthy(
            NODE_COUNT=2,
            NODE_PARENT=(-1, 0),
            NODE_RATING_MA=(round(self.rating_a * 1000), 20_000),
            NODE_INSTRUMENT=(instrument, f.INSTRUMENT_POINT),
            EVSE_NODE=1,
            EVSE_LEGS=self.car.legs,
            EVSE_MAX_MA=16_000,
            EVSE_PAUSE_MS=round(self.pause_s * 1000),
            EVSE_RESPONSE_MS=round(self.response_s * 1000),
            INVERTER_NODE=-1,
        )
        self.limits = Limits(self.image)
        self.panel = Panel(self.image, self.limits)
        put(self.image.commands, POINT_PILOT_STATE=f.PILOT_C, POINT_CABLE_MA=32_000)
        wish(self.image, EVSE, 0, 16_000, ttl_ms=f.AGE_MAX_MS)
        for device in range(f.DEVICES):
            self.limits.claim(f.GRID_CODE, device, -100_000, 100_000, f.REASON_NONE)
        self.load_a = 1.0
        self.closed = False
        self.emptying_ms = -1
        self.openings = self.overdue = 0
        self.now_ms = 0
        self.over_s = self.worst_over_s = 0.0
        self.frozen_found = False
        self.silent = False
        self.registers = 0.0
        self.register_ms = self.shown_from_ms = self.worst_age_ms = 0
        self.asked: tuple[int, float, int] | None = None  # when, its registers, of when they are
        self.ripple = 0
        self.trail: deque[float] = deque(maxlen=MEAN_MS // FINE_MS)
        self.ring: deque[float] = deque(maxlen=STEP_MS // FINE_MS)
        if self.spoil:
            self.spoil(self)

    @property
    def offer_a(self) -> float:
        return self.image.commands[f.SETPOINT + EVSE] / 1000

    def run(self, seconds: float, each: Callable[[], None] | None = None) -> Late:
        for _ in range(round(seconds * 1000 / STEP_MS)):
            for _ in range(STEP_MS // FINE_MS):
                self._truth()
            self._step()
            if each:
                each()
        return self

    def _truth(self) -> None:
        self.now_ms += FINE_MS
        self.car.step(self.offer_a, self.closed, FINE_MS / 1000)
        flow = self.load_a + self.car.amps
        self.trail.append(flow)
        self.ring.append(self.car.amps)
        if self.update_s is None:
            if (self.now_ms + self.phase_ms) % MEAN_MS < FINE_MS:
                self._sample(sum(self.trail) / len(self.trail))
                self._publish(self.registers, 0, self.now_ms - MEAN_MS)
            return
        if (self.now_ms + self.phase_ms) % max(FINE_MS, round(self.update_s * 1000)) < FINE_MS:
            self._sample(flow)
        if self.silent:
            return
        if self.now_ms % POLL_MS < FINE_MS:
            self.asked = (self.now_ms, self.registers, self.register_ms)
        if self.asked and self.now_ms >= self.asked[0] + ANSWER_MS:
            self._publish(self.asked[1], ANSWER_MS + SAMPLE_MS, self.asked[2])
            self.asked = None

    def _sample(self, flow: float) -> None:
        self.ripple = (self.ripple + 7) % 50  # a living meter never stands still
        self.registers = flow * self.gain + self.ripple / 1000
        self.register_ms = self.now_ms

    def _publish(self, flow: float, age_ms: int, of_ms: int) -> None:
        live = self.image.live
        if self.now_ms > 20_000:  # until a new one came, the old one was so old
            self.worst_age_ms = max(self.worst_age_ms, self.now_ms - self.shown_from_ms)
        self.shown_from_ms = of_ms
        for leg in range(self.car.legs):  # a balanced house
            live[f.NODE_MA + leg] = round(flow * 1000)
            live[f.NODE_W + leg] = round(flow * VOLTS)
        live[f.NODE_AGE_MS] = age_ms

    def _step(self) -> None:
        image = self.image
        drawn_ma = round(1000 * sum(self.ring) / len(self.ring))
        for leg in range(self.car.legs):
            image.live[f.DEVICE_MA + EVSE * f.LEGS + leg] = image.live[f.NODE_MA + 3 + leg] = (
                drawn_ma
            )
        image.live[f.DEVICE_AGE_MS + EVSE] = image.live[f.NODE_AGE_MS + 1] = 0
        image.live[f.GRID_AGE_MS] = image.live[f.INPUTS_AGE_MS] = 0
        image.age(STEP_MS)
        image.latch()
        self.panel.step(STEP_MS)
        self.limits.step(STEP_MS)
        self._contactor()
        reason = image.commands[f.CLAIM_REASON + f.PANEL * f.DEVICES + EVSE]
        stale = reason == f.REASON_METER_STALE
        self.frozen_found = self.frozen_found or (
            stale and self.now_ms > 2_000 and not self.silent
        )
        mine = self.car.amps > 0.5
        over = self.load_a + self.car.amps > self.rating_a * OVER + OVER_A
        self.over_s = self.over_s + STEP_MS / 1000 if mine and over else 0.0
        self.worst_over_s = max(self.worst_over_s, self.over_s)

    def _contactor(self) -> None:
        """Zero first, for 6 s at most; at once when the car is overdue."""
        if not self.closed:
            self.closed = self.offer_a >= 6
            return
        if self.image.commands[f.DEVICE_OVERDUE + EVSE]:
            self.overdue += 1
            self._open()
        elif self.offer_a > 0:
            self.emptying_ms = -1
        elif self.emptying_ms < 0:
            self.emptying_ms = 0
        else:
            self.emptying_ms += STEP_MS
            if self.car.amps < 1 or self.emptying_ms > 6_000:
                self._open()

    def _open(self) -> None:
        self.closed, self.emptying_ms = False, -1
        self.openings += 1

    def within(self) -> bool:
        """INV-3: the measurement's age, 2 s unless its own is more, 100 ms and the response."""
        age_s = max(WORST_AGE_S, self.worst_age_ms / 1000)
        return self.worst_over_s <= age_s + 0.1 + self.response_s + 0.001


def learned(update_s: float | None, reaction_s: float) -> tuple[int, int, int, float]:
    """LEARNED_AGE_MS, the true worst age, LEARNED_RESPONSE_MS, the true response in ms, after
    five steps down and up."""
    car = Car(reaction_s=reaction_s, up_a_per_s=20)
    house = Late(car, update_s, pause_s=5.0).run(GROWN_S)
    for i in range(5):
        house.load_a = 16.0
        house.run(12 + 0.37 * i)
        house.load_a = 22.0
        house.run(12)
        house.load_a = 1.0
        house.run(60)
    commands = house.image.commands
    true_ms = reaction_s * 1000 + (16 - 9) / 20 * 1000
    age_ms, response_ms = commands[f.LEARNED_AGE_MS], commands[f.LEARNED_RESPONSE_MS]
    return age_ms, house.worst_age_ms, response_ms, true_ms


def all_learned(reaction_s: float) -> Iterator[tuple[str, int, int, int, float]]:
    """Each meter's name and what `learned` says of it."""
    for update_s in LEARNING_S:
        name = "metering chip" if update_s is None else f"registers of {update_s:g} s"
        yield name, *learned(update_s, reaction_s)
