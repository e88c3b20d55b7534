# islet: how long each slice of what is published holds the loop.
# GPL-3.0-or-later

import gc
import time
from array import array

TIMES = 5
MOST = 600  # slices of the largest site
_least_us = array("i", [0] * MOST)  # what is kept between slices would lie in the heap's way


def once(state, turn):
    """Their number; of each the least of all turns, for most meet an interrupt."""
    gc.collect()
    count = at = 0
    slices = state.published.slices()
    while at >= 0:
        start = time.ticks_us()
        if count == 0:
            state.signature()
        else:
            at = next(slices, -1)
        us = time.ticks_diff(time.ticks_us(), start)
        if turn == 0 or us < _least_us[count]:
            _least_us[count] = us
        count += 1
    return count


def measure(state):
    """Prints and gives: µs of the longest, of all, how many, bytes of the text."""
    count = 0
    for _ in state.published.slices():
        pass  # the first time the buffer is made
    for turn in range(TIMES):
        count = once(state, turn)
    text, size = state.published.text, state.published.size
    longest = max(_least_us)
    print("longest", longest, "sum", sum(_least_us), "slices", count, "bytes", size)
    end = 0
    for number, at in enumerate(state.published.slices()):
        if _least_us[1 + number] > 2 * longest // 3:
            print("slice", _least_us[1 + number], bytes(text[end:at]).decode()[:60])
        end = at
    return longest, sum(_least_us), count, size
