# islet: the page and its JSON over HTTP, on microdot.
# GPL-3.0-or-later
#
# PATHS says what there is to get.
#
# The token travels in a header that no other site's page can make a browser send, so there are no
# cookies and nothing to forge. microdot reads lines and waits without bound: `_Reader`, `_Writer`
# bound both, `Server.handle_request` bounds the number of clients. Its own event queue grows with
# a slow client; ours is none: each client's stream is built when it can take it, or it is dropped.
#
# Streams differ between the runtimes, and microdot's stubs know less than it takes:
# pyright: reportAttributeAccessIssue=false, reportArgumentType=false

import asyncio
import json
import sys

from microdot import Microdot, Request, Response
from microdot import microdot as _microdot

from firmware.base import strict_json
from firmware.people.asked import OWNER
from firmware.people.state import raw

PATHS = (
    # method, path, what answers it; what it gives: tools/docs/people.py
    ("GET", "/", "_index"),
    ("GET", "/api/state", "_state"),
    ("GET", "/api/limits", "_limits"),
    ("GET", "/api/image", "_image"),
    ("GET", "/api/log", "_log"),
    ("GET", "/api/sessions", "_sessions"),
    ("GET", "/api/events", "_stream"),
    ("POST", "/api/command", "_command"),
)
MAX_BODY = 1024
_MAX_REQUEST = 4096  # request line, headers and body
_MAX_READS = 64
_DEADLINE_S = 5  # one read or one write
_CLIENTS = 6
_STREAMS = 3
_TICK_MS = 250
_STATE_MIN_MS = 1_000
_STATE_MAX_MS = 10_000
_RESET = 104  # an error microdot passes over in silence
_DEVICE = sys.implementation.name == "micropython"

_ERRORS = {
    400: ("the request is not HTTP", "GET or POST with a few headers"),
    404: ("there is no such page", ", ".join([row[1] for row in PATHS])),
    405: ("this page does not take that method", "GET, and POST for /api/command"),
    413: ("the body is too large", "at most {} bytes".format(MAX_BODY)),
    500: ("something went wrong inside", "try again"),
}
_PAGE_HEADERS = {
    "Content-Type": "text/html; charset=UTF-8",
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; "
    "script-src 'unsafe-inline'; connect-src 'self'; img-src data:; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-cache",
}
_JSON_HEADERS = {
    "Content-Type": "application/json; charset=UTF-8",
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
}

if _DEVICE:
    _sleep_ms = asyncio.sleep_ms
else:

    def _sleep_ms(ms):
        return asyncio.sleep(ms / 1000)


def _error(status, field, error, allowed):
    body = {"ok": False, "field": field, "error": error, "allowed": allowed}
    return Response(json.dumps(body), status, dict(_JSON_HEADERS))


def _json(value, status=200):
    return Response(json.dumps(value), status, dict(_JSON_HEADERS))


def _same(a, b):
    """Compare two tokens in a time that tells nothing about them."""
    a, b = a.encode(), b.encode()
    different = len(a) ^ len(b)
    for i in range(len(a)):
        different |= a[i] ^ (b[i] if i < len(b) else 1)
    return not different


class _Reader:
    """A request within _MAX_REQUEST bytes, _MAX_READS reads and a deadline each."""

    def __init__(self, reader):
        self._reader = reader
        self._left = _MAX_REQUEST
        self._reads = _MAX_READS
        self._data = b""

    async def _more(self):
        if not self._left or not self._reads:
            raise ValueError("request too large or too slow")
        data = await asyncio.wait_for(self._reader.read(min(512, self._left)), _DEADLINE_S)
        self._left -= len(data)
        self._reads -= 1
        self._data += data
        return data

    def _take(self, count):
        data = self._data[:count]
        self._data = self._data[count:]
        return data

    async def readline(self):
        while b"\n" not in self._data:
            if not await self._more():
                return self._take(len(self._data))
        return self._take(self._data.index(b"\n") + 1)

    async def readexactly(self, count):
        while len(self._data) < count:
            if not await self._more():
                raise EOFError
        return self._take(count)

    async def skip(self, count):
        """Read away a body that is too large, so that our answer is not lost by a reset."""
        count -= len(self._data)
        self._data = b""
        for _ in range(_MAX_READS):
            if count <= 0:
                break
            data = await asyncio.wait_for(self._reader.read(min(1024, count)), _DEADLINE_S)
            count -= len(data) or count


class _Writer:
    """Each write has a deadline: who takes nothing for so long is dropped."""

    def __init__(self, writer):
        self._writer = writer
        self.streaming = False

    def get_extra_info(self, name):
        return self._writer.get_extra_info(name)

    async def awrite(self, data):
        try:
            await asyncio.wait_for(self._writer.awrite(data), _DEADLINE_S)
        except asyncio.TimeoutError:
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
                await asyncio.wait_for(self._writer.wait_closed(), _DEADLINE_S)
                return
            except (OSError, asyncio.TimeoutError):
                pass
        self._writer.transport.abort()


class Server(Microdot):
    """Microdot with bounds."""

    def __init__(self):
        super().__init__()
        self.clients = 0
        self.streams = 0
        self.dropped = 0

    async def handle_request(self, reader, writer):
        writer = _Writer(writer)
        whole = False
        self.clients += 1
        try:
            if self.clients <= _CLIENTS:
                await super().handle_request(_Reader(reader), writer)
                whole = True
            else:
                self.dropped += 1
        except (OSError, EOFError, ValueError, asyncio.TimeoutError):
            self.dropped += 1  # the client's fault or its network's
        finally:
            self.clients -= 1
            self.streams -= writer.streaming
            await writer.close(whole)


class _Events:
    """The body of /api/events: a state at each change, once a second at most, and every 10 s."""

    def __init__(self, state, commands):
        self._state = state
        self._commands = commands
        self._pieces = None
        self._signature = None
        self._since_ms = _STATE_MAX_MS

    def __aiter__(self):
        return self

    async def __anext__(self):
        if self._pieces is None:
            await self._wait()
            # a stream that is read slowly may mix two moments; the next state mends it
            self._pieces = self._state.take().pieces()
            return b"data: "
        try:
            return next(self._pieces).encode()
        except StopIteration:
            self._pieces = None
            return b"\n\n"

    async def _wait(self):
        while True:
            signature = self._state.signature() + (self._commands.done if self._commands else 0)
            changed = signature != self._signature and self._since_ms >= _STATE_MIN_MS
            if changed or self._since_ms >= _STATE_MAX_MS:
                break
            await _sleep_ms(_TICK_MS)
            self._since_ms += _TICK_MS
        self._signature = signature
        self._since_ms = 0

    async def aclose(self):
        pass


def _page():
    """(body, extra headers): the packed page if the image has one, else the file."""
    try:
        from islet_data import WEB_INDEX_GZ

        return WEB_INDEX_GZ, {"Content-Encoding": "gzip"}
    except ImportError:
        for place in sys.path:
            try:
                return open(place + "/firmware/web/index.html", "rb"), {}
            except OSError:
                pass
        raise


class Http:
    """The web server; `await run()` for ever.

    settings: "http.host", "http.port", "http.token" by path; state: State; commands: Commands,
    or None while the configuration has errors; events: Events; ledger: Ledger or None.
    """

    def __init__(self, settings, state, commands=None, events=None, ledger=None):
        self.host = settings["http.host"]  # never empty: firmware/assembly.py
        self.port = settings["http.port"]
        self.token = settings["http.token"] or ""
        self.state = state
        self.commands = commands
        self.events = events
        self.ledger = ledger
        self.app = Server()
        Request.max_content_length = Request.max_body_length = MAX_BODY
        _microdot.print_exception = self._note
        self.failures = 0
        self._routes()

    async def run(self):
        await self.app.start_server(host=self.host, port=self.port)

    def counters(self):
        """For the published state."""
        app = self.app
        return {
            "bound": "{}:{}".format(self.host, self.port),
            "clients": app.clients,
            "streams": app.streams,
            "dropped": app.dropped,
            "failures": self.failures,
        }

    def _note(self, _):
        """microdot would print a traceback for each malformed request."""
        self.failures += 1

    def _routes(self):
        app = self.app
        for method, path, handler in PATHS:
            app.route(path, [method])(getattr(self, handler))
        for status in _ERRORS:
            app.errorhandler(status)(self._error_handler(status))

    @staticmethod
    def _error_handler(status):
        async def handler(request):
            if status == 413:
                await request.stream.skip(request.content_length)
            error, allowed = _ERRORS[status]
            return _error(status, "body" if status == 413 else "request", error, allowed)

        return handler

    async def _index(self, _):
        body, headers = _page()
        headers.update(_PAGE_HEADERS)
        return Response(body, 200, headers)

    async def _state(self, _):
        return Response(self.state.take().pieces(), 200, dict(_JSON_HEADERS))

    async def _limits(self, _):
        return Response(self.state.take().row_pieces("limits"), 200, dict(_JSON_HEADERS))

    async def _image(self, _):
        return Response(self._image_pieces(), 200, dict(_JSON_HEADERS))

    def _image_pieces(self):
        section_lead = "{"
        for name, fields in raw(self.state.image):
            yield section_lead + '"' + name + '":'
            section_lead = ","
            lead = "{"
            for field, value in fields:
                yield lead + '"' + field + '":' + json.dumps(value)
                lead = ","
            yield "}"
        yield "}"

    async def _log(self, _):
        if not self.events:
            return _json([])
        _, texts = self.events.after(0)
        return Response("[" + ",".join(texts) + "]", 200, dict(_JSON_HEADERS))

    async def _sessions(self, _):
        return Response(self._session_pieces(), 200, dict(_JSON_HEADERS))

    def _session_pieces(self):
        lead = "["
        for session in self.ledger.closed() if self.ledger else ():
            yield lead + json.dumps(session)
            lead = ","
        yield "]" if lead == "," else "[]"

    async def _stream(self, request):
        if self.app.streams >= _STREAMS:
            return _error(
                503, "request", "{} clients are listening".format(_STREAMS), "use /api/state"
            )
        self.app.streams += 1
        request.sock[1].streaming = True
        headers = {"Content-Type": "text/event-stream", "Cache-Control": "no-store"}
        return Response(_Events(self.state, self.commands), 200, headers)

    # --- commands -------------------------------------------------------------------------------

    async def _command(self, request):
        refusal = self._authorise(request)
        if refusal:
            return refusal
        if not self.commands:
            return _error(503, "configuration", "it has errors, see /api/state", "mend it first")
        try:
            body = strict_json.loads(request.body)
        except ValueError as error:
            problem = "is not JSON, {}".format(error)
            return _error(400, "body", problem, 'an object like {"command": "goal", …}')
        if not isinstance(body, dict) or not isinstance(body.get("command"), str):
            return _error(400, "command", "is missing", 'an object like {"command": "goal", …}')
        answer = self.commands.handle(body["command"], body, (OWNER,))
        return _json(answer, 200 if answer["ok"] else 400)

    def _authorise(self, request):
        if not self.token:
            return _error(
                403, "token", "no token is configured, so this page is read-only", "set http.token"
            )
        header = request.headers.get("Authorization", "")
        if header[:7].lower() != "bearer " or not _same(header[7:].strip(), self.token):
            response = _error(
                401, "Authorization", "the token is missing or wrong", "Bearer <http.token>"
            )
            response.headers["WWW-Authenticate"] = "Bearer"
            return response
        return None
