# islet: a converter as the thread of a real line may use it.
# GPL-3.0-or-later
from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

INVERTER_WRITES = (
    "write_setpoint",
    "allow_forming",
    "controller_heartbeat",
    "alarm_reset",
    "operate",
    "detect",
    "restart",
)


class Posted:
    """The inverter as a thread may use it: reads at once, writes at the next agreed moment."""

    def __init__(self, inverter: Any, post: Callable[[Callable[[], Any]], None]) -> None:
        self._inverter, self._post = inverter, post

    def __getattr__(self, name: str) -> Any:
        value = getattr(self._inverter, name)
        if name not in INVERTER_WRITES:
            return value
        return lambda *args, **options: self._post(functools.partial(value, *args, **options))
