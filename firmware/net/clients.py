# islet: who may speak to the page at once, and for how long: microdot with bounds.
# GPL-3.0-or-later
#
# microdot reads lines and writes answers without end. Here a head, a body, an answer have one
# deadline each for the whole, so that nobody holds a place by a byte now and then. Who finds no
# place waits for one, and is then told to come again; its words are read away first, for closing
# on them would be a reset, and the answer lost.
#
# Streams differ between the runtimes, and microdot's stubs know less than it takes:
# pyright: reportAttributeAccessIssue=false, reportArgumentType=false

import asyncio
import json
import sys

from microdot import Microdot, Response

from firmware.base.clock import sleep_ms, ticks_add, ticks_diff, ticks_ms, wait_for_ms
from firmware.base.viper import const

_MAX_REQUEST = const(4096)  # request line, headers and body
_REQUEST_MS = 10_000  # a whole head; and then a whole body
_ANSWER_MS = const(30_000)  # a whole answer; of a stream one state
_STALL_MS = 5_000  # one write
_CLIENTS = const(6)
_OTHERS = const(8)  # without a place: a socket each, and little else
_PATIENCE_MS = 2_000  # for a place
_LEAVE_MS = const(1_000)  # for an answer to be read
_TICK_MS = const(50)
_RESET = const(104)  # an error microdot passes over in silence
_LATE = const(110)  # errors of a request: ETIMEDOUT
_LARGE = const(27)  # EFBIG
_DEVICE = sys.implementation.name == "micropython"

# whole answers, so that they take nothing of the heap
_BUSY = (
    b"HTTP/1.0 503 Service Unavailable\r\nRetry-After: 10\r\n"
    b"Content-Type: application/json; charset=UTF-8\r\nContent-Length: 94\r\n\r\n"
    b'{"ok": false, "field": "request", "error": "all places are taken", '
    b'"allowed": "again in 10 s"}'
)
_TOO_LATE = (
    b"HTTP/1.0 408 Request Timeout\r\n"
    b"Content-Type: application/json; charset=UTF-8\r\nContent-Length: 97\r\n\r\n"
    b'{"ok": false, "field": "request", "error": "it took too long", '
    b'"allowed": "10 s, and for a body"}'
)
_TOO_LARGE = (
    b"HTTP/1.0 431 Request Header Fields Too Large\r\n"
    b"Content-Type: application/json; charset=UTF-8\r\nContent-Length: 87\r\n\r\n"
    b'{"ok": false, "field": "request", "error": "it is too large", "allowed": "4 kB in all"}'
)


# literals all, so that they stay in a chip's flash
_ERRORS = (
    # status, of what, what is wrong, what may be said
    (400, "request", "the request is not HTTP", "GET or POST with a few headers"),
    (404, "request", "there is no such page", "/, /api/state, /api/limits, /api/image, /api/log, "
     "/api/sessions, /api/events, /api/command, /api/access, /api/claim, /api/login, /api/leave, "
     "/api/people, /api/audit"),
    (405, "request", "this page does not take that method", "GET, and POST for what changes"),
    (413, "body", "the body is too large", "at most 1024 bytes"),
    (500, "request", "something went wrong inside", "try again"),
)  # fmt: skip


def answered(text, status=200):
    """JSON: as text, or in pieces."""
    headers = {
        "Content-Type": "application/json; charset=UTF-8",
        "Cache-Control": "no-store",
        "X-Content-Type-Options": "nosniff",
    }
    return Response(text, status, headers)


def refused(status, field, error, allowed):
    body = {"ok": False, "field": field, "error": error, "allowed": allowed}
    return answered(json.dumps(body), status)


class _Reader:
    """A request within _MAX_REQUEST bytes, and a deadline for its head and one for its body."""

    def __init__(self, reader):
        self._reader = reader
        self._left = _MAX_REQUEST
        self._data = b""
        self._until = 0

    def begin(self, ms=None):
        """A head, a body: from now on."""
        self._until = ticks_add(ticks_ms(), ms or _REQUEST_MS)

    async def _read(self, count):
        left_ms = ticks_diff(self._until, ticks_ms())
        try:
            if left_ms > 0:
                return await wait_for_ms(self._reader.read(count), left_ms)
        except asyncio.TimeoutError:
            pass
        raise OSError(_LATE)

    async def _more(self):
        if not self._left:
            raise OSError(_LARGE)
        data = await self._read(min(512, self._left))
        self._left -= len(data)
        self._data += data
        return data

    def _take(self, count):
        data = self._data[:count]
        self._data = self._data[count:]
        return data

    async def readline(self):
        await sleep_ms(0)  # a head's lines come at once, and microdot takes 1 ms for each
        while b"\n" not in self._data:
            if not await self._more():
                return self._take(len(self._data))
        return self._take(self._data.index(b"\n") + 1)

    async def readexactly(self, count):
        self.begin()  # of a body, for nothing else is asked for by its length
        while len(self._data) < count:
            if not await self._more():
                raise EOFError
        return self._take(count)

    async def skip(self, count):
        """Read away a body that is too large, so that our answer is not lost by a reset."""
        self.begin()
        count -= len(self._data)
        self._data = b""
        while count > 0:
            count -= len(await self._read(min(1024, count))) or count

    async def spill(self):
        """Read away what still comes, until the client leaves, for a moment."""
        self.begin(_LEAVE_MS)
        try:
            while await self._read(512):
                pass
        except OSError:
            pass


class _Writer:
    """Who takes nothing for _STALL_MS, or an answer for longer than _ANSWER_MS, is dropped."""

    def __init__(self, writer):
        self._writer = writer
        self._until = None
        self._head = b""  # lines that are kept until it is whole; None once it is sent
        self.streaming = False

    def begin(self):
        """An answer, or the next state of a stream."""
        self._until = ticks_add(ticks_ms(), _ANSWER_MS)

    def get_extra_info(self, name):
        return self._writer.get_extra_info(name)

    async def awrite(self, data):
        """microdot writes a head line by line: each would be a packet of its own."""
        if self._head is not None:
            await sleep_ms(0)  # making the answer and writing its head would be 9 ms in one turn
            self._head += data
            if data[-2:] == b"\r\n" and len(data) > 2:
                return
            data, self._head = self._head, None
        if self._until is None:
            self.begin()
        left_ms = ticks_diff(self._until, ticks_ms())
        try:
            if left_ms > 0:
                return await wait_for_ms(self._writer.awrite(data), min(left_ms, _STALL_MS))
        except asyncio.TimeoutError:
            pass
        raise OSError(_RESET)

    async def aclose(self):
        """Nothing: `close` follows in any case."""

    async def close(self, whole):
        """Once only: a second close would hit whoever got the same descriptor meanwhile."""
        if _DEVICE:
            self._writer.s.close()
            return
        if whole:
            try:
                self._writer.close()
                await wait_for_ms(self._writer.wait_closed(), _STALL_MS)
                return
            except (OSError, asyncio.TimeoutError):
                pass
        self._writer.transport.abort()


class Server(Microdot):
    """Microdot with bounds."""

    def __init__(self, paths, pages, places=_CLIENTS, waiting=_OTHERS):
        super().__init__()
        self.places = places
        self.waiting = waiting  # how many may wait for one
        self.paths = paths  # (method, path, name of the handler among the `pages`)
        self.pages = pages
        self.stray = None  # stray(request): a handler for what nobody knows, or None
        self.clients = 0  # who have a place
        self.streams = 0
        self.dropped = 0
        self._others = 0
        self._queue = []  # of those who wait for a place

    def find_route(self, req):
        """The table is short: nothing is made of it and kept."""
        req.url_args = {}
        method = "GET" if req.method == "HEAD" else req.method
        found = 404
        for row in self.paths:
            if row[1] == req.path:
                if row[0] == method:
                    return getattr(self.pages, row[2]), "", None
                found = 405
        handler = self.stray(req) if self.stray is not None else None
        return handler or found, "", None

    async def error_response(self, req, status_code, reason=None):
        if status_code == 413:
            await req.stream.skip(req.content_length)
        for row in _ERRORS:
            if row[0] == status_code:
                break
        return refused(*row)

    async def handle_request(self, reader, writer):
        reader, writer = _Reader(reader), _Writer(writer)
        whole = False
        try:
            refusal = _BUSY
            if await self._place(writer):
                try:
                    refusal = await self._answer(reader, writer)
                finally:
                    self.clients -= 1
                    self.streams -= writer.streaming
            if refusal:
                await self._part(reader, writer, refusal)
            whole = True
        except (OSError, EOFError, ValueError):
            self.dropped += 1  # the client's fault or its network's
        finally:
            await writer.close(whole)

    async def _place(self, who):
        """Whether it has got one: at once, or in its turn within _PATIENCE_MS."""
        queue = self._queue
        if (queue or self.clients >= self.places) and self._others < self.waiting:
            queue.append(who)
            self._others += 1
            try:
                until = ticks_add(ticks_ms(), _PATIENCE_MS)
                while self.clients >= self.places or queue[0] is not who:
                    if ticks_diff(until, ticks_ms()) <= 0:
                        return False
                    await sleep_ms(_TICK_MS)
            finally:
                self._others -= 1
                queue.remove(who)
        elif self.clients >= self.places or queue:
            return False
        self.clients += 1
        return True

    async def _answer(self, reader, writer):
        """What has to be said instead, None after an answer."""
        reader.begin()
        try:
            await super().handle_request(reader, writer)
        except OSError as error:
            if error.errno not in (_LATE, _LARGE):
                raise
            return _TOO_LATE if error.errno == _LATE else _TOO_LARGE

    async def _part(self, reader, writer, refusal):
        """Say it, and see to it that it is heard, as far as there is room for those who leave."""
        self.dropped += 1
        await writer.awrite(refusal)
        if self._others < _OTHERS:
            self._others += 1
            try:
                await reader.spill()
            finally:
                self._others -= 1
