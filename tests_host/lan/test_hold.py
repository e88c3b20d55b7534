"""Whoever is on the network, the loop goes on: on the emulated chip, behind the W5500."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tools.bench.board import network

SECONDS = 3
LOST = "broker lost"  # and three clients of the page without a pause, a car charging
PLANTED = """
import time
from firmware.lan.ethernet import Ethernet

tick = Ethernet._tick

def held(self, number):
    tick(self, number)
    if not number:
        time.sleep_ms(90)  # longer than most of the time between two cycles: no luck is needed

Ethernet._tick = held
import network
"""


def worst(folder: Path, program: str = network.PROGRAM) -> dict[str, Any]:
    planted = folder / "planted.py"
    planted.write_text(PLANTED)
    ready = network.setup(folder, [planted])
    (row,) = network.scenes(ready, [LOST], SECONDS, program)
    return row


def test_control_is_in_time_with_a_broker_lost_and_three_clients(tmp_path: Path) -> None:
    row = worst(tmp_path)
    assert row["control_ms"] <= network.HOLD_MS and row["guard_ms"] <= network.GUARD_MS
    assert len([answer for answer in row["answers"] if answer["status"] == 200]) > 12
    assert row["page_ms"] < 2000 and row["broker_ms"] < 15_000
    assert row["resets"] == 0


def test_what_holds_the_loop_is_seen(tmp_path: Path) -> None:
    assert worst(tmp_path, "planted")["control_ms"] > network.HOLD_MS
