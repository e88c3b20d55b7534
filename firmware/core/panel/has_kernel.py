# islet: what each device has and wants, and how much of each place that is; in viper.
# GPL-3.0-or-later
#
# The same text runs on CPython; tests_host/core/plain says it in few words, and both are tested
# for equality. Arrays as in layout.py; the directions are 0, drawing, and 1, feeding back.

from firmware import image as im
from firmware.base.viper import const, micropython, ptr32
from firmware.core.panel.layout import (
    D_FEED_MA,
    D_FRESH,
    D_HAS,
    D_LEG,
    D_LEGS,
    D_NODE,
    D_OFFERS,
    D_ROW,
    D_SURE,
    D_UNSURE,
    D_VOLTS,
    D_WANTS,
    P_COUNT,
    P_HEAD,
    P_PARENT,
    P_ROW,
    P_UNSURE,
    P_USED,
)

_MOST = const(1_000_000)  # W or mA


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
    node = t[at + D_NODE]
    while node >= 0:
        row = P_HEAD + node * P_ROW
        place = row + column + way * 3
        p[place] += t[has]
        p[place + 1] += t[has + 1]
        p[place + 2] += t[has + 2]
        node = p[row + P_PARENT]


@micropython.viper
def spread(plan, rows, at: int, column: int, ma: int):
    """Add an amount to a column of all nodes above a device, on its legs."""
    p = ptr32(plan)
    t = ptr32(rows)
    node = t[at + D_NODE]
    while node >= 0:
        row = P_HEAD + node * P_ROW
        k = 0
        while k < t[at + D_LEGS]:
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
def has(rows, at: int, readings, device: int, told: int):
    """D_HAS: what is measured or told, whichever is more, in each direction. What is not measured
    is among the loads, at its worst."""
    t = ptr32(rows)
    r = ptr32(readings)
    first = im.DEVICE_MA + device * im.LEGS
    if t[at + D_OFFERS] == 0:
        less = told if told > 0 else 0 - told
        less = less // t[at + D_LEGS] * 1000 // t[at + D_VOLTS]
        told = less if told > 0 else 0 - less
    k = 0
    while k < t[at + D_LEGS]:
        leg = at + D_HAS + t[at + D_LEG + k]
        ma = 0
        if t[at + D_FRESH]:
            ma = r[first + k]
        most_ma = told if told > ma else ma
        t[leg] = most_ma if most_ma > 0 else 0
        most_ma = told if told < ma else ma
        t[leg + 3] = 0 - most_ma if most_ma < 0 else 0
        k += 1


@micropython.viper
def wants(rows, at: int, commands, device: int):
    """D_WANTS: what everybody but the panel would let it do, mA per leg."""
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
    t[at + D_WANTS] = draw
    t[at + D_WANTS + 1] = feed


@micropython.viper
def occupy(plan, rows, nodes: int, devices: int, readings, commands):
    """What every device has and wants, and P_USED of it; nothing is served yet."""
    p = ptr32(plan)
    t = ptr32(rows)
    c = ptr32(commands)
    at = P_HEAD
    while nodes:
        i = at + P_USED
        end = at + P_COUNT + 3
        while i < end:  # P_USED, P_SERVED, P_UNSURE, P_COUNT
            p[i] = 0
            i += 1
        at += P_ROW
        nodes -= 1
    device = 0
    at = 0
    while device < devices:
        if t[at + D_NODE] >= 0:
            has(rows, at, readings, device, c[im.SETPOINT + device])
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
