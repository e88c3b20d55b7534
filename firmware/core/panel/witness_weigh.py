# islet: what the witness's windows gathered is weighed: a success, a miss, or nothing; in viper.
# GPL-3.0-or-later
#
# Part of witness_kernel.py. Called when a window ends, so seldom.

from firmware.base.viper import const, micropython, ptr32
from firmware.core.panel.layout import (
    C_BACK,
    C_HEALED,
    C_MISS_OFF,
    C_MISS_OWN,
    C_MISSES,
    C_PROVED,
    C_STIR,
    C_SUM_FLOW,
    C_SUM_OWN,
    HEAL,
    P_TAKES,
    TAKES_ALWAYS,
    TAKES_SOURCE,
    WIDE_MA,
)

FAST_MS = const(1_000)  # an instrument in which little else can happen meanwhile
STEP_MA = const(3_000)  # evidence (safety.md, section 1); half of it where nothing else stirs
NOISE_MA = const(300)
NIL_MA = const(1_500)  # what a regulator leaves at its meter
STIR_PER_MISS = const(200)  # a restless place needs a miss more for each, up to
MOST_MISSES = const(5)
QUIET_STIR = const(60)  # nothing has stirred for a minute: half the step is as good


@micropython.viper
def weigh(
    book, plan, row: int, c: int, own_ma: int, whole_ma: int, late_ms: int,
) -> int:  # fmt: skip
    """What windows gathered, if it is enough: a success, a miss, or (1) something that stirred."""
    b = ptr32(book)
    p = ptr32(plan)
    stirs = 0
    size_ma = own_ma if own_ma > 0 else 0 - own_ma
    step_ma = b[c + C_SUM_OWN]
    off_ma = b[c + C_SUM_FLOW] - step_ma
    direction = 1
    if step_ma < 0:
        direction = 2
        step_ma = 0 - step_ma
        off_ma = 0 - off_ma
    enough_ma = STEP_MA
    misses = b[c + C_MISSES]
    if b[c + C_STIR] < QUIET_STIR and late_ms < FAST_MS:
        enough_ma = STEP_MA >> 1
    if misses > 0:
        enough_ma -= enough_ma >> 3  # so that what is taken back is enough
    within_ma = (step_ma >> 2) + NOISE_MA
    beyond_ma = (step_ma >> 1) - (step_ma >> 3) + NOISE_MA
    if step_ma < STEP_MA:
        beyond_ma += step_ma >> 3
    far_ma = off_ma if off_ma > 0 else 0 - off_ma
    if step_ma < STEP_MA and off_ma > 0:
        beyond_ma = WIDE_MA  # no more than a load that came: small steps cannot tell
    if far_ma > within_ma and far_ma < beyond_ma:  # not clear
        enough_ma = WIDE_MA
        if step_ma >= STEP_MA:
            stirs = 1
            b[c + C_SUM_OWN] = 0
            b[c + C_SUM_FLOW] = 0
    if step_ma >= enough_ma:
        b[c + C_SUM_OWN] = 0
        b[c + C_SUM_FLOW] = 0
        taken = 0
        if off_ma < 0 and off_ma + step_ma + within_ma >= 0:
            if p[row + P_TAKES] == TAKES_ALWAYS:
                taken = 1
            if p[row + P_TAKES] == TAKES_SOURCE:
                if whole_ma <= NIL_MA and whole_ma >= 0 - NIL_MA:
                    taken = 1
        if off_ma <= within_ma and off_ma >= 0 - within_ma:
            b[c + C_PROVED] = size_ma
            if misses > 0:
                misses -= 1
            elif misses < 0:
                healed = b[c + C_HEALED] | direction
                b[c + C_HEALED] = healed
                if misses < 0 - 1 or healed == 3:
                    misses += 1
        elif taken == 0:
            off = off_ma >> 7
            own = step_ma >> 7
            # of the same gain as the last miss, or something that stirred?
            differ = off * b[c + C_MISS_OWN]
            differ -= own * b[c + C_MISS_OFF]
            alike = own * b[c + C_MISS_OWN] >> 3
            alike += own + b[c + C_MISS_OWN] << 1
            b[c + C_MISS_OFF] = off
            b[c + C_MISS_OWN] = own
            if misses < 0:
                misses = HEAL
            elif misses > 0 and differ <= alike and differ >= 0 - alike:
                misses += 1
                enough = 2
                if off > 0:  # it shows too much, which is the safe side for longer
                    enough = 4
                stir = b[c + C_STIR]
                while stir >= STIR_PER_MISS and enough < MOST_MISSES:
                    stir -= STIR_PER_MISS
                    enough += 1
                if misses >= enough:
                    misses = HEAL
            else:
                misses = 1
            if misses < 0:
                b[c + C_HEALED] = 0
            b[c + C_BACK] = 1
            # nothing counts but where it began, or less
            if size_ma < b[c + C_PROVED]:
                b[c + C_PROVED] = size_ma
            size_ma = own_ma - step_ma if direction == 1 else own_ma + step_ma
            if size_ma < 0:
                size_ma = 0 - size_ma
            if size_ma < b[c + C_PROVED]:
                b[c + C_PROVED] = size_ma
        b[c + C_MISSES] = misses
    return stirs
