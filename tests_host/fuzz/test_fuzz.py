"""Spoilt messages of the network: no crash, nothing changed by who may not, memory back. More of
them by `make soak`, or by themselves:

    python -m tests_host.fuzz --messages 1000000 --seed 1
"""

from __future__ import annotations

import random
import sys

import pytest

from tests_host.fuzz.messages import KINDS, good, spoilt
from tests_host.fuzz.run import fuzz

MESSAGES, SOAK = 20_000, 1_000_000


def test_twenty_thousand_spoilt_messages() -> None:
    report = fuzz(1, range(MESSAGES))
    assert not report.wrong, "\n".join(report.wrong)
    assert report.taken == MESSAGES and len(report.free) == 2
    # they come far: each reader takes some, and refuses most
    for answer in (
        "'in'",
        "'people'",
        "'421'",
        "'200'",
        "'400'",
        "'401'",
        "'connected'",
        "'lease'",
        "'address'",
        "'time'",
    ):
        assert answer in report.answers
    assert all(f" {found}: " in report.answers.replace("{", " ") for found in range(5))


@pytest.mark.soak
@pytest.mark.timeout(7200)
def test_a_million_of_another_seed_each_time(capfd: pytest.CaptureFixture[str]) -> None:
    seed = random.SystemRandom().randrange(1_000_000_000)

    def told(gone: int) -> None:
        if gone % 50_000 == 0:
            with capfd.disabled():
                print(f"fuzz: {gone} of {SOAK} messages, seed {seed}", file=sys.stderr)

    report = fuzz(seed, range(SOAK), told=told)
    assert not report.wrong, "\n".join(report.wrong)
    assert report.taken == SOAK


PLANTED = {
    # of each kind: a mistake in the reader, and what is held against it
    "http": (
        "async def spoil(request):\n    policy.said += 1\n    return 'x'\nhttp._log = spoil",
        "changed what it may not",
    ),
    "mqtt": ("mqtt._packets.take = lambda head, body: body[600:] and body[900]", "IndexError"),
    "connack": ("Peer.readexactly = Peer.read", "IndexError"),
    "dhcp": ("dhcp.usable = lambda address, mask, router: ''", "an address that no host has"),
    "dns": ("dns.host = lambda address: True", "an address that no host has"),
    "sntp": ("sntp.parse = lambda data, cookie: data[40] << 8 | data[41]", "IndexError"),
    "mdns": ("mdns.passed = lambda data, at: at + 2 + data[at]", "IndexError"),
    "door": (
        "from firmware.access import inside\ninside.same = lambda a, b: True",
        "changed what it may not",
    ),
    "heap": ("count = lambda what: kept.append(bytearray(64))", "bytes are not free again"),
}


@pytest.mark.parametrize("what", PLANTED)
def test_it_finds_a_planted_mistake(what: str) -> None:
    planted, words = PLANTED[what]
    count = 4_000 if what in ("dhcp", "dns") else 500  # these are quick, and an address is rare
    report = fuzz(2, range(count), KINDS if what == "heap" else (what,), planted)
    found = [text for text in report.wrong if words in text and text.startswith(what)]
    assert found, report


def test_a_seed_and_a_number_are_a_message() -> None:
    for kind in KINDS:
        assert spoilt(3, kind, 5) == spoilt(3, kind, 5)
        many = {spoilt(3, kind, number) for number in range(200)}
        assert len(many) > 100 and many & set(good(kind))
