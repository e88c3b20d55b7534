# islet: the firmware in its simulated house, telling what its heap holds.
# GPL-3.0-or-later
#
# In the last half of a minute, in minutes that are asked for, about each second, for what is asked
# of devices comes at whole ones: of what is under way, a request, a message, the least of so many
# looks tells nothing. The parts of who may come in are let go before, as the firmware does when
# nobody has come for a while, and their names are made at the start, for here nothing is frozen.
# The trace of the process image is left out: no chip has it, and it takes a third of the time.

import asyncio
import gc
import os
import time

import hostlink

import firmware.access.inside
import firmware.access.people
import firmware.ledger.audit  # noqa: F401
from firmware import app, entrance
from firmware.chips.host import Board

PERIOD_MIN = int(os.getenv("ISLET_HEAP_PERIOD_MIN"))
FIRST_MIN = 1  # the first minute is not looked at, the one after it is what all are compared with


def idle(*_):
    pass


async def tell(app):
    """After a collection: minute, bytes that live, bytes that are free."""
    while True:
        now_s = time.ticks_ms() // 1000  # a day is far from where they wrap
        minute = now_s // 60
        if minute == FIRST_MIN or minute % PERIOD_MIN == PERIOD_MIN - 1:
            if now_s % 60 >= 30:
                hostlink.copies.clear()  # the house's own: answers it lends, by request
                entrance.let_go(app.access)
                gc.collect()
                app.board.log(f"heap {minute} {gc.mem_alloc()} {gc.mem_free()}")
            await asyncio.sleep_ms(977)
        else:
            await asyncio.sleep_ms(5_000)


run = app.App.run


async def run_and_tell(self):
    self.telling = asyncio.create_task(tell(self))
    await run(self)


Board.record = idle
app.App.run = run_and_tell
app.main()
