# islet: the clock of the bus room, on the chip and on CPython.
# GPL-3.0-or-later

import asyncio

TICKS_PERIOD_MS = 1 << 30  # of MicroPython's 32-bit ports: it wraps after 12.4 days

try:
    from asyncio import sleep_ms
    from time import ticks_add, ticks_diff, ticks_ms

    wait_for_ms = asyncio.wait_for_ms  # pyright: ignore[reportAttributeAccessIssue]
except ImportError:  # CPython: the loop's time, which wraps as on the chip

    def sleep_ms(ms):
        return asyncio.sleep(ms / 1000)

    def wait_for_ms(awaitable, ms):
        return asyncio.wait_for(awaitable, ms / 1000)

    def ticks_ms():
        return round(asyncio.get_running_loop().time() * 1_000_000) // 1000 % TICKS_PERIOD_MS

    def ticks_add(ticks, ms):
        return (ticks + ms) % TICKS_PERIOD_MS

    def ticks_diff(later, earlier):
        half = TICKS_PERIOD_MS // 2
        return (later - earlier + half) % TICKS_PERIOD_MS - half


__all__ = ("sleep_ms", "ticks_add", "ticks_diff", "ticks_ms", "wait_for_ms")
