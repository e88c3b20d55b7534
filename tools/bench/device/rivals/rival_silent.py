# islet: a host that accepts a connection and then says nothing, as sockets.
# GPL-3.0-or-later
#
# The Pico's image has no sockets, and what is measured is how a client waits, not what carries it.

import io
import time

from rival_hold import Ended

SOCK_STREAM = 1
_POLL, _WRITABLE = 3, 4


class socket(io.IOBase):
    until_ms = 0  # when a read that blocks is broken off

    def __init__(self, *_):
        self._blocks = True

    def connect(self, _address):
        pass

    def setblocking(self, blocks):
        self._blocks = blocks

    def write(self, data, size=None):
        return len(data) if size is None else size

    def read(self, _size=-1):
        while self._blocks:
            if time.ticks_diff(self.until_ms, time.ticks_ms()) <= 0:
                raise Ended
            time.sleep_ms(1)

    def ioctl(self, request, flags):
        return flags & _WRITABLE if request == _POLL else 0

    def close(self):
        pass


def getaddrinfo(host, port, *_):
    return [(2, SOCK_STREAM, 0, "", (host, port))]
