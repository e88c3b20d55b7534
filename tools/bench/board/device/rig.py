# islet: everything runs, as on a site, and the permits stand: what is measured is the guard.
# GPL-3.0-or-later
#
# Core decides over an image of its own, at full cost; the guard's image gets steady permits, a
# fresh beat and every trip acknowledged, so that an output comes back once its cause has gone.
# A task collects garbage without pause over a heap filled to half; another writes to the log.

import asyncio
import gc

from firmware import app as application
from firmware import config as configuration
from firmware import image as im
from firmware.base.secret import installers_key
from firmware.chips import current
from firmware.core import Core

_PERMITS = im.OUT_CONTACTOR | im.OUT_ENABLE | im.OUT_ISLAND
BALLAST_BYTES = 60_000


class StandingPermits:
    """In the place of core."""

    def __init__(self, board, text):
        self._image = None  # the app's
        self._shadow = im.Image()  # before the app forgets how
        board.rights.key = installers_key()
        configuration.load(text, self._shadow, board.rights)

    def of(self, app):
        self._image = app.image
        app.core = None  # there is no room for two
        gc.collect()
        self._core = Core(self._shadow)
        return self

    def step(self, dt_ms):
        shadow, commands = self._shadow, self._image.commands
        shadow.live[:] = self._image.readings
        shadow.latch()
        self._core.step(dt_ms)
        commands[im.PERMITS] = _PERMITS
        commands[im.ISLAND_STATE] = im.ISLAND_GRID
        commands[im.TRIP_ACK] = (1 << len(im.TRIP_NAMES)) - 1
        commands[im.POINT_DUTY_PERMILLE] = 267  # 16 A
        commands[im.BEAT] = (commands[im.BEAT] + 1) & 0xFFFF


async def collect():
    """A garbage collection is always under way, but for the moments others need."""
    while True:
        gc.collect()
        await asyncio.sleep_ms(0)


async def chatter(board):
    while True:
        board.log("the quick brown fox jumps over the lazy dog")
        await asyncio.sleep_ms(500)


def ballast():
    """Something for the collector to look at: half of what is free, in small objects."""
    return [(i, bytearray(48)) for i in range((gc.mem_free() - BALLAST_BYTES) // 112)]


def prepare():
    board = current()
    text = application.read_config(board)
    permits = StandingPermits(board, text)
    app = application.App(board, text)
    app.core = permits.of(app)
    for error in app.config.errors:
        print("configuration:", error)
    return app


def run(with_garbage=True):
    app = prepare()
    app.links.append(("log", lambda: chatter(app.board)))
    if with_garbage:
        app.links.append(("garbage", collect))
        app.ballast = ballast()
    print("running")
    asyncio.run(app.run())
