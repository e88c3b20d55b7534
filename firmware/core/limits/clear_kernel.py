# islet: whether nothing at all stands against a device, in viper: the usual answer.
# GPL-3.0-or-later
#
# clear(): that of its kind's table of what hardware leaves. obeys(): that of obedience. charged():
# that of the reserve.
#
# hardware.py asks its table only where this says no, and the table alone decides and gives the
# reason. So a no may be wrong and costs time; a yes must not be: on random images no row of the
# table holds then (a test). The same text runs on CPython.

from firmware import image as im
from firmware.base.viper import const, micropython, ptr32
from firmware.core.limits.grants import G_HIGH, G_LOW
from firmware.core.panel.layout import FRESH, P_HEAD, P_ROW, P_STATE
from firmware.core.vehicle.rights import INPUTS_STALE_MS

_STALE_MS = const(2_000)  # INV-4
_LEAST_MA = const(6_000)
_FRESH_MS = const(2_000)  # a witness is younger
SOC_STALE_MS = const(120_000)  # INV-11

# what obeys() knows of a converter
O_DEVICE = const(0)
O_OWN = const(1)  # its meter's node, -1 none
O_ABOVE = const(2)  # the next measured circuit's
O_TOLERANCE_W = const(3)
O_SOURCES_W = const(4)  # of what islet does not command, below that
O_OTHERS = const(5)  # bits of islet's other devices below it
O_ACKNOWLEDGED = const(6)
O_MEASURED = const(7)  # who spoke in the last step: its meter,
O_REPORTS = const(8)  # itself,
O_BOUNDED = const(9)  # the circuit above
O_SIZE = const(10)


@micropython.viper
def clear(site, readings, requests, commands, tripped: int, device: int, point: int) -> int:
    """1: no row of its kind's table holds."""
    s = ptr32(site)
    r = ptr32(readings)
    q = ptr32(requests)
    c = ptr32(commands)
    kind = s[im.DEVICE_KIND + device]
    island = c[im.ISLAND_STATE]
    cuts = im.PROTECTION_INPUTS
    if kind == im.KIND_CONVERTER or kind == im.KIND_SOURCE:
        cuts &= s[im.ENABLE_INPUTS]
    if r[im.INPUTS_AGE_MS] > INPUTS_STALE_MS or r[im.INPUTS] & cuts:
        return 0
    if r[im.DEVICE_AGE_MS + device] > _STALE_MS or tripped:
        return 0
    if island != im.ISLAND_GRID and island != im.ISLAND_ISLANDED:
        return 0
    if kind != im.KIND_POINT:
        if r[im.DEVICE_FAULT + device] or r[im.DEVICE_PLUGGED + device] == 0:
            return 0
    if kind == im.KIND_CONVERTER:
        if c[im.FAULTS] & im.FAULT_FORMING or c[im.DEVICE_ENABLE_BAR + device]:
            return 0
        if c[im.DEVICE_OBEDIENCE + device] >= im.OBEY_ZERO or c[im.DEVICE_PROVED + device] == 0:
            return 0
        return 1 if point < 0 else 0  # behind a contactor: ask the table
    if island != im.ISLAND_GRID:
        return 0
    if kind != im.KIND_POINT:
        return 1
    if s[im.POINT_AUTH_REQUIRED + point]:
        if q[im.POINT_AUTHORISED + point] != 1:
            return 0
        if q[im.POINT_AUTHORISED_FOR + point] != c[im.POINT_UNPLUGS + point]:
            return 0
    pilot = c[im.POINT_PILOT_STATE + point]
    if pilot != im.PILOT_C:
        if pilot != im.PILOT_B:
            return 0
        if c[im.CLAIM_REASON + im.HARDWARE * im.DEVICES + device] == im.REASON_VENTILATION:
            return 0
    contactor = c[im.POINT_CONTACTOR_STATE + point]
    if contactor == im.CONTACTOR_OPEN:
        if c[im.POINT_REST_MS + point]:
            return 0
    elif contactor != im.CONTACTOR_CLOSING and contactor != im.CONTACTOR_CLOSED:
        return 0
    if c[im.POINT_CABLE_MA + point] < _LEAST_MA:
        return 0
    if c[im.FAULTS] & im.FAULT_PEN or c[im.POINT_FAULTS + point] & im.FAULT_NOT_FOLLOWED:
        return 0
    if s[im.PEN_WATCH] and r[im.GRID_AGE_MS] > _STALE_MS:
        return 0
    return 1


@micropython.viper
def others(site, readings, bits: int) -> int:
    """W that these devices take at least, as seen.py has it."""
    s = ptr32(site)
    r = ptr32(readings)
    volts = s[im.NOMINAL_MV] // 1000
    sum_w = 0
    device = 0
    while bits:
        if bits & 1:
            fresh = r[im.DEVICE_AGE_MS + device] <= _FRESH_MS
            kind = s[im.DEVICE_KIND + device]
            if kind != im.KIND_POINT and kind != im.KIND_CHARGER:
                if fresh:
                    sum_w += r[im.DEVICE_W + device]
                else:
                    sum_w -= s[im.DEVICE_DISCHARGE_W + device]
            elif fresh:
                at = im.DEVICE_MA + device * im.LEGS
                end = at + s[im.DEVICE_LEGS + device]
                while at < end:
                    sum_w += r[at] * 7 // 8 * volts // 1000
                    at += 1
        bits >>= 1
        device += 1
    return sum_w


@micropython.viper
def obeys(row, grants, site, readings, requests, commands, plan) -> int:
    """1: a converter whose enable is on is where it was granted to be, by the same witnesses as in
    the last step, and nothing bars it. One that rests by its own word alone is not asked here."""
    o = ptr32(row)
    g = ptr32(grants)
    s = ptr32(site)
    r = ptr32(readings)
    q = ptr32(requests)
    c = ptr32(commands)
    p = ptr32(plan)
    device = o[O_DEVICE]
    if q[im.ACKNOWLEDGE_SEQ] != o[O_ACKNOWLEDGED] or c[im.ISLAND_STATE] != im.ISLAND_GRID:
        return 0
    guard = r[im.DEVICE_ANTI_ISLANDING + device]
    if guard == 0:
        return 0
    if guard != 1 and s[im.DEVICE_CERTIFIED + device] == 0:
        return 0
    measured = 0
    if o[O_OWN] >= 0 and p[P_HEAD + o[O_OWN] * P_ROW + P_STATE] == FRESH:
        measured = 1
    bounded = 0
    if o[O_ABOVE] >= 0 and p[P_HEAD + o[O_ABOVE] * P_ROW + P_STATE] == FRESH:
        bounded = 1
    reports = 1 if r[im.DEVICE_AGE_MS + device] <= _FRESH_MS else 0
    if measured != o[O_MEASURED] or bounded != o[O_BOUNDED] or reports != o[O_REPORTS]:
        return 0
    low_w = g[G_LOW] - o[O_TOLERANCE_W]
    high_w = g[G_HIGH] + o[O_TOLERANCE_W]
    node = o[O_OWN] if measured else o[O_ABOVE]
    at = im.NODE_W + node * im.LEGS
    w = r[at] + r[at + 1] + r[at + 2]
    size_w = w if w > 0 else 0 - w
    permille = s[im.NODE_ERROR_PERMILLE + node]
    error_w = size_w // 1000 * permille + size_w % 1000 * permille // 1000
    if measured:
        return 1 if w >= low_w - error_w and w <= high_w + error_w else 0
    said_w = r[im.DEVICE_W + device]
    if said_w < low_w or said_w > high_w:
        return 0
    most_w = o[O_TOLERANCE_W]
    if o[O_SOURCES_W] == 0 and said_w <= most_w and said_w >= 0 - most_w:
        return 0
    w += o[O_SOURCES_W] + error_w - int(others(site, readings, o[O_OTHERS]))
    return 1 if w >= low_w else 0


@micropython.viper
def charged(readings, requests, commands, device: int, soc: int, reserve: int) -> int:
    """1: the state of charge is known and what it was, and so is the reserve that holds now."""
    r = ptr32(readings)
    c = ptr32(commands)
    q = ptr32(requests)
    if r[im.DEVICE_SOC_AGE_MS + device] > SOC_STALE_MS:
        return 0
    if r[im.DEVICE_SOC_PERMILLE + device] != soc:
        return 0
    island = c[im.ISLAND_STATE]
    holds = q[im.RESERVE_PERMILLE]
    if island == im.ISLAND_ISLANDED or island == im.ISLAND_STARTING:
        holds = q[im.OUTAGE_RESERVE_PERMILLE]
    return 1 if holds == reserve else 0
