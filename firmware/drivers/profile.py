# islet: a meter as rows of data, packed from firmware/profiles/*.json.
# GPL-3.0-or-later
#
# Packed, big endian: a head of 8 bytes, then 24 bytes a row.
#
#   head  u8 format (1)   u8 rows      u16 timeout_ms   u16 sample_ms   u16 reserved
#   row   u8 quantity     u8 leg       u8 function      u8 type         u16 register
#         u8 every        i8 sign      i32 num          i32 den         i32 low      i32 high
#
# leg is 0 for L1 … 2 for L3, 3 for the whole. type has LOW_FIRST added where the low word comes
# first. every: the row is read in every n-th poll. The project's unit is raw * num / den * sign,
# in whole mV, mA, W or mHz by quantity; low and high are its plausible range.

import struct

from firmware.bus.registers import INVALID, float_scaled, scaled, signed16, signed32, unsigned16

FORMAT = 1
HEAD = ">BBHHH"
ROW = ">BBBBHBbiiii"
HEAD_SIZE = struct.calcsize(HEAD)
ROW_SIZE = struct.calcsize(ROW)

VOLTAGE, CURRENT, POWER, FREQUENCY = 0, 1, 2, 3
WHOLE = 3  # the leg of a row that is not of one leg
# name, project's unit, lowest and highest a profile may allow
QUANTITIES = (
    ("voltage", "mV", 0, 600_000),
    ("current", "mA", -2_000_000, 2_000_000),
    ("power", "W", -1_000_000, 1_000_000),
    ("frequency", "mHz", 0, 70_000),
)

FLOAT32, INT32, UINT16, INT16 = 0, 1, 2, 3
LOW_FIRST = 8
# name, registers
TYPES = (("float32", 2), ("i32", 2), ("u16", 1), ("i16", 1))

# columns of a row
QUANTITY, LEG, FUNCTION, TYPE, REGISTER, EVERY, SIGN, NUM, DEN, LOW, HIGH = range(11)


class Profile:
    """The rows of a packed profile, as tuples in the order of the columns above."""

    def __init__(self, packed):
        version, count, self.timeout_ms, self.sample_ms, _ = struct.unpack_from(HEAD, packed, 0)
        if version != FORMAT or len(packed) != HEAD_SIZE + count * ROW_SIZE:
            raise ValueError("profile: not in packed format {}".format(FORMAT))
        self.rows = [
            struct.unpack_from(ROW, packed, HEAD_SIZE + i * ROW_SIZE) for i in range(count)
        ]

    def find(self, quantity, leg):
        """Index of the row that measures this, or -1."""
        for i in range(len(self.rows)):
            if self.rows[i][QUANTITY] == quantity and self.rows[i][LEG] == leg:
                return i
        return -1


def value_of(row, frame, at):
    """The row's value in the project's unit from the registers at byte `at`, or INVALID."""
    kind, num, den = row[TYPE] & 7, row[NUM], row[DEN]
    if kind == UINT16:
        value = scaled(unsigned16(frame, at), num, den)
    elif kind == INT16:
        value = scaled(signed16(frame, at), num, den)
    else:
        high = at + 2 if row[TYPE] & LOW_FIRST else at
        low = 2 * at + 2 - high
        if kind == FLOAT32:
            value = float_scaled(unsigned16(frame, high), unsigned16(frame, low), num, den)
        else:
            value = scaled(signed32(frame, high, low), num, den)
    return value if value == INVALID else value * row[SIGN]
