# islet: what pairing_kernel.py and step_kernel.py compute, said plainly; tested for equality.
# GPL-3.0-or-later

from firmware import image as im
from firmware.core.panel.layout import (
    D_LEG,
    D_OFFERS,
    D_RESTED,
    FRESH,
    H_HIGH,
    H_HIGH_W,
    H_LOW,
    H_LOW_W,
    H_ROW,
    P_AGE,
    P_BEFORE,
    P_BELOW,
    P_CHANGED,
    P_DOUBT_MS,
    P_EARLY,
    P_FAR,
    P_HEAD,
    P_HIDDEN,
    P_LAST,
    P_LATE,
    P_LOAD_HIGH,
    P_LOAD_LOW,
    P_METERED,
    P_NEAR,
    P_OLDEST,
    P_OWN_HIGH,
    P_OWN_LOW,
    P_REF,
    P_SHOWN,
    P_STATE,
    P_WORST,
    P_WORST_BITS,
    RING,
    node_at,
)
from tests_host.core.plain.tree import below, here

_OLDEST_MS = 60_000
_DOUBT_MA = 500
_STEP_MA, _STEADY_MA, _SPAN = 3_000, 500, 8


def ages(plan, readings, nodes, dt_ms):
    step_ms = max(1, dt_ms)
    for node in range(nodes):
        at = node_at(node)
        if not plan[at + P_METERED]:
            continue
        age_ms = min(_OLDEST_MS, readings[im.NODE_AGE_MS + node])
        shown = readings[im.NODE_MA + node * im.LEGS :][: im.LEGS]
        last = at + P_LAST
        changed = sum(1 << leg for leg in range(im.LEGS) if shown[leg] != plan[last + leg])
        plan[last : last + im.LEGS] = shown
        oldest_ms = plan[at + P_OLDEST] + dt_ms
        if changed:
            plan[at + P_BEFORE] = oldest_ms
            oldest_ms = plan[at + P_AGE] + dt_ms
        plan[at + P_CHANGED] = changed
        plan[at + P_OLDEST] = min(_OLDEST_MS, max(oldest_ms, age_ms))
        plan[at + P_AGE] = age_ms
        plan[at + P_NEAR] = max(0, min(RING - 1, (age_ms - plan[at + P_EARLY]) // step_ms))
        far_ms = min(plan[at + P_OLDEST], plan[at + P_WORST]) + plan[at + P_LATE]
        plan[at + P_FAR] = min(RING - 1, -(-far_ms // step_ms))


def _slot(devices, head, back):
    return (head - back) % RING * devices * H_ROW


def _own(slots, devices, at, leg):
    """(lowest, highest) current of some of islet's devices, on a leg of a slot."""
    rows = [at + device * H_ROW + leg for device in devices]
    return sum(slots[row + H_LOW] for row in rows), sum(slots[row + H_HIGH] for row in rows)


def _between(value, low, high):
    return max(low, min(high, value))


def _nearest(values, to):
    """The first of those that are nearest."""
    return min(values, key=lambda value: abs(value - to))


def pair(plan, slots, readings, nodes, devices, head, dt_ms, longest_ms):
    for node in range(nodes):
        at = node_at(node)
        if not plan[at + P_METERED]:
            continue
        ours = below(plan, node)
        near = plan[at + P_NEAR]
        far = max(near, plan[at + P_FAR]) if ours else near
        known = plan[at + P_STATE] == FRESH and plan[at + P_DOUBT_MS] <= longest_ms
        known = known and not plan[at + P_BELOW] & plan[P_WORST_BITS]
        moments = [_slot(devices, head, back) for back in range(near, far + 1)]
        worst = 0
        for leg in range(im.LEGS):
            own = [_own(slots, ours, moment, leg) for moment in moments]
            flow_ma = readings[im.NODE_MA + node * im.LEGS + leg]
            moved_ma = _pair(plan, at, leg, own, flow_ma, known)
            worst = max(worst, moved_ma)
        doubt_ms = plan[at + P_DOUBT_MS] + dt_ms
        plan[at + P_DOUBT_MS] = min(_OLDEST_MS, doubt_ms) if worst else 0


def _pair(plan, at, leg, own, flow_ma, known):
    lows, highs = [low for low, _ in own], [high for _, high in own]
    plan[at + P_OWN_LOW + leg], plan[at + P_OWN_HIGH + leg] = min(lows), max(highs)
    moved_ma = max(highs) - min(lows)
    sure = lows == highs and moved_ma > _DOUBT_MA
    high_ma, low_ma = flow_ma - min(lows), flow_ma - max(highs)
    if known and sure:
        loads = [flow_ma - low for low in lows]
        was_high, was_low = plan[at + P_LOAD_HIGH + leg], plan[at + P_LOAD_LOW + leg]
        near_high = _nearest([high_ma] + loads, was_high)
        near_low = _nearest([low_ma] + loads, was_low)
        if not plan[at + P_EARLY]:
            near_high, near_low = low_ma, high_ma
        most, least = high_ma, low_ma
        high_ma = max(near_high, _between(was_high, least, most))
        low_ma = min(near_low, _between(was_low, least, most))
    plan[at + P_LOAD_HIGH + leg], plan[at + P_LOAD_LOW + leg] = high_ma, low_ma
    return moved_ma if sure else 0


def house(plan, rows, slots, devices, head, volts, flow_w, last_w, known):
    totals = []
    near = plan[P_HEAD + P_NEAR]
    for back in range(near, max(near, plan[P_HEAD + P_FAR]) + 1):
        total_w = 0
        for device, at in here(rows):
            slot = _slot(devices, head, back) + device * H_ROW
            lows, highs = slots[slot : slot + im.LEGS], slots[slot + H_HIGH :][: im.LEGS]
            if rows[at + D_OFFERS]:
                total_w += sum(ma * volts // 1000 for ma in highs)
                known = known and lows == highs
            else:
                total_w += slots[slot + H_HIGH_W]
                known = known and slots[slot + H_LOW_W] == slots[slot + H_HIGH_W]
        totals.append(total_w)
    if not known:
        return flow_w - max(totals)
    return _between(last_w, flow_w - max(totals), flow_w - min(totals))


def stepped(plan, rows, slots, readings, nodes, devices, head):
    for device, at in here(rows):
        ends = []
        for back in (0, _SPAN):
            slot = _slot(devices, head, back) + device * H_ROW + rows[at + D_LEG]
            ends.append((slots[slot + H_LOW], slots[slot + H_HIGH]))
        if any(low != high for low, high in ends):
            continue
        step_ma = ends[0][0] - ends[1][0]
        if abs(step_ma) <= _STEADY_MA:
            rows[at + D_RESTED] = 1
            for node in range(nodes):
                if plan[node_at(node) + P_METERED] and device in below(plan, node):
                    for leg in range(im.LEGS):
                        shown_ma = readings[im.NODE_MA + node * im.LEGS + leg]
                        plan[node_at(node) + P_REF + leg] = shown_ma
                    plan[node_at(node) + P_SHOWN] = 0
        elif rows[at + D_RESTED] and abs(step_ma) >= _STEP_MA:
            rows[at + D_RESTED] = 0
            return device + 1
    return 0


def appear(plan, readings, nodes, bit, leg, step_ma, since_ms):
    waiting = 0
    for node in range(nodes):
        at = node_at(node)
        if not plan[at + P_METERED] or not plan[at + P_BELOW] & bit or plan[at + P_SHOWN]:
            continue
        moved_ma = readings[im.NODE_MA + node * im.LEGS + leg] - plan[at + P_REF + leg]
        if (moved_ma if step_ma >= 0 else -moved_ma) >= abs(step_ma) // 2:
            plan[at + P_SHOWN] = max(1, since_ms)
            plan[at + P_HIDDEN] = max(0, since_ms - plan[at + P_BEFORE])
        else:
            waiting += 1
    return waiting


def own(slots, devices, head, leg):
    return sum([slots[_slot(devices, head, 0) + d * H_ROW + H_LOW + leg] for d in range(devices)])
