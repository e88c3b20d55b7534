# islet: sockets for the emulated chip, which has no network: a mailbox on its bus stands in.
# GPL-3.0-or-later
#
# Named what it is: a stub, put on the chip's file system by the twin and by nobody else, so that
# the rooms that need a network can run on the emulated board. tools/rp2040/house/mailbox.mjs
# describes the registers. TCP streams only; a write takes at most 1400 bytes.

import errno
import io
import time

import machine
import micropython
from micropython import const

AF_INET, SOCK_STREAM, SOCK_DGRAM = 2, 1, 2
SOL_SOCKET, SO_REUSEADDR, SO_BROADCAST, IPPROTO_TCP = 1, 2, 6, 6

_MAGIC = 0x69736C6E
_OPEN, _SEND, _END, _LISTEN, _DEAF = const(1), const(2), const(3), const(4), const(5)
_WAITING, _ENDED, _REFUSED = const(0xFFFF), const(0x10000), const(0x20000)
_POLL, _CLOSE = const(3), const(4)
_IN, _OUT, _HUP = const(1), const(4), const(16)
_MOST = const(1400)
_OPENED, _ACCEPTED, _DATE, _KNOCKING = const(7), const(8), const(9), const(10)
_EPOCH_2020 = 1_577_836_800  # s


@micropython.viper
def _register(word: int) -> int:
    return ptr32(0x40068000)[word]


@micropython.viper
def _state(conn: int) -> int:
    box = ptr32(0x40068000)
    box[1] = conn
    return box[2]


@micropython.viper
def _command(conn: int, port: int, command: int):
    box = ptr32(0x40068000)
    box[1] = conn
    box[6] = port
    box[5] = command


@micropython.viper
def _put(source, start: int, end: int):
    box = ptr32(0x40068000)
    data = ptr8(source)
    while start < end:
        box[4] = data[start]
        start += 1


@micropython.viper
def _get(target, count: int):
    box = ptr32(0x40068000)
    data = ptr8(target)
    i = 0
    while i < count:
        data[i] = box[3]
        i += 1


def _wait(left_ms):
    """A millisecond of a blocking call; -1: for ever."""
    if left_ms == 0:
        raise OSError(errno.ETIMEDOUT)
    time.sleep_ms(1)
    return left_ms - 1 if left_ms > 0 else -1


class socket(io.IOBase):
    def __init__(self, af=AF_INET, type=SOCK_STREAM, proto=0, conn=-1):
        if type != SOCK_STREAM:
            raise OSError(errno.EINVAL)
        self._conn = conn
        self._port = 0
        self._listening = False
        self._timeout_ms = -1  # for ever

    # --- opening ---------------------------------------------------------------------------

    def connect(self, address):
        """At once: what answers is told in the next moment of the link."""
        _command(0, address[1], _OPEN)
        self._conn = _register(_OPENED)
        if self._conn < 0:
            raise OSError(errno.ENOMEM)
        if _state(self._conn) & _REFUSED:
            self.close()
            raise OSError(errno.ECONNREFUSED)

    def bind(self, address):
        self._port = address[1]

    def listen(self, backlog=2):
        _command(0, self._port, _LISTEN)
        self._listening = True

    def accept(self):
        left_ms = self._timeout_ms
        while not self._knocking():
            left_ms = _wait(left_ms)
        return socket(conn=_register(_ACCEPTED)), ("127.0.0.1", 40000)

    def _knocking(self):
        _command(0, self._port, 0)
        return _register(_KNOCKING)

    def setsockopt(self, level, option, value):
        pass

    def setblocking(self, flag):
        self._timeout_ms = -1 if flag else 0

    def settimeout(self, seconds):
        self._timeout_ms = -1 if seconds is None else int(seconds * 1000)

    # --- data --------------------------------------------------------------------------------

    def write(self, data, start=0, size=-1):
        """How many bytes were taken."""
        if self._conn < 0:
            raise OSError(errno.ENOTCONN)
        if _state(self._conn) & _ENDED:
            raise OSError(errno.ECONNRESET)
        end = min(len(data), start + _MOST if size < 0 else start + min(size, _MOST))
        _put(data, start, end)
        _command(self._conn, 0, _SEND)
        return end - start

    send = write

    def read(self, size=-1):
        """What has come, b"" at the end, None when nothing has come."""
        left_ms = self._timeout_ms
        while not _state(self._conn):  # neither data nor the end
            if self._timeout_ms == 0:
                return None
            left_ms = _wait(left_ms)
        waiting = _state(self._conn) & _WAITING
        data = bytearray(waiting if size < 0 else min(size, waiting))
        _get(data, len(data))
        return bytes(data)

    recv = read

    def readinto(self, target, size=-1):
        data = self.read(len(target) if size < 0 else min(size, len(target)))
        if data is None:
            return None
        target[: len(data)] = data
        return len(data)

    # --- events and the end ------------------------------------------------------------------

    def ioctl(self, request, flags):
        if request == _POLL:
            if self._listening:
                return flags & _IN if self._knocking() else 0
            if self._conn < 0:
                return flags & _HUP
            state = _state(self._conn)
            ready = _IN if state else 0
            ready |= _HUP if state & _ENDED else flags & _OUT
            return ready & (flags | _HUP)
        if request == _CLOSE:
            self.close()
        return 0

    def close(self):
        if self._listening:
            _command(0, self._port, _DEAF)
            self._listening = False
        if self._conn >= 0:
            _command(self._conn, 0, _END)
            self._conn = -1


def getaddrinfo(host, port, *args):
    return [(AF_INET, SOCK_STREAM, 0, "", (host, port))]


def _set_date():
    """The date, which a unit with a network gets from it."""
    minute = _register(_DATE)
    if minute >= 0:
        t = time.gmtime(_EPOCH_2020 + minute * 60)
        machine.RTC().datetime((t[0], t[1], t[2], t[6], t[3], t[4], t[5], 0))


if _register(0) != _MAGIC:
    raise ImportError("no mailbox on this chip's bus: a Pico has no network")
_set_date()
