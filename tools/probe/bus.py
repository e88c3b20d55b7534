# islet: asks devices by pymodbus' own client; it reads and never writes.
# GPL-3.0-or-later
from __future__ import annotations

import contextlib
import glob
import logging
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from pymodbus.client import ModbusSerialClient, ModbusTcpClient
from pymodbus.exceptions import ConnectionException, ModbusException

from tools.flash import FlashError
from tools.probe.board import BoardClient, Through

logging.getLogger("pymodbus").setLevel(logging.CRITICAL)
NAMES = {1: "illegal function", 2: "illegal data address", 3: "illegal data value", 6: "busy"}


@dataclass(frozen=True)
class Serial:
    """A serial port and how fast; `port` a device file."""

    port: str
    baud: int = 9600
    parity: str = "N"
    stop_bits: int = 1

    def __str__(self) -> str:
        return f"{self.port} at {self.baud} baud 8{self.parity}{self.stop_bits}"


@dataclass(frozen=True)
class Host:
    """Modbus TCP."""

    host: str
    port: int = 502

    def __str__(self) -> str:
        return f"{self.host}:{self.port}"


Wire = Serial | Through
Where = Wire | Host


class Refused(Exception):
    """The device answered that it will not; `code` as in Modbus."""

    def __init__(self, code: int) -> None:
        super().__init__(NAMES.get(code, f"exception {code}"))
        self.code = code


class Bus:
    """`where` opened; requests time out after `timeout_s`."""

    def __init__(self, where: Where, timeout_s: float) -> None:
        self.where = where
        if isinstance(where, Host):
            self._client: Any = ModbusTcpClient(
                where.host, port=where.port, timeout=timeout_s, retries=0
            )
        elif isinstance(where, Through):
            self._client = BoardClient(where, timeout_s)
        else:
            self._client = ModbusSerialClient(
                where.port,
                baudrate=where.baud,
                parity=where.parity,
                stopbits=where.stop_bits,
                timeout=timeout_s,
                retries=0,
            )

    def open(self) -> None:
        """FlashError names what to do."""
        with contextlib.suppress(OSError, ModbusException):
            if self._client.connect():
                return
        if isinstance(self.where, Host):
            raise FlashError(
                f"nobody answers at {self.where}", "is Modbus TCP switched on in the device?"
            )
        if isinstance(self.where, Through):
            raise FlashError(f"{self.where} cannot be opened")
        there = ", ".join(sorted(glob.glob("/dev/tty[UA]*"))) or "none"
        raise FlashError(f"{self.where.port} cannot be opened", f"PORT= one of: {there}")

    def close(self) -> None:
        self._client.close()

    def read(self, unit: int, function: int, register: int, count: int) -> list[int] | None:
        """Registers; None when nobody answers in time; Refused when the device will not."""
        ask = self._client.read_input_registers
        if function == 3:
            ask = self._client.read_holding_registers
        try:
            answer = ask(register, count=count, device_id=unit)
        except ConnectionException as error:
            raise FlashError(f"{self.where}: {error}", "is the cable in?") from None
        except ModbusException:
            self._anew()
            return None
        if answer.isError():
            raise Refused(answer.exception_code)
        if len(answer.registers) != count:
            return None
        return list(answer.registers)

    def _anew(self) -> None:
        """What comes late belongs to nobody."""
        self._client.close()
        self._client.connect()


@contextlib.contextmanager
def opened(where: Where, timeout_s: float) -> Iterator[Bus]:
    bus = Bus(where, timeout_s)
    bus.open()
    try:
        yield bus
    finally:
        bus.close()
