# islet: what secrets are made with: the slow hash, chance.
# GPL-3.0-or-later
#
# The slow hash is PBKDF2-HMAC-SHA256 (RFC 8018 5.2) of 32 bytes. It is made in slices, for all of
# it takes seconds on a chip and a phone's browser some tenths of one.

import hashlib

from firmware.base.clock import sleep_ms
from firmware.base.secret import hmac, pads, sha
from firmware.base.viper import const

ROUNDS = const(4096)  # as RFC 5802 asks at least; what they take on a chip: docs/access.md
_SLICE = const(2)  # rounds, until others run; on a fragmented heap each takes 2 ms

try:
    from time import ticks_us
except ImportError:  # CPython
    from time import perf_counter_ns as ticks_us  # pyright: ignore[reportAttributeAccessIssue]

try:
    from os import urandom as _urandom
except ImportError:  # a port without
    _urandom = None


def slices(password, salt, rounds=ROUNDS):
    """The slow hash: None after each slice but the last, which gives it."""
    inner, outer = pads(password)
    new, number = hashlib.sha256, int.from_bytes
    last = hmac(password, salt, b"\0\0\0\1")
    key = number(last, "big")
    for done in range(1, rounds):
        if done % _SLICE == 0:
            yield None
        digest = new(inner)
        digest.update(last)
        middle = digest.digest()
        digest = new(outer)
        digest.update(middle)
        last = digest.digest()
        key ^= number(last, "big")
    yield key.to_bytes(32, "big")


async def slow(password, salt, rounds=ROUNDS):
    """The slow hash, while everything else runs."""
    for key in slices(password, salt, rounds):
        if key is not None:
            return key
        await sleep_ms(0)


def xor(a, b):
    return bytes([a[i] ^ b[i] for i in range(len(a))])


class Chance:
    """Bytes that nobody knows ahead: the chip's entropy, stirred with time and all that came
    before, so that a poor source alone does not give them away, nor twice the same."""

    def __init__(self, own=b""):
        self._pool = own

    def take(self, count):
        """At most 32 bytes."""
        fresh = _urandom(32) if _urandom else b""
        self._pool = sha(self._pool, fresh, str(ticks_us()).encode())
        return sha(b"out", self._pool)[:count]
