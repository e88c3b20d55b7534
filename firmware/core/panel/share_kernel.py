# islet: what each place leaves is shared by rank, device by device, in viper.
# GPL-3.0-or-later
#
# The same text runs on CPython; tests_host/core/plain says it in few words, and both are tested
# for equality. Arrays as in layout.py; the directions are 0, drawing, and 1, feeding back.
#
# What a device has counts at every node above it (P_USED): what it draws or is told to. A device's
# limit is what the tightest place leaves beside all others. In the order of their ranks, each is
# promised of what those before it have left (P_SERVED) as much as it wants, and from there on
# that counts as if it had it: so those after it give way in one step, and it waits until they
# have. What is too little for a device to do anything at all goes to the next. What a device is
# told and does not use (D_NEEDS) is not served to it: it is told less, as far as those after it
# want that.
#
# A neutral is no leg's: what it leaves depends on all legs together. There a device counts those
# before it and of its own rank alone, so that it never waits for one that comes after it.

from firmware.base.viper import micropython, ptr32
from firmware.core.panel.has_kernel import add, spread
from firmware.core.panel.layout import (
    D_AFTER,
    D_FEED_MA,
    D_HAS,
    D_HIGH,
    D_LEAST_MA,
    D_LEG,
    D_LEGS,
    D_NEEDS,
    D_NEUTRAL,
    D_NODE,
    D_RANK,
    D_ROW,
    D_SERVED,
    D_TAKES,
    D_UNEVEN,
    D_UNSURE,
    D_UNUSED,
    D_WANTS,
    END_LEG,
    END_NODE,
    END_WHY,
    FRESH,
    P_BELOW,
    P_COUNT,
    P_HEAD,
    P_PARENT,
    P_ROOM,
    P_ROW,
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
)
from firmware.core.panel.neutral_kernel import neutral


@micropython.viper
def left(plan, rows, at: int, way: int, counts: int) -> int:
    """mA per leg that those served before a device have left it, at least zero; if `counts`, its
    part of that among P_COUNT."""
    p = ptr32(plan)
    t = ptr32(rows)
    least_ma = WIDEST_MA
    room = P_ROOM + way * 6
    served = P_SERVED + way * 3
    first = at + D_LEG
    end = first + t[at + D_LEGS]
    unused = t[at + D_UNUSED]
    node = t[at + D_NODE]
    while node >= 0:
        row = P_HEAD + node * P_ROW
        bits = unused
        k = first
        while k < end:
            if bits & 1 == 0:
                leg = row + t[k]
                i = leg + room
                room_ma = p[i]
                i += 3
                if p[i] < room_ma:
                    room_ma = p[i]
                room_ma -= p[leg + served]
                if counts:
                    if p[leg + P_COUNT] > 1:
                        room_ma = room_ma // p[leg + P_COUNT]
                if room_ma < least_ma:
                    least_ma = room_ma
            bits >>= 1
            k += 1
        node = p[row + P_PARENT]
    if t[at + D_UNEVEN]:
        room_ma = int(neutral(plan, rows, at, way))
        if room_ma < least_ma:
            least_ma = room_ma
    return least_ma if least_ma > 0 else 0


@micropython.viper
def promise(plan, rows, at: int, way: int):
    """What it takes counts as if it had it; then it is served."""
    p = ptr32(plan)
    t = ptr32(rows)
    t[at + D_SERVED] |= 5 << way
    takes_ma = t[at + D_TAKES + way]
    k = 0
    while k < t[at + D_LEGS]:
        leg = t[at + D_LEG + k]
        more_ma = takes_ma - t[at + D_HAS + way * 3 + leg]
        if more_ma > 0 and t[at + D_UNUSED] & (1 << k) == 0:
            t[at + D_HAS + way * 3 + leg] = takes_ma
            node = t[at + D_NODE]
            while node >= 0:
                row = P_HEAD + node * P_ROW
                p[row + P_USED + way * 3 + leg] += more_ma
                if way and t[at + D_UNSURE]:
                    p[row + P_UNSURE + leg] -= more_ma
                node = p[row + P_PARENT]
        k += 1
    if way == 0 and t[at + D_NEEDS] < WIDEST_MA:
        spread(plan, rows, at, P_SERVED, takes_ma)
    else:
        add(plan, rows, at, P_SERVED, way)


@micropython.viper
def admit(plan, rows, order, first: int, end: int, way: int):
    """Of one rank, who can do anything at all: D_TAKES is the least of each, or -1; those that are
    at it before those that wait. P_COUNT of the former."""
    t = ptr32(rows)
    o = ptr32(order)
    waits = 0
    while waits < 2:
        i = first
        while i < end:
            at = o[i]
            has_at = at + D_HAS + way * 3
            rests = 1
            if t[has_at] or t[has_at + 1] or t[has_at + 2]:
                rests = 0
            if rests == waits:
                least_ma = t[at + D_LEAST_MA]
                t[at + D_TAKES + way] = 0 - 1
                if t[at + D_WANTS + way] and t[at + D_WANTS + way] >= least_ma:
                    if int(left(plan, rows, at, way, 0)) >= least_ma:
                        t[at + D_TAKES + way] = least_ma
                        t[at + D_SERVED] |= 1 << way  # as the neutral sees it
                        spread(plan, rows, at, P_SERVED + way * 3, least_ma)
                        spread(plan, rows, at, P_COUNT, 1)
            i += 1
        waits += 1
    i = first
    while i < end:
        at = o[i]
        if t[at + D_SERVED] & (1 << way):
            t[at + D_SERVED] ^= 1 << way
        if t[at + D_TAKES + way] > 0:
            spread(plan, rows, at, P_SERVED + way * 3, 0 - t[at + D_TAKES + way])
        i += 1


@micropython.viper
def lowest(plan, rows, order, first: int, end: int, way: int, settled: int) -> int:
    """Of those admitted and not settled the one whose part is least, -1 none; D_TAKES of it. Who
    would have less than it needs has that before any other."""
    t = ptr32(rows)
    o = ptr32(order)
    best = 0 - 1
    least_ma = WIDEST_MA + 1
    i = first
    while i < end:
        at = o[i]
        if settled & (1 << (i - first)) == 0:
            part_ma = int(left(plan, rows, at, way, 1))
            if part_ma < t[at + D_LEAST_MA]:
                t[at + D_TAKES + way] = t[at + D_LEAST_MA]
                return i
            if part_ma > t[at + D_WANTS + way]:
                part_ma = t[at + D_WANTS + way]
            if part_ma < least_ma:
                least_ma = part_ma
                best = i
        i += 1
    if best >= 0:
        t[o[best] + D_TAKES + way] = least_ma
    return best


@micropython.viper
def fair(plan, rows, order, first: int, end: int, way: int):
    """D_TAKES of those of one rank: no one's part can grow but at the cost of a smaller one."""
    t = ptr32(rows)
    o = ptr32(order)
    admit(plan, rows, order, first, end, way)
    settled = 0
    i = first
    while i < end:
        if t[o[i] + D_TAKES + way] < 0:
            t[o[i] + D_TAKES + way] = 0
            settled |= 1 << (i - first)
        i += 1
    i = int(lowest(plan, rows, order, first, end, way, settled))
    while i >= 0:
        settled |= 1 << (i - first)
        t[o[i] + D_SERVED] |= 1 << way
        spread(plan, rows, o[i], P_SERVED + way * 3, t[o[i] + D_TAKES + way])
        spread(plan, rows, o[i], P_COUNT, 0 - 1)
        i = int(lowest(plan, rows, order, first, end, way, settled))
    i = first
    while i < end:
        if t[o[i] + D_TAKES + way] > 0:  # promise() enters what it has
            spread(plan, rows, o[i], P_SERVED + way * 3, 0 - t[o[i] + D_TAKES + way])
        i += 1


@micropython.viper
def alone(plan, rows, at: int, way: int):
    """D_TAKES of the only one of its rank that wants anything, or of one that wants nothing."""
    t = ptr32(rows)
    takes_ma = 0
    if t[at + D_WANTS + way]:
        takes_ma = int(left(plan, rows, at, way, 0))
        if takes_ma > t[at + D_WANTS + way]:
            takes_ma = t[at + D_WANTS + way]
        if takes_ma < t[at + D_LEAST_MA]:
            takes_ma = 0
        else:
            t[at + D_SERVED] |= 1 << way
    t[at + D_TAKES + way] = takes_ma


@micropython.viper
def tightest(plan, rows, at: int, way: int) -> int:
    """D_HIGH, or D_LOW: from the device's node to the service the least room that others leave,
    at least zero, with its place and cause. How much of it the others have. INV-4: where only
    nameplates are known, those of others that nobody can tell anything, or that would not give up
    by themselves, count in full."""
    p = ptr32(plan)
    t = ptr32(rows)
    has = at + D_HAS + way * 3
    used = P_USED + way * 3
    room = P_ROOM + way * 6
    why = P_WHY + way * 2
    first = at + D_LEG
    end = first + t[at + D_LEGS]
    unused = t[at + D_UNUSED]
    least_ma = WIDEST_MA
    least_at = 0 - 1  # its node, leg, cause
    least_leg = 0 - 1
    least_why = WHY_BREAKER
    shared = 0
    node = t[at + D_NODE]
    while node >= 0:
        row = P_HEAD + node * P_ROW
        state = p[row + P_STATE]
        bits = unused
        k = first
        while k < end:
            if bits & 1 == 0:
                leg = t[k]
                others_ma = p[row + used + leg] - t[has + leg]
                if way == 0 and state == STALE:
                    others_ma = 0
                i = row + room + leg
                cause = row + why
                last = cause + 2
                while cause < last:
                    room_ma = p[i] - others_ma
                    if way:
                        if p[cause] == WHY_STATIC or state != FRESH:
                            room_ma -= p[row + P_UNSURE + leg]
                            if t[at + D_UNSURE]:
                                room_ma += t[at + D_FEED_MA] - t[has + leg]
                    if room_ma < least_ma:
                        least_ma = room_ma if room_ma > 0 else 0
                        least_at = node
                        least_leg = leg
                        least_why = p[cause]
                        shared = others_ma
                    i += 3
                    cause += 1
            bits >>= 1
            k += 1
        node = p[row + P_PARENT]
    most = at + D_HIGH + way * 4
    t[most] = least_ma
    t[most + END_NODE] = least_at
    t[most + END_LEG] = least_leg
    t[most + END_WHY] = least_why
    end = at + D_NEUTRAL + way * 2
    if t[end] < t[most]:
        t[most] = t[end] if t[end] > 0 else 0
        node = t[end + END_NODE]
        t[most + END_NODE] = node
        t[most + END_LEG] = 0 - 1
        t[most + END_WHY] = WHY_BALANCE
        if node >= 0:
            row = P_HEAD + node * P_ROW
            t[most + END_WHY] = WHY_STALE if p[row + P_STATE] == STALE else WHY_NEUTRAL
        shared = 0
    return shared


@micropython.viper
def after(plan, rows, order, count: int, at: int, way: int) -> int:
    """Who has most of what a device's tightest place leaves, of those with a right to it: its
    row, or -1."""
    p = ptr32(plan)
    t = ptr32(rows)
    o = ptr32(order)
    end = at + D_HIGH + way * 4
    found = 0 - 1
    if t[end + END_NODE] < 0:
        return found
    below = p[P_HEAD + t[end + END_NODE] * P_ROW + P_BELOW]
    leg = t[end + END_LEG]
    most_ma = 0
    i = 0
    while i < count:
        other = o[i]
        ma = t[other + D_HAS + way * 3 + leg]
        if other != at and t[other + D_RANK] <= t[at + D_RANK] and ma > most_ma:
            if below & (1 << (other // D_ROW)):
                most_ma = ma
                found = other // D_ROW
        i += 1
    return found


@micropython.viper
def limit(plan, rows, order, count: int, at: int, mates: int):
    """What a device is left in both directions, and after whom; `mates`: others have its rank."""
    t = ptr32(rows)
    way = 0
    while way < 2:
        t[at + D_AFTER + way] = 0 - 1
        if t[at + D_UNEVEN]:
            if mates or t[at + D_WANTS + way] == 0:  # else left() has just done so
                neutral(plan, rows, at, way)
        if int(tightest(plan, rows, at, way)) > 0:
            t[at + D_AFTER + way] = int(after(plan, rows, order, count, at, way))
        way += 1


@micropython.viper
def lend(plan, rows, at: int):
    """What it does not use goes to those served after it, as far as they want it."""
    t = ptr32(rows)
    needs_ma = t[at + D_NEEDS]
    if t[at + D_HIGH] > needs_ma:
        if t[at + D_UNEVEN]:
            neutral(plan, rows, at, 0)  # beside all of them
        tightest(plan, rows, at, 0)
        if t[at + D_HIGH] < needs_ma:
            t[at + D_HIGH] = needs_ma


@micropython.viper
def serve(plan, rows, order, count: int):
    """Rank by rank: what each takes, then what each is left."""
    t = ptr32(rows)
    o = ptr32(order)
    first = 0
    while first < count:
        end = first + 1
        while end < count and t[o[end] + D_RANK] == t[o[first] + D_RANK]:
            end += 1
        way = 0
        while way < 2:
            wanting = 0
            i = first
            while i < end:
                if t[o[i] + D_WANTS + way]:
                    wanting += 1
                i += 1
            if wanting > 1:
                fair(plan, rows, order, first, end, way)
            else:  # nobody to share with
                i = first
                while i < end:
                    alone(plan, rows, o[i], way)
                    i += 1
            i = first
            while i < end:
                promise(plan, rows, o[i], way)
                i += 1
            way += 1
        i = first
        while i < end:
            limit(plan, rows, order, count, o[i], end - first - 1)
            i += 1
        first = end
    i = 0
    while i < count:
        lend(plan, rows, o[i])
        i += 1
