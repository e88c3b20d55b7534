# islet: a recording of `make probe`, served as a device.
# GPL-3.0-or-later
"""It answers what was read once, by the same function, for ever; what was not there is refused,
and so is every write: nobody knows what the device would have done."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

from pymodbus.constants import ExcCodes
from pymodbus.simulator import DataType, SimData, SimDevice

from tools.probe.recording import load

REGISTERS = 0x10000


def recorded(path: Path, address: int) -> SimDevice:
    """The device of a file; FlashError names what is wrong with that."""
    _, known = load(path)

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
