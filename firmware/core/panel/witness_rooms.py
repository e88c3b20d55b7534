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
    C_STEADY_MS,
    D_DUE_MA,
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
    P_DUE,
    P_HEAD,
    P_LIMIT,
    P_MANY,
    P_METERED,
    P_PARENT,
    P_PROVED,
    P_ROW,
    P_SEES,
    P_STATE,
    P_TAKES,
    P_TRIES,
    STALE,
    TAKES_ALWAYS,
    WIDE_MA,
)
from firmware.core.panel.witness_sees import DRAWS_MA

GROW_MA = const(3_500)  # a step beyond what is proved
START_MA = const(6_000)  # no less can be offered to a car
PROBE_MA = const(3_500)  # less, for a step that shows when nothing moves by itself
PROBE_MS = const(10_000)
TRIAL_MA = const(9_500)  # a start, and a raise that shows whether it was seen


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
        tries = 0
        if p[row + P_METERED] == 0 or p[row + P_STATE] == STALE or p[row + P_BELOW] == 0:
            leg = 3  # the panel holds it to what needs no instrument
        while leg < 3:
            at = c + leg * C_ROW
            all_ma = p[row + P_SEES + leg]
            proved_ma = b[at + C_PROVED]
            step_ma = proved_ma + GROW_MA
            trial_ma = TRIAL_MA
            back = b[at + C_BACK]
            if b[at + C_MISSES] > 0:
                step_ma = GROW_MA
                trial_ma = START_MA
            if back:  # which is the second piece of evidence
                step_ma = 0
                if b[at + C_MISSES] > 0:
                    trial_ma = 0
                power_ma = int(powers(rows, p[row + P_BELOW], leg))
                if power_ma >= KEPT_MA or power_ma <= 0 - KEPT_MA:
                    trial_ma = all_ma - proved_ma  # those first: no contact wears
            offer_ma = proved_ma + trial_ma - all_ma - p[row + P_DUE + leg]
            if back and b[at + C_MISSES] == 0 and b[at + C_STEADY_MS] >= PROBE_MS:
                if all_ma - proved_ma >= PROBE_MA and offer_ma > 0 - PROBE_MA:
                    offer_ma = 0 - PROBE_MA  # a window was lost: another step
                    tries |= 1 << leg
            draw_ma = proved_ma + step_ma - all_ma - p[row + P_DUE + 3 + leg]
            feed_ma = proved_ma + step_ma + all_ma - p[row + P_DUE + 6 + leg]
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
            if back:
                tries |= 8 << leg
            p[row + P_PROVED + leg] = offer_ma
            p[row + P_PROVED + leg + 3] = draw_ma
            p[row + P_PROVED + leg + 6] = feed_ma
            leg += 1
        p[row + P_TRIES] = tries
        row += P_ROW
        c += 3 * C_ROW
        flow += 3
        nodes -= 1


@micropython.viper
def credit(plan, rows, at: int, first: int, cut_ma: int, leg: int):
    """What a device gives back on a leg need no other give back at the places above it."""
    p = ptr32(plan)
    t = ptr32(rows)
    node = t[at + D_NODE]
    while node >= 0:
        row = P_HEAD + node * P_ROW
        place = row + P_PROVED + first + leg
        if p[place] < 0:
            p[place] = p[place] + cut_ma if p[place] + cut_ma < 0 else 0
        place = row + P_PROVED + leg  # of those that take an offer
        if first == 3 and p[place] < 0:
            p[place] = p[place] + cut_ma if p[place] + cut_ma < 0 else 0
        node = p[row + P_PARENT]


@micropython.viper
def room(plan, rows, at: int):
    """How far one device may go on what is proved: D_PROVED_DRAW, D_PROVED_FEED."""
    p = ptr32(plan)
    t = ptr32(rows)
    t[at + D_PROVED_DRAW] = WIDE_MA
    t[at + D_PROVED_FEED] = WIDE_MA
    t[at + D_PROVED_DRAW + END_NODE] = 0 - 1
    t[at + D_PROVED_FEED + END_NODE] = 0 - 1
    draws = 0
    if t[at + D_SEES_MA] > DRAWS_MA or t[at + D_SEES_MA + 1] > DRAWS_MA:
        draws = 1
    if t[at + D_SEES_MA + 2] > DRAWS_MA:
        draws = 1
    node = t[at + D_NODE]
    while node >= 0:
        row = P_HEAD + node * P_ROW
        k = 0
        if p[row + P_METERED] == 0 or p[row + P_STATE] == STALE:
            k = 3
        while k < t[at + D_LEGS]:
            leg = t[at + D_LEG + k]
            own_ma = t[at + D_SEES_MA + leg]
            due_ma = t[at + D_DUE_MA + leg]
            keeps = 0  # what others of its kind have grown too far stops growth, no more
            if p[row + P_TRIES] & (8 << leg) == 0:
                keeps = p[row + P_MANY]
            if t[at + D_OFFERS]:
                ma = p[row + P_PROVED + leg] + own_ma + due_ma
                if p[row + P_PROVED + leg] < 0 and keeps & 1:
                    ma = own_ma + due_ma
                if ma < START_MA and own_ma >= START_MA and p[row + P_TRIES] & (1 << leg):
                    ma = START_MA  # no contact wears for it
                if own_ma <= DRAWS_MA:
                    if draws:
                        ma = WIDE_MA  # a leg that the car does not use
                    elif ma > START_MA:
                        ma = START_MA
            else:
                ma = p[row + P_PROVED + leg + 6] - own_ma
                if due_ma < 0:
                    ma -= due_ma
                if p[row + P_PROVED + leg + 6] < 0 and keeps & 2:
                    ma -= p[row + P_PROVED + leg + 6]
                least_ma = t[at + D_PROVED_FEED]
                if t[at + D_PROVED_FEED + END_NODE] != node:  # of equals the upper is named
                    least_ma += 1
                if ma < least_ma:
                    t[at + D_PROVED_FEED] = ma
                    t[at + D_PROVED_FEED + END_NODE] = node
                    t[at + D_PROVED_FEED + END_LEG] = leg
                ma = p[row + P_PROVED + leg + 3] + own_ma
                if due_ma > 0:
                    ma += due_ma
                if p[row + P_PROVED + leg + 3] < 0 and keeps & 2:
                    ma -= p[row + P_PROVED + leg + 3]
            least_ma = t[at + D_PROVED_DRAW]
            if t[at + D_PROVED_DRAW + END_NODE] != node:
                least_ma += 1
            if ma < least_ma:
                t[at + D_PROVED_DRAW] = ma
                t[at + D_PROVED_DRAW + END_NODE] = node
                t[at + D_PROVED_DRAW + END_LEG] = leg
            k += 1
        node = p[row + P_PARENT]


@micropython.viper
def rooms(plan, rows, order, count: int):
    """How far each device may go. What is taken back, who is served last gives first, and nobody
    gives what another has given already."""
    t = ptr32(rows)
    o = ptr32(order)
    while count:
        count -= 1
        at = o[count]
        room(plan, rows, at)
        k = 0
        while k < t[at + D_LEGS]:
            leg = t[at + D_LEG + k]
            own_ma = t[at + D_SEES_MA + leg]
            left_ma = t[at + D_PROVED_DRAW]
            if own_ma > 0 and left_ma < own_ma:
                credit(plan, rows, at, 3, own_ma - left_ma if left_ma > 0 else own_ma, leg)
            left_ma = t[at + D_PROVED_FEED]
            if own_ma < 0 and left_ma + own_ma < 0:
                credit(plan, rows, at, 6, 0 - own_ma - left_ma if left_ma > 0 else 0 - own_ma, leg)
            k += 1
