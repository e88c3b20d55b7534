# islet: what neutral_kernel.py computes, said plainly; tested for equality.
# GPL-3.0-or-later

from firmware import image as im
from firmware.core.panel.layout import (
    D_FRESH,
    D_HAS,
    D_LEGS,
    D_OFFERS,
    D_SERVED,
    D_UNEVEN,
    D_UNUSED,
    FRESH,
    P_HEAD,
    P_LEAST,
    P_LEGS,
    P_LESS,
    P_LIMIT,
    P_LOAD_HIGH,
    P_LOAD_LOW,
    P_MOST,
    P_NEUTRAL,
    P_REACTIVE,
    P_STATE,
    P_UNBALANCE,
    STALE,
    WIDEST_MA,
    node_at,
)
from tests_host.core.plain.tree import below, here, legs


def _root(square):
    """Whole root by Heron, as MicroPython has no isqrt."""
    guess = 1 << 16
    while guess * guess > square:
        guess = (guess + square // guess) // 2
    return guess


def beyond(ma, less_ma):
    if abs(less_ma) >= abs(ma):
        return 0
    ma, less_ma = min(abs(ma), WIDEST_MA) // 64, abs(less_ma) // 64
    return _root(ma * ma - less_ma * less_ma) * 64 if ma > less_ma else 0


def flows(plan, readings, nodes, nominal_mv, stale_ms):
    for node in range(nodes):
        row = node_at(node)
        if plan[row + P_STATE] != FRESH or plan[P_LEGS] == 1:
            continue
        for leg in range(plan[P_LEGS]):
            ma = readings[im.NODE_MA + node * im.LEGS + leg]
            seen_mv = readings[im.GRID_MV + leg]
            known = readings[im.GRID_AGE_MS] <= stale_ms and seen_mv > nominal_mv // 2
            w = readings[im.NODE_W + node * im.LEGS + leg]
            w = w if abs(w) <= WIDEST_MA else 0
            active_ma = w * 1000 // ((seen_mv if known else nominal_mv) // 1000)
            reactive_ma = beyond(ma, active_ma + active_ma // 100)
            plan[row + leg + P_REACTIVE] = reactive_ma
            plan[row + leg + P_LESS] = active_ma - ma if reactive_ma else 0


def uneven(plan, rows, at, drawn):
    count = plan[P_LEGS]
    if count == 1:
        return 0
    if rows[at + D_LEGS] < count:
        return 1
    if not rows[at + D_OFFERS] or count == 2:
        return 0
    alike = max(drawn) - min(drawn) <= 1_000 + max(drawn) // 8
    return 0 if rows[at + D_FRESH] and max(drawn) >= 3_000 and alike else 1


def _others(plan, rows, at, node, served):
    """Of every such device beside it: [draw, feed] on each leg."""
    found = [[0] * im.LEGS, [0] * im.LEGS]
    for device, other in here(rows):
        if device not in below(plan, node) or other == at or not rows[other + D_UNEVEN]:
            continue
        if not served or rows[other + D_SERVED]:
            for way in (0, 1):
                for leg in range(im.LEGS):
                    found[way][leg] += rows[other + D_HAS + way * 3 + leg]
    return found


def _on_leg(plan, row, leg, way, both=False):
    count, limit_ma = plan[P_LEGS], plan[row + P_NEUTRAL]
    most = [plan[P_MOST + k] for k in range(count)]
    least = [plan[P_LEAST + k] for k in range(count)]
    reactive = [plan[row + P_REACTIVE + k] for k in range(count)]
    rest = [k for k in range(count) if k != leg]
    plain_ma = limit_ma - reactive[leg] - sum(max(most[k], -least[k]) + reactive[k] for k in rest)
    own_ma = least[leg] if way else -most[leg]
    beside_ma = sum(reactive[k] for k in rest)
    if count == 2:
        against_ma = -most[rest[0]] if way else least[rest[0]]
        across_ma = reactive[leg] + beside_ma
        free_ma = own_ma + against_ma
    else:
        if way:
            against_ma = -((most[rest[0]] + most[rest[1]]) // 2)
        else:
            against_ma = (least[rest[0]] + least[rest[1]]) // 2
        apart_ma = max(most[rest[0]] - least[rest[1]], most[rest[1]] - least[rest[0]])
        across_ma = reactive[leg] + beside_ma // 2 + apart_ma * 7 // 8
        free_ma = own_ma + against_ma - beside_ma * 7 // 8
    along_ma = free_ma + beyond(limit_ma * 5 // 6, across_ma)
    if plain_ma < 0:
        return along_ma
    plain_ma = (plain_ma + own_ma) // (2 if both else 1)
    return max(plain_ma, along_ma)


def room(plan, rows, at, node, way, served):
    row = node_at(node)
    if plan[row + P_STATE] == STALE and way == 0:
        return WIDEST_MA
    count = plan[P_LEGS]
    draw, feed = _others(plan, rows, at, node, served)
    on = {leg for k, leg in legs(rows, at) if not rows[at + D_UNUSED] >> k & 1}
    if plan[row + P_STATE] != FRESH:
        rooms = [plan[row + P_NEUTRAL] - sum(draw[:count]) - sum(feed[:count])]
        if plan[row + P_STATE] == STALE:
            rooms[0] -= (count - 1) * plan[row + P_LIMIT]
    else:
        for leg in range(count):
            shift_ma = plan[row + P_LESS + leg]
            plan[P_MOST + leg] = plan[row + P_LOAD_HIGH + leg] + shift_ma + draw[leg]
            plan[P_LEAST + leg] = plan[row + P_LOAD_LOW + leg] + shift_ma - feed[leg]
        rooms = [WIDEST_MA]
        rooms += [_on_leg(plan, row, leg, way) for leg in range(count) if leg in on]
        rooms += [
            _on_leg(plan, row, leg, 1 - way, True)
            for leg in range(count)
            if on | {leg} == {0, 1, 2}
        ]
    if row == P_HEAD and plan[P_UNBALANCE]:
        mine, theirs = (feed, draw) if way else (draw, feed)
        for leg in on:
            most_ma = max([0] + [theirs[other] for other in range(count) if other != leg])
            rooms.append(plan[P_UNBALANCE] - most_ma - mine[leg])
    return min(rooms)
