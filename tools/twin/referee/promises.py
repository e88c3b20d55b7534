# islet: the referee's rules for reserve, granted range, start and life of the chip.
# GPL-3.0-or-later
from __future__ import annotations

from collections.abc import Iterable

from tools.twin.referee.case import Case
from tools.twin.referee.rule import Moment, Rule, Wrong, number

BELOW_PERCENT = 0.5  # a report rounds, and the last seconds still flow
DISCHARGE_W = 60.0
STOP_S = 5.0  # report, step and ramp
START_S = 0.15  # the unit cannot have sensed the site sooner than this
INVERTER = 1
EVSE = 0
OFFER_A = 0.35  # half a per cent of duty is 0.3 A
FOLLOW_S = 2.0


class Reserve(Rule):
    inv = "INV-11"
    title = "discharge below the owner's reserve"
    text = (
        "Tied to the grid the inverter does not discharge below the owner's reserve, islanded not "
        "below the outage reserve: 0.5 % and 5 s for report, step and ramp."
    )

    def look(self, m: Moment) -> Iterable[Wrong]:
        watts = number(m.now, "inverter_w")
        if watts > -DISCHARGE_W:
            return
        islanded = m.now["inverter_mode"] == "form"
        reserve = self.case.outage_reserve_percent if islanded else self.case.reserve_percent
        soc = number(m.now, "soc_percent")
        if soc < reserve - BELOW_PERCENT:
            what = "outage reserve" if islanded else "reserve"
            text = f"discharging {-watts:.0f} W at {soc:.1f} %, {what} {reserve:g} %"
            yield Wrong(what, text, STOP_S)


class Granted(Rule):
    inv = "INV-13"
    title = "setpoint or offer outside the granted range"
    text = (
        "The published setpoint lies in the published grant or between it and zero (it ramps); "
        "the offer is 0 or within it. The inverter follows within its reversion time + 2 s, the "
        "pilot shows no more than the offer."
    )

    def look(self, m: Moment) -> Iterable[Wrong]:
        c = m.commands
        if c is None:
            return
        low, high = c[f"GRANT_LOW[{INVERTER}]"], c[f"GRANT_HIGH[{INVERTER}]"]
        low, high = min(low, 0), max(high, 0)
        setpoint = c[f"SETPOINT[{INVERTER}]"]
        if not low <= setpoint <= high:
            yield Wrong("setpoint", f"setpoint {setpoint} W, granted {low}…{high} W")
        offer, most = c[f"SETPOINT[{EVSE}]"], c[f"GRANT_HIGH[{EVSE}]"]
        if offer > most:
            yield Wrong("offer", f"offer {offer} mA, granted {most} mA")
        if number(m.now, "car_offer_a") > offer / 1000 + OFFER_A:
            text = f"pilot offers {number(m.now, 'car_offer_a'):.1f} A, published {offer} mA"
            yield Wrong("pilot", text, 0.3)
        followed = number(m.now, "inverter_setpoint_w")
        if m.now["inverter_mode"] != "follow" or low - 20 <= followed <= high + 20:
            return
        if not self.case.setting("inverter.ignores_setpoint", m.t_s):
            text = f"inverter follows {followed:.0f} W, granted {low}…{high} W"
            yield Wrong("followed", text, self.case.revert_s + FOLLOW_S)


class EnergisingEdge(Rule):
    inv = "INV-12"
    title = "energising edge at reset or start"
    text = (
        "Within 150 ms of a start no output energises anything: nothing can have been sensed by "
        "then. The islanding switch holds its position, or ends the travel it had begun before."
    )
    OUTPUTS = ("contactor_closed", "island_closed", "bond_closed", "loads_closed")

    def __init__(self, case: Case) -> None:
        super().__init__(case)
        self._until_us = round(START_S * 1e6)
        self._travel_us = 0  # the switch may be on its way until then

    def event(self, t_us: int, kind: str, text: str) -> Iterable[Wrong]:
        if kind in ("start", "restart", "reset"):
            self._until_us = t_us + round(START_S * 1e6)
        if kind in ("restart", "reset"):
            setting = self.case.setting
            travel_ms = (
                setting(f"relays.island.{way}_ms", t_us / 1e6) for way in ("open", "close")
            )
            self._travel_us = t_us + round(max(t or 0 for t in travel_ms) * 1000)
        return ()

    def look(self, m: Moment) -> Iterable[Wrong]:
        if m.t_us > self._until_us:
            return
        travels = m.t_us - round(m.dt_s * 1e6) < self._travel_us  # since the moment before
        for name in (*self.OUTPUTS, "inverter_enabled"):
            if m.now[name] and not m.before[name] and not (travels and name == "island_closed"):
                yield Wrong(name, f"{name} within {START_S * 1000:.0f} ms of a start")
        if m.before["island_closed"] and not m.now["island_closed"] and not travels:
            yield Wrong("island", "islanding switch moved at a start")


class Life(Rule):
    inv = "INV-9"
    title = "the chip died or its watchdog bit"
    text = "The interpreter ends only when told to; the watchdog never has to reset it."

    def look(self, m: Moment) -> Iterable[Wrong]:
        return ()

    def event(self, t_us: int, kind: str, text: str) -> Iterable[Wrong]:
        if kind == "died":
            yield Wrong("died", text or "the chip's process ended")
        elif kind == "restart":
            yield Wrong("watchdog", text or "the watchdog reset the chip")


RULES = (Reserve, Granted, EnergisingEdge, Life)
