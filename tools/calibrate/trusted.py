# islet: what the trusted instrument says: typed by a person, or read from a Modbus meter.
# GPL-3.0-or-later
from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, Protocol

from tools.calibrate import Doubt
from tools.pack.profiles import RANGES
from tools.workshop import ROOT

UNITS = {"voltage": "V", "current": "A", "power": "W"}


class Trusted(Protocol):
    """Volts, amperes and watts of a leg (0 first)."""

    def read(self, quantity: str, leg: int) -> float: ...


class Typed:
    """A person reads it off."""

    def __init__(self, ask: Callable[[str], str]) -> None:
        self._ask = ask

    def read(self, quantity: str, leg: int) -> float:
        unit = UNITS[quantity]
        while True:
            text = self._ask(f"what does it say: {quantity} of L{leg + 1} in {unit}? ")
            try:
                return float(text.replace(",", ".").removesuffix(unit).strip())
            except ValueError:
                pass


class ModbusMeter:
    """A meter of firmware/profiles, by its profile, through pymodbus: no code in common with what
    it is to check. `port`: a serial port, or tcp:HOST:PORT."""

    def __init__(
        self, port: str, profile: str, address: int, baud: int = 9600, parity: str = "N"
    ) -> None:
        from pymodbus.client import ModbusSerialClient, ModbusTcpClient

        path = ROOT / "firmware/profiles" / f"{profile}.json"
        if not path.exists():
            names = ", ".join(sorted(p.stem for p in path.parent.glob("*.json")))
            raise Doubt(f"PROFILE: {profile} is not one of {names}")
        self._profile = json.loads(path.read_text())
        self._address = address
        self._client: Any
        if port.startswith("tcp:"):
            host, _, number = port.removeprefix("tcp:").partition(":")
            self._client = ModbusTcpClient(host, port=int(number or 502), timeout=1)
        else:
            self._client = ModbusSerialClient(port, baudrate=baud, parity=parity, timeout=1)
        if not self._client.connect():
            raise Doubt(f"METER: cannot open {port}")

    def read(self, quantity: str, leg: int) -> float:
        """In V, A or W; the profile counts in mV, mA and W."""
        for row in self._profile["rows"]:
            if row["quantity"] == quantity and row.get("leg") == leg + 1:
                steps = row.get("num", 1) / row.get("den", 1) * (row.get("sign", 1) or 1)
                if "factor" in row:
                    steps *= 10.0 ** self._register(
                        row | {"register": row["factor"], "type": "i16"}
                    )
                value = self._register(row) * steps
                _, _, low, high = RANGES[quantity]
                if not row.get("low", low) <= value <= row.get("high", high):
                    raise Doubt(f"METER: {quantity} of L{leg + 1} is {value:g}, out of its range")
                return value / (1 if quantity == "power" else 1000)
        raise Doubt(f"METER: {self._profile['name']} has no {quantity} of L{leg + 1}")

    def _register(self, row: dict[str, Any]) -> float:
        client = self._client
        types = {
            "f32": (client.DATATYPE.FLOAT32, 2),
            "f64": (client.DATATYPE.FLOAT64, 4),
            "i32": (client.DATATYPE.INT32, 2),
            "u32": (client.DATATYPE.UINT32, 2),
            "u64": (client.DATATYPE.UINT64, 4),
            "u16": (client.DATATYPE.UINT16, 1),
            "i16": (client.DATATYPE.INT16, 1),
        }
        kind, count = types[row["type"]]
        read = (
            client.read_input_registers if row["function"] == 4 else client.read_holding_registers
        )
        answer = read(row["register"], count=count, device_id=self._address)
        if answer.isError():
            raise Doubt(f"METER: no answer from unit {self._address}: {answer}")
        order = row.get("word_order", self._profile.get("word_order", "high_first"))
        return client.convert_from_registers(
            answer.registers, kind, word_order="big" if order == "high_first" else "little"
        )

    def close(self) -> None:
        self._client.close()
