# islet: what witness_kernel.py and witness_rooms.py compute, said plainly; tested for equality.
# GPL-3.0-or-later

from firmware import image as im
from firmware.core.panel import witness_kernel as k
from firmware.core.panel import witness_rooms as rooms_kernel
from firmware.core.panel import witness_sees as sees_kernel
from firmware.core.panel import witness_weigh as weigh
from firmware.core.panel.layout import (
    B_BEGAN,
    B_DT_MS,
    B_KNOWN,
    B_LEG,
    B_MA64_PER_W,
    B_NODE,
    B_STALE_MS,
    B_TICK,
    D_DUE_MA,
    D_LAST_MA,
    D_MA64_PER_W,
    D_MOVES_MS,
    D_NODE,
    D_OFFERS,
    D_PROVED_DRAW,
    D_PROVED_FEED,
    D_ROSE_MS,
    D_ROW,
    D_SEES_MA,
    D_SETTLES_MS,
    END_LEG,
    END_NODE,
    HEAL,
    KEPT_MA,
    OPEN,
    P_BELOW,
    P_DUE,
    P_LATE,
    P_LIMIT,
    P_MANY,
    P_METERED,
    P_PROVED,
    P_SAME_MS,
    P_SEES,
    P_SHOWS_MS,
    P_STATE,
    P_TAKES,
    P_TRIES,
    SHUT,
    SPOILT,
    STALE,
    TAKES_ALWAYS,
    TAKES_SOURCE,
    TICK_LATCH,
    TICK_STIR,
    WIDE_MA,
    node_at,
    place_at,
)
from tests_host.core.plain.tree import below, here, legs, path

_COLUMNS = (
    "own", "steady_ms", "open", "start", "base", "next", "last", "sum_own", "sum_flow", "proved",
    "misses", "miss_off", "miss_own", "healed", "stir", "stir_flow", "open_ms", "lowest",
    "highest", "back",
)  # fmt: skip


class Place:
    """The columns of one place by name."""

    last = misses = back = proved = steady_ms = 0  # and the others

    def __init__(self, book, node, leg):
        self._book = book
        self._at = place_at(node, leg)
        for i, name in enumerate(_COLUMNS):
            setattr(self, name, book[self._at + i])

    def store(self):
        for i, name in enumerate(_COLUMNS):
            self._book[self._at + i] = getattr(self, name)


def _flow(book, readings, node, leg):
    return readings[im.NODE_W + node * im.LEGS + leg] * book[B_MA64_PER_W] >> 6


def sees(plan, rows, nodes, devices, readings):
    for node in range(nodes):
        at = node_at(node)
        for leg in range(im.LEGS):
            plan[at + P_SEES + leg] = 0
            for kind in range(3):
                plan[at + P_DUE + kind * im.LEGS + leg] = 0
    for device, at in here(rows):
        for which, leg in legs(rows, at):
            ma = readings[im.DEVICE_W + device] * rows[at + D_MA64_PER_W] >> 6
            if rows[at + D_OFFERS]:
                ma = readings[im.DEVICE_MA + device * im.LEGS + which]
            rows[at + D_SEES_MA + leg] = ma
        rests = (
            max(rows[at + D_SEES_MA + leg] for _, leg in legs(rows, at)) <= sees_kernel.DRAWS_MA
        )
        for _, leg in legs(rows, at):
            ma = rows[at + D_SEES_MA + leg]
            due_ma = _due(rows, at, ma)
            if rows[at + D_OFFERS] and not rests and ma <= sees_kernel.DRAWS_MA:
                due_ma = 0
            rows[at + D_DUE_MA + leg] = due_ma
            for node in path(plan, rows[at + D_NODE]):
                plan[node_at(node) + P_SEES + leg] += ma
                kind = 2 if due_ma < 0 else 0 if rows[at + D_OFFERS] else 1
                plan[node_at(node) + P_DUE + kind * im.LEGS + leg] += abs(due_ma)


def _due(rows, at, ma):
    """What it was told of late and does not yet, with its sign."""
    told_ma = rows[at + D_LAST_MA]
    if rows[at + D_ROSE_MS] > rows[at + D_SETTLES_MS]:
        return 0
    if told_ma > 0:
        return max(0, told_ma - max(0, ma))
    return min(0, told_ma - min(0, ma))


def watch(book, plan, rows, readings, nodes):
    book[B_NODE] = book[B_LEG] = -1
    for node in range(nodes):
        at = node_at(node)
        if not plan[at + P_METERED] or not plan[at + P_BELOW]:
            continue
        flows = [_flow(book, readings, node, leg) for leg in range(im.LEGS)]
        watched = [Place(book, node, leg) for leg in range(im.LEGS)]
        same_ms = plan[at + P_SAME_MS]
        if same_ms < k.LONGEST_MS:
            same_ms += book[B_DT_MS]
        if [place.last for place in watched] != flows:
            same_ms = 0
        plan[at + P_SAME_MS] = same_ms
        late_ms = max(plan[at + P_SHOWS_MS], plan[at + P_LATE])
        late_ms += readings[im.NODE_AGE_MS + node]
        known = plan[at + P_BELOW] & book[B_KNOWN] == plan[at + P_BELOW]
        known = known and readings[im.NODE_AGE_MS + node] <= book[B_STALE_MS]
        moves_ms = max(rows[device * D_ROW + D_MOVES_MS] for device in below(plan, node))
        for leg, place in enumerate(watched):
            own_ma = plan[at + P_SEES + leg]
            _watch(book, plan, at, place, own_ma, flows[leg], sum(flows), known, moves_ms, late_ms)
            place.store()
            if place.misses < 0:
                plan[at + P_STATE] = STALE
                if book[B_NODE] < 0:
                    book[B_NODE], book[B_LEG] = node, leg


def _watch(book, plan, at, place, own_ma, flow_ma, whole_ma, known, moves_ms, late_ms):
    if place.open == SHUT and place.steady_ms == 0:  # not measured until now
        place.base = place.next = place.last = place.stir_flow = flow_ma
    last_ma = place.last
    place.last = flow_ma
    if not known:
        if place.open != SHUT or abs(place.start) > KEPT_MA:
            place.open = SPOILT
        place.steady_ms = place.sum_own = place.sum_flow = 0
    elif abs(own_ma - place.own) > k.EDGE_MA + (abs(own_ma - place.start) >> 4):
        if place.open == SHUT:
            place.open, place.open_ms = OPEN if place.steady_ms else SPOILT, 0
        place.own, place.steady_ms = own_ma, 0
    elif place.steady_ms < k.LONGEST_MS:
        place.steady_ms += book[B_DT_MS]
    place.lowest = min(place.lowest, flow_ma)
    place.highest = max(place.highest, flow_ma)
    if place.open == SHUT:
        _listen(book, place, last_ma, flow_ma)
    else:
        if moves_ms and place.open_ms > moves_ms:
            place.open = SPOILT
        if place.open_ms < k.LONGEST_MS:
            place.open_ms += book[B_DT_MS]
        if place.open_ms > k.LONGEST_OPEN_MS:
            place.open = SPOILT
            if abs(own_ma) - place.proved > k.AGAIN_MA:
                place.back = 1
    wait_ms = late_ms + (k.LATER_MS if abs(flow_ma - last_ma) > k.QUIET_MA else 0)
    step_ma = own_ma - place.start
    off_ma = flow_ma - place.base - step_ma
    if abs(off_ma) > (abs(step_ma) >> 2) + k.TRACE_MA:
        if plan[at + P_SAME_MS] + late_ms > place.steady_ms:
            wait_ms += k.SAME_MS
    if known and place.open != SHUT and place.steady_ms >= wait_ms:
        _shut(place, own_ma, flow_ma, plan[at + P_TAKES], whole_ma, late_ms)


def _listen(book, place, last_ma, flow_ma):
    """While islet's own current is steady."""
    if book[B_BEGAN] or book[B_TICK]:
        place.lowest, place.highest = min(last_ma, flow_ma), max(last_ma, flow_ma)
    if book[B_BEGAN]:
        place.base = place.next = last_ma
    elif book[B_TICK] & TICK_LATCH:
        place.base, place.next = place.next, flow_ma
    if book[B_TICK] & TICK_STIR:
        stirs = k.ALL_STIR if abs(flow_ma - place.stir_flow) > k.STIRS_MA else 0
        place.stir += stirs - place.stir >> 5
        place.stir_flow = flow_ma


def _shut(place, own_ma, flow_ma, takes, whole_ma, late_ms):
    """Add the window to the evidence, and judge that when it is enough."""
    stirs = False
    judged = place.open == OPEN
    if judged:
        ends = (place.base, flow_ma)
        far_ma = max(place.highest - max(ends), min(ends) - place.lowest)
        step_ma = own_ma - place.start
        off_ma = flow_ma - place.base - step_ma
        if step_ma < 0:
            off_ma, step_ma = -off_ma, -step_ma
        most_ma = step_ma + (step_ma >> 1) + weigh.NOISE_MA
        stirs = far_ma > k.THERE_AND_BACK_MA + (step_ma >> 3)
        stirs = stirs or not -most_ma - step_ma <= off_ma <= most_ma
        if not stirs and step_ma > k.EDGE_MA:
            stirs = not _gather(place, own_ma - place.start, flow_ma - place.base)
    place.open = SHUT
    place.own = place.start = own_ma
    place.base = place.next = place.stir_flow = flow_ma
    place.lowest = place.highest = flow_ma
    alone = place.stir < weigh.QUIET_STIR and late_ms < weigh.FAST_MS
    enough_ma = weigh.STEP_MA >> 1 if alone else weigh.STEP_MA
    if place.misses > 0:
        enough_ma -= enough_ma >> 3
    step_ma = abs(place.sum_own)
    off_ma = abs(place.sum_flow - place.sum_own)
    beyond_ma = (step_ma >> 1) - (step_ma >> 3) + weigh.NOISE_MA
    if step_ma < weigh.STEP_MA:
        beyond_ma += step_ma >> 3
        more = place.sum_flow - place.sum_own > 0
        if off_ma and more == (place.sum_own > 0):
            beyond_ma = WIDE_MA
    if (step_ma >> 2) + weigh.NOISE_MA < off_ma < beyond_ma:  # not clear
        if step_ma >= weigh.STEP_MA:
            stirs = True
            place.sum_own = place.sum_flow = 0
    elif step_ma >= enough_ma:
        _judge(place, own_ma, takes, whole_ma)
    beyond_ma = abs(own_ma) - place.proved
    told = place.sum_own and takes != TAKES_ALWAYS
    lost_ma = beyond_ma - abs(place.sum_own) if told else 0
    if beyond_ma < KEPT_MA:
        place.back = 0
    elif beyond_ma > k.AGAIN_MA and (stirs or not judged or lost_ma > k.MOST_LOST_MA):
        place.back = 1
    if judged:
        place.stir += (k.ALL_STIR if stirs else 0) - place.stir >> 5


def _gather(place, own_ma, flow_ma):
    """Add a window to the sums, or drop them where its gain is not theirs: something stirred, but
    a window that is evidence alone stays."""
    if (own_ma < 0) != (place.sum_own < 0):  # a step back tells as much of a gain
        place.sum_own, place.sum_flow = -place.sum_own, -place.sum_flow
    own, sum_own = own_ma >> 7, place.sum_own >> 7
    differ = (flow_ma - own_ma >> 7) * sum_own
    differ -= (place.sum_flow - place.sum_own >> 7) * own
    alike = (abs(own * sum_own) >> 3) + 2 * (abs(own) + abs(sum_own))
    if abs(differ) > alike:
        place.sum_own = place.sum_flow = 0
        if abs(own_ma) < weigh.STEP_MA:
            return False
    place.sum_own += own_ma
    place.sum_flow += flow_ma
    return True


def _judge(place, own_ma, takes, whole_ma):
    """Success, miss or neither."""
    up = place.sum_own > 0
    step_ma = abs(place.sum_own)
    off_ma = place.sum_flow - place.sum_own
    off_ma = off_ma if up else -off_ma
    began_ma = own_ma - place.sum_own
    place.sum_own = place.sum_flow = 0
    within_ma = (step_ma >> 2) + weigh.NOISE_MA
    taken = -step_ma - within_ma <= off_ma < 0 and (
        takes == TAKES_ALWAYS or (takes == TAKES_SOURCE and abs(whole_ma) <= weigh.NIL_MA)
    )
    if abs(off_ma) <= within_ma:
        place.proved = abs(own_ma)
        if place.misses > 0:
            place.misses -= 1
        elif place.misses < 0:
            place.healed |= 1 if up else 2
            if place.misses < -1 or place.healed == 3:
                place.misses += 1
    elif not taken:
        _miss(place, off_ma >> 7, step_ma >> 7)
        place.proved = min(place.proved, abs(own_ma), abs(began_ma))


def _miss(place, off, own):
    differ = off * place.miss_own - own * place.miss_off
    same = abs(differ) <= (own * place.miss_own >> 3) + 2 * (own + place.miss_own)
    place.miss_off, place.miss_own = off, own
    if place.misses < 0:
        place.misses = HEAL
    elif place.misses > 0 and same:
        place.misses += 1
        least = 4 if off > 0 else 2
        if place.misses >= min(
            weigh.MOST_MISSES, least + max(0, place.stir) // weigh.STIR_PER_MISS
        ):
            place.misses = HEAL
    else:
        place.misses = 1
    if place.misses < 0:
        place.healed = 0
    place.back = 1


def places(book, plan, rows, nodes, readings):
    for node in range(nodes):
        at = node_at(node)
        plan[at + P_TRIES] = 0
        if not plan[at + P_METERED] or plan[at + P_STATE] == STALE or not plan[at + P_BELOW]:
            continue
        for leg in range(im.LEGS):
            place = Place(book, node, leg)
            powers = [
                rows[device * D_ROW + D_SEES_MA + leg]
                for device in below(plan, node)
                if not rows[device * D_ROW + D_OFFERS]
            ]
            all_ma, due = plan[at + P_SEES + leg], plan[at + P_DUE + leg : at + P_PROVED]
            left = _rooms(place, all_ma, sum(powers), (due[0], due[3], due[6]))
            excess_ma = all_ma - place.proved
            lost = place.back and not place.misses and place.steady_ms >= rooms_kernel.PROBE_MS
            if lost and excess_ma >= rooms_kernel.PROBE_MA and left[0] > -rooms_kernel.PROBE_MA:
                left[0] = -rooms_kernel.PROBE_MA
                plan[at + P_TRIES] |= 1 << leg
            if plan[at + P_TAKES] == TAKES_ALWAYS:
                most = plan[at + P_LIMIT] - abs(_flow(book, readings, node, leg))
                left = [min(room, most) if place.back else most for room in left]
            plan[at + P_TRIES] |= bool(place.back) << leg + 3
            for kind, room in enumerate(left):
                plan[at + P_PROVED + kind * im.LEGS + leg] = room


def _rooms(place, all_ma, power_ma, due_ma):
    """What is proved leaves to offers, to powers that draw and that feed back, but for what each
    has now."""
    grows_ma = rooms_kernel.GROW_MA
    step_ma = grows_ma if place.misses > 0 else grows_ma + place.proved
    trial_ma = rooms_kernel.START_MA if place.misses > 0 else rooms_kernel.TRIAL_MA
    if place.back:
        step_ma = 0
        if place.misses > 0:
            trial_ma = 0
        if abs(power_ma) >= KEPT_MA:
            trial_ma = all_ma - place.proved
    return [
        place.proved + trial_ma - all_ma - due_ma[0],
        place.proved + step_ma - all_ma - due_ma[1],
        place.proved + step_ma + all_ma - due_ma[2],
    ]


def rooms(plan, rows, order, count):
    for at in reversed(order[:count]):
        _room(plan, rows, at)
        for _, leg in legs(rows, at):
            own_ma = rows[at + D_SEES_MA + leg]
            gives_ma = own_ma - max(0, rows[at + D_PROVED_DRAW])
            back_ma = -own_ma - max(0, rows[at + D_PROVED_FEED])
            for node in path(plan, rows[at + D_NODE]):
                first = node_at(node) + P_PROVED + leg
                for place, ma in ((first, gives_ma), (first + 3, gives_ma), (first + 6, back_ma)):
                    if ma > 0:
                        plan[place] = max(plan[place], min(0, plan[place] + ma))


def _room(plan, rows, at):
    for room in (D_PROVED_DRAW, D_PROVED_FEED):
        rows[at + room], rows[at + room + END_NODE] = WIDE_MA, -1
    sees_ma = rows[at + D_SEES_MA : at + D_SEES_MA + im.LEGS]
    draws = max(sees_ma) > sees_kernel.DRAWS_MA
    for node in path(plan, rows[at + D_NODE]):
        row = node_at(node)
        if not plan[row + P_METERED] or plan[row + P_STATE] == STALE:
            continue
        for _, leg in legs(rows, at):
            offer, draw, feed = [plan[row + P_PROVED + i * im.LEGS + leg] for i in range(3)]
            ma, due_ma = sees_ma[leg], rows[at + D_DUE_MA + leg]
            keeps = 0 if plan[row + P_TRIES] >> leg + 3 & 1 else plan[row + P_MANY]
            if keeps & 1:
                offer = max(0, offer)
            if keeps & 2:
                draw, feed = max(0, draw), max(0, feed)
            if rows[at + D_OFFERS]:
                draw = offer + ma + due_ma
                if ma >= rooms_kernel.START_MA and plan[row + P_TRIES] >> leg & 1:
                    draw = max(draw, rooms_kernel.START_MA)
                if ma <= sees_kernel.DRAWS_MA:
                    draw = WIDE_MA if draws else min(draw, rooms_kernel.START_MA)
            else:
                draw += ma + max(0, due_ma)
                feed += -ma - min(0, due_ma)
                _least(rows, at + D_PROVED_FEED, feed, node, leg)
            _least(rows, at + D_PROVED_DRAW, draw, node, leg)


def _least(rows, room, ma, node, leg):
    """Of equal ones the upper node's counts, there the first leg's."""
    if ma < rows[room] or (ma == rows[room] and rows[room + END_NODE] != node):
        rows[room], rows[room + END_NODE], rows[room + END_LEG] = ma, node, leg
