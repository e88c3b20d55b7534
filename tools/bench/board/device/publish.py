# islet: how long publishing holds the loop: the longest slice of each section of the state.
# GPL-3.0-or-later

import asyncio

import no_socket  # noqa: F401

from firmware import app as application
from firmware.chips import current


async def probe():
    await asyncio.sleep_ms(6_000)
    from slices import measure  # after all that lives long

    measure(app.state)
    print("done")


board = current()
app = application.App(board, application.read_config(board))
for error in app.config.errors:
    print("configuration:", error)
app.links.append(("probe", probe))
print("running")
asyncio.run(app.run())
