# islet: the referee's rules for the grid's side and the island.
# GPL-3.0-or-later
from __future__ import annotations

from collections.abc import Iterable

from tools.twin.referee.case import Case
from tools.twin.referee.planted import Plantings
from tools.twin.referee.rule import HOUR_S, Leak, Moment, Rule, Since, Wrong, number
from tools.twin.referee.supply import fits_a_load

REACT_S = 0.100 + 0.030  # INV-5, and the inverter's 20 ms from enable to no current
MIRROR = ("relays.island.aux_",)
NO_WITNESS = ("relays.bond.main_lost",)  # its auxiliary goes on: docs/hazards.md
LATE_S = 1.0  # of a bond, after the device's stop time
LIES_S = 2.0  # safety.md §5: from street live to enable off, where a mirror lies as well
SYNCHRONOUS_DEG = 20.0  # IEEE 1547, below 500 kVA, as quoted second-hand
ANTI_ISLANDING_S = 2.0  # IEEE 1547, as quoted second-hand: the inverter's own duty
FED_WH = 0.1  # 5 kW for 72 ms: what may flow between two moments, and no more
FED_HOUR_WH = 0.2
LIVE_PU = 0.1
SOURCE_W = 100.0
QUALIFY_S = 5.0  # INV-7
BREAK_S = 0.1  # an excursion surely longer than the 50 ms that restart the delay
EXACT = 0.985  # of the delay; UL 1741 SB as quoted second-hand
VOLTS = 0.015  # beyond the enter-service window by so much is surely outside, of nominal
HERTZ = 0.03


def grown(m: Moment, name: str) -> float:
    """What a counter of truth has grown by since the moment before."""
    return number(m.now, name) - number(m.before, name)


class Bonds(Rule):
    inv = "INV-6"
    title = "neutral–earth bonds"
    text = (
        "Never two; exactly one while something forms (130 ms for losing it, in all and as the "
        "house itself counts; 4 s of an hour). Switch and bond are never both closed where the "
        "switch opens the neutral. Where the switch's mirror lies nobody can know before the "
        "street comes up: 2 s more, and the device's stop time for the bond. A bond that does not "
        "conduct while its auxiliary moves as it should is seen by nobody."
    )
    per_hour_s = 4.0

    def __init__(self, case: Case) -> None:
        super().__init__(case)
        self._planted = Plantings(case)
        self._stop_s = (case.former.stop_s if case.former else 0.5) + LATE_S

    def look(self, m: Moment) -> Iterable[Wrong]:
        lies_s = LIES_S if self._planted.stands(m.t_s, MIRROR) else 0.0
        both_s = lies_s + self._stop_s if lies_s else 0.0
        bonds = number(m.now, "ne_bonds")
        if bonds > 1 or (grown(m, "ne_bonds_most") and number(m.now, "ne_bonds_most") > 1):
            text = f"{max(bonds, 2):.0f} neutral–earth bonds at the same time"
            yield Wrong("two", text, both_s)
        unbonded_s = grown(m, "unbonded_forming_s")
        if unbonded_s and not self._planted.stands(m.t_s, NO_WITNESS):
            text = f"forming with {bonds:.0f} neutral–earth bonds"
            yield Wrong("forming", text, REACT_S + lies_s, unbonded_s)
        if m.now["island_closed"] and m.now["bond_closed"]:
            yield Wrong("both", "islanding switch and bond are both closed", both_s)


class Forming(Rule):
    inv = "INV-5"
    title = "forming while connected"
    text = (
        "A forming inverter needs all poles of the islanding switch open, the neutral's included; "
        "it loses its enable within 100 ms and its current 20 ms later, in all and as the house "
        "itself counts; within 2 s where the mirror lies. Not more than 4 s of an hour."
    )
    per_hour_s = 4.0

    def __init__(self, case: Case) -> None:
        super().__init__(case)
        self._planted = Plantings(case)

    def look(self, m: Moment) -> Iterable[Wrong]:
        on_grid_s = grown(m, "forming_on_grid_s")
        if on_grid_s:
            lies = self._planted.stands(m.t_s, MIRROR)
            permitted_s = REACT_S + (LIES_S if lies else 0.0)
            text = "forming with the islanding switch closed"
            yield Wrong("forming", text, permitted_s, on_grid_s)


class ClosedLive(Rule):
    inv = "INV-7"
    title = "closed onto the grid with the island live, or onto an unqualified grid"
    text = (
        "The switch closes onto the grid with the island dead and unbonded, and with the grid in "
        "its enter-service window, or a load's, for 5 s; onto a live one only within 20°, after "
        "the full delay, and where it does not open the neutral. Nor does the grid return, "
        "through a closed switch, onto a house that an inverter forms. Told with the phase error."
    )

    def __init__(self, case: Case) -> None:
        super().__init__(case)
        self._good, self._fit = Since(BREAK_S), Since(BREAK_S)

    def look(self, m: Moment) -> Iterable[Wrong]:
        good_s = self._good.see(m.t_us, self.case.enter.inside(m.now, VOLTS, HERTZ))
        good_s = max(good_s, self._fit.see(m.t_us, fits_a_load(self.case, m.now, -1)))
        deg = number(m.now, "reclosed_deg")
        if grown(m, "closed_live"):
            whole_s = min(self.case.enter.delay_s, m.t_s) * EXACT
            proved = deg <= SYNCHRONOUS_DEG and good_s >= whole_s
            if self.case.neutral_switched or not proved:
                text = f"switch closed onto a live house ({m.before['house_source']})"
                yield Wrong("live", f"{text}, {deg:.0f}° apart")
        if grown(m, "returned_live"):
            text = f"the grid came back onto a formed house, {deg:.0f}° apart"
            yield Wrong("returned", f"{text}, through a switch that should be open")
        if not m.now["island_closed"] or m.before["island_closed"]:
            return
        if m.before["bond_closed"]:
            yield Wrong("bonded", "switch closed with the bond closed")
        if good_s < min(QUALIFY_S, m.t_s) * EXACT:
            text = f"switch closed with the grid good for {max(0.0, good_s):.1f} s of 5 s"
            yield Wrong("unqualified", text)


class Service:
    """Whether sources may run, by the site's grid code: own timers, on physical truth."""

    def __init__(self, case: Case) -> None:
        self._code = case.enter
        self._good = Since(BREAK_S)
        self._beyond = [Since() for _ in self._code.trips]
        self._dead = Since()
        self.good_s = -1.0
        self.on = False

    def stop(self) -> None:
        self.on = False
        self._good = Since(BREAK_S)

    def see(self, m: Moment) -> None:
        """In service after the delay; out of it when a trip row's time has surely run out."""
        code = self._code
        volts, hz = code.volts_pu(m.now), number(m.now, "grid_hz")
        lost = self._dead.see(m.t_us, not m.now["grid_present"]) > code.dead_s + BREAK_S
        for row, since in zip(code.trips, self._beyond, strict=True):
            lost = since.see(m.t_us, row.beyond(volts, hz)) > row.time_s * 1.1 + BREAK_S or lost
        if not m.now["island_closed"] or (self.on and lost):
            self.stop()
        if not self.on and m.now["island_closed"]:
            self.good_s = self._good.see(m.t_us, code.inside(m.now, VOLTS, HERTZ))
            self.on = self.good_s >= code.delay_s * EXACT


class EnterService(Rule):
    inv = "INV-7"
    title = "source active before the enter-service delay"
    text = (
        "Tied to the grid, no converter begins to deliver (100 W) before the grid has "
        "stood in the window of the site's grid code for 98.5 % of its delay, counted from the "
        "last excursion of 100 ms, the switch's closing, or the unit's start; and it stops within "
        "2 s + its response when a trip row's time has run out."
    )

    def __init__(self, case: Case) -> None:
        super().__init__(case)
        self._service = Service(case)
        self._carried: set[str] = set()  # delivered when service ended, have not stopped since

    def event(self, t_us: int, kind: str, text: str) -> Iterable[Wrong]:
        if kind in ("restart", "reset"):
            self._service.stop()
        return ()

    def look(self, m: Moment) -> Iterable[Wrong]:
        was_on = self._service.on
        self._service.see(m)
        on = self._service.on
        deliver = {
            d.name
            for d in self.case.converters
            if number(m.now, d.w) < -SOURCE_W and m.now[f"{d.name}.mode"] == "follow"
        }
        self._carried = deliver if was_on and not on else self._carried & deliver
        if on or not m.now["island_closed"] or not m.now["grid_present"]:
            return
        waited = f"{max(0.0, self._service.good_s):.1f} s of {self.case.enter.delay_s:g} s"
        for device in self.case.converters:
            if device.name in deliver:
                watts = number(m.now, device.w)
                text = f"{device.name} delivers {-watts:.0f} W after {waited}"
                carried = device.name in self._carried
                yield Wrong(f"early {device.name}", text, carried * (2.0 + device.response_s))


class DeadGrid(Rule):
    inv = "INV-5"
    title = "energy fed into a dead grid"
    text = (
        "The inverter's own anti-islanding has 2 s. After them islet's converters feed no more "
        "than 0.1 Wh into a dead grid, which is what may flow between two moments, and 0.2 Wh in "
        "an hour's outages."
    )

    def __init__(self, case: Case) -> None:
        super().__init__(case)
        self._dead = Since()
        self._mark_wh = self._last_wh = 0.0
        self._hour = Leak()  # Wh

    def look(self, m: Moment) -> Iterable[Wrong]:
        dead_s = self._dead.see(m.t_us, not m.now["grid_present"])
        fed_wh = sum(number(m.now, f"{d.name}.dead_grid_wh") for d in self.case.converters)
        last_wh, self._last_wh = self._last_wh, fed_wh
        if dead_s < ANTI_ISLANDING_S:
            self._mark_wh = fed_wh
            self._hour.drain(m.dt_s, FED_HOUR_WH / HOUR_S)
            return
        if fed_wh - self._mark_wh > FED_WH:
            yield Wrong("fed", f"{fed_wh - self._mark_wh:.2f} Wh into a dead grid after 2 s")
        if self._hour.fill(m.dt_s, FED_HOUR_WH, grown=fed_wh - last_wh):
            text = f"{FED_HOUR_WH:g} Wh into a dead grid in an hour, after 2 s each time"
            yield Wrong("hour", text)


class DeadGridAlone(Rule):
    inv = "INV-5"
    title = "dead grid energised by another source"
    text = "What PV with failed anti-islanding does alone: reported, not islet's."
    alarm = True

    def look(self, m: Moment) -> Iterable[Wrong]:
        if not m.now["dead_grid_live"]:
            return
        if all(number(m.now, d.w) > -SOURCE_W for d in self.case.converters):
            yield Wrong("live", "a dead grid is energised, not by the inverter", ANTI_ISLANDING_S)


RULES = (Bonds, Forming, ClosedLive, EnterService, DeadGrid, DeadGridAlone)
