# islet: what a rule of the referee is.
# GPL-3.0-or-later
"""A rule looks at each moment of truth and says what is wrong at it, and how long that may last.

Moments are instants both sides of the link agree on, at most about 100 ms apart. Nothing is ever
concluded from what may have happened between two of them: a wrong counts from the first moment it
is seen at, so a finding is always a real one, and a wrong that comes and goes between two moments
may be missed.

How long is counted by a `Leak`, never by "longer than": what is wrong for 3.0 of every 3.3 s has
not ended in between. A permitted time is what one honest answer to one cause may take; it is given
back over RECOVER_S of being right, so an honest answer every minute never adds up, however long
(up to 20 s), and what is wrong for more than permitted / (permitted + RECOVER_S) of the time does.
Times below 4 s come back at LEAST_DRAIN, since their causes may follow each other faster. A rule
whose causes cannot go on for an hour states `per_hour_s` as well.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

from tools.twin.referee.case import Case
from tools.twin.referee.flow import LEGS, Flow

Truth = Mapping[str, float | int | bool | str]
RECOVER_S = 40.0  # to get a whole permitted time back
LEAST_DRAIN = 0.1  # s a second, at least
EPSILON = 1e-9
HOUR_S = 3600.0


@dataclass(frozen=True, slots=True)
class Wrong:
    """Something that must not be: `what` identifies it, `text` says it with figures; permitted for
    so long in all (inf: only counted). `grown_s`: for how long since the moment before, where
    truth itself counts it; None: by the moments. `back`: given back at so many s a second, 0: as
    RECOVER_S says."""

    what: str
    text: str
    permitted_s: float = 0.0
    grown_s: float | None = None
    back: float = 0.0


@dataclass(frozen=True, slots=True)
class Moment:
    """`before` is the previous moment's truth (the same as `now` at the first). `commands` are
    published fields by name, for the one rule that judges a promise; None until published."""

    t_us: int
    now: Truth
    before: Truth
    dt_s: float
    commands: Mapping[str, int] | None
    flows: Sequence[Flow]
    flows_before: Sequence[Flow]

    @property
    def t_s(self) -> float:
        return self.t_us / 1e6


class Leak:
    """What adds up while something is wrong, and drains slowly while it is right: seconds, Wh, K.

    It holds no more than `most` of the moment, so a long wrong is not told for ever."""

    def __init__(self) -> None:
        self.level = 0.0
        self._so = False

    def fill(
        self, dt_s: float, most: float, per_s: float = 1.0, grown: float | None = None
    ) -> bool:
        """Wrong at this moment: counts from the moment before if it was wrong then as well, or by
        what it is known to have `grown`. True when it is full."""
        if grown is not None:
            self.level = min(self.level + grown, most)
        elif self._so:
            self.level = min(self.level + per_s * dt_s, most)
        self._so = True
        return self.level >= most - EPSILON

    def drain(self, dt_s: float, per_s: float) -> bool:
        """Right at this moment. True when nothing is left."""
        self._so = False
        self.level = max(0.0, self.level - per_s * dt_s)
        return self.level == 0.0


def drain_of(permitted_s: float) -> float:
    """Seconds a second at which a permitted time is given back."""
    return max(LEAST_DRAIN, permitted_s / RECOVER_S)


class Rule:
    """One rule. Its class attributes are its documentation; `look` yields what is wrong now."""

    inv: ClassVar[str] = ""
    title: ClassVar[str] = ""
    text: ClassVar[str] = ""
    alarm: ClassVar[bool] = False  # reported, but nobody's fault
    per_hour_s: ClassVar[float] = 0.0  # so long in any hour, besides; 0 where causes may go on

    def __init__(self, case: Case) -> None:
        self.case = case

    def look(self, m: Moment) -> Iterable[Wrong]:
        raise NotImplementedError

    def event(self, t_us: int, kind: str, text: str) -> Iterable[Wrong]:
        """Something the run tells: "start", "restart", "reset", "died"."""
        return ()


class Since:
    """Since when something has been so without a break; `least_s` is what counts as one."""

    def __init__(self, least_break_s: float = 0.0) -> None:
        self._least_us = round(least_break_s * 1e6)
        self._from_us: int | None = None
        self._broken_us: int | None = None

    def see(self, t_us: int, so: bool) -> float:
        """Seconds it has been so, −1 when it is not."""
        if so:
            self._broken_us = None
            if self._from_us is None:
                self._from_us = t_us
        elif self._from_us is not None:
            if self._broken_us is None:
                self._broken_us = t_us
            if t_us - self._broken_us >= self._least_us:
                self._from_us = self._broken_us = None
        return -1.0 if self._from_us is None else (t_us - self._from_us) / 1e6


def number(truth: Truth, name: str) -> float:
    """A numeric field, 0 where this house has none (a leg, an inverter)."""
    value = truth.get(name, 0.0)
    if type(value) is float:
        return value
    return 0.0 if isinstance(value, str) else float(value)


def legs(truth: Truth, pattern: str) -> tuple[float, float, float]:
    """The three legs of a field like "evse_{}_a"."""
    a, b, c = (number(truth, pattern.format(leg)) for leg in LEGS)
    return a, b, c
