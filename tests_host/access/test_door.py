"""The doors over HTTP: what each path lets in, and what it refuses and how."""

from __future__ import annotations

import asyncio
import importlib
import json
import os
from pathlib import Path
from typing import Any

import pytest

from firmware import image as im
from firmware.access.inside import OTHER_RIGHTS
from firmware.net import door
from firmware.net.http import Http
from firmware.net.plain import Sockets
from firmware.people.asked import BY_HAND, OWNER, ROLES, STOPS, TABLE
from firmware.people.commands import Commands
from firmware.people.events import Events
from firmware.people.state import State
from tests_host.access.kit import PASSWORD, Box, Page, Trail, mac, made
from tests_host.net.conftest import PolicyDouble
from tests_host.net.small_site import make_site, names_of

COMMAND = "/api/command"
ACKNOWLEDGE = {"command": "acknowledge"}
SOURCE = "127.0.0.1"  # of microdot's test client


class House:
    """A box with its page."""

    def __init__(self, folder: Path, token: str = "sesame") -> None:
        self.box = Box(folder)
        self.image = make_site()
        names = names_of(self.image)
        self.commands = Commands(self.image, PolicyDouble(), names)
        self.commands.access = self.box.gate  # pyright: ignore[reportAttributeAccessIssue]
        state = State(self.image, "home", names, (), [("access", self.box.gate.state)])
        settings = {
            "http.host": "127.0.0.1",
            "http.port": 0,
            "http.name": "islet.local",
            "http.token": token,
        }
        self.http = Http(
            settings,
            state,
            self.commands,
            Events(self.image, names),
            network=Sockets(self.image),
            access=self.box.gate,
        )

    def asks(self, method: str, path: str, body: Any = None, **headers: str) -> tuple[int, Any]:
        client = importlib.import_module("microdot.test_client").TestClient(self.http.app)
        data = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
        headers = {name.replace("_", "-"): text for name, text in headers.items()}
        headers.setdefault("Host", SOURCE)
        response = asyncio.run(client.request(method, path, headers, data))
        assert not response.headers.get("Set-Cookie")
        return response.status_code, json.loads(response.text)

    def login(self, name: str = "anna", password: str = PASSWORD) -> Page:
        """As a page does, over HTTP."""
        page = Page(self.box, SOURCE)
        said = {"name": name, "nonce": os.urandom(16).hex()}
        status, begun = self.asks("POST", "/api/login", said)
        assert status == 200, begun
        status, found = self.asks("POST", "/api/login", page.proof({**said, **begun}, password))
        if status == 200:
            page.session = found["session"]
            page.key = mac(page._client_key, page.auth, b",", page.session.encode())
        return page

    def signed(self, page: Page, method: str, path: str, body: Any = None) -> tuple[int, Any]:
        data = b"" if body is None else json.dumps(body).encode()
        credentials = page.signed(f"{method} {path}", data)
        return self.asks(method, path, data, Authorization="Islet " + credentials)


@pytest.fixture
def house(tmp_path: Path) -> House:
    return House(tmp_path)


@pytest.fixture
def owned(house: House) -> House:
    house.box.claimed()
    return house


def test_before_the_claim_no_command_is_obeyed_whoever_says_it(house: House) -> None:
    """With the token, on the broker, with a session of nobody: nothing changes at all."""
    before = bytes(house.image.requests)
    for row in TABLE:
        said = {"command": row[0]}
        status, answer = house.asks("POST", COMMAND, said, Authorization="Bearer sesame")
        assert (status, answer["field"]) == (400, "command")
        assert "nobody has claimed" in answer["error"] and "islet claim" in answer["allowed"]
        for role in ROLES:
            answer = house.commands.handle(row[0], {}, role)
            assert not answer["ok"] and "nobody has claimed" in answer["error"]
    assert bytes(house.image.requests) == before
    assert house.asks("GET", "/api/state")[0] == 200, "but everybody sees what it does"
    house.box.claimed()
    assert house.asks("POST", COMMAND, ACKNOWLEDGE, Authorization="Bearer sesame")[0] == 200


def test_a_token_claims_nothing(house: House) -> None:
    """Neither before somebody stood before the box, nor afterwards: it speaks of no people."""
    eve = made("eve", role=OWNER)
    for _ in range(2):
        status, answer = house.asks("POST", "/api/people", eve, Authorization="Bearer sesame")
        assert (status, answer["field"]) == (400, "people")
        assert "eve" not in [row[0] for row in house.box.access.people.all()]
        house.box.claimed()


def test_claim_login_command(house: House) -> None:
    assert house.asks("GET", "/api/access")[1]["claimed"] is False
    code = house.box.access.open()
    assert house.asks("GET", "/api/access")[1]["open_s"] == 300
    assert house.asks("POST", "/api/claim", {"code": code, **made("anna")}) == (200, {"ok": True})
    page = house.login()
    assert house.signed(page, "POST", COMMAND, ACKNOWLEDGE)[0] == 200
    assert house.image.requests[im.ACKNOWLEDGE_SEQ] == 1
    assert house.signed(page, "POST", "/api/leave", {}) == (200, {"ok": True})
    status, answer = house.signed(page, "POST", COMMAND, ACKNOWLEDGE)
    assert (status, answer["allowed"]) == (401, "log in again")
    assert house.image.requests[im.ACKNOWLEDGE_SEQ] == 1


def test_a_signature_is_for_one_request(owned: House) -> None:
    page = owned.login()
    data = json.dumps(ACKNOWLEDGE).encode()
    credentials = "Islet " + page.signed("POST " + COMMAND, data)
    other = json.dumps({"command": "goal", "goal": "charge"}).encode()
    assert owned.asks("POST", COMMAND, other, Authorization=credentials)[0] == 401
    assert owned.asks("POST", "/api/people", data, Authorization=credentials)[0] == 401
    assert owned.asks("POST", COMMAND, data, Authorization=credentials)[0] == 200
    assert owned.asks("POST", COMMAND, data, Authorization=credentials)[0] == 401
    assert owned.image.requests[im.ACKNOWLEDGE_SEQ] == 1


def test_another_sites_page_is_refused(owned: House) -> None:
    """CSRF: a browser says whose page made it ask; and there is no cookie that it would add."""
    page = owned.login()
    for origin, status in (
        ("http://evil.example", 403),
        ("null", 403),
        ("http://islet.local.evil.example", 403),
        ("http://islet.local", 200),
        ("HTTP://ISLET.LOCAL", 200),
    ):
        data = json.dumps(ACKNOWLEDGE).encode()
        for headers in (
            {"Authorization": "Islet " + page.signed("POST " + COMMAND, data)},
            {"Authorization": "Bearer sesame"},
        ):
            headers |= {"Origin": origin, "Host": "islet.local"}
            assert owned.asks("POST", COMMAND, data, **headers)[0] == status, origin
        for path in ("/api/claim", "/api/login", "/api/leave", "/api/people"):
            found, answer = owned.asks(
                "POST", path, {}, Origin=origin, Host="islet.local", Authorization="Bearer sesame"
            )
            assert (found == 403 and answer["field"] == "Origin") == (status == 403), (
                path,
                answer,
            )


def test_wrong_words_cost_time_and_no_more(owned: House) -> None:
    wrong = {"Authorization": "Bearer open"}
    assert owned.asks("POST", COMMAND, ACKNOWLEDGE, **wrong)[0] == 401
    status, answer = owned.asks("POST", COMMAND, ACKNOWLEDGE, Authorization="Bearer sesame")
    assert (status, answer["allowed"]) == (429, "again in 1 s")
    owned.box.after(1)
    assert owned.asks("POST", COMMAND, ACKNOWLEDGE, Authorization="Bearer sesame")[0] == 200
    assert owned.asks("POST", COMMAND, ACKNOWLEDGE)[0] == 401, "and no word is no wrong word"
    page = owned.login()
    owned.box.access.wrong(SOURCE)
    assert owned.signed(page, "POST", COMMAND, ACKNOWLEDGE)[0] == 200, "nor hits a session"


@pytest.mark.parametrize("role", ROLES)
def test_each_role_has_its_rights_and_no_others(owned: House, role: str) -> None:
    """The same table as the broker's and the console's, asked over the page."""
    if role == "installer":
        Path(owned.box.folder, "installer.key").write_text(PASSWORD)
    elif role != OWNER:
        owned.box.access.change(made(role, role=role), "anna", OWNER)
    page = owned.login("anna" if role == OWNER else role)
    for name, roles, _ in TABLE:
        status, answer = owned.signed(page, "POST", COMMAND, {"command": name, "gaol": 1})
        if role in roles and answer["ok"] is False:
            assert (status, answer["field"]) == (400, "gaol"), (name, answer)
        else:
            assert "not yours" in answer["error"], (name, answer)
    for path, right in (("/api/people", "people"), ("/api/audit", "audit")):
        may = role in dict(OTHER_RIGHTS)[right]
        assert owned.signed(page, "GET", path)[0] == (200 if may else 403)
    status, _ = owned.signed(page, "POST", "/api/people", made("eve", role=OWNER))
    assert (status == 200) == (role == OWNER)


def test_the_trail_is_read(owned: House) -> None:
    class Told(Trail):
        def entries(self) -> Any:
            yield None
            yield 5, 0, "anna", 0, True, False
            yield from [None] * 200
            yield None, len(TABLE), "6.6.6.6", 4, False, True

    owned.box.trail = Told()
    status, entries = owned.asks("GET", "/api/audit", Authorization="Bearer sesame")
    assert status == 200
    assert [(e["who"], e["role"], e["what"], e["done"]) for e in entries] == [
        ("anna", "owner", "goal", True),
        ("6.6.6.6", "viewer", "log in", False),
    ]
    said = list(door.pieces(owned.box.access.told(OWNER, "audit", owned.box.gate.trail)))
    assert max(map(len, said)) < 200, "in pieces, others run between"
    assert sum(piece == " " for piece in said) == 200 // door._ALSO


BAD: tuple[Any, ...] = (
    b"", b"x", b"[]", b"3", b"null", b'{"name": 1}', b'{"name": "a", "name": "b"}', b"\xff\xfe",
    {"name": "anna"}, {"name": "anna", "nonce": "x" * 32}, {"name": "anna", "nonce": "0" * 31},
    {"name": "anna", "nonce": 5}, {"nonce": "0" * 32}, {"name": "a" * 900, "nonce": "0" * 32},
    {"name": "anna", "nonce": "0" * 32, "proof": None},
    {"name": "anna", "nonce": "0" * 32, "proof": "0" * 64},
    {"name": "anna", "nonce": "0" * 32, "proof": "0" * 64, "challenge": {}},
    {"name": "anna", "nonce": "0" * 32, "proof": [], "challenge": "0" * 32},
    {"code": {}}, {"code": "1" * 500}, {"code": "1111", "name": [], "salt": 0, "key": 0},
    {"name": "anna", "remove": True}, {"name": "anna", "role": []}, {"name": None, "remove": 1},
)  # fmt: skip


@pytest.mark.parametrize("path", ["/api/claim", "/api/login", "/api/leave", "/api/people"])
@pytest.mark.parametrize("body", BAD)
def test_hostile_bodies(owned: House, path: str, body: Any) -> None:
    """A sentence each, and nobody comes in, goes, or is locked out."""
    owned.box.access.open()
    before = owned.box.access.people.all()
    status, answer = owned.asks("POST", path, body, Authorization="Bearer sesame")
    if status != 200:
        assert answer["field"] and answer["error"] and answer["allowed"], answer
        assert status in (400, 429)
    else:
        assert (path == "/api/login" and "challenge" in answer) or path == "/api/leave"
    assert owned.box.access.people.all() == before and len(owned.box.access.sessions) == 0


def test_without_access_there_is_the_token_alone(tmp_path: Path) -> None:
    house = House(tmp_path)
    house.http.access = None
    house.commands.access = None
    assert house.asks("GET", "/api/access") == (200, {"claimed": None})
    for path in ("/api/claim", "/api/login"):
        assert house.asks("POST", path, {})[0] == 404
    assert house.asks("POST", COMMAND, ACKNOWLEDGE, Authorization="Islet a.1.b")[0] == 401
    assert house.asks("GET", "/api/people", Authorization="Bearer sesame")[0] == 404


def test_the_source_in_each_runtimes_form() -> None:
    class Request:
        client_addr: Any = ("10.0.0.7", 4711)

    assert door.source_of(Request()) == "10.0.0.7"
    Request.client_addr = b"\x02\x00\x12\x67\x0a\x00\x00\x07" + bytes(8)
    assert door.source_of(Request()) == "10.0.0.7"


ACTS = ("/api/command", "/api/claim", "/api/login", "/api/leave", "/api/people")


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("192.168.77.50", 200),
        ("192.168.77.50:80", 200),
        ("[fe80::1]:80", 200),
        ("localhost:8080", 200),
        ("garage-2", 200),
        ("GARAGE-2.local:80", 200),
        ("garage-2.local.", 200),
        ("garage-3.local", 200),
        ("islet.local", 200),
        ("evil.example", 421),
        ("garage-2.evil.example", 421),
        ("garage-2.local.evil.example:80", 421),
        ("192.168.77.50.evil.example", 421),
        ("local", 421),
        (".local", 421),
    ],
)
def test_a_name_that_was_made_to_lead_here(owned: House, host: str, status: int) -> None:
    """DNS rebinding: a browser takes the page of evil.example for the box's own; and the session
    or the token does not help."""

    class Named(Sockets):
        name, local = "Garage-2", "garage-3.local"  # the first was taken beside it

    owned.http.network = Named(owned.image)
    page = owned.login()
    credentials = "Islet " + page.signed("POST " + COMMAND, json.dumps(ACKNOWLEDGE).encode())
    for right in (credentials, "Bearer sesame"):
        for more in ({}, {"Origin": "http://" + host}):
            found, answer = owned.asks(
                "POST", COMMAND, ACKNOWLEDGE, Host=host, Authorization=right, **more
            )
            assert found == (401 if right == credentials and more and status == 200 else status)
    assert owned.image.requests[im.ACKNOWLEDGE_SEQ] == (3 if status == 200 else 0)
    for path in ACTS:
        found, answer = owned.asks("POST", path, {}, Host=host, Authorization="Bearer sesame")
        assert (found == 421) == (status == 421), (path, answer)
        assert found != 421 or (
            answer["field"] == "Host" and "no name of this box" in answer["error"]
        )
    assert owned.asks("GET", "/api/access", Host=host)[0] == 200, "it may be looked at"


def test_a_name_is_for_a_network_that_has_one(owned: House) -> None:
    for host in ("", ".local", "islet-1a2b.local"):
        owned.http.name = ""
        found = owned.asks("POST", "/api/login", {}, Host=host)[0]
        assert found == (400 if not host else 421), host


def test_commands_have_a_pace_and_a_stop_has_none(owned: House) -> None:
    """For each name and role; told when it may be said again; by hand and a stop at any time."""
    token = {"Authorization": "Bearer sesame"}
    goal = {"command": "goal", "goal": "charge"}
    page = owned.login()
    answers = [owned.asks("POST", COMMAND, goal, **token) for _ in range(25)]
    assert [status for status, _ in answers] == [200] * 20 + [429] * 5
    assert answers[-1][1]["error"] == "too many commands by token"
    assert answers[-1][1]["allowed"] == "one a second" and answers[-1][1]["again_s"] == 1
    stops: tuple[dict[str, Any], ...] = (
        {"command": "goal", "goal": "hold"},
        {"command": "charge_ma", "charge_ma": 0},
        {"command": "limit", "device": "all", "low": 0, "high": 0, "ttl_s": 60},
        {"command": "authorise", "authorised": False},
    )
    for _ in range(50):
        for stop in stops:
            status, answer = owned.asks("POST", COMMAND, stop, **token)
            assert status == 200, answer
    more = {"command": "charge_ma", "charge_ma": 16_000}
    assert owned.asks("POST", COMMAND, more, **token)[0] == 429
    assert owned.signed(page, "POST", COMMAND, goal)[0] == 200, "another name has its own"
    for role in (OWNER, "operator"):
        for _ in range(20):
            owned.commands.handle("goal", goal, role)
    assert owned.commands.handle("goal", goal, OWNER)["error"] == "too many commands by broker"
    assert owned.commands.handle("goal", goal, OWNER, None, BY_HAND)["ok"]
    owned.box.after(3)
    answers = [owned.asks("POST", COMMAND, goal, **token) for _ in range(5)]
    assert [status for status, _ in answers] == [200] * 3 + [429] * 2
    owned.box.after(60)
    assert not owned.box.gate._paces, "nothing is kept of it"


def test_a_stops_field_is_of_these_commands_alone() -> None:
    """And of no other that would let more flow by it."""
    of = {
        name: {row[0] for row in TABLE for field in row[2] if field[0] == name}
        for name, _ in STOPS
    }
    assert of == {
        "goal": {"goal"}, "target_w": {"target_w"}, "charge_ma": {"charge_ma"},
        "authorised": {"authorise"}, "stop": {"prove"},
        "low": {"limit", "operator"}, "high": {"limit", "operator"},
    }  # fmt: skip
