# islet: what witness_parent.py computes, said plainly; the two are tested for equality.
# GPL-3.0-or-later

from firmware import image as im
from firmware.core.panel import witness_kernel as w
from firmware.core.panel.kernel import (
    FEED,
    FRESH,
    P_LIMIT,
    P_LOAD_LOW,
    P_ROOM,
    P_STATE,
    PLACES,
    STALE,
)

# a row, as witness_parent.py has it
T_NODE, T_ABOVE, T_ERROR, T_ROOM, T_INVERTER, T_HELD, T_LEG, T_LOW, T_HIGH, ROW = (
    0, 1, 2, 3, 4, 5, 6, 7, 10, 13,
)  # fmt: skip
LEAST_MA, STANDS, STAYS = 1_500, 11, 20


def _children(rows, end, above):
    return [at for at in range(0, end, ROW) if rows[at + T_ABOVE] == above]


def _error(rows, at, ma):
    return (abs(ma) >> 7) * rows[at + T_ERROR] >> 3


def _flow(rows, at, leg, book, readings):
    return readings[im.NODE_W + rows[at + T_NODE] * im.LEGS + leg] * book[w.B_MA64_PER_W] >> 6


def over(rows, end, above, book, readings, back_ma, afresh):
    exceeded = []
    for leg in range(im.LEGS):
        now = _flow(rows, above, leg, book, readings)
        now += back_ma if leg < book[w.B_INVERTER_LEGS] else 0
        most = now if afresh else max(now, rows[above + T_HIGH + leg])
        rows[above + T_HIGH + leg] = most
        left = most + rows[above + T_ROOM] + _error(rows, above, most)
        for at in _children(rows, end, above):
            now = _flow(rows, at, leg, book, readings)
            least = now if afresh else min(now, rows[at + T_LOW + leg])
            rows[at + T_LOW + leg] = least
            left -= least - _error(rows, at, least)
        if left < 0:
            exceeded.append(leg + 1)
    return min(exceeded, default=0)


def compare(rows, end, book, plan, readings, fed, known):
    delivers_ma = max(
        0, -(readings[im.DEVICE_W + im.INVERTER] * book[w.B_MA64_PER_W_INVERTER] >> 6)
    )
    for above in range(0, end, ROW):
        children = _children(rows, end, above)
        if not children:
            continue
        fresh = [plan[P_STATE + rows[at + T_NODE]] == FRESH for at in [above] + children]
        ours = rows[above + T_INVERTER]
        back_ma = delivers_ma + (delivers_ma >> 3) if ours else 0
        good = fed and all(fresh) and (known or not ours)
        leg = over(rows, end, above, book, readings, back_ma, 0)
        held = rows[above + T_HELD]
        if good and leg:
            held = held + 1 if held >= 0 else -STAYS
            if held == STANDS:
                held = -STAYS
                rows[above + T_LEG] = leg - 1
        else:
            held = min(0, held) + (held < 0)
            over(rows, end, above, book, readings, back_ma, 1)
        rows[above + T_HELD] = held


def narrow(rows, end, plan):
    for at in range(0, end, ROW):
        above = rows[at + T_ABOVE]
        if rows[at + T_HELD] < 0 or (above >= 0 and rows[above + T_HELD] < 0):
            node = rows[at + T_NODE]
            for place in range(node * im.LEGS, node * im.LEGS + im.LEGS):
                feed = P_ROOM + FEED * PLACES + place
                plan[feed] = min(plan[feed], plan[P_LIMIT + node] + plan[P_LOAD_LOW + place])


def doubt(rows, end, book, plan):
    parents = [at for at in range(0, end, ROW) if rows[at + T_HELD] < 0]
    for above in parents:
        for at in [above] + _children(rows, end, above):
            plan[P_STATE + rows[at + T_NODE]] = STALE
    if parents and book[w.B_NODE] < 0:
        book[w.B_NODE] = rows[parents[0] + T_NODE]
        book[w.B_LEG] = rows[parents[0] + T_LEG]
    return len(parents)
