# islet: what panel/kernel.py computes, said plainly; the two are tested for equality.
# GPL-3.0-or-later

from firmware import image as im
from firmware.core.panel.kernel import MOVED_MA
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
    P_BUS,
    P_BUS_LOAD,
    P_CHANGED,
    P_COORDINATED,
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
    node_at,
)
from tests_host.core.plain.tree import below

_AT_MINIMUM_MA = 500


def judge(plan, readings, nodes, dt_ms, stale_ms, coordinated):
    for node in range(nodes):
        at = node_at(node)
        plan[at + P_COORDINATED] = coordinated
        if not plan[at + P_METERED]:
            plan[at + P_STATE] = UNMETERED
            continue
        fresh = readings[im.NODE_AGE_MS + node] <= stale_ms
        fresh = fresh and not _frozen(plan, node, dt_ms, stale_ms)
        plan[at + P_STATE] = FRESH if fresh else STALE


def _frozen(plan, node, dt_ms, stale_ms):
    at = node_at(node)
    moved = False
    for leg in range(im.LEGS):
        if plan[at + P_CHANGED] >> leg & 1:
            plan[at + P_MARK_LOW + leg] = plan[at + P_OWN_LOW + leg]
            plan[at + P_MARK_HIGH + leg] = plan[at + P_OWN_HIGH + leg]
        up = plan[at + P_OWN_LOW + leg] - plan[at + P_MARK_HIGH + leg] >= MOVED_MA
        if up or plan[at + P_MARK_LOW + leg] - plan[at + P_OWN_HIGH + leg] >= MOVED_MA:
            moved = True
            if plan[at + P_STILL_MS] > stale_ms:  # once frozen, only a new reading thaws it
                plan[at + P_MARK_LOW + leg] = FROZEN_MA
    if not moved:
        plan[at + P_STILL_MS] = 0
    elif plan[at + P_STILL_MS] <= stale_ms:
        plan[at + P_STILL_MS] += dt_ms
    return plan[at + P_STILL_MS] > stale_ms


def survey(plan, readings, nodes):
    plan[P_ALARM] = 0
    for node in range(nodes):
        at = node_at(node)
        for leg in range(im.LEGS):
            plan[at + P_INFLOW + leg] = plan[at + P_HERE]
    for node in range(nodes):
        at = node_at(node)
        fresh = plan[at + P_STATE] == FRESH
        parent = plan[at + P_PARENT]
        into_bus = parent >= 0 and plan[node_at(parent) + P_BUS] > 0
        if into_bus and plan[at + P_STATE] == STALE:
            plan[node_at(parent) + P_COORDINATED] = 0
        for leg in range(im.LEGS):
            inflow_ma = plan[at + P_SOURCES]
            if fresh:
                flow_ma = readings[im.NODE_MA + node * im.LEGS + leg]
                inflow_ma = -plan[at + P_LOAD_LOW + leg]
                if plan[at + P_OWN_HIGH + leg] <= _AT_MINIMUM_MA:
                    _alarm(plan, flow_ma - plan[at + P_RATING], node, leg)
                if plan[at + P_OWN_LOW + leg] >= -_AT_MINIMUM_MA:
                    _alarm(plan, -flow_ma - plan[at + P_RATING], node, leg)
            if into_bus:
                plan[node_at(parent) + P_INFLOW + leg] += max(0, inflow_ma)


def _alarm(plan, over_ma, node, leg):
    if over_ma > plan[P_ALARM]:
        plan[P_ALARM], plan[P_ALARM_NODE], plan[P_ALARM_LEG] = over_ma, node, leg


def breakers(plan, nodes):
    for node in range(nodes):
        at = node_at(node)
        state = plan[at + P_STATE]
        why = WHY_STALE if state == STALE else WHY_BREAKER
        plan[at + P_WHY + DRAW] = plan[at + P_WHY + FEED] = why
        limit_ma = plan[at + P_LIMIT]
        for leg in range(im.LEGS):
            draw_ma, feed_ma = limit_ma, limit_ma - plan[at + P_SOURCES]
            if state == STALE:
                draw_ma = 0
            elif state == FRESH:
                draw_ma = limit_ma - plan[at + P_LOAD_HIGH + leg]
                feed_ma = limit_ma + plan[at + P_LOAD_LOW + leg]
            plan[at + P_ROOM + DRAW * im.LEGS + leg] = draw_ma
            plan[at + P_ROOM + FEED * im.LEGS + leg] = feed_ma


def leased(plan, node, low_ma, high_ma, why):
    at = node_at(node)
    for leg in range(im.LEGS):
        draw_ma, feed_ma = high_ma, -low_ma - plan[at + P_SOURCES]
        if plan[at + P_STATE] == FRESH:
            draw_ma = high_ma - plan[at + P_LOAD_HIGH + leg]
            feed_ma = -low_ma + plan[at + P_LOAD_LOW + leg]
        for column, ma in ((DRAW, draw_ma), (FEED, feed_ma)):
            if ma < plan[at + P_ROOM + column * im.LEGS + leg]:
                plan[at + P_ROOM + column * im.LEGS + leg] = ma
                plan[at + P_WHY + column] = why


def busbars(plan, slots, nodes, devices, head):
    for node in range(nodes):
        at = node_at(node)
        if plan[at + P_BUS] == 0:
            continue
        known = plan[at + P_STATE] == FRESH
        coordinated = known and plan[at + P_COORDINATED]
        plan[at + P_WHY + FEED_BUS] = WHY_BUSBAR if coordinated else WHY_STATIC
        for leg in range(im.LEGS):
            draw_ma, feed_ma = OPEN_MA, plan[at + P_STATIC]
            if known:
                load_ma = plan[at + P_LOAD_HIGH + leg] + plan[at + P_INFLOW + leg]
                draw_ma = plan[at + P_BUS_LOAD] - load_ma
            if coordinated:
                feed_ma = _bus_feed(plan, slots, devices, node, leg, head)
            plan[at + P_ROOM + DRAW_BUS * im.LEGS + leg] = draw_ma
            plan[at + P_ROOM + FEED_BUS * im.LEGS + leg] = feed_ma


def _bus_feed(plan, slots, devices, node, leg, head):
    at = node_at(node)
    flow_ma, back_ma = plan[at + P_LOAD_HIGH + leg], 0
    for device in below(plan, node):
        slot = (head * devices + device) * H_ROW + leg
        flow_ma += slots[slot + H_HIGH]
        back_ma += max(0, -slots[slot + H_LOW])
    room_ma = plan[at + P_BUS] - max(0, flow_ma) - plan[at + P_INFLOW + leg]
    return room_ma if room_ma >= back_ma else 0
