# islet: the slow hash of a password: how long a slice of it holds the loop, and how long it takes.
# GPL-3.0-or-later
#
# In the app as delivered: as firmware/access has it, the loop's lateness asked every 10 ms, and
# then slice by slice.

import asyncio
import time

import no_socket  # noqa: F401

from firmware import app as application
from firmware.chips import current

_TICK_MS, _QUIET_MS = 10, 3_000
_SECRET, _SALT = b"correct horse battery", bytes(16)
worst_ms = [0]


async def late():
    due = time.ticks_ms()
    while True:
        worst_ms[0] = max(worst_ms[0], time.ticks_diff(time.ticks_ms(), due))
        due = time.ticks_add(time.ticks_ms(), _TICK_MS)
        await asyncio.sleep_ms(_TICK_MS)


async def alone(slices):
    """µs of the longest, of all, how many; others run between."""
    longest = whole = count = 0
    key = None
    while key is None:
        await asyncio.sleep_ms(0)
        start = time.ticks_us()
        key = next(slices)
        us = time.ticks_diff(time.ticks_us(), start)
        longest, whole, count = max(longest, us), whole + us, count + 1
    return longest, whole, count


def lateness():
    """ms of the loop and of control since it was last asked."""
    found = worst_ms[0], app.health.control_late_ms
    worst_ms[0] = app.health.control_late_ms = 0
    return found


async def probe():
    await asyncio.sleep_ms(6_000)
    from firmware.access import digest

    lateness()
    await asyncio.sleep_ms(_QUIET_MS)
    print("without", *lateness())
    start = time.ticks_ms()
    await digest.slow(_SECRET, _SALT)
    took_ms = time.ticks_diff(time.ticks_ms(), start)
    print("beside", took_ms, *lateness())
    start = time.ticks_ms()
    found = await alone(digest.slices(_SECRET, _SALT))
    print("alone", *found, time.ticks_diff(time.ticks_ms(), start), *lateness())
    print("done")


board = current()
app = application.App(board, application.read_config(board))
for error in app.config.errors:
    print("configuration:", error)
app.links += [("probe", probe), ("late", late)]
print("running")
asyncio.run(app.run())
