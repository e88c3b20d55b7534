# islet: the firmware, telling what its heap holds just after a collection.
# GPL-3.0-or-later

import asyncio
import gc

from firmware import app

EVERY_MS = 10_000

run = app.App.run


async def tell(board):
    while True:
        await asyncio.sleep_ms(EVERY_MS)
        gc.collect()
        board.log("heap {}".format(gc.mem_alloc()))


async def run_and_tell(self):
    self.telling = asyncio.create_task(tell(self.board))
    await run(self)


app.App.run = run_and_tell
app.main()
