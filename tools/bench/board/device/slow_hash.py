# islet: the slow hash of a password: how long a slice of it holds the loop, and how long it takes.
# GPL-3.0-or-later
#
# Once as fast as its slices go, in the app as delivered between two collections; once as a login
# has it, while everything else runs, the loop's lateness asked every 10 ms.

import asyncio
import gc
import time

import no_socket  # noqa: F401

from firmware import app as application
from firmware.chips import current

_TICK_MS = 10
_COLLECT = 64  # slices, as App.tidy does between them
worst = [0, 0]  # ms: the loop, control


async def late():
    due = time.ticks_ms()
    while True:
        worst[0] = max(worst[0], time.ticks_diff(time.ticks_ms(), due))
        due = time.ticks_add(time.ticks_ms(), _TICK_MS)
        await asyncio.sleep_ms(_TICK_MS)


def alone(slices):
    """µs of the longest, of all, how many."""
    longest = whole = count = 0
    for _ in range(2000):
        if count % _COLLECT == 0:
            gc.collect()
        start = time.ticks_us()
        key = next(slices)
        us = time.ticks_diff(time.ticks_us(), start)
        longest, whole, count = max(longest, us), whole + us, count + 1
        if key is not None:
            break
    return longest, whole, count


async def probe():
    await asyncio.sleep_ms(6_000)
    from firmware.access import digest

    app.health.control_late_ms = 0
    await asyncio.sleep_ms(3_000)
    print("without", worst[0], app.health.control_late_ms)
    worst[0] = app.health.control_late_ms = 0
    start = time.ticks_ms()
    await digest.slow(b"correct horse battery", bytes(16))
    took = time.ticks_diff(time.ticks_ms(), start)
    print("beside", took, worst[0], app.health.control_late_ms)
    longest = alone(digest.slices(b"correct horse battery", bytes(16)))
    print("alone", *longest)
    print("done")


board = current()
app = application.App(board, application.read_config(board))
for error in app.config.errors:
    print("configuration:", error)
app.links += [("probe", probe), ("late", late)]
print("running")
asyncio.run(app.run())
