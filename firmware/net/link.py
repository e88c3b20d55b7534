# islet: one TCP connection to a named host, every wait with a deadline; nothing blocks the loop.
# GPL-3.0-or-later
#
# Where looking a name up holds the loop it is done at zero power only (INV-9); the network knows.
# What was found is kept and used again, however much power flows; it is looked up anew when nobody
# answers there any more.
#
# Only one task writes to the stream: MicroPython's `drain` forgets what another adds meanwhile.

import asyncio

from firmware.base.clock import ticks_add, ticks_diff, ticks_ms, wait_for_ms
from firmware.base.viper import const

_STALL_MS = const(5_000)  # a single write
_TURN_MS = const(10_000)  # all that is said at once


class Link:
    """A connection at a time to the same host; network: net/plain.py says what it can do."""

    def __init__(self, host, port, network):
        self.host = host
        self.port = port
        self.network = network
        self.reader = self.writer = None
        self.doubted = True  # nobody has answered at the address that is kept
        self._named = not host.replace(".", "").isdigit()
        self._found = None  # what a look-up gave

    async def open(self, first):
        """Connect and send the bytes `first`."""
        self.begin()
        if self.doubted and not self.waiting():
            try:
                self._found = await self.network.resolve(self.host, self.port)
            except OSError:
                if self._found is None:
                    raise
        if self._found is None:
            raise OSError("has not been looked up yet")
        stream = await self.network.connect(self._found, self.port, first)
        self.reader = self.writer = stream

    def waiting(self):
        """Whether the name should be looked up, and must not now."""
        return self._named and self.doubted and self.network.waits()

    def begin(self):
        """What is said from now on has one deadline for the whole."""
        self._until = ticks_add(ticks_ms(), _TURN_MS)

    async def send(self, data):
        self.writer.write(data)
        left_ms = ticks_diff(self._until, ticks_ms())
        try:
            if left_ms > 0:
                return await wait_for_ms(self.writer.drain(), min(left_ms, _STALL_MS))
        except asyncio.TimeoutError:
            pass
        raise OSError("does not take what it is told")

    async def close(self):
        if self.writer:
            self.writer.s.close()
            self.reader = self.writer = None
