# An hour of three asyncio tasks on virtual time; prints when each woke, as one digest.
import asyncio
import hashlib
import select
import time

import vclock

HOUR_MS = 3_600_000


class Queue:
    """Stands in for asyncio's poll: instead of waiting it lets the time pass."""

    def __init__(self, poller):
        self.poller = poller

    def __getattr__(self, name):
        return getattr(self.poller, name)

    def ipoll(self, timeout):
        vclock.advance_us(timeout * 1000)
        return self.poller.ipoll(0)


woke = hashlib.sha256()
late = 0


async def sleeper(name, period):
    global late
    for i in range(1, HOUR_MS // period + 1):
        await asyncio.sleep_ms(period)
        now = time.ticks_ms()
        late += time.ticks_diff(now, i * period)
        woke.update(b"%s %d\n" % (name, now))


async def main():
    await asyncio.gather(sleeper(b"a", 100), sleeper(b"b", 250), sleeper(b"c", 7200))


vclock.virtual(True)
asyncio.core._io_queue.poller = Queue(select.poll())
asyncio.run(main())
print(time.ticks_ms(), late, woke.digest().hex())
