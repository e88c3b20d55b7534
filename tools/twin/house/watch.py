# islet: grid protection of a following source: trip window, active detection, reconnection.
# GPL-3.0-or-later
from __future__ import annotations

from .spec import WatchSpec

NEVER = 1 << 62
NONE = -1
ENTER_V = (0.90, 1.10)  # of nominal, to connect
ENTER_HZ = (0.6, 0.25)  # below and above nominal, to connect


class Watch:
    """Judges the voltage at the terminals. `ready` to connect, `tripped` when it has to leave."""

    def __init__(self, spec: WatchSpec, nominal_hz: float) -> None:
        self.v_low_pu, self.v_high_pu = spec.v_low_pu, spec.v_high_pu
        self.f_low_hz = nominal_hz + spec.f_low_hz
        self.f_high_hz = nominal_hz + spec.f_high_hz
        self.enter_low_hz = nominal_hz - ENTER_HZ[0]
        self.enter_high_hz = nominal_hz + ENTER_HZ[1]
        self.trip_s = spec.trip_s
        self.reconnect_s = spec.reconnect_s
        self.anti_islanding = spec.anti_islanding
        self.detect_s = spec.detect_s
        self.bad_us = NONE  # outside the trip window since
        self.good_us = 0  # inside the window to connect since; the past counts at the start
        self.loose = True  # it was connected at the start: no waiting

    def look(self, now_us: int, low_pu: float, high_pu: float, hz: float, island: bool) -> None:
        """Take the lowest and highest leg, and whether a forming island tells other limits."""
        outside = (
            low_pu < self.v_low_pu
            or high_pu > self.v_high_pu
            or not self.f_low_hz <= hz <= self.f_high_hz
        )
        if not outside:
            self.bad_us = NONE
        elif self.bad_us == NONE:
            self.bad_us = now_us
        high_hz = self.f_high_hz if island else self.enter_high_hz
        if low_pu < ENTER_V[0] or high_pu > ENTER_V[1] or not self.enter_low_hz <= hz <= high_hz:
            self.good_us = NONE
            self.loose = False
        elif self.good_us == NONE:
            self.good_us = now_us

    def tripped(self, now_us: int) -> bool:
        return self.bad_us != NONE and now_us >= self.bad_us + round(self.trip_s * 1e6)

    def ready(self, now_us: int) -> bool:
        wait_us = 0 if self.loose else round(self.reconnect_s * 1e6)
        return self.good_us != NONE and now_us >= self.good_us + wait_us

    def due_us(self, now_us: int, connected: bool) -> int:
        """When the judgement changes if the voltage stays as it is."""
        if connected:
            due = NEVER if self.bad_us == NONE else self.bad_us + round(self.trip_s * 1e6)
        else:
            due = NEVER if self.good_us == NONE else self.good_us + round(self.reconnect_s * 1e6)
        return due if due > now_us else NEVER
