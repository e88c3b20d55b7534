# islet: the house meter on its line, as a pymodbus simulator device.
# GPL-3.0-or-later
"""An Eastron SDM630 on top of the house's physics. pymodbus owns the datastore: its action hook
refreshes the registers from the house before a read."""

from __future__ import annotations

import struct
from collections.abc import Callable

from pymodbus.constants import ExcCodes
from pymodbus.simulator import DataType, SimData, SimDevice

from tools.twin.house.meter import Meter
from tools.twin.house.reading import OfMeter, of_meter

LEGS = 3


def part(request: bytes, shown: OfMeter) -> tuple[object, ...]:
    """What of all that is shown answers a read."""
    first, count = struct.unpack_from(">HH", request, 2)
    return shown[:3] if first + count <= 0x1E else shown


def sdm630(physics: Meter, address: int, look: Callable[[], OfMeter] | None = None) -> SimDevice:
    """Eastron SDM630: IEEE floats, high word first, function 04 (facts: mbmd's sdm map). `look`:
    what it shows, if not what is so now."""

    def quantities() -> dict[int, float]:
        meter = look() if look else of_meter(physics)
        values = {0x34: sum(meter.watts), 0x46: meter.hz}
        values |= {0x48: meter.import_wh / 1000, 0x4A: meter.export_wh / 1000}
        for leg in range(LEGS):
            v, a, w = meter.volts[leg], meter.amps[leg], meter.watts[leg]
            values |= {2 * leg: v, 6 + 2 * leg: a, 0x0C + 2 * leg: w, 0x12 + 2 * leg: v * a}
            values[0x1E + 2 * leg] = w / (v * a) if v * a > 1 else 1.0
        return values

    async def refresh(
        function: int, start: int, first: int, count: int, registers: list[int], values: object
    ) -> ExcCodes | None:
        if function != 4:
            return ExcCodes.ILLEGAL_FUNCTION
        for at, value in quantities().items():
            if first - 1 <= at < first + count:
                registers[at - start : at - start + 2] = struct.unpack(
                    ">HH", struct.pack(">f", value)
                )
        return None

    block = SimData(0, count=0x180, values=0, datatype=DataType.REGISTERS)
    return SimDevice(address, simdata=block, action=refresh)
