# islet: a recording of `make probe`, served as a device.
# GPL-3.0-or-later
"""It answers what was read once, by the same function, for ever; what was not there is refused,
and so is every write: nobody knows what the device would have done."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, cast

from pymodbus.constants import ExcCodes
from pymodbus.simulator import DataType, SimData, SimDevice

FORMAT = 1  # of tools/probe/record.py
FUNCTIONS = ("3", "4")
REGISTERS = 0x10000


def runs(path: Path) -> dict[int, dict[int, int]]:
    """Registers by function. ValueError says what is wrong with the file."""
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ValueError(f"cannot be read: {error.strerror}") from None
    except ValueError as error:
        raise ValueError(f"is not JSON: {error}") from None
    if not isinstance(document, dict) or document.get("recording") != FORMAT:
        raise ValueError(f"is no recording of format {FORMAT} (make probe ARGS=--record)")
    found: dict[int, dict[int, int]] = {}
    for function, rows in document["registers"].items():
        if function not in FUNCTIONS:
            raise ValueError(f"function {function!r}, allowed {', '.join(FUNCTIONS)}")
        words = found.setdefault(int(function), {})
        for first, *values in rows:
            words.update(enumerate(values, first))
    return found


def recorded(path: Path, address: int) -> SimDevice:
    """The device of a file."""
    known = runs(path)

    async def act(
        function: int, start: int, first: int, count: int, registers: list[int], values: Any
    ) -> ExcCodes | None:
        words = known.get(function)
        if values is not None or words is None:
            return ExcCodes.ILLEGAL_FUNCTION
        asked = range(first, first + count)
        if not all(register in words for register in asked):
            return ExcCodes.ILLEGAL_ADDRESS
        registers[first - start : first - start + count] = [words[register] for register in asked]
        return None

    block = SimData(0, count=REGISTERS, values=0, datatype=DataType.REGISTERS)
    return SimDevice(address, simdata=block, action=cast(Any, act))
