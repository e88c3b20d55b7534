# islet: what panel_kernel.py computes, said plainly; the two are tested for equality.
# GPL-3.0-or-later

from firmware import image as im
from firmware.core.panel.kernel import (
    BELOW_EVSE,
    BELOW_INVERTER,
    DRAW,
    DRAW_BUS,
    END_LEG,
    END_NODE,
    END_WHY,
    FEED,
    FEED_BUS,
    FRESH,
    H_EVSE_HIGH,
    H_INVERTER_HIGH,
    H_INVERTER_LOW,
    MOVED_MA,
    NODES,
    OPEN_MA,
    P_ALARM,
    P_ALARM_LEG,
    P_ALARM_NODE,
    P_BELOW,
    P_BUS,
    P_BUS_LOAD,
    P_CHANGED,
    P_COORDINATED,
    P_HERE,
    P_INFLOW,
    P_LEGS,
    P_LIMIT,
    P_LOAD_HIGH,
    P_LOAD_LOW,
    P_MARK_HIGH,
    P_MARK_LOW,
    P_METERED,
    P_NODE,
    P_OTHER,
    P_OWN_HIGH,
    P_OWN_LOW,
    P_PARENT,
    P_RATING,
    P_RESERVED,
    P_ROOM,
    P_SOURCES,
    P_STATE,
    P_STATIC,
    P_STILL_MS,
    P_WHY,
    PLACES,
    RING,
    SLOT_SIZE,
    STALE,
    UNMETERED,
    WHY_BREAKER,
    WHY_BUSBAR,
    WHY_STALE,
    WHY_STATIC,
    WIDEST_MA,
)

_FROZEN = 1 << 28
_AT_MINIMUM_MA = 500


def judge(plan, readings, nodes, dt_ms, stale_ms, coordinated):
    for node in range(nodes):
        plan[P_COORDINATED + node] = coordinated
        if not plan[P_METERED + node]:
            plan[P_STATE + node] = UNMETERED
            continue
        fresh = readings[im.NODE_AGE_MS + node] <= stale_ms
        fresh = fresh and not _frozen(plan, node, dt_ms, stale_ms)
        plan[P_STATE + node] = FRESH if fresh else STALE


def _frozen(plan, node, dt_ms, stale_ms):
    moved = False
    for leg in range(im.LEGS):
        at = node * im.LEGS + leg
        if plan[P_CHANGED + node] >> leg & 1:
            plan[P_MARK_LOW + at] = plan[P_OWN_LOW + at]
            plan[P_MARK_HIGH + at] = plan[P_OWN_HIGH + at]
        up = plan[P_OWN_LOW + at] - plan[P_MARK_HIGH + at] >= MOVED_MA
        if up or plan[P_MARK_LOW + at] - plan[P_OWN_HIGH + at] >= MOVED_MA:
            moved = True
            if plan[P_STILL_MS + node] > stale_ms:  # once frozen, only a new reading thaws it
                plan[P_MARK_LOW + at] = _FROZEN
    if not moved:
        plan[P_STILL_MS + node] = 0
    elif plan[P_STILL_MS + node] <= stale_ms:
        plan[P_STILL_MS + node] += dt_ms
    return plan[P_STILL_MS + node] > stale_ms


def survey(plan, readings, nodes):
    plan[P_ALARM] = 0
    for node in range(nodes):
        for leg in range(im.LEGS):
            plan[P_INFLOW + node * im.LEGS + leg] = plan[P_HERE + node]
    for node in range(nodes):
        fresh = plan[P_STATE + node] == FRESH
        parent = plan[P_PARENT + node]
        into_bus = parent >= 0 and plan[P_BUS + parent] > 0
        if into_bus and plan[P_STATE + node] == STALE:
            plan[P_COORDINATED + parent] = 0
        for leg in range(im.LEGS):
            at = node * im.LEGS + leg
            inflow_ma = plan[P_SOURCES + node]
            if fresh:
                flow_ma = readings[im.NODE_MA + at]
                inflow_ma = -plan[P_LOAD_LOW + at]
                if plan[P_OWN_HIGH + at] <= _AT_MINIMUM_MA:
                    _alarm(plan, flow_ma - plan[P_RATING + node], node, leg)
                if plan[P_OWN_LOW + at] >= -_AT_MINIMUM_MA:
                    _alarm(plan, -flow_ma - plan[P_RATING + node], node, leg)
            if into_bus:
                plan[P_INFLOW + parent * im.LEGS + leg] += max(0, inflow_ma)


def _alarm(plan, over_ma, node, leg):
    if over_ma > plan[P_ALARM]:
        plan[P_ALARM], plan[P_ALARM_NODE], plan[P_ALARM_LEG] = over_ma, node, leg


def breakers(plan, nodes):
    for node in range(nodes):
        state = plan[P_STATE + node]
        why = WHY_STALE if state == STALE else WHY_BREAKER
        plan[P_WHY + DRAW * NODES + node] = plan[P_WHY + FEED * NODES + node] = why
        limit_ma = plan[P_LIMIT + node]
        for leg in range(im.LEGS):
            at = node * im.LEGS + leg
            draw_ma, feed_ma = limit_ma, limit_ma - plan[P_SOURCES + node]
            if state == STALE:
                draw_ma = 0
            elif state == FRESH:
                draw_ma = limit_ma - plan[P_LOAD_HIGH + at]
                feed_ma = limit_ma + plan[P_LOAD_LOW + at]
            plan[P_ROOM + DRAW * PLACES + at] = draw_ma
            plan[P_ROOM + FEED * PLACES + at] = feed_ma


def busbars(plan, history, nodes, head):
    for node in range(nodes):
        if plan[P_BUS + node] == 0:
            continue
        known = plan[P_STATE + node] == FRESH
        coordinated = known and plan[P_COORDINATED + node]
        plan[P_WHY + FEED_BUS * NODES + node] = WHY_BUSBAR if coordinated else WHY_STATIC
        for leg in range(im.LEGS):
            at = node * im.LEGS + leg
            draw_ma, feed_ma = OPEN_MA, plan[P_STATIC + node]
            if known:
                load_ma = plan[P_LOAD_HIGH + at] + plan[P_INFLOW + at]
                draw_ma = plan[P_BUS_LOAD + node] - load_ma
            if coordinated:
                feed_ma = _bus_feed(plan, history, node, leg, head)
            plan[P_ROOM + DRAW_BUS * PLACES + at] = draw_ma
            plan[P_ROOM + FEED_BUS * PLACES + at] = feed_ma


def _bus_feed(plan, history, node, leg, head):
    at = head % RING * SLOT_SIZE + leg
    below = plan[P_BELOW + node]
    feed_ma = plan[P_LOAD_HIGH + node * im.LEGS + leg]
    back_ma = 0
    if below & BELOW_INVERTER:
        back_ma = max(0, -history[at + H_INVERTER_LOW])
        feed_ma += history[at + H_INVERTER_HIGH]
    if below & BELOW_EVSE:
        feed_ma += history[at + H_EVSE_HIGH]
    room_ma = plan[P_BUS + node] - max(0, feed_ma) - plan[P_INFLOW + node * im.LEGS + leg]
    return room_ma if room_ma >= back_ma else 0


def tightest(plan, column, most):
    plan[most] = WIDEST_MA
    plan[most + END_NODE] = plan[most + END_LEG] = -1
    plan[most + END_WHY] = WHY_BREAKER
    node = plan[P_NODE]
    while node >= 0:
        shared = plan[P_BELOW + node] & plan[P_OTHER] and plan[P_STATE + node] != STALE
        for leg in range(plan[P_LEGS]):
            reserved_ma = plan[P_RESERVED + leg] if shared and column == DRAW else 0
            for cause in (column, column + 1):
                room_ma = plan[P_ROOM + cause * PLACES + node * im.LEGS + leg] - reserved_ma
                if room_ma < plan[most]:
                    plan[most] = max(0, room_ma)
                    plan[most + END_NODE], plan[most + END_LEG] = node, leg
                    plan[most + END_WHY] = plan[P_WHY + cause * NODES + node]
        node = plan[P_PARENT + node]
