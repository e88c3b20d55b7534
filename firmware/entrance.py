# islet: the parts of who may come in: made when somebody comes, let go when nobody is there.
# GPL-3.0-or-later
#
# firmware/access says when; all of it is 7 kB of a chip's heap.

import gc

from machine import reset as restart  # noqa: F401
from machine import unique_id

from firmware.base import forget
from firmware.base.clock import sleep_ms
from firmware.ledger import may_erase
from firmware.people import events
from firmware.people.standing import energised

_SELDOM = (
    "firmware.access.",
    "firmware.ledger.audit",
    "firmware.net.door",
    "firmware.base.secret",
    "firmware.entrance",
)


def inside(parts, gate):
    """Who decides."""
    from firmware.access.inside import Access
    from firmware.access.people import People

    def may_write():
        if parts.config.errors:
            return not energised(parts.image, parts.names, False)
        return may_erase(parts.image)

    def say(what):
        parts.events.add(events.ACCESS + what)

    storage = parts.board.storage
    people = People(storage + "/" if isinstance(storage, str) else "")
    access = Access(people, unique_id(), may_write, say, gate)
    access.lamp = parts.lamp
    return access


async def write(parts, gate):
    """What was done goes into the trail, where there is one."""
    from firmware.ledger.audit import open_trail

    if gate.trail is None and parts.store is not None:
        await sleep_ms(0)
        trail = open_trail(parts.board.storage, parts.image)
        await sleep_ms(0)
        if trail is not None:
            for _ in trail.scan():  # 2 ms each
                await sleep_ms(0)
        if gate.trail is None:  # nobody else was quicker
            gate.trail = trail
    notes, gate.notes = gate.notes, []
    if gate.trail is not None:
        gate.trail.missed |= gate.missed
        gate.missed = False
        for what in notes:
            gate.trail.note(*what)
            await sleep_ms(0)


def let_go(gate):
    """All of it."""
    if gate.here is not None:
        gate.known = gate.here.delays.known()
    gate.here = gate.trail = None
    gate.unused_s = 0
    forget(*_SELDOM)
    gc.collect()  # what is made next and lasts shall lie where this was
