# islet: the referee's rules for reserve, granted range, start and life of the chip.
# GPL-3.0-or-later
from __future__ import annotations

from collections.abc import Iterable, Mapping

from tools.twin.referee.case import Case, Device
from tools.twin.referee.rule import Moment, Rule, Wrong, number

BELOW_PERCENT = 0.5  # a report rounds, and the last seconds still flow
DISCHARGE_W = 60.0
STOP_S = 5.0  # report, step and ramp
START_S = 0.15  # the unit cannot have sensed the site sooner than this
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
        for device in self.case.converters:
            watts = number(m.now, device.w)
            if watts > -DISCHARGE_W:
                continue
            islanded = "form" in (m.now[f"{device.name}.mode"], m.now["house_source"])
            outage = self.case.outage_reserve_percent
            reserve = outage if islanded else device.reserve_percent
            soc = number(m.now, f"{device.name}.soc_percent")
            if soc < reserve - BELOW_PERCENT:
                what = "outage reserve" if islanded else "reserve"
                text = f"discharging {-watts:.0f} W at {soc:.1f} %, {what} {reserve:g} %"
                yield Wrong(f"{what} {device.name}", text, STOP_S)


class Granted(Rule):
    inv = "INV-13"
    title = "setpoint or offer outside the granted range"
    text = (
        "The published setpoint lies in the published grant or between it and zero (it ramps); "
        "the offer is 0 or within it. The inverter follows within its reversion time + 2 s, the "
        "pilot shows no more than the offer."
    )

    def look(self, m: Moment) -> Iterable[Wrong]:
        if m.commands is None:
            return
        for device in self.case.devices:
            if device.row >= 0:
                judge = self._offer if device.kind == "point" else self._setpoint
                yield from judge(m, device, m.commands)

    def _offer(self, m: Moment, point: Device, c: Mapping[str, int]) -> Iterable[Wrong]:
        name, row = point.name, point.row
        offer, most = c[f"SETPOINT[{row}]"], c[f"GRANT_HIGH[{row}]"]
        if offer > most:
            yield Wrong(f"offer {name}", f"offer {offer} mA, granted {most} mA")
        shown_a = number(m.now, f"{point.car}.offer_a") if point.car else 0.0
        if shown_a > offer / 1000 + OFFER_A:
            text = f"pilot offers {shown_a:.1f} A, published {offer} mA"
            yield Wrong(f"pilot {name}", text, 0.3)

    def _setpoint(self, m: Moment, device: Device, c: Mapping[str, int]) -> Iterable[Wrong]:
        name, row = device.name, device.row
        low, high = min(c[f"GRANT_LOW[{row}]"], 0), max(c[f"GRANT_HIGH[{row}]"], 0)
        setpoint = c[f"SETPOINT[{row}]"]
        if not low <= setpoint <= high:
            yield Wrong(f"setpoint {name}", f"setpoint {setpoint} W, granted {low}…{high} W")
        followed = number(m.now, f"{name}.setpoint_w")
        if m.now[f"{name}.mode"] != "follow" or low - 20 <= followed <= high + 20:
            return
        if not self.case.setting(f"{name}.ignores_setpoint", m.t_s):
            text = f"{name} follows {followed:.0f} W, granted {low}…{high} W"
            yield Wrong(f"followed {name}", text, device.revert_s + FOLLOW_S)


class EnergisingEdge(Rule):
    inv = "INV-12"
    title = "energising edge at reset or start"
    text = (
        "Within 150 ms of a start no output energises anything: nothing can have been sensed by "
        "then. The islanding switch holds its position, or ends the travel it had begun before."
    )
    OUTPUTS = ("island_closed", "bond_closed", "loads_closed")

    def __init__(self, case: Case) -> None:
        super().__init__(case)
        self._energised = [f"{p.name}.closed" for p in case.points]
        self._energised += [*self.OUTPUTS, *(f"{d.name}.enabled" for d in case.converters)]
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
        for name in self._energised:
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
