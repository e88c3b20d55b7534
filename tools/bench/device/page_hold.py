# islet: how long microdot as it is, or islet's server around it, keeps others waiting.
# GPL-3.0-or-later
#
# On a PC, with its sockets: page_hold.py WHO PORT MS. Serves the same page for so long, and prints
# the longest wait in µs, then the most bytes of heap that lived.

import asyncio
import gc
import sys

from rival_hold import longest_us

PAGE = "<!DOCTYPE html><title>house</title>" + "<p>as large as the page that islet has" * 180
_LOOK_MS = 100
alive = [0]


async def look():
    """What lives of the heap, now and then."""
    while True:
        gc.collect()
        alive[0] = max(alive[0], gc.mem_alloc())
        await asyncio.sleep_ms(_LOOK_MS)


class Pages:
    async def index(self, _request):
        return PAGE, 200, {"Content-Type": "text/html"}


def islet():
    from firmware.net.clients import Server

    return Server((("GET", "/", "index"),), Pages())


def microdot():
    from microdot import Microdot

    app = Microdot()
    app.route("/")(Pages().index)
    return app


async def serve(app, port, ms):
    tasks = [asyncio.create_task(app.start_server("127.0.0.1", port))]
    print("serving")
    await asyncio.sleep_ms(ms)
    for task in tasks:
        task.cancel()


async def heap(app, port, ms):
    task = asyncio.create_task(look())
    await serve(app, port, ms)
    task.cancel()


which = {"islet": islet, "microdot": microdot}[sys.argv[1]]()
port, ms = int(sys.argv[2]), int(sys.argv[3])
if ms < 0:
    asyncio.run(heap(which, port, -ms))
    print(alive[0])
else:
    print(longest_us(serve(which, port, ms)))
