# islet: what witness_parent.py computes, said plainly; the two are tested for equality.
# GPL-3.0-or-later

from firmware import image as im
from firmware.core.panel.layout import (
    B_LEG,
    B_MA64_PER_W,
    B_NODE,
    D_ROW,
    D_SEES_MA,
    FEED,
    FRESH,
    P_FRESH_BITS,
    P_LIMIT,
    P_LOAD_LOW,
    P_ROOM,
    P_STATE,
    STALE,
    node_at,
)

# a row, as witness_parent.py has it
T_NODE, T_ABOVE, T_ERROR, T_ROOM, T_OURS, T_HELD, T_LEG, T_LOW, T_HIGH = (
    0, 1, 2, 3, 4, 5, 6, 7, 10,
)  # fmt: skip
T_CHILD, T_NEXT, ROW = 13, 14, 15
LEAST_MA, STANDS, STAYS = 1_500, 11, 20


def _children(table, end, above):
    return [at for at in range(0, end, ROW) if table[at + T_ABOVE] == above]


def _error(table, at, ma):
    return (abs(ma) >> 7) * table[at + T_ERROR] >> 3


def _flow(table, at, leg, book, readings):
    return readings[im.NODE_W + table[at + T_NODE] * im.LEGS + leg] * book[B_MA64_PER_W] >> 6


def _back(table, above, rows, leg):
    """What islet's devices that the parent alone sees deliver, and an eighth."""
    ours = [d for d in range(len(rows) // D_ROW) if table[above + T_OURS] >> d & 1]
    delivered = [max(0, -rows[device * D_ROW + D_SEES_MA + leg]) for device in ours]
    return sum(ma + (ma >> 3) for ma in delivered)


def over(table, above, book, rows, readings, afresh):
    exceeded = []
    for leg in range(im.LEGS):
        now = _flow(table, above, leg, book, readings) + _back(table, above, rows, leg)
        most = now if afresh else max(now, table[above + T_HIGH + leg])
        table[above + T_HIGH + leg] = most
        left = most + table[above + T_ROOM] + _error(table, above, most)
        for at in _children(table, len(table), above):
            now = _flow(table, at, leg, book, readings)
            least = now if afresh else min(now, table[at + T_LOW + leg])
            table[at + T_LOW + leg] = least
            left -= least - _error(table, at, least)
        if left < 0:
            exceeded.append(leg + 1)
    return min(exceeded, default=0)


def compare(table, end, book, plan, rows, readings, fed):
    for above in range(0, end, ROW):
        children = _children(table, end, above)
        if not children:
            continue
        states = [plan[node_at(table[at + T_NODE]) + P_STATE] for at in [above] + children]
        ours = table[above + T_OURS]
        good = fed and ours & plan[P_FRESH_BITS] == ours
        good = good and all(state == FRESH for state in states)
        leg = over(table, above, book, rows, readings, 0)
        held = table[above + T_HELD]
        if good and leg:
            held = held + 1 if held >= 0 else -STAYS
            if held == STANDS:
                held = -STAYS
                table[above + T_LEG] = leg - 1
        else:
            held = min(0, held) + (held < 0)
            over(table, above, book, rows, readings, 1)
        table[above + T_HELD] = held


def narrow(table, end, plan):
    for at in range(0, end, ROW):
        above = table[at + T_ABOVE]
        if table[at + T_HELD] < 0 or (above >= 0 and table[above + T_HELD] < 0):
            row = node_at(table[at + T_NODE])
            for leg in range(im.LEGS):
                feed = row + P_ROOM + FEED * im.LEGS + leg
                plan[feed] = min(plan[feed], plan[row + P_LIMIT] + plan[row + P_LOAD_LOW + leg])


def doubt(table, end, book, plan):
    parents = [at for at in range(0, end, ROW) if table[at + T_HELD] < 0]
    for above in parents:
        for at in [above] + _children(table, end, above):
            plan[node_at(table[at + T_NODE]) + P_STATE] = STALE
    if parents and book[B_NODE] < 0:
        book[B_NODE] = table[parents[0] + T_NODE]
        book[B_LEG] = table[parents[0] + T_LEG]
    return len(parents)
