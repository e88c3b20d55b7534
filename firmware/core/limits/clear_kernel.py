# islet: whether nothing at all stands against a device, in viper: the table's usual answer.
# GPL-3.0-or-later
#
# hardware.py asks its table only where this says no, and the table alone decides and gives the
# reason. So a no may be wrong and costs time; a yes must not be: on random images no row of the
# table holds then (a test). The same text runs on CPython.

from firmware import image as im
from firmware.base.viper import const, micropython, ptr32
from firmware.core.vehicle.rights import INPUTS_STALE_MS

_STALE_MS = const(2_000)  # INV-4
_LEAST_MA = const(6_000)


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
