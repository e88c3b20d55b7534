# islet: a meter's reading and islet's own current of the same moment, in viper on flat arrays.
# GPL-3.0-or-later
#
# A reading says when it was asked for, not when its meter looked. So it is paired with all that
# islet drew in the time it may belong to: not younger than it says, not older than the reading it
# replaced was by then. What others draw lies between reading less most and reading less least; of
# that, the value nearest to the one before is taken: it changes by no more than a reading proves.
# Twice: as if the meter had looked at one of those moments, and as if it had taken a mean of some;
# of the two the stricter. With islet's own standing still all ends meet, and there is no choice.
# That is for a device that grows, or follows the panel's own order. One that goes down for another
# reason might hide a load that comes in the same moment: then the worse end is taken.
#
# The same text runs on CPython; tests_host/core/plain says it in few words, and both are tested
# for equality. Arrays as in layout.py.

from firmware import image as im
from firmware.base.viper import const, micropython, ptr32
from firmware.core.panel.layout import (
    D_NODE,
    D_OFFERS,
    D_ROW,
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
    P_LAST,
    P_LATE,
    P_LOAD_HIGH,
    P_LOAD_LOW,
    P_METERED,
    P_NEAR,
    P_OLDEST,
    P_OWN_HIGH,
    P_OWN_LOW,
    P_ROW,
    P_STATE,
    P_SUM,
    P_WORST,
    P_WORST_BITS,
    RING,
)

_OLDEST_MS = const(60_000)
_DOUBT_MA = const(500)  # for less of islet's own movement the worse end costs nothing
_SUM = const(6)  # words of P_SUM for a slot


@micropython.viper
def ages(plan, readings, nodes: int, dt_ms: int):
    """Per metered node: the slots its reading may belong to, and whether it is a new one."""
    p = ptr32(plan)
    r = ptr32(readings)
    step_ms = dt_ms
    if step_ms < 1:
        step_ms = 1
    at = P_HEAD
    node = 0
    while node < nodes:
        if p[at + P_METERED]:
            age_ms = r[im.NODE_AGE_MS + node]
            if age_ms > _OLDEST_MS:
                age_ms = _OLDEST_MS
            changed = 0
            leg = 0
            while leg < 3:
                flow_ma = r[im.NODE_MA + node * 3 + leg]
                if flow_ma != p[at + leg + P_LAST]:
                    p[at + leg + P_LAST] = flow_ma
                    changed |= 1 << leg
                leg += 1
            p[at + P_CHANGED] = changed
            oldest_ms = p[at + P_OLDEST] + dt_ms
            if changed:  # its meter looked after it had last been seen to say something else
                p[at + P_BEFORE] = oldest_ms
                oldest_ms = p[at + P_AGE] + dt_ms
            if oldest_ms < age_ms:
                oldest_ms = age_ms
            if oldest_ms > _OLDEST_MS:
                oldest_ms = _OLDEST_MS
            p[at + P_OLDEST] = oldest_ms
            p[at + P_AGE] = age_ms
            rest_ms = age_ms - p[at + P_EARLY]
            back = 0
            while rest_ms >= step_ms and back < RING - 1:
                rest_ms -= step_ms
                back += 1
            p[at + P_NEAR] = back
            if oldest_ms > p[at + P_WORST]:
                oldest_ms = p[at + P_WORST]
            rest_ms = oldest_ms + p[at + P_LATE]
            back = 0
            while rest_ms > 0 and back < RING - 1:
                rest_ms -= step_ms
                back += 1
            p[at + P_FAR] = back
        at += P_ROW
        node += 1


@micropython.viper
def gather(plan, slots, devices: int, below: int, turn: int, count: int):
    """P_SUM: what the devices of `below` drew together in the slots from `turn` back."""
    p = ptr32(plan)
    s = ptr32(slots)
    i = P_SUM
    end = P_SUM + (count + 1) * _SUM
    while i < end:
        p[i] = 0
        i += 1
    stride = devices * H_ROW
    ring = RING * stride
    first = turn * stride
    while below:
        if below & 1:
            slot = first
            i = P_SUM
            while i < end:
                p[i] += s[slot + H_LOW]
                p[i + 1] += s[slot + H_LOW + 1]
                p[i + 2] += s[slot + H_LOW + 2]
                p[i + 3] += s[slot + H_HIGH]
                p[i + 4] += s[slot + H_HIGH + 1]
                p[i + 5] += s[slot + H_HIGH + 2]
                i += _SUM
                slot -= stride
                if slot < 0:
                    slot += ring
        below >>= 1
        first += H_ROW


@micropython.viper
def nearest(plan, i: int, end: int, flow_ma: int, best_ma: int, was_ma: int) -> int:
    """What others draw if the meter looked at one of the moments: of `best_ma` and all of those,
    what is nearest to `was_ma`."""
    p = ptr32(plan)
    near_ma = best_ma - was_ma
    if near_ma < 0:
        near_ma = 0 - near_ma
    while i < end:
        load_ma = flow_ma - p[i]
        off_ma = load_ma - was_ma
        if off_ma < 0:
            off_ma = 0 - off_ma
        if off_ma < near_ma:
            near_ma = off_ma
            best_ma = load_ma
        i += _SUM
    return best_ma


@micropython.viper
def between(plan, at: int, leg: int, end: int, flow_ma: int, high_ma: int, low_ma: int):
    """P_LOAD_HIGH and P_LOAD_LOW of a leg whose own current moved between known values: nearest to
    what they were, `high_ma` and `low_ma` being the ends."""
    p = ptr32(plan)
    i = P_SUM + leg
    moment = p[at + P_EARLY]  # a meter's registers; all others are known to be means
    at += leg
    was_ma = p[at + P_LOAD_HIGH]
    near_ma = was_ma
    if near_ma < low_ma:
        near_ma = low_ma
    if moment:
        of_ma = int(nearest(plan, i, end, flow_ma, high_ma, was_ma))
        if near_ma < of_ma:
            near_ma = of_ma
    p[at + P_LOAD_HIGH] = near_ma if near_ma < high_ma else high_ma
    was_ma = p[at + P_LOAD_LOW]
    near_ma = was_ma
    if near_ma > high_ma:
        near_ma = high_ma
    if moment:
        of_ma = int(nearest(plan, i, end, flow_ma, low_ma, was_ma))
        if near_ma > of_ma:
            near_ma = of_ma
    p[at + P_LOAD_LOW] = near_ma if near_ma > low_ma else low_ma


@micropython.viper
def legs(plan, at: int, readings, first: int, count: int, known: int) -> int:
    """P_OWN_* and P_LOAD_* of a node from P_SUM; the widest of islet's own known movement that is
    worth a doubt, or 0."""
    p = ptr32(plan)
    r = ptr32(readings)
    end = P_SUM + (count + 1) * _SUM
    widest_ma = 0
    leg = 0
    while leg < 3:
        i = P_SUM + leg
        least_ma = p[i]
        most_ma = p[i + 3]
        sure = 1
        while i < end:
            low_ma = p[i]
            high_ma = p[i + 3]
            if low_ma < least_ma:
                least_ma = low_ma
            if high_ma > most_ma:
                most_ma = high_ma
            if low_ma != high_ma:
                sure = 0
            i += _SUM
        p[at + leg + P_OWN_LOW] = least_ma
        p[at + leg + P_OWN_HIGH] = most_ma
        moved_ma = most_ma - least_ma
        if moved_ma <= _DOUBT_MA:
            sure = 0
        elif sure and moved_ma > widest_ma:
            widest_ma = moved_ma
        flow_ma = r[first + leg]
        if known and sure:
            between(plan, at, leg, end, flow_ma, flow_ma - least_ma, flow_ma - most_ma)
        else:
            p[at + leg + P_LOAD_HIGH] = flow_ma - least_ma
            p[at + leg + P_LOAD_LOW] = flow_ma - most_ma
        leg += 1
    return widest_ma


@micropython.viper
def others(plan, at: int, readings, first: int):
    """The same of a node without a device of islet's: all that flows is others'."""
    p = ptr32(plan)
    r = ptr32(readings)
    p[at + P_DOUBT_MS] = 0
    end = at + 3
    while at < end:
        p[at + P_OWN_LOW] = 0
        p[at + P_OWN_HIGH] = 0
        p[at + P_LOAD_HIGH] = r[first]
        p[at + P_LOAD_LOW] = r[first]
        first += 1
        at += 1


@micropython.viper
def pair(plan, slots, readings, nodes: int, devices: int, head: int, dt_ms: int, longest_ms: int):
    """Per metered node and leg: P_OWN_LOW, P_OWN_HIGH over those slots, and what others draw:
    P_LOAD_HIGH counts against drawing, P_LOAD_LOW against feeding back. Each is at its worst after
    a doubt longer than `longest_ms`, and where a device of P_WORST_BITS is below."""
    p = ptr32(plan)
    at = P_HEAD
    node = 0
    while node < nodes:
        if p[at + P_METERED] and p[at + P_BELOW] == 0:
            others(plan, at, readings, im.NODE_MA + node * 3)
        elif p[at + P_METERED]:
            below = p[at + P_BELOW]
            count = p[at + P_FAR] - p[at + P_NEAR]
            if count < 0:
                count = 0
            known = 0
            if p[at + P_STATE] == FRESH and p[at + P_DOUBT_MS] <= longest_ms:
                if below & p[P_WORST_BITS] == 0:
                    known = 1
            gather(plan, slots, devices, below, (head - p[at + P_NEAR]) & (RING - 1), count)
            if int(legs(plan, at, readings, im.NODE_MA + node * 3, count, known)):
                doubt_ms = p[at + P_DOUBT_MS] + dt_ms
                p[at + P_DOUBT_MS] = doubt_ms if doubt_ms < _OLDEST_MS else _OLDEST_MS
            else:
                p[at + P_DOUBT_MS] = 0
        at += P_ROW
        node += 1


@micropython.viper
def moment(rows, slots, slot: int, devices: int, volts: int) -> int:
    """W that islet's devices drew at most in a slot; -1 << 29 and less: that, not surely. What is
    told a current counts at `volts`, cos phi 1."""
    t = ptr32(rows)
    s = ptr32(slots)
    sum_w = 0
    sure = 1
    at = 0
    while devices:
        if t[at + D_NODE] >= 0:
            if t[at + D_OFFERS]:
                leg = 0
                while leg < 3:
                    ma = s[slot + leg + H_HIGH]
                    if ma != s[slot + leg + H_LOW]:
                        sure = 0
                    sum_w += ma * volts // 1000
                    leg += 1
            else:
                sum_w += s[slot + H_HIGH_W]
                if s[slot + H_HIGH_W] != s[slot + H_LOW_W]:
                    sure = 0
        slot += H_ROW
        at += D_ROW
        devices -= 1
    if sure:
        return sum_w
    return sum_w - (1 << 29)


@micropython.viper
def house(
    plan, rows, slots, devices: int, head: int, volts: int, flow_w: int, last_w: int, known: int,
) -> int:  # fmt: skip
    """W that others draw behind the service's reading of `flow_w`, as P_LOAD_LOW is for a current:
    the value before was `last_w`, if `known`."""
    p = ptr32(plan)
    near = p[P_HEAD + P_NEAR]
    count = p[P_HEAD + P_FAR] - near
    if count < 0:
        count = 0
    turn = (head - near) & (RING - 1)
    least_w = 1 << 28
    most_w = 0 - least_w
    while count >= 0:
        sum_w = int(moment(rows, slots, turn * devices * H_ROW, devices, volts))
        if sum_w < 0 - (1 << 28):
            sum_w += 1 << 29
            known = 0
        if sum_w > most_w:
            most_w = sum_w
        if sum_w < least_w:
            least_w = sum_w
        turn = (turn - 1) & (RING - 1)
        count -= 1
    load_w = flow_w - most_w
    if known:
        if last_w > load_w:
            load_w = last_w
        if load_w > flow_w - least_w:
            load_w = flow_w - least_w
    return load_w
