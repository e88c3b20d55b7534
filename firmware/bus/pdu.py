# islet: Modbus requests and what answers them (Modbus application protocol V1.1b3).
# GPL-3.0-or-later
#
# Four functions of the protocol, by hand: the package that had them took 6 kB of a chip's heap. A
# reply is compared in place. Requests and check are tested against pymodbus.

import struct
from array import array

from firmware.base.viper import micropython, ptr8, ptr16

READ_HOLDING = 3
READ_INPUT = 4
WRITE_SINGLE = 6
WRITE_MULTIPLE = 16
EXCEPTION = 0x80  # added to the function code of a refusal
ACKNOWLEDGE, BUSY = 5, 6  # exceptions: accepted, it takes a while; ask again later
MAX_READ = 125  # registers
MAX_WRITE = 123

EXCEPTION_NAMES = (
    "",
    "illegal function",
    "illegal data address",
    "illegal data value",
    "device failure",
    "acknowledge",
    "device busy",
    "negative acknowledge",
    "memory parity error",
    "",
    "gateway path unavailable",
    "gateway target silent",
)


def _table():
    """Of the CRC's polynomial, reflected: that of each bit, and the sums of those."""
    table = array("H", [0] * 256)
    crc = 1
    step = 128
    while step:
        crc = crc >> 1 ^ (0xA001 if crc & 1 else 0)
        for i in range(0, 256, 2 * step):
            table[i + step] = crc ^ table[i]
        step >>= 1
    return table


_CRC = _table()


@micropython.viper
def crc16(frame, start: int, end: int) -> int:
    """Modbus CRC of frame[start:end]; over a frame with its CRC it is 0."""
    data = ptr8(frame)
    table = ptr16(_CRC)
    crc = 0xFFFF
    i = start
    while i < end:
        crc = (crc >> 8) ^ table[(crc ^ data[i]) & 0xFF]
        i += 1
    return crc


def read(function, register, count):
    """Request for `count` registers, function READ_HOLDING or READ_INPUT."""
    if function not in (READ_HOLDING, READ_INPUT):
        raise ValueError("function: {} is not 3 or 4".format(function))
    if not 0 <= register <= 0xFFFF or not 1 <= count <= MAX_READ:  # a call less each time
        _place(register)
        _count(count, MAX_READ)
    return struct.pack(">BHH", function, register, count)


def write(register, values):
    """Request to write registers with function 16; values from 0 to 65535."""
    count = _count(len(values), MAX_WRITE)
    head = struct.pack(">BHHB", WRITE_MULTIPLE, _place(register), count, 2 * count)
    return head + b"".join([_word(value) for value in values])


def write_single(register, value):
    """Request to write one register with function 6; value from 0 to 65535."""
    return struct.pack(">BH", WRITE_SINGLE, _place(register)) + _word(value)


def _place(register):
    if not 0 <= register <= 0xFFFF:
        raise ValueError("register: {} is not 0 to 65535".format(register))
    return register


def _count(count, most):
    if not 1 <= count <= most:
        raise ValueError("count: {} is not 1 to {}".format(count, most))
    return count


def _word(value):
    if not 0 <= value <= 0xFFFF:  # MicroPython would cut it off
        raise ValueError("value: {} is not 0 to 65535".format(value))
    return struct.pack(">H", value)


def reply_size(request):
    """Bytes of the reply's frame, address and CRC included."""
    if request[0] <= READ_INPUT:
        return 5 + 2 * (request[3] << 8 | request[4])
    return 8


def answers(request, frame, start):
    """Whether frame[start:], after its address, starts as the reply to this request must.

    A read returns function and byte count, a write the first five bytes of the request.
    """
    if frame[start + 1] != request[0]:
        return False
    if request[0] <= READ_INPUT:
        return frame[start + 2] == 2 * (request[3] << 8 | request[4])
    for i in range(1, 5):
        if frame[start + 1 + i] != request[i]:
            return False
    return True
