# islet: what each commanded device has done, does and is told, a row each; in viper.
# GPL-3.0-or-later
#
# The same text runs on CPython; tests_host/core/plain says it in few words, and both are tested
# for equality. Arrays as in layout.py.
#
# A device that is not measured lately is entered with its worst credible range: drawing nothing
# where that hides headroom, its rating where that hides load. A leg it does not use stays zero.

from firmware import image as im
from firmware.base.viper import const, micropython, ptr32
from firmware.core.panel.layout import (
    D_AGE_MS,
    D_FELL,
    D_FRESH,
    D_HIGH_MA,
    D_HIGH_W,
    D_LAST_MA,
    D_LEAST_MA,
    D_LEG,
    D_LEGS,
    D_LOW_MA,
    D_LOW_W,
    D_MA64_PER_W,
    D_MOVES_MS,
    D_MOVING_MS,
    D_NODE,
    D_NOTICED_MS,
    D_OFFERED_MA,
    D_OFFERS,
    D_REST_MA,
    D_REST_MS,
    D_ROSE_MS,
    D_ROW,
    D_SETTLES_MS,
    D_STALE_MS,
    D_STIRS_MS,
    D_STOOD_MA,
    D_TOLD,
    D_TOOK_MS,
    D_WORST_MS,
    H_HIGH,
    H_HIGH_W,
    H_LOW,
    H_LOW_W,
    H_ROW,
    P_FRESH_BITS,
    P_WORST_BITS,
    RING,
)

_LONGEST_MS = const(30_000)  # what has not followed by then is not timed any more
_BEYOND_MA = const(1_000)  # an order lower than what is drawn by so much is timed
_BEYOND_W = const(300)
_THERE_MA = const(500)
_THERE_W = const(100)
_RAISED_MA = const(500)
_STIRS_MA = const(300)
_NOTICED_MS = const(10_000)

_REST_MS = const(500)
_BEGIN_MA = const(100)  # a command that moves by so much in a cycle moves
_MOVES_MA = const(700)  # by so much from its rest: it is no trim


# --- what it did ------------------------------------------------------------------------------


@micropython.viper
def enter(rows, at: int, slots, slot: int, readings, device: int):
    """Write a device's row of a slot."""
    t = ptr32(rows)
    s = ptr32(slots)
    r = ptr32(readings)
    first = im.DEVICE_MA + device * im.LEGS
    fresh = t[at + D_FRESH]
    k = 0
    while k < t[at + D_LEGS]:
        leg = slot + t[at + D_LEG + k]
        if fresh:
            s[leg + H_LOW] = r[first + k]
            s[leg + H_HIGH] = r[first + k]
        else:
            s[leg + H_LOW] = t[at + D_LOW_MA]
            s[leg + H_HIGH] = t[at + D_HIGH_MA]
        k += 1
    if t[at + D_OFFERS] == 0:
        if fresh:
            s[slot + H_LOW_W] = r[im.DEVICE_W + device]
            s[slot + H_HIGH_W] = r[im.DEVICE_W + device]
        else:
            s[slot + H_LOW_W] = t[at + D_LOW_W]
            s[slot + H_HIGH_W] = t[at + D_HIGH_W]


@micropython.viper
def backdate(slots, devices: int, device: int, head: int, age_ms: int, dt_ms: int):
    """A device's row of the newest slot holds for all since it was measured."""
    s = ptr32(slots)
    age_ms += dt_ms >> 1
    if dt_ms < 1:
        dt_ms = 1
    back = 1
    here = (head * devices + device) * H_ROW
    end = here + H_ROW
    while age_ms >= dt_ms and back < RING:
        there = (((head - back) & (RING - 1)) * devices + device) * H_ROW
        while here < end:
            s[there] = s[here]
            here += 1
            there += 1
        here -= H_ROW
        age_ms -= dt_ms
        back += 1


@micropython.viper
def push(plan, rows, devices: int, slots, head: int, readings, commands, dt_ms: int):
    """Enter every device into the newest slot; P_FRESH_BITS and P_WORST_BITS. What the panel said
    last still stands in the claims."""
    p = ptr32(plan)
    t = ptr32(rows)
    r = ptr32(readings)
    c = ptr32(commands)
    fresh_bits = 0
    worst_bits = 0
    bit = 1
    device = 0
    at = 0
    while device < devices:
        if t[at + D_NODE] >= 0:
            last = t[at + D_TOLD]
            told = c[im.SETPOINT + device]
            left_ms = t[at + D_WORST_MS] - dt_ms
            claimed = c[im.CLAIM_HIGH + im.PANEL * im.DEVICES + device]
            if last > 0 and told < last and told < claimed and claimed >= t[at + D_LEAST_MA]:
                left_ms = t[at + D_SETTLES_MS]
            if last < 0 and told > last:
                if told > c[im.CLAIM_LOW + im.PANEL * im.DEVICES + device]:
                    left_ms = t[at + D_SETTLES_MS]
            t[at + D_TOLD] = told
            if left_ms > 0:
                worst_bits |= bit
            else:
                left_ms = 0
            t[at + D_WORST_MS] = left_ms
            age_ms = r[im.DEVICE_AGE_MS + device]
            was_ms = t[at + D_AGE_MS] + dt_ms
            t[at + D_AGE_MS] = age_ms
            t[at + D_FRESH] = 0
            if age_ms <= t[at + D_STALE_MS]:
                t[at + D_FRESH] = 1
                fresh_bits |= bit
            enter(rows, at, slots, (head * devices + device) * H_ROW, readings, device)
            if t[at + D_FRESH] and age_ms < was_ms:  # a new sample, already old when it came
                backdate(slots, devices, device, head, age_ms, dt_ms)
        bit <<= 1
        device += 1
        at += D_ROW
    p[P_FRESH_BITS] = fresh_bits
    p[P_WORST_BITS] = worst_bits


# --- how fast it follows ----------------------------------------------------------------------


@micropython.viper
def follow(rows, at: int, dt_ms: int, told: int, does: int, beyond: int, there: int) -> int:
    """Time an order towards zero, `told` and `does` being amounts: the ms it took, once, or 0.
    `at` is where its two words of D_FELL are; they hold the order before, and the time."""
    t = ptr32(rows)
    before = t[at]
    since_ms = t[at + 1]
    t[at] = told
    over = does - told
    if since_ms < 0:
        if told < before and over > beyond:
            t[at + 1] = 0
        return 0
    since_ms += dt_ms
    t[at + 1] = since_ms
    if told > before + there or since_ms > _LONGEST_MS:
        t[at + 1] = 0 - 1
        return 0
    if over > there + (told >> 5):
        return 0
    t[at + 1] = 0 - 1
    return since_ms


@micropython.viper
def stirred(rows, at: int, dt_ms: int, offer_ma: int, drawn_ma: int) -> int:
    """How long a car that draws takes to notice a higher offer, once, or 0; how fast it falls is
    not known by that, but it will notice a lower one no sooner."""
    t = ptr32(rows)
    before_ma = t[at + D_OFFERED_MA]
    t[at + D_OFFERED_MA] = offer_ma
    stirs_ms = t[at + D_STIRS_MS]
    if stirs_ms < 0:
        off_ma = drawn_ma - before_ma
        if before_ma and off_ma <= _THERE_MA and off_ma >= 0 - _THERE_MA:
            if offer_ma >= before_ma + _RAISED_MA:
                t[at + D_STIRS_MS] = 0
                t[at + D_STOOD_MA] = drawn_ma
        return 0
    stirs_ms += dt_ms
    t[at + D_STIRS_MS] = stirs_ms
    if offer_ma < before_ma - _THERE_MA or stirs_ms > _NOTICED_MS:
        t[at + D_STIRS_MS] = 0 - 1  # no use for more, or nothing is known any longer
    elif drawn_ma > t[at + D_STOOD_MA] + _STIRS_MA:
        t[at + D_STIRS_MS] = 0 - 1
        return stirs_ms
    return 0


@micropython.viper
def drawn(rows, at: int, readings, device: int) -> int:
    """What a device draws now on its most loaded leg, mA."""
    t = ptr32(rows)
    r = ptr32(readings)
    first = im.DEVICE_MA + device * im.LEGS
    most_ma = 0
    k = 0
    while k < t[at + D_LEGS]:
        if r[first + k] > most_ma:
            most_ma = r[first + k]
        k += 1
    return most_ma


@micropython.viper
def pace(rows, devices: int, readings, commands, dt_ms: int) -> int:
    """D_TOOK_MS and D_NOTICED_MS of every measured device; bits of those that have either."""
    t = ptr32(rows)
    r = ptr32(readings)
    c = ptr32(commands)
    bits = 0
    bit = 1
    device = 0
    at = 0
    while device < devices:
        if t[at + D_NODE] >= 0 and t[at + D_FRESH]:
            told = c[im.SETPOINT + device]
            less = 0 - told
            if told < 0:
                told = 0
            if less < 0:
                less = 0
            fell = at + D_FELL
            noticed_ms = 0
            if t[at + D_OFFERS]:
                ma = int(drawn(rows, at, readings, device))
                took_ms = int(follow(rows, fell, dt_ms, told, ma, _BEYOND_MA, _THERE_MA))
                noticed_ms = int(stirred(rows, at, dt_ms, told, ma))
            else:
                w = r[im.DEVICE_W + device]
                took_ms = int(follow(rows, fell, dt_ms, told, w, _BEYOND_W, _THERE_W))
                back_ms = int(follow(rows, fell + 2, dt_ms, less, 0 - w, _BEYOND_W, _THERE_W))
                if back_ms > took_ms:
                    took_ms = back_ms
            t[at + D_TOOK_MS] = took_ms
            t[at + D_NOTICED_MS] = noticed_ms
            if took_ms or noticed_ms:
                bits |= bit
        bit <<= 1
        device += 1
        at += D_ROW
    return bits


# --- its command, as the witness sees it --------------------------------------------------------


@micropython.viper
def moves(rows, devices: int, commands, dt_ms: int) -> int:
    """D_MOVES_MS: 0 while a command rests or is but trimmed; of an offer only while it falls, for
    a rising one is growth, and a falling one may answer something else. 1 if one began to move."""
    t = ptr32(rows)
    c = ptr32(commands)
    began = 0
    device = 0
    at = 0
    while device < devices:
        if t[at + D_NODE] >= 0:
            ma = c[im.SETPOINT + device]
            if t[at + D_OFFERS] == 0:
                ma = ma * t[at + D_MA64_PER_W] >> 6
            by_ma = ma - t[at + D_LAST_MA]
            away_ma = t[at + D_LAST_MA] - t[at + D_REST_MA]
            moving_ms = t[at + D_MOVING_MS]
            begins = 0
            begin_ma = _BEGIN_MA
            if moving_ms:
                begin_ma = _BEGIN_MA >> 1  # or one that ramps at this very pace begins again
            if by_ma > 0 - begin_ma and by_ma < begin_ma:
                t[at + D_REST_MS] += dt_ms
                if t[at + D_REST_MS] >= _REST_MS:
                    t[at + D_REST_MS] = _REST_MS
                    t[at + D_REST_MA] = ma
                    moving_ms = 0
            else:
                if by_ma > _MOVES_MA and away_ma < 0:
                    moving_ms = 0
                if by_ma < 0 - _MOVES_MA and away_ma > 0:
                    moving_ms = 0
                if moving_ms == 0:
                    t[at + D_REST_MA] = t[at + D_LAST_MA]
                    begins = 1
                    began = 1
                t[at + D_REST_MS] = 0
            if begins or moving_ms:
                moving_ms += dt_ms
            t[at + D_MOVING_MS] = moving_ms
            last_ma = t[at + D_LAST_MA]
            t[at + D_LAST_MA] = ma
            if (ma > 0 and ma > last_ma) or (ma < 0 and ma < last_ma):
                t[at + D_ROSE_MS] = 0
            elif t[at + D_ROSE_MS] < _LONGEST_MS:
                t[at + D_ROSE_MS] += dt_ms
            away_ma = ma - t[at + D_REST_MA]
            if away_ma <= _MOVES_MA and away_ma >= 0 - _MOVES_MA:
                moving_ms = 0
            if t[at + D_OFFERS] and away_ma >= 0:
                moving_ms = 0
            t[at + D_MOVES_MS] = moving_ms
        device += 1
        at += D_ROW
    return began
