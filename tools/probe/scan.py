# islet: who answers on a line, and at which speed.
# GPL-3.0-or-later
from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator

from tools.probe.bus import Bus, Host, Refused, Where, Wire, opened
from tools.probe.profiles import known

# Registers that many devices have; an exception is an answer too.
ASKED = ((3, 0), (4, 0))
SPEEDS = ((9600, "N"), (19_200, "N"), (115_200, "N"), (9600, "E"), (19_200, "E"), (38_400, "N"))
FIRST, LAST = 1, 247
USUAL = (*range(1, 11), 71, 100, 126, 200, 225, 227, 247)
ANSWER_S = 0.15  # of a serial device, beside the frames' own time
FRAME_CHARS = 20  # of a request and a short answer
Step = Callable[[str, int, int], None]  # what is asked, how many are, of how many


def usual() -> list[int]:
    """Units to ask first: those of the profiles, then what makers like."""
    own = [document["address"] for document in known().values() if "address" in document]
    return list(dict.fromkeys([*own, *USUAL]))


def timeout_s(where: Where) -> float:
    if isinstance(where, Host):
        return 1.0
    return ANSWER_S + FRAME_CHARS * 11 / where.baud


def there(bus: Bus, unit: int) -> bool:
    """Whether somebody answers as this unit; a refusal is an answer, but a gateway's that nobody
    is behind it is none (exceptions 10 and 11)."""
    for function, register in ASKED:
        try:
            if bus.read(unit, function, register, 1) is not None:
                return True
        except Refused as refused:
            if refused.code not in (10, 11):
                return True
    return False


def units(bus: Bus, asked: list[int], step: Step) -> Iterator[int]:
    for i, unit in enumerate(asked):
        step(f"{bus.where}, unit {unit}", i, len(asked))
        if there(bus, unit):
            yield unit


def speeds(where: Wire, fixed: bool) -> list[Wire]:
    """The settings to try: what is said, or those that makers like."""
    if fixed:
        return [where]
    return [dataclasses.replace(where, baud=baud, parity=parity) for baud, parity in SPEEDS]


def everybody(where: Where, fixed: bool, asked: list[int], step: Step) -> list[tuple[Where, int]]:
    """(where, unit) of all who answer. On a wire all have one speed, so the first at which
    somebody answers is it."""
    tried: list[Where] = [where] if isinstance(where, Host) else [*speeds(where, fixed)]
    for each in tried:
        with opened(each, timeout_s(each)) as bus:
            found = [(each, unit) for unit in units(bus, asked, step)]
        if found:
            return found
    return []
