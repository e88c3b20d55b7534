# islet: sockets of the simulated chip: streams through the link on virtual time, else real ones.
# GPL-3.0-or-later

import errno
import io
import sys

import hostlink
import link_words as words
import uselect
import usocket
from micropython import const

AF_INET, SOCK_STREAM, SOCK_DGRAM = 2, 1, 2
SOL_SOCKET, SO_REUSEADDR, SO_BROADCAST, IPPROTO_TCP = 1, 2, 6, 6

_ENFILE, _EPROTONOSUPPORT = const(23), const(93)  # errno of the RP2040 lacks them
_POLL, _CLOSE = const(3), const(4)
_IN, _OUT, _HUP = const(1), const(4), const(16)
_CONNS = const(128)  # ours are below, those the twin opens from here on
_MOST = const(1400)  # bytes of one segment

_open = {}  # conn -> socket
_listening = {}  # port -> socket


class _Socket(io.IOBase):
    stirs = True  # becomes readable with hostlink.stirs alone

    def __init__(self, af=AF_INET, type=SOCK_STREAM, proto=0):
        if af != AF_INET or type != SOCK_STREAM:
            raise OSError(_EPROTONOSUPPORT)
        self._conn = None
        self._port = None
        self._timeout_ms = None  # None blocks, 0 does not wait
        self._received = bytearray()
        self._ended = False  # the other side closed
        self._refused = False
        self._backlog = None  # a listening socket's accepted connections
        self.files = uselect.poll()

    # --- opening ---------------------------------------------------------------------------

    def connect(self, address):
        self._conn = _free_conn()
        _open[self._conn] = self
        port = address[1].to_bytes(2, "little")
        hostlink.send(words.TO_NET_OPEN, bytes((self._conn,)) + port, words.WHY_NET)
        hostlink.exchange()  # the answer says at once whether somebody listens
        if self._refused:
            self._forget()
            raise OSError(errno.ECONNREFUSED)

    def bind(self, address):
        self._port = address[1]

    def listen(self, backlog=2):
        if self._port in _listening:
            raise OSError(errno.EADDRINUSE)
        self._backlog = []
        _listening[self._port] = self

    def accept(self):
        if self._backlog is None:
            raise OSError(errno.EINVAL)
        if not self._backlog and not self._wait():
            raise OSError(errno.EAGAIN if self._timeout_ms == 0 else errno.ETIMEDOUT)
        return self._backlog.pop(0), ("127.0.0.1", 40000)

    def setsockopt(self, level, option, value):
        pass

    def setblocking(self, flag):
        self._timeout_ms = None if flag else 0

    def settimeout(self, seconds):
        self._timeout_ms = None if seconds is None else int(seconds * 1000)

    # --- data ------------------------------------------------------------------------------

    def write(self, data, *limits):
        data = data.encode() if isinstance(data, str) else bytes(data)
        if len(limits) == 1:
            data = data[: limits[0]]
        elif limits:
            data = data[limits[0] : limits[0] + limits[1]]
        if self._conn is None:
            raise OSError(errno.ENOTCONN)
        if self._ended:
            raise OSError(errno.ECONNRESET)
        for at in range(0, len(data), _MOST):
            part = bytes((self._conn,)) + data[at : at + _MOST]
            hostlink.send(words.TO_NET_TX, part, words.WHY_NET)
        return len(data)

    send = sendall = write

    def read(self, size=-1):
        """A blocking socket reads all that is asked for, or up to the end."""
        while not self._ended and (size < 0 or len(self._received) < size):
            if not self._wait():
                if self._timeout_ms:
                    raise OSError(errno.ETIMEDOUT)
                break
        if not self._received and not self._ended:
            return None
        return self._take(len(self._received) if size < 0 else size)

    def recv(self, size):
        if not self._received and not self._ended and not self._wait():
            raise OSError(errno.EAGAIN if self._timeout_ms == 0 else errno.ETIMEDOUT)
        return self._take(size)

    def readinto(self, buffer, size=-1):
        data = self.read(len(buffer) if size < 0 else min(size, len(buffer)))
        if data is None:
            return None
        buffer[: len(data)] = data
        return len(data)

    def readline(self):
        while True:
            end = self._received.find(b"\n") + 1
            if end or self._ended:
                return self._take(end or len(self._received))
            if not self._wait():
                return self._take(len(self._received)) if self._received else None

    def _take(self, size):
        data = bytes(self._received[:size])
        self._received = self._received[size:]
        return data

    def _wait(self):
        """Let time pass until something comes; False when the time-out is over."""
        if self._timeout_ms == 0:
            return False
        limit = self._timeout_ms
        due = hostlink.NEVER if limit is None else hostlink.due_after(limit * 1000)
        before = len(self._received)
        return hostlink.run(due, _More(self, before))

    # --- events and the end ------------------------------------------------------------------

    def ioctl(self, request, flags):
        if request == _POLL:
            if self._backlog is not None:
                return flags & _IN if self._backlog else 0
            ready = _OUT if self._conn is not None and not self._ended else 0
            if self._received or self._ended:
                ready |= _IN
            return (flags & ready) | (_HUP if self._ended else 0)
        if request == _CLOSE:
            self.close()
        return 0

    def close(self):
        if self._backlog is not None:
            _listening.pop(self._port, None)
            self._backlog = None
        if self._conn is not None:
            hostlink.send(words.TO_NET_CLOSE, bytes((self._conn,)), words.WHY_NET)
            self._forget()

    def _forget(self):
        _open.pop(self._conn, None)
        self._conn = None

    def makefile(self, *args):
        return self

    def __enter__(self):
        return self

    def __exit__(self, *args):
        self.close()


class _More:
    """Waits for more than is there: data, the end, or a connection."""

    def __init__(self, sock, count):
        self.sock, self.count = sock, count
        self.files = sock.files

    def ready(self):
        sock = self.sock
        return len(sock._received) > self.count or sock._ended or bool(sock._backlog)


def _free_conn():
    for conn in range(_CONNS):
        if conn not in _open:
            return conn
    raise OSError(_ENFILE)


def _on_net(tag, conn, value):
    """What the twin says about a connection."""
    hostlink.stirs += 1
    if tag == words.FROM_NET_ACCEPT:
        server = _listening.get(value)
        sock = _Socket()
        sock._conn = conn
        if server is None:
            hostlink.send(words.TO_NET_CLOSE, bytes((conn,)), words.WHY_NET)
            return
        _open[conn] = sock
        server._backlog.append(sock)
        return
    sock = _open.get(conn)
    if sock is None:
        return  # closed by us in the meantime
    if tag == words.FROM_NET_RX:
        sock._received.extend(value)
    elif tag == words.FROM_NET_REFUSED:
        sock._refused = sock._ended = True
    else:
        sock._ended = True


def _getaddrinfo(host, port, *args):
    return [(AF_INET, SOCK_STREAM, 0, "", (host, port))]


# umqtt imports usocket, which no file can shadow
if hostlink.is_virtual:
    socket, getaddrinfo = _Socket, _getaddrinfo
    hostlink.on_net = _on_net
    sys.modules["usocket"] = sys.modules["socket"]
else:
    socket, getaddrinfo = usocket.socket, usocket.getaddrinfo
