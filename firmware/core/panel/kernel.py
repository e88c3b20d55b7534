# islet: the circuit tree's inner passes, in viper, on flat integer arrays alone.
# GPL-3.0-or-later
#
# The same text runs on CPython; tests_host/core/plain says it in few words, and both are tested
# for equality. Arrays as in layout.py. pairing_kernel.py has found, per node and leg, what others
# draw (P_LOAD_*): a meter is up to 2 s late, and without it every step down would be made twice.

from firmware import image as im
from firmware.base.viper import const, micropython, ptr32
from firmware.core.panel.layout import (
    DRAW,
    DRAW_BUS,
    FEED,
    FEED_BUS,
    FRESH,
    FROZEN_MA,
    H_HIGH,
    H_LOW,
    H_ROW,
    OPEN_MA,
    P_ALARM,
    P_ALARM_LEG,
    P_ALARM_NODE,
    P_BELOW,
    P_BUS,
    P_BUS_LOAD,
    P_CHANGED,
    P_COORDINATED,
    P_HEAD,
    P_HERE,
    P_INFLOW,
    P_LIMIT,
    P_LOAD_HIGH,
    P_LOAD_LOW,
    P_MARK_HIGH,
    P_MARK_LOW,
    P_METERED,
    P_OWN_HIGH,
    P_OWN_LOW,
    P_PARENT,
    P_RATING,
    P_ROOM,
    P_ROW,
    P_SOURCES,
    P_STATE,
    P_STATIC,
    P_STILL_MS,
    P_WHY,
    STALE,
    UNMETERED,
    WHY_BREAKER,
    WHY_BUSBAR,
    WHY_STALE,
    WHY_STATIC,
)

MOVED_MA = const(3_000)  # a change of islet's own current that no working meter can miss
_AT_MINIMUM_MA = const(500)  # islet's contribution counts as nil below this (sensor's offset)


@micropython.viper
def judge(plan, readings, nodes: int, dt_ms: int, stale_ms: int, coordinated: int):
    """Per node: fresh, stale or unmetered. A leg whose reading stands still to the milliampere
    although all that islet may have drawn in its time is other than when it came is frozen, and
    only a different one thaws it, whatever the other legs show."""
    p = ptr32(plan)
    r = ptr32(readings)
    row = P_HEAD
    node = 0
    while node < nodes:
        p[row + P_COORDINATED] = coordinated
        state = UNMETERED
        if p[row + P_METERED]:
            state = STALE
            if r[im.NODE_AGE_MS + node] <= stale_ms:
                moved = 0
                still_ms = p[row + P_STILL_MS]
                changed = p[row + P_CHANGED]
                at = row
                end = row + 3
                while at < end:
                    if changed & 1:
                        p[at + P_MARK_LOW] = p[at + P_OWN_LOW]
                        p[at + P_MARK_HIGH] = p[at + P_OWN_HIGH]
                    rose_ma = p[at + P_OWN_LOW] - p[at + P_MARK_HIGH]
                    fell_ma = p[at + P_MARK_LOW] - p[at + P_OWN_HIGH]
                    if rose_ma >= MOVED_MA or fell_ma >= MOVED_MA:
                        moved = 1
                        if still_ms > stale_ms:
                            p[at + P_MARK_LOW] = FROZEN_MA
                    changed >>= 1
                    at += 1
                if moved == 0:
                    still_ms = 0
                elif still_ms <= stale_ms:
                    still_ms += dt_ms
                p[row + P_STILL_MS] = still_ms
                if still_ms <= stale_ms:
                    state = FRESH
        p[row + P_STATE] = state
        row += P_ROW
        node += 1


@micropython.viper
def survey(plan, readings, nodes: int):
    """Sum the foreign inflows of every busbar, and find the worst overload islet cannot help."""
    p = ptr32(plan)
    r = ptr32(readings)
    p[P_ALARM] = 0
    at = P_HEAD
    end = P_HEAD + nodes * P_ROW
    while at < end:
        p[at + P_INFLOW] = p[at + P_HERE]
        p[at + P_INFLOW + 1] = p[at + P_HERE]
        p[at + P_INFLOW + 2] = p[at + P_HERE]
        at += P_ROW
    flows = im.NODE_MA
    node = 0
    while node < nodes:
        row = P_HEAD + node * P_ROW
        state = p[row + P_STATE]
        above = P_HEAD + p[row + P_PARENT] * P_ROW
        bus_ma = 0
        if p[row + P_PARENT] >= 0:
            bus_ma = p[above + P_BUS]
            if bus_ma > 0 and state == STALE:
                p[above + P_COORDINATED] = 0
        leg = 0
        while leg < 3:
            at = row + leg
            inflow_ma = p[row + P_SOURCES]
            if state == FRESH:
                flow_ma = r[flows + leg]
                inflow_ma = 0 - p[at + P_LOAD_LOW]
                over_ma = 0
                if flow_ma > 0 and p[at + P_OWN_HIGH] <= _AT_MINIMUM_MA:
                    over_ma = flow_ma - p[row + P_RATING]
                if flow_ma < 0 and p[at + P_OWN_LOW] >= 0 - _AT_MINIMUM_MA:
                    over_ma = 0 - flow_ma - p[row + P_RATING]
                if over_ma > p[P_ALARM]:
                    p[P_ALARM] = over_ma
                    p[P_ALARM_NODE] = node
                    p[P_ALARM_LEG] = leg
            if bus_ma > 0 and inflow_ma > 0:
                p[above + leg + P_INFLOW] += inflow_ma
            leg += 1
        flows += 3
        node += 1


@micropython.viper
def breakers(plan, nodes: int):
    """P_ROOM of every node's breaker or conductor."""
    p = ptr32(plan)
    row = P_HEAD
    while nodes:
        state = p[row + P_STATE]
        why = WHY_STALE if state == STALE else WHY_BREAKER
        p[row + P_WHY + DRAW] = why
        p[row + P_WHY + FEED] = why
        limit_ma = p[row + P_LIMIT]
        at = row
        end = row + 3
        while at < end:
            draw_ma = limit_ma
            if state == FRESH:
                feed_ma = limit_ma + p[at + P_LOAD_LOW]
                draw_ma -= p[at + P_LOAD_HIGH]
            else:
                feed_ma = limit_ma - p[row + P_SOURCES]  # only nameplates are known
                if state == STALE:  # INV-4: worst credible load, worst credible generation
                    draw_ma = 0
            p[at + P_ROOM + DRAW * 3] = draw_ma
            p[at + P_ROOM + FEED * 3] = feed_ma
            at += 1
        row += P_ROW
        nodes -= 1


@micropython.viper
def leased(plan, node: int, low_ma: int, high_ma: int, why: int):
    """P_ROOM of a node that an issuer's lease limits as a smaller breaker would."""
    p = ptr32(plan)
    row = P_HEAD + node * P_ROW
    state = p[row + P_STATE]
    at = row
    end = row + 3
    while at < end:
        draw_ma = high_ma
        feed_ma = 0 - low_ma - p[row + P_SOURCES]
        if state == FRESH:
            draw_ma -= p[at + P_LOAD_HIGH]
            feed_ma = p[at + P_LOAD_LOW] - low_ma
        if draw_ma < p[at + P_ROOM + DRAW * 3]:
            p[at + P_ROOM + DRAW * 3] = draw_ma
            p[row + P_WHY + DRAW] = why
        if feed_ma < p[at + P_ROOM + FEED * 3]:
            p[at + P_ROOM + FEED * 3] = feed_ma
            p[row + P_WHY + FEED] = why
        at += 1


@micropython.viper
def busbars(plan, slots, nodes: int, devices: int, head: int):
    """P_ROOM of every busbar; `head` is the slot of what islet draws and delivers now.

    Inflows are the feed and every source, negatives count as zero. Above the limit islet's part
    goes to zero at once (Tesla Panel Limit, standards facts §2): taking away the excess alone
    would only move it to the feed, and need a step for each amount.
    """
    p = ptr32(plan)
    s = ptr32(slots)
    first = head * devices * H_ROW
    row = P_HEAD
    while nodes:
        leg = 0
        if p[row + P_BUS] == 0:
            leg = 3
        while leg < 3:
            at = row + leg
            draw_ma = OPEN_MA
            feed_ma = p[row + P_STATIC]
            why = WHY_STATIC
            if p[row + P_STATE] == FRESH:
                foreign_ma = p[at + P_INFLOW]
                flow_ma = p[at + P_LOAD_HIGH]  # the loads, but for the other sources
                draw_ma = p[row + P_BUS_LOAD] - flow_ma - foreign_ma
                if p[row + P_COORDINATED]:
                    why = WHY_BUSBAR
                    back_ma = 0
                    slot = first + leg
                    below = p[row + P_BELOW]
                    while below:
                        if below & 1:
                            if s[slot + H_LOW] < 0:
                                back_ma -= s[slot + H_LOW]
                            flow_ma += s[slot + H_HIGH]
                        slot += H_ROW
                        below >>= 1
                    feed_ma = p[row + P_BUS] - foreign_ma
                    if flow_ma > 0:
                        feed_ma -= flow_ma
                    if feed_ma < back_ma:
                        feed_ma = 0
            p[at + P_ROOM + DRAW_BUS * 3] = draw_ma
            p[at + P_ROOM + FEED_BUS * 3] = feed_ma
            p[row + P_WHY + FEED_BUS] = why
            leg += 1
        row += P_ROW
        nodes -= 1
