# islet: the witness's inner passes, in viper, on flat integer arrays alone (INV-15).
# GPL-3.0-or-later
#
# The same text runs on CPython; witness_kernel_plain.py says the same in few words, and both are
# tested for equality. `book` is the witness's workspace: a head, then columns of `places` = nodes
# * 3 entries; place [node][leg] is at node * 3 + leg. `plan` is the panel's.
#
# A window opens when islet's own current at a place moves, and closes when it has been steady for
# as long as the instrument may lag. Outside of windows all that changes is foreign and does not
# matter: only what the flow did from just before a window to its end is held against islet's own
# current, which its devices measure themselves. Windows too small to judge add up. All mA; a flow
# is active power over the voltage, for only that adds up where loads are reactive.
#
# Range: 2e6 mA; products are of values shifted right by 7, below 2**28.

from firmware import image as im
from firmware.base.viper import const, micropython, ptr32
from firmware.core.panel.kernel import (
    BELOW_EVSE,
    BELOW_INVERTER,
    P_BELOW,
    P_LATE,
    P_METERED,
    P_STATE,
    STALE,
)
from firmware.core.panel.witness_weigh import weigh

# the head of the book
B_DT_MS = const(0)
B_STALE_MS = const(1)
B_BEGAN = const(2)  # 1: a command of islet's began to move in the last cycle
B_TICK = const(3)  # bits: TICK_*
B_MA64_PER_W = const(4)  # 64 mA per W on one leg
B_MA64_PER_W_INVERTER = const(5)  # of the inverter's total, shared by its legs
B_INVERTER_LEGS = const(6)
B_KNOWN = const(7)  # BELOW_* of the devices that are measured now
B_NODE = const(8)  # named: the first place, -1 none
B_LEG = const(9)
B_EVSE_MA = const(11)  # most the charging point may draw per leg, END_*: which place made it so
B_DRAW_MA = const(14)  # most the inverter may draw per leg
B_FEED_MA = const(17)  # most it may feed back
B_EVSE_MOVES_MS = const(20)  # for so long its offer has been falling, 0 no
B_INVERTER_MOVES_MS = const(21)  # for so long its setpoint has been moving, 0 no
B_LATE_MS = const(22)  # [node] least time beyond its age until a step of islet's own shows
B_TAKES = const(54)  # [node] TAKES_*: may something below take a step of islet's own
B_SAME_MS = const(86)  # [node] since any of its readings changed
B_COLUMNS = const(118)
TICK_LATCH = const(1)  # the latched flows move on
TICK_STIR = const(2)  # a span of listening is over
END_NODE = const(1)
END_LEG = const(2)

TAKES_NOTHING = const(0)
TAKES_SOURCE = const(1)  # a source that is not islet's, not said to regulate
TAKES_ALWAYS = const(2)  # declared self-regulating, not proved at commissioning

# columns, each `places` long
C_OWN = const(0)  # islet's own current where it last moved
C_STEADY_MS = const(1)  # since then
C_OPEN = const(2)  # the window: SHUT, OPEN, SPOILT (islet reacted to something else meanwhile)
C_FROM = const(3)  # own current when the window opened
C_BASE = const(4)  # the flow just before
C_NEXT = const(5)  # the flow that becomes C_BASE
C_LAST = const(6)  # the flow a cycle ago
C_SUM_OWN = const(7)  # what windows gathered
C_SUM_FLOW = const(8)
C_PROVED = const(9)  # size of the own current that the instrument has shown rightly
C_MISSES = const(10)  # 0 good, n misses, -n named: so many successes heal
C_MISS_OFF = const(11)  # the last miss: flow less own, and own, >> 7, own positive
C_MISS_OWN = const(12)
C_HEALED = const(13)  # bits: 1 a step up, 2 a step down was shown since named
C_STIR = const(14)  # of the spans in which nothing of islet's moves, how many something stirs in
C_STIR_FLOW = const(15)  # flow at the span's begin
C_OPEN_MS = const(16)  # since the window opened
C_LOWEST = const(17)  # the flow's extremes in the window: one that goes there and back again
C_HIGHEST = const(18)  # shows that something else stirred
C_BACK = const(19)  # 1: what is beyond the proved is being taken back
COLUMNS = const(20)

FAST_MS = const(1_000)  # an instrument in which little else can happen meanwhile

SHUT = const(0)
OPEN = const(1)
SPOILT = const(2)

STEP_MA = const(3_000)  # evidence (safety.md, section 1); half of it where nothing else stirs
EDGE_MA = const(300)  # own current has moved
NOISE_MA = const(300)
QUIET_MA = const(500)  # two readings of one flow
STIRS_MA = const(750)
NIL_MA = const(1_500)  # what a regulator leaves at its meter
HEAL = const(-3)
LONGEST_MS = const(60_000)
LONGEST_OPEN_MS = const(30_000)
LATER_MS = const(1_000)  # most a flow that still moves is waited for
SAME_MS = const(2_400)  # no register is renewed more slowly (drivers/meter.py)
TRACE_MA = const(100)
THERE_AND_BACK_MA = const(800)
KEPT_MA = const(600)
AGAIN_MA = const(3_000)
STIR_PER_MISS = const(200)  # a restless place needs a miss more for each, up to
MOST_MISSES = const(5)
ALL_STIR = const(8_000)  # something stirs in every span; an average over 32
QUIET_STIR = const(60)  # nothing has stirred for a minute: half the step is as good

WIDE_MA = const(1 << 27)


@micropython.viper
def close(
    book, places: int, node: int, at: int, flow_ma: int, own_ma: int, whole_ma: int, late_ms: int,
):  # fmt: skip
    """A window ends: what it showed is gathered, judged, and the next one begins here. In a
    function of its own, for a jump of the chip does not reach across all of watch()."""
    b = ptr32(book)
    c = B_COLUMNS + at
    step_ma = own_ma - b[c + C_FROM * places]
    if step_ma < 0:
        step_ma = 0 - step_ma
    stirs = 0
    judged = 0
    if b[c + C_OPEN * places] == OPEN:
        judged = 1
        from_ma = b[c + C_BASE * places]
        far_ma = b[c + C_HIGHEST * places] - (from_ma if from_ma > flow_ma else flow_ma)
        off_ma = (from_ma if from_ma < flow_ma else flow_ma) - b[c + C_LOWEST * places]
        if off_ma > far_ma:
            far_ma = off_ma
        if far_ma > THERE_AND_BACK_MA + (step_ma >> 3):
            stirs = ALL_STIR
        off_ma = flow_ma - from_ma - own_ma + b[c + C_FROM * places]
        if own_ma < b[c + C_FROM * places]:
            off_ma = 0 - off_ma
        # no instrument is wrong by so much
        if off_ma > step_ma + (step_ma >> 1) + NOISE_MA:
            stirs = ALL_STIR
        if off_ma + (step_ma << 1) + (step_ma >> 1) + NOISE_MA < 0:
            stirs = ALL_STIR
        if stirs == 0 and step_ma > EDGE_MA:
            step_ma = own_ma - b[c + C_FROM * places]
            # an instrument is wrong by the same gain in each window
            own = step_ma >> 7
            sum_own = b[c + C_SUM_OWN * places] >> 7
            differ = (flow_ma - from_ma - step_ma >> 7) * sum_own
            differ -= (b[c + C_SUM_FLOW * places] - b[c + C_SUM_OWN * places] >> 7) * own
            alike = own * sum_own
            if alike < 0:
                alike = 0 - alike
            alike = alike >> 3
            alike += (own if own > 0 else 0 - own) + (sum_own if sum_own > 0 else 0 - sum_own) << 1
            if differ > alike or differ < 0 - alike:
                b[c + C_SUM_OWN * places] = 0
                b[c + C_SUM_FLOW * places] = 0
                if step_ma < STEP_MA and step_ma > 0 - STEP_MA:
                    stirs = ALL_STIR
            if stirs == 0:  # a step that is evidence alone needs no others of its gain
                b[c + C_SUM_OWN * places] += step_ma
                b[c + C_SUM_FLOW * places] += flow_ma - from_ma
    b[c + C_OPEN * places] = SHUT
    b[c + C_OWN * places] = own_ma
    b[c + C_FROM * places] = own_ma
    b[c + C_BASE * places] = flow_ma
    b[c + C_NEXT * places] = flow_ma
    b[c + C_STIR_FLOW * places] = flow_ma
    b[c + C_LOWEST * places] = flow_ma
    b[c + C_HIGHEST * places] = flow_ma
    if int(weigh(book, places, node, at, own_ma, whole_ma, late_ms)):
        stirs = ALL_STIR
    size_ma = own_ma if own_ma > 0 else 0 - own_ma
    beyond_ma = size_ma - b[c + C_PROVED * places]
    if beyond_ma < KEPT_MA:
        b[c + C_BACK * places] = 0
    elif (stirs or judged == 0) and beyond_ma > AGAIN_MA:
        b[c + C_BACK * places] = 1  # once more
    if judged:
        b[c + C_STIR * places] += stirs - b[c + C_STIR * places] >> 5


@micropython.viper
def ongoing(
    book, places: int, node: int, at: int, flow_ma: int, own_ma: int, whole_ma: int, late_ms: int,
    moves_ms: int,
):  # fmt: skip
    """A window that is open: it spoils, waits, or ends. `moves_ms` as B_..._MOVES_MS, -1 if the
    currents are not known."""
    b = ptr32(book)
    c = B_COLUMNS + at
    open_ms = b[c + C_OPEN_MS * places]
    if moves_ms > 0 and open_ms > moves_ms:
        b[c + C_OPEN * places] = SPOILT
    if open_ms < LONGEST_MS:
        open_ms += b[B_DT_MS]
        b[c + C_OPEN_MS * places] = open_ms
    if open_ms > LONGEST_OPEN_MS:
        b[c + C_OPEN * places] = SPOILT  # too much may have happened
        size_ma = own_ma if own_ma > 0 else 0 - own_ma
        if size_ma - b[c + C_PROVED * places] > AGAIN_MA:
            b[c + C_BACK * places] = 1
    if moves_ms < 0:
        return
    steady_ms = b[c + C_STEADY_MS * places]
    step_ma = own_ma - b[c + C_FROM * places]
    wait_ms = late_ms
    off_ma = flow_ma - b[c + C_LAST * places]
    if off_ma > QUIET_MA or off_ma < 0 - QUIET_MA:
        wait_ms += LATER_MS  # it is not there yet
    off_ma = flow_ma - b[c + C_BASE * places] - step_ma
    if step_ma < 0:
        step_ma = 0 - step_ma
    within_ma = (step_ma >> 2) + TRACE_MA
    if off_ma > within_ma or off_ma < 0 - within_ma:
        if b[B_SAME_MS + node] + late_ms > steady_ms:
            wait_ms += SAME_MS  # a register that is renewed more slowly than it is read
    if steady_ms >= wait_ms:
        close(book, places, node, at, flow_ma, own_ma, whole_ma, late_ms)


@micropython.viper
def idle(book, places: int, at: int, flow_ma: int):
    """No window is open: where the next one would begin, and whether something else stirs."""
    b = ptr32(book)
    c = B_COLUMNS + at
    last_ma = b[c + C_LAST * places]
    b[c + C_LOWEST * places] = last_ma if last_ma < flow_ma else flow_ma
    b[c + C_HIGHEST * places] = last_ma if last_ma > flow_ma else flow_ma
    if b[B_BEGAN]:  # what made islet move is in the flow it was decided on
        b[c + C_BASE * places] = last_ma
        b[c + C_NEXT * places] = last_ma
    elif b[B_TICK] & TICK_LATCH:
        b[c + C_BASE * places] = b[c + C_NEXT * places]
        b[c + C_NEXT * places] = flow_ma
    if b[B_TICK] & TICK_STIR:
        off_ma = flow_ma - b[c + C_STIR_FLOW * places]
        stirs = 0
        if off_ma > STIRS_MA or off_ma < 0 - STIRS_MA:
            stirs = ALL_STIR
        stirs -= b[c + C_STIR * places]
        b[c + C_STIR * places] += stirs >> 5
        b[c + C_STIR_FLOW * places] = flow_ma


@micropython.viper
def track(book, places: int, at: int, flow_ma: int, own_ma: int, known: int) -> int:
    """Follow islet's own current and the flow's extremes; whether a window is open now."""
    b = ptr32(book)
    c = B_COLUMNS + at
    steady_ms = b[c + C_STEADY_MS * places]
    opened = b[c + C_OPEN * places]
    moved_ma = own_ma - b[c + C_OWN * places]
    step_ma = own_ma - b[c + C_FROM * places]
    edge_ma = EDGE_MA + ((step_ma if step_ma > 0 else 0 - step_ma) >> 4)
    from_ma = own_ma - step_ma
    if opened == SHUT and steady_ms == 0:  # not measured until now
        b[c + C_BASE * places] = flow_ma
        b[c + C_NEXT * places] = flow_ma
        b[c + C_LAST * places] = flow_ma
        b[c + C_STIR_FLOW * places] = flow_ma
    if known == 0:  # nothing may be concluded over a gap in which something of islet's flowed
        if opened != SHUT or from_ma > KEPT_MA or from_ma < 0 - KEPT_MA:
            opened = SPOILT
        steady_ms = 0
        b[c + C_SUM_OWN * places] = 0
        b[c + C_SUM_FLOW * places] = 0
    elif moved_ma > edge_ma or moved_ma < 0 - edge_ma:
        b[c + C_OWN * places] = own_ma
        if opened == SHUT:
            opened = OPEN if steady_ms else SPOILT
            b[c + C_OPEN_MS * places] = 0
        steady_ms = 0
    elif steady_ms < LONGEST_MS:
        steady_ms += b[B_DT_MS]
    b[c + C_STEADY_MS * places] = steady_ms
    if flow_ma < b[c + C_LOWEST * places]:
        b[c + C_LOWEST * places] = flow_ma
    if flow_ma > b[c + C_HIGHEST * places]:
        b[c + C_HIGHEST * places] = flow_ma
    b[c + C_OPEN * places] = opened
    return opened


@micropython.viper
def watch(book, plan, readings, nodes: int):
    """Open, close and judge the windows of every metered place with islet's devices below."""
    b = ptr32(book)
    p = ptr32(plan)
    r = ptr32(readings)
    places = nodes * 3
    below_at = int(P_BELOW)
    metered_at = int(P_METERED)
    by_evse = int(BELOW_EVSE)
    by_inverter = int(BELOW_INVERTER)
    watts = int(im.NODE_W)
    state_at = int(P_STATE)
    late_at = int(P_LATE)
    ages = int(im.NODE_AGE_MS)
    drawn = int(im.DEVICE_MA + im.EVSE * im.LEGS)
    inverter_w = int(im.DEVICE_W + im.INVERTER)
    inverter_ma = r[inverter_w] * b[B_MA64_PER_W_INVERTER] >> 6
    b[B_NODE] = 0 - 1
    b[B_LEG] = 0 - 1
    node = 0
    while node < nodes:
        at = node * 3
        end = at + 3
        below = p[below_at + node]
        if p[metered_at + node] == 0 or below == 0:
            at = end
        known = 0
        age_ms = r[ages + node]
        if below & b[B_KNOWN] == below and age_ms <= b[B_STALE_MS]:
            known = 1
        late_ms = b[B_LATE_MS + node]
        if p[late_at + node] > late_ms:
            late_ms = p[late_at + node]
        late_ms += age_ms
        moves_ms = 0
        if below & by_evse:
            moves_ms = b[B_EVSE_MOVES_MS]
        if below & by_inverter and b[B_INVERTER_MOVES_MS] > moves_ms:
            moves_ms = b[B_INVERTER_MOVES_MS]
        whole_ma = 0
        same_ms = b[B_SAME_MS + node]
        if same_ms < LONGEST_MS:
            same_ms += b[B_DT_MS]
        i = at
        while i < end:
            flow_ma = r[watts + i] * b[B_MA64_PER_W] >> 6
            whole_ma += flow_ma
            if flow_ma != b[B_COLUMNS + i + C_LAST * places]:
                same_ms = 0
            i += 1
        b[B_SAME_MS + node] = same_ms
        leg = 0
        while at < end:
            c = B_COLUMNS + at
            flow_ma = r[watts + at] * b[B_MA64_PER_W] >> 6
            own_ma = 0
            if below & by_evse:
                own_ma = r[drawn + leg]
            if below & by_inverter:
                if leg < b[B_INVERTER_LEGS]:
                    own_ma += inverter_ma
            opened = int(track(book, places, at, flow_ma, own_ma, known))
            if opened == SHUT and (b[B_BEGAN] or b[B_TICK]):
                idle(book, places, at, flow_ma)
            if opened != SHUT:
                if known == 0:
                    moves_ms = 0 - 1
                ongoing(book, places, node, at, flow_ma, own_ma, whole_ma, late_ms, moves_ms)
            b[c + C_LAST * places] = flow_ma
            misses = b[c + C_MISSES * places]
            if misses < 0:
                p[state_at + node] = int(STALE)
                if b[B_NODE] < 0:
                    b[B_NODE] = node
                    b[B_LEG] = leg
            leg += 1
            at += 1
        node += 1
