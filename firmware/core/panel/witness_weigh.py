# islet: what the witness's windows gathered is weighed: a success, a miss, or nothing; in viper.
# GPL-3.0-or-later
#
# Part of witness_kernel.py, and its constants (a kernel's must stand in its own file; a test
# compares them). Called when a window ends, so seldom.

from firmware.base.viper import const, micropython, ptr32

_B_TAKES = const(54)
_B_COLUMNS = const(118)
_TAKES_SOURCE = const(1)
_TAKES_ALWAYS = const(2)
_C_SUM_OWN = const(7)
_C_SUM_FLOW = const(8)
_C_PROVED = const(9)
_C_MISSES = const(10)
_C_MISS_OFF = const(11)
_C_MISS_OWN = const(12)
_C_HEALED = const(13)
_C_STIR = const(14)
_C_BACK = const(19)
_FAST_MS = const(1_000)
_STEP_MA = const(3_000)
_NOISE_MA = const(300)
_NIL_MA = const(1_500)
_HEAL = const(-3)
_STIR_PER_MISS = const(200)
_MOST_MISSES = const(5)
_QUIET_STIR = const(60)
_WIDE_MA = const(1 << 27)


@micropython.viper
def weigh(
    book, places: int, node: int, at: int, own_ma: int, whole_ma: int, late_ms: int,
) -> int:  # fmt: skip
    """What windows gathered, if it is enough: a success, a miss, or (1) something that stirred."""
    b = ptr32(book)
    c = _B_COLUMNS + at
    stirs = 0
    size_ma = own_ma if own_ma > 0 else 0 - own_ma
    step_ma = b[c + _C_SUM_OWN * places]
    off_ma = b[c + _C_SUM_FLOW * places] - step_ma
    direction = 1
    if step_ma < 0:
        direction = 2
        step_ma = 0 - step_ma
        off_ma = 0 - off_ma
    enough_ma = _STEP_MA
    misses = b[c + _C_MISSES * places]
    if b[c + _C_STIR * places] < _QUIET_STIR and late_ms < _FAST_MS:
        enough_ma = _STEP_MA >> 1
    if misses > 0:
        enough_ma -= enough_ma >> 3  # so that what is taken back is enough
    within_ma = (step_ma >> 2) + _NOISE_MA
    beyond_ma = (step_ma >> 1) - (step_ma >> 3) + _NOISE_MA
    if step_ma < _STEP_MA:
        beyond_ma += step_ma >> 3
    far_ma = off_ma if off_ma > 0 else 0 - off_ma
    if step_ma < _STEP_MA and off_ma > 0:
        beyond_ma = _WIDE_MA  # no more than a load that came: small steps cannot tell
    if far_ma > within_ma and far_ma < beyond_ma:  # not clear
        enough_ma = _WIDE_MA
        if step_ma >= _STEP_MA:
            stirs = 1
            b[c + _C_SUM_OWN * places] = 0
            b[c + _C_SUM_FLOW * places] = 0
    if step_ma >= enough_ma:
        b[c + _C_SUM_OWN * places] = 0
        b[c + _C_SUM_FLOW * places] = 0
        taken = 0
        if off_ma < 0 and off_ma + step_ma + within_ma >= 0:
            if b[_B_TAKES + node] == _TAKES_ALWAYS:
                taken = 1
            if b[_B_TAKES + node] == _TAKES_SOURCE:
                if whole_ma <= _NIL_MA and whole_ma >= 0 - _NIL_MA:
                    taken = 1
        if off_ma <= within_ma and off_ma >= 0 - within_ma:
            b[c + _C_PROVED * places] = size_ma
            if misses > 0:
                misses -= 1
            elif misses < 0:
                healed = b[c + _C_HEALED * places] | direction
                b[c + _C_HEALED * places] = healed
                if misses < 0 - 1 or healed == 3:
                    misses += 1
        elif taken == 0:
            off = off_ma >> 7
            own = step_ma >> 7
            # of the same gain as the last miss, or something that stirred?
            differ = off * b[c + _C_MISS_OWN * places]
            differ -= own * b[c + _C_MISS_OFF * places]
            alike = own * b[c + _C_MISS_OWN * places] >> 3
            alike += own + b[c + _C_MISS_OWN * places] << 1
            b[c + _C_MISS_OFF * places] = off
            b[c + _C_MISS_OWN * places] = own
            if misses < 0:
                misses = _HEAL
            elif misses > 0 and differ <= alike and differ >= 0 - alike:
                misses += 1
                enough = 2
                if off > 0:  # it shows too much, which is the safe side for longer
                    enough = 4
                stir = b[c + _C_STIR * places]
                while stir >= _STIR_PER_MISS and enough < _MOST_MISSES:
                    stir -= _STIR_PER_MISS
                    enough += 1
                if misses >= enough:
                    misses = _HEAL
            else:
                misses = 1
            if misses < 0:
                b[c + _C_HEALED * places] = 0
            b[c + _C_BACK * places] = 1
            # nothing counts but where it began, or less
            if size_ma < b[c + _C_PROVED * places]:
                b[c + _C_PROVED * places] = size_ma
            size_ma = own_ma - step_ma if direction == 1 else own_ma + step_ma
            if size_ma < 0:
                size_ma = 0 - size_ma
            if size_ma < b[c + _C_PROVED * places]:
                b[c + _C_PROVED * places] = size_ma
        b[c + _C_MISSES * places] = misses
    return stirs
