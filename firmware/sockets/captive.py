# islet: what guests of the box's own access point get: names, and the page to type a network.
# GPL-3.0-or-later
#
# Every name has the box's address (RFC 1035, 4.1): so whatever a telephone looks for to see
# whether it is online comes here, is sent on to the page, and the telephone shows it. Nobody else
# is answered: the socket for names is bound to the access point's address, and the page is for
# who comes from its network.
#
# microdot's stubs know less than it takes:
# pyright: reportAttributeAccessIssue=false, reportArgumentType=false

from firmware.base.clock import sleep_ms
from firmware.base.viper import const
from firmware.local.address import numbers
from firmware.sockets.asks import bound

PAGE = "/wifi"
_PORT = const(53)
_HEAD = const(12)
_LONGEST = const(512)  # bytes of a question over UDP
_NAME = const(255)
_AT_ONCE = const(8)  # questions, then the others' turn
_POLL_MS, _IDLE_MS = const(50), const(1_000)
_A, _ANY, _IN = const(1), const(255), const(1)
_FORMAT, _UNKNOWN = const(1), const(4)  # codes of an answer
_TTL = b"\0\0\0\0"  # nobody shall keep it once the access point is down


def _end(data):
    """Behind the first question; 0 where there is no whole one. It has no pointers: nothing
    stands before it that one could point at."""
    at = _HEAD
    while at < len(data) and at - _HEAD < _NAME:
        size = data[at]
        at += 1 + size
        if not size:
            return at + 4 if at + 4 <= len(data) else 0
        if size >= 64:
            return 0
    return 0


def answer(data, address):
    """The answer to a datagram: `address`, 4 bytes, for every name; None where it is no question.
    Of kinds of records but A there are none."""
    if not _HEAD <= len(data) <= _LONGEST or data[2] & 0x80:
        return None
    head = bytes(data[:2])
    flags = 0x84 | data[2] & 0x79  # an answer, authoritative, with its opcode and RD
    if data[2] & 0x78:
        return head + bytes((flags, _UNKNOWN)) + b"\0\0\0\0\0\0\0\0"
    end = _end(data)
    if not end or data[4] or data[5] != 1:
        return head + bytes((flags, _FORMAT)) + b"\0\0\0\0\0\0\0\0"
    question = bytes(data[_HEAD:end])
    kind, net = question[-4] << 8 | question[-3], question[-2] << 8 | question[-1]
    count = 1 if kind in (_A, _ANY) and net == _IN else 0
    text = head + bytes((flags, 0, 0, 1, 0, count, 0, 0, 0, 0)) + question
    return text + b"\xc0\x0c\0\1\0\1" + _TTL + b"\0\4" + address if count else text


class Names:
    """Answers while the access point is up; wifi: Wifi; bind(address, port): a socket that does
    not block."""

    def __init__(self, wifi, bind=bound):
        self._wifi, self._bind = wifi, bind
        self._socket = None
        self._at = ""  # the address it is bound to

    async def run(self):
        try:
            while True:
                self.step()
                await sleep_ms(_POLL_MS if self._socket else _IDLE_MS)
        finally:
            self._close()

    def _close(self):
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def step(self):
        """Some questions; nothing is waited for."""
        address = self._wifi.opened
        if address != self._at:
            self._close()
            self._at = address
        if not address:
            return
        if self._socket is None:
            self._socket = self._bind(address, _PORT)
        own = numbers(address)
        for _ in range(_AT_ONCE):
            try:
                data, sender = self._socket.recvfrom(_LONGEST + 1)
            except OSError:
                return  # none is there
            text = answer(data, own)
            if text:
                try:
                    self._socket.sendto(text, sender)
                except OSError:
                    pass  # who asked has left


def escaped(text):
    """As text of a page, and within quotes."""
    for sign, name in (("&", "&amp;"), ("<", "&lt;"), (">", "&gt;"), ('"', "&quot;")):
        text = text.replace(sign, name)
    return text


def _headers():
    return {
        "Content-Type": "text/html; charset=UTF-8",
        "Cache-Control": "no-store",
        "X-Content-Type-Options": "nosniff",
        "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; "
        "form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    }


_TOP = (
    '<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" '
    'content="width=device-width"><title>islet: Wi-Fi</title><style>body{font:1em sans-serif;'
    "max-width:26em;margin:1em auto;padding:0 1em}input{font:inherit;width:100%;margin:.2em 0 1em;"
    'padding:.4em;box-sizing:border-box}[type="checkbox"]{width:auto}</style>'
)
_FORM = (
    '<form method="post" action="/wifi"><label>Network<input name="name" list="heard" required '
    'maxlength="32" autocapitalize="none" value="{}"></label><label>Password<input name="key" '
    'type="password" maxlength="63" autocomplete="off"></label><label><input name="hidden" '
    'type="checkbox" value="1"> it does not tell its name</label><input type="submit" '
    'value="Join"></form><p><a href="/">The box itself</a></p>'
)


class Portal:
    """Pages for guests; http answers the rest. make(body, status, headers): a response."""

    def __init__(self, wifi, make):
        self._wifi, self._make = wifi, make

    def guest(self, request):
        """Whether it comes from the access point's network, a /24 on both ports."""
        own, peer = self._wifi.opened, request.client_addr[0]
        return bool(own) and peer[: peer.rfind(".")] == own[: own.rfind(".")] and peer != own

    def route(self, request):
        """The handler for a path that is none of the page's; None for who is no guest."""
        if not self.guest(request):
            return None
        if request.path != PAGE:
            return self._away
        return self._typed if request.method == "POST" else self._form

    async def _away(self, _):
        headers = {"Location": "http://{}{}".format(self._wifi.opened, PAGE)}
        headers["Cache-Control"] = "no-store"
        return self._make("", 302, headers)

    async def _form(self, _, said="", name=""):
        wifi = self._wifi
        text = [_TOP, "<h1>", escaped(wifi.name), "</h1><p>", escaped(said or wifi.reason), "</p>"]
        text.append(_FORM.format(escaped(name)))
        text.append('<datalist id="heard">')
        for row in wifi.radio.heard:
            text.append('<option value="{}">'.format(escaped(row[0])))
        text.append("</datalist>")
        return self._make("".join(text), 200, _headers())

    async def _typed(self, request):
        own = self._wifi.opened
        origin, host = request.headers.get("Origin"), request.headers.get("Host", own)
        if (origin and origin != "http://" + own) or host != own:
            return self._make("", 403, _headers())
        try:
            form = fields(request.body)
            name, key = form.get("name", ""), form.get("key", "")
            problem = self._wifi.type(name, key, form.get("hidden") == "1")
        except ValueError:
            name, problem = "", "it is no form"
        said = problem or "{} is kept, and tried now: look again in a minute.".format(name)
        return await self._form(request, said, name)


def fields(body):
    """{name: value} of a form, as application/x-www-form-urlencoded. ValueError of another."""
    found = {}
    for pair in body.split(b"&"):
        name, _, value = bytes(pair).partition(b"=")
        found[_plain(name)] = _plain(value)
    return found


def _plain(text):
    out = bytearray()
    at = 0
    while at < len(text):
        code = text[at]
        if code == 37:  # %
            code = int(text[at + 1 : at + 3].decode(), 16)
            at += 2
        elif code == 43:  # +
            code = 32
        out.append(code)
        at += 1
    return bytes(out).decode()
