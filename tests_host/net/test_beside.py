"""A silent broker holds umqtt.simple for as long as it likes, and islet's link not at all."""

from __future__ import annotations

import socket
import time

from tools.bench import hostile, intruders

SILENT_S, LIMIT_MS = 3, 8_000
HELD_MS = 1_500  # more than a busy PC takes, half of what the broker is silent for


def silent(_peer: socket.socket) -> None:
    time.sleep(SILENT_S)


def test_the_link_goes_on_and_umqtt_waits() -> None:
    ours, theirs = (hostile.held_ms(who, silent, LIMIT_MS) for who in ("islet", "umqtt"))
    assert ours is not None and ours < HELD_MS
    assert theirs is None or theirs > HELD_MS


def test_a_good_visitor_beside_bodies_of_a_megabyte() -> None:
    """By both, so that the bench compares what works."""
    for who in ("islet", "microdot"):
        found = intruders.tried(who, intruders.heavy, 1, 4_000)
        assert found.held_ms is not None and found.alive > 0
        assert found.answers, who
