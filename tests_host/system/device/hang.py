# islet: the firmware, with a task that hangs in its first life.
# GPL-3.0-or-later
#
# After HANG_AFTER_MS the task polls for ever and never gives way to the loop: control, links and
# the watchdog's feeding all stand still, only the sampling interrupt still comes.

import asyncio
import os
import time

from firmware import app

HANG_AFTER_MS = 12_000
MARK = (os.getenv("ISLET_STORAGE") or ".") + "/hung"


def first_life():
    try:
        os.stat(MARK)
        return False
    except OSError:
        with open(MARK, "w") as file:
            file.write("1")
        return True


async def hang():
    await asyncio.sleep_ms(HANG_AFTER_MS)
    while True:
        time.sleep_ms(1)


run = app.App.run


async def run_and_hang(self):
    if first_life():
        self.hanging = asyncio.create_task(hang())
    await run(self)


app.App.run = run_and_hang
app.main()
