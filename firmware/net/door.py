# islet: claiming, logging in and the rest of who may come in, over HTTP; firmware/access decides.
# GPL-3.0-or-later
#
# A session signs each request (access/sessions.py) in a header that no other site's page can make
# a browser send, and there are no cookies, so there is nothing to forge; what comes from another
# site's page is refused besides, and so is what asks for a name that is not the box's: a name of
# somebody else's that was made to lead here (DNS rebinding) is its page's own for a browser. It is
# imported when somebody comes, and let go (access/__init__).
#
# microdot's stubs know less than it takes:
# pyright: reportAttributeAccessIssue=false, reportArgumentType=false

import json

from firmware.base import strict_json
from firmware.base.secret import same
from firmware.net.clients import answered, refused
from firmware.people.asked import OWNER, Refused

TOKEN = "token"  # the name of who speaks with http.token
_ALSO = 64  # bytes of the ledger's answer that are said while nothing is found
SECURED = "Islet "  # how the header of a session's request begins


def source_of(request):
    """The address it comes from, without its port; each runtime has its own form."""
    address = request.client_addr
    if isinstance(address, (tuple, list)):
        return str(address[0])
    return ".".join([str(byte) for byte in bytes(address)[4:8]])  # a sockaddr of IPv4


def strange(http, request):
    """Whose name it is asked by, where that is none of the box's; "" else. An address cannot lead
    elsewhere than where it says, and whoever names none is no browser."""
    host = request.headers.get("Host", "").lower()
    name = host.split(":")[0].rstrip(".")
    if host[:1] == "[" or name == "localhost" or all(c in ".0123456789" for c in name):
        return ""
    own = getattr(http.network, "name", "").lower()
    known = own, own and own + ".local", getattr(http.network, "local", ""), http.name
    return "" if name in known else name


def said(request):
    """The request's JSON; Refused for anything else, and for what another site's page makes a
    browser say."""
    origin, host = request.headers.get("Origin"), request.headers.get("Host", "")
    if origin and origin.split("://")[-1].lower() != host.lower():
        raise Refused("Origin", "{} is another page".format(origin[:40]), "the box's own page")
    try:
        return strict_json.loads(request.body)
    except ValueError as error:
        problem = "is not JSON, {}".format(error)
        raise Refused("body", problem, 'an object like {"command": "goal", …}')


async def whose(gate, token, request):
    """(name, role, session) of who asks, or a response that refuses."""
    header = request.headers.get("Authorization", "")
    if header[: len(SECURED)] == SECURED and gate is not None:
        what = request.method + " " + request.path
        inside = await gate.ready()
        found = inside.who(header[len(SECURED) :], what, request.body or b"")
        if found:
            return found
        return refused(401, "Authorization", "the session is over", "log in again")
    if not token and (gate is None or header):
        return refused(
            403, "token", "no token is configured, so this page is read-only", "set http.token"
        )
    if header[:7].lower() == "bearer ":
        source = source_of(request)
        try:
            if gate is not None and gate.here is not None:
                gate.here.wait(source)
        except Refused as refusal:
            return refusal_of(refusal)
        if same(header[7:].strip().encode(), token.encode()):
            return TOKEN, OWNER, ""
        if gate is not None:
            (await gate.ready()).wrong(source)
    response = refused(
        401, "Authorization", "the token is missing or wrong", "log in, or Bearer <http.token>"
    )
    response.headers["WWW-Authenticate"] = "Bearer"
    return response


async def answer(http, request):
    """Of the page's paths those where somebody may come in, or is asked who it is."""
    gate, token = http.access, http.token
    if request.path == "/api/access":
        return answered(json.dumps(gate.state() if gate is not None else {"claimed": None}))
    name = strange(http, request)
    if name:
        error = "{} is no name of this box".format(name[:40])
        return refused(421, "Host", error, "its address, its name.local, or http.name")
    if request.path == "/api/command":
        return await _command(gate, token, http.commands, request)
    return await _other(gate, token, request)


async def _command(gate, token, commands, request):
    who = await whose(gate, token, request)
    if not isinstance(who, tuple):
        return who
    if not commands:
        return refused(503, "configuration", "it has errors, see /api/state", "mend it first")
    try:
        body = said(request)
    except Refused as refusal:
        return refusal_of(refusal)
    if not isinstance(body, dict) or not isinstance(body.get("command"), str):
        return refused(400, "command", "is missing", 'an object like {"command": "goal", …}')
    answer = commands.handle(body["command"], body, who[1], None, who[0])
    response = answered(json.dumps(answer), 200 if answer["ok"] else 400)
    return _later(response, answer.get("again_s"))


async def _other(gate, token, request):
    if gate is None:
        return refused(404, "request", "there is nobody to let in", "http.token")
    path, who = request.path, None
    if path not in ("/api/claim", "/api/login"):
        who = await whose(gate, token, request)
        if not isinstance(who, tuple):
            return who
    try:
        inside = await gate.ready()
        if request.method == "GET":
            await gate.catch_up()
            told = inside.told(who[1], path.rsplit("/", 1)[1], gate.trail)
            return answered(pieces(told))
        body = said(request)
        if not isinstance(body, dict):
            raise Refused("body", "is no object", "an object of names")
        found = await _done(inside, path, body, who, source_of(request))
        return answered(json.dumps(found or {"ok": True}))
    except Refused as refusal:
        return refusal_of(refusal)


async def _done(inside, path, body, who, source):
    if path == "/api/claim":
        return inside.claim(body, source)
    if path == "/api/login":
        if "proof" in body:
            return inside.finish(body, source)
        return await inside.begin(body, source)
    name, role, session = who
    if path == "/api/leave":
        return inside.leave(session, name, role)
    if not session:
        raise Refused("people", "a token says nothing of people", "log in")
    return inside.change(body, name, role)


def pieces(entries):
    """A JSON array of the dicts among the entries."""
    lead, silent = "[", 0
    for entry in entries:
        silent += 1
        if entry is not None:
            yield lead + json.dumps(entry)
            lead, silent = ",", 0
        elif silent % _ALSO == 0:
            yield " "  # others run meanwhile
    yield "]" if lead == "," else "[]"


def refusal_of(refusal):
    status = 403 if refusal.field == "Origin" else getattr(refusal, "status", 400)
    response = refused(status, refusal.field, refusal.error, refusal.allowed)
    return _later(response, refusal.after_s)


def _later(response, after_s):
    if after_s:
        response.status_code = 429
        response.headers["Retry-After"] = str(after_s)
    return response
