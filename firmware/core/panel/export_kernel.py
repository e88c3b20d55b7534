# islet: who may deliver how much of what may be exported, rank by rank; in viper.
# GPL-3.0-or-later
#
# The same text runs on CPython; tests_host/core/plain says it in few words, and both are tested
# for equality. Arrays as in layout.py; `has` and `most` have a word for each device, in W.

from firmware import image as im
from firmware.base.viper import micropython, ptr32
from firmware.core.panel.layout import (
    D_FRESH,
    D_LEG,
    D_LEGS,
    D_OFFERS,
    D_RANK,
    D_ROW,
    D_TAKES,
    D_VOLTS,
)


@micropython.viper
def highest(rows, order, count: int, readings, floor_mv: int) -> int:
    """The highest voltage of the legs of those that take an offer, mV."""
    t = ptr32(rows)
    o = ptr32(order)
    r = ptr32(readings)
    highest_mv = floor_mv
    i = 0
    while i < count:
        at = o[i]
        k = t[at + D_LEGS]
        if t[at + D_OFFERS] == 0:
            k = 0
        while k:
            k -= 1
            leg_mv = r[im.GRID_MV + t[at + D_LEG + k]]
            if leg_mv > highest_mv:
                highest_mv = leg_mv
        i += 1
    return highest_mv


@micropython.viper
def share(rows, order, count: int, readings, commands, has, most, left_w: int):
    """`most` of every device. What it delivers or is told to counts as had from the start, what it
    takes once it is served."""
    t = ptr32(rows)
    o = ptr32(order)
    r = ptr32(readings)
    c = ptr32(commands)
    h = ptr32(has)
    m = ptr32(most)
    all_w = 0
    i = 0
    while i < count:
        at = o[i]
        device = at // D_ROW
        has_w = 0
        if t[at + D_OFFERS] == 0:
            has_w = 0 - c[im.SETPOINT + device]
            now_w = 0 - r[im.DEVICE_W + device]
            if t[at + D_FRESH] and now_w > has_w:
                has_w = now_w
            if has_w < 0:
                has_w = 0
        h[device] = has_w
        all_w += has_w
        m[device] = t[at + D_TAKES + 1] * t[at + D_VOLTS] // 1000 * t[at + D_LEGS]  # it wants
        i += 1
    served_w = 0
    first = 0
    while first < count:
        end = first + 1
        while end < count and t[o[end] + D_RANK] == t[o[first] + D_RANK]:
            end += 1
        free_w = left_w - served_w
        if free_w < 0:
            free_w = 0
        i = first
        while i < end:
            device = o[i] // D_ROW
            takes_w = m[device]
            if takes_w * (end - first) > free_w:  # as much as any other
                sharing = end - first
                part_w = free_w
                other = first
                while other < end:  # who wants less than its part leaves more to the others
                    other_w = m[o[other] // D_ROW]
                    if other_w * (end - first) <= free_w:
                        sharing -= 1
                        part_w -= other_w
                    other += 1
                part_w = part_w // sharing
                if part_w < takes_w:
                    takes_w = part_w
            if takes_w > h[device]:
                all_w += takes_w - h[device]
                h[device] = takes_w
            i += 1
        i = first
        while i < end:
            device = o[i] // D_ROW
            most_w = left_w - all_w + h[device]
            m[device] = most_w if most_w > 0 else 0
            served_w += h[device]
            i += 1
        first = end
