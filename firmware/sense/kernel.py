# islet: the inner loops over the samples, in viper, on integers.
# GPL-3.0-or-later
#
# The same text runs on CPython, where the decorator and the pointers mean nothing; kernel_plain.py
# says the same in few words, and both are tested for equality.
#
# A block is `frames` frames of `stride` 16-bit codes (0...4095). A sample's value is its code less
# the channel's offset, so |value| <= 4095 and a block's sum of squares or products, at most
# 60 * 2**24, fits 30 bits up to 60 frames a block; what is kept is shifted right by SHIFT, so that
# ten blocks fit as well.

from firmware.base.viper import micropython, ptr16, ptr32

SHIFT = 4
FIELDS = 10  # of a channel's row in scan


@micropython.viper
def scan(samples, frames: int, stride: int, offsets, rows, steps):
    """Look at every sample once; `steps`: what the codes 512, 1536, 2560 and 3584 are too wide
    by (erratum RP2040-E11), which sums and squares make up for. Per channel a row of ten:

    0 sum of codes, 1 sum of squares >> 4, 2 lowest, 3 highest code, 4 samples at an end of the
    converter's range, 5 bad: all equal, or three at an end; 6 the squares of the block before;
    and since clear(): 7 sum, 8 squares >> 4, 9 bad blocks."""
    codes = ptr16(samples)
    middles = ptr32(offsets)
    row = ptr32(rows)
    wide = ptr32(steps)
    lower = wide[1]
    lowest_step = wide[0]
    upper = wide[2]
    highest_step = wide[3]
    size = frames * stride
    c = 0
    at = 0
    while c < stride:
        middle = middles[c]
        total = 0
        squares = 0
        lowest = 4095
        highest = 0
        i = c
        while i < size:
            code = codes[i]
            if code < lowest:
                lowest = code
            if code > highest:
                highest = code
            if code > 2560:
                if code > 3584:
                    code += highest_step
                code += upper
            elif code < 1536:
                if code < 512:
                    code -= lowest_step
                code -= lower
            total += code
            code -= middle
            squares += code * code
            i += stride
        rails = 0
        if lowest == 0 or highest == 4095:
            i = c
            while i < size:
                if (codes[i] + 1) & 4094 == 0:  # 0 or 4095
                    rails += 1
                i += stride
        squares = squares >> 4
        bad = 0
        if lowest == highest:
            bad = 1
        if rails >= 3:
            bad = 1
        row[at + 6] = row[at + 1]
        row[at] = total
        row[at + 1] = squares
        row[at + 2] = lowest
        row[at + 3] = highest
        row[at + 4] = rails
        row[at + 5] = bad
        row[at + 7] = row[at + 7] + total
        row[at + 8] = row[at + 8] + squares
        row[at + 9] = row[at + 9] + bad
        at += 10
        c += 1


@micropython.viper
def fast(rows, channels, fields, count: int, gains, shifts, live) -> int:
    """RMS over the last two blocks of each of `count` channels into its field of `live`; how many
    of them are bad. The factors are those of a window of ten blocks."""
    row = ptr32(rows)
    channel = ptr32(channels)
    field = ptr32(fields)
    gain = ptr32(gains)
    shift = ptr32(shifts)
    reading = ptr32(live)
    bad = 0
    i = 0
    while i < count:
        c = channel[i]
        at = c * 10
        squares = (row[at + 6] + row[at + 1]) * 5
        reading[field[i]] = int(rms(squares, gain[c], shift[c]))
        bad += row[at + 5]
        i += 1
    return bad


@micropython.viper
def clear(rows, stride: int):
    """Begin a new window."""
    row = ptr32(rows)
    at = 0
    end = stride * 10
    while at < end:
        row[at + 7] = 0
        row[at + 8] = 0
        row[at + 9] = 0
        at += 10


@micropython.viper
def product(samples, frames: int, stride: int, a: int, b: int, a0: int, b0: int) -> int:
    """Sum of a[n] * b[n], >> 4. Offsets a0, b0."""
    codes = ptr16(samples)
    total = 0
    n = 0
    while n < frames:
        total += (codes[a] - a0) * (codes[b] - b0)
        a += stride
        b += stride
        n += 1
    return total >> 4


@micropython.viper
def product_late(
    samples, frames: int, stride: int, a: int, b: int, a0: int, b0: int, before: int
) -> int:
    """Sum of a[n-1] * b[n], >> 4; `before` is the code of a before this block."""
    codes = ptr16(samples)
    total = 0
    x = before - a0
    n = 0
    while n < frames:
        total += x * (codes[b] - b0)
        x = codes[a] - a0
        a += stride
        b += stride
        n += 1
    return total >> 4


@micropython.viper
def crossing(
    samples, frames: int, stride: int, c: int, middle: int, hysteresis: int, state
) -> int:
    """Where channel c crosses its middle upwards: 1/256 frames from one frame before the block,
    or -1. state = [last code, armed]; it arms below -hysteresis. At most one a block counts."""
    codes = ptr16(samples)
    memory = ptr32(state)
    last = memory[0] - middle
    armed = memory[1]
    found = -1
    n = 0
    while n < frames:
        x = codes[c] - middle
        if armed:
            if x >= 0:
                armed = 0
                if found < 0 and last < 0:
                    # a quotient without //, which viper lacks: (0 - last) * 256 / (x - last)
                    rest = 0 - last
                    span = x - last
                    part = 0
                    bit = 0
                    while bit < 8:
                        rest = rest << 1
                        part = part << 1
                        if rest >= span:
                            rest -= span
                            part += 1
                        bit += 1
                    found = (n << 8) + part
        elif x < 0 - hysteresis:
            armed = 1
        last = x
        c += stride
        n += 1
    memory[0] = last + middle
    memory[1] = armed
    return found


@micropython.viper
def plateaus(samples, frames: int, stride: int, c: int, lowest: int, highest: int, result):
    """Split channel c at the middle of its range and average each side's plateau.

    result = [sum, count] of the codes within 1/32 of the range below the highest, then
    above the lowest, then how often it rose through the middle. An edge caught by a sample lies
    outside both, or moves the mean by less than it."""
    codes = ptr16(samples)
    out = ptr32(result)
    middle = (lowest + highest) >> 1
    margin = (highest - lowest) >> 5
    top = highest - margin
    bottom = lowest + margin
    high_sum = 0
    high_count = 0
    low_sum = 0
    low_count = 0
    rises = 0
    above = 1
    n = 0
    while n < frames:
        code = codes[c]
        if code > middle:
            if not above:
                rises += 1
            above = 1
        else:
            above = 0
        if code >= top:
            high_sum += code
            high_count += 1
        if code <= bottom:
            low_sum += code
            low_count += 1
        c += stride
        n += 1
    out[0] = high_sum
    out[1] = high_count
    out[2] = low_sum
    out[3] = low_count
    out[4] = rises


@micropython.viper
def rms(squares: int, gain: int, shift: int) -> int:
    """sqrt(squares) * gain / 2**shift, rounded down; 0 <= squares < 2**30, 0 <= gain < 2**15.

    The square is first brought to 2**28 ... 2**30, so that its root has 15 bits."""
    result = 0
    if squares > 0:
        while squares < 0x10000000:
            squares = squares << 2
            shift += 1
        bit = 0x10000000
        while bit:
            step = result + bit
            result = result >> 1
            if squares >= step:
                squares -= step
                result += bit
            bit = bit >> 2
        result = (result * gain) >> shift
    return result
