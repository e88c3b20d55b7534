# islet: the circuit tree's inner passes, on flat integer arrays alone.
# GPL-3.0-or-later
#
# The same text runs on CPython and MicroPython: no allocation, no float, no division, so that it
# could become viper. Element [node][leg] is at node * LEGS + leg.
#
# `plan` is the panel's workspace (offsets P_*), `history` a ring of islet's own currents so that
# a node's reading is compared with what islet drew when the instrument took it, not with what it
# draws now (a meter is up to 2 s late; without this every step down would be made twice).

from firmware.image import LEGS, NODE_MA, const

# the plan: per node
P_PARENT = const(0)
P_RATING = const(32)  # mA
P_LIMIT = const(64)  # mA, rating with the continuous-load factor, both directions
P_BUS = const(96)  # mA, busbar fed by the node, 0 none
P_BUS_LOAD = const(128)  # mA, most the busbar may carry to loads
P_STATIC = const(160)  # mA, backfeed the static rule leaves to islet
P_SOURCES = const(192)  # mA, nameplate of other sources at and below the node
P_BELOW = const(224)  # bits: BELOW_EVSE, BELOW_INVERTER
P_STATE = const(256)  # FRESH, UNMETERED, STALE
P_SLOT = const(288)  # offset in history that belongs to the node's reading
P_COORDINATED = const(320)  # 1: the busbar's inflows are all known now
P_INFLOW = const(352)  # [node][leg] mA into the busbar from sources that are not islet's
# the plan: the device asked about
P_NODE = const(448)
P_LEGS = const(449)
P_OTHER = const(450)  # bit of the other device
P_RESERVED = const(451)  # [leg] mA the other device draws or has been promised
# the plan: the answers
P_HIGH = const(454)  # mA per leg it may draw, and END_*: which place and cause made it so
P_LOW = const(458)  # mA per leg it may feed back, as a positive number, and END_*
END_NODE = const(1)
END_LEG = const(2)
END_WHY = const(3)
P_ALARM = const(462)  # mA over the rating by load or generation islet does not control
P_ALARM_NODE = const(463)
P_ALARM_LEG = const(464)
P_HERE = const(465)  # per node: mA, nameplate of other sources on the node itself
PLAN_SIZE = const(497)

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

WIDEST_MA = const(2_000_000)
_AT_MINIMUM_MA = const(500)  # islet's contribution counts as nil below this (sensor's offset)


def own_low(plan, history, node, leg):
    """Lowest credible current of islet's devices below the node when it was measured, mA."""
    slot = plan[P_SLOT + node] + leg
    below = plan[P_BELOW + node]
    low_ma = 0
    if below & BELOW_EVSE:
        low_ma += history[slot + H_EVSE_LOW]
    if below & BELOW_INVERTER:
        low_ma += history[slot + H_INVERTER_LOW]
    return low_ma


def own_high(plan, history, node, leg):
    """Highest credible, mA."""
    slot = plan[P_SLOT + node] + leg
    below = plan[P_BELOW + node]
    high_ma = 0
    if below & BELOW_EVSE:
        high_ma += history[slot + H_EVSE_HIGH]
    if below & BELOW_INVERTER:
        high_ma += history[slot + H_INVERTER_HIGH]
    return high_ma


def survey(plan, readings, history, nodes):
    """Sum the foreign inflows of every busbar, and find the worst overload islet cannot help."""
    plan[P_ALARM] = 0
    for node in range(nodes):
        for leg in range(LEGS):
            plan[P_INFLOW + node * LEGS + leg] = plan[P_HERE + node]
    for node in range(nodes):
        fresh = plan[P_STATE + node] == FRESH
        parent = plan[P_PARENT + node]
        into_bus = parent >= 0 and plan[P_BUS + parent] > 0
        if not fresh and not into_bus:
            continue
        if into_bus and plan[P_STATE + node] == STALE:
            plan[P_COORDINATED + parent] = 0
        for leg in range(LEGS):
            inflow_ma = plan[P_SOURCES + node]
            if fresh:
                flow_ma = readings[NODE_MA + node * LEGS + leg]
                high_ma = own_high(plan, history, node, leg)
                inflow_ma = high_ma - flow_ma  # what the branch delivers but for islet's part
                over_ma = flow_ma - plan[P_RATING + node]
                if over_ma > plan[P_ALARM] and high_ma <= _AT_MINIMUM_MA:
                    alarm(plan, over_ma, node, leg)
                over_ma = -flow_ma - plan[P_RATING + node]
                if over_ma > plan[P_ALARM]:
                    if own_low(plan, history, node, leg) >= -_AT_MINIMUM_MA:
                        alarm(plan, over_ma, node, leg)
            if into_bus and inflow_ma > 0:
                plan[P_INFLOW + parent * LEGS + leg] += inflow_ma


def alarm(plan, over_ma, node, leg):
    plan[P_ALARM] = over_ma
    plan[P_ALARM_NODE] = node
    plan[P_ALARM_LEG] = leg


def tightest(plan, readings, history):
    """Walk from the device's node to the service; leave the tightest range and its place."""
    clear(plan, P_HIGH)
    clear(plan, P_LOW)
    node = plan[P_NODE]
    while node >= 0:
        state = plan[P_STATE + node]
        limit_ma = plan[P_LIMIT + node]
        backfeed_ma = limit_ma - plan[P_SOURCES + node]  # when only nameplates are known
        shared = plan[P_BELOW + node] & plan[P_OTHER]
        for leg in range(plan[P_LEGS]):
            reserved_ma = plan[P_RESERVED + leg] if shared else 0
            if state == FRESH:
                flow_ma = readings[NODE_MA + node * LEGS + leg]
                foreign_ma = flow_ma - own_low(plan, history, node, leg)
                narrow(plan, P_HIGH, node, leg, limit_ma - foreign_ma - reserved_ma, WHY_BREAKER)
                foreign_ma = flow_ma - own_high(plan, history, node, leg)
                narrow(plan, P_LOW, node, leg, limit_ma + foreign_ma, WHY_BREAKER)
            elif state == UNMETERED:
                narrow(plan, P_HIGH, node, leg, limit_ma - reserved_ma, WHY_BREAKER)
                narrow(plan, P_LOW, node, leg, backfeed_ma, WHY_BREAKER)
            else:  # INV-4: worst credible load, worst credible generation
                narrow(plan, P_HIGH, node, leg, 0, WHY_STALE)
                narrow(plan, P_LOW, node, leg, backfeed_ma, WHY_STALE)
            if plan[P_BUS + node] > 0:
                busbar(plan, readings, history, node, leg, reserved_ma)
        node = plan[P_PARENT + node]


def busbar(plan, readings, history, node, leg, reserved_ma):
    """Narrow for the busbar the node feeds.

    Inflows are the feed and every source, negatives count as zero. Above the limit islet's part
    goes to zero at once (Tesla Panel Limit, standards facts §2): taking away the excess alone
    would only move it to the feed, and need a step for each amount.
    """
    bus_ma = plan[P_BUS + node]
    known = plan[P_STATE + node] == FRESH
    if not (known and plan[P_COORDINATED + node]):
        narrow(plan, P_LOW, node, leg, plan[P_STATIC + node], WHY_STATIC)
    if not known:
        return
    flow_ma = readings[NODE_MA + node * LEGS + leg]
    foreign_ma = plan[P_INFLOW + node * LEGS + leg]
    evse_ma = inverter_ma = 0
    slot = plan[P_SLOT + node] + leg
    if plan[P_BELOW + node] & BELOW_EVSE:
        evse_ma = history[slot + H_EVSE_LOW]
    if plan[P_BELOW + node] & BELOW_INVERTER:
        inverter_ma = history[slot + H_INVERTER_LOW]
    back_ma = -inverter_ma if inverter_ma < 0 else 0
    drawn_ma = evse_ma if inverter_ma < 0 else evse_ma + inverter_ma
    load_ma = flow_ma + foreign_ma + back_ma - drawn_ma
    narrow(plan, P_HIGH, node, leg, plan[P_BUS_LOAD + node] - load_ma - reserved_ma, WHY_BUSBAR)
    if plan[P_COORDINATED + node]:
        feed_ma = flow_ma if flow_ma > 0 else 0
        room_ma = bus_ma - feed_ma - foreign_ma
        narrow(plan, P_LOW, node, leg, room_ma if room_ma >= back_ma else 0, WHY_BUSBAR)


def clear(plan, end):
    plan[end] = WIDEST_MA
    plan[end + END_NODE] = -1
    plan[end + END_LEG] = -1
    plan[end + END_WHY] = WHY_BREAKER


def narrow(plan, end, node, leg, most_ma, why):
    """Lower one end (P_HIGH or P_LOW) to most_ma, at least to zero, and note where and why."""
    if most_ma < plan[end]:
        plan[end] = most_ma if most_ma > 0 else 0
        plan[end + END_NODE] = node
        plan[end + END_LEG] = leg
        plan[end + END_WHY] = why
