"""Timers saturate: the same on CPython and the chip's interpreter, without an allocation."""

from __future__ import annotations

import re

import pytest

from firmware import image as im
from firmware.base import timer
from tests_host.conftest import ROOT, RunDevice

MOST = 1_000_000_000
NEAR = (0, 1, 99, 100, 101, MOST - 101, MOST - 100, MOST - 99, MOST)


def test_the_longest_is_the_images() -> None:
    assert timer.MOST_MS == im.AGE_MAX_MS == MOST


def test_what_they_say() -> None:
    for ms in NEAR:
        assert timer.grown(ms, 100) == min(ms + 100, MOST)
        assert timer.shrunk(ms, 100) == max(ms - 100, 0)
        assert timer.longer(True, ms, 100) == timer.lasting(4, ms, 100) == min(ms + 100, MOST)
    assert (timer.longer(False, 5, 100), timer.lasting(0, 5, 100)) == (0, -1)
    assert (timer.lasting(True, -1, 100), timer.lasting(True, 0, 100)) == (0, 100)


def test_the_same_on_micropython_without_an_allocation(run_device: RunDevice) -> None:
    script = f"""
import micropython
from firmware.base.timer import grown, shrunk, longer, lasting
results = [0] * {6 * len(NEAR)}
def fill(near):
    at = 0
    for ms in near:
        results[at] = grown(ms, 100)
        results[at + 1] = shrunk(ms, 100)
        results[at + 2] = longer(ms == 1, ms, 100)
        results[at + 3] = lasting(ms & 1, ms, 100)
        results[at + 4] = lasting(True, -1, 100)
        results[at + 5] = grown(ms, 1_000_000_000)
        at += 6
micropython.heap_lock()
fill({NEAR})
micropython.heap_unlock()
print(results)
"""
    expected = []
    for ms in NEAR:
        expected += [timer.grown(ms, 100), timer.shrunk(ms, 100), timer.longer(ms == 1, ms, 100)]
        expected += [timer.lasting(ms & 1, ms, 100), 0, MOST]
    assert eval(run_device(script)) == expected


AGAIN = (
    r"(\w+) if \1 < im\.AGE_MAX_MS else im\.AGE_MAX_MS\b(?! -)",
    r"([\w.]+) - dt_ms if \1 > dt_ms else 0",
    r"([\w.]+) \+= dt_ms if \1 < im\.AGE_MAX_MS",
)


@pytest.mark.parametrize("pattern", AGAIN)
def test_nobody_writes_one_of_his_own(pattern: str) -> None:
    """Outside kernels, which call nothing."""
    found = [
        str(path.relative_to(ROOT))
        for path in (ROOT / "firmware").rglob("*.py")
        if "kernel" not in path.stem and re.search(pattern, path.read_text())
    ]
    assert found == []
