# islet: Modbus requests and what answers them; the only user of umodbus.
# GPL-3.0-or-later
#
# umodbus' functions write a PDU correctly, and check their arguments, once `signed` is said.
# A reply is compared in place instead: the package's own check looks neither at the function
# nor at the byte count, and copies. Table and functions are tested against pymodbus.

from array import array

from umodbus import const as modbus
from umodbus import functions

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

_CRC = array("H", modbus.CRC16_TABLE)  # an array: a frozen tuple boxes what exceeds 13 bits


def crc16(frame, start, end):
    """Modbus CRC of frame[start:end]; over a frame with its CRC it is 0."""
    crc = 0xFFFF
    for i in range(start, end):
        crc = (crc >> 8) ^ _CRC[(crc ^ frame[i]) & 0xFF]
    return crc


def read(function, register, count):
    """Request for `count` registers, function READ_HOLDING or READ_INPUT."""
    if function == READ_HOLDING:
        return functions.read_holding_registers(register, count)
    if function == READ_INPUT:
        return functions.read_input_registers(register, count)
    raise ValueError("function: {} is not 3 or 4".format(function))


def write(register, values):
    """Request to write registers with function 16; values from 0 to 65535."""
    return functions.write_multiple_registers(register, values, signed=False)


def write_single(register, value):
    """Request to write one register with function 6; value from 0 to 65535."""
    return functions.write_single_register(register, value, signed=False)


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
