# islet: the sampling fails at every block for a second, then no more; and how long a count takes.
# GPL-3.0-or-later

import asyncio
import gc
import time

import micropython
import rig
from machine import Pin

from firmware import image as im

DEAD_MAN, CONTACTOR = 3, 4  # pins of firmware/circuits/pico.json


def planted(_codes, _first):
    raise RuntimeError("planted")


def say(when):
    trips, failed = app.image.trips, app.board.failed_handlers()
    tripped = im.names_of(trips[im.TRIPPED], im.TRIP_NAMES)
    print(when, Pin(DEAD_MAN).value(), Pin(CONTACTOR).value(), tripped, failed)


async def plant():
    stream = app.board._stream
    await asyncio.sleep_ms(1500)
    say("before")
    listens, stream._on_block = stream._on_block, planted
    await asyncio.sleep_ms(1000)
    say("meanwhile")
    stream._on_block = listens
    await asyncio.sleep_ms(1500)
    app.notice()
    say("after")
    print("told", app.health.handlers_failed, list(app.events.after(0))[-1])
    start = time.ticks_us()
    free = gc.mem_free()
    print("counted", time.ticks_diff(time.ticks_us(), start), free)
    micropython.mem_info()
    print("done")


prepare = rig.prepare


def prepared():
    global app
    app = prepare()
    app.links.append(("plant", plant))
    return app


rig.prepare = prepared
rig.run(with_garbage=False)
