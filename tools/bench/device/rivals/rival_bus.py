# islet: a Modbus device that is silent, asked by micropython-modbus and by islet's bus.
# GPL-3.0-or-later

import sys

from machine import UART, Pin
from rival_hold import longest_us

from firmware.bus import pdu, rtu
from firmware.bus.peer import CODE_NAMES, TIMEOUT, Peer
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


async def _read(master, peer):
    code = await master.read(peer, pdu.READ_INPUT, 0, _REGISTERS)
    if code != TIMEOUT:
        raise ValueError(CODE_NAMES[code])


def islet(_limit_ms):
    Pin(_RX, Pin.IN, Pin.PULL_UP)
    uart = UART(0, baudrate=_BAUD, tx=Pin(_TX), rx=Pin(_RX), txbuf=264, rxbuf=512)
    line = Rs485(0, uart, _TX, _DE, _BAUD, "N", 1)
    # made once, at a box's start, as the rival's object is before it is measured
    master, peer = rtu.Rtu(line, _BAUD, 10), Peer("silent", _SILENT, _TIMEOUT_MS)
    us = longest_us(_read(master, peer))
    line.stop()
    return {"hold_us": us}
