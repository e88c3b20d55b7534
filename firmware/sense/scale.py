# islet: from sums of codes to mA, mV and W, in integers of 30 bits.
# GPL-3.0-or-later
#
# A factor is kept as (gain, shift): factor = gain / 2**shift with gain in 2**14 ... 2**15, so a
# value below 2**15 times gain stays below 2**30. The factors are made once, with floats; what runs
# on samples has none.

_MOST = 1 << 15


def factor(value, most=_MOST):
    """(gain, shift) of a positive number, gain below `most`."""
    shift = 0
    while value * 2 < most:
        value *= 2
        shift += 1
    return min(int(value + 0.5), most - 1), shift


def signed(total, gain, shift):
    """factor * total, |total| < 2**30."""
    size = total if total >= 0 else -total
    while size >= 0x8000:
        size >>= 1
        shift -= 1
    value = (size * gain) >> shift
    return value if total >= 0 else -value


def between(first, second, part):
    """first + (second - first) * part / 1024, 0 <= part <= 1024."""
    step = second - first
    if -0x80000 < step < 0x80000:
        return first + (step * part >> 10)
    return first + (step >> 10) * part
