# islet: the witness's inner passes, in viper, on flat integer arrays alone (INV-15).
# GPL-3.0-or-later
#
# The same text runs on CPython; tests_host/core/plain says it in few words, and both are tested
# for equality. Arrays as in layout.py; `row` is where a node's begins, `c` where a place's does.
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
from firmware.core.panel.layout import (
    B_BEGAN,
    B_DT_MS,
    B_HEAD,
    B_KNOWN,
    B_LEG,
    B_MA64_PER_W,
    B_NODE,
    B_STALE_MS,
    B_TICK,
    C_BACK,
    C_BASE,
    C_FROM,
    C_HIGHEST,
    C_LAST,
    C_LOWEST,
    C_MISSES,
    C_NEXT,
    C_OPEN,
    C_OPEN_MS,
    C_OWN,
    C_PROVED,
    C_ROW,
    C_STEADY_MS,
    C_STIR,
    C_STIR_FLOW,
    C_SUM_FLOW,
    C_SUM_OWN,
    D_MOVES_MS,
    D_ROW,
    KEPT_MA,
    OPEN,
    P_BELOW,
    P_HEAD,
    P_LATE,
    P_METERED,
    P_ROW,
    P_SAME_MS,
    P_SEES,
    P_SHOWS_MS,
    P_STATE,
    P_TAKES,
    SHUT,
    SPOILT,
    STALE,
    TAKES_ALWAYS,
    TICK_LATCH,
    TICK_STIR,
)
from firmware.core.panel.witness_weigh import NOISE_MA, STEP_MA, weigh

EDGE_MA = const(300)  # own current has moved
QUIET_MA = const(500)  # two readings of one flow
STIRS_MA = const(750)
LONGEST_MS = const(60_000)
LONGEST_OPEN_MS = const(30_000)
LATER_MS = const(1_000)  # most a flow that still moves is waited for
SAME_MS = const(2_400)  # no register is renewed more slowly (drivers/meter.py)
TRACE_MA = const(100)
THERE_AND_BACK_MA = const(800)
AGAIN_MA = const(3_000)
MOST_LOST_MA = const(500)  # GROW_MA less STEP_MA: with more, growth ends before there is evidence
ALL_STIR = const(8_000)  # something stirs in every span; an average over 32


@micropython.viper
def close(
    book, plan, row: int, c: int, flow_ma: int, own_ma: int, whole_ma: int, late_ms: int,
):  # fmt: skip
    """A window ends: what it showed is gathered, judged, and the next one begins here. In a
    function of its own, for a jump of the chip does not reach across all of watch()."""
    b = ptr32(book)
    p = ptr32(plan)
    step_ma = own_ma - b[c + C_FROM]
    if step_ma < 0:
        step_ma = 0 - step_ma
    stirs = 0
    judged = 0
    if b[c + C_OPEN] == OPEN:
        judged = 1
        from_ma = b[c + C_BASE]
        far_ma = b[c + C_HIGHEST] - (from_ma if from_ma > flow_ma else flow_ma)
        off_ma = (from_ma if from_ma < flow_ma else flow_ma) - b[c + C_LOWEST]
        if off_ma > far_ma:
            far_ma = off_ma
        if far_ma > THERE_AND_BACK_MA + (step_ma >> 3):
            stirs = ALL_STIR
        off_ma = flow_ma - from_ma - own_ma + b[c + C_FROM]
        if own_ma < b[c + C_FROM]:
            off_ma = 0 - off_ma
        # no instrument is wrong by so much
        if off_ma > step_ma + (step_ma >> 1) + NOISE_MA:
            stirs = ALL_STIR
        if off_ma + (step_ma << 1) + (step_ma >> 1) + NOISE_MA < 0:
            stirs = ALL_STIR
        if stirs == 0 and step_ma > EDGE_MA:
            step_ma = own_ma - b[c + C_FROM]
            if b[c + C_SUM_OWN] ^ step_ma < 0:  # a step back tells as much of a gain
                b[c + C_SUM_OWN] = 0 - b[c + C_SUM_OWN]
                b[c + C_SUM_FLOW] = 0 - b[c + C_SUM_FLOW]
            # an instrument is wrong by the same gain in each window
            own = step_ma >> 7
            sum_own = b[c + C_SUM_OWN] >> 7
            differ = (flow_ma - from_ma - step_ma >> 7) * sum_own
            differ -= (b[c + C_SUM_FLOW] - b[c + C_SUM_OWN] >> 7) * own
            alike = own * sum_own
            if alike < 0:
                alike = 0 - alike
            alike = alike >> 3
            alike += (own if own > 0 else 0 - own) + (sum_own if sum_own > 0 else 0 - sum_own) << 1
            if differ > alike or differ < 0 - alike:
                b[c + C_SUM_OWN] = 0
                b[c + C_SUM_FLOW] = 0
                if step_ma < STEP_MA and step_ma > 0 - STEP_MA:
                    stirs = ALL_STIR
            if stirs == 0:  # a step that is evidence alone needs no others of its gain
                b[c + C_SUM_OWN] += step_ma
                b[c + C_SUM_FLOW] += flow_ma - from_ma
    b[c + C_OPEN] = SHUT
    b[c + C_OWN] = own_ma
    b[c + C_FROM] = own_ma
    b[c + C_BASE] = flow_ma
    b[c + C_NEXT] = flow_ma
    b[c + C_STIR_FLOW] = flow_ma
    b[c + C_LOWEST] = flow_ma
    b[c + C_HIGHEST] = flow_ma
    if int(weigh(book, plan, row, c, own_ma, whole_ma, late_ms)):
        stirs = ALL_STIR
    size_ma = own_ma if own_ma > 0 else 0 - own_ma
    beyond_ma = size_ma - b[c + C_PROVED]
    lost_ma = 0  # in windows that told nothing
    if b[c + C_SUM_OWN] and p[row + P_TAKES] != TAKES_ALWAYS:
        lost_ma = b[c + C_SUM_OWN]
        lost_ma = beyond_ma - (lost_ma if lost_ma > 0 else 0 - lost_ma)
    if beyond_ma < KEPT_MA:
        b[c + C_BACK] = 0
    elif beyond_ma > AGAIN_MA and (stirs or judged == 0 or lost_ma > MOST_LOST_MA):
        b[c + C_BACK] = 1  # once more
    if judged:
        b[c + C_STIR] += stirs - b[c + C_STIR] >> 5


@micropython.viper
def ongoing(
    book, plan, row: int, c: int, flow_ma: int, own_ma: int, whole_ma: int, late_ms: int,
    moves_ms: int,
):  # fmt: skip
    """A window that is open: it spoils, waits, or ends. `moves_ms` as B_..._MOVES_MS, -1 if the
    currents are not known."""
    b = ptr32(book)
    p = ptr32(plan)
    open_ms = b[c + C_OPEN_MS]
    if moves_ms > 0 and open_ms > moves_ms:
        b[c + C_OPEN] = SPOILT
    if open_ms < LONGEST_MS:
        open_ms += b[B_DT_MS]
        b[c + C_OPEN_MS] = open_ms
    if open_ms > LONGEST_OPEN_MS:
        b[c + C_OPEN] = SPOILT  # too much may have happened
        size_ma = own_ma if own_ma > 0 else 0 - own_ma
        if size_ma - b[c + C_PROVED] > AGAIN_MA:
            b[c + C_BACK] = 1
    if moves_ms < 0:
        return
    steady_ms = b[c + C_STEADY_MS]
    step_ma = own_ma - b[c + C_FROM]
    wait_ms = late_ms
    off_ma = flow_ma - b[c + C_LAST]
    if off_ma > QUIET_MA or off_ma < 0 - QUIET_MA:
        wait_ms += LATER_MS  # it is not there yet
    off_ma = flow_ma - b[c + C_BASE] - step_ma
    if step_ma < 0:
        step_ma = 0 - step_ma
    within_ma = (step_ma >> 2) + TRACE_MA
    if off_ma > within_ma or off_ma < 0 - within_ma:
        if p[row + P_SAME_MS] + late_ms > steady_ms:
            wait_ms += SAME_MS  # a register that is renewed more slowly than it is read
    if steady_ms >= wait_ms:
        close(book, plan, row, c, flow_ma, own_ma, whole_ma, late_ms)


@micropython.viper
def idle(book, c: int, flow_ma: int):
    """No window is open: where the next one would begin, and whether something else stirs."""
    b = ptr32(book)
    last_ma = b[c + C_LAST]
    b[c + C_LOWEST] = last_ma if last_ma < flow_ma else flow_ma
    b[c + C_HIGHEST] = last_ma if last_ma > flow_ma else flow_ma
    if b[B_BEGAN]:  # what made islet move is in the flow it was decided on
        b[c + C_BASE] = last_ma
        b[c + C_NEXT] = last_ma
    elif b[B_TICK] & TICK_LATCH:
        b[c + C_BASE] = b[c + C_NEXT]
        b[c + C_NEXT] = flow_ma
    if b[B_TICK] & TICK_STIR:
        off_ma = flow_ma - b[c + C_STIR_FLOW]
        stirs = 0
        if off_ma > STIRS_MA or off_ma < 0 - STIRS_MA:
            stirs = ALL_STIR
        stirs -= b[c + C_STIR]
        b[c + C_STIR] += stirs >> 5
        b[c + C_STIR_FLOW] = flow_ma


@micropython.viper
def track(book, plan, row: int, c: int, readings, first: int, known: int):
    """Follow islet's own current and the flow's extremes on all legs of a node; C_OPEN of each."""
    b = ptr32(book)
    p = ptr32(plan)
    r = ptr32(readings)
    leg = row + P_SEES
    end = first + 3
    while first < end:
        flow_ma = r[first] * b[B_MA64_PER_W] >> 6
        own_ma = p[leg]
        steady_ms = b[c + C_STEADY_MS]
        opened = b[c + C_OPEN]
        moved_ma = own_ma - b[c + C_OWN]
        step_ma = own_ma - b[c + C_FROM]
        edge_ma = EDGE_MA + ((step_ma if step_ma > 0 else 0 - step_ma) >> 4)
        from_ma = own_ma - step_ma
        if opened == SHUT and steady_ms == 0:  # not measured until now
            b[c + C_BASE] = flow_ma
            b[c + C_NEXT] = flow_ma
            b[c + C_LAST] = flow_ma
            b[c + C_STIR_FLOW] = flow_ma
        if known == 0:  # nothing may be concluded over a gap in which something of islet's flowed
            if opened != SHUT or from_ma > KEPT_MA or from_ma < 0 - KEPT_MA:
                opened = SPOILT
            steady_ms = 0
            b[c + C_SUM_OWN] = 0
            b[c + C_SUM_FLOW] = 0
        elif moved_ma > edge_ma or moved_ma < 0 - edge_ma:
            b[c + C_OWN] = own_ma
            if opened == SHUT:
                opened = OPEN if steady_ms else SPOILT
                b[c + C_OPEN_MS] = 0
            steady_ms = 0
        elif steady_ms < LONGEST_MS:
            steady_ms += b[B_DT_MS]
        b[c + C_STEADY_MS] = steady_ms
        if flow_ma < b[c + C_LOWEST]:
            b[c + C_LOWEST] = flow_ma
        if flow_ma > b[c + C_HIGHEST]:
            b[c + C_HIGHEST] = flow_ma
        b[c + C_OPEN] = opened
        c += C_ROW
        leg += 1
        first += 1


@micropython.viper
def moved(rows, below: int) -> int:
    """For how long the command of one of these devices has been moving, at most."""
    t = ptr32(rows)
    moves_ms = 0
    at = 0
    while below:
        if below & 1 and t[at + D_MOVES_MS] > moves_ms:
            moves_ms = t[at + D_MOVES_MS]
        at += D_ROW
        below >>= 1
    return moves_ms


@micropython.viper
def flows(book, plan, row: int, readings, first: int, c: int) -> int:
    """What flows in all legs of a node, mA; P_SAME_MS of it."""
    b = ptr32(book)
    p = ptr32(plan)
    r = ptr32(readings)
    whole_ma = 0
    same_ms = p[row + P_SAME_MS]
    if same_ms < LONGEST_MS:
        same_ms += b[B_DT_MS]
    end = first + 3
    while first < end:
        flow_ma = r[first] * b[B_MA64_PER_W] >> 6
        whole_ma += flow_ma
        if flow_ma != b[c + C_LAST]:
            same_ms = 0
        c += C_ROW
        first += 1
    p[row + P_SAME_MS] = same_ms
    return whole_ma


@micropython.viper
def watch(book, plan, rows, readings, nodes: int):
    """Open, close and judge the windows of every metered place with islet's devices below."""
    b = ptr32(book)
    p = ptr32(plan)
    r = ptr32(readings)
    b[B_NODE] = 0 - 1
    b[B_LEG] = 0 - 1
    t = ptr32(rows)
    moving = 0
    bit = 1
    at = D_MOVES_MS
    node = b[B_KNOWN]
    while bit <= node:
        if node & bit and t[at]:
            moving |= bit
        at += D_ROW
        bit += bit
    node = 0
    row = P_HEAD
    while node < nodes:
        below = p[row + P_BELOW]
        leg = 0
        whole_ma = 0
        late_ms = 0
        moves_ms = 0
        known = 0
        c = B_HEAD + node * 3 * C_ROW
        first = im.NODE_W + node * 3
        if p[row + P_METERED] == 0 or below == 0:
            leg = 3
        else:
            age_ms = r[im.NODE_AGE_MS + node]
            if below & b[B_KNOWN] == below and age_ms <= b[B_STALE_MS]:
                known = 1
            late_ms = p[row + P_SHOWS_MS]
            if p[row + P_LATE] > late_ms:
                late_ms = p[row + P_LATE]
            late_ms += age_ms
            moves_ms = 0 - 1
            if known:
                moves_ms = int(moved(rows, below)) if below & moving else 0
            whole_ma = int(flows(book, plan, row, readings, first, c))
            track(book, plan, row, c, readings, first, known)
        while leg < 3:
            flow_ma = r[first + leg] * b[B_MA64_PER_W] >> 6
            own_ma = p[row + P_SEES + leg]
            opened = b[c + C_OPEN]
            if opened == SHUT and (b[B_BEGAN] or b[B_TICK]):
                idle(book, c, flow_ma)
            if opened != SHUT:
                ongoing(book, plan, row, c, flow_ma, own_ma, whole_ma, late_ms, moves_ms)
            b[c + C_LAST] = flow_ma
            if b[c + C_MISSES] < 0:
                p[row + P_STATE] = STALE
                if b[B_NODE] < 0:
                    b[B_NODE] = node
                    b[B_LEG] = leg
            leg += 1
            c += C_ROW
        row += P_ROW
        node += 1
