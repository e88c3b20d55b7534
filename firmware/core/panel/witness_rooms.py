# islet: how far each device may go on what the witness has seen, in viper (INV-15).
# GPL-3.0-or-later
#
# The same text runs on CPython; tests_host/core/plain says it in few words, and both are tested
# for equality. Arrays as in layout.py.

from firmware import image as im
from firmware.base.viper import const, micropython, ptr32
from firmware.core.panel.layout import (
    B_HEAD,
    B_MA64_PER_W,
    C_BACK,
    C_MISSES,
    C_PROVED,
    C_ROW,
    D_LEG,
    D_LEGS,
    D_NODE,
    D_OFFERS,
    D_PROVED_DRAW,
    D_PROVED_FEED,
    D_ROW,
    D_SEES_MA,
    END_LEG,
    END_NODE,
    KEPT_MA,
    P_BELOW,
    P_GROWS,
    P_HEAD,
    P_LIMIT,
    P_METERED,
    P_PARENT,
    P_PROVED,
    P_ROW,
    P_SEES,
    P_STATE,
    P_TAKES,
    STALE,
    TAKES_ALWAYS,
    WIDE_MA,
)

GROW_MA = const(3_500)  # a step beyond what is proved, shared by more than two devices
START_MA = const(6_000)  # no less can be offered to a car
TRIAL_MA = const(9_500)  # a start, and a raise that shows whether it was seen
DRAWS_MA = const(1_000)


def grows(below):
    """How far each device below a place may go beyond what is proved there: no more together than
    two of them."""
    count = 0
    while below:
        count += below & 1
        below >>= 1
    return GROW_MA * 2 // count if count > 2 else GROW_MA


@micropython.viper
def powers(rows, below: int, leg: int) -> int:
    """What the devices below that are told a power draw on a leg together."""
    t = ptr32(rows)
    sum_ma = 0
    at = 0
    while below:
        if below & 1 and t[at + D_OFFERS] == 0:
            sum_ma += t[at + D_SEES_MA + leg]
        at += D_ROW
        below >>= 1
    return sum_ma


@micropython.viper
def places(book, plan, rows, nodes: int, readings):
    """P_PROVED: what the devices below a place may draw beside what it sees of them: those that
    take an offer, those that are told a power, and these feeding back."""
    b = ptr32(book)
    p = ptr32(plan)
    r = ptr32(readings)
    row = P_HEAD
    c = B_HEAD
    flow = im.NODE_W
    while nodes:
        leg = 0
        if p[row + P_METERED] == 0 or p[row + P_STATE] == STALE or p[row + P_BELOW] == 0:
            leg = 3  # the panel holds it to what needs no instrument
        while leg < 3:
            at = c + leg * C_ROW
            all_ma = p[row + P_SEES + leg]
            proved_ma = b[at + C_PROVED]
            step_ma = proved_ma + p[row + P_GROWS]
            trial_ma = TRIAL_MA
            back = b[at + C_BACK]
            if b[at + C_MISSES] > 0:
                step_ma = p[row + P_GROWS]
                trial_ma = START_MA
            if back:  # which is the second piece of evidence
                step_ma = 0
                if b[at + C_MISSES] > 0:
                    trial_ma = 0
                power_ma = int(powers(rows, p[row + P_BELOW], leg))
                if power_ma >= KEPT_MA or power_ma <= 0 - KEPT_MA:
                    trial_ma = all_ma - proved_ma  # those first: no contact wears
            offer_ma = proved_ma + trial_ma - all_ma
            draw_ma = proved_ma + step_ma - all_ma
            feed_ma = proved_ma + step_ma + all_ma
            if p[row + P_TAKES] == TAKES_ALWAYS:
                # as far as is safe with the transformer turned round
                left_ma = r[flow + leg] * b[B_MA64_PER_W] >> 6
                left_ma = p[row + P_LIMIT] - (left_ma if left_ma > 0 else 0 - left_ma)
                if back == 0 or left_ma < offer_ma:
                    offer_ma = left_ma
                if back == 0 or left_ma < draw_ma:
                    draw_ma = left_ma
                if back == 0 or left_ma < feed_ma:
                    feed_ma = left_ma
            p[row + P_PROVED + leg] = offer_ma
            p[row + P_PROVED + leg + 3] = draw_ma
            p[row + P_PROVED + leg + 6] = feed_ma
            leg += 1
        row += P_ROW
        c += 3 * C_ROW
        flow += 3
        nodes -= 1


@micropython.viper
def rooms(plan, rows, devices: int):
    """How far each device may go on what is proved: D_PROVED_DRAW, D_PROVED_FEED."""
    p = ptr32(plan)
    t = ptr32(rows)
    at = 0
    while devices:
        node = t[at + D_NODE]
        if node >= 0:
            t[at + D_PROVED_DRAW] = WIDE_MA
            t[at + D_PROVED_FEED] = WIDE_MA
            t[at + D_PROVED_DRAW + END_NODE] = 0 - 1
            t[at + D_PROVED_FEED + END_NODE] = 0 - 1
        draws = 0
        if t[at + D_SEES_MA] > DRAWS_MA or t[at + D_SEES_MA + 1] > DRAWS_MA:
            draws = 1
        if t[at + D_SEES_MA + 2] > DRAWS_MA:
            draws = 1
        while node >= 0:
            row = P_HEAD + node * P_ROW
            k = 0
            if p[row + P_METERED] == 0 or p[row + P_STATE] == STALE:
                k = 3
            while k < t[at + D_LEGS]:
                leg = t[at + D_LEG + k]
                own_ma = t[at + D_SEES_MA + leg]
                if t[at + D_OFFERS]:
                    ma = p[row + P_PROVED + leg] + own_ma
                    if own_ma <= DRAWS_MA:
                        if draws:
                            ma = WIDE_MA  # a leg that the car does not use
                        elif ma > START_MA:
                            ma = START_MA
                else:
                    ma = p[row + P_PROVED + leg + 6] - own_ma
                    least_ma = t[at + D_PROVED_FEED]
                    if t[at + D_PROVED_FEED + END_NODE] != node:  # of equals the upper is named
                        least_ma += 1
                    if ma < least_ma:
                        t[at + D_PROVED_FEED] = ma
                        t[at + D_PROVED_FEED + END_NODE] = node
                        t[at + D_PROVED_FEED + END_LEG] = leg
                    ma = p[row + P_PROVED + leg + 3] + own_ma
                least_ma = t[at + D_PROVED_DRAW]
                if t[at + D_PROVED_DRAW + END_NODE] != node:
                    least_ma += 1
                if ma < least_ma:
                    t[at + D_PROVED_DRAW] = ma
                    t[at + D_PROVED_DRAW + END_NODE] = node
                    t[at + D_PROVED_DRAW + END_LEG] = leg
                k += 1
            node = p[row + P_PARENT]
        at += D_ROW
        devices -= 1
