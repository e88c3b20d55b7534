# islet: how long each slice of what is published holds the loop.
# GPL-3.0-or-later

import gc
import time
from array import array

TIMES = 5
MOST = 600  # slices of the largest site
_least_us = array("i", [0] * MOST)  # what is kept between slices would lie in the heap's way


def once(state, turn):
    """Their number, and bytes; of each the least of all turns, for most meet an interrupt."""
    gc.collect()
    size = count = 0
    pieces = None
    while True:
        start = time.ticks_us()
        if count == 0:
            state.signature()
            piece = ""
        elif count == 1:
            pieces = state.take().pieces()
            piece = ""
        else:
            piece = next(pieces, None)
        us = time.ticks_diff(time.ticks_us(), start)
        if turn == 0 or us < _least_us[count]:
            _least_us[count] = us
        if piece is None:
            return count, size
        size += len(piece)
        count += 1


def measure(state):
    count = size = 0
    for turn in range(TIMES):
        count, size = once(state, turn)
    longest = max(_least_us)
    print("longest", longest, "sum", sum(_least_us), "slices", count, "bytes", size)
    for at, piece in enumerate(state.pieces()):
        if _least_us[2 + at] > 2 * longest // 3:
            print("slice", _least_us[2 + at], piece[:60])
