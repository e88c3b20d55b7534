"""Same seed, same events, byte for byte: whatever this PC does meanwhile, and whoever answers."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests_host import whole
from tools.twin.buses import line
from tools.twin.link.session import Session
from tools.workshop import ROOT

SCENARIO = ROOT / "tools" / "twin" / "scenarios" / "two_batteries.json"
SECONDS = 12


def slowly(random_s: random.Random) -> Callable[..., Any]:
    exchange = Session.exchange

    def late(*given: Any) -> Any:
        if random_s.random() < 0.1:
            time.sleep(random_s.random() * 0.02)
        return exchange(*given)

    return late


def test_events_are_the_same_however_they_come_about(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without copies of registers, without looking ahead, on a machine that is busy at random."""
    asked: dict[str, int] = {}

    def play(name: str) -> bytes:
        events = tmp_path / name
        transmit = line.Line.transmit

        def counted(*given: Any) -> None:
            asked[name] = asked.get(name, 0) + 1
            transmit(*given)

        with monkeypatch.context() as patch:
            patch.setattr(line.Line, "transmit", counted)
            assert whole._play(SCENARIO, SECONDS, 1, events, None, False).code == 0
        return events.read_bytes()

    usual = play("usual")
    for name, of, attribute, value in (
        ("all asked", line, "OFTEN", 1 << 30),
        ("no look ahead", Session, "look_ahead", lambda session: None),
        ("busy", Session, "exchange", slowly(random.Random(1))),
    ):
        with monkeypatch.context() as patch:
            patch.setattr(of, attribute, value)
            assert play(name) == usual, name
    assert asked["all asked"] > 2 * asked["usual"] == 2 * asked["busy"]
