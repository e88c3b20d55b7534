# islet: the bidirectional inverter: follows a setpoint, forms an island, protects itself.
# GPL-3.0-or-later
from __future__ import annotations

from .car import Car
from .field import wires
from .obedience import Obedience
from .point import Point
from .spec import ConverterSpec
from .storage import Battery
from .watch import Watch
from .ways import Ways

NEVER = 1 << 62
DEAD_PU = 0.1
COLLAPSE_US = 20_000
SHORT_US = 2_000  # beyond twice the surge its transistors switch off
SHIFT_HZ_PER_S = 0.5
SHIFT_STEP_US = 100_000
MODES = ("off", "follow", "form")


class Inverter:
    """Load convention: + W charges. Write by the methods, read the attributes.

    Measured: w, a (per leg, sign of the power), v (per leg), hz, soc_percent, wh, charged_wh,
    discharged_wh. State: mode ("off", "follow", "form"), connected (its AC relay), plugged,
    fault ("" or its name), charge_max_w and discharge_max_w (possible now), setpoint_w (in force;
    `obeys` says what it makes of it), boots (how often it has started).
    """

    def __init__(
        self,
        spec: ConverterSpec,
        at: int,
        legs: int,
        nominal: tuple[float, float],
        point: Point | None,
        car: Car | None,
    ) -> None:
        self.kind, self.name, self.at = "converter", spec.name, at  # its circuit
        self.point = point  # whose contactor lies in its circuit
        self.wire = spec.enable  # output of the board
        self.enable_cut = False  # its enable's wire is broken
        self.nominal_v, self.nominal_hz = nominal
        self.legs = wires(spec.legs, legs)
        self.charge_w, self.discharge_w = spec.charge_w, spec.discharge_w
        self.response_s = spec.response_s
        self.ramp_w_per_s = spec.ramp_w_per_s
        self.efficiency = spec.efficiency
        self.min_soc_percent, self.max_soc_percent = spec.min_soc_percent, spec.max_soc_percent
        self.enable_ms, self.stop_ms = spec.enable_ms, spec.stop_ms
        self.heartbeat_s = spec.heartbeat_s
        self.can_form = spec.can_form
        self.form_delay_s, self.soft_start_s = spec.form_delay_s, spec.soft_start_s
        self.form_ohm = spec.form_ohm
        self.overload_pu, self.overload_s = spec.overload_pu, spec.overload_s
        self.surge_pu, self.retry_s = spec.surge_pu, spec.retry_s
        self.shift_hz = spec.shift_hz
        self.bonds_itself = spec.bonds_itself
        self.watch = Watch(spec.watch, self.nominal_hz)
        self.car = car  # behind a gateway
        self.battery = car if car else Battery(spec.capacity_kwh, spec.soc_percent)
        # faults for scenarios
        self.obeys = Obedience(spec.overshoot_s)
        self.ways = Ways()
        self.family = spec.family
        self.forms_unasked = False
        self.form_l1_pu = self.form_l2_pu = self.form_l3_pu = 1.0  # of nominal, what it forms
        self.form_off_hz = 0.0
        self.ignores_enable = False
        self.can_detect = spec.watch.anti_islanding
        self.told_to_detect = True  # 704.AntiIslEna
        self.soc_told_percent: float | None = None  # None: as it is
        # commands
        self.now_us = 0
        self.touched = False
        self.operating = True
        self.enabled = False  # the hard-wired enable as it arrives
        self.forming_allowed = False
        self.requested_w = 0.0
        self.request_enabled = False
        self.revert_w: float | None = 0.0
        self.revert_us = NEVER
        self.reverted = False
        self.beat_us = 0
        self.respond_us = NEVER
        self.stop_us = NEVER
        # state
        self.mode = "off"
        self.connected = False
        self.fault = ""
        self.fault_us = NEVER
        self.setpoint_w = 0.0
        self.in_force: float | None = None  # the same, None in its own mode
        self.boots = 0
        self.goal_w = 0.0  # ramps to the setpoint
        self.dead_us = 0  # terminals dead since, NEVER when live
        self.form_us = 0  # began to form
        self.form_hz = self.nominal_hz
        self.over_us = NEVER  # overloaded since
        self.due_us = NEVER
        self.moving = False
        # measured
        self.w = 0.0
        self.flow: tuple[complex, ...] = (0j, 0j, 0j)
        self.a: tuple[float, ...] = (0.0, 0.0, 0.0)
        self.v: tuple[float, ...] = (0.0, 0.0, 0.0)
        self.hz = 0.0
        self.charged_wh = self.discharged_wh = self.dead_grid_wh = 0.0

    # --- what the bus writes ----------------------------------------------------------------

    def write_setpoint(
        self, w: float, enable: bool, revert_w: float | None, revert_s: float
    ) -> None:
        """Ask for w (load convention); after revert_s without another write it takes revert_w
        (None: its own mode; 0 s: never)."""
        changed = (w, enable) != (self.requested_w, self.request_enabled)
        self.requested_w, self.request_enabled = float(w), bool(enable)
        if self.obeys.returns_s is not None:
            revert_s = self.obeys.returns_s
        self.revert_w = revert_w
        self.revert_us = self.now_us + round(revert_s * 1e6) if enable and revert_s > 0 else NEVER
        if (changed or self.reverted) and self.respond_us == NEVER:
            self.respond_us = self.now_us + round(self.response_s * 1e6)
        self.reverted = False
        self.touched = True

    def operate(self, action: str) -> None:
        """ "start" or "stop"."""
        if action not in ("start", "stop"):
            raise ValueError(f"{self.name}.operate: {action!r}, allowed 'start', 'stop'")
        self.operating = action == "start"
        self.touched = True

    def allow_forming(self, allowed: bool) -> None:
        """Let it form an island when its terminals are dead; False ends one."""
        self.forming_allowed = bool(allowed)
        self.touched = True

    def detect(self, can: bool | None = None, told: bool | None = None) -> None:
        """Active detection of an island: whether it can, whether it is told to."""
        self.can_detect = self.can_detect if can is None else can
        self.told_to_detect = self.told_to_detect if told is None else told
        self.watch.anti_islanding = self.can_detect and self.told_to_detect
        self.touched = True

    def restart(self) -> None:
        """Off and on again: what it was told is forgotten."""
        self._leave()
        self.requested_w, self.request_enabled = 0.0, False
        self.revert_us = self.respond_us = NEVER
        self.reverted = self.forming_allowed = False
        self.operating = True
        self.fault, self.fault_us = "", NEVER
        self.beat_us = self.now_us
        self._force(self.now_us, None)
        self.watch.good_us, self.watch.loose = -1, False
        self.boots += 1
        self.detect(told=True)

    def controller_heartbeat(self) -> None:
        self.beat_us = self.now_us
        self.touched = True

    def alarm_reset(self) -> None:
        self.fault, self.fault_us = "", NEVER
        self.touched = True

    # --- limits -----------------------------------------------------------------------------

    @property
    def plugged(self) -> bool:
        return self.car is None or (self.car.plugged and self.car.mated)

    @property
    def soc_percent(self) -> float:
        return self.battery.soc_percent

    @property
    def wh(self) -> float:
        return self.battery.wh

    @property
    def charge_max_w(self) -> float:
        """What it can draw now: falls over the last 5 % to a tenth, then to nothing."""
        room = self.max_soc_percent - self.battery.soc_percent
        if not self.plugged or room <= 0:
            return 0.0
        return self.charge_w * min(1.0, max(0.1, room / 5))

    @property
    def discharge_max_w(self) -> float:
        empty = self.battery.soc_percent <= self.min_soc_percent
        return 0.0 if empty or not self.plugged else self.discharge_w

    def limit_a(self) -> float:
        """Most current per leg while following."""
        return 1.1 * max(self.charge_w, self.discharge_w) / len(self.legs) / self.nominal_v

    def drawn_w(self) -> float:
        """What it takes per leg now, of given power: while following."""
        return self.goal_w / len(self.legs) if self.mode == "follow" else 0.0

    # --- physics, called by the house -------------------------------------------------------

    def wire_enable(self, level: bool) -> None:
        self.enabled = level

    def permitted(self) -> bool:
        enabled = self.enabled or self.ignores_enable
        able = self.operating and not self.fault and not self.ways.asleep
        return enabled and able and self.plugged

    def step(self, now_us: int, dt_us: int) -> None:
        """Timers, mode and ramp; the terminals were given by `see`."""
        self.now_us = now_us
        if now_us >= self.fault_us:
            self.fault, self.fault_us = "", NEVER
        self._timers(now_us)
        self._mode(now_us)
        self._ramp(dt_us)
        self._plan(now_us)

    def _timers(self, now_us: int) -> None:
        if now_us >= self.revert_us:
            self.revert_us = NEVER
            if not self.obeys.ignores_revert:
                self.reverted = True
                self._force(now_us, self.revert_w)
                self.respond_us = NEVER
        if now_us >= self.respond_us:
            self.respond_us = NEVER
            if not self.obeys.ignores_setpoint:
                self._force(now_us, self.requested_w if self.request_enabled else None)
        if self.heartbeat_s and now_us >= self.beat_us + round(self.heartbeat_s * 1e6):
            self._force(now_us, 0.0)

    def _force(self, now_us: int, w: float | None) -> None:
        """A setpoint comes into force, or none."""
        if w != self.in_force:
            self.in_force, self.setpoint_w = w, w or 0.0
            self.obeys.take(now_us, w)

    def _mode(self, now_us: int) -> None:
        permitted = self.permitted()
        if self.mode != "off":
            forming = self.mode == "form"
            wanted = permitted and (self.forming_allowed or self.forms_unasked or not forming)
            if wanted:
                self.stop_us = NEVER
            elif self.stop_us == NEVER:
                quick = not (self.enabled or self.ignores_enable)
                self.stop_us = now_us + round(1000 * (self.enable_ms if quick else self.stop_ms))
            if (
                now_us >= self.stop_us
                or (not forming and self.watch.tripped(now_us))
                or (forming and self.battery.soc_percent <= self.min_soc_percent)
            ):
                self._leave()
        elif permitted and self.watch.ready(now_us):
            self.mode, self.connected = "follow", True
            self.goal_w = 0.0
            if self.obeys.forgets:
                self.request_enabled = False
                self.respond_us = self.revert_us = NEVER
                self._force(now_us, None)
        elif permitted and self._may_form(now_us):
            self.mode, self.connected = "form", True
            self.form_us, self.form_hz = now_us, self.nominal_hz
            self.over_us = NEVER

    def _may_form(self, now_us: int) -> bool:
        ready = self.can_form and (self.forming_allowed or self.forms_unasked)
        dead = self.dead_us != NEVER and now_us >= self.dead_us + round(self.form_delay_s * 1e6)
        return ready and dead and self.battery.soc_percent > self.min_soc_percent

    def _leave(self) -> None:
        self.mode, self.connected = "off", False
        self.goal_w = 0.0
        self.stop_us = self.over_us = NEVER

    def fail(self, fault: str) -> None:
        """Stop at once with a fault of its own."""
        self._leave()
        self.fault = fault
        self.fault_us = self.now_us + round(self.retry_s * 1e6) if self.retry_s else NEVER

    def _ramp(self, dt_us: int) -> None:
        if self.mode != "follow":
            self.moving = self.mode == "form" and self.soft() < 1
            return
        want = self.obeys.goal(self.now_us)
        if self.obeys.stuck_w is None:
            want = max(-self.discharge_max_w, min(self.charge_max_w, want))
        step = self.ramp_w_per_s * dt_us * 1e-6 if self.moving else 0.0  # the past stood still
        self.goal_w += max(-step, min(step, want - self.goal_w))
        self.moving = self.goal_w != want

    def soft(self) -> float:
        """Voltage of the black start, 0…1."""
        return min(1.0, (self.now_us - self.form_us) / (self.soft_start_s * 1e6) + 0.001)

    def _plan(self, now_us: int) -> None:
        connected = self.mode == "follow"
        due = min(
            self.revert_us,
            self.respond_us,
            self.stop_us,
            self.fault_us,
            self.obeys.due_us(now_us),
            self.watch.due_us(now_us, connected),
        )
        if self.mode == "off" and self.dead_us != NEVER:
            start_us = self.dead_us + round(self.form_delay_s * 1e6)
            if start_us > now_us:
                due = min(due, start_us)
        if self.heartbeat_s and (beat_us := self.beat_us + round(self.heartbeat_s * 1e6)) > now_us:
            due = min(due, beat_us)
        if self.over_us != NEVER:
            due = min(due, self._collapse_us())
        if self.mode == "form" and self.form_hz != self._form_goal_hz():
            due = min(due, now_us + SHIFT_STEP_US)
        self.due_us = due

    def _collapse_us(self) -> int:
        over = self._overload()
        if over >= 2 * self.surge_pu:
            return self.over_us + SHORT_US
        wait_us = COLLAPSE_US if over >= self.surge_pu else round(self.overload_s * 1e6)
        return self.over_us + wait_us

    def _overload(self) -> float:
        rated_a = max(self.charge_w, self.discharge_w) / len(self.legs) / self.nominal_v
        return max(abs(a) for a in self.a) / rated_a

    def see(self, now_us: int, volts: tuple[float, ...], hz: float, island: bool) -> None:
        """Terminal voltages after the network has settled; `island`: an island is formed here."""
        used = [volts[k] for k in self.legs]
        low, high = min(used) / self.nominal_v, max(used) / self.nominal_v
        self.v, self.hz = volts, hz if high > DEAD_PU else 0.0
        if self.mode == "form":
            self.dead_us = NEVER
            self._guard_form(now_us)
        else:
            self.watch.look(now_us, low, high, hz, island)
            if high >= DEAD_PU:
                self.dead_us = NEVER
            elif self.dead_us == NEVER:
                self.dead_us = now_us
        self._plan(now_us)

    def _guard_form(self, now_us: int) -> None:
        """Overload, and more power coming in than it can take: shift frequency, then give up."""
        over = self._overload()
        if over < self.overload_pu:
            self.over_us = NEVER
        elif self.over_us == NEVER:
            self.over_us = now_us
        if self.over_us != NEVER and now_us >= self._collapse_us():
            self.fail("overload")
            return
        goal = self._form_goal_hz()
        step = SHIFT_HZ_PER_S * SHIFT_STEP_US * 1e-6
        if self.form_hz != goal:
            self.form_hz += max(-step, min(step, goal - self.form_hz))

    def _form_goal_hz(self) -> float:
        """Up when more power comes in than it can take."""
        excess = self.w > self.charge_max_w + 1
        return self.nominal_hz + self.form_off_hz + (self.shift_hz if excess else 0.0)

    def form_pu(self) -> tuple[float, float, float]:
        """Of nominal, by leg, black start included."""
        soft = self.soft()
        return soft * self.form_l1_pu, soft * self.form_l2_pu, soft * self.form_l3_pu

    def report(self) -> tuple[float, tuple[float, ...]]:
        """Power and current of each leg, of the house, as it says."""
        if self.mode != "follow" or not self.obeys.lies:
            return self.w, self.a
        w = self.requested_w if self.request_enabled else 0.0
        leg_w = w / len(self.legs)
        amps = [leg_w / v if k in self.legs and v > 1 else 0.0 for k, v in enumerate(self.v)]
        return w, tuple(amps)

    def store(self, dt_us: int) -> None:
        """Account for dt_us at the present power."""
        wh = self.w * dt_us / 3.6e9
        if wh > 0:
            self.charged_wh += wh
            wh *= self.efficiency
        elif wh < 0:
            self.discharged_wh -= wh
            wh /= self.efficiency
        battery = self.battery
        battery.wh = min(battery.capacity_wh, max(0.0, battery.wh + wh))
