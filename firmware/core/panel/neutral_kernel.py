# islet: what a neutral leaves to devices that do not load all legs alike; in viper.
# GPL-3.0-or-later
#
# The same text runs on CPython; tests_host/core/plain says it in few words, and both are tested
# for equality. Arrays as in layout.py.
#
# The current of a neutral is the sum of the legs as phasors. Of each leg's loads the active part
# is known, and the size of the rest, not its sign: so the sum is taken at its worst. Harmonics of
# the third order add up in a neutral instead of cancelling: a sixth of it is left to them, that
# is 20 % of what flows. Or the legs together, as plain numbers, carry no more than the neutral
# may: then it is safe whatever the angles and harmonics are. What loads all legs alike cancels.

from firmware import image as im
from firmware.base.viper import const, micropython, ptr32
from firmware.core.panel.layout import (
    D_FRESH,
    D_HAS,
    D_HIGH_MA,
    D_LEG,
    D_LEGS,
    D_LOW_MA,
    D_NEEDS,
    D_NEUTRAL,
    D_NODE,
    D_OFFERS,
    D_ROW,
    D_SERVED,
    D_TAKES,
    D_UNEVEN,
    D_UNUSED,
    END_NODE,
    FRESH,
    P_BELOW,
    P_CHANGED,
    P_HEAD,
    P_LEAST,
    P_LEGS,
    P_LESS,
    P_LIMIT,
    P_LOAD_HIGH,
    P_LOAD_LOW,
    P_MOST,
    P_NEUTRAL,
    P_PARENT,
    P_REACTIVE,
    P_ROW,
    P_STATE,
    P_TOGETHER,
    P_UNBALANCE,
    STALE,
    WIDEST_MA,
)

_NOTHING_MA = const(500)
_SPARE_MA = const(1_000)


@micropython.viper
def beyond(ma: int, less_ma: int) -> int:
    """sqrt(ma² - less_ma²), 0 where that is negative; in steps of 64 mA, rounded down."""
    ma = ma if ma > 0 else 0 - ma
    less_ma = less_ma if less_ma > 0 else 0 - less_ma
    if less_ma >= ma:
        return 0
    if ma > WIDEST_MA:
        ma = WIDEST_MA
    ma >>= 6  # so that squares stay below 2**30
    less_ma >>= 6
    square = ma * ma - less_ma * less_ma
    root = 0
    bit = 1 << 14
    while bit > ma:
        bit >>= 1
    while bit:
        root += bit
        if root * root > square:
            root -= bit
        bit >>= 1
    return root << 6


@micropython.viper
def flows(plan, readings, nodes: int, nominal_mv: int, stale_ms: int):
    """P_LESS and P_REACTIVE of every place with devices below that has a new reading."""
    p = ptr32(plan)
    r = ptr32(readings)
    row = P_HEAD
    node = 0
    while node < nodes:
        leg = 0
        if p[row + P_CHANGED] == 0 or p[row + P_BELOW] == 0 or p[P_LEGS] == 1:
            leg = 3
        while leg < p[P_LEGS]:
            ma = r[im.NODE_MA + node * 3 + leg]
            mv = nominal_mv
            if r[im.GRID_AGE_MS] <= stale_ms and r[im.GRID_MV + leg] > nominal_mv >> 1:
                mv = r[im.GRID_MV + leg]
            active_ma = r[im.NODE_W + node * 3 + leg]
            if active_ma < 0 - WIDEST_MA or active_ma > WIDEST_MA:
                active_ma = 0
            active_ma = active_ma * 1000 // (mv // 1000)
            # within the instruments' 1 % all of it is active
            reactive_ma = 0
            size_ma = active_ma + active_ma // 100
            size_ma = size_ma if size_ma > 0 else 0 - size_ma
            if size_ma < (ma if ma > 0 else 0 - ma):
                reactive_ma = int(beyond(ma, size_ma))
            p[row + leg + P_REACTIVE] = reactive_ma
            p[row + leg + P_LESS] = active_ma - ma if reactive_ma else 0
            leg += 1
        row += P_ROW
        node += 1


@micropython.viper
def uneven(plan, rows, at: int, readings, device: int) -> int:
    """Whether a device may load the legs of the site differently. A car on all three may use one
    or two of them, until it draws alike from all."""
    p = ptr32(plan)
    t = ptr32(rows)
    r = ptr32(readings)
    legs = p[P_LEGS]
    if legs == 1:
        return 0
    if t[at + D_LEGS] < legs:
        return 1
    if t[at + D_OFFERS] == 0 or legs == 2:  # between two legs of 120 V nothing comes back
        return 0
    least_ma = r[im.DEVICE_MA + device * 3]
    most_ma = least_ma
    k = 1
    while k < 3:
        ma = r[im.DEVICE_MA + device * 3 + k]
        least_ma = ma if ma < least_ma else least_ma
        most_ma = ma if ma > most_ma else most_ma
        k += 1
    if t[at + D_FRESH] and least_ma >= _NOTHING_MA:
        if most_ma - least_ma <= _SPARE_MA + (most_ma >> 3):
            return 0
    return 1


@micropython.viper
def part(rows, other: int, leg: int, way: int) -> int:
    """What a device loads a leg with: what it has or was promised; of its own rank, while that is
    being shared, its share; of what it is told and does not use, only what it is served."""
    t = ptr32(rows)
    ma = t[other + D_HAS + way * 3 + leg]
    takes_ma = t[other + D_TAKES + way]
    shares = 0
    if t[other + D_SERVED] & (4 << way) == 0:
        shares = 1
    elif way == 0 and takes_ma > 0 and t[other + D_NEEDS] < WIDEST_MA:
        shares = 1
    k = 0
    while k < t[other + D_LEGS]:
        if t[other + D_LEG + k] == leg and t[other + D_UNUSED] & (1 << k) == 0:
            if shares or takes_ma > ma:
                ma = takes_ma
        k += 1
    return ma


@micropython.viper
def beside(plan, rows, at: int, row: int, leg: int, way: int) -> int:
    """What other such devices below a place load a leg with, of those served before."""
    p = ptr32(plan)
    t = ptr32(rows)
    sum_ma = 0
    other = 0
    below = p[row + P_BELOW]
    while below:
        if below & 1 and other != at and t[other + D_UNEVEN]:
            if t[other + D_SERVED] & (1 << way):
                sum_ma += int(part(rows, other, leg, way))
        other += D_ROW
        below >>= 1
    return sum_ma


@micropython.viper
def ends(plan, rows, at: int, row: int):
    """P_MOST and P_LEAST: between what flows on each leg beside a device, mA of active current,
    drawn is positive. Without an instrument only islet's own is known."""
    p = ptr32(plan)
    leg = 0
    while leg < p[P_LEGS]:
        drawn_ma = int(beside(plan, rows, at, row, leg, 0))
        fed_ma = 0 - int(beside(plan, rows, at, row, leg, 1))
        if p[row + P_STATE] == FRESH:
            ma = p[row + leg + P_LESS]
            drawn_ma += p[row + leg + P_LOAD_HIGH] + ma
            fed_ma += p[row + leg + P_LOAD_LOW] + ma
        else:
            p[row + leg + P_REACTIVE] = 0
        p[P_MOST + leg] = drawn_ma
        p[P_LEAST + leg] = fed_ma
        leg += 1


@micropython.viper
def size(plan, row: int, leg: int) -> int:
    """The most that a leg may carry, whichever way."""
    p = ptr32(plan)
    high_ma = p[P_MOST + leg]
    low_ma = 0 - p[P_LEAST + leg]
    return (high_ma if high_ma > low_ma else low_ma) + p[row + leg + P_REACTIVE]


@micropython.viper
def along(plan, row: int, leg: int, way: int) -> int:
    """mA by the sum as phasors: the least over the ends of what flows on the other legs, each the
    same in its parts along this leg's voltage and across it."""
    p = ptr32(plan)
    legs = p[P_LEGS]
    two = leg + 1 if leg + 1 < legs else 0
    three = two + 1 if two + 1 < legs else 0
    own_ma = p[P_LEAST + leg] if way else 0 - p[P_MOST + leg]
    unknown_ma = p[row + two + P_REACTIVE]
    across_ma = p[row + leg + P_REACTIVE] + unknown_ma
    if legs == 3:
        unknown_ma += p[row + three + P_REACTIVE]
        across_ma = p[row + leg + P_REACTIVE] + (unknown_ma >> 1)
        own_ma -= unknown_ma * 7 >> 3  # for sin 120°
    limit_ma = p[row + P_NEUTRAL] * 5 // 6
    left_ma = WIDEST_MA
    corner = 0
    while corner < 4:
        two_ma = p[P_MOST + two] if corner & 1 else p[P_LEAST + two]
        three_ma = p[P_MOST + three] if corner & 2 else p[P_LEAST + three]
        if corner & 1 == 0 and p[P_MOST + two] == p[P_LEAST + two]:
            corner += 1
        if legs == 2 or p[P_MOST + three] == p[P_LEAST + three]:
            corner |= 2
        if legs == 2:
            ma = two_ma
            apart_ma = 0
        else:
            ma = (two_ma + three_ma) >> 1
            apart_ma = two_ma - three_ma
            if apart_ma < 0:
                apart_ma = 0 - apart_ma
        ma = own_ma - ma if way else own_ma + ma
        ma += int(beyond(limit_ma, across_ma + (apart_ma * 7 >> 3)))
        left_ma = ma if ma < left_ma else left_ma
        corner += 1
    return left_ma


@micropython.viper
def on_leg(plan, row: int, leg: int, way: int, both: int, enough_ma: int) -> int:
    """mA that a device may draw from a leg (way 0) or feed into it (1) for a place's neutral, when
    `ends` is done, or at least `enough_ma`; `both`: it does the opposite on the two others."""
    p = ptr32(plan)
    legs = p[P_LEGS]
    beside_ma = p[row + P_NEUTRAL]
    other = 0
    while other < legs:
        if other != leg:
            beside_ma -= int(size(plan, row, other))
        other += 1
    plain_ma = beside_ma - int(size(plan, row, leg))
    if plain_ma < 0:  # the legs without it are more already
        return int(along(plan, row, leg, way))
    if both:
        plain_ma >>= 1  # of each of the two
    else:
        plain_ma = beside_ma - p[row + leg + P_REACTIVE]
        plain_ma += p[P_LEAST + leg] if way else 0 - p[P_MOST + leg]
    if plain_ma >= enough_ma:
        return plain_ma
    along_ma = int(along(plan, row, leg, way))
    return plain_ma if plain_ma > along_ma else along_ma


@micropython.viper
def balanced(plan, rows, at: int, way: int, on: int) -> int:
    """mA that a device may have on each of the legs `on` (bits) so that islet's devices keep all
    legs of the service within P_UNBALANCE of each other; none relies on what another one does to
    help."""
    p = ptr32(plan)
    left_ma = WIDEST_MA
    leg = 0
    while leg < p[P_LEGS]:
        most_ma = 0
        other = 0
        while other < p[P_LEGS] and p[P_TOGETHER]:
            if other != leg:
                ma = int(beside(plan, rows, at, P_HEAD, other, 1 - way))
                most_ma = ma if ma > most_ma else most_ma
            other += 1
        if on & (1 << leg):
            ma = p[P_UNBALANCE + way] - most_ma - int(beside(plan, rows, at, P_HEAD, leg, way))
            left_ma = ma if ma < left_ma else left_ma
        leg += 1
    return left_ma


@micropython.viper
def worst(plan, rows, at: int, row: int) -> int:
    """mA that a neutral leaves when the other legs carry all they may."""
    p = ptr32(plan)
    left_ma = p[row + P_NEUTRAL] - (p[P_LEGS] - 1) * p[row + P_LIMIT]
    leg = 0
    while leg < p[P_LEGS]:
        left_ma -= int(beside(plan, rows, at, row, leg, 0))
        left_ma -= int(beside(plan, rows, at, row, leg, 1))
        leg += 1
    return left_ma


@micropython.viper
def room(plan, rows, at: int, row: int, way: int, on: int) -> int:
    """mA per leg that a place's neutral leaves a device on the legs `on` (bits). One on two of
    three legs loads the neutral as its opposite on the third. Where the measurement is missing the
    other legs carry all they may (INV-4)."""
    p = ptr32(plan)
    left_ma = WIDEST_MA
    if p[row + P_STATE] == STALE:
        if way == 0:
            return left_ma  # the breaker leaves nothing
        return int(worst(plan, rows, at, row))
    ends(plan, rows, at, row)
    t = ptr32(rows)
    enough_ma = 0 - t[at + D_LOW_MA] if way else t[at + D_HIGH_MA]
    leg = 0
    while leg < p[P_LEGS]:
        if on & (1 << leg):
            ma = int(on_leg(plan, row, leg, way, 0, enough_ma))
            left_ma = ma if ma < left_ma else left_ma
        if on | (1 << leg) == 7:
            ma = int(on_leg(plan, row, leg, 1 - way, 1, enough_ma))
            left_ma = ma if ma < left_ma else left_ma
        leg += 1
    return left_ma


@micropython.viper
def neutral(plan, rows, at: int, way: int) -> int:
    """D_NEUTRAL of a device, beside all that are served before it: those after it give way, so
    none waits for another."""
    p = ptr32(plan)
    t = ptr32(rows)
    end = at + D_NEUTRAL + way * 2
    t[end] = WIDEST_MA
    if t[at + D_UNEVEN] == 0 or (way and t[at + D_OFFERS]):
        return WIDEST_MA
    on = 0
    k = 0
    while k < t[at + D_LEGS]:
        if t[at + D_UNUSED] & (1 << k) == 0:
            on |= 1 << t[at + D_LEG + k]
        k += 1
    node = t[at + D_NODE]
    while node >= 0:
        row = P_HEAD + node * P_ROW
        left_ma = int(room(plan, rows, at, row, way, on))
        if left_ma < t[end]:
            t[end] = left_ma
            t[end + END_NODE] = node
        node = p[row + P_PARENT]
    if p[P_UNBALANCE + way]:
        left_ma = int(balanced(plan, rows, at, way, on))
        if left_ma < t[end]:
            t[end] = left_ma
            t[end + END_NODE] = 0 - 1
    return t[end]
