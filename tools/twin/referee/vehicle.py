# islet: the referee's rules for the vehicle's side.
# GPL-3.0-or-later
from __future__ import annotations

from collections.abc import Iterable

from tools.twin.referee.bounds import BOUNDS
from tools.twin.referee.case import Case, Device
from tools.twin.referee.rule import Moment, Rule, Since, Truth, Wrong, number

OPEN_S = BOUNDS["left_c_d_ms"] / 1000
PROTECTION_S = 0.150  # the hardware breaks the coil by itself; a contactor is declared ≤ 60 ms
EMPTYING_S = BOUNDS["emptying_ms"] / 1000  # a forced opening under load
GATEWAY_S = 2.0 + EMPTYING_S + 1.0  # report at most 2 s old (INV-4), then zero current first
CABLE_OHM = (75.0, 2200.0)  # a resistor outside is no known cable (IEC Type 2, facts PHX)
LEAST_A = 1.0  # an opening below is not "under load"


def right_lost(case: Case, car: str, now: Truth, t_s: float) -> tuple[str, float]:
    """Why a charging point's contactor may not be closed now, empty if it may (INV-1), and within
    how many seconds it must be open."""
    state = now[f"{car}.state"] if car else "A"
    if state not in ("C", "D"):
        return f"the car is in {state}", OPEN_S
    if state == "D" and not now["ventilation"]:
        return "the car is in D without ventilation", BOUNDS["unventilated_ms"] / 1000
    if not case.setting(f"{car}.diode", t_s):
        return "the pilot has no diode", BOUNDS["diode_lost_ms"] / 1000
    return "", OPEN_S


class ContactorRight(Rule):
    inv = "INV-1 INV-2"
    title = "contactor closed without right, or opened late"
    text = (
        "T1: closed main contacts need the car in C, or in D with ventilation, and its diode. "
        "They are open within 100 ms of its end. Closing later than that is a closing without "
        "right. A contactor that the scenario welds is not the firmware's fault."
    )

    def __init__(self, case: Case) -> None:
        super().__init__(case)
        self._rows = [(p, Since()) for p in case.points if not p.gateway]
        self._closed_late: set[str] = set()

    def look(self, m: Moment) -> Iterable[Wrong]:
        for point, lost in self._rows:
            yield from self._judge(m, point, lost)

    def _judge(self, m: Moment, point: Device, lost: Since) -> Iterable[Wrong]:
        name, who, late = point.name, self.case.who(point.name), self._closed_late
        why, open_s = right_lost(self.case, point.car, m.now, m.t_s)
        lost_s = lost.see(m.t_us, bool(why))
        if not m.now[f"{name}.closed"] or not why:
            late.discard(name)
            return
        if self.case.welded(name, m.t_s):
            return
        if not m.before[f"{name}.closed"] and lost_s > open_s:
            late.add(name)
        if name in late:
            yield Wrong(f"closed {name}", f"{who}contactor closed although {why}")
        else:
            yield Wrong(f"late {name}", f"{who}contactor still closed although {why}", open_s)


class ContactorProtection(Rule):
    inv = "INV-1"
    title = "contactor closed against a protective function or an unknown cable"
    text = (
        "Emergency stop, RCD and over-temperature break the coil in hardware: main contacts "
        "closed 150 ms later were held by nobody's right. A cable whose resistor is no known one "
        "has no rating: nothing closes on it."
    )

    def look(self, m: Moment) -> Iterable[Wrong]:
        low, high = CABLE_OHM
        for point in self.case.points:
            at = point.name
            if not m.now[f"{at}.closed"] or self.case.welded(at, m.t_s):
                continue
            for name in ("estop", "rcd", "overtemp"):
                if m.now[name]:
                    text = f"{self.case.who(at)}contactor closed with {name} active"
                    yield Wrong(f"{name} {at}", text, PROTECTION_S)
            if point.gateway or not point.car or m.before[f"{at}.closed"]:
                continue
            ohm = self.case.setting(f"{point.car}.proximity_ohm", m.t_s)
            if not low <= ohm <= high:
                who = self.case.who(at)
                text = f"{who}contactor closed on a cable of {ohm:g} ohm, no known one"
                yield Wrong(f"cable {at}", text)


class GatewayContactor(Rule):
    inv = "INV-1"
    title = "gateway's contactor closed without a car, or with a fault"
    text = (
        "T2: the contactor may be closed while the device reports a car connected and no fault. "
        "The report may be 2 s old, and emptying before opening may take 6 s."
    )

    def look(self, m: Moment) -> Iterable[Wrong]:
        for device in self.case.converters:
            name = device.name
            if not device.contactor or not m.now[f"{device.contactor}.closed"]:
                continue
            if device.car and not m.now[f"{device.car}.plugged"]:
                who = self.case.who(device.contactor)
                text = f"{who}contactor closed, and no car at the gateway"
                yield Wrong(f"car {name}", text, GATEWAY_S)
            elif fault := m.now[f"{name}.fault"]:
                who = self.case.who(device.contactor)
                text = f"{who}contactor closed, and the gateway's fault is {fault!r}"
                yield Wrong(f"fault {name}", text, GATEWAY_S)


class Pulled(Rule):
    inv = "INV-2"
    title = "power pins parted under voltage"
    text = "The pilot's pin breaks first; the contacts must be open before the power pins part."

    def look(self, m: Moment) -> Iterable[Wrong]:
        for device in self.case.devices:
            field = f"{device.car}.parted_live"
            if not device.car or number(m.now, field) <= number(m.before, field):
                continue
            if not device.contactor or not self.case.welded(device.contactor, m.t_s):
                yield Wrong(f"parted {device.car}", "power pins parted while they carried voltage")


class UnderLoad(Rule):
    inv = "INV-2"
    title = "contactor opened under load"
    text = "Zero current first, then open, unless a fault leaves no time: told with its current."
    alarm = True

    def look(self, m: Moment) -> Iterable[Wrong]:
        for name in (p.name for p in self.case.points):
            if number(m.now, f"{name}.openings") > number(m.before, f"{name}.openings"):
                amps = number(m.now, f"{name}.opened_a")
                if amps >= LEAST_A:
                    who = self.case.who(name)
                    yield Wrong(f"opened {name}", f"{who}contactor opened under {amps:.1f} A")


RULES = (ContactorRight, ContactorProtection, GatewayContactor, Pulled, UnderLoad)
