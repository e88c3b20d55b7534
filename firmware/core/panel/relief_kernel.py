# islet: what devices would have to deliver to bring overloaded circuits back, in viper.
# GPL-3.0-or-later
#
# The same text runs on CPython; tests_host/core/plain says it in few words, and both are tested
# for equality. Arrays as in layout.py.
#
# An overload is what others draw at a place (P_LOAD_*) beyond its limit: charging is not in it,
# the panel has taken that back already. Of what late readings leave open, the lower end raises a
# relief and the upper end ends it: it neither overshoots while it grows, nor swings.

from firmware import image as im
from firmware.base.viper import const, micropython, ptr32
from firmware.core.panel.layout import (
    D_CREDIT,
    D_FEED_MA,
    D_LEG,
    D_LEGS,
    D_NODE,
    D_RELIEF,
    D_RELIEF_MS,
    D_ROW,
    D_VOLTS,
    END_LEG,
    END_NODE,
    FRESH,
    H_HIGH,
    H_ROW,
    P_BELOW,
    P_HEAD,
    P_LIMIT,
    P_LOAD_HIGH,
    P_LOAD_LOW,
    P_PARENT,
    P_ROW,
    P_STATE,
)

_STANDS_MS = const(2_000)  # a start of a motor, or one false reading, is over by then
_EASE_MA = const(300)  # so much too much is left as it is
_MOST_W = const(1_000_000)


@micropython.viper
def covered(rows, slots, slot: int, below: int, but: int, leg: int) -> int:
    """mA that the devices of `below` but one deliver on a leg, or are about to in relief."""
    t = ptr32(rows)
    s = ptr32(slots)
    sum_ma = 0
    at = 0
    while below:
        if below & 1 and at != but:
            ma = 0 - s[slot + leg + H_HIGH]
            k = 0
            while k < t[at + D_LEGS]:
                if t[at + D_LEG + k] == leg and t[at + D_CREDIT] > ma:
                    ma = t[at + D_CREDIT]
                k += 1
            if ma > 0:
                sum_ma += ma
        slot += H_ROW
        at += D_ROW
        below >>= 1
    return sum_ma


@micropython.viper
def lacks(plan, rows, slots, at: int, slot: int, load: int) -> int:
    """mA that the tightest place above a device lacks, at least zero; its END_NODE and END_LEG."""
    p = ptr32(plan)
    t = ptr32(rows)
    most_ma = 0
    node = t[at + D_NODE]
    while node >= 0:
        row = P_HEAD + node * P_ROW
        k = 0
        if p[row + P_STATE] != FRESH:
            k = 3
        while k < t[at + D_LEGS]:
            leg = t[at + D_LEG + k]
            over_ma = p[row + load + leg] - p[row + P_LIMIT]
            if over_ma > most_ma:
                over_ma -= int(covered(rows, slots, slot, p[row + P_BELOW], at, leg))
                if over_ma > most_ma:
                    most_ma = over_ma
                    t[at + D_RELIEF + END_NODE] = node
                    t[at + D_RELIEF + END_LEG] = leg
            k += 1
        node = p[row + P_PARENT]
    return most_ma


@micropython.viper
def able(rows, at: int, commands, device: int) -> int:
    """mA per leg that all who limit a device left it to deliver in the step before."""
    t = ptr32(rows)
    c = ptr32(commands)
    low = 0 - _MOST_W
    source = 0
    while source < im.MARKET:
        if c[im.CLAIM_LOW + source * im.DEVICES + device] > low:
            low = c[im.CLAIM_LOW + source * im.DEVICES + device]
        source += 1
    return (0 - low) // t[at + D_LEGS] * 1000 // t[at + D_VOLTS]


@micropython.viper
def relieve(plan, rows, slots, slot: int, order, count: int, may: int, commands, dt_ms: int):
    """D_RELIEF of the devices of `may`, in the order of their ranks; `slot` is where what islet
    draws and delivers now begins. It rises once an overload stands, and falls at a device's ramp,
    or at once where nobody knows any more."""
    p = ptr32(plan)
    t = ptr32(rows)
    o = ptr32(order)
    if dt_ms > 1000:
        dt_ms = 1000
    i = 0
    while i < count:
        at = o[i]
        device = at // D_ROW
        if may & (1 << device):
            relief_ma = t[at + D_RELIEF]
            if relief_ma and p[P_HEAD + t[at + D_RELIEF + END_NODE] * P_ROW + P_STATE] != FRESH:
                relief_ma = 0
            low_ma = int(lacks(plan, rows, slots, at, slot, P_LOAD_LOW))
            stands_ms = t[at + D_RELIEF_MS]
            if low_ma == 0:
                stands_ms = 0
            elif stands_ms < _STANDS_MS:
                stands_ms += dt_ms
            t[at + D_RELIEF_MS] = stands_ms
            if low_ma > relief_ma:
                if stands_ms >= _STANDS_MS:
                    relief_ma = low_ma
            elif relief_ma:
                high_ma = int(lacks(plan, rows, slots, at, slot, P_LOAD_HIGH))
                if high_ma == 0 or relief_ma > high_ma + _EASE_MA:
                    relief_ma -= (
                        t[at + D_FEED_MA] >> 4
                    ) * dt_ms // 625 + 1  # 10 s from its rating
                    if relief_ma < high_ma:
                        relief_ma = high_ma
            t[at + D_RELIEF] = relief_ma
            can_ma = int(able(rows, at, commands, device))
            t[at + D_CREDIT] = can_ma if can_ma < relief_ma else relief_ma
        i += 1
