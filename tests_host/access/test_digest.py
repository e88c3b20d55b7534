"""Secrets' arithmetic against CPython's own."""

from __future__ import annotations

import hashlib
import hmac as rival

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firmware.access import digest
from firmware.base import secret


@given(st.binary(max_size=150), st.lists(st.binary(max_size=150), max_size=3))
def test_hmac(key: bytes, parts: list[bytes]) -> None:
    assert secret.hmac(key, *parts) == rival.new(key, b"".join(parts), hashlib.sha256).digest()


@pytest.mark.parametrize("rounds", [1, 2, 3, 4, 5, 8, 9, 100])
@pytest.mark.parametrize("password", [b"", b"correct horse", b"x" * 65])
def test_the_slow_hash(password: bytes, rounds: int) -> None:
    *before, key = digest.slices(password, b"salt" * 4, rounds)
    assert key == hashlib.pbkdf2_hmac("sha256", password, b"salt" * 4, rounds)
    assert before == [None] * ((rounds - 1) // 2)


@given(st.binary(max_size=40), st.binary(max_size=40))
def test_comparing(a: bytes, b: bytes) -> None:
    assert secret.same(a, a)
    assert secret.same(a, b) == (a == b)


def test_comparing_looks_at_every_byte() -> None:
    """Whatever differs first: the number of looks is the same."""

    class Counted(bytes):
        looks = 0

        def __getitem__(self, at):  # type: ignore[no-untyped-def]
            Counted.looks += 1
            return bytes.__getitem__(self, at)

    counts = set()
    for other in (b"0123456789", b"x123456789", b"012345678x", b"0"):
        Counted.looks = 0
        secret.same(Counted(b"0123456789"), other)
        counts.add(Counted.looks)
    assert counts == {10}


def test_chance_never_repeats(monkeypatch: pytest.MonkeyPatch) -> None:
    """Not even with a dead source of entropy and a clock that stands still."""
    monkeypatch.setattr(digest, "_urandom", lambda count: bytes(count))
    monkeypatch.setattr(digest, "ticks_us", lambda: 7)
    chance = digest.Chance(b"own")
    assert len({chance.take(16) for _ in range(1000)}) == 1000
    assert digest.Chance(b"one").take(16) != digest.Chance(b"other").take(16)
