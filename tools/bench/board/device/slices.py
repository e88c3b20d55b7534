# islet: how long each slice of what is published holds the loop.
# GPL-3.0-or-later

import asyncio
import gc
import time
from array import array

TIMES = 5
MOST = 600  # slices of the largest site
_COLLECT = 48  # slices; as App.tidy does between them, where nobody waits
_OTHERS_MS = 200
_least_us = array("i", [0] * MOST)  # what is kept between slices would lie in the heap's way


def once(state, turn):
    """Their number; of each the least of all turns, for most meet an interrupt."""
    count = at = 0
    slices = state.published.slices()
    while at >= 0:
        if count % _COLLECT == 0:
            gc.collect()
        start = time.ticks_us()
        if count == 0:
            state.signature()
        else:
            at = next(slices, -1)
        us = time.ticks_diff(time.ticks_us(), start)
        if turn == 0 or (turn > 0 and us < _least_us[count]):  # before: the buffer is made
            _least_us[count] = us
        count += 1
    return count


async def measure(state, before=None):
    """Prints and gives: µs of the longest, of all, how many, bytes of the text. `before` each turn
    something is done to the state; others have theirs between."""
    count = 0
    for turn in range(-1, TIMES):
        await asyncio.sleep_ms(_OTHERS_MS)
        if before:
            before()
        count = once(state, turn)
    text, size = state.published.text, state.published.size
    longest, whole = max(_least_us), sum(_least_us)
    print("longest", longest, "sum", whole, "slices", count, "bytes", size)
    end = 0
    for number, at in enumerate(state.published.slices()):
        if _least_us[1 + number] > 2 * longest // 3:
            print("slice", _least_us[1 + number], bytes(text[end:at]).decode()[:60])
        end = at
    return longest, whole, count, size
