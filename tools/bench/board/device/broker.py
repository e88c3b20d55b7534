# islet: what stands in for a socket and a broker behind it, who takes all that comes, at once.
# GPL-3.0-or-later

import io
import sys

_CONNECT, _PING = 0x10, 0xC0
_READ, _WRITE = 1, 4  # of poll


class Broker(io.IOBase):
    """One socket for everybody, also who listens: nobody calls there."""

    AF_INET = SOCK_STREAM = 1
    SOL_SOCKET = SO_REUSEADDR = 0
    answer = b""
    taken = 0

    def __call__(self, *_):
        return self

    def ioctl(self, _request, flags):
        return flags & (_WRITE | (_READ if self.answer else 0))

    def read(self, count):
        data, self.answer = self.answer[:count], self.answer[count:]
        return data or None

    def write(self, data):
        first = data[0]
        if first == _CONNECT:
            self.answer = b"\x20\x02\x00\x00"
        elif first == _PING:
            self.answer = b"\xd0\x00"
        self.taken += len(data)
        return len(data)

    def nothing(self, *_):
        pass

    connect = setblocking = settimeout = bind = listen = setsockopt = close = nothing

    def getaddrinfo(self, *_):
        return [(1, 1, 0, "", ("127.0.0.1", 1883))]


broker = Broker()
broker.socket = broker
sys.modules["socket"] = sys.modules["usocket"] = broker
