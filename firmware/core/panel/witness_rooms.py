# islet: how far each device may go on what the witness has seen, in viper (INV-15).
# GPL-3.0-or-later
#
# The same text runs on CPython; `book` and `plan` are those of witness_kernel.py, whose constants
# stand here once more, since only a module's own are folded; a test compares them.

from firmware import image as im
from firmware.base.viper import const, micropython, ptr32
from firmware.core.panel.kernel import (
    BELOW_EVSE,
    BELOW_INVERTER,
    P_BELOW,
    P_LIMIT,
    P_METERED,
    P_STATE,
    STALE,
)

B_MA64_PER_W = const(4)
B_MA64_PER_W_INVERTER = const(5)
B_INVERTER_LEGS = const(6)
B_EVSE_MA = const(11)
B_DRAW_MA = const(14)
B_FEED_MA = const(17)
B_TAKES = const(54)
B_COLUMNS = const(118)
END_NODE = const(1)
END_LEG = const(2)
TAKES_ALWAYS = const(2)
C_PROVED = const(9)
C_MISSES = const(10)
C_BACK = const(19)
KEPT_MA = const(600)
WIDE_MA = const(1 << 27)

GROW_MA = const(3_500)  # a step beyond what is proved
START_MA = const(6_000)  # no less can be offered to a car
TRIAL_MA = const(9_500)  # a start, and a raise that shows whether it was seen
DRAWS_MA = const(1_000)


@micropython.viper
def rooms(book, plan, readings, nodes: int):
    """How far each device may go on what is proved: B_EVSE_MA, B_DRAW_MA, B_FEED_MA."""
    b = ptr32(book)
    p = ptr32(plan)
    r = ptr32(readings)
    places = nodes * 3
    below_at = int(P_BELOW)
    metered_at = int(P_METERED)
    by_evse = int(BELOW_EVSE)
    by_inverter = int(BELOW_INVERTER)
    watts = int(im.NODE_W)
    state_at = int(P_STATE)
    limit_at = int(P_LIMIT)
    drawn = int(im.DEVICE_MA + im.EVSE * im.LEGS)
    inverter_w = int(im.DEVICE_W + im.INVERTER)
    inverter_ma = r[inverter_w] * b[B_MA64_PER_W_INVERTER] >> 6
    b[B_EVSE_MA] = WIDE_MA
    b[B_DRAW_MA] = WIDE_MA
    b[B_FEED_MA] = WIDE_MA
    draws = 0
    if r[drawn] > DRAWS_MA or r[drawn + 1] > DRAWS_MA or r[drawn + 2] > DRAWS_MA:
        draws = 1
    node = 0
    while node < nodes:
        at = node * 3
        end = at + 3
        below = p[below_at + node]
        if p[metered_at + node] == 0 or p[state_at + node] == int(STALE):
            at = end  # the panel holds it to what needs no instrument
        leg = 0
        while at < end:
            c = B_COLUMNS + at
            evse_ma = 0
            feeds_ma = 0
            if below & by_evse:
                evse_ma = r[drawn + leg]
            if below & by_inverter and leg < b[B_INVERTER_LEGS]:
                feeds_ma = inverter_ma
            own_ma = evse_ma + feeds_ma
            proved_ma = b[c + C_PROVED * places]
            misses = b[c + C_MISSES * places]
            step_ma = proved_ma + GROW_MA
            trial_ma = TRIAL_MA
            if misses > 0:
                step_ma = GROW_MA
                trial_ma = START_MA
            if b[c + C_BACK * places]:  # which is the second piece of evidence
                step_ma = 0
                if misses > 0:
                    trial_ma = 0
                if feeds_ma >= KEPT_MA or feeds_ma <= 0 - KEPT_MA:
                    trial_ma = own_ma - proved_ma  # the inverter first: no contact wears
            evse_room_ma = proved_ma + trial_ma - feeds_ma
            draw_room_ma = proved_ma + step_ma - evse_ma
            feed_room_ma = proved_ma + step_ma + evse_ma
            if b[B_TAKES + node] == TAKES_ALWAYS:
                # as far as is safe with the transformer turned round
                left_ma = r[watts + at] * b[B_MA64_PER_W] >> 6
                left_ma = p[limit_at + node] - (left_ma if left_ma > 0 else 0 - left_ma)
                if b[c + C_BACK * places] == 0 or evse_ma + left_ma < evse_room_ma:
                    evse_room_ma = evse_ma + left_ma
                if b[c + C_BACK * places] == 0 or feeds_ma + left_ma < draw_room_ma:
                    draw_room_ma = feeds_ma + left_ma
                if b[c + C_BACK * places] == 0 or left_ma - feeds_ma < feed_room_ma:
                    feed_room_ma = left_ma - feeds_ma
            if below & by_evse:
                if evse_ma <= DRAWS_MA:
                    if draws:
                        evse_room_ma = WIDE_MA  # a leg that the car does not use
                    elif evse_room_ma > START_MA:
                        evse_room_ma = START_MA
                if evse_room_ma < b[B_EVSE_MA]:
                    b[B_EVSE_MA] = evse_room_ma
                    b[B_EVSE_MA + END_NODE] = node
                    b[B_EVSE_MA + END_LEG] = leg
            if below & by_inverter and leg < b[B_INVERTER_LEGS]:
                if draw_room_ma < b[B_DRAW_MA]:
                    b[B_DRAW_MA] = draw_room_ma
                    b[B_DRAW_MA + END_NODE] = node
                    b[B_DRAW_MA + END_LEG] = leg
                if feed_room_ma < b[B_FEED_MA]:
                    b[B_FEED_MA] = feed_room_ma
                    b[B_FEED_MA + END_NODE] = node
                    b[B_FEED_MA + END_LEG] = leg
            leg += 1
            at += 1
        node += 1
