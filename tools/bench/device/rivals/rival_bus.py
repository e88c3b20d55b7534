# islet: a Modbus device that is silent, asked by micropython-modbus and by islet's bus.
# GPL-3.0-or-later

import sys

from machine import UART, Pin
from rival_hold import longest_us

from firmware.bus import pdu, rtu
from firmware.chips.rp2_serial import Rs485

_BAUD, _TX, _RX, _DE = 19_200, 0, 1, 2
_SILENT = 9  # an address that nobody has
_REGISTERS = 18
_TIMEOUT_MS = 200


async def _ask(host):
    try:
        host.read_input_registers(_SILENT, 0, _REGISTERS)
    except OSError:  # no data received
        return
    raise ValueError("somebody answered")


def rival(_limit_ms):
    from umodbus.serial import Serial

    host = Serial(0, _BAUD, pins=(Pin(_TX), Pin(_RX)), ctrl_pin=_DE)
    us = longest_us(_ask(host))
    for name in [name for name in sys.modules if name.startswith("umodbus")]:
        del sys.modules[name]
    return {"hold_us": us}


async def _read(line):
    peer = rtu.Peer("silent", _SILENT, _TIMEOUT_MS)
    code = await rtu.Rtu(line, _BAUD, 10).read(peer, pdu.READ_INPUT, 0, _REGISTERS)
    if code != rtu.TIMEOUT:
        raise ValueError(rtu.CODE_NAMES[code])


def islet(_limit_ms):
    Pin(_RX, Pin.IN, Pin.PULL_UP)
    uart = UART(0, baudrate=_BAUD, tx=Pin(_TX), rx=Pin(_RX), txbuf=264, rxbuf=512)
    line = Rs485(0, uart, _TX, _DE, _BAUD, "N", 1)
    us = longest_us(_read(line))
    line.stop()
    return {"hold_us": us}
