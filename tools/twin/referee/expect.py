# islet: a scenario's own expectations, judged moment by moment.
# GPL-3.0-or-later
from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tools.twin.referee.published import bit_of
from tools.twin.referee.rule import Truth
from tools.twin.scenario import Expectation

Value = float | int | bool | str
IMAGE = "islet."


class Check:
    """One expectation over from_s ≤ t < to_s: what happens at to_s itself is no longer judged.

    A window the run did not reach is said to be so, and does not fail.
    """

    def __init__(self, expectation: Expectation) -> None:
        self.expectation = expectation
        self.bad: tuple[float, Value] | None = None  # the first moment at which it did not hold
        self.good: tuple[float, Value] | None = None
        self.low: Value | None = None
        self.high: Value | None = None
        self.first: Value | None = None
        self.last: Value | None = None
        self.over = False

    def observe(self, t_s: float, truth: Truth, image: Mapping[str, int] | None) -> None:
        e = self.expectation
        if self.over or t_s < e.from_s:
            return
        if e.to_s is not None and t_s >= e.to_s:
            self.over = True
            return
        value = self._value(truth, image)
        if value is None:
            return
        if self.first is None:
            self.first = self.low = self.high = value
        self.last = value
        if not isinstance(value, str):
            self.low, self.high = min(self.low, value), max(self.high, value)  # type: ignore[type-var]
        if e.holds(value):
            self.good = self.good or (t_s, value)
        else:
            self.bad = self.bad or (t_s, value)

    def _value(self, truth: Truth, image: Mapping[str, int] | None) -> Value | None:
        that = self.expectation.that
        if not that.startswith(IMAGE):
            return truth[that]
        if not image:
            return None
        field = that.removeprefix(IMAGE)
        value = image[field]
        bit = self.expectation.bit
        return bool(value & bit_of(field, bit)) if bit else value

    def result(self, end_s: float) -> dict[str, Any]:
        """For the summary: `ok` is None where the run ended before it could be judged."""
        e = self.expectation
        that = f"{e.that}.{e.bit}" if e.bit else e.that
        row: dict[str, Any] = {"that": ("rise of " if e.rise else "") + that, "text": e.text}
        complete = self.over or e.to_s is None or end_s >= e.to_s
        if self.first is None:
            return row | {"ok": None, "figure": None, "note": "not reached"}
        if e.rise:
            assert self.last is not None
            figure: Any = round(float(self.last) - float(self.first), 3)
            ok = e.holds(figure)
        elif e.when == "end":
            figure, ok = self.last, e.holds(self.last)
        elif e.when == "ever":
            ok = self.good is not None
            figure = self.good[1] if self.good else self._extreme()
            complete = complete or ok
        else:
            ok = self.bad is None
            figure = self._extreme()
            complete = complete or not ok
        if isinstance(figure, float):
            figure = round(figure, 3)
        if not complete and (e.rise or e.when != "always"):
            return row | {"ok": None, "figure": figure, "note": "not reached"}
        row |= {"ok": ok, "figure": figure}
        if not ok and e.when == "always" and self.bad is not None:
            row["t_s"] = round(self.bad[0], 3)
        return row

    def _extreme(self) -> Value | None:
        """The value nearest to failing."""
        e = self.expectation
        if e.equals is not None:
            return self.bad[1] if self.bad else self.last
        return self.high if e.at_most is not None and self.high is not None else self.low
