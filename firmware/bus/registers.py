# islet: numbers out of registers, by integers alone.
# GPL-3.0-or-later
#
# Every intermediate stays within 30 bits, where the chip's integers need no heap, for factors up
# to MAX_NUM and divisors up to MAX_DEN.

MAX_NUM = 16_383  # times 16 bits of fraction
MAX_DEN = 65_535  # times MAX_NUM

INVALID = -0x3FFFFFFF  # not a number, or beyond 30 bits
_LIMIT = 0x3FFFFFFE


def unsigned16(frame, at):
    """Register at byte `at`."""
    return frame[at] << 8 | frame[at + 1]


def signed16(frame, at):
    """Register at byte `at`, two's complement."""
    value = frame[at] << 8 | frame[at + 1]
    return value - 0x10000 if value & 0x8000 else value


def signed32(frame, high, low):
    """Registers at bytes `high` and `low`, two's complement, or INVALID beyond 30 bits."""
    top = signed16(frame, high)
    return top * 0x10000 + unsigned16(frame, low) if -0x4000 < top < 0x4000 else INVALID


def unsigned32(frame, high, low):
    """Registers at bytes `high` and `low`, or INVALID beyond 30 bits."""
    top = unsigned16(frame, high)
    return top * 0x10000 + unsigned16(frame, low) if top < 0x4000 else INVALID


def scaled(value, num, den):
    """value * num / den rounded half away from zero, or INVALID."""
    if value == INVALID:
        return INVALID
    if value < 0:
        value = scaled(-value, num, den)
        return value if value == INVALID else -value
    if value // den > _LIMIT // num:
        return INVALID
    whole = value // den * num
    rest = (value % den * num + den // 2) // den
    return whole + rest if whole <= _LIMIT - rest else INVALID


def float_scaled(high, low, num, den):
    """IEEE 754 single of two words, times num / den, as an integer; INVALID if it has none.

    In integers: the chip's own float has the same 24 bits, and loses some in the product.
    """
    exponent = (high >> 7) & 0xFF
    if exponent == 255:  # infinite or not a number
        return INVALID
    if exponent == 0:  # zero or denormal, far below any unit
        return 0
    mantissa = 0x800000 | (high & 0x7F) << 16 | low  # value is mantissa * 2**-shift
    shift = 150 - exponent
    if shift > 48:
        return 0
    if shift <= 0:
        if shift < -6:
            return INVALID
        whole, fraction = mantissa << -shift, 0
    elif shift <= 16:
        whole, fraction = mantissa >> shift, (mantissa & ((1 << shift) - 1)) << (16 - shift)
    elif shift < 30:
        whole, fraction = mantissa >> shift, (mantissa & ((1 << shift) - 1)) >> (shift - 16)
    else:
        whole, fraction = 0, mantissa >> (shift - 16)
    if whole > (_LIMIT - den) // num - 1:
        return INVALID
    magnitude = whole * num + (fraction * num >> 16)
    # the fraction's own rounding only when nothing divides afterwards
    if den == 1:
        magnitude += (fraction * num >> 15) & 1
    else:
        magnitude = (magnitude + den // 2) // den
    return -magnitude if high & 0x8000 else magnitude


def double_scaled(frame, high, step, num, den):
    """IEEE 754 double, its highest word at byte `high` and the next `step` further, likewise: cut
    to a single, which has more bits than a reading."""
    top = unsigned16(frame, high)
    exponent = (top >> 4 & 0x7FF) - 1023 + 127
    if exponent <= 0:
        return 0
    if exponent >= 255:
        return INVALID
    fraction = (top & 0xF) << 19 | unsigned16(frame, high + step) << 3
    fraction |= unsigned16(frame, high + 2 * step) >> 13
    word = top & 0x8000 | exponent << 7 | fraction >> 16
    return float_scaled(word, fraction & 0xFFFF, num, den)
