# islet: a house whose loads overload its service, with a car and a battery, behind a late meter.
# GPL-3.0-or-later
"""Panel and Limits alone, on CPython; the truth is kept apart from what they are shown."""

from __future__ import annotations

from collections import deque

from firmware import image as f
from firmware.core.limits.arbiter import OPEN, Limits
from firmware.core.panel.tree import Panel
from tests_host.core.builders import healthy, make_fresh, put, wish
from tests_host.fields import EVSE, INVERTER

STEP_MS = 100
VOLTS = 230
SERVICE_MA = 25_000
OTHERS_MA = 500  # on L2 and L3
METER_MS, LATE_MS, SAMPLE_MS = 1_000, 300, 200
RESPONSE_MS = 500
FOREVER_MS = 1_000_000_000


class House:
    """All on L1 alone, but for the battery where it has three legs."""

    def __init__(self, relieves: int = 1, legs: int = 1, **site: int) -> None:
        self.image = healthy(
            NODE_RATING_MA=(SERVICE_MA, 20_000, 20_000),
            NODE_NEUTRAL_MA=(3 * SERVICE_MA, 0, 0),  # see test_neutral.py
            INVERTER_LEGS=legs,
            **{f"INVERTER_{way}_W": 3_000 * legs for way in ("CHARGE", "DISCHARGE")},
            **site,
        )
        put(self.image.site, **{f"DEVICE_RELIEVES[{INVERTER}]": relieves})
        self.legs = legs
        self.limits = Limits(self.image)
        self.panel = Panel(self.image, self.limits)
        self.load_ma = 3_000
        self.car_ma = self.battery_ma = 0
        self.plugged = False
        self.soc_age_ms = self.meter_age_ms = 0  # silent for so long
        self.grid_low_w = -OPEN  # the grid code's claim
        self.now_ms = 0
        self._orders: deque[tuple[int, int]] = deque([(0, 0)] * (RESPONSE_MS // STEP_MS))
        self._flows = deque([(0, [0] * f.LEGS)])  # when, mA

    def goal(self, watts: int, car_ma: int = 0) -> None:
        wish(self.image, INVERTER, watts, watts, FOREVER_MS)
        wish(self.image, EVSE, 0, car_ma, FOREVER_MS)

    @property
    def flow_ma(self) -> int:
        """Through the service, on L1."""
        return self.load_ma + self.car_ma + self.battery_ma

    @property
    def flows_ma(self) -> list[int]:
        """Of all legs; a living meter never stands still."""
        others_ma = [OTHERS_MA + (self.battery_ma if leg < self.legs else 0) for leg in (1, 2)]
        return [ma + self.now_ms // METER_MS * 7 % 40 for ma in (self.flow_ma, *others_ma)]

    @property
    def setpoint_w(self) -> int:
        return self.image.commands[f.SETPOINT + INVERTER]

    @property
    def claim(self) -> tuple[int, int, int]:
        """Reason, node, leg of the owner's goal."""
        slot = f.MARKET * f.DEVICES + INVERTER
        commands = self.image.commands
        return tuple(  # type: ignore[return-value]
            commands[at + slot] for at in (f.CLAIM_REASON, f.CLAIM_NODE, f.CLAIM_LEG)
        )

    def run(self, seconds: float) -> House:
        for _ in range(round(seconds * 1_000 / STEP_MS)):
            self.step()
        return self

    def step(self) -> None:
        self.now_ms += STEP_MS
        commands = self.image.commands
        self._orders.append((commands[f.SETPOINT + EVSE], self.setpoint_w))
        offer_ma, watts = self._orders.popleft()
        self.car_ma = offer_ma if self.plugged else 0
        self.battery_ma = watts * 1_000 // VOLTS // self.legs
        if self.now_ms % METER_MS == 0:
            self._flows.append((self.now_ms, self.flows_ma))
        while len(self._flows) > 1 and self._flows[1][0] <= self.now_ms - LATE_MS:
            self._flows.popleft()
        self._show()
        for device in (EVSE, INVERTER):
            low_w = self.grid_low_w if device == INVERTER else -OPEN
            self.limits.claim(f.GRID_CODE, device, low_w, OPEN, f.REASON_NONE)
        self.panel.step(STEP_MS)
        self.panel.witness.narrow()
        self.limits.step(STEP_MS)

    def _show(self) -> None:
        readings = self.image.readings
        make_fresh(readings)
        at_ms, flows_ma = self._flows[0]
        readings[f.NODE_AGE_MS] = self.meter_age_ms or self.now_ms - at_ms + SAMPLE_MS
        for leg in range(f.LEGS):
            readings[f.NODE_MA + leg] = flows_ma[leg]
            readings[f.NODE_W + leg] = readings[f.NODE_MA + leg] * VOLTS // 1_000
        for k in range(self.legs):
            readings[f.DEVICE_MA + INVERTER * f.LEGS + k] = self.battery_ma
        readings[f.DEVICE_W + INVERTER] = self.battery_ma * VOLTS // 1_000 * self.legs
        readings[f.DEVICE_MA + EVSE * f.LEGS] = self.car_ma
        readings[f.DEVICE_SOC_AGE_MS + INVERTER] = self.soc_age_ms
        pilot = f.PILOT_C if self.plugged else f.PILOT_A
        put(self.image.commands, POINT_PILOT_STATE=pilot, POINT_CABLE_MA=32_000)
        put(self.image.commands, POINT_CONTACTOR_STATE=f.CONTACTOR_CLOSED)
