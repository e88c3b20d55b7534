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
# The same text runs on CPython; pairing_kernel_plain.py says it in few words, and both are tested
# for equality. The offsets are panel_kernel's (a kernel's constants must stand in its own file).

from firmware import image as im
from firmware.base.viper import const, micropython, ptr32

_BELOW = const(256)
_METERED = const(288)
_STATE = const(320)
_DOUBT_MS = const(352)
_OWN_LOW = const(576)
_OWN_HIGH = const(672)
_LAST = const(768)
_LOAD_HIGH = const(1457)
_LOAD_LOW = const(1553)
_AGE = const(1649)
_OLDEST = const(1681)
_BEFORE = const(1713)
_LATE = const(1745)
_CHANGED = const(1777)
_NEAR = const(1809)
_FAR = const(1841)
_REF = const(1873)
_SHOWN = const(1905)
_HIDDEN = const(1937)
_WORST = const(2065)
_EARLY = const(2097)

_FRESH = const(1)
_BELOW_EVSE = const(1)
_BELOW_INVERTER = const(2)

_RING = const(32)
_SLOT = const(16)
_EVSE_HIGH = const(3)
_INVERTER_LOW = const(6)
_INVERTER_HIGH = const(9)
_W_LOW = const(12)
_W_HIGH = const(13)

_OLDEST_MS = const(60_000)
_DOUBT_MA = const(500)  # for less of islet's own movement the worse end costs nothing


@micropython.viper
def measured(history, at: int, readings, first: int, legs: int):
    """Write a device's currents into a slot, lowest and highest credible being the same."""
    slot = ptr32(history)
    reading = ptr32(readings)
    leg = 0
    while leg < legs:
        slot[at + leg] = reading[first + leg]
        slot[at + leg + 3] = reading[first + leg]
        leg += 1


@micropython.viper
def backdate(history, head: int, age_ms: int, dt_ms: int, first: int, count: int):
    """`count` words from `first` of the newest slot hold for all since they were measured."""
    slot = ptr32(history)
    age_ms += dt_ms >> 1
    if dt_ms < 1:
        dt_ms = 1
    back = 1
    while age_ms >= dt_ms and back < _RING:
        here = (head & (_RING - 1)) * _SLOT + first
        there = ((head - back) & (_RING - 1)) * _SLOT + first
        end = here + count
        while here < end:
            slot[there] = slot[here]
            here += 1
            there += 1
        age_ms -= dt_ms
        back += 1


@micropython.viper
def ages(plan, readings, nodes: int, dt_ms: int):
    """Per metered node: the slots its reading may belong to, and whether it is a new one."""
    p = ptr32(plan)
    r = ptr32(readings)
    first = int(im.NODE_AGE_MS)
    flows = int(im.NODE_MA)
    step_ms = dt_ms
    if step_ms < 1:
        step_ms = 1
    node = 0
    while node < nodes:
        if p[_METERED + node]:
            age_ms = r[first + node]
            if age_ms > _OLDEST_MS:
                age_ms = _OLDEST_MS
            changed = 0
            at = node * 3
            bit = 1
            while bit < 8:
                if r[flows + at] != p[_LAST + at]:
                    p[_LAST + at] = r[flows + at]
                    changed |= bit
                bit <<= 1
                at += 1
            p[_CHANGED + node] = changed
            oldest_ms = p[_OLDEST + node] + dt_ms
            if changed:  # its meter looked after it had last been seen to say something else
                p[_BEFORE + node] = oldest_ms
                oldest_ms = p[_AGE + node] + dt_ms
            if oldest_ms < age_ms:
                oldest_ms = age_ms
            if oldest_ms > _OLDEST_MS:
                oldest_ms = _OLDEST_MS
            p[_OLDEST + node] = oldest_ms
            p[_AGE + node] = age_ms
            rest_ms = age_ms - p[_EARLY + node]
            back = 0
            while rest_ms >= step_ms and back < _RING - 1:
                rest_ms -= step_ms
                back += 1
            p[_NEAR + node] = back
            if oldest_ms > p[_WORST + node]:
                oldest_ms = p[_WORST + node]
            rest_ms = oldest_ms + p[_LATE + node]
            back = 0
            while rest_ms > 0 and back < _RING - 1:
                rest_ms -= step_ms
                back += 1
            p[_FAR + node] = back
        node += 1


@micropython.viper
def nearest(
    history, turn: int, left: int, leg: int, below: int, flow_ma: int, best_ma: int, was_ma: int,
) -> int:  # fmt: skip
    """What others draw if the meter looked at one of the moments: of `best_ma` and all of those,
    what is nearest to `was_ma`. In a function of its own, for a jump of the chip does not reach
    across all of pair()."""
    slots = ptr32(history)
    near_ma = best_ma - was_ma
    if near_ma < 0:
        near_ma = 0 - near_ma
    while left >= 0:
        slot = turn * _SLOT + leg
        load_ma = flow_ma
        if below & _BELOW_EVSE:
            load_ma -= slots[slot]
        if below & _BELOW_INVERTER:
            load_ma -= slots[slot + _INVERTER_LOW]
        off_ma = load_ma - was_ma
        if off_ma < 0:
            off_ma = 0 - off_ma
        if off_ma < near_ma:
            near_ma = off_ma
            best_ma = load_ma
        turn = (turn - 1) & (_RING - 1)
        left -= 1
    return best_ma


@micropython.viper
def pair(
    plan, history, readings, nodes: int, head: int, dt_ms: int, longest_ms: int, worst_bits: int,
):  # fmt: skip
    """Per metered node and leg: P_OWN_LOW, P_OWN_HIGH over those slots, and what others draw:
    P_LOAD_HIGH counts against drawing, P_LOAD_LOW against feeding back. Each is at its worst after
    a doubt longer than `longest_ms`, and where a device of `worst_bits` is below."""
    p = ptr32(plan)
    slots = ptr32(history)
    r = ptr32(readings)
    flows = int(im.NODE_MA)
    node = 0
    while node < nodes:
        if p[_METERED + node]:
            below = p[_BELOW + node]
            count = p[_FAR + node] - p[_NEAR + node]
            if count < 0 or below == 0:
                count = 0
            start = (head - p[_NEAR + node]) & (_RING - 1)
            moment = p[_EARLY + node]  # a meter's registers; all others are known to be means
            worst = 0  # the widest of islet's own movement
            known = 0
            if p[_STATE + node] == _FRESH and p[_DOUBT_MS + node] <= longest_ms:
                if below & worst_bits == 0:
                    known = 1
            at = node * 3
            end = at + 3
            leg = 0
            while at < end:
                least_ma = 1 << 29
                most_ma = 0 - least_ma
                sure = 1
                turn = start
                left = count
                while left >= 0:
                    slot = turn * _SLOT + leg
                    low_ma = 0
                    high_ma = 0
                    if below & _BELOW_EVSE:
                        low_ma = slots[slot]
                        high_ma = slots[slot + _EVSE_HIGH]
                    if below & _BELOW_INVERTER:
                        low_ma += slots[slot + _INVERTER_LOW]
                        high_ma += slots[slot + _INVERTER_HIGH]
                    if low_ma < least_ma:
                        least_ma = low_ma
                    if high_ma > most_ma:
                        most_ma = high_ma
                    if low_ma != high_ma:
                        sure = 0
                    turn = (turn - 1) & (_RING - 1)
                    left -= 1
                p[_OWN_LOW + at] = least_ma
                p[_OWN_HIGH + at] = most_ma
                if most_ma - least_ma <= _DOUBT_MA:
                    sure = 0
                elif sure and most_ma - least_ma > worst:
                    worst = most_ma - least_ma
                flow_ma = r[flows + at]
                high_ma = flow_ma - least_ma
                low_ma = flow_ma - most_ma
                if known and sure:
                    was_high_ma = p[_LOAD_HIGH + at]
                    was_low_ma = p[_LOAD_LOW + at]
                    near_high_ma = int(
                        nearest(history, start, count, leg, below, flow_ma, high_ma, was_high_ma)
                    )
                    near_low_ma = int(
                        nearest(history, start, count, leg, below, flow_ma, low_ma, was_low_ma)
                    )
                    most_ma = high_ma  # the nearest of means
                    least_ma = low_ma
                    high_ma = was_high_ma
                    if high_ma < least_ma:
                        high_ma = least_ma
                    if moment and high_ma < near_high_ma:
                        high_ma = near_high_ma
                    if high_ma > most_ma:
                        high_ma = most_ma
                    low_ma = was_low_ma
                    if low_ma > most_ma:
                        low_ma = most_ma
                    if moment and low_ma > near_low_ma:
                        low_ma = near_low_ma
                    if low_ma < least_ma:
                        low_ma = least_ma
                p[_LOAD_HIGH + at] = high_ma
                p[_LOAD_LOW + at] = low_ma
                at += 1
                leg += 1
            if worst:
                p[_DOUBT_MS + node] += dt_ms
                if p[_DOUBT_MS + node] > _OLDEST_MS:
                    p[_DOUBT_MS + node] = _OLDEST_MS
            else:
                p[_DOUBT_MS + node] = 0
        node += 1


@micropython.viper
def house(plan, history, head: int, volts: int, flow_w: int, last_w: int, known: int) -> int:
    """W that others draw behind the service's reading of `flow_w`, as P_LOAD_LOW is for a current:
    the value before was `last_w`, if `known`. The car's current counts at `volts`, cos phi 1."""
    p = ptr32(plan)
    slots = ptr32(history)
    service = 0
    count = p[_FAR + service] - p[_NEAR + service]
    if count < 0:
        count = 0
    turn = (head - p[_NEAR + service]) & (_RING - 1)
    least_w = 1 << 29
    most_w = 0 - least_w
    while count >= 0:
        slot = turn * _SLOT
        low_w = slots[slot + _W_LOW]
        high_w = slots[slot + _W_HIGH]
        if low_w != high_w:
            known = 0
        leg = 0
        while leg < 3:
            if slots[slot + leg] != slots[slot + _EVSE_HIGH + leg]:
                known = 0
            high_w += slots[slot + _EVSE_HIGH + leg] * volts // 1000
            leg += 1
        if high_w > most_w:
            most_w = high_w
        if high_w < least_w:
            least_w = high_w
        turn = (turn - 1) & (_RING - 1)
        count -= 1
    load_w = flow_w - most_w
    if known:
        if last_w > load_w:
            load_w = last_w
        if load_w > flow_w - least_w:
            load_w = flow_w - least_w
    return load_w


@micropython.viper
def appear(plan, readings, nodes: int, bit: int, leg: int, step_ma: int, since_ms: int) -> int:
    """Look for a step of a device's own in the readings above it. `step_ma` 0 notes them before
    it; else the number of those in which it has not shown. P_SHOWN says after how long it did, at
    least 1 ms, and P_HIDDEN how much longer than the readings' own ages explain."""
    p = ptr32(plan)
    r = ptr32(readings)
    flows = int(im.NODE_MA) + leg
    waiting = 0
    node = 0
    while node < nodes:
        if p[_METERED + node] and p[_BELOW + node] & bit:
            flow_ma = r[flows + node * 3]
            if step_ma == 0:
                p[_REF + node] = flow_ma
                p[_SHOWN + node] = 0
            elif p[_SHOWN + node] == 0:
                moved_ma = flow_ma - p[_REF + node]
                half_ma = step_ma
                if step_ma < 0:
                    moved_ma = 0 - moved_ma
                    half_ma = 0 - half_ma
                half_ma = half_ma >> 1
                if moved_ma >= half_ma:
                    p[_SHOWN + node] = since_ms
                    if since_ms < 1:
                        p[_SHOWN + node] = 1
                    hidden_ms = since_ms - p[_BEFORE + node]
                    if hidden_ms < 0:
                        hidden_ms = 0
                    p[_HIDDEN + node] = hidden_ms
                else:
                    waiting += 1
        node += 1
    return waiting
