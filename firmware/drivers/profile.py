# islet: a family of devices as data, packed from firmware/profiles/*.json.
# GPL-3.0-or-later
#
# Packed, big endian: a head of 16 bytes, 24 bytes a row, plans (drivers/plans.py), tables.
#
#   head  u8 format (2)   u8 rows       u8 role         u8 least sureness   u16 timeout_ms
#         u16 pause_ms    u16 sample_ms u8 gap          u8 address          u16 place of the plans,
#                                         0: read only        u16 size of it all
#   row   u8 quantity     u8 leg        u8 function     u8 type             u16 register
#         u8 every        i8 sign       u16 num         u16 den             i32 low      i32 high
#         u8 address      u8 factor     u16 table, its place in the bytes, 0 if there is none
#   table u8 entries, each u8 meaning and then the raw registers as they come over the line
#
# leg is 0 for L1 … 2 for L3, 3 for the whole. type has LOW_FIRST added where the low word comes
# first. every: the row is read in every n-th poll. The project's unit is raw * num / den * sign,
# in whole mV, mA, W … by quantity; low and high are its plausible range. sign 0: a magnitude.
# factor: so many registers behind it stands a power of ten that belongs to it, 0 if none does.

import struct

from firmware.base.viper import const
from firmware.bus.registers import (
    INVALID,
    MAX_DEN,
    MAX_NUM,
    double_scaled,
    float_scaled,
    scaled,
    signed16,
    signed32,
    unsigned16,
    unsigned32,
)

FORMAT = 2
HEAD = ">BBBBHHHBBHH"
ROW = ">BBBBHBbHHiiBBH"
HEAD_SIZE = struct.calcsize(HEAD)
ROW_SIZE = struct.calcsize(ROW)

VOLTAGE, CURRENT, POWER, FREQUENCY = 0, 1, 2, 3
WHOLE = 3  # the leg of a row that is not of one leg
# name, project's unit; the first four are a meter's
QUANTITIES = (
    ("voltage", "mV"),
    ("current", "mA"),
    ("power", "W"),
    ("frequency", "mHz"),
    ("battery_power", "W"),
    ("soc", "permille"),
    ("state", ""),
    ("fault", ""),
    ("direction", ""),
    ("charge_max", "W"),
    ("discharge_max", "W"),
    ("rating", "W"),
    ("charged", "Wh"),
    ("discharged", "Wh"),
    ("imported", "Wh"),
    ("exported", "Wh"),
)

LOW_FIRST = 8
FACTOR_MOST = 10  # a power of ten beyond is none
# name, registers
TYPES = (
    ("f32", 2),
    ("i32", 2),
    ("u16", 1),
    ("i16", 1),
    ("u32", 2),
    ("u64", 4),
    ("f64", 4),
)
_FLOAT32 = const(0)
_INT32 = const(1)
_UINT16 = const(2)
_INT16 = const(3)
_UINT32 = const(4)
_UINT64 = const(5)

MEANINGS = (  # of a state's or a direction's raw values
    "off",
    "standby",
    "starting",
    "run",
    "island",
    "fault",
    "no_car",
    "waiting",
    "charging",
    "feeding",
    "charge",
    "discharge",
)
MASK = 254  # any of these bits is a fault
ABSENT = 255  # the registers say that there is nothing

# columns of a row
(
    QUANTITY,
    LEG,
    FUNCTION,
    TYPE,
    REGISTER,
    EVERY,
    SIGN,
    NUM,
    DEN,
    LOW,
    HIGH,
    ADDRESS,
    FACTOR,
    TABLE,
) = range(14)


class Profile:
    """The rows of a packed profile, as tuples in the order of the columns above.

    meter: only what a meter gives, voltage, current and power of each leg and the frequency.
    """

    def __init__(self, packed, meter=False):
        head = struct.unpack_from(HEAD, packed, 0)
        form, count, self.role, self.sure, self.timeout_ms, self.pause_ms, self.sample_ms = head[
            :7
        ]
        if form != FORMAT or head[-1] != len(packed):
            raise ValueError("profile: not in packed format {}".format(FORMAT))
        self.packed = packed
        self.rows = [row for row in _rows(packed, count) if not meter or _of_meter(row)]

    def find(self, quantity, leg):
        """Index of the row that measures this, or -1."""
        for i in range(len(self.rows)):
            if self.rows[i][QUANTITY] == quantity and self.rows[i][LEG] == leg:
                return i
        return -1

    def meaning(self, row, frame, at):
        """What the row's table says of the registers at byte `at`, -1 if it does not know."""
        packed, place = self.packed, row[TABLE]
        if not place:
            return -1
        size = 2 * TYPES[row[TYPE] & 7][1]
        for i in range(packed[place]):
            entry = place + 1 + i * (size + 1)
            masked = packed[entry] == MASK
            equal = not masked
            for k in range(size):
                raw, said = frame[at + k], packed[entry + 1 + k]
                if masked:
                    equal = equal or raw & said
                else:
                    equal = equal and raw == said
            if equal:
                return packed[entry]
        return -1

    def value(self, row, frame, at):
        """The row's value in the project's unit from the registers at byte `at`, or INVALID."""
        if row[TABLE] and self.meaning(row, frame, at) == ABSENT:
            return INVALID
        if row[FACTOR]:
            return tenfold(row, frame, at)
        return value_of(row, frame, at, row[NUM], row[DEN])


def _rows(packed, count):
    for i in range(count):
        yield struct.unpack_from(ROW, packed, HEAD_SIZE + i * ROW_SIZE)


def _of_meter(row):
    return row[QUANTITY] <= FREQUENCY and (row[QUANTITY] == FREQUENCY or row[LEG] != WHOLE)


def tenfold(row, frame, at):
    """Likewise, times the power of ten that stands behind it; INVALID where that cannot be."""
    power, num, den = signed16(frame, at + 2 * row[FACTOR]), row[NUM], row[DEN]
    if not -FACTOR_MOST <= power <= FACTOR_MOST:  # "not implemented" is none either
        return INVALID
    while power > 0:
        power -= 1
        if den % 10 == 0:
            den //= 10
        else:
            num *= 10
    while power < 0:
        power += 1
        if num % 10 == 0:
            num //= 10
        else:
            den *= 10
    if num > MAX_NUM or den > MAX_DEN:
        return INVALID
    return value_of(row, frame, at, num, den)


def value_of(row, frame, at, num, den):
    """The registers times num / den, whatever its table says."""
    kind = row[TYPE] & 7
    if kind == _UINT16:
        value = scaled(unsigned16(frame, at), num, den)
    elif kind == _INT16:
        value = scaled(signed16(frame, at), num, den)
    else:
        step = -2 if row[TYPE] & LOW_FIRST else 2
        high = at + 2 * TYPES[kind][1] - 2 if step < 0 else at
        if kind == _FLOAT32:
            words = unsigned16(frame, high), unsigned16(frame, high + step)
            value = float_scaled(words[0], words[1], num, den)
        elif kind == _INT32:
            value = scaled(signed32(frame, high, high + step), num, den)
        elif kind == _UINT32:
            value = scaled(unsigned32(frame, high, high + step), num, den)
        elif kind == _UINT64:
            far = unsigned16(frame, high) or unsigned16(frame, high + step)
            low = unsigned32(frame, high + 2 * step, high + 3 * step)
            value = INVALID if far else scaled(low, num, den)
        else:
            value = double_scaled(frame, high, step, num, den)
    return value if value == INVALID or row[SIGN] >= 0 else -value
