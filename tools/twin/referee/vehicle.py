# islet: the referee's rules for the vehicle's side.
# GPL-3.0-or-later
from __future__ import annotations

from collections.abc import Iterable

from tools.twin.referee.bounds import BOUNDS
from tools.twin.referee.case import Case
from tools.twin.referee.rule import Moment, Rule, Since, Truth, Wrong, number

OPEN_S = BOUNDS["left_c_d_ms"] / 1000
PROTECTION_S = 0.150  # the hardware breaks the coil by itself; a contactor is declared ≤ 60 ms
EMPTYING_S = BOUNDS["emptying_ms"] / 1000  # a forced opening under load
GATEWAY_S = 2.0 + EMPTYING_S + 1.0  # report at most 2 s old (INV-4), then zero current first
CABLE_OHM = (75.0, 2200.0)  # a resistor outside is no known cable (IEC Type 2, facts PHX)
LEAST_A = 1.0  # an opening below is not "under load"


def right_lost(case: Case, now: Truth, t_s: float) -> tuple[str, float]:
    """Why a charging point's contactor may not be closed now, empty if it may (INV-1), and within
    how many seconds it must be open."""
    state = now["car_state"]
    if state not in ("C", "D"):
        return f"the car is in {state}", OPEN_S
    if state == "D" and not now["ventilation"]:
        return "the car is in D without ventilation", BOUNDS["unventilated_ms"] / 1000
    if not case.setting("car.diode", t_s):
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
        self._lost = Since()
        self._closed_late = False

    def look(self, m: Moment) -> Iterable[Wrong]:
        if self.case.gateway:
            return
        why, open_s = right_lost(self.case, m.now, m.t_s)
        lost_s = self._lost.see(m.t_us, bool(why))
        closed = bool(m.now["contactor_closed"])
        if not closed or not why:
            self._closed_late = False
            return
        if self.case.welded(m.t_s):
            return
        if not m.before["contactor_closed"] and lost_s > open_s:
            self._closed_late = True
        if self._closed_late:
            yield Wrong("closed", f"contactor closed although {why}")
        else:
            yield Wrong("late", f"contactor still closed although {why}", open_s)


class ContactorProtection(Rule):
    inv = "INV-1"
    title = "contactor closed against a protective function or an unknown cable"
    text = (
        "Emergency stop, RCD and over-temperature break the coil in hardware: main contacts "
        "closed 150 ms later were held by nobody's right. A cable whose resistor is no known one "
        "has no rating: nothing closes on it."
    )

    def look(self, m: Moment) -> Iterable[Wrong]:
        if not m.now["contactor_closed"] or self.case.welded(m.t_s):
            return
        for name in ("estop", "rcd", "overtemp"):
            if m.now[name]:
                yield Wrong(name, f"contactor closed with {name} active", PROTECTION_S)
        ohm = self.case.setting("car.proximity_ohm", m.t_s)
        low, high = CABLE_OHM
        if self.case.gateway or m.before["contactor_closed"] or low <= ohm <= high:
            return
        yield Wrong("cable", f"contactor closed on a cable of {ohm:g} ohm, no known one")


class GatewayContactor(Rule):
    inv = "INV-1"
    title = "gateway's contactor closed without a car, or with a fault"
    text = (
        "T2: the contactor may be closed while the device reports a car connected and no fault. "
        "The report may be 2 s old, and emptying before opening may take 6 s."
    )

    def look(self, m: Moment) -> Iterable[Wrong]:
        if not self.case.gateway or not m.now["contactor_closed"]:
            return
        if not m.now["car_plugged"]:
            yield Wrong("car", "contactor closed, and no car at the gateway", GATEWAY_S)
        elif m.now["inverter_fault"]:
            text = f"contactor closed, and the gateway's fault is {m.now['inverter_fault']!r}"
            yield Wrong("fault", text, GATEWAY_S)


class Pulled(Rule):
    inv = "INV-2"
    title = "power pins parted under voltage"
    text = "The pilot's pin breaks first; the contacts must be open before the power pins part."

    def look(self, m: Moment) -> Iterable[Wrong]:
        welded = self.case.welded(m.t_s)
        if number(m.now, "parted_live") > number(m.before, "parted_live") and not welded:
            yield Wrong("parted", "power pins parted while they carried voltage")


class UnderLoad(Rule):
    inv = "INV-2"
    title = "contactor opened under load"
    text = "Zero current first, then open, unless a fault leaves no time: told with its current."
    alarm = True

    def look(self, m: Moment) -> Iterable[Wrong]:
        if number(m.now, "contactor_openings") > number(m.before, "contactor_openings"):
            amps = number(m.now, "contactor_opened_a")
            if amps >= LEAST_A:
                yield Wrong("opened", f"contactor opened under {amps:.1f} A")


RULES = (ContactorRight, ContactorProtection, GatewayContactor, Pulled, UnderLoad)
