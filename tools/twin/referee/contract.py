# islet: the referee's rule for what is written to a device against its maker's word.
# GPL-3.0-or-later
from __future__ import annotations

from collections.abc import Iterable

from tools.twin.referee.rule import Moment, Rule, Wrong, number


class Contract(Rule):
    inv = "contract"
    title = "what its maker forbids is not written to a device"
    text = (
        "A converter of a family is written to by the function it takes, in the order it needs, "
        "whole values within their range, no larger setpoint sooner than its period, the "
        "direction by way of zero where it asks for that (tools/twin/buses/families)."
    )

    def look(self, m: Moment) -> Iterable[Wrong]:
        for device in self.case.converters:
            field = f"{device.name}.breaches"
            fresh = number(m.now, field) - number(m.before, field)
            if fresh > 0:
                what = f"{device.name} {m.now[field]}"
                yield Wrong(what, f"{device.name}: {m.now[f'{device.name}.breach']}")


RULES = (Contract,)
