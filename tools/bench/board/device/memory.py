# islet: what is left of the heap with all rooms loaded, and whether it shrinks.
# GPL-3.0-or-later

import asyncio
import gc

import micropython

try:
    import broker  # noqa: F401
except ImportError:
    import no_socket  # noqa: F401

from firmware import app as application
from firmware.chips import current


async def probe():
    """The heap, collected, once a minute; first when what is silent is an event, after 10 s."""
    await asyncio.sleep_ms(12_000)
    while True:
        gc.collect()
        print("heap", gc.mem_free(), gc.mem_alloc())
        micropython.mem_info()
        print("probed")
        await asyncio.sleep_ms(60_000)


board = current()
app = application.App(board, application.read_config(board))
for error in app.config.errors:
    print("configuration:", error)
app.links.append(("probe", probe))
print("running")
asyncio.run(app.run())
