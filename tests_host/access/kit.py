"""A box with its doors, and what a page does at them, by CPython's own hashlib and hmac."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import os
from pathlib import Path
from typing import Any

import pytest

from firmware.access import Gate
from firmware.access.digest import ROUNDS
from firmware.access.inside import Access
from firmware.access.people import People
from firmware.people.asked import Refused

PASSWORD = "correct horse battery"
HOME = "192.168.1.20"


def mac(key: bytes, *parts: bytes) -> bytes:
    return hmac.new(key, b"".join(parts), hashlib.sha256).digest()


def client_key(password: str, salt: bytes, rounds: int = ROUNDS) -> bytes:
    salted = hashlib.pbkdf2_hmac("sha256", password.encode(), salt, rounds)
    return mac(salted, b"Client Key")


def made(name: str, password: str = PASSWORD, **more: Any) -> dict[str, Any]:
    """What a page sends of a new password."""
    salt = os.urandom(16)
    key = hashlib.sha256(client_key(password, salt)).digest()
    return {"name": name, "salt": salt.hex(), "key": key.hex(), **more}


class Lamp:
    way_in = ""


class Trail:
    """In place of the ledger's."""

    missed = False

    def __init__(self) -> None:
        self.notes: list[tuple[Any, ...]] = []

    def note(self, *note: Any) -> None:
        self.notes.append(note)

    def entries(self) -> list[Any]:
        return []

    def rested(self) -> bool:
        return True

    def step(self, dt_ms: int) -> None:
        pass


class Entrance:
    """As firmware/entrance.py, for a Box in place of a board's parts."""

    @staticmethod
    def inside(box: Box, gate: Gate) -> Access:
        people = People(box.folder)
        access = Access(people, b"own", lambda: box.quiet, box.said.append, gate)
        access.lamp = box.lamp  # pyright: ignore[reportAttributeAccessIssue]
        return access

    @staticmethod
    async def write(box: Box, gate: Gate) -> None:
        gate.trail = box.trail  # pyright: ignore[reportAttributeAccessIssue]
        notes, gate.notes = gate.notes, []
        for note in notes:
            box.trail.note(*note)

    @staticmethod
    def let_go(gate: Gate) -> None:
        if gate.here is not None:
            gate.known = gate.here.delays.known()
        gate.here = gate.trail = None

    @staticmethod
    def restart() -> None:
        Box.gone += 1


class Box:
    gone = 0  # how often one has started anew
    """The gate with what it is given on a board; `access` is what it has inside."""

    def __init__(self, folder: Path, lamp: bool = True) -> None:
        self.folder = f"{folder}/"
        self.quiet = True
        self.said: list[int] = []
        Box.gone = 0
        self.trail = Trail()
        self.lamp = Lamp() if lamp else None
        self.access = self.start()

    def start(self) -> Access:
        """As after a reset: what is on flash stays."""
        self.gate = Gate(self, lambda: Entrance)
        self.access = self.gate.inside()
        return self.access

    def after(self, seconds: int) -> None:
        for _ in range(seconds):
            self.gate.step(1000)
            self.access = self.gate.inside()  # somebody always looks

    def noted(self) -> list[tuple[Any, ...]]:
        asyncio.run(self.gate.catch_up())
        return self.trail.notes

    def claimed(self, name: str = "anna", password: str = PASSWORD) -> None:
        self.access.claim({"code": self.access.open(), **made(name, password)}, HOME)


class Page:
    """A browser with the box's page."""

    def __init__(self, box: Box, source: str = HOME) -> None:
        self.box, self.source = box, source
        self.session, self.key, self.number = "", b"", 0

    def begin(self, name: str, **more: Any) -> dict[str, Any]:
        said = {"name": name, "nonce": os.urandom(16).hex(), **more}
        return {**said, **asyncio.run(self.box.access.begin(said, self.source))}

    def proof(self, begun: dict[str, Any], password: str = PASSWORD) -> dict[str, Any]:
        """The second half, as it is sent."""
        key = client_key(password, bytes.fromhex(begun["salt"]), begun["rounds"])
        self.auth = "{name},{nonce},{challenge}".format(**begun).encode()
        sign = mac(hashlib.sha256(key).digest(), self.auth)
        self._client_key = key
        proof = bytes(a ^ b for a, b in zip(key, sign, strict=True)).hex()
        return {**{k: begun[k] for k in ("name", "nonce", "challenge")}, "proof": proof}

    def finish(self, said: dict[str, Any]) -> dict[str, Any]:
        found = self.box.access.finish(said, self.source)
        self.session, self.number = found["session"], 0
        self.key = mac(self._client_key, self.auth, b",", self.session.encode())
        return found

    def login(self, name: str = "anna", password: str = PASSWORD) -> dict[str, Any]:
        return self.finish(self.proof(self.begin(name), password))

    def signed(self, what: str, body: bytes, number: int | None = None) -> str:
        """The credentials of the next request."""
        self.number = self.number + 1 if number is None else number
        seal = mac(self.key, f"{what}\n{self.number}\n".encode(), body).hex()
        return f"{self.session}.{self.number}.{seal}"

    def asks(self, what: str = "POST /api/command", body: bytes = b"{}") -> Any:
        return self.box.access.who(self.signed(what, body), what, body)


def refused(field: str, do: Any) -> Refused:
    with pytest.raises(Refused) as found:
        do()
    assert found.value.field == field, found.value
    return found.value
