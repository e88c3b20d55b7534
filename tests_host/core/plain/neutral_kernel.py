# islet: what neutral_kernel.py computes, said plainly; tested for equality.
# GPL-3.0-or-later

from firmware import image as im
from firmware.core.panel.layout import (
    D_FRESH,
    D_HAS,
    D_HIGH_MA,
    D_LEGS,
    D_LOW_MA,
    D_NEEDS,
    D_NEUTRAL,
    D_NODE,
    D_OFFERS,
    D_SERVED,
    D_TAKES,
    D_UNEVEN,
    D_UNUSED,
    END_NODE,
    FRESH,
    P_BELOW,
    P_CHANGED,
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
    P_TOGETHER,
    P_UNBALANCE,
    STALE,
    WIDEST_MA,
    node_at,
)
from tests_host.core.plain.tree import below, here, legs, path


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
        if not plan[row + P_CHANGED] or not plan[row + P_BELOW] or plan[P_LEGS] == 1:
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
    return 0 if rows[at + D_FRESH] and min(drawn) >= 500 and alike else 1


def _on(rows, at):
    return {leg for k, leg in legs(rows, at) if not rows[at + D_UNUSED] >> k & 1}


def _part(rows, at, leg, way):
    has_ma, takes_ma = rows[at + D_HAS + way * 3 + leg], rows[at + D_TAKES + way]
    if leg not in _on(rows, at):
        return has_ma
    lends = way == 0 and takes_ma > 0 and rows[at + D_NEEDS] < WIDEST_MA
    if lends or not rows[at + D_SERVED] >> way & 4:
        return takes_ma
    return max(has_ma, takes_ma)


def _others(plan, rows, at, node):
    """Of every such device beside it that is served: [draw, feed] on each leg."""
    found = [[0] * im.LEGS, [0] * im.LEGS]
    for device, other in here(rows):
        if device in below(plan, node) and other != at and rows[other + D_UNEVEN]:
            for way in (0, 1):
                if rows[other + D_SERVED] >> way & 1:
                    for leg in range(im.LEGS):
                        found[way][leg] += _part(rows, other, leg, way)
    return found


def _corners(pairs):
    """Every choice of one of each pair."""
    if not pairs:
        return [[]]
    return [[one] + more for one in pairs[0] for more in _corners(pairs[1:])]


def _along(plan, row, leg, way):
    count = plan[P_LEGS]
    rest = [k for k in range(count) if k != leg]
    own_ma = plan[P_LEAST + leg] if way else -plan[P_MOST + leg]
    reactive_ma, other_ma = (
        plan[row + P_REACTIVE + leg],
        sum(plan[row + P_REACTIVE + k] for k in rest),
    )
    if count == 3:
        own_ma -= other_ma * 7 // 8
        other_ma //= 2
    rooms = []
    for ends in _corners([(plan[P_LEAST + k], plan[P_MOST + k]) for k in rest]):
        ma = sum(ends) // (count - 1)
        apart_ma = abs(ends[0] - ends[-1]) * 7 // 8
        across_ma = reactive_ma + other_ma + apart_ma
        rooms.append(
            own_ma + (-ma if way else ma) + beyond(plan[row + P_NEUTRAL] * 5 // 6, across_ma)
        )
    return min(rooms)


def _on_leg(plan, row, leg, way, enough_ma, both=False):
    count = plan[P_LEGS]
    reactive = [plan[row + P_REACTIVE + k] for k in range(count)]
    sizes = [max(plan[P_MOST + k], -plan[P_LEAST + k]) + reactive[k] for k in range(count)]
    own_ma = plan[P_LEAST + leg] if way else -plan[P_MOST + leg]
    along_ma = _along(plan, row, leg, way)
    plain_ma = plan[row + P_NEUTRAL] - sum(sizes)
    if plain_ma < 0:
        return along_ma
    plain_ma = plain_ma // 2 if both else plain_ma + sizes[leg] - reactive[leg] + own_ma
    return plain_ma if plain_ma >= enough_ma else max(plain_ma, along_ma)


def _room(plan, rows, at, node, way):
    row = node_at(node)
    if plan[row + P_STATE] == STALE and way == 0:
        return WIDEST_MA
    count = plan[P_LEGS]
    draw, feed = _others(plan, rows, at, node)
    if plan[row + P_STATE] == STALE:
        left_ma = plan[row + P_NEUTRAL] - (count - 1) * plan[row + P_LIMIT]
        return left_ma - sum(draw[:count]) - sum(feed[:count])
    fresh = plan[row + P_STATE] == FRESH
    for leg in range(count):
        shift_ma = plan[row + P_LESS + leg]
        load = [plan[row + P_LOAD_HIGH + leg] + shift_ma, plan[row + P_LOAD_LOW + leg] + shift_ma]
        plan[P_MOST + leg] = draw[leg] + (load[0] if fresh else 0)
        plan[P_LEAST + leg] = (load[1] if fresh else 0) - feed[leg]
        plan[row + P_REACTIVE + leg] *= fresh
    on = _on(rows, at)
    third = [leg for leg in range(count) if on | {leg} == {0, 1, 2}]
    rooms = [WIDEST_MA]
    enough_ma = -rows[at + D_LOW_MA] if way else rows[at + D_HIGH_MA]
    rooms += [_on_leg(plan, row, leg, way, enough_ma) for leg in range(count) if leg in on]
    rooms += [_on_leg(plan, row, leg, 1 - way, enough_ma, True) for leg in third]
    return min(rooms)


def _balance(plan, rows, at, way):
    """(mA, place: none) by what islet's devices may load one leg more than another."""
    if not plan[P_UNBALANCE + way]:
        return (WIDEST_MA, -1)
    both = _others(plan, rows, at, 0)
    mine, theirs = both[way], both[1 - way]
    rooms = [WIDEST_MA]
    for leg in _on(rows, at):
        across = [theirs[other] for other in range(plan[P_LEGS]) if other != leg]
        rooms.append(plan[P_UNBALANCE + way] - max([0] + across) * plan[P_TOGETHER] - mine[leg])
    return (min(rooms), -1)


def neutral(plan, rows, at, way):
    """D_NEUTRAL: mA and place."""
    end = at + D_NEUTRAL + way * 2
    best = (WIDEST_MA, rows[end + END_NODE])
    loads = rows[at + D_UNEVEN] and not (way and rows[at + D_OFFERS])
    for node in path(plan, rows[at + D_NODE]) if loads else ():
        best = min(best, (_room(plan, rows, at, node, way), node), key=lambda found: found[0])
    if loads:
        best = min(best, _balance(plan, rows, at, way), key=lambda found: found[0])
    rows[end], rows[end + END_NODE] = best
    return best[0]
