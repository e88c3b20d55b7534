"""An inverter that may disobey, its witnesses, and Core and Guard around it."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from firmware import image as f
from firmware.core import Core
from firmware.guard import Guard
from tests_host.core.builders import healthy, put, wish
from tests_host.fields import EVSE, INVERTER

STEP_MS, TICK_MS = 100, 10
VOLTS = 230
# site: by whom the inverter is seen
OWN, ABOVE, CONTACTOR = "own meter", "circuit above", "contactor"


class Plant:
    """Truth: `w` of the inverter. It follows its setpoint after `response_ms` by `habit`, a
    function of what it was told; its report, the meter and T2's contactor say how it stands,
    each as old as told."""

    def __init__(self, witness: str = ABOVE, age_ms: int = 300, **site: int | tuple[int, ...]):
        gateway = {"TOPOLOGY": 2, "EVSE_NODE": 2, "EVSE_LEGS": 3} if witness == CONTACTOR else {}
        meters = [f.INSTRUMENT_METER, f.INSTRUMENT_POINT, f.INSTRUMENT_DEVICE]
        if witness == OWN:
            meters = [f.INSTRUMENT_NONE, f.INSTRUMENT_POINT, f.INSTRUMENT_METER]
        values = {"NODE_INSTRUMENT": tuple(meters), **gateway, **site}
        self.image = healthy(**values)
        self.site = self.image.site
        self.meter_node = 2 if witness == OWN else 0
        self.core = Core(self.image)
        self.guard = Guard(self.image, self)
        self.pins = 0
        self.age_ms, self.report_age_ms = age_ms, 300
        self.response_ms = self.site[f.DEVICE_RESPONSE_MS + INVERTER]
        self.habit: Callable[[int], float] = lambda told: told
        self.report: Callable[[float], float] = lambda w: w
        self.silent = self.meter_silent = self.ignores_enable = False
        self.house_w = 600.0
        self.w = 0.0
        self.sun_w = 0.0  # on its own DC side, while its terminals are live, or into its battery
        self.suns: deque[float] = deque([0.0] * 400, 400)
        self.told: deque[int] = deque([0] * 400, 400)
        self.past: deque[tuple[float, float]] = deque([(0.0, 600.0)] * 400, 400)
        self.now_ms = 0
        self.off_ms: int | None = None  # since when the enable has been off
        self.noise = 0

    def write_outputs(self, bits: int) -> None:
        self.pins = bits

    @property
    def enabled(self) -> bool:
        return bool(self.pins & f.OUT_ENABLE)

    @property
    def faults(self) -> int:
        return self.image.commands[f.FAULTS]

    def ask(self, w: int) -> None:
        wish(self.image, INVERTER, w, w, 100_000_000)

    def run(self, ms: int, step_ms: int = STEP_MS) -> None:
        """In longer steps where nothing is followed."""
        for _ in range(ms // step_ms):
            live = self.image.live
            live[f.FAST_AGE_MS] = live[f.INPUTS_AGE_MS] = live[f.POINT_PILOT_AGE_MS] = 0
            for _ in range(2):  # of the ten; each acts at once
                self.guard.tick(TICK_MS)
            self._physics()
            self._measure()
            self.image.age(STEP_MS)
            self.image.latch()
            self.core.step(step_ms)
            self.now_ms += step_ms

    def until_off(self, most_ms: int = 30_000) -> int:
        """ms from now until the enable is off; fails if it stays."""
        begun_ms = self.now_ms
        while self.enabled:
            self.run(STEP_MS)
            assert self.now_ms - begun_ms < most_ms, "its enable stays"
        return self.now_ms - begun_ms

    def _physics(self) -> None:
        commands = self.image.commands
        stopped = commands[f.SETPOINT_MODE + INVERTER] == f.MODE_STOP
        self.told.append(0 if self.silent or stopped else commands[f.SETPOINT + INVERTER])
        told = self.told[-1 - self.response_ms // STEP_MS]
        runs = self.enabled or self.ignores_enable
        if self.site[f.DEVICE_OWNS_PILOT + INVERTER] and not self.pins & f.OUT_CONTACTOR:
            runs = False
        self.w = self.habit(told) if runs else 0.0
        self.past.append((self.w, self.house_w))
        self.suns.append(self.sun_w if runs else 0.0)

    def _measure(self) -> None:
        live = self.image.live
        self.noise = (self.noise + 7) % 50
        if not self.silent:
            w, _ = self.past[-1 - self.report_age_ms // STEP_MS]
            put(live, INVERTER_W=round(self.report(w)), INVERTER_AGE_MS=self.report_age_ms)
            live[f.DEVICE_SUN_W + INVERTER] = round(self.suns[-1 - self.report_age_ms // STEP_MS])
            ma = round(self.report(w) * 1000 / VOLTS / 3)
            put(live, INVERTER_MA=(ma, ma, ma))
        if not self.meter_silent:
            w, house_w = self.past[-1 - self.age_ms // STEP_MS]
            w -= self.suns[-1 - self.age_ms // STEP_MS]
            leg_w = (w if self.meter_node == 2 else w + house_w) / 3
            for leg in range(3):
                at = self.meter_node * f.LEGS + leg
                live[f.NODE_W + at] = round(leg_w)
                live[f.NODE_MA + at] = round(leg_w * 1000 / VOLTS) + self.noise
            live[f.NODE_AGE_MS + self.meter_node] = self.age_ms
        closed = bool(self.pins & f.OUT_CONTACTOR)
        put(live, INPUTS=f.IN_CONTACTOR if closed else 0)
        if self.site[f.DEVICE_OWNS_PILOT + INVERTER]:
            ma = round(abs(self.w) * 1000 / VOLTS / 3) if closed else 0
            put(live, POINT_MA=(ma, ma, ma), POINT_FAST_MA=(ma, ma, ma))
        for age in (
            f.INPUTS_AGE_MS,
            f.POINT_MA_AGE_MS,
            f.DEVICE_AGE_MS + EVSE,
            f.FAST_AGE_MS,
            f.GRID_AGE_MS,
            f.HOUSE_AGE_MS,
            f.POINT_PROXIMITY_AGE_MS,
            f.POINT_PILOT_AGE_MS,
            f.DEVICE_SOC_AGE_MS + INVERTER,
            f.CROSSING_AGE_MS,
        ):
            live[age] = 0
