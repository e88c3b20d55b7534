# islet: what fast_kernel.py computes, said plainly; the two are tested for equality.
# GPL-3.0-or-later

from firmware.guard.fast_kernel import (
    ABOVE,
    AT,
    CONFIRM,
    CURRENT,
    CYCLE,
    FRAMES,
    HALF,
    HELD,
    HIGH,
    HIGHEST,
    INSIDE,
    LONG,
    LOST_PILOT,
    LOW,
    OVERCURRENT,
    PEAK,
    PEAK_LIMIT,
    PEAK_MOST,
    PILOT,
    QUIET,
    RING,
    SINCE,
    SQUARES,
    SQUARES_LIMIT,
    STRIDE,
)
from firmware.guard.kernel import BLANK_MS, ON_MS
from firmware.image import OUT_CONTACTOR, OUTPUTS, PERMITS


def look(first, _code, _end, samples, middles, memory, buffers):
    commands, trips, own = buffers
    permitted = commands[PERMITS] & OUT_CONTACTOR
    found = 0
    if memory[PILOT] >= 0:
        codes = _channel(samples, first, memory, PILOT)
        above = sum([1 for code in codes if code >= memory[HIGH]])
        inside = sum([1 for code in codes if memory[LOW] <= code < memory[HIGH]])
        lost = memory[ABOVE] + above >= 2 or memory[INSIDE] + inside == 0
        if lost and permitted:
            found |= LOST_PILOT
        highest = max([code if code >= memory[LOW] else 0 for code in codes])
        memory[ABOVE], memory[INSIDE], memory[HIGHEST] = above, inside, highest
    if memory[CURRENT] >= 0:
        middle = middles[memory[CURRENT]]
        values = [code - middle for code in _channel(samples, first, memory, CURRENT)]
        _remember(memory, max([abs(x) for x in values]), sum([x * x for x in values]))
        on = trips[OUTPUTS] & OUT_CONTACTOR and own[ON_MS] >= own[BLANK_MS]
        if _overcurrent(memory, permitted and on):
            found |= OVERCURRENT
    return found


def _channel(samples, first, memory, which):
    frames, stride, c = memory[FRAMES], memory[STRIDE], memory[which]
    return [samples[first + n * stride + c] for n in range(frames)]


def _remember(memory, peak, squares):
    """Into the ring of a cycle."""
    place = RING + memory[AT]
    memory[SQUARES] += squares - memory[place]
    memory[place] = squares
    memory[AT] = memory[AT] + 1 if memory[AT] + 1 < memory[CYCLE] else 0
    memory[PEAK] = peak


def _overcurrent(memory, watched):
    memory[SINCE] = min(memory[SINCE] + 1, LONG)
    quiet = min(memory[QUIET] + 1, LONG)
    if memory[PEAK] > memory[PEAK_MOST]:
        memory[HELD] = memory[HALF]
    else:
        memory[HELD] = max(memory[HELD] - 1, 0)
    if not watched:
        memory[QUIET] = LONG
        return False
    if memory[PEAK] <= memory[PEAK_LIMIT] or memory[HELD]:
        memory[QUIET] = quiet
        return False
    if quiet > memory[HALF]:
        memory[SINCE] = 0
    memory[QUIET] = 0
    if memory[SINCE] < memory[CONFIRM]:
        return False
    return memory[CONFIRM] == 0 or memory[SQUARES] > memory[SQUARES_LIMIT]
