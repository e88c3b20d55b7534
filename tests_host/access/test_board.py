"""A claim, a login, a refused stranger and a lost cable on the emulated RP2040, through its W5500.

The client is written after RFC 5802 and docs/access.md with CPython's hashlib and hmac, and takes
nothing from the firmware. Who claims presses the board's button and counts the lamp's blinks."""

from __future__ import annotations

import hashlib
import hmac
import json
import random
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests_host import kept
from tests_host.conftest import ROOT
from tests_host.told import Told
from tools.bench.board import network, rig

HERE = Path(__file__).parent
HOME, STRANGER = "192.168.77.1", "192.168.77.66"
PASSWORD, WRONG = "correct horse battery", "incorrect donkey cell"
TOKEN, BROKERS, KEY = "a-token-for-tests", "a-password-of-the-brokers", b"a key of the firm's"
ACKNOWLEDGE = {"command": "acknowledge"}
HOLD_MS, PRESS_MS, LET_GO_MS = 5_300, 1_300, 1_200
C_V = 6  # the pilot's high level with a car that wants to charge
READ = ("/api/state", "/api/log", "/api/sessions", "/api/people")


def mac(key: bytes, text: str, body: bytes = b"") -> bytes:
    return hmac.new(key, text.encode() + body, hashlib.sha256).digest()


class Client:
    """Somebody with a browser at an address of the network."""

    def __init__(self, board: Told, address: str, chance: random.Random) -> None:
        self.board, self.address, self.chance = board, address, chance
        self.session, self.key, self.number = "", b"", 0
        self.last: tuple[str, str, bytes, str] = ("", "", b"", "")
        self.heard = b""

    def asks(self, method: str, path: str, body: bytes = b"", right: str = "") -> Any:
        """(status, what the JSON says)."""
        self.last = method, path, body, right
        head = f"{method} {path} HTTP/1.1\r\nHost: 192.168.77.50\r\n"
        head += f"Authorization: {right}\r\n" if right else ""
        head += f"Content-Length: {len(body)}\r\n\r\n" if body else "\r\n"
        answer = self.board.asks((head.encode() + body).hex(), self.address)
        assert answer is not None, "no socket listens"
        self.heard += bytes.fromhex(answer)
        top, _, rest = bytes.fromhex(answer).partition(b"\r\n\r\n")
        return int(top.split()[1]), json.loads(rest) if b"json" in top else rest

    def says(self, path: str, body: dict[str, Any], right: str = "") -> Any:
        return self.asks("POST", path, json.dumps(body).encode(), right)

    def signed(self, path: str, body: dict[str, Any] | None = None) -> Any:
        method, data = ("GET", b"") if body is None else ("POST", json.dumps(body).encode())
        self.number += 1
        seal = mac(self.key, f"{method} {path}\n{self.number}\n", data).hex()
        return self.asks(method, path, data, f"Islet {self.session}.{self.number}.{seal}")

    def again(self) -> Any:
        """The last request, to the byte, as somebody who overheard it."""
        return self.asks(*self.last)

    def made(self, name: str, password: str, **more: Any) -> dict[str, Any]:
        """RFC 5802's StoredKey of a new password."""
        salt = self.chance.randbytes(16)
        salted = hashlib.pbkdf2_hmac("sha256", password.encode(), salt, 4096)
        self.stored = hashlib.sha256(mac(salted, "Client Key")).digest().hex()
        return {"name": name, "salt": salt.hex(), "key": self.stored, **more}

    def login(self, name: str, password: str) -> Any:
        nonce = self.chance.randbytes(16).hex()
        status, begun = self.says("/api/login", {"name": name, "nonce": nonce})
        if status != 200:
            return status, begun
        salt, rounds = bytes.fromhex(begun["salt"]), begun["rounds"]
        salted = hashlib.pbkdf2_hmac("sha256", password.encode(), salt, rounds)
        client = mac(salted, "Client Key")
        auth = f"{name},{nonce},{begun['challenge']}"
        sign = mac(hashlib.sha256(client).digest(), auth)
        proof = bytes(a ^ b for a, b in zip(client, sign, strict=True)).hex()
        said = {"name": name, "nonce": nonce, "challenge": begun["challenge"], "proof": proof}
        status, found = self.says("/api/login", said)
        if status == 200:
            self.session, self.number = found["session"], 0
            self.key = mac(client, f"{auth},{self.session}")
        return status, found


def blinked(lamp: str) -> str:
    """The digits of what a lamp does, as somebody counts them: after the long light blinks, with a
    longer pause behind each digit."""
    digits = re.split(r"\.{7,}", re.split("#{10,}", lamp, maxsplit=1)[1])[1:5]
    return "".join(str(len(re.findall("#+", digit))) for digit in digits)


def setup(folder: Path) -> Path:
    """The bench's networked board, as delivered, with secrets that can be told from all else."""
    site = json.loads((rig.HERE / "site_network.json").read_text())
    site["http"] |= {"token": TOKEN}
    site["http"].pop("port")
    site["mqtt"] |= {"host": "broker", "user": "box", "password": BROKERS}
    path = folder / "site.json"
    path.write_text(json.dumps(site))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(rig, "KEY", KEY)
        return rig.setup(
            folder, [], site=path, image=network.IMAGE, network=network.HOUSE, held=False
        )


def talk(ready: Path) -> dict[str, Any]:
    """All of it, one after the other on one board; what was said to whom."""
    board = Told(HERE / "board.mjs", ready, "islet/bench")
    try:
        return Talk(board).all()
    finally:
        board.stop()


class Talk:
    def __init__(self, board: Told) -> None:
        self.board = board
        chance = random.Random(1)
        self.anna = Client(board, HOME, chance)
        self.eve = Client(board, STRANGER, chance)
        self.told: dict[str, Any] = {}

    def all(self) -> dict[str, Any]:
        assert self.board.ready() < 10_000
        for part in (self.unclaimed, self.claim, self.login, self.stranger, self.charging):
            part()
        self.everything()
        self.power()
        return self.told

    def pressed(self, ms: int) -> int:
        """Held for so long; how often somebody has acknowledged by then."""
        self.board.button(True)
        self.board.run(ms)
        self.board.button(False)
        self.board.run(LET_GO_MS)
        return int(self.board.acknowledged())

    def unclaimed(self) -> None:
        told, eve = self.told, self.eve
        told["before"] = eve.asks("GET", "/api/access")
        told["unclaimed"] = eve.says("/api/command", ACKNOWLEDGE, f"Bearer {TOKEN}")
        told["closed"] = eve.says("/api/claim", eve.made("eve", WRONG, code="1111"))
        told["acknowledged"] = self.board.acknowledged()

    def claim(self) -> None:
        told, eve, anna = self.told, self.eve, self.anna
        told["by hand"] = self.pressed(PRESS_MS)
        told["pressed"] = eve.asks("GET", "/api/access")
        told["not by a hold"] = self.pressed(HOLD_MS)
        code = blinked(self.board.lamp())
        told["held"] = eve.asks("GET", "/api/access")
        wrong = "1111" if code != "1111" else "2222"
        told["guessed"] = eve.says("/api/claim", eve.made("eve", WRONG, code=wrong))
        told["claimed"] = anna.says("/api/claim", anna.made("anna", PASSWORD, code=code))
        told["after"] = eve.asks("GET", "/api/access")
        told["once"] = eve.says("/api/claim", eve.made("eve", WRONG, code=code))

    def login(self) -> None:
        self.told["login"] = self.anna.login("anna", PASSWORD)
        self.told["command"] = self.anna.signed("/api/command", ACKNOWLEDGE)
        self.told["by anna"] = self.board.acknowledged()

    def stranger(self) -> None:
        told, eve = self.told, self.eve
        eve.last = self.anna.last
        told["overheard"] = eve.again()
        told["nobody"] = eve.says("/api/command", ACKNOWLEDGE)
        told["wrong"] = [eve.login("anna", WRONG) for _ in range(5)]
        told["people"] = eve.says("/api/people", eve.made("eve", WRONG, role="owner"))
        told["by a stranger"] = self.board.acknowledged()
        told["beside"] = self.anna.signed("/api/command", ACKNOWLEDGE)

    def charging(self) -> None:
        """A car charges: the button is not read, and a lost cable takes nothing away."""
        board, told, anna = self.board, self.told, self.anna
        board.car(C_V)
        told["charges"] = board.until(1)
        told["while it charges"] = self.pressed(HOLD_MS)
        told["not opened"] = anna.asks("GET", "/api/access")
        board.cable(False)
        board.run(3_000)
        told["cable out"] = board.asks(b"GET / HTTP/1.1\r\n\r\n".hex(), HOME)
        told["charges on"] = board.energised()
        board.cable(True)
        assert board.ready() < 10_000
        stop = {"command": "charge_ma", "charge_ma": 0}
        told["stop"] = anna.signed("/api/command", stop)
        told["stops"] = board.until(0)

    def everything(self) -> None:
        """Whatever there is to read, by an owner; what went to the broker, and the console."""
        board, told, anna = self.board, self.told, self.anna
        for path in READ:
            assert anna.signed(path)[0] == 200, path
        board.type("islet report\r")
        board.run(500)
        board.type("islet state\r")
        board.run(1_500)
        told["trail"] = anna.signed("/api/audit")[1]
        told["heard"] = {
            "page": anna.heard + self.eve.heard,
            "broker": bytes.fromhex(board.heard()),
            "console": board.console().encode(),
        }
        told["secrets"] = [PASSWORD, WRONG, TOKEN, BROKERS, KEY.decode()]
        told["secrets"] += [anna.stored, self.eve.stored, anna.key.hex()]

    def power(self) -> None:
        board, told, anna = self.board, self.told, self.anna
        board.power()
        assert board.ready() < 10_000
        told["still"] = anna.asks("GET", "/api/access")
        told["session of before"] = anna.signed("/api/command", ACKNOWLEDGE)
        told["login again"] = anna.login("anna", PASSWORD)


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Any]]:
    ready = setup(tmp_path_factory.mktemp("board"))
    rest = json.loads(ready.read_text())
    flash, board = Path(rest.pop("flash")), Path(rest.pop("board"))
    inputs = [*kept.CHIP, rig.JS, HERE / "board.mjs", Path(__file__), ROOT / "tests_host/told.mjs"]
    inputs += [kept.node(), rest, flash, board]
    yield kept.kept("board", inputs, lambda: talk(ready))


def test_before_the_claim_nobody_is_obeyed(told: dict[str, Any]) -> None:
    status, answer = told["before"]
    assert status == 200 and answer["claimed"] is False and "button" in answer["text"]
    status, answer = told["unclaimed"]
    assert status == 400 and "nobody has claimed" in answer["error"]
    status, answer = told["closed"]
    assert status == 400 and answer["error"] == "the way in is not open"
    assert told["acknowledged"] == 0


def test_the_button_opens_the_way_in_by_a_hold_alone(told: dict[str, Any]) -> None:
    assert told["by hand"] == told["not by a hold"] == 1, "a press acknowledges, a hold does not"
    assert told["pressed"][1]["open_s"] == 0 and 270 <= told["held"][1]["open_s"] <= 300


def test_a_claim_by_the_lamps_code(told: dict[str, Any]) -> None:
    status, answer = told["guessed"]
    assert (status, answer["field"]) == (400, "code")
    assert told["claimed"] == (200, {"ok": True})
    assert told["after"][1]["claimed"] is True and told["after"][1]["open_s"] == 0
    status, answer = told["once"]
    assert (status, answer["field"]) == (400, "claim"), "a code is good once"


def test_a_login_and_a_command(told: dict[str, Any]) -> None:
    status, answer = told["login"]
    assert status == 200 and answer["role"] == "owner"
    assert told["command"][0] == 200 and told["by anna"] == told["by hand"] + 1


def test_a_stranger_is_refused(told: dict[str, Any]) -> None:
    assert told["overheard"][0] == told["nobody"][0] == told["people"][0] == 401
    first, *others = told["wrong"]
    assert (first[0], first[1]["error"]) == (400, "name or password is wrong")
    early = [answer for status, answer in others if status == 429]  # the pauses grow
    assert early and all(answer["allowed"].startswith("again in ") for answer in early)
    assert told["by a stranger"] == told["by anna"] and told["beside"][0] == 200


def test_while_a_car_charges_the_button_opens_nothing(told: dict[str, Any]) -> None:
    assert told["charges"] < 60_000
    assert told["while it charges"] == told["by anna"] + 1, "of anna's, and none by hand"
    assert told["not opened"][1]["open_s"] == 0


def test_a_lost_cable_takes_nothing_but_the_page(told: dict[str, Any]) -> None:
    assert told["cable out"] is None and told["charges on"] == 1
    status, answer = told["stop"]
    assert status == 200 and "stopped" in answer["text"], "the session is still there"
    assert told["stops"] < 10_000


def test_a_claim_outlives_a_power_cut_and_a_session_does_not(told: dict[str, Any]) -> None:
    assert told["still"][1]["claimed"] is True
    assert told["session of before"][0] == 401 and told["login again"][0] == 200


def test_the_trail_has_it(told: dict[str, Any]) -> None:
    trail = [(row["who"], row["what"], row["done"]) for row in told["trail"]]
    wanted = [
        ("by hand", "open the way in", True),
        ("anna", "claim", True),
        ("anna", "log in", True),
        ("anna", "acknowledge", True),
        ("68.77.66", "log in", False),
    ]
    assert list(dict.fromkeys(row for row in trail if row in wanted)) == wanted


def test_no_secret_goes_out(told: dict[str, Any]) -> None:
    """Of whatever page, broker and console were told; the broker gets its own password, and that
    where it asks for it."""
    for where, heard in told["heard"].items():
        assert len(heard) > 5_000, where
        for secret in told["secrets"]:
            found = heard.count(secret.encode())
            if (where, secret) == ("broker", BROKERS):
                assert found == heard.count(b"\0\4MQTT") > 0
            else:
                assert not found, (where, secret)
