# islet: what each device has, uses and wants, and how much of each place that is; in viper.
# GPL-3.0-or-later
#
# The same text runs on CPython; tests_host/core/plain says it in few words, and both are tested
# for equality. Arrays as in layout.py; the directions are 0, drawing, and 1, feeding back.
#
# A leg that carries nothing while another of the device's carries 3 A does not limit it; at a
# start all legs count, and the first current on one counts in the same step. No clamp is believed
# alone: a leg on which what others draw has grown meanwhile by half of the device's current goes
# on to count. And what a device is told and does not draw is lent to those that are served after
# it, by telling it less: never below what it draws and may begin at any moment.

from firmware import image as im
from firmware.base.viper import const, micropython, ptr32
from firmware.core.panel.layout import (
    D_BASE_MA,
    D_FEED_MA,
    D_FRESH,
    D_HAS,
    D_LEAST_MA,
    D_LEG,
    D_LEGS,
    D_NEEDS,
    D_NEUTRAL,
    D_NODE,
    D_OFFERS,
    D_ROW,
    D_SERVED,
    D_SETTLES_MS,
    D_SPARE_MS,
    D_SPARE_TOLD,
    D_STILL_MS,
    D_SURE,
    D_UNEVEN,
    D_UNSURE,
    D_UNUSED,
    D_VOLTS,
    D_WANTS,
    FRESH,
    P_COUNT,
    P_HEAD,
    P_LOAD_HIGH,
    P_METERED,
    P_PARENT,
    P_ROW,
    P_STATE,
    P_UNSURE,
    P_USED,
    WIDE_MA,
    WIDEST_MA,
)
from firmware.core.panel.neutral_kernel import uneven

_MOST = const(1_000_000)  # W or mA
_NOTHING_MA = const(500)
_CARRIES_MA = const(3_000)
_SPARE_MA = const(1_000)  # and 1/16 of its current: a car stays so far below its offer by itself
_BEGINS_MA = const(2_000)  # and 1/8: more than that, or what it was lowered to would count as
# used; and a load that comes stops it only when it is larger: those after it give way a step later


@micropython.viper
def volts(rows, devices: int, readings, nominal_mv: int, floor_mv: int, stale_ms: int):
    """D_VOLTS: the lower it is, the fewer W make a given current."""
    t = ptr32(rows)
    r = ptr32(readings)
    at = 0
    while devices:
        lowest_mv = nominal_mv
        k = 0
        while k < t[at + D_LEGS]:
            leg_mv = r[im.GRID_MV + t[at + D_LEG + k]]
            if leg_mv < lowest_mv:
                lowest_mv = leg_mv
            k += 1
        if lowest_mv < floor_mv or r[im.GRID_AGE_MS] > stale_ms:
            lowest_mv = floor_mv
        t[at + D_VOLTS] = lowest_mv // 1000
        at += D_ROW
        devices -= 1


@micropython.viper
def add(plan, rows, at: int, column: int, way: int):
    """Add what a device has in a direction to a column of all nodes above it."""
    p = ptr32(plan)
    t = ptr32(rows)
    has = at + D_HAS + way * 3
    one_ma = t[has]
    two_ma = t[has + 1]
    three_ma = t[has + 2]
    if one_ma == 0 and two_ma == 0 and three_ma == 0:
        return
    place = P_HEAD + column + way * 3
    node = t[at + D_NODE]
    while node >= 0:
        node *= P_ROW
        i = node + place
        p[i] += one_ma
        i += 1
        p[i] += two_ma
        i += 1
        p[i] += three_ma
        node = p[P_HEAD + P_PARENT + node]


@micropython.viper
def spread(plan, rows, at: int, column: int, ma: int):
    """Add an amount to a column of all nodes above a device, on the legs that it uses."""
    p = ptr32(plan)
    t = ptr32(rows)
    node = t[at + D_NODE]
    while node >= 0:
        row = P_HEAD + node * P_ROW
        k = 0
        while k < t[at + D_LEGS]:
            if t[at + D_UNUSED] & (1 << k) == 0:
                p[row + column + t[at + D_LEG + k]] += ma
            k += 1
        node = p[row + P_PARENT]


@micropython.viper
def less(plan, rows, at: int, column: int):
    """Take what a device feeds back off a column of all nodes above it."""
    p = ptr32(plan)
    t = ptr32(rows)
    node = t[at + D_NODE]
    while node >= 0:
        row = P_HEAD + node * P_ROW
        p[row + column] -= t[at + D_HAS + 3]
        p[row + column + 1] -= t[at + D_HAS + 4]
        p[row + column + 2] -= t[at + D_HAS + 5]
        node = p[row + P_PARENT]


@micropython.viper
def others(plan, node: int, leg: int) -> int:
    """What others draw on a leg at the first measured place from a node up; WIDE_MA: not known."""
    p = ptr32(plan)
    while node >= 0:
        row = P_HEAD + node * P_ROW
        if p[row + P_METERED]:
            return p[row + leg + P_LOAD_HIGH] if p[row + P_STATE] == FRESH else WIDE_MA
        node = p[row + P_PARENT]
    return WIDE_MA


@micropython.viper
def unused(plan, rows, at: int, readings, first: int, most_ma: int, dt_ms: int):
    """D_UNUSED of what takes an offer, `most_ma` being the current of its most loaded leg."""
    t = ptr32(rows)
    r = ptr32(readings)
    bits = 0
    k = 0
    while k < t[at + D_LEGS]:
        still_ms = t[at + D_STILL_MS + k]
        load_ma = int(others(plan, t[at + D_NODE], t[at + D_LEG + k]))
        ma = r[first + k]
        if most_ma < _CARRIES_MA or ma >= _NOTHING_MA or ma <= 0 - _NOTHING_MA:
            still_ms = 0
            if load_ma < WIDE_MA:
                t[at + D_BASE_MA + k] = load_ma
        elif still_ms >= 0 and still_ms <= t[at + D_SETTLES_MS] and load_ma < WIDE_MA:
            still_ms += dt_ms
            if still_ms > t[at + D_SETTLES_MS] and load_ma - t[at + D_BASE_MA + k] > most_ma >> 1:
                still_ms = 0 - 1
        t[at + D_STILL_MS + k] = still_ms
        if still_ms > t[at + D_SETTLES_MS]:
            bits |= 1 << k
        k += 1
    t[at + D_UNUSED] = bits


@micropython.viper
def needs(rows, at: int, told_ma: int, most_ma: int, dt_ms: int):
    """D_NEEDS: all it wants, until it has drawn nothing, or clearly less than it was told, for as
    long as it may take to follow; a raise of what draws begins that time anew. So who has not
    begun yet is kept what a start takes, and the rest when it draws that."""
    t = ptr32(rows)
    spare_ms = t[at + D_SPARE_MS]
    needs_ma = WIDEST_MA
    if most_ma < 0:
        most_ma = 0
    rose = 0
    if told_ma > t[at + D_SPARE_TOLD] and (most_ma >= _CARRIES_MA or t[at + D_OFFERS] == 0):
        rose = 1
    t[at + D_SPARE_TOLD] = told_ma
    uses = 0
    if most_ma >= _NOTHING_MA and told_ma - most_ma <= _SPARE_MA + (most_ma >> 4):
        uses = 1
    if t[at + D_FRESH] == 0 or rose or uses:
        spare_ms = 0
    elif spare_ms < t[at + D_SETTLES_MS]:
        spare_ms += dt_ms
    else:
        needs_ma = most_ma + (most_ma >> 3)
        if needs_ma < t[at + D_LEAST_MA]:
            needs_ma = t[at + D_LEAST_MA]
        needs_ma += _BEGINS_MA
    t[at + D_SPARE_MS] = spare_ms
    t[at + D_NEEDS] = needs_ma


@micropython.viper
def has(plan, rows, at: int, readings, device: int, told: int, dt_ms: int):
    """D_HAS: what is measured or told, whichever is more, in each direction; on a leg that it does
    not use what is measured. What is not measured is among the loads, at its worst."""
    t = ptr32(rows)
    r = ptr32(readings)
    first = im.DEVICE_MA + device * im.LEGS
    if t[at + D_OFFERS] == 0:
        less = told if told > 0 else 0 - told
        less = less // t[at + D_LEGS] * 1000 // t[at + D_VOLTS]
        told = less if told > 0 else 0 - less
    most_ma = 0 - WIDEST_MA
    k = 0
    while k < t[at + D_LEGS] and t[at + D_FRESH]:
        if r[first + k] > most_ma:
            most_ma = r[first + k]
        k += 1
    needs(rows, at, told, most_ma, dt_ms)
    if t[at + D_OFFERS]:
        unused(plan, rows, at, readings, first, most_ma, dt_ms)
    k = 0
    while k < t[at + D_LEGS]:
        leg = at + D_HAS + t[at + D_LEG + k]
        ma = 0
        if t[at + D_FRESH]:
            ma = r[first + k]
        does_ma = told
        if t[at + D_UNUSED] & (1 << k):
            does_ma = 0
        most_ma = does_ma if does_ma > ma else ma
        t[leg] = most_ma if most_ma > 0 else 0
        most_ma = does_ma if does_ma < ma else ma
        t[leg + 3] = 0 - most_ma if most_ma < 0 else 0
        k += 1


@micropython.viper
def wants(rows, at: int, commands, device: int):
    """D_WANTS: what everybody but the panel would let it do, and it uses, mA per leg."""
    t = ptr32(rows)
    c = ptr32(commands)
    high = _MOST
    low = 0 - _MOST
    source = 0
    while source < im.MARKET:
        slot = source * im.DEVICES + device
        if source != im.PANEL:
            if c[im.CLAIM_HIGH + slot] < high:
                high = c[im.CLAIM_HIGH + slot]
            if c[im.CLAIM_LOW + slot] > low:
                low = c[im.CLAIM_LOW + slot]
        source += 1
    slot = im.MARKET * im.DEVICES + device
    draw = c[im.CLAIM_HIGH + slot]
    feed = 0 - draw
    if t[at + D_OFFERS] == 0:  # it does no more than its goal makes it do
        draw = c[im.CLAIM_LOW + slot]
    if draw > high:
        draw = high
    if feed + low > 0:
        feed = 0 - low
    if draw < 0:
        draw = 0
    if feed < 0:
        feed = 0
    if t[at + D_OFFERS] == 0:
        draw = draw // t[at + D_LEGS] * 1000 // t[at + D_VOLTS]
        feed = feed // t[at + D_LEGS] * 1000 // t[at + D_VOLTS]
    if draw > t[at + D_NEEDS]:
        draw = t[at + D_NEEDS]
    t[at + D_WANTS] = draw
    t[at + D_WANTS + 1] = feed


@micropython.viper
def occupy(plan, rows, nodes: int, devices: int, readings, commands, dt_ms: int):
    """What every device has and wants, and P_USED of it; nothing is served yet."""
    p = ptr32(plan)
    t = ptr32(rows)
    c = ptr32(commands)
    at = P_HEAD
    while nodes:
        i = at + P_USED
        end = at + P_COUNT + 3
        while i < end:  # P_USED, P_SERVED, P_UNSURE, P_COUNT: a leg a line, of every node
            p[i] = 0
            i += 1
            p[i] = 0
            i += 1
            p[i] = 0
            i += 1
        at += P_ROW
        nodes -= 1
    device = 0
    at = 0
    while device < devices:
        if t[at + D_NODE] >= 0:
            has(plan, rows, at, readings, device, c[im.SETPOINT + device], dt_ms)
            t[at + D_UNEVEN] = int(uneven(plan, rows, at, readings, device))
            t[at + D_SERVED] = 0
            t[at + D_NEUTRAL] = WIDEST_MA
            t[at + D_NEUTRAL + 2] = WIDEST_MA
            wants(rows, at, commands, device)
            add(plan, rows, at, P_USED, 0)
            add(plan, rows, at, P_USED, 1)
            t[at + D_UNSURE] = 0
            if t[at + D_FEED_MA] > 0 and (t[at + D_FRESH] == 0 or t[at + D_SURE] == 0):
                t[at + D_UNSURE] = 1
                spread(plan, rows, at, P_UNSURE, t[at + D_FEED_MA])
                less(plan, rows, at, P_UNSURE)
        device += 1
        at += D_ROW
