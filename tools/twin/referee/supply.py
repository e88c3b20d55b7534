# islet: the referee's rules for a house without voltage: beside a good grid, or beside a battery.
# GPL-3.0-or-later
"""What a firmware says for itself counts: a fault of safety.md's "until a person" excuses a dark
house, and whether its name is right is judged elsewhere (names.py)."""

from __future__ import annotations

from collections.abc import Iterable

from tools.twin.referee.case import Case, Device, TripRow
from tools.twin.referee.planted import Plantings
from tools.twin.referee.published import bit_of
from tools.twin.referee.rule import LEGS, Moment, Rule, Since, Truth, Wrong, number

# a load's window (safety.md §7), narrowed by what nobody can measure within
LOW_PU, HIGH_PU, APART_PU = 0.80, 1.10, 0.10
LOAD_HZ = ((47.0, 52.0), (57.0, 62.0))
VOLTS, HERTZ = 0.015, 0.05
LOAD_S = 5.0
DARK_S = 30.0  # a start that fails is given up after 20 s, then stop, bond and switch
CLOSING_S = 600.0  # longest pause before the next closing, named
START_S = 5.0  # a controller's own, from its reset
LIVE_PU = 0.10
PERSON = ("bond_stuck", "neutral", "enable")  # the switch stays open until a person (§2, §6, §7)
# a leg beyond a load's limits for so long is bad (§5)
LOAD_ROWS = (TripRow("uv", 0.80, 60.0), TripRow("ov", 1.10, 60.0), TripRow("ov", 1.15, 15.0))
TRANSFER_S = 20.0  # stop (10 s at most), open, bond, start
SLACK_S = 1.0  # of measuring and confirming
REFILL_PERCENT = 5.5
AFTER_S = 90.0  # what a planted fault may still hold up: pauses of 8, 24, 72 s
BARS = (
    "island_open", "island_close", "bond", "forming", "not_dead", "enable", "bond_stuck",
    "neutral", "island_voltage", "island_load", "island_stop",
)  # fmt: skip
WITHIN = ("relays.island", "relays.bond", "sensors.grid", "sensors.house", "protection.",
          "circuits.")  # fmt: skip


def says(m: Moment, field: str, names: Iterable[str]) -> bool:
    """One of the named bits of a published field is set."""
    if m.commands is None:
        return False
    return any(m.commands[field] & bit_of(field, name) for name in names)


def house_pu(case: Case, now: Truth) -> list[float]:
    return [number(now, f"house_{leg}_v") / case.nominal_v for leg in LEGS[: case.enter.legs]]


def fits_a_load(case: Case, now: Truth, margin: int = 1) -> bool:
    """The grid stands in a load's window: surely with margin 1, barely with −1."""
    if not now["grid_present"]:
        return False
    pu, hz = case.enter.volts_pu(now), number(now, "grid_hz")
    return (
        min(pu) >= LOW_PU + margin * VOLTS
        and max(pu) <= HIGH_PU - margin * VOLTS
        and max(pu) - min(pu) <= APART_PU - margin * VOLTS
        and any(a + margin * HERTZ <= hz <= b - margin * HERTZ for a, b in LOAD_HZ)
    )


class Away:
    """Whether the controller is away, or has just come back."""

    def __init__(self) -> None:
        self._until_us = 0

    def event(self, t_us: int, kind: str) -> None:
        if kind in ("restart", "reset", "start"):
            self._until_us = t_us + round(START_S * 1e6)

    def at(self, case: Case, t_us: int) -> bool:
        t_s = t_us / 1e6
        off = any(
            e.kind == "controller" and e.at_s <= t_s < e.at_s + (e.for_s or 0.0) + START_S
            for e in case.events
        )
        return off or t_us < self._until_us


class Dark(Rule):
    inv = "INV-17"
    title = "a house dark beside a good grid"
    text = (
        "With the islanding switch open and the house without voltage the grid may not stand "
        "surely in a load's window (0.80–1.10, legs within 0.10, 47–52 or 57–62 Hz) for more than "
        "5 s + 30 s for what is under way. Excused: while the emergency stop is pressed, its trip "
        "stands where its scope takes in the house, the switch cannot close, the controller is "
        "away; while a fault is published that keeps it open until a person (bond_stuck, neutral, "
        "enable; bond where it is planted). island_close: 600 s more, its longest pause."
    )

    def __init__(self, case: Case) -> None:
        super().__init__(case)
        self._fit = Since()
        self._away = Away()
        self._planted = Plantings(case)

    def event(self, t_us: int, kind: str, text: str) -> Iterable[Wrong]:
        self._away.event(t_us, kind)
        return ()

    def look(self, m: Moment) -> Iterable[Wrong]:
        fit_s = self._fit.see(m.t_us, fits_a_load(self.case, m.now))
        if m.now["island_closed"] or fit_s < LOAD_S:
            return
        if max(house_pu(self.case, m.now)) > LIVE_PU or self._excused(m):
            return
        late_s = CLOSING_S if says(m, "FAULTS", ("island_close",)) else 0.0
        text = "the house is dark beside a grid that is good for a load"
        yield Wrong("dark", text, DARK_S + late_s)

    def _excused(self, m: Moment) -> bool:
        if m.now["estop"] or self._away.at(self.case, m.t_us) or says(m, "FAULTS", PERSON):
            return True
        cuts = self.case.told.at("island.stop_cuts_supply", False)
        if cuts and says(m, "TRIPPED", ("stop",)):
            return True
        stands = self._planted.stands
        if stands(m.t_s, ("relays.island.stuck_open", "relays.island.main_lost")):
            return True
        return says(m, "FAULTS", ("bond",)) and stands(m.t_s, ("relays.bond",))


class Lost:
    """Since when the grid has surely been lost for the house as a load (safety.md §5)."""

    def __init__(self, case: Case) -> None:
        self._code = case.enter
        slowest_s = max((d.response_s for d in case.converters), default=2.0)
        self._zero_s = slowest_s + TRANSFER_S / 4  # islet's own devices go to zero
        self._dead, self._bad, self._lost = Since(), Since(), Since()
        self._trips = [(row, Since()) for row in self._code.trips]
        rides = sorted(self._code.rides, key=_nearness)  # the furthest level of each kind first
        self._rides = [(row, Since()) for row in rides]
        self._load = [(row, Since()) for row in LOAD_ROWS]

    def see(self, m: Moment) -> float:
        """Seconds, −1 where it is not lost."""
        code = self._code
        pu, hz = code.volts_pu(m.now), number(m.now, "grid_hz")
        at = min(pu), max(pu), hz
        dead_s = self._dead.see(m.t_us, max(pu) < LIVE_PU - VOLTS)
        bad_s = self._bad.see(m.t_us, self._over(m.t_us, at))
        lost = dead_s > code.dead_s + SLACK_S or bad_s > code.dead_s + self._zero_s + SLACK_S
        for row, since in self._load:
            lost = since.see(m.t_us, beyond(row, *at)) > row.time_s + SLACK_S or lost
        return self._lost.see(m.t_us, lost)

    def _over(self, t_us: int, at: tuple[float, float, float]) -> bool:
        """A trip row has run out, and what the ride-through curve leaves of its kind as well."""
        held, furthest = set(), set()
        for row, since in self._rides:
            lasted_s = since.see(t_us, beyond(row, *at))
            if lasted_s < 0 or row.kind in furthest:
                continue
            furthest.add(row.kind)
            if lasted_s <= row.time_s + SLACK_S / 2:
                held.add(row.kind)
        out = {
            row.kind
            for row, since in self._trips
            if since.see(t_us, beyond(row, *at)) > row.time_s + SLACK_S / 2
        }
        return bool(out - held)


def _nearness(row: TripRow) -> float:
    return row.level * (1 if row.kind[0] == "u" else -1)


def beyond(row: TripRow, low_pu: float, high_pu: float, hz: float) -> bool:
    """Surely beyond a row's level, by the lowest and the highest leg."""
    if row.kind == "ov":
        return high_pu > row.level + VOLTS
    if row.kind == "uv":
        return low_pu < row.level - VOLTS
    return hz > row.level + HERTZ if row.kind == "of" else 0 < hz < row.level - HERTZ


class Carried(Rule):
    inv = "safety §5"
    title = "an outage that the battery could carry, and does not"
    text = (
        "Where the site islands by itself and the grid is surely lost (dead; a trip row, its "
        "ride-through curve and the code's grid loss over; a leg outside 0.80–1.10 for 60 s or "
        "above 1.15 for 15 s), the house is carried within 20 s + the device's time to form. "
        "Excused: charge within 5.5 % of the reserve, no car at the gateway, a device's own "
        "fault, stop, service switch, RCD or heat; a published fault, trip or bar of the island, "
        "an owner's wish; a planted fault of switch, bond, inverter or voltages, and 90 s after "
        "it; another source that holds the house; a controller that is away."
    )

    def __init__(self, case: Case) -> None:
        super().__init__(case)
        self._lost = Lost(case)
        self._planted = Plantings(case)
        self._away = Away()
        former = case.former
        own = (f"{former.name}.", f"bus.{former.name}") if former else ()
        self._within = (*WITHIN, *own)

    def event(self, t_us: int, kind: str, text: str) -> Iterable[Wrong]:
        self._away.event(t_us, kind)
        return ()

    def look(self, m: Moment) -> Iterable[Wrong]:
        case, former = self.case, self.case.former
        if former is None or not (case.islandable and case.automatic) or self._lost.see(m) < 0:
            return
        if m.now[f"{former.name}.mode"] == "form" and min(house_pu(case, m.now)) > 0.5:
            return
        if not self._able(m, former) or self._barred(m, former):
            return
        soc = number(m.now, f"{former.name}.soc_percent")
        text = f"the grid is lost, the battery at {soc:.0f} %, and nothing carries the house"
        yield Wrong("outage", text, TRANSFER_S + former.form_s)

    def _able(self, m: Moment, former: Device) -> bool:
        case, now = self.case, m.now
        soc = number(now, f"{former.name}.soc_percent")
        least = max(case.outage_reserve_percent, former.least_soc_percent)
        if soc < min(99.9, least + REFILL_PERCENT) or soc <= least:
            return False
        if now[f"{former.name}.fault"] or now["house_source"] == "drift":
            return False
        return not former.car or bool(now[f"{former.car}.plugged"])

    def _barred(self, m: Moment, former: Device) -> bool:
        now, gateway = m.now, former.contactor
        pressed = ("estop", "service_switch", "rcd", "overtemp")
        trips = ("stop", "stale_permit", "sampling", *(("rcd", "heat") if gateway else ()))
        if any(now.get(name) for name in pressed) or says(m, "TRIPPED", trips):
            return True
        if says(m, "FAULTS", BARS) or self._away.at(self.case, m.t_us):
            return True
        c = m.commands
        if c is not None:
            barred = former.row >= 0 and c[f"DEVICE_ENABLE_BAR[{former.row}]"]
            if barred or c["ISLAND_WISH"] < 0:
                return True
        return self._planted.stands(m.t_s, self._within, AFTER_S)


RULES = (Dark, Carried)
