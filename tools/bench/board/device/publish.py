# islet: how long publishing holds the loop: the longest slice of each section of the state.
# GPL-3.0-or-later

import asyncio

import no_socket  # noqa: F401

from firmware import app as application
from firmware import image as im
from firmware.chips import current
from firmware.people import alerts

_TRIPS = 65535


def all_is_wrong():
    """Every fault and every trip stands at once, and a circuit is overloaded; until control's next
    step, for which what is measured does not wait."""
    image = app.image
    image.commands[im.FAULTS] = (1 << len(alerts.FAULTS)) - 1
    image.commands[im.POINT_FAULTS] = im.FAULTS_OF_POINT
    image.commands[im.ALARM_NODE] = image.commands[im.ALARM_LEG] = 0
    image.commands[im.ALARM_MA] = 12_345
    image.trips[im.TRIPPED] = _TRIPS


async def probe():
    await asyncio.sleep_ms(6_000)
    from slices import measure  # after all that lives long

    await measure(app.state)
    print("wrong")
    await measure(app.state, all_is_wrong)
    print("done")


board = current()
app = application.App(board, application.read_config(board))
for error in app.config.errors:
    print("configuration:", error)
app.links.append(("probe", probe))
print("running")
asyncio.run(app.run())
