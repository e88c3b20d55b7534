# islet: what relief_kernel.py computes, said plainly; tested for equality.
# GPL-3.0-or-later

from firmware import image as im
from firmware.core.panel.layout import (
    D_CREDIT,
    D_FEED_MA,
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
    P_LIMIT,
    P_LOAD_HIGH,
    P_LOAD_LOW,
    P_STATE,
    node_at,
)
from tests_host.core.plain.tree import below, legs, path


def _covers(rows, slots, slot, device, leg):
    """mA that another device delivers on a leg, or is about to."""
    at = device * D_ROW
    ma = -slots[slot + device * H_ROW + H_HIGH + leg]
    on = leg in [site for _, site in legs(rows, at)]
    return max(0, ma, rows[at + D_CREDIT] if on else 0)


def _lacks(plan, rows, slots, at, slot, load):
    """The most that any place above lacks; of equals the lowest is named."""
    most_ma = 0
    for node in path(plan, rows[at + D_NODE]):
        if plan[node_at(node) + P_STATE] != FRESH:
            continue
        for _, leg in legs(rows, at):
            others = [d for d in below(plan, node) if d * D_ROW != at]
            over_ma = plan[node_at(node) + load + leg] - plan[node_at(node) + P_LIMIT]
            over_ma -= sum([_covers(rows, slots, slot, d, leg) for d in others])
            if over_ma > most_ma:
                most_ma = over_ma
                rows[at + D_RELIEF + END_NODE] = node
                rows[at + D_RELIEF + END_LEG] = leg
    return most_ma


def relieve(plan, rows, slots, slot, order, count, may, commands, dt_ms):
    dt_ms = min(dt_ms, 1000)
    for at in order[:count]:
        device = at // D_ROW
        if not may >> device & 1:
            continue
        was_ma = rows[at + D_RELIEF]
        if was_ma and plan[node_at(rows[at + D_RELIEF + END_NODE]) + P_STATE] != FRESH:
            was_ma = 0
        low_ma = _lacks(plan, rows, slots, at, slot, P_LOAD_LOW)
        if low_ma == 0:
            rows[at + D_RELIEF_MS] = 0
        elif rows[at + D_RELIEF_MS] < 2000:
            rows[at + D_RELIEF_MS] += dt_ms
        now_ma = was_ma
        if low_ma > was_ma:
            if rows[at + D_RELIEF_MS] >= 2000:
                now_ma = low_ma
        elif was_ma:
            high_ma = _lacks(plan, rows, slots, at, slot, P_LOAD_HIGH)
            if was_ma > high_ma + (300 if high_ma else 0):
                now_ma = max(high_ma, was_ma - rows[at + D_FEED_MA] // 16 * dt_ms // 625 - 1)
        rows[at + D_RELIEF] = now_ma
        lows = [commands[im.CLAIM_LOW + s * im.DEVICES + device] for s in range(im.MARKET)]
        able_w = -max(-1_000_000, *lows)
        rows[at + D_CREDIT] = min(now_ma, able_w // rows[at + D_LEGS] * 1000 // rows[at + D_VOLTS])
