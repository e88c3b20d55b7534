"""What a guest's telephone gets: names by a client of RFC 1035, pages by one of HTTP."""

from __future__ import annotations

import asyncio
import random
import socket
import struct
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from firmware.sockets import captive, wifi
from firmware.sockets.known import MOST, Known
from tests_host.sockets.kit import NAME, Box, home
from tests_host.sockets.world import World
from tools.docs.radio import PROBES

OWN = bytes((192, 168, 4, 1))
A, AAAA, HTTPS, ANY = 1, 28, 65, 255


# --- names --------------------------------------------------------------------------------------


def question(name: str, kind: int = A, net: int = 1, number: int = 7, **head: int) -> bytes:
    """RFC 1035, 4.1."""
    labels = b"".join(bytes((len(part),)) + part.encode() for part in name.split(".") if part)
    flags, count = head.get("flags", 0x0100), head.get("count", 1)
    start = struct.pack(">HHHHHH", number, flags, count, 0, 0, head.get("more", 0))
    return start + labels + b"\0" + struct.pack(">HH", kind, net)


def read(data: bytes) -> tuple[int, int, list[str]]:
    """(number, code, addresses) of an answer, as a client reads it."""
    number, flags, questions, answers, others, more = struct.unpack(">HHHHHH", data[:12])
    assert flags & 0x8000 and flags & 0x0400 and not flags & 0x0280, "an authoritative answer"
    assert not others and not more
    at, found = 12, []

    def name(at: int) -> int:
        while data[at]:
            if data[at] & 0xC0 == 0xC0:
                assert (data[at] & 0x3F) << 8 | data[at + 1] == 12, "the question's name"
                return at + 2
            at += 1 + data[at]
        return at + 1

    for _ in range(questions):
        at = name(at) + 4
    for _ in range(answers):
        at = name(at)
        kind, net, ttl, size = struct.unpack(">HHIH", data[at : at + 10])
        assert (kind, net, ttl, size) == (A, 1, 0, 4)
        found.append(socket.inet_ntoa(data[at + 10 : at + 14]))
        at += 14
    assert at == len(data)
    return number, flags & 15, found


@pytest.mark.parametrize("name", ["captive.apple.com", "a", "", "x" * 63 + ".y", "CoNnect.Test"])
def test_every_name_is_the_boxs(name: str) -> None:
    for kind in (A, ANY):
        said = captive.answer(question(name, kind), OWN)
        assert said is not None and read(said) == (7, 0, ["192.168.4.1"])


@pytest.mark.parametrize(("kind", "net"), [(AAAA, 1), (HTTPS, 1), (16, 1), (A, 3)])
def test_other_records_there_are_none(kind: int, net: int) -> None:
    said = captive.answer(question("a.b", kind, net), OWN)
    assert said is not None and read(said) == (7, 0, [])


def test_an_extension_is_passed_over() -> None:
    """EDNS (RFC 6891): most clients send an OPT record behind the question."""
    text = question("a.b", more=1) + b"\0" + struct.pack(">HHIH", 41, 1232, 0, 0)
    said = captive.answer(text, OWN)
    assert said is not None and read(said) == (7, 0, ["192.168.4.1"])


def test_what_is_no_question() -> None:
    good = question("captive.apple.com")
    assert captive.answer(question("a.b", flags=0x8180), OWN) is None, "an answer is not answered"
    for size in range(12):
        assert captive.answer(good[:size], OWN) is None
    for size in range(12, len(good)):
        said = captive.answer(good[:size], OWN)
        assert said is not None and len(said) == 12 and said[3] & 15 == 1
    pointer = good[:12] + b"\xc0\x0c\0\1\0\1"
    for broken in (question("a", count=2), question("a", count=0), pointer):
        said = captive.answer(broken, OWN)
        assert said is not None and len(said) == 12 and said[3] & 15 == 1
    said = captive.answer(question("a", flags=0x2800), OWN)  # an update
    assert said is not None and said[3] & 15 == 4
    assert captive.answer(question(".".join(["x" * 60] * 5)), OWN)[3] & 15 == 1  # type: ignore[index]
    assert captive.answer(bytes(600), OWN) is None


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=600))
def test_anything_may_come(data: bytes) -> None:
    said = captive.answer(data, OWN)
    assert said is None or (said[:2] == data[:2] and len(said) <= len(data) + 16)


def test_mutated_questions() -> None:
    """3,000 of them: an answer that a client can read, an error, or none."""
    chance = random.Random(12)
    for _ in range(3_000):
        text = bytearray(question(chance.choice(["a.b", "captive.apple.com", "x" * 60 + ".net"])))
        for _ in range(chance.randint(1, 4)):
            at = chance.randrange(len(text))
            what = chance.randrange(3)
            if what == 0:
                text[at] = chance.randrange(256)
            elif what == 1:
                del text[at:]
                text += chance.randbytes(chance.randrange(8))
            else:
                text[at:at] = chance.randbytes(chance.randrange(5))
            if not text:
                break
        said = captive.answer(memoryview(bytes(text)), OWN)  # type: ignore[arg-type]
        if said is not None and said[3] & 15 == 0:
            _, code, found = read(said)
            assert code == 0 and found in ([], ["192.168.4.1"])


def test_over_a_socket() -> None:
    """While the access point is up, and not otherwise."""
    box: Any = SimpleNamespace(opened="")
    made: list[socket.socket] = []

    def bind(address: str, port: int) -> socket.socket:
        assert (address, port) == (box.opened, 53)
        made.append(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
        made[-1].bind(("127.0.0.1", 0))
        made[-1].setblocking(False)
        return made[-1]

    names = captive.Names(box, bind)
    names.step()
    assert not made
    box.opened = "192.168.4.1"
    names.step()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.settimeout(2)
        for number in range(12):
            client.sendto(question("a.b", number=number), made[0].getsockname())
        names.step()
        names.step()
        said = [read(client.recv(512)) for _ in range(12)]
    assert said == [(number, 0, ["192.168.4.1"]) for number in range(12)]
    box.opened = ""
    names.step()
    assert made[0].fileno() == -1, "closed with the access point"


# --- the page -----------------------------------------------------------------------------------


class Guest:
    """Asks the portal as http would for it."""

    def __init__(self, box: Box, address: str = "192.168.4.16") -> None:
        self.portal = captive.Portal(box.wifi, lambda *made: made)
        self.address = address

    def ask(self, method: str, path: str, body: bytes = b"", origin: str = "") -> Any:
        headers = {"Origin": origin} if origin else {}
        request = SimpleNamespace(
            client_addr=(self.address, 4000), method=method, path=path, body=body, headers=headers
        )
        handler = self.portal.route(request)
        return asyncio.run(handler(request)) if handler else None


@pytest.fixture
def box(tmp_path: Path) -> Box:
    return Box(tmp_path, "rp2", World(home(channel=11), home())).run(12)


@pytest.mark.parametrize("path", [*(row[0] for row in PROBES), "/what", "/favicon.ico"])
def test_probes_are_sent_on(box: Box, path: str) -> None:
    body, status, headers = Guest(box).ask("GET", path)
    assert (body, status) == ("", 302) and headers["Location"] == "http://192.168.4.1/wifi"


def test_only_guests_get_it(box: Box) -> None:
    for stranger in ("192.168.1.16", "192.168.40.1", "192.168.4.1", "10.0.0.1"):
        assert Guest(box, stranger).ask("GET", "/wifi") is None
    box.wifi.opened = ""
    assert Guest(box).ask("GET", "/wifi") is None


def test_the_form_joins(box: Box) -> None:
    guest = Guest(box)
    text, status, headers = guest.ask("GET", "/wifi")
    assert status == 200 and NAME in text and 'value="casa"' in text
    assert "knows no network" in text and headers["Cache-Control"] == "no-store"
    text, _, _ = guest.ask("POST", "/wifi", b"name=casa&key=buongiorno", "http://192.168.4.1")
    assert "casa is kept" in text and "buongiorno" not in text
    box.until(wifi.JOINED, 30)
    assert "joins" not in box.wifi.reason


def test_a_wrong_password_is_read_there(box: Box) -> None:
    guest = Guest(box)
    guest.ask("POST", "/wifi", b"name=casa&key=wrong+word")
    box.until(wifi.PAUSED, 60)
    text, _, _ = guest.ask("GET", "/wifi")
    assert "casa its password is wrong" in text and "wrong word" not in text


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"name=&key=12345678", "1 to 32 bytes"),
        (b"name=" + b"x" * 33, "1 to 32 bytes"),
        (b"name=casa&key=1234567", "8 to 63 characters"),
        (b"name=casa&key=" + b"1" * 64, "8 to 63 characters"),
        (b"name=casa&key=%C3%A4%C3%A4%C3%A4%C3%A4%C3%A4", "8 to 63 characters"),
        (b"name=%zz", "no form"),
        (b"name=%FF%FE", "no form"),
        (b"name=%", "no form"),
    ],
)
def test_what_does_not_fit_is_said(box: Box, body: bytes, said: str) -> None:
    text, _, _ = Guest(box).ask("POST", "/wifi", body)
    assert said in text and not box.known.networks()


def test_another_sites_form_is_refused(box: Box) -> None:
    told = Guest(box).ask("POST", "/wifi", b"name=casa&key=buongiorno", "http://elsewhere.net")
    assert told[1] == 403 and not box.known.networks()


def test_names_of_neighbours_are_text(tmp_path: Path) -> None:
    world = World(home())
    world.routers[0].name = '"><script>'
    box = Box(tmp_path, "esp32", world).run(12)
    text, _, _ = Guest(box).ask("GET", "/wifi")
    assert "<script" not in text and "&quot;&gt;&lt;script&gt;" in text


# --- what is kept -------------------------------------------------------------------------------


def test_the_newest_are_kept(tmp_path: Path) -> None:
    known = Known(f"{tmp_path}/", [("site", "12345678", False)], random.Random(1).randbytes)
    for number in range(MOST + 2):
        known.add(f"n {number} \u00e4", "pass word", number == 3)
    again = Known(f"{tmp_path}/", [("site", "12345678", False)], random.Random(1).randbytes)
    assert again.networks() == known.networks() and len(again.networks()) == MOST + 1
    assert again.networks()[0] == (f"n {MOST + 1} \u00e4", "pass word", False)
    known.add("site", "other word", False)
    assert [row for row in known.networks() if row[0] == "site"] == [("site", "other word", False)]
    known.forget()
    assert not Known(f"{tmp_path}/", [], random.Random(1).randbytes).networks()


@settings(max_examples=60, deadline=None)
@given(st.binary(max_size=1500))
def test_a_damaged_file_is_no_matter(data: bytes) -> None:
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "wifi.key").write_bytes(data)
        known = Known(f"{folder}/", [], random.Random(1).randbytes)
        known.networks()
        key = known.own_key()
        assert Known(f"{folder}/", [], random.Random(1).randbytes).own == key


def test_no_two_boxes_have_the_same_key(tmp_path: Path) -> None:
    keys = set()
    for number in range(20):
        (tmp_path / str(number)).mkdir()
        known = Known(f"{tmp_path}/{number}/", [], random.Random(number).randbytes)
        keys.add(known.own_key())
        assert len(known.own) == 16 and not set(known.own) & set("l1o0IO")
    assert len(keys) == 20
