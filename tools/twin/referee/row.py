# islet: a rule of the referee at work: what it finds wrong, for how long in all.
# GPL-3.0-or-later
from __future__ import annotations

from collections.abc import Iterable, Iterator

from tools.twin.referee.rule import HOUR_S, Leak, Moment, Rule, Wrong, drain_of


class Open:
    """A wrong that is not forgotten yet: its leaks, and whether it has been told."""

    def __init__(self) -> None:
        self.at_once, self.hour = Leak(), Leak()
        self.drain = 0.0
        self.told = self.told_hour = False

    def wrong(self, dt_s: float, wrong: Wrong, per_hour_s: float) -> str | None:
        """How it has lasted too long, empty where no time is permitted; None: not, or told."""
        permitted_s, grown_s = wrong.permitted_s, wrong.grown_s
        self.drain = wrong.back or drain_of(permitted_s)
        if self.at_once.fill(dt_s, permitted_s, grown=grown_s) and not self.told:
            self.told = True
            return f" (for {permitted_s:.2f} s in all)" if permitted_s else ""
        if not permitted_s:
            return None  # it has no time at all
        if per_hour_s and self.hour.fill(dt_s, per_hour_s, grown=grown_s) and not self.told_hour:
            self.told_hour = True
            return f" (for {per_hour_s:g} s of an hour)"
        return None

    def right(self, dt_s: float, per_hour_s: float) -> bool:
        """True when nothing of it is left."""
        if self.at_once.drain(dt_s, self.drain):
            self.told = False
        if self.hour.drain(dt_s, per_hour_s / HOUR_S):
            self.told_hour = False
        return not self.at_once.level and not self.hour.level


class Row:
    """One rule at work: which wrongs are open, how long they have been, which were told."""

    def __init__(self, rule: Rule) -> None:
        self.rule = rule
        self._open: dict[str, Open] = {}

    def look(self, m: Moment) -> Iterable[str]:
        """Texts of wrongs that have now lasted too long, each once until it is forgotten."""
        wrongs = [*self.rule.look(m)]
        return self._lasting(m, wrongs) if wrongs or self._open else ()

    def _lasting(self, m: Moment, wrongs: list[Wrong]) -> Iterator[str]:
        seen = {wrong.what: wrong for wrong in wrongs}
        per_hour_s = self.rule.per_hour_s
        for what in [w for w in self._open if w not in seen]:
            if self._open[what].right(m.dt_s, per_hour_s):
                del self._open[what]
        for what, wrong in seen.items():
            now = self._open.setdefault(what, Open())
            how = now.wrong(m.dt_s, wrong, per_hour_s)
            if how is not None:
                yield wrong.text + how
