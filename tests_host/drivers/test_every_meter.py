"""Each meter's family, served by pymodbus from its own map and read by the firmware's driver."""

from __future__ import annotations

import json
from typing import Any

import pytest
from pymodbus.client.mixin import ModbusClientMixin
from pymodbus.simulator import DataType, SimData, SimDevice

from firmware import image as im
from firmware.bus.line import Line
from firmware.bus.rtu import Rtu
from firmware.drivers.meter import Meter
from tests_host.bus.house import PROFILES, profile
from tests_host.bus.wire import Devices, Uart, for_seconds, run
from tests_host.fields import columns

BAUD = 19_200
AMPS, WATTS = (10.0, 5.0, 2.0), (2200.0, -1100.0, 400.0)
KINDS = {
    "u16": "UINT16", "i16": "INT16", "u32": "UINT32", "i32": "INT32", "u64": "UINT64",
    "f32": "FLOAT32", "f64": "FLOAT64",
}  # fmt: skip


def meters() -> list[str]:
    """Those that know their legs: one that only knows the sum measures no node."""
    found = []
    for path in sorted(PROFILES.glob("*.json")):
        document = json.loads(path.read_text())
        legs = {row.get("leg") for row in document.get("rows", [])}
        if document.get("role") == "meter" and 1 in legs:
            found.append(path.stem)
    return found


def shown(row: dict[str, Any], legs: int) -> float:
    """What a row says, in V, A, W, Hz, Wh and so on."""
    leg = row.get("leg", 1) - 1
    match row["quantity"]:
        case "voltage":
            return 230_000
        case "current":
            return AMPS[leg] * 1000
        case "power":
            return WATTS[leg] if "leg" in row or legs == 1 else sum(WATTS)
        case "frequency":
            return 50_000
    return 12_000


def encoded(document: dict[str, Any]) -> list[int]:
    """All registers of the map, by pymodbus' own encoder: not by what packs profiles."""
    registers = [0] * (max(row["register"] for row in document["rows"]) + 64)
    legs = 3 if any(row.get("leg") == 3 for row in document["rows"]) else 1
    for row in document["rows"]:
        order = row.get("word_order", document["word_order"])
        kind = ModbusClientMixin.DATATYPE[KINDS[row["type"]]]
        raw = shown(row, legs) / row.get("num", 1) * row.get("den", 1) * (row.get("sign", 1) or 1)
        raw = abs(raw) if row["type"].startswith("u") or row.get("sign", 1) == 0 else raw
        words = ModbusClientMixin.convert_to_registers(
            raw if "FLOAT" in kind.name else round(raw),
            kind,
            word_order="little" if order == "low_first" else "big",
        )
        registers[row["register"] : row["register"] + len(words)] = words
    return registers


@pytest.mark.parametrize("name", meters())
def test_its_legs_are_read(name: str) -> None:
    document = json.loads((PROFILES / f"{name}.json").read_text())
    legs = sum(("current", leg) in {(r["quantity"], r.get("leg")) for r in document["rows"]}
               for leg in (1, 2, 3))  # fmt: skip
    data = SimData(0, values=encoded(document), datatype=DataType.REGISTERS)
    address = document["address"]

    async def main() -> None:
        image = im.Image()
        site = image.site
        site[im.LEG_COUNT], site[im.NODE_COUNT] = legs, 1
        site[im.NODE_INSTRUMENT] = im.INSTRUMENT_METER
        columns(site)
        image.commands[im.ISLAND_STATE] = im.ISLAND_GRID
        line = Line(Rtu(Uart(Devices(SimDevice(address, simdata=data)), BAUD), BAUD, 10))
        Meter(image, line, profile(name), address, 0)
        await for_seconds(3, line.run())
        live = image.live
        assert line.report()["meter"]["errors"] == []
        signed = [1000 * (a if w > 0 else -a) for a, w in zip(AMPS, WATTS, strict=True)]
        assert list(live[im.NODE_MA : im.NODE_MA + legs]) == [round(a) for a in signed[:legs]]
        assert list(live[im.NODE_W : im.NODE_W + legs]) == [round(w) for w in WATTS[:legs]]

    run(main)
