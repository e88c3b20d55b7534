# islet: how a family is commanded: its writes and the order they go in, from its packed profile.
# GPL-3.0-or-later
#
# Packed, big endian, where the profile's head says:
#
#   head   u8 controls  u8 writes    u16 period_ms  u8 write that carries the lease, NONE if none
#          u16 least_s  u16 most_s   u8 then        u8 measured
#   write  u8 function  u8 type      u16 register   u8 unit    i8 sign    u16 num    u16 den
#          i32 most     u8 wear      u8 address     u16 table of values never to be written
#   plans  charge, discharge, zero, release: u8 requests, each u8 items, each
#          u8 write     u8 what      i32 value
#   table  u8 values, each i32
#
# sign: 1 where + in the register charges, -1 where + discharges, 0 a magnitude.

import struct

from firmware.base.viper import const
from firmware.bus.registers import INVALID
from firmware.drivers.profile import LOW_FIRST

HEAD = ">BBHBHHBB"
WRITE = ">BBHBbHHiBBH"
ITEM = ">BBi"
NONE = 255
PLANS = ("charge", "discharge", "zero", "release")
CHARGE, DISCHARGE, ZERO, RELEASE = 0, 1, 2, 3
UNITS = ("", "W", "%", "s", "min", "A")
PERCENT, MINUTES = 2, 4
WEARS = ("ram", "eeprom", "flash", "unknown")
CONTROLS = ("ac", "battery", "grid")
BATTERY = 1
THENS = ("own_mode", "stops", "goes_on", "unknown")
VALUES = ("", "watts", "lease")  # a constant, or what it stands for
WATTS, LEASE = 1, 2

# columns of a write
FUNCTION, TYPE, REGISTER, UNIT, SIGN, NUM, DEN, MOST, WEAR, ADDRESS, NEVER = range(11)

_FLOAT32 = const(0)
_INT32 = const(1)
_UINT16 = const(2)


class Plans:
    """Of a packed profile that has them, at byte `place`."""

    def __init__(self, packed, place):
        self.packed = packed
        (
            self.controls,
            count,
            self.period_ms,
            self.lease,
            self.least_s,
            self.most_s,
            self.then,
            self.measured,
        ) = struct.unpack_from(HEAD, packed, place)
        at = place + struct.calcsize(HEAD)
        size = struct.calcsize(WRITE)
        self.writes = [struct.unpack_from(WRITE, packed, at + i * size) for i in range(count)]
        at += count * size
        self.plans = []  # requests of each: (write, what, value) of each item
        for _ in PLANS:
            requests, at = _requests(packed, at)
            self.plans.append(requests)

    def raw(self, item, w, lease_s, rating_w):
        """What an item puts into its registers, of the device's unit; INVALID where it may not.

        Rounded towards zero, and never above the most it takes: less flows, not more.
        """
        which, what, value = item
        write = self.writes[which]
        if what == LEASE:
            value = (lease_s + 59) // 60 if write[UNIT] == MINUTES else lease_s
        elif what == WATTS:
            magnitude = abs(w)
            if write[UNIT] == PERCENT:
                if rating_w <= 0:
                    return INVALID
                magnitude = magnitude * 100 * write[DEN] // (rating_w * write[NUM])
            else:
                magnitude = magnitude * write[DEN] // write[NUM]
            value = min(magnitude, write[MOST])
            if write[SIGN]:
                value = value * write[SIGN] if w > 0 else -value * write[SIGN]
        return INVALID if self.forbidden(write, value) else value

    def forbidden(self, write, value):
        """Whether the device must never be told this."""
        place = write[NEVER]
        for i in range(self.packed[place] if place else 0):
            if struct.unpack_from(">i", self.packed, place + 1 + 4 * i)[0] == value:
                return True
        return False

    def words(self, which, value):
        """The registers of a write that hold the value, as the device orders them."""
        kind = self.writes[which][TYPE]
        if kind & 7 in (_UINT16, _UINT16 + 1):
            return (value & 0xFFFF,)
        if kind & 7 == _FLOAT32:
            high, low = float_words(value)
        else:
            high, low = value >> 16 & 0xFFFF, value & 0xFFFF
        return (low, high) if kind & LOW_FIRST else (high, low)

    def carries(self, request, what):
        """Whether a request carries the watts, or the lease."""
        for item in request:
            if item[1] == what:
                return True
        return False


def _requests(packed, at):
    """The requests of a plan, and where they end."""
    requests = []
    count = packed[at]
    at += 1
    for _ in range(count):
        items = []
        size = packed[at]
        at += 1
        for _ in range(size):
            items.append(struct.unpack_from(ITEM, packed, at))
            at += struct.calcsize(ITEM)
        requests.append(tuple(items))
    return requests, at


def float_words(value):
    """IEEE 754 single of an integer below 2**24, as two words."""
    if value == 0:
        return 0, 0
    sign = 0x8000 if value < 0 else 0
    value = abs(value)
    exponent = 150
    while value < 0x800000:
        value <<= 1
        exponent -= 1
    return sign | exponent << 7 | (value >> 16 & 0x7F), value & 0xFFFF
