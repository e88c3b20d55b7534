"""safety.md 3: what may survive a reset, and only with the same car; a point each."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from firmware import image as im
from firmware.ledger.seal import Seal
from tests_host.conftest import ROOT
from tests_host.core.test_rows import copied
from tests_host.fields import columns
from tests_host.ledger.walk import Board

GATEWAY = 1


class Started(Board):
    def __init__(self, cause: str, bits: int) -> None:
        self.cause, self.bits = cause, bits

    def reset_cause(self) -> str:
        return self.cause


def site(topology: int) -> im.Image:
    image = im.Image()
    image.site[im.DEVICE_NODE] = image.site[im.DEVICE_NODE + GATEWAY] = 1
    columns(image.site, topology)
    return image


def see(image: im.Image, car: bool | None) -> None:
    """A car, none, or nobody knows; by the pilot and by a gateway's report."""
    states = {True: im.PILOT_B, False: im.PILOT_A, None: im.PILOT_UNKNOWN}
    image.commands[im.POINT_PILOT_STATE] = states[car]
    image.readings[im.DEVICE_PLUGGED + GATEWAY] = int(car is True)
    image.readings[im.DEVICE_AGE_MS + GATEWAY] = im.AGE_MAX_MS if car is None else 0


@pytest.mark.parametrize("topology", [1, 2])
@pytest.mark.parametrize(
    ("cause", "bits", "first", "then", "authorised"),
    [
        ("reset", 1, True, True, 1),
        ("reset", 1, None, True, 1),
        ("reset", 1, False, True, 0),
        ("reset", 0, True, True, 0),
        ("power", 1, True, True, 0),
        ("reset", -1, True, True, 0),
    ],
)
def test_only_a_proved_reset_with_the_same_car(
    cause: str, bits: int, first: bool | None, then: bool, authorised: int, topology: int
) -> None:
    image, board = site(topology), Started(cause, bits)
    seal = Seal(board, image)
    for seen in (first, then):
        see(image, seen)
        seal.step(100)
    assert image.requests[im.POINT_AUTHORISED] == authorised
    assert board.bits == authorised


def test_who_is_not_seen_in_five_seconds_is_gone() -> None:
    image, board = site(1), Started("reset", 1)
    seal = Seal(board, image)
    for _ in range(50):
        assert board.bits == 1, "a reset may come again"
        seal.step(100)
    seal.step(100)
    assert board.bits == 0


def told(firmware: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "tests_host.ledger.two_points"],
        cwd=firmware.parent,
        env={**os.environ, "PYTHONPATH": os.pathsep.join((str(firmware.parent), str(ROOT)))},
        capture_output=True,
        text=True,
    )


def test_two_points_have_each_their_own(tmp_path: Path) -> None:
    """Session, authorisation, seal."""
    done = told(copied(tmp_path, {"DEVICES": 4, "POINTS": 2}))
    assert done.returncode == 0, done.stderr[-2000:]


PILOT, UNPLUGS = "commands[im.POINT_PILOT_STATE + point]", "commands[im.POINT_UNPLUGS + point]"
CONTACTOR = "[im.POINT_CONTACTOR_STATE + self.point]"
MISTAKES = (
    ("ledger/seal.py", "_holds(point, dt_ms) << point", "_holds(point, dt_ms)"),
    ("ledger/seal.py", "kept >> p & 1", "kept & 1"),
    ("ledger/accounts.py", PILOT, "commands[im.POINT_PILOT_STATE]"),
    ("ledger/accounts.py", UNPLUGS, "commands[im.POINT_UNPLUGS]"),
    ("ledger/accounts.py", CONTACTOR, "[im.POINT_CONTACTOR_STATE]"),
    ("policy/authorisation.py", UNPLUGS, "commands[im.POINT_UNPLUGS]"),
)


@pytest.mark.parametrize(("file", "old", "new"), MISTAKES)
def test_a_point_that_stands_for_another_is_noticed(
    file: str, old: str, new: str, tmp_path: Path
) -> None:
    firmware = copied(tmp_path, {"DEVICES": 4, "POINTS": 2})
    text = (firmware / file).read_text()
    assert old in text
    (firmware / file).write_text(text.replace(old, new))
    assert "AssertionError" in told(firmware).stderr
