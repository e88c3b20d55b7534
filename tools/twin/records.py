# islet: the ledger's flash as a chip finds it: records of proofs, there before its first start.
# GPL-3.0-or-later
from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

from firmware.access.digest import ROUNDS
from firmware.access.people import SALT, stored_key
from firmware.ledger import JOURNAL_SECTORS, KEEP_SECTORS, SECTORS, SESSION_SECTORS
from firmware.ledger.keep import PROOF
from firmware.ledger.ring import SMALL, Ring, topic

Proofs = dict[str, list[int]]  # wiring, identity, minute + 1, result; by the device's name
SECTOR = 4096
KEEP = (SESSION_SECTORS + JOURNAL_SECTORS) * SECTOR


class Flash:
    """The ledger's bytes, as a store."""

    sector = SECTOR

    def __init__(self, data: bytes = b"") -> None:
        self.size = SECTORS * SECTOR
        self.data = bytearray(data or b"\xff" * self.size)

    def read(self, offset: int, count: int) -> bytes:
        return bytes(self.data[offset : offset + count])

    def program(self, offset: int, data: bytes) -> None:
        self.data[offset : offset + len(data)] = data

    def erase(self, offset: int) -> None:
        self.program(offset, b"\xff" * self.sector)


def _ring(store: Flash) -> Any:
    return Ring(store, KEEP, KEEP_SECTORS, KEEP_SECTORS - 2, SMALL)


def _rows(site: Mapping[str, Any]) -> list[str]:
    rows = site.get("devices")
    rows = rows if isinstance(rows, list) else []
    return [str(row.get("name", "")) if isinstance(row, dict) else "" for row in rows]


def ledger(site: Mapping[str, Any], proofs: Proofs) -> bytes:
    """The ledger's flash before the first start, with these records alone."""
    store = Flash()
    ring = _ring(store)
    for row, name in enumerate(_rows(site)):
        if name in proofs:
            ring.append(PROOF, row, proofs[name])
    return bytes(store.data)


def records(site: Mapping[str, Any], data: bytes) -> Proofs:
    """What a ledger's flash has."""
    latest = {topic(record[1], record[2]): record[4] for record in _ring(Flash(data)).latest()}
    names = dict(enumerate(_rows(site)))
    return {
        name: list(latest[topic(PROOF, row)])
        for row, name in names.items()
        if topic(PROOF, row) in latest
    }


# --- who has claimed the box ---------------------------------------------------------------------

OWNER = "owner"  # of a simulated house
PASSWORD = "simulated house"


def people() -> bytes:
    """The file of firmware/access/people.py: somebody stood before this box and claimed it."""
    salt = bytes(SALT)
    salted = hashlib.pbkdf2_hmac("sha256", PASSWORD.encode(), salt, ROUNDS)
    key = stored_key(salted)
    return f"owner {salt.hex()} {ROUNDS} {key.hex()} {OWNER}\n".encode()
