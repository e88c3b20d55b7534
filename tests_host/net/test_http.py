"""The page and its JSON: by microdot's test client, and over real sockets on the device."""

from __future__ import annotations

import asyncio
import importlib
import json
import socket
import sys
from collections.abc import Callable
from typing import Any
from unittest.mock import MagicMock

import pytest

from firmware import image as im
from firmware.net import clients, http
from firmware.net.http import Http
from firmware.people.commands import Commands
from firmware.people.events import Events
from firmware.people.state import State
from tests_host.conftest import ROOT
from tests_host.net.conftest import Device, PolicyDouble
from tests_host.net.small_site import names_of
from tools.pack import web

PAGE = ROOT / "firmware/web/index.html"
SETTINGS = {"http.host": "127.0.0.1", "http.port": 0, "http.name": "", "http.token": "sesame"}
RIGHT = {"Authorization": "Bearer sesame"}


def ask(
    image: im.Image,
    method: str,
    path: str,
    body: object = None,
    headers: dict[str, str] | None = None,
    token: str = "sesame",
    errors: tuple[str, ...] = (),
) -> Any:
    client = importlib.import_module("microdot.test_client").TestClient
    names = names_of(image)
    state = State(image, "home", names, errors)
    commands = None if errors else Commands(image, PolicyDouble(), names)
    http = Http({**SETTINGS, "http.token": token}, state, commands, Events(image, names))

    async def go() -> Any:
        return await client(http.app).request(
            method, path, {"Host": "127.0.0.1", **(headers or {})}, body
        )

    return asyncio.run(go())


def test_state_limits_image_and_log(site: im.Image) -> None:
    state = ask(site, "GET", "/api/state").json
    assert state["why"]["text"].startswith("The car: Circuit service (L2)")
    assert ask(site, "GET", "/api/limits").json == state["limits"]
    raw = ask(site, "GET", "/api/image").json
    assert raw["readings"]["NODE_MA"]["value"][1] == 24_000
    assert ask(site, "GET", "/api/log").json == []
    assert ask(site, "GET", "/api/sessions").json == []


def test_configuration_errors_are_shown_and_commands_wait(site: im.Image) -> None:
    errors = ("legs: is missing",)
    assert ask(site, "GET", "/api/state", errors=errors).json["site"]["config_errors"] == [
        "legs: is missing"
    ]
    response = ask(site, "POST", "/api/command", {"command": "goal"}, RIGHT, errors=errors)
    assert (response.status_code, response.json["field"]) == (503, "configuration")


def test_a_command(site: im.Image) -> None:
    response = ask(site, "POST", "/api/command", {"command": "acknowledge", "id": 3}, RIGHT)
    assert response.status_code == 200
    assert response.json["ok"] and response.json["id"] == 3
    assert site.requests[im.ACKNOWLEDGE_SEQ] == 1


@pytest.mark.parametrize(
    ("headers", "token", "status", "field"),
    [
        ({}, "sesame", 401, "Authorization"),
        ({"Authorization": "Bearer sesam"}, "sesame", 401, "Authorization"),
        ({"Authorization": "Bearer sesame2"}, "sesame", 401, "Authorization"),
        ({"Authorization": "Bearer "}, "sesame", 401, "Authorization"),
        ({"Authorization": "Basic sesame"}, "sesame", 401, "Authorization"),
        ({"Cookie": "token=sesame"}, "sesame", 401, "Authorization"),
        (RIGHT, "", 403, "token"),
        ({"Authorization": "Bearer "}, "", 403, "token"),
    ],
)
def test_without_the_token_nothing_is_done(
    site: im.Image, headers: dict[str, str], token: str, status: int, field: str
) -> None:
    response = ask(site, "POST", "/api/command", {"command": "acknowledge"}, headers, token)
    assert (response.status_code, response.json["field"]) == (status, field)
    assert response.json["error"].endswith(("read-only", "wrong"))
    assert site.requests[im.ACKNOWLEDGE_SEQ] == 0


BODIES = [
    (b"", "body"),
    (b"{", "body"),
    (b"\xff", "body"),
    (b"[]", "command"),
    (b"{}", "command"),
    (b'{"command": 5}', "command"),
    (b'{"command": "nonsense"}', "command"),
    (b'{"command": "goal"}', "goal"),
    (b'{"command": "goal", "goal": "loud"}', "goal"),
    (b'{"command": "target_w", "target_w": "x"}', "target_w"),
    (b'{"command": "operator", "device": "evse", "release": true}', "command"),
    (b"[" * 900, "body"),
]


@pytest.mark.parametrize(("body", "field"), BODIES)
def test_bad_bodies_name_the_field(site: im.Image, body: bytes, field: str) -> None:
    before = bytes(site.requests)
    response = ask(site, "POST", "/api/command", body, dict(RIGHT))
    assert (response.status_code, response.json["field"]) == (400, field)
    assert response.json["allowed"]
    assert bytes(site.requests) == before


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/nowhere", 404),
        ("GET", "/../firmware/config.py", 404),
        ("POST", "/api/state", 405),
        ("GET", "/api/command", 405),
        ("DELETE", "/", 405),
    ],
)
def test_errors_are_json(site: im.Image, method: str, path: str, status: int) -> None:
    response = ask(site, method, path)
    assert response.status_code == status
    assert response.json["ok"] is False and response.json["allowed"]
    if status == 404:
        assert response.json["allowed"] == ", ".join(dict.fromkeys(row[1] for row in http.PATHS))


def test_what_is_too_large_is_said_right() -> None:
    (said,) = (row[3] for row in clients._ERRORS if row[0] == 413)
    assert said == f"at most {http.MAX_BODY} bytes"


def test_page(site: im.Image) -> None:
    response = ask(site, "GET", "/")
    policy = response.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy and "frame-ancestors 'none'" in policy
    text = PAGE.read_text()
    assert len(text.encode()) < 29_000  # a third of it is who may come in
    assert "http://" not in text and "https://" not in text, "no external resources"
    ids = "why banner islanded alerts devices house grid legs asked limits token answer"
    for name in ids.split():
        assert f'id="{name}"' in text
    packed = web.pack(PAGE)
    assert packed == web.pack(PAGE) and len(packed) < 10_000


# --- on the device -------------------------------------------------------------------------


def test_on_the_device(devices: Callable[..., Device]) -> None:
    device = devices()
    status, page = device.request("GET", "/")
    assert status == 200 and page == PAGE.read_text()
    state = device.state()
    assert state["unit"]["heap_free_bytes"] > 0
    assert set(device.request("GET", "/api/image")[1]) == {t.name for t in im.TABLES}
    body = json.dumps({"command": "goal", "goal": "charge"})
    assert device.request("POST", "/api/command", body)[0] == 401
    assert device.request("POST", "/api/command", body, device.token)[1]["ok"]
    assert device.state()["policy"]["goal"] == "charge"
    for bad, field in BODIES:
        status, answer = device.request("POST", "/api/command", bad, device.token)
        assert (status, answer["field"]) == (400, field), bad
    status, answer = device.request("POST", "/api/command", b"x" * 5000, device.token)
    assert (status, answer["field"]) == (413, "body")
    assert device.request("GET", "/nowhere")[0] == 404
    assert device.request("PUT", "/")[0] == 405
    assert device.stop() == "", "a traceback or other noise"


def test_events(devices: Callable[..., Device]) -> None:
    device = devices()
    streams = []
    for _ in range(3):
        sock = socket.create_connection(("127.0.0.1", device.port), 20)
        sock.sendall(b"GET /api/events HTTP/1.1\r\n\r\n")
        streams.append((sock, sock.makefile("rb")))
    for _, file in streams:
        lines = [file.readline() for _ in range(4)]
        assert lines[0].startswith(b"HTTP/1.0 200")
        while not (line := file.readline()).startswith(b"data: "):
            pass
        assert json.loads(line[6:])["site"]["name"] == "test"
    status, answer = device.request("GET", "/api/events")
    assert (status, answer["allowed"]) == (503, "use /api/state")
    for sock, file in streams:
        file.close()
        sock.close()
    # the places come free again as the device notices
    device.until(lambda s: s["http"]["streams"] == 0)
    assert device.request("GET", "/api/limits")[0] == 200


@pytest.mark.parametrize(
    ("host", "errors", "bound"),
    [("", [], "0.0.0.0"), ("192.168.1.7", [], "192.168.1.7"), ("10.9.9.9", ["wrong"], "0.0.0.0")],
)
def test_a_board_with_a_network_is_reached_unless_an_address_is_named(
    host: str, errors: list[str], bound: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = set(sys.modules)
    for name in ("machine", "micropython"):
        monkeypatch.setitem(sys.modules, name, MagicMock())
    assembly = importlib.import_module("firmware.assembly")
    common = importlib.import_module("firmware.chips.common").Common
    for name in (
        set(sys.modules) - before - {"machine", "micropython"}
    ):  # they know a machine that is none
        del sys.modules[name]

    class Parts:
        config = type("Config", (), {"errors": errors})
        board = type("Board", (), {"http_host": common.http_host, "http_port": 80})

    settings = {"http.host": host, "http.port": None}
    assert assembly._page(Parts, settings) == 80
    assert settings["http.host"] == bound
