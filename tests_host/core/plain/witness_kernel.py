# islet: what witness_kernel.py computes, said plainly; the two are tested for equality.
# GPL-3.0-or-later

from firmware import image as im
from firmware.core.panel import witness_kernel as k
from firmware.core.panel import witness_rooms as rooms_kernel
from firmware.core.panel.kernel import (
    BELOW_EVSE,
    BELOW_INVERTER,
    P_BELOW,
    P_LATE,
    P_LIMIT,
    P_METERED,
    P_STATE,
    STALE,
)

_COLUMNS = (
    "own", "steady_ms", "open", "start", "base", "next", "last", "sum_own", "sum_flow", "proved",
    "misses", "miss_off", "miss_own", "healed", "stir", "stir_flow", "open_ms", "lowest",
    "highest", "back",
)  # fmt: skip


class Place:
    """The columns of one place by name."""

    last = misses = back = 0  # and the others

    def __init__(self, book, places, at):
        self._book = book
        self._first = k.B_COLUMNS + at
        self._places = places
        for i, name in enumerate(_COLUMNS):
            setattr(self, name, book[self._first + i * places])

    def store(self):
        for i, name in enumerate(_COLUMNS):
            self._book[self._first + i * self._places] = getattr(self, name)


def _flow(book, readings, at):
    return readings[im.NODE_W + at] * book[k.B_MA64_PER_W] >> 6


def _currents(book, readings, below, leg):
    """(charging point, inverter) below a node."""
    evse = readings[im.DEVICE_MA + im.EVSE * im.LEGS + leg] if below & BELOW_EVSE else 0
    inverter = readings[im.DEVICE_W + im.INVERTER] * book[k.B_MA64_PER_W_INVERTER] >> 6
    return evse, inverter if below & BELOW_INVERTER and leg < book[k.B_INVERTER_LEGS] else 0


def watch(book, plan, readings, nodes):
    book[k.B_NODE] = book[k.B_LEG] = -1
    places = nodes * im.LEGS
    for node in range(nodes):
        below = plan[P_BELOW + node]
        flows = [_flow(book, readings, node * im.LEGS + leg) for leg in range(im.LEGS)]
        watched = [Place(book, places, node * im.LEGS + leg) for leg in range(im.LEGS)]
        same_ms = book[k.B_SAME_MS + node]
        if same_ms < k.LONGEST_MS:
            same_ms += book[k.B_DT_MS]
        if not plan[P_METERED + node] or not below:
            book[k.B_SAME_MS + node] = same_ms
            continue
        if [place.last for place in watched] != flows:
            same_ms = 0
        book[k.B_SAME_MS + node] = same_ms
        for leg, place in enumerate(watched):
            own_ma = sum(_currents(book, readings, below, leg))
            late_ms = max(book[k.B_LATE_MS + node], plan[P_LATE + node])
            late_ms += readings[im.NODE_AGE_MS + node]
            _watch(book, node, below, place, own_ma, flows[leg], sum(flows), readings, late_ms)
            place.store()
            if place.misses < 0:
                plan[P_STATE + node] = STALE
                if book[k.B_NODE] < 0:
                    book[k.B_NODE], book[k.B_LEG] = node, leg


def _watch(book, node, below, place, own_ma, flow_ma, whole_ma, readings, late_ms):
    age_ms = readings[im.NODE_AGE_MS + node]
    known = below & book[k.B_KNOWN] == below and age_ms <= book[k.B_STALE_MS]
    if place.open == k.SHUT and place.steady_ms == 0:  # not measured until now
        place.base = place.next = place.last = place.stir_flow = flow_ma
    last_ma = place.last
    place.last = flow_ma
    if not known:
        if place.open != k.SHUT or abs(place.start) > k.KEPT_MA:
            place.open = k.SPOILT
        place.steady_ms = place.sum_own = place.sum_flow = 0
    elif abs(own_ma - place.own) > k.EDGE_MA + (abs(own_ma - place.start) >> 4):
        if place.open == k.SHUT:
            place.open, place.open_ms = k.OPEN if place.steady_ms else k.SPOILT, 0
        place.own, place.steady_ms = own_ma, 0
    elif place.steady_ms < k.LONGEST_MS:
        place.steady_ms += book[k.B_DT_MS]
    place.lowest = min(place.lowest, flow_ma)
    place.highest = max(place.highest, flow_ma)
    if place.open == k.SHUT:
        _listen(book, place, last_ma, flow_ma)
    else:
        moves_ms = max(
            book[k.B_EVSE_MOVES_MS] if below & BELOW_EVSE else 0,
            book[k.B_INVERTER_MOVES_MS] if below & BELOW_INVERTER else 0,
        )
        if moves_ms and place.open_ms > moves_ms:
            place.open = k.SPOILT
        if place.open_ms < k.LONGEST_MS:
            place.open_ms += book[k.B_DT_MS]
        if place.open_ms > k.LONGEST_OPEN_MS:
            place.open = k.SPOILT
            if abs(own_ma) - place.proved > k.AGAIN_MA:
                place.back = 1
    wait_ms = late_ms + (k.LATER_MS if abs(flow_ma - last_ma) > k.QUIET_MA else 0)
    step_ma = own_ma - place.start
    off_ma = flow_ma - place.base - step_ma
    if abs(off_ma) > (abs(step_ma) >> 2) + k.TRACE_MA:
        if book[k.B_SAME_MS + node] + late_ms > place.steady_ms:
            wait_ms += k.SAME_MS
    if known and place.open != k.SHUT and place.steady_ms >= wait_ms:
        _shut(place, own_ma, flow_ma, book[k.B_TAKES + node], whole_ma, late_ms)


def _listen(book, place, last_ma, flow_ma):
    """While islet's own current is steady."""
    if book[k.B_BEGAN] or book[k.B_TICK]:
        place.lowest, place.highest = min(last_ma, flow_ma), max(last_ma, flow_ma)
    if book[k.B_BEGAN]:
        place.base = place.next = last_ma
    elif book[k.B_TICK] & k.TICK_LATCH:
        place.base, place.next = place.next, flow_ma
    if book[k.B_TICK] & k.TICK_STIR:
        stirs = k.ALL_STIR if abs(flow_ma - place.stir_flow) > k.STIRS_MA else 0
        place.stir += stirs - place.stir >> 5
        place.stir_flow = flow_ma


def _shut(place, own_ma, flow_ma, takes, whole_ma, late_ms):
    """Add the window to the evidence, and judge that when it is enough."""
    stirs = False
    judged = place.open == k.OPEN
    if judged:
        ends = (place.base, flow_ma)
        far_ma = max(place.highest - max(ends), min(ends) - place.lowest)
        step_ma = own_ma - place.start
        off_ma = flow_ma - place.base - step_ma
        if step_ma < 0:
            off_ma, step_ma = -off_ma, -step_ma
        most_ma = step_ma + (step_ma >> 1) + k.NOISE_MA
        stirs = far_ma > k.THERE_AND_BACK_MA + (step_ma >> 3)
        stirs = stirs or not -most_ma - step_ma <= off_ma <= most_ma
        if not stirs and step_ma > k.EDGE_MA:
            stirs = not _gather(place, own_ma - place.start, flow_ma - place.base)
    place.open = k.SHUT
    place.own = place.start = own_ma
    place.base = place.next = place.stir_flow = flow_ma
    place.lowest = place.highest = flow_ma
    alone = place.stir < k.QUIET_STIR and late_ms < k.FAST_MS
    enough_ma = k.STEP_MA >> 1 if alone else k.STEP_MA
    if place.misses > 0:
        enough_ma -= enough_ma >> 3
    step_ma = abs(place.sum_own)
    off_ma = abs(place.sum_flow - place.sum_own)
    beyond_ma = (step_ma >> 1) - (step_ma >> 3) + k.NOISE_MA
    if step_ma < k.STEP_MA:
        beyond_ma += step_ma >> 3
        more = place.sum_flow - place.sum_own > 0
        if off_ma and more == (place.sum_own > 0):
            beyond_ma = k.WIDE_MA
    if (step_ma >> 2) + k.NOISE_MA < off_ma < beyond_ma:  # not clear
        if step_ma >= k.STEP_MA:
            stirs = True
            place.sum_own = place.sum_flow = 0
    elif step_ma >= enough_ma:
        _judge(place, own_ma, takes, whole_ma)
    beyond_ma = abs(own_ma) - place.proved
    if beyond_ma < k.KEPT_MA:
        place.back = 0
    elif (stirs or not judged) and beyond_ma > k.AGAIN_MA:
        place.back = 1
    if judged:
        place.stir += (k.ALL_STIR if stirs else 0) - place.stir >> 5


def _gather(place, own_ma, flow_ma):
    """Add a window to the sums, or drop them where its gain is not theirs: something stirred, but
    a window that is evidence alone stays."""
    own, sum_own = own_ma >> 7, place.sum_own >> 7
    differ = (flow_ma - own_ma >> 7) * sum_own
    differ -= (place.sum_flow - place.sum_own >> 7) * own
    alike = (abs(own * sum_own) >> 3) + 2 * (abs(own) + abs(sum_own))
    if abs(differ) > alike:
        place.sum_own = place.sum_flow = 0
        if abs(own_ma) < k.STEP_MA:
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
    within_ma = (step_ma >> 2) + k.NOISE_MA
    taken = -step_ma - within_ma <= off_ma < 0 and (
        takes == k.TAKES_ALWAYS or (takes == k.TAKES_SOURCE and abs(whole_ma) <= k.NIL_MA)
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
        place.misses = k.HEAL
    elif place.misses > 0 and same:
        place.misses += 1
        least = 4 if off > 0 else 2
        if place.misses >= min(k.MOST_MISSES, least + max(0, place.stir) // k.STIR_PER_MISS):
            place.misses = k.HEAL
    else:
        place.misses = 1
    if place.misses < 0:
        place.healed = 0
    place.back = 1


def rooms(book, plan, readings, nodes):
    for room in (k.B_EVSE_MA, k.B_DRAW_MA, k.B_FEED_MA):
        book[room] = k.WIDE_MA
    draws = any(
        readings[im.DEVICE_MA + im.EVSE * im.LEGS + leg] > rooms_kernel.DRAWS_MA
        for leg in range(im.LEGS)
    )
    for node in range(nodes):
        if not plan[P_METERED + node] or plan[P_STATE + node] == STALE:
            continue
        below = plan[P_BELOW + node]
        for leg in range(im.LEGS):
            place = Place(book, nodes * im.LEGS, node * im.LEGS + leg)
            evse_ma, inverter_ma = _currents(book, readings, below, leg)
            evse, draw, feed = _rooms(place, evse_ma, inverter_ma)
            if book[k.B_TAKES + node] == k.TAKES_ALWAYS:
                left_ma = plan[P_LIMIT + node] - abs(_flow(book, readings, node * im.LEGS + leg))
                least = min if place.back else _second
                evse = least(evse, evse_ma + left_ma)
                draw, feed = least(draw, inverter_ma + left_ma), least(feed, left_ma - inverter_ma)
            if below & BELOW_EVSE:
                if evse_ma <= rooms_kernel.DRAWS_MA:
                    evse = k.WIDE_MA if draws else min(evse, rooms_kernel.START_MA)
                _least(book, k.B_EVSE_MA, evse, node, leg)
            if below & BELOW_INVERTER and leg < book[k.B_INVERTER_LEGS]:
                _least(book, k.B_DRAW_MA, draw, node, leg)
                _least(book, k.B_FEED_MA, feed, node, leg)


def _second(_, second):
    return second


def _rooms(place, evse_ma, inverter_ma):
    """What is proved leaves to the charging point, to drawing and to feeding back."""
    step_ma = rooms_kernel.GROW_MA if place.misses > 0 else rooms_kernel.GROW_MA + place.proved
    trial_ma = rooms_kernel.START_MA if place.misses > 0 else rooms_kernel.TRIAL_MA
    if place.back:
        step_ma = 0
        if place.misses > 0:
            trial_ma = 0
        if abs(inverter_ma) >= k.KEPT_MA:
            trial_ma = evse_ma + inverter_ma - place.proved
    proved_ma = place.proved
    evse = proved_ma + trial_ma - inverter_ma
    return evse, proved_ma + step_ma - evse_ma, proved_ma + step_ma + evse_ma


def _least(book, room, room_ma, node, leg):
    if room_ma < book[room]:
        book[room] = room_ma
        book[room + k.END_NODE], book[room + k.END_LEG] = node, leg
