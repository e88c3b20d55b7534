# islet: the page and its JSON over HTTP, on microdot.
# GPL-3.0-or-later
#
# PATHS says what there is to get.
#
# Who may ask for what: `door.py`; how many, and for how long: `clients.py`. microdot's event queue
# grows with a slow client; ours is none: each client's stream is built when it can take it, or it
# is dropped.
#
# microdot's stubs know less than it takes:
# pyright: reportAttributeAccessIssue=false, reportArgumentType=false

import json
import sys

from microdot import Request, Response
from microdot import microdot as _microdot

from firmware.base.clock import sleep_ms
from firmware.base.viper import const
from firmware.net.clients import Server, answered, refused
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
    ("POST", "/api/command", "_door"),
    ("GET", "/api/access", "_door"),
    ("POST", "/api/claim", "_door"),
    ("POST", "/api/login", "_door"),
    ("POST", "/api/leave", "_door"),
    ("GET", "/api/people", "_door"),
    ("POST", "/api/people", "_door"),
    ("GET", "/api/audit", "_door"),
)
MAX_BODY = 1024
_STREAMS = const(3)
_TICK_MS = const(250)
_STATE_MIN_MS = const(1_000)
_STATE_MAX_MS = 10_000


def _page_headers():
    return {
        "Content-Type": "text/html; charset=UTF-8",
        "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; "
        "script-src 'unsafe-inline'; connect-src 'self'; img-src data:; base-uri 'none'; "
        "form-action 'none'; frame-ancestors 'none'",
        "X-Content-Type-Options": "nosniff",
        "Cache-Control": "no-cache",
    }


class _Events:
    """The body of /api/events: a state at each change, once a second at most, and every 10 s."""

    def __init__(self, state, commands, writer):
        self._state = state
        self._commands = commands
        self._writer = writer
        self._reader = None
        self._signature = None
        self._since_ms = _STATE_MAX_MS

    def __aiter__(self):
        return self

    async def __anext__(self):
        if self._reader is None:
            state = await self._wait()
            self._reader = await self._state.published.read(state)
            self._writer.begin()
            return b"data: "
        try:
            return await self._reader.__anext__()
        except StopAsyncIteration:
            await self.aclose()
            return b"\n\n"

    async def _wait(self):
        """Until there is something to tell; the state's signature."""
        while True:
            state = self._state.signature()
            signature = state + (self._commands.done if self._commands else 0)
            changed = signature != self._signature and self._since_ms >= _STATE_MIN_MS
            if changed or self._since_ms >= _STATE_MAX_MS:
                break
            await sleep_ms(_TICK_MS)
            self._since_ms += _TICK_MS
        self._signature = signature
        self._since_ms = 0
        return state

    async def aclose(self):
        if self._reader is not None:
            await self._reader.aclose()
            self._reader = None


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

    settings: "http.host", "http.port", "http.name", "http.token" by path; state: State;
    commands: Commands, or None while the configuration has errors; events: Events; ledger: Ledger
    or None; network: who serves it; access: firmware/access, or None.
    """

    def __init__(
        self, settings, state, commands=None, events=None, ledger=None, network=None, access=None
    ):
        self.host = settings["http.host"]  # never empty: firmware/assembly.py
        self.port = settings["http.port"]
        self.token = settings["http.token"] or ""
        self.name = (settings["http.name"] or "").lower()
        self.access = access
        self.state = state
        self.commands = commands
        self.events = events
        self.ledger = ledger
        self.network = network
        self.app = Server(PATHS, self)
        Request.max_content_length = Request.max_body_length = MAX_BODY
        _microdot.print_exception = self._note
        self.failures = 0

    async def run(self):
        network, app = self.network, self.app
        app.places, app.waiting = network.PLACES, network.WAITING
        await network.serve(app, self.host, self.port)

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

    async def _index(self, _):
        body, headers = _page()
        headers.update(_page_headers())
        return Response(body, 200, headers)

    async def _state(self, _):
        return answered(await self.state.published.read())

    async def _limits(self, _):
        reader = await self.state.published.read()
        reader.begin(*self.state.published.places["limits"])
        return answered(reader)

    async def _image(self, _):
        return answered(self._image_pieces())

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
        return answered(self._log_pieces())

    def _log_pieces(self):
        lead = "["
        for text in self.events.after(0) if self.events else ():
            yield lead + text
            lead = ","
        yield "[]" if lead == "[" else "]"

    async def _sessions(self, _):
        return answered(self._session_pieces())

    def _session_pieces(self):
        lead = "["
        for session in self.ledger.closed() if self.ledger else ():
            yield lead + json.dumps(session)
            lead = ","
        yield "]" if lead == "," else "[]"

    async def _stream(self, request):
        if self.app.streams >= _STREAMS:
            listen = "{} clients are listening".format(_STREAMS)
            response = refused(503, "request", listen, "use /api/state")
            response.headers["Retry-After"] = "60"
            return response
        writer = request.sock[1]
        self.app.streams += 1
        writer.streaming = True
        headers = {"Content-Type": "text/event-stream", "Cache-Control": "no-store"}
        return Response(_Events(self.state, self.commands, writer), 200, headers)

    # --- whoever may not be let in ------------------------------------------------------------

    async def _door(self, request):
        from firmware.net import door

        return await door.answer(self, request)
