# islet: what has_kernel.py and share_kernel.py compute, said plainly; tested for equality.
# GPL-3.0-or-later

from firmware import image as im
from firmware.core.panel.layout import (
    D_AFTER,
    D_BASE_MA,
    D_FEED_MA,
    D_FRESH,
    D_HAS,
    D_HIGH,
    D_LEAST_MA,
    D_LEGS,
    D_NEEDS,
    D_NEUTRAL,
    D_NODE,
    D_OFFERS,
    D_RANK,
    D_ROW,
    D_SERVED,
    D_SETTLES_MS,
    D_SPARE_MS,
    D_SPARE_TOLD,
    D_STILL_MS,
    D_SURE,
    D_TAKES,
    D_UNEVEN,
    D_UNSURE,
    D_UNUSED,
    D_VOLTS,
    D_WANTS,
    END_LEG,
    END_NODE,
    END_WHY,
    FRESH,
    P_COUNT,
    P_LOAD_HIGH,
    P_METERED,
    P_ROOM,
    P_SERVED,
    P_STATE,
    P_UNSURE,
    P_USED,
    P_WHY,
    STALE,
    WHY_BALANCE,
    WHY_BREAKER,
    WHY_NEUTRAL,
    WHY_STALE,
    WHY_STATIC,
    WIDEST_MA,
    node_at,
)
from tests_host.core.plain.neutral_kernel import neutral, uneven
from tests_host.core.plain.tree import below, here, legs, path

WAYS = (0, 1)  # drawing, feeding back


def volts(rows, devices, readings, nominal_mv, floor_mv, stale_ms):
    for at in range(0, devices * D_ROW, D_ROW):
        seen = [readings[im.GRID_MV + leg] for _, leg in legs(rows, at)]
        lowest_mv = max(floor_mv, min([nominal_mv] + seen))
        rows[at + D_VOLTS] = (
            floor_mv if readings[im.GRID_AGE_MS] > stale_ms else lowest_mv
        ) // 1000


def _per_leg(rows, at, w):
    return w // rows[at + D_LEGS] * 1000 // rows[at + D_VOLTS]


def _used(rows, at):
    """(which of the device, of the site) of the legs that count."""
    return [(k, leg) for k, leg in legs(rows, at) if not rows[at + D_UNUSED] >> k & 1]


def _spread(plan, rows, at, column, ma):
    for node in path(plan, rows[at + D_NODE]):
        for _, leg in _used(rows, at):
            plan[node_at(node) + column + leg] += ma


def _add(plan, rows, at, column, way):
    for node in path(plan, rows[at + D_NODE]):
        for leg in range(im.LEGS):
            plan[node_at(node) + column + way * 3 + leg] += rows[at + D_HAS + way * 3 + leg]


def occupy(plan, rows, nodes, devices, readings, commands, dt_ms):
    for node in range(nodes):
        for i in range(node_at(node) + P_USED, node_at(node) + P_COUNT + im.LEGS):
            plan[i] = 0
    for device, at in here(rows):
        told = commands[im.SETPOINT + device]
        if not rows[at + D_OFFERS]:
            told = _per_leg(rows, at, abs(told)) * (1 if told > 0 else -1)
        first = im.DEVICE_MA + device * im.LEGS
        drawn = [readings[first + k] if rows[at + D_FRESH] else 0 for k, _ in legs(rows, at)]
        _needs(rows, at, told, max([0] + drawn), dt_ms)
        if rows[at + D_OFFERS]:
            _unused(plan, rows, at, drawn, dt_ms)
        for k, leg in legs(rows, at):
            does = told if (k, leg) in _used(rows, at) else 0
            rows[at + D_HAS + leg] = max(0, does, drawn[k])
            rows[at + D_HAS + 3 + leg] = max(0, -does, -drawn[k])
        rows[at + D_UNEVEN], rows[at + D_SERVED] = uneven(plan, rows, at, drawn), 0
        rows[at + D_WANTS], rows[at + D_WANTS + 1] = _wants(rows, at, commands, device)
        for way in WAYS:
            _add(plan, rows, at, P_USED, way)
        rows[at + D_UNSURE] = int(
            rows[at + D_FEED_MA] > 0 and not (rows[at + D_FRESH] and rows[at + D_SURE])
        )
        if rows[at + D_UNSURE]:
            _spread(plan, rows, at, P_UNSURE, rows[at + D_FEED_MA])
            for node in path(plan, rows[at + D_NODE]):
                for leg in range(im.LEGS):
                    plan[node_at(node) + P_UNSURE + leg] -= rows[at + D_HAS + 3 + leg]


def _unused(plan, rows, at, drawn, dt_ms):
    rows[at + D_UNUSED] = 0
    for k, leg in legs(rows, at):
        measured = [n for n in path(plan, rows[at + D_NODE]) if plan[node_at(n) + P_METERED]]
        seen = measured and plan[node_at(measured[0]) + P_STATE] == FRESH
        load_ma = plan[node_at(measured[0]) + P_LOAD_HIGH + leg] if seen else 0
        if not rows[at + D_FRESH] or max(drawn) < 3_000 or abs(drawn[k]) >= 500:
            rows[at + D_STILL_MS + k] = 0
            if seen:
                rows[at + D_BASE_MA + k] = load_ma
        elif seen and 0 <= rows[at + D_STILL_MS + k] <= rows[at + D_SETTLES_MS]:
            rows[at + D_STILL_MS + k] += dt_ms
            if rows[at + D_STILL_MS + k] > rows[at + D_SETTLES_MS]:
                if load_ma - rows[at + D_BASE_MA + k] > max(drawn) // 2:
                    rows[at + D_STILL_MS + k] = -1
        if rows[at + D_STILL_MS + k] > rows[at + D_SETTLES_MS]:
            rows[at + D_UNUSED] |= 1 << k


def _needs(rows, at, told, drawn, dt_ms):
    rose = told > rows[at + D_SPARE_TOLD] and (drawn >= 3_000 or not rows[at + D_OFFERS])
    rows[at + D_SPARE_TOLD] = told
    rows[at + D_NEEDS] = WIDEST_MA
    uses = drawn >= 500 and told - drawn <= 1_000 + drawn // 16
    if not rows[at + D_FRESH] or rose or uses:
        rows[at + D_SPARE_MS] = 0
    elif rows[at + D_SPARE_MS] < rows[at + D_SETTLES_MS]:
        rows[at + D_SPARE_MS] += dt_ms
    else:
        rows[at + D_NEEDS] = max(drawn + drawn // 8, rows[at + D_LEAST_MA]) + 2_000


def _wants(rows, at, commands, device):
    sources = [s for s in range(im.MARKET) if s != im.PANEL]
    low = max(commands[im.CLAIM_LOW + s * im.DEVICES + device] for s in sources)
    high = min(commands[im.CLAIM_HIGH + s * im.DEVICES + device] for s in sources)
    goal = im.MARKET * im.DEVICES + device
    offers = rows[at + D_OFFERS]
    draw = commands[(im.CLAIM_HIGH if offers else im.CLAIM_LOW) + goal]
    feed = -commands[im.CLAIM_HIGH + goal]
    draw, feed = max(0, min(draw, high, 1_000_000)), max(0, min(feed, -low, 1_000_000))
    if not offers:
        draw, feed = _per_leg(rows, at, draw), _per_leg(rows, at, feed)
    return min(draw, rows[at + D_NEEDS]), feed


def _left(plan, rows, at, way, counts=False):
    rooms = [WIDEST_MA]
    for node in path(plan, rows[at + D_NODE]):
        for _, leg in _used(rows, at):
            row = node_at(node) + leg
            first = row + P_ROOM + way * 2 * im.LEGS
            room_ma = min(plan[first], plan[first + im.LEGS]) - plan[row + P_SERVED + way * 3]
            count = plan[row + P_COUNT]
            rooms.append(room_ma // count if counts and count > 1 else room_ma)
    return max(0, min(rooms + [neutral(plan, rows, at, way)]))


def _share(plan, rows, group, way):
    """D_TAKES of those of one rank."""
    served = P_SERVED + way * im.LEGS
    for at in group:
        rows[at + D_TAKES + way] = 0
    admitted = []
    at_it = [at for at in group if any(rows[at + D_HAS + way * 3 :][: im.LEGS])]
    for at in at_it + [at for at in group if at not in at_it]:
        wants, least = rows[at + D_WANTS + way], rows[at + D_LEAST_MA]
        if wants and wants >= least and _left(plan, rows, at, way) >= least:
            _spread(plan, rows, at, served, least)
            rows[at + D_TAKES + way] = least
            rows[at + D_SERVED] |= 1 << way
            admitted.append(at)
    for at in admitted:
        rows[at + D_SERVED] ^= 1 << way
        rows[at + D_TAKES + way] = 0
        _spread(plan, rows, at, served, -rows[at + D_LEAST_MA])
        _spread(plan, rows, at, P_COUNT, 1)
    settled = []
    open_ = [at for at in group if at in admitted]
    while open_:
        parts = [(_left(plan, rows, at, way, True), at) for at in open_]
        short = [at for part, at in parts if part < rows[at + D_LEAST_MA]]
        if short:
            at, takes = short[0], rows[short[0] + D_LEAST_MA]
        else:
            takes, at = min(
                ((min(part, rows[at + D_WANTS + way]), at) for part, at in parts),
                key=lambda pair: pair[0],
            )
        rows[at + D_TAKES + way] = takes
        rows[at + D_SERVED] |= 1 << way
        _spread(plan, rows, at, served, takes)
        _spread(plan, rows, at, P_COUNT, -1)
        settled.append(at)
        open_.remove(at)
    for at in settled:
        _spread(plan, rows, at, served, -rows[at + D_TAKES + way])


def _promise(plan, rows, at, way):
    rows[at + D_SERVED] |= 5 << way
    for _, leg in _used(rows, at):
        has = at + D_HAS + way * 3 + leg
        more_ma = max(0, rows[at + D_TAKES + way] - rows[has])
        rows[has] += more_ma
        for node in path(plan, rows[at + D_NODE]):
            plan[node_at(node) + P_USED + way * 3 + leg] += more_ma
            if way and rows[at + D_UNSURE]:
                plan[node_at(node) + P_UNSURE + leg] -= more_ma
    if way == 0 and rows[at + D_NEEDS] < WIDEST_MA:
        _spread(plan, rows, at, P_SERVED, rows[at + D_TAKES])
    else:
        _add(plan, rows, at, P_SERVED, way)


def _tightest(plan, rows, at, way):
    """D_HIGH or D_LOW; (how much, who) of those with a right to what it lacks there."""
    best, shared = (WIDEST_MA, -1, -1, WHY_BREAKER), 0
    for node in path(plan, rows[at + D_NODE]):
        row = node_at(node)
        for _, leg in _used(rows, at):
            has_ma = rows[at + D_HAS + way * 3 + leg]
            others_ma = plan[row + P_USED + way * 3 + leg] - has_ma
            if not way and plan[row + P_STATE] == STALE:
                others_ma = 0
            for cause in (2 * way, 2 * way + 1):
                why = plan[row + P_WHY + cause]
                room_ma = plan[row + P_ROOM + cause * 3 + leg] - others_ma
                if way and (why == WHY_STATIC or plan[row + P_STATE] != FRESH):
                    own_ma = (rows[at + D_FEED_MA] - has_ma) * rows[at + D_UNSURE]
                    room_ma -= plan[row + P_UNSURE + leg] - own_ma
                if room_ma < best[0]:
                    best, shared = (max(0, room_ma), node, leg, why), others_ma
    end = at + D_NEUTRAL + way * 2
    if rows[end] < best[0]:
        node, why = rows[end + END_NODE], WHY_BALANCE
        if node >= 0:
            why = WHY_STALE if plan[node_at(node) + P_STATE] == STALE else WHY_NEUTRAL
        best, shared = (max(0, rows[end]), node, -1, why), 0
    rows[at + D_HIGH + way * 4] = best[0]
    for i, value in ((END_NODE, best[1]), (END_LEG, best[2]), (END_WHY, best[3])):
        rows[at + D_HIGH + way * 4 + i] = value
    return [
        (rows[other + D_HAS + way * 3 + best[2]], device)
        for device, other in here(rows)
        if shared > 0 and device in below(plan, best[1]) and other != at
        and rows[other + D_RANK] <= rows[at + D_RANK]
    ]  # fmt: skip


def serve(plan, rows, order, count):
    queue = list(order[:count])
    for rank in sorted({rows[at + D_RANK] for at in queue}):
        group = [at for at in queue if rows[at + D_RANK] == rank]
        for way in WAYS:
            _share(plan, rows, group, way)
            for at in group:
                _promise(plan, rows, at, way)
        for at in group:
            for way in WAYS:
                neutral(plan, rows, at, way)
                rows[at + D_AFTER + way] = _first(_tightest(plan, rows, at, way), queue)
    for at in queue:
        if rows[at + D_HIGH] > rows[at + D_NEEDS]:
            neutral(plan, rows, at, 0)
            _tightest(plan, rows, at, 0)
            rows[at + D_HIGH] = max(rows[at + D_HIGH], rows[at + D_NEEDS])


def _first(rivals, queue):
    """Who has most; of equals the first in the queue."""
    rivals.sort(key=lambda rival: queue.index(rival[1] * D_ROW))
    most_ma, device = max(rivals, key=lambda rival: rival[0], default=(0, -1))
    return device if most_ma > 0 else -1
