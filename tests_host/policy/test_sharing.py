"""What is left over is shared by rank among any number of cars and batteries, and never more than
there is. The houses are in many.py, in an image with eight rows of devices."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests_host.conftest import ROOT
from tests_host.copies import copied


def told(firmware: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "tests_host.policy.many"],
        cwd=firmware.parent,
        env={**os.environ, "PYTHONPATH": os.pathsep.join((str(firmware.parent), str(ROOT)))},
        capture_output=True,
        text=True,
    )


def test_no_house_breaks_a_rule(tmp_path: Path) -> None:
    done = told(copied(tmp_path, {"DEVICES": 8}))
    assert done.returncode == 0, done.stderr[-3000:]


MISTAKES = (
    ("sharing", "parts.append(part)", "parts.append(min(max(watts, 0), room))"),
    ("sharing", "if taker.rank == rank]", "if rank == takers[0].rank]"),
    ("sharing", "left_w -= each.give(", "each.give("),
    ("sharing", "spare_w -= each.draw_w", "spare_w -= 0"),
    ("sharing", "promised_w -= spare_w - left_w", "pass"),
    ("sharing", "each.turn(rest_w, dt_ms)", "each.turn(rest_w and each.least_w, dt_ms)"),
    ("sharing", "rest_w -= min(each.least_w, rest_w) if each.on or each.enough else 0", "pass"),
    ("sharing", "left_w -= more_w", "pass"),
    (
        "takers",
        "left_w = -self.left(im.CLAIM_LOW) if delivers else",
        "left_w = 9_999 if delivers else",
    ),
    (
        "takers",
        "return used_w if self._unused_ms > _UNUSED_MS else promised_w",
        "return promised_w",
    ),
    ("balance", "house_w -= draw_w", "house_w -= draw_w * 2"),
)


@pytest.mark.parametrize(("module", "old", "new"), MISTAKES)
def test_a_mistake_is_noticed(module: str, old: str, new: str, tmp_path: Path) -> None:
    firmware = copied(tmp_path, {"DEVICES": 8})
    path = firmware / "policy" / f"{module}.py"
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))
    done = told(firmware)
    assert done.returncode and "AssertionError" in done.stderr, done.stderr[-500:]
