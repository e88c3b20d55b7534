# islet: the published state as text, by json.dumps in one go and by islet in slices.
# GPL-3.0-or-later
#
# The rival has its state as a dictionary already, which islet would first have to make.

import asyncio
import gc
import json
import time

from slices import measure

from firmware import app as application
from firmware.chips import current

_made = []


def _state():
    """Of an app that does not run: what it publishes at its start."""
    if not _made:
        board = current()
        app = application.App(board, application.read_config(board))
        if app.config.errors:
            raise ValueError(app.config.errors[0])
        _made.append(app.state)
    return _made[0]


def _allocated(work):
    """Bytes of heap that it takes, with what it throws away."""
    gc.collect()
    gc.disable()
    before = gc.mem_alloc()
    work()
    after = gc.mem_alloc()
    gc.enable()
    return after - before


def _write():
    for _ in _state().published.slices():
        pass


def rival(_limit_ms):
    _write()
    published = _state().published
    state = json.loads(bytes(memoryview(published.text)[: published.size]))

    def dump():
        json.dumps(state)

    gc.collect()
    start = time.ticks_us()
    dump()
    us = time.ticks_diff(time.ticks_us(), start)
    return {"hold_us": us, "us": us, "heap": _allocated(dump), "size": published.size}


def islet(_limit_ms):
    longest_us, us, slices, size = asyncio.run(measure(_state()))
    heap = _allocated(_write)
    return {"hold_us": longest_us, "us": us, "heap": heap, "size": size, "slices": slices}
