# islet: what pairing_kernel.py computes, said plainly; the two are tested for equality.
# GPL-3.0-or-later

from firmware import image as im
from firmware.core.panel.kernel import (
    BELOW_EVSE,
    BELOW_INVERTER,
    FRESH,
    H_EVSE_HIGH,
    H_EVSE_LOW,
    H_INVERTER_HIGH,
    H_INVERTER_LOW,
    H_INVERTER_W_HIGH,
    H_INVERTER_W_LOW,
    P_AGE,
    P_BEFORE,
    P_BELOW,
    P_CHANGED,
    P_DOUBT_MS,
    P_EARLY,
    P_FAR,
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
    RING,
    SLOT_SIZE,
)

_OLDEST_MS = 60_000
_DOUBT_MA = 500


def _slot(head, back):
    return (head - back) % RING * SLOT_SIZE


def measured(history, at, readings, first, legs):
    for leg in range(legs):
        history[at + leg] = history[at + im.LEGS + leg] = readings[first + leg]


def backdate(history, head, age_ms, dt_ms, first, count):
    steps = min(RING - 1, (age_ms + dt_ms // 2) // max(1, dt_ms))
    for back in range(1, steps + 1):
        for i in range(first, first + count):
            history[_slot(head, back) + i] = history[_slot(head, 0) + i]


def ages(plan, readings, nodes, dt_ms):
    step_ms = max(1, dt_ms)
    for node in range(nodes):
        if not plan[P_METERED + node]:
            continue
        age_ms = min(_OLDEST_MS, readings[im.NODE_AGE_MS + node])
        here = range(node * im.LEGS, node * im.LEGS + im.LEGS)
        changed = sum(
            1 << leg
            for leg, at in enumerate(here)
            if readings[im.NODE_MA + at] != plan[P_LAST + at]
        )
        for at in here:
            plan[P_LAST + at] = readings[im.NODE_MA + at]
        oldest_ms = plan[P_OLDEST + node] + dt_ms
        if changed:
            plan[P_BEFORE + node] = oldest_ms
            oldest_ms = plan[P_AGE + node] + dt_ms
        plan[P_CHANGED + node] = changed
        plan[P_OLDEST + node] = min(_OLDEST_MS, max(oldest_ms, age_ms))
        plan[P_AGE + node] = age_ms
        plan[P_NEAR + node] = max(0, min(RING - 1, (age_ms - plan[P_EARLY + node]) // step_ms))
        far_ms = min(plan[P_OLDEST + node], plan[P_WORST + node]) + plan[P_LATE + node]
        plan[P_FAR + node] = min(RING - 1, -(-far_ms // step_ms))


def _own(history, below, at):
    """(lowest, highest) current of islet's devices below, on a leg of a slot."""
    low_ma = high_ma = 0
    if below & BELOW_EVSE:
        low_ma, high_ma = history[at + H_EVSE_LOW], history[at + H_EVSE_HIGH]
    if below & BELOW_INVERTER:
        low_ma, high_ma = (
            low_ma + history[at + H_INVERTER_LOW],
            high_ma + history[at + H_INVERTER_HIGH],
        )
    return low_ma, high_ma


def _between(value, low, high):
    return max(low, min(high, value))


def _nearest(values, to):
    """The first of those that are nearest."""
    return min(values, key=lambda value: abs(value - to))


def pair(plan, history, readings, nodes, head, dt_ms, longest_ms, worst_bits):
    for node in range(nodes):
        if not plan[P_METERED + node]:
            continue
        below = plan[P_BELOW + node]
        near = plan[P_NEAR + node]
        far = max(near, plan[P_FAR + node]) if below else near
        known = plan[P_STATE + node] == FRESH and plan[P_DOUBT_MS + node] <= longest_ms
        known = known and not below & worst_bits
        worst = 0
        for leg in range(im.LEGS):
            at = node * im.LEGS + leg
            own = [_own(history, below, _slot(head, back) + leg) for back in range(near, far + 1)]
            lows, highs = [low for low, _ in own], [high for _, high in own]
            plan[P_OWN_LOW + at], plan[P_OWN_HIGH + at] = min(lows), max(highs)
            flow_ma = readings[im.NODE_MA + at]
            moved_ma = max(highs) - min(lows)
            sure = lows == highs and moved_ma > _DOUBT_MA
            loads = [flow_ma - low for low in lows]
            high_ma, low_ma = flow_ma - min(lows), flow_ma - max(highs)
            if known and sure:
                was = plan[P_LOAD_HIGH + at]
                near_high = _nearest([high_ma] + loads, was)
                was = plan[P_LOAD_LOW + at]
                near_low = _nearest([low_ma] + loads, was)
                most, least = high_ma, low_ma
                if not plan[P_EARLY + node]:
                    near_high, near_low = least, most
                high_ma = max(near_high, _between(plan[P_LOAD_HIGH + at], least, most))
                low_ma = min(near_low, _between(was, least, most))
            plan[P_LOAD_HIGH + at], plan[P_LOAD_LOW + at] = high_ma, low_ma
            if sure:
                worst = max(worst, moved_ma)
        doubt_ms = plan[P_DOUBT_MS + node] + dt_ms
        plan[P_DOUBT_MS + node] = min(_OLDEST_MS, doubt_ms) if worst else 0


def house(plan, history, head, volts, flow_w, last_w, known):
    totals = []
    for back in range(plan[P_NEAR], max(plan[P_NEAR], plan[P_FAR]) + 1):
        at = _slot(head, back)
        lows, highs = (
            history[at : at + im.LEGS],
            history[at + H_EVSE_HIGH : at + H_EVSE_HIGH + im.LEGS],
        )
        if lows != highs or history[at + H_INVERTER_W_LOW] != history[at + H_INVERTER_W_HIGH]:
            known = False
        car_w = sum(ma * volts // 1000 for ma in highs)
        totals.append(history[at + H_INVERTER_W_HIGH] + car_w)
    if not known:
        return flow_w - max(totals)
    return _between(last_w, flow_w - max(totals), flow_w - min(totals))


def appear(plan, readings, nodes, bit, leg, step_ma, since_ms):
    waiting = 0
    for node in range(nodes):
        if not plan[P_METERED + node] or not plan[P_BELOW + node] & bit:
            continue
        flow_ma = readings[im.NODE_MA + node * im.LEGS + leg]
        if step_ma == 0:
            plan[P_REF + node], plan[P_SHOWN + node] = flow_ma, 0
        elif plan[P_SHOWN + node] == 0:
            moved_ma = flow_ma - plan[P_REF + node]
            if (moved_ma if step_ma > 0 else -moved_ma) >= abs(step_ma) // 2:
                plan[P_SHOWN + node] = max(1, since_ms)
                plan[P_HIDDEN + node] = max(0, since_ms - plan[P_BEFORE + node])
            else:
                waiting += 1
    return waiting
