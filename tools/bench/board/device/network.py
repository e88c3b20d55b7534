# islet: everything as delivered, and what the loop, the guard and the heap were at their worst.
# GPL-3.0-or-later
#
# It stands in an array that emulated/network.mjs finds by its first words and reads, so that
# nothing is printed meanwhile; what is wanted is asked for there as well.

import asyncio
import gc
import time
from array import array

from firmware import app as application
from firmware.chips import current

MAGIC = 0x6E65, 0x7477, 0x6F72, 0x6B21
ASK, LATE, CONTROL, GAP, LOW, FREE = 4, 5, 6, 7, 8, 9
NOTHING, AGAIN, COLLECT, ALONE, COUNT, TELL = 0, 1, 2, 3, 4, 5  # of ASK
_TICK_MS = 10

seen = array("i", MAGIC + (0,) * 6)


async def probe():
    health = app.health
    due = time.ticks_ms()
    while True:
        late = time.ticks_diff(time.ticks_ms(), due)
        if late > seen[LATE]:
            seen[LATE] = late
        ask = seen[ASK]
        if ask:
            answer(ask, health)
        seen[CONTROL] = health.control_late_ms
        seen[GAP] = health.guard_gap_us
        seen[LOW] = health.heap_low_bytes
        due = time.ticks_add(time.ticks_ms(), _TICK_MS)
        await asyncio.sleep_ms(_TICK_MS)


def nothing():
    pass


def answer(ask, health):
    if ask == COLLECT:
        gc.collect()
        seen[FREE] = gc.mem_free()
    elif ask == COUNT:  # what is asked for from here on: nobody collects
        gc.collect()
        app.tidy = nothing
        seen[FREE] = gc.mem_free()
    elif ask == TELL:
        seen[FREE] = gc.mem_free()
    elif ask == ALONE:  # the network's tasks end; what is left is the rest's
        for i, (name, _) in enumerate(app.links):  # their tasks come first
            if name in ("ethernet", "address", "time", "page", "mqtt"):
                app.tasks[i].cancel()
    elif ask == AGAIN:
        health.control_late_ms = health.guard_gap_us = seen[LATE] = 0
        health.heap_low_bytes = gc.mem_free()
    seen[ASK] = NOTHING


board = current()
app = application.App(board, application.read_config(board))
for error in app.config.errors:
    print("configuration:", error)
app.links.append(("probe", probe))
print("running")
asyncio.run(app.run())
