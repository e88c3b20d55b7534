# islet: what fast_kernel.py computes, said plainly; the two are tested for equality.
# GPL-3.0-or-later

from firmware import image as im
from firmware.guard.fast_kernel import (
    AT,
    CLEAR,
    CLEAR_LEAST,
    COIL,
    CONFIRM,
    CURRENT,
    CYCLE,
    FRAMES,
    GONE,
    GONE_MOST,
    HALF,
    HELD,
    HIGH,
    HIGHEST,
    LONG,
    LOST_PILOT,
    LOW,
    NUMBER,
    OVERCURRENT,
    PEAK,
    PEAK_LIMIT,
    PEAK_MOST,
    PILOT,
    PROOF,
    QUIET,
    RING,
    SINCE,
    SQUARES,
    SQUARES_LIMIT,
    STRIDE,
)
from firmware.guard.kernel import BLANK_MS, LOST, ON_MS


def look(first, _code, _end, samples, middles, memory, buffers):
    commands, trips, own = buffers
    permitted = commands[im.PERMITS] & memory[COIL]
    found = 0
    if memory[PILOT] >= 0:
        codes = _channel(samples, first, memory, PILOT)
        shown = [n for n, code in enumerate(codes) if code >= memory[LOW]]
        inside = [memory[PROOF]] + [1 if codes[n] < memory[HIGH] else 0 for n in shown]
        above = [-1 - memory[CLEAR]] + [n for n in shown if codes[n] >= memory[HIGH]]
        proofs = [
            n
            for i, n in enumerate(shown)
            if inside[i] and inside[i + 1] and n - max([a for a in above if a < n]) >= CLEAR_LEAST
        ]
        gone = len(codes) - 1 - proofs[-1] if proofs else memory[GONE] + len(codes)
        lost = gone > memory[GONE_MOST]
        if lost and permitted:
            found |= LOST_PILOT
        memory[GONE], memory[PROOF] = min(gone, LONG), inside[-1]
        memory[CLEAR] = min(len(codes) - 1 - above[-1], LONG)
        memory[HIGHEST] = max([codes[n] for n in shown] + [0])
        own[LOST + memory[NUMBER]] = 1 if lost else 0
    if memory[CURRENT] >= 0:
        middle = middles[memory[CURRENT]]
        values = [code - middle for code in _channel(samples, first, memory, CURRENT)]
        _remember(memory, max([abs(x) for x in values]), sum([x * x for x in values]))
        on = trips[im.OUTPUTS] & memory[COIL] and own[ON_MS + memory[NUMBER]] >= own[BLANK_MS]
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
