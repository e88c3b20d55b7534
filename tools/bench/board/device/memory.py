# islet: what is left of the heap with all rooms loaded, and whether it shrinks.
# GPL-3.0-or-later
#
# A Pico has no socket; `SocketStub` stands in for one by name. It accepts nothing and reaches
# nobody, so what is measured is the code and the buffers, not the traffic.

import asyncio
import gc
import io
import sys

import micropython


class SocketStub(io.IOBase):
    AF_INET = SOCK_STREAM = 1
    SOL_SOCKET = SO_REUSEADDR = 0

    def __init__(self, *_):
        pass

    def ioctl(self, _request, _argument):
        return 0  # never ready

    def readinto(self, _buffer):
        return None

    def write(self, _buffer):
        return None

    def connect(self, _address):
        raise OSError(113)

    def setblocking(self, _how):
        pass

    settimeout = bind = listen = setblocking

    def setsockopt(self, *_):
        pass

    def close(self):
        pass


class SocketModule:
    socket = SocketStub
    AF_INET = SOCK_STREAM = 1
    SOL_SOCKET = SO_REUSEADDR = 0

    def getaddrinfo(self, *_):
        return [(1, 1, 0, "", ("127.0.0.1", 1883))]


sys.modules["socket"] = sys.modules["usocket"] = SocketModule()

from firmware import app as application  # noqa: E402
from firmware.chips import current  # noqa: E402


async def probe():
    """The heap, collected, once a minute, the first time after ten seconds."""
    await asyncio.sleep_ms(10_000)
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
