# islet: the metering chip's words: read, compared, converted; in viper, on integers.
# GPL-3.0-or-later
#
# The same text runs on CPython, where the decorator and the pointers mean nothing. The words of a
# poll stand in this order: MeterEn, a register of the configuration, EMMState1, Freq, the low word
# of the first voltage; and, where it says that the chip has renewed its means: voltages, currents,
# and from index `high` and `low` on the high and low words of the powers, a leg each.

from firmware.base.viper import micropython, ptr8, ptr16, ptr32

METERING, SETTING, STATE, HZ, SIGN, MEANS = 0, 1, 2, 3, 4, 5  # SIGN of a renewal

# Viper's loops name nothing outside: in EMMState1 0x4000 is the sag of phase A, 0x0400 its loss, B
# and C are the bits below.


@micropython.viper
def scan(select, transfer, frames, received, words, first: int, end: int):
    """Send the frames from `first` on and keep the words that come back."""
    got = ptr8(received)
    out = ptr16(words)
    i = first
    while i < end:
        select(0)
        transfer(frames[i], received)
        select(1)
        out[i] = got[2] << 8 | got[3]
        i += 1


@micropython.viper
def doubts(words, last, end: int, high: int, low: int) -> int:
    """Bits of the words below `end` to read again: a changed state, a jump by more than an eighth,
    of the high word of a power by more than one; and with the means always the sign of a renewal,
    for all of them must be of the same."""
    now = ptr16(words)
    was = ptr16(last)
    bits = 0
    if now[2] != was[2]:
        bits = 4
    if end > 5:
        bits |= 16
    i = 3
    while i < high and i < end:
        step = now[i] - was[i]
        most = (was[i] >> 3) + 64
        if i != 4:
            if step > most or step < 0 - most:
                bits |= 1 << i
        i += 1
    i = high
    while i < low and i < end:
        if (now[i] - was[i] + 1) & 0xFFFF > 2:
            bits |= 1 << i
        i += 1
    return bits


@micropython.viper
def repeated(select, transfer, frames, received, words, bits: int) -> int:
    """Read the words of these bits again, the first word last: 1 when all are the same."""
    got = ptr8(received)
    now = ptr16(words)
    i = 19
    while i >= 0:
        if bits & (1 << i):
            select(0)
            transfer(frames[i], received)
            select(1)
            if now[i] != got[2] << 8 | got[3]:
                return 0
        i -= 1
    return 1


@micropython.viper
def note(words, last, end: int) -> int:
    """Keep the words below `end` as the last ones; 1 when any is new."""
    now = ptr16(words)
    was = ptr16(last)
    news = 0
    i = end - 1
    while i > 1:
        if now[i] != was[i]:
            was[i] = now[i]
            news = 1
        i -= 1
    return news


@micropython.viper
def volts(words, legs: int, sag_mv: int, loss_mv: int, mv):
    """Voltages, 10 mV a count. The mean lags by up to two windows, the flags by one period."""
    now = ptr16(words)
    out = ptr32(mv)
    sag = 0x4000
    loss = 0x0400
    leg = 0
    while leg < legs:
        value = now[5 + leg] * 10
        if now[2] & sag and value > sag_mv:
            value = sag_mv
        if now[2] & loss and value > loss_mv:
            value = loss_mv
        out[leg] = value
        sag = sag >> 1
        loss = loss >> 1
        leg += 1


@micropython.viper
def amps(words, legs: int, unit: int, ma):
    now = ptr16(words)
    out = ptr32(ma)
    leg = 0
    while leg < legs:
        out[leg] = now[5 + legs + leg] * unit
        leg += 1


@micropython.viper
def watts(words, high: int, low: int, shift: int, polarity, w):
    """Powers: a high word counts 20.97152 W times the current's unit, 21475 / 2**shift."""
    now = ptr16(words)
    turned = ptr32(polarity)
    out = ptr32(w)
    half = 1 << (shift - 1)
    leg = 0
    while high + leg < low:
        upper = now[high + leg]
        if upper >= 0x8000:
            upper -= 0x10000
        lower = now[low + leg] >> 8
        out[leg] = (upper * 21475 + (lower * 21475 >> 8) + half >> shift) * turned[leg]
        leg += 1


@micropython.viper
def put(values, live, at: int, count: int):
    """Values into the live readings from `at` on."""
    source = ptr32(values)
    target = ptr32(live)
    i = 0
    while i < count:
        target[at + i] = source[i]
        i += 1


@micropython.viper
def put_signed(ma, w, live, at_ma: int, at_w: int, count: int):
    """Currents with the sign of their powers, and the powers."""
    currents = ptr32(ma)
    powers = ptr32(w)
    target = ptr32(live)
    i = 0
    while i < count:
        current = currents[i]
        if powers[i] < 0:
            current = 0 - current
        target[at_ma + i] = current
        target[at_w + i] = powers[i]
        i += 1


@micropython.viper
def put_of(values, legs, live, at: int, count: int):
    """Values of these legs, in their order."""
    source = ptr32(values)
    which = ptr32(legs)
    target = ptr32(live)
    i = 0
    while i < count:
        target[at + i] = source[which[i]]
        i += 1


@micropython.viper
def put_drawn(ma, w, legs, live, at_ma: int, at_w: int, count: int):
    """Currents and powers of these legs, without sign, each in its leg's place."""
    currents = ptr32(ma)
    powers = ptr32(w)
    which = ptr32(legs)
    target = ptr32(live)
    i = 0
    while i < count:
        leg = which[i]
        power = powers[leg]
        if power < 0:
            power = 0 - power
        target[at_ma + leg] = currents[leg]
        target[at_w + leg] = power
        i += 1


@micropython.viper
def blind(mv, ma, least_mv: int, most_ma: int, legs: int) -> int:
    """1 when a leg without voltage carries a current, whose direction nobody knows."""
    voltages = ptr32(mv)
    currents = ptr32(ma)
    leg = 0
    while leg < legs:
        if voltages[leg] < least_mv and currents[leg] > most_ma:
            return 1
        leg += 1
    return 0
