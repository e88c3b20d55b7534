# islet: live values, and what of them cannot be.
# GPL-3.0-or-later
from __future__ import annotations

import time
from collections.abc import Callable

from tools.flash import FlashError
from tools.probe import clues, profiles
from tools.probe.bus import opened
from tools.probe.profiles import Value
from tools.probe.report import Found

EVERY_S = 1.0
STILL = 10  # looks; a living instrument's volts and hertz move within so many
LIVE = ("voltage", "frequency", "current")
JUMP_SOC = 50  # per mille between two looks


class Doubts:
    """What one look, beside those before it, shows to be wrong."""

    def __init__(self) -> None:
        self._last: dict[tuple[str, int], float] = {}
        self._still = 0

    def find(self, values: list[Value]) -> list[str]:
        there = {v.key: v.value for v in values if v.value is not None and not v.wrong}
        said = [str(value) for value in values if value.wrong]
        said += [clue.text for clue in clues.find(values) if clue.points < 0]
        for key in there.keys() & self._last.keys():
            said += _since(key, self._last[key], there[key])
        said += self._frozen(there)
        self._last = there
        return said

    def _frozen(self, there: dict[tuple[str, int], float]) -> list[str]:
        live = {key: value for key, value in there.items() if key[0] in LIVE and value}
        same = bool(live) and all(self._last.get(key) == value for key, value in live.items())
        self._still = self._still + 1 if same else 0
        if self._still < STILL:
            return []
        return [f"nothing has moved for {self._still} looks: the instrument may be frozen"]


def _since(key: tuple[str, int], before: float, now: float) -> list[str]:
    name = key[0].replace("_", " ")
    if key[0] in clues.ENERGIES and now < before:
        return [f"{name} fell from {before:g} to {now:g} Wh: counters only grow"]
    if key[0] == "rating" and now != before:
        return [f"rating moved from {before:g} to {now:g} W: a nameplate does not"]
    if key[0] == "soc" and abs(now - before) > JUMP_SOC:
        return [f"state of charge went from {before / 10:g} to {now / 10:g} % at once"]
    return []


def watch(
    found: Found, times: int, patience_s: float, wait: Callable[[float], None] = time.sleep
) -> int:
    """The values of the profile that fits best, again and again; 0 for ever."""
    fit = found.best or (found.fits[0] if found.fits else None)
    if fit is None:
        raise FlashError("no profile to watch by", "PROFILE= names one")
    order = fit.document.get("word_order", "high_first")
    doubts = Doubts()
    with opened(found.where, patience_s) as bus:
        done = 0
        while not times or done < times:
            values = [profiles.look(bus, found.unit, row, order) for row in fit.document["rows"]]
            print(" · ".join(str(value) for value in values), flush=True)
            for doubt in doubts.find(values):
                print(f"  ! {doubt}", flush=True)
            done += 1
            if done != times:
                wait(EVERY_S)
    return 0
