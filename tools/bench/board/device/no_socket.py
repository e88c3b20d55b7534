# islet: what stands in for a socket on a board without one, by name.
# GPL-3.0-or-later
#
# It accepts nothing and reaches nobody, so what is measured is the code and the buffers, not the
# traffic.

import io
import sys


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
