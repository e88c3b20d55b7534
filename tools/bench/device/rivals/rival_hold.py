# islet: how long others wait while something works.
# GPL-3.0-or-later

import asyncio
import gc
import time


class Ended(Exception):
    """Broken off: it would hold the loop without end."""


async def _wait(found):
    last = time.ticks_us()
    while True:
        await asyncio.sleep_ms(0)
        now = time.ticks_us()
        found[0] = max(found[0], time.ticks_diff(now, last))
        last = now


async def _run(work, found):
    waiting = asyncio.create_task(_wait(found))
    await asyncio.sleep_ms(5)
    found[0] = 0
    await work
    await asyncio.sleep_ms(0)
    waiting.cancel()


def longest_us(work):
    """The longest that a task which always wants to run has waited while the coroutine `work`
    ran, its own turn and asyncio's included."""
    gc.collect()
    found = [0]
    asyncio.run(_run(work, found))
    return found[0]
