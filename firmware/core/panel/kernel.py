# islet: the circuit tree's inner passes, in viper, on flat integer arrays alone.
# GPL-3.0-or-later
#
# The same text runs on CPython; panel_kernel_plain.py says the same in few words, and both are
# tested for equality. Element [node][leg] is at node * 3 + leg.
#
# `plan` is the panel's workspace (offsets P_*), `history` a ring of islet's own currents.
# pairing_kernel.py has found, per node and leg, what others draw (P_LOAD_*): a meter is up to 2 s
# late, and without it every step down would be made twice.
#
# Range: a current is within 2e6 mA, so every sum here stays below 2**28; an age within 1e9 ms.

from firmware import image as im
from firmware.base.viper import const, micropython, ptr32

# the plan: per node
P_PARENT = const(0)
P_RATING = const(32)  # mA
P_LIMIT = const(64)  # mA, rating with the continuous-load factor, both directions
P_BUS = const(96)  # mA, busbar fed by the node, 0 none
P_BUS_LOAD = const(128)  # mA, most the busbar may carry to loads
P_STATIC = const(160)  # mA, backfeed the static rule leaves to islet
P_SOURCES = const(192)  # mA, nameplate of other sources at and below the node
P_HERE = const(224)  # mA, nameplate of other sources on the node itself
P_BELOW = const(256)  # bits: BELOW_EVSE, BELOW_INVERTER
P_METERED = const(288)  # 1: it has an instrument that sees all of it
P_STATE = const(320)  # FRESH, UNMETERED, STALE
P_DOUBT_MS = const(352)  # for so long islet's own current has moved within a reading's time
P_STILL_MS = const(384)  # for so long islet moved and the reading did not
P_COORDINATED = const(416)  # 1: the busbar's inflows are all known now
P_WHY = const(448)  # [column] why P_ROOM is what it is, WHY_*
# the plan: [node][leg], mA
P_OWN_LOW = const(576)  # lowest credible current of islet's devices below, when it was measured
P_OWN_HIGH = const(672)  # highest credible
P_LAST = const(768)  # the last different reading
P_MARK_LOW = const(864)  # P_OWN_LOW when it came; _FROZEN: only another one thaws it
P_INFLOW = const(960)  # into the busbar from sources that are not islet's
P_ROOM = const(1056)  # [column] what the place leaves the device, but for P_RESERVED
# the plan: the device asked about
P_NODE = const(1440)
P_LEGS = const(1441)
P_OTHER = const(1442)  # bit of the other device
P_RESERVED = const(1443)  # [leg] mA the other device draws or has been promised
# the plan: the answers
P_HIGH = const(1446)  # mA per leg it may draw, and END_*: which place and cause made it so
P_LOW = const(1450)  # mA per leg it may feed back, as a positive number, and END_*
END_NODE = const(1)
END_LEG = const(2)
END_WHY = const(3)
P_ALARM = const(1454)  # mA over the rating by load or generation islet does not control
P_ALARM_NODE = const(1455)
P_ALARM_LEG = const(1456)
# the plan: [node][leg], mA, what others draw
P_LOAD_HIGH = const(1457)  # counts against drawing
P_LOAD_LOW = const(1553)  # counts against feeding back
# the plan: per node, ms and slots of history
P_AGE = const(1649)  # of the reading, as its instrument says
P_OLDEST = const(1681)  # it can be no older
P_BEFORE = const(1713)  # P_OLDEST of the reading before, when it was replaced
P_LATE = const(1745)  # how much later than that an instrument may show a step
P_CHANGED = const(1777)  # bits of the legs whose reading is a new one
P_NEAR = const(1809)  # youngest slot it may belong to, counted back
P_FAR = const(1841)  # oldest
# the plan: per node, a step of islet's own as its instrument shows it
P_REF = const(1873)  # mA before
P_SHOWN = const(1905)  # ms from the step to the reading, 0 not yet
P_HIDDEN = const(1937)  # ms of that which its age does not explain
P_MARK_HIGH = const(1969)  # [node][leg] P_OWN_HIGH when the last different reading came
P_WORST = const(2065)  # per node: no reading is older, ms, whatever P_OLDEST leaves open
P_EARLY = const(2097)  # per node: an age may be said larger than it is by so much, ms
PLAN_SIZE = const(2129)

# columns of P_ROOM and P_WHY: the breaker or conductor, then the busbar the node feeds
DRAW = const(0)
DRAW_BUS = const(1)
FEED = const(2)
FEED_BUS = const(3)
NODES = const(32)
PLACES = const(96)  # nodes * legs

BELOW_EVSE = const(1)
BELOW_INVERTER = const(2)

FRESH = const(1)
UNMETERED = const(0)
STALE = const(-1)

WHY_BREAKER = const(0)
WHY_BUSBAR = const(1)
WHY_STATIC = const(2)
WHY_STALE = const(3)

# a slot of history: mA per leg, lowest and highest credible
H_EVSE_LOW = const(0)
H_EVSE_HIGH = const(3)
H_INVERTER_LOW = const(6)
H_INVERTER_HIGH = const(9)
H_INVERTER_W_LOW = const(12)
H_INVERTER_W_HIGH = const(13)
SLOT_SIZE = const(16)
RING = const(32)  # slots, one a step: 3.2 s at the control cycle, a power of two

WIDEST_MA = const(2_000_000)
OPEN_MA = const(1 << 27)  # room where nothing limits
MOVED_MA = const(3_000)  # a change of islet's own current that no working meter can miss
_FROZEN = const(1 << 28)
_AT_MINIMUM_MA = const(500)  # islet's contribution counts as nil below this (sensor's offset)


@micropython.viper
def judge(plan, readings, nodes: int, dt_ms: int, stale_ms: int, coordinated: int):
    """Per node: fresh, stale or unmetered. A leg whose reading stands still to the milliampere
    although all that islet may have drawn in its time is other than when it came is frozen, and
    only a different one thaws it, whatever the other legs show."""
    p = ptr32(plan)
    r = ptr32(readings)
    ages = int(im.NODE_AGE_MS)
    node = 0
    while node < nodes:
        p[P_COORDINATED + node] = coordinated
        state = UNMETERED
        if p[P_METERED + node]:
            state = STALE
            if r[ages + node] <= stale_ms:
                at = node * 3
                end = at + 3
                moved = 0
                still_ms = p[P_STILL_MS + node]
                changed = p[P_CHANGED + node]
                while at < end:
                    if changed & 1:
                        p[P_MARK_LOW + at] = p[P_OWN_LOW + at]
                        p[P_MARK_HIGH + at] = p[P_OWN_HIGH + at]
                    rose_ma = p[P_OWN_LOW + at] - p[P_MARK_HIGH + at]
                    fell_ma = p[P_MARK_LOW + at] - p[P_OWN_HIGH + at]
                    if rose_ma >= MOVED_MA or fell_ma >= MOVED_MA:
                        moved = 1
                        if still_ms > stale_ms:
                            p[P_MARK_LOW + at] = _FROZEN
                    changed >>= 1
                    at += 1
                if moved == 0:
                    still_ms = 0
                elif still_ms <= stale_ms:
                    still_ms += dt_ms
                p[P_STILL_MS + node] = still_ms
                if still_ms <= stale_ms:
                    state = FRESH
        p[P_STATE + node] = state
        node += 1


@micropython.viper
def survey(plan, readings, nodes: int):
    """Sum the foreign inflows of every busbar, and find the worst overload islet cannot help."""
    p = ptr32(plan)
    r = ptr32(readings)
    flows = int(im.NODE_MA)
    p[P_ALARM] = 0
    at = 0
    end = nodes * 3
    node = 0
    while at < end:
        p[P_INFLOW + at] = p[P_HERE + node]
        p[P_INFLOW + at + 1] = p[P_HERE + node]
        p[P_INFLOW + at + 2] = p[P_HERE + node]
        at += 3
        node += 1
    node = 0
    while node < nodes:
        state = p[P_STATE + node]
        parent = p[P_PARENT + node]
        bus_ma = 0
        if parent >= 0:
            bus_ma = p[P_BUS + parent]
            if bus_ma > 0 and state == STALE:
                p[P_COORDINATED + parent] = 0
        leg = 0
        while leg < 3:
            at = node * 3 + leg
            inflow_ma = p[P_SOURCES + node]
            if state == FRESH:
                flow_ma = r[flows + at]
                inflow_ma = 0 - p[P_LOAD_LOW + at]
                over_ma = 0
                if flow_ma > 0 and p[P_OWN_HIGH + at] <= _AT_MINIMUM_MA:
                    over_ma = flow_ma - p[P_RATING + node]
                if flow_ma < 0 and p[P_OWN_LOW + at] >= 0 - _AT_MINIMUM_MA:
                    over_ma = 0 - flow_ma - p[P_RATING + node]
                if over_ma > p[P_ALARM]:
                    p[P_ALARM] = over_ma
                    p[P_ALARM_NODE] = node
                    p[P_ALARM_LEG] = leg
            if bus_ma > 0 and inflow_ma > 0:
                p[P_INFLOW + parent * 3 + leg] += inflow_ma
            leg += 1
        node += 1


@micropython.viper
def breakers(plan, nodes: int):
    """P_ROOM of every node's breaker or conductor."""
    p = ptr32(plan)
    node = 0
    at = 0
    while node < nodes:
        state = p[P_STATE + node]
        why = WHY_STALE if state == STALE else WHY_BREAKER
        p[P_WHY + DRAW * NODES + node] = why
        p[P_WHY + FEED * NODES + node] = why
        end = at + 3
        while at < end:
            draw_ma = p[P_LIMIT + node]
            feed_ma = draw_ma - p[P_SOURCES + node]  # when only nameplates are known
            if state == FRESH:
                feed_ma = draw_ma + p[P_LOAD_LOW + at]
                draw_ma -= p[P_LOAD_HIGH + at]
            if state == STALE:  # INV-4: worst credible load, worst credible generation
                draw_ma = 0
            p[P_ROOM + DRAW * PLACES + at] = draw_ma
            p[P_ROOM + FEED * PLACES + at] = feed_ma
            at += 1
        node += 1


@micropython.viper
def busbars(plan, history, nodes: int, head: int):
    """P_ROOM of every busbar; `head` is the slot of what islet draws and delivers now.

    Inflows are the feed and every source, negatives count as zero. Above the limit islet's part
    goes to zero at once (Tesla Panel Limit, standards facts §2): taking away the excess alone
    would only move it to the feed, and need a step for each amount.
    """
    p = ptr32(plan)
    slots = ptr32(history)
    node = 0
    while node < nodes:
        bus_ma = p[P_BUS + node]
        fresh = p[P_STATE + node] == FRESH
        at = node * 3
        end = at + 3
        if bus_ma == 0:
            end = at
        slot = (head & (RING - 1)) * SLOT_SIZE
        while at < end:
            draw_ma = OPEN_MA
            feed_ma = p[P_STATIC + node]
            why = WHY_STATIC
            if fresh:
                foreign_ma = p[P_INFLOW + at]
                flow_ma = p[P_LOAD_HIGH + at]  # the loads, but for the other sources
                draw_ma = p[P_BUS_LOAD + node] - flow_ma - foreign_ma
                if p[P_COORDINATED + node]:
                    why = WHY_BUSBAR
                    back_ma = 0
                    if p[P_BELOW + node] & BELOW_INVERTER:
                        if slots[slot + H_INVERTER_LOW] < 0:
                            back_ma = 0 - slots[slot + H_INVERTER_LOW]
                        flow_ma += slots[slot + H_INVERTER_HIGH]
                    if p[P_BELOW + node] & BELOW_EVSE:
                        flow_ma += slots[slot + H_EVSE_HIGH]
                    feed_ma = bus_ma - foreign_ma
                    if flow_ma > 0:
                        feed_ma -= flow_ma
                    if feed_ma < back_ma:
                        feed_ma = 0
            p[P_ROOM + DRAW_BUS * PLACES + at] = draw_ma
            p[P_ROOM + FEED_BUS * PLACES + at] = feed_ma
            p[P_WHY + FEED_BUS * NODES + node] = why
            slot += 1
            at += 1
        node += 1


@micropython.viper
def tightest(plan, column: int, most: int):
    """Column DRAW gives P_HIGH, FEED gives P_LOW: walk from the device's node to the service and
    keep the least room, at least zero, with its place and cause."""
    p = ptr32(plan)
    p[most] = WIDEST_MA
    p[most + END_NODE] = -1
    p[most + END_LEG] = -1
    p[most + END_WHY] = WHY_BREAKER
    node = p[P_NODE]
    while node >= 0:
        shared = p[P_BELOW + node] & p[P_OTHER]
        if column == FEED or p[P_STATE + node] == STALE:
            shared = 0
        leg = 0
        while leg < p[P_LEGS]:
            cause = column
            while cause < column + 2:
                room_ma = p[P_ROOM + cause * PLACES + node * 3 + leg]
                if shared:
                    room_ma -= p[P_RESERVED + leg]
                if room_ma < p[most]:
                    p[most] = room_ma
                    if room_ma < 0:
                        p[most] = 0
                    p[most + END_NODE] = node
                    p[most + END_LEG] = leg
                    p[most + END_WHY] = p[P_WHY + cause * NODES + node]
                cause += 1
            leg += 1
        node = p[P_PARENT + node]
