# islet: the panel's claims, from what each device is left and what of it is proved; in viper.
# GPL-3.0-or-later
#
# The same text runs on CPython; tests_host/core/plain says it in few words, and both are tested
# for equality. Arrays as in layout.py. A claim is written as core/limits/kernel.py does: it
# contains zero, and its blocks follow one another.

from firmware import image as im
from firmware.base.viper import const, micropython, ptr32
from firmware.core.panel.layout import (
    D_AFTER,
    D_EXCESS_MS,
    D_FRESH,
    D_HIGH,
    D_LEGS,
    D_LOW,
    D_OFFERS,
    D_PROVED_DRAW,
    D_PROVED_FEED,
    D_ROW,
    D_VOLTS,
    END_LEG,
    END_NODE,
    END_WHY,
    WHY_STALE,
    WIDE_MA,
)

_WIDEST_W = const(1_000_000)
_TOLERANCE_MA = const(600)  # of a car's current against the room it has
_FIRST = const(im.CLAIM_LOW + im.PANEL * im.DEVICES)
_NEXT = const(im.SOURCES * im.DEVICES)  # block of claims


@micropython.viper
def claim(plan, rows, order, count: int, readings, commands, reasons, most) -> int:
    """Claim for every device what it is left, `most` of W of export included; `reasons` by WHY_*.
    Bits of those that take an offer and draw beyond it; DEVICE_OVERDUE of the others is over."""
    t = ptr32(rows)
    o = ptr32(order)
    r = ptr32(readings)
    c = ptr32(commands)
    w = ptr32(reasons)
    m = ptr32(most)
    beyond = 0
    i = 0
    while i < count:
        at = o[i]
        device = at // D_ROW
        end = at + D_HIGH
        after = t[at + D_AFTER]
        high = t[end]
        low = 0
        low_reason = im.REASON_NONE
        if t[at + D_OFFERS]:
            k = t[at + D_LEGS]
            ma = high + _TOLERANCE_MA
            over = 0
            while k and t[at + D_FRESH]:
                k -= 1
                if r[im.DEVICE_MA + device * im.LEGS + k] > ma:
                    over = 1
            if over:
                beyond |= 1 << device
            else:
                t[at + D_EXCESS_MS] = 0
                c[im.DEVICE_OVERDUE + device] = 0
        else:
            high = high * t[at + D_VOLTS] // 1000 * t[at + D_LEGS]
            low = t[at + D_LOW] * t[at + D_VOLTS] // 1000 * t[at + D_LEGS]
            if high > _WIDEST_W:
                high = _WIDEST_W
            if low > _WIDEST_W:
                low = _WIDEST_W
            low_reason = w[t[at + D_LOW + END_WHY]]
            if low < high:  # one place and value for both ends: the tighter one's
                end = at + D_LOW
                after = t[at + D_AFTER + 1]
        node = t[end + END_NODE]
        leg = t[end + END_LEG]
        value = t[end]
        if t[end + END_WHY] == WHY_STALE:  # the age of a stale instrument, else the headroom
            value = r[im.NODE_AGE_MS + node]
        if t[at + D_OFFERS] == 0 and m[device] < low:
            low = m[device]
            low_reason = im.REASON_EXPORT
            if low < high:
                node = 0
                leg = 0 - 1
                after = 0 - 1
                value = low
        slot = _FIRST + device
        c[slot] = 0 - low
        slot += _NEXT
        c[slot] = high
        slot += _NEXT
        c[slot] = w[t[at + D_HIGH + END_WHY]]
        slot += _NEXT
        c[slot] = low_reason
        slot += _NEXT
        c[slot] = node
        slot += _NEXT
        c[slot] = leg
        c[slot + _NEXT] = value
        c[im.DEVICE_AFTER + device] = after
        i += 1
    return beyond


@micropython.viper
def narrow(rows, order, count: int, commands, volts: int):
    """Leave every device, of what was claimed, only what is proved."""
    t = ptr32(rows)
    o = ptr32(order)
    c = ptr32(commands)
    i = 0
    while i < count:
        at = o[i]
        low_at = _FIRST + at // D_ROW
        high_at = low_at + _NEXT
        reason_at = high_at + _NEXT
        low_reason_at = reason_at + _NEXT
        tight = 0
        value = 0
        draw = t[at + D_PROVED_DRAW]
        if t[at + D_OFFERS]:
            if draw < c[high_at]:
                tight = at + D_PROVED_DRAW
                value = draw
                c[low_at] = 0
                c[high_at] = draw if draw > 0 else 0
                c[reason_at] = im.REASON_UNPROVED
                c[low_reason_at] = im.REASON_UNPROVED
        else:
            feed = t[at + D_PROVED_FEED]
            if feed < WIDE_MA:
                feed = feed * volts // 1000 * t[at + D_LEGS] if feed > 0 else 0
            if draw < WIDE_MA:
                draw = draw * volts // 1000 * t[at + D_LEGS] if draw > 0 else 0
            narrows = 0
            if 0 - feed > c[low_at]:
                narrows = 1
                c[low_at] = 0 - feed
                c[low_reason_at] = im.REASON_UNPROVED
            if draw < c[high_at]:
                narrows = 1
                c[high_at] = draw
                c[reason_at] = im.REASON_UNPROVED
            # the place and value of the tighter end: the panel's own where that is not narrowed
            end = at + D_PROVED_DRAW
            why = c[reason_at]
            if 0 - c[low_at] < c[high_at]:
                end = at + D_PROVED_FEED
                why = c[low_reason_at]
            if narrows and why == im.REASON_UNPROVED:
                tight = end
        if tight:
            at = low_reason_at + _NEXT
            c[at] = t[tight + END_NODE]
            at += _NEXT
            c[at] = t[tight + END_LEG]
            c[at + _NEXT] = value
        i += 1
