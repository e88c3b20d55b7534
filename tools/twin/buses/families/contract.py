# islet: what the maker of a device forbids, judged write by write.
# GPL-3.0-or-later
from __future__ import annotations

from collections.abc import Callable, Sequence

from tools.twin.buses.families import Table, Value

ROUNDED_S = 0.02  # a period is the controller's own, by a clock of its own
NEVER_US = -(1 << 62)


class Judge:
    """Order, function, values and period of what is written to one device."""

    def __init__(self, table: Table, told: Callable[[str], None]) -> None:
        self._table, self._rules, self._told = table, table.contract, told
        self.forget()

    def forget(self) -> None:
        """It has started anew."""
        self._written: dict[int, float] = {}
        self._asked_w = 0.0
        self._moved_us = NEVER_US

    def look(
        self,
        now_us: int,
        function: int,
        first: int,
        count: int,
        written: Sequence[tuple[Value, float]],
    ) -> bool:
        """False where the device would refuse such a request."""
        rules = self._rules
        good = True
        if function not in rules.function_of.get(first, rules.functions):
            self._told(f"register {first} written by function {function}")
            good = False
        if rules.requests and (first, count) not in rules.requests:
            self._told(f"{count} registers from {first} written at once")
            good = False
        elif sum(value.size for value, _ in written) != count:
            self._told(f"{count} registers from {first} are no whole values")
            good = False
        for value, raw in written if good else ():
            self._value(value, raw)
        for value, raw in written if good else ():
            self._order(value, raw)
            self._written[value.at] = raw
            if value in self._table.power:
                self._power(now_us, value, raw)
            elif value.at == self._table.kinds.get("at") and not raw:
                self._asked(now_us, 0.0)
        return good

    def _value(self, value: Value, raw: float) -> None:
        rules, at = self._rules, value.at
        allowed, span = rules.values.get(at), rules.span.get(at)
        if (
            (allowed is not None and raw not in allowed)
            or (span is not None and not span[0] <= raw <= span[1])
            or raw in rules.never.get(at, ())
        ):
            self._told(f"{raw:g} written to {at}")

    def _order(self, value: Value, raw: float) -> None:
        """What has to come before watts, or a start."""
        missing = [at for at in self._rules.first.get(value.at, ()) if at not in self._written]
        start = self._table.start
        moves = raw == start["start"] if value.at == start.get("at") else bool(raw)
        if moves and missing:
            self._told(f"{value.at} written before {missing[0]}")

    def _power(self, now_us: int, value: Value, raw: float) -> None:
        w = raw / value.per
        if value.what != "power":
            w = abs(w) if value.what == "charge" else -abs(w)
        if self._rules.through_zero and w * self._asked_w < 0:
            self._told(f"{w:.0f} W after {self._asked_w:.0f} W without zero")
        grows = abs(w) > abs(self._asked_w) and w * self._asked_w > 0
        past_s = (now_us - self._moved_us) / 1e6
        if grows and past_s < self._rules.growth_s - ROUNDED_S:
            self._told(f"{w:.0f} W {past_s:.2f} s after {self._asked_w:.0f} W")
        self._asked(now_us, w)

    def _asked(self, now_us: int, w: float) -> None:
        if w != self._asked_w:
            self._moved_us = now_us
        self._asked_w = w
