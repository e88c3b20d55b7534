"""Spoilt frames on a line: nothing raised, no wrong value, heard again within two polls. More of
them by `make soak`, or by themselves:

    python -m tests_host.fuzz.lines --frames 1000000 --seed 1
"""

from __future__ import annotations

import random

import pytest

from firmware.bus import pdu
from firmware.bus.tcp import Tcp
from tests_host.fuzz.lines import fuzz
from tests_host.fuzz.spoil import KINDS

FRAMES, SOAK = 20_000, 1_000_000  # both kinds of line together
# of a million: 2 to the power of -16 of those that were flipped or are by chance
UNSEEN_PERMILLION = 40


@pytest.mark.parametrize("tcp", [False, True], ids=["rtu", "tcp"])
def test_ten_thousand_spoilt_frames(tcp: bool) -> None:
    report = fuzz(1, FRAMES // 2, tcp)
    assert not report.wrong, "\n".join(report.wrong)
    assert report.frames == FRAMES // 2 and set(report.kinds) == set(KINDS)
    expected = ("timeout", "exception", "foreign", "shape", "line" if tcp else "crc", "ok")
    assert all(report.codes[name] > 50 for name in expected), report.codes
    if not tcp:
        assert report.unseen <= 2 and report.codes["noise"] > 50


@pytest.mark.soak
@pytest.mark.timeout(7200)
def test_a_million_of_another_seed_each_time() -> None:
    seed = random.SystemRandom().randrange(1_000_000_000)
    for tcp in (False, True):
        report = fuzz(seed, SOAK // 2, tcp)
        assert not report.wrong, f"seed {seed}: " + "\n".join(report.wrong)
        assert report.frames == SOAK // 2
        if not tcp:
            assert report.unseen <= UNSEEN_PERMILLION


def test_a_mistake_in_the_sum_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    summed = pdu.crc16

    def blind(frame: bytes, start: int, end: int) -> int:
        """Half of the sum."""
        return summed(frame, start, end) & (0xFF if end - start > 8 else 0xFFFF)

    monkeypatch.setattr(pdu, "crc16", blind)
    assert any("taken" in text for text in fuzz(2, 6_000, False).wrong)


def test_a_mistake_in_the_number_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """A late answer is taken, of other registers."""
    monkeypatch.setattr(pdu, "answers", lambda request, frame, start: True)
    assert fuzz(2, 3_000, True).wrong


def test_a_stream_that_stays_out_of_step_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    async def never(self: Tcp) -> None:
        """Nothing is begun anew."""

    monkeypatch.setattr(Tcp, "_lose", never)
    assert fuzz(2, 3_000, True).wrong


def test_an_exception_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pdu, "reply_size", lambda request: 8 + request[600])
    report = fuzz(2, 50, False)
    assert any("IndexError" in text for text in report.wrong)
