# islet: the referee's rules for voltages: of an island, of a grid that burns, of a lost neutral.
# GPL-3.0-or-later
"""The numbers are those of safety.md §5 and §7. True time, as the house itself counts it, and the
stated delay of the circuit's instruments on top; what takes longer than a second is watched by a
mean of some cycles and by the control cycle, which have 0.3 s more."""

from __future__ import annotations

from collections.abc import Iterable

from tools.twin.referee.case import Case
from tools.twin.referee.island import grown
from tools.twin.referee.planted import Plantings
from tools.twin.referee.rule import Moment, Rule, Wrong, number
from tools.twin.referee.supply import Away, house_pu

GUARD_S = 0.030  # the guard's tick, and a window of samples that holds the step whole
CYCLE_S = 0.300  # a mean's window and the control cycle
# field of truth, s, by the instrument's fast way, what is told
ISLAND = (
    ("island_over_120_s", 0.160, True, "a leg over 1.20"),
    ("island_under_50_s", 0.200, True, "a leg under 0.50"),
    ("island_uneven_s", 0.100, True, "one leg over 1.15 and another under 0.90"),
    ("island_over_110_s", 2.0, False, "a leg over 1.10"),
    ("island_under_85_s", 5.0, False, "a leg under 0.85"),
    ("island_poor_s", 20.0, False, "no good voltage at all"),
)
TRIES = 4  # the first, and three more
HERTZ, HERTZ_S = 2.0, 2.0  # from nominal
SHIFT_HZ = 0.5  # above the declared shift
MARGIN_HZ = 0.02
BURNING = (
    ("burning_125_s", 1.0, "a leg over 1.25"),
    ("burning_120_s", 6.0, "a leg over 1.20"),
    ("burning_uneven_s", 3.0, "one leg over 1.15 and another under 0.85"),
)
EARLY_S = 10.0  # after closing
MARGIN_PU = 0.015


class IslandLimits(Rule):
    inv = "safety §5"
    title = "an island beyond its limits"
    text = (
        "While enabled and forming: over 1.20 160 ms, over 1.10 2 s, ±2 Hz (upwards the declared "
        "shift + 0.5 Hz) 2 s, one leg over 1.15 with another under 0.90 100 ms; from the first "
        "good voltage under 0.85 5 s, under 0.50 200 ms; without any good voltage 20 s; in all of "
        "one enable, and four times as much of several. The "
        "circuit's instruments add their stated delay: samples 25 ms, a chip's flags 150 ms, its "
        "mean 840 ms."
    )

    def __init__(self, case: Case) -> None:
        super().__init__(case)
        fast_s, slow_s = case.delay_s[0] + GUARD_S, case.delay_s[1] + CYCLE_S
        self._rows = [
            (field, time_s + (fast_s if fast else slow_s), text)
            for field, time_s, fast, text in ISLAND
        ]
        self._hertz_s = HERTZ_S + slow_s
        nominal_hz = case.told.at("nominal_hz", 50)
        shift_hz = (case.former.shift_hz if case.former else 2) + SHIFT_HZ
        self._low_hz = nominal_hz - HERTZ - MARGIN_HZ
        self._high_hz = nominal_hz + max(HERTZ, shift_hz) + MARGIN_HZ
        self._began_wh: dict[str, float] = {}
        self._try = 0  # each enable begins another

    def look(self, m: Moment) -> Iterable[Wrong]:
        names = [d.name for d in self.case.converters]
        if any(m.now[f"{n}.enabled"] and not m.before[f"{n}.enabled"] for n in names):
            self._try += 1
        if not any("form" in (m.before[f"{n}.mode"], m.now[f"{n}.mode"]) for n in names):
            return
        for field, permitted_s, what in self._rows:
            beyond_s = grown(m, field)
            if beyond_s:
                text = self._text(m, field, what)
                yield Wrong(f"{field} {self._try}", text, permitted_s, beyond_s)
                yield Wrong(field, f"again and again {text}", TRIES * permitted_s, beyond_s)
            else:
                self._began_wh.pop(field, None)
        hz = number(m.now, "house_hz")
        forms = any(m.now[f"{n}.mode"] == "form" and m.now[f"{n}.enabled"] for n in names)
        if forms and hz and not self._low_hz <= hz <= self._high_hz:
            text = f"an island at {hz:.2f} Hz"
            yield Wrong(f"hertz {self._try}", text, self._hertz_s)
            yield Wrong("hertz", f"again and again {text}", TRIES * self._hertz_s)

    def _text(self, m: Moment, field: str, what: str) -> str:
        """With the energy since it began."""
        fields = [f"{d.name}.discharged_wh" for d in self.case.converters]
        now_wh = sum(number(m.now, name) for name in fields)
        before_wh = sum(number(m.before, name) for name in fields)
        wh = now_wh - self._began_wh.setdefault(field, before_wh)
        pu = house_pu(self.case, m.now)
        return f"an island with {what} ({min(pu):.2f}…{max(pu):.2f}), {wh:.2f} Wh delivered so"


class Burning(Rule):
    inv = "safety §5"
    title = "a burning voltage, and the switch closed"
    text = (
        "Where a site has an islanding switch, it is open when the grid's voltage has been over "
        "1.25 for 1 s, over 1.20 for 6 s, or one leg over 1.15 with another under 0.85 for 3 s, "
        "the instruments' delay, 0.3 s and the switch's declared time on top. Excused while the "
        "switch is planted not to open, and while the controller is away."
    )

    def __init__(self, case: Case) -> None:
        super().__init__(case)
        switch_s = case.told.at("island.feedback_ms", 500) / 1000
        late_s = case.delay_s[1] + CYCLE_S + switch_s
        self._rows = [(field, time_s + late_s, what) for field, time_s, what in BURNING]
        self._planted = Plantings(case)
        self._away = Away()

    def event(self, t_us: int, kind: str, text: str) -> Iterable[Wrong]:
        self._away.event(t_us, kind)
        return ()

    def look(self, m: Moment) -> Iterable[Wrong]:
        if not self.case.islandable or not m.now["island_closed"]:
            return
        for field, permitted_s, what in self._rows:
            burns_s = grown(m, field)
            if not burns_s or self._away.at(self.case, m.t_us):
                continue
            if self._planted.stands(m.t_s, ("relays.island", "sensors.grid")):
                continue
            pu = house_pu(self.case, m.now)
            text = f"the house stays on a grid with {what} ({min(pu):.2f}…{max(pu):.2f})"
            yield Wrong(field, text, permitted_s, burns_s)


class Neutral(Rule):
    inv = "INV-7"
    title = "no neutral after closing"
    text = (
        "For 10 s after it has closed, a leg above 1.15, or one above 1.10 with another below "
        "0.90, opens the switch at once (delay of the instruments, 0.3 s and the switch's "
        "declared time); it does not close again before a person has acknowledged."
    )

    def __init__(self, case: Case) -> None:
        super().__init__(case)
        switch_s = case.told.at("island.feedback_ms", 500) / 1000
        self._late_s = case.delay_s[1] + CYCLE_S + switch_s
        self._closed_s = -EARLY_S
        self._upset = False  # since it closed
        self._lost = -1  # acknowledgements when a neutral was missing, −1: none was

    def look(self, m: Moment) -> Iterable[Wrong]:
        if not self.case.islandable:
            return
        closes = bool(m.now["island_closed"]) and not m.before["island_closed"]
        seq = m.commands["ACKNOWLEDGE_SEQ"] if m.commands is not None else -1
        if closes:
            self._closed_s, self._upset = m.t_s, False
            if 0 <= self._lost == seq:
                yield Wrong("again", "closed again after a lost neutral, and nobody asked")
            self._lost = -1
        if not m.now["island_closed"]:
            if m.before["island_closed"] and self._upset:
                self._lost = seq
            return
        if m.t_s - self._closed_s > EARLY_S or self._closed_s < 0:
            return
        pu = house_pu(self.case, m.now)
        low, high = min(pu) + MARGIN_PU, max(pu) - MARGIN_PU
        if high > 1.15 or (high > 1.10 and low < 0.90):
            self._upset = True
            text = f"legs at {min(pu):.2f}…{max(pu):.2f} after closing, and the switch stays"
            yield Wrong("upset", text, self._late_s)


RULES = (IslandLimits, Burning, Neutral)
