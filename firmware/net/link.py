# islet: one TCP connection to a named host, every wait with a deadline; nothing blocks the loop.
# GPL-3.0-or-later
#
# Looking a name up holds the loop for as long as the stack likes, so it is done at zero power only
# (INV-9). What was found is kept and used again, however much power flows; it is looked up anew,
# at zero power again, when nobody answers there any more.
#
# Only one task writes to the stream: MicroPython's `drain` forgets what another adds meanwhile.
#
# Streams differ between the runtimes, so no stub fits both:
# pyright: reportAttributeAccessIssue=false, reportArgumentType=false

import asyncio
import sys

from firmware import image as im
from firmware.base.clock import ticks_add, ticks_diff, ticks_ms, wait_for_ms
from firmware.base.viper import const

_STALL_MS = const(5_000)  # a single write
_TURN_MS = const(10_000)  # all that is said at once
_DEVICE = sys.implementation.name == "micropython"


def quiet(image):
    """True at zero power: what holds the loop for long may happen now (INV-9)."""
    site, commands = image.site, image.commands
    if commands[im.PERMITS] & im.OUT_CONTACTORS:
        return False
    for device in range(im.DEVICES):
        kind = site[im.DEVICE_KIND + device]  # a point's offer stands while a car waits
        if kind != im.KIND_NONE and kind != im.KIND_POINT and commands[im.SETPOINT + device]:
            return False
    return True


class Link:
    """A connection at a time to the same host."""

    def __init__(self, host, port, image, lan=None):
        self.host = host
        self.port = port
        self.image = image
        self.lan = lan  # a network of our own driver, in the place of sockets
        self.reader = self.writer = None
        self.doubted = True  # nobody has answered at the address that is kept
        self._named = not host.replace(".", "").isdigit()
        self._found = None  # what a look-up gave: family, type, …, address

    async def open(self, first):
        """Connect and send the bytes `first`."""
        self.begin()
        if self.lan is not None:
            if self._found is None or self.doubted:
                self._found = await self.lan.resolve(self.host)  # holds nobody up
            self.reader = self.writer = await self.lan.connect(self._found, self.port)
            await self.writer.awrite(first)
            return
        if not _DEVICE:
            self.reader, self.writer = await asyncio.open_connection(self.host, self.port)
            self.writer.write(first)
            return
        import socket
        from errno import EINPROGRESS

        info = self._address()
        sock = socket.socket(info[0], info[1], info[2])
        self.reader = self.writer = asyncio.StreamReader(sock)  # closed by `close` in any case
        sock.setblocking(False)
        try:
            sock.connect(info[-1])
        except OSError as error:
            if error.errno != EINPROGRESS:
                raise
        self.writer.out_buf = first  # drain waits until the socket is connected, then writes
        await self.writer.drain()

    def waiting(self):
        """Whether the name should be looked up, and must not now."""
        if self.lan is not None:
            return False
        return self._named and self.doubted and not quiet(self.image)

    def _address(self):
        import socket

        if self.doubted and not self.waiting():
            try:
                self._found = socket.getaddrinfo(self.host, self.port, 0, socket.SOCK_STREAM)[0]
            except OSError:
                if self._found is None:
                    raise
        if self._found is None:
            raise OSError("has not been looked up yet")
        return self._found

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
        if not self.writer:
            return
        if self.lan is not None or _DEVICE:
            self.writer.s.close()
        else:
            self.writer.transport.abort()  # `close` would wait for a peer that hangs
        self.reader = self.writer = None
