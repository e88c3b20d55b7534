# islet: the firmware needs no more memory in the evening than in the morning.
# GPL-3.0-or-later
from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests_host.system.kit import Box, document, quiet
from tools.bench import heap

GROWTH_BYTES = 1_024  # between minutes; MicroPython's collector is conservative, so it wavers
LEAK_BYTES = 16  # the least that can leak: one block of the heap, here each second
DEVICE = Path(__file__).resolve().parent / "device"
BUSY: list[dict[str, Any]] = [  # a minute in which every link has to work
    {"at_s": 20, "mqtt": {"topic": "islet/sunny/set/goal", "payload": "charge"}},
    {"at_s": 25, "mqtt": {"topic": "islet/sunny/set/nonsense", "payload": "{"}},
    {"at_s": 30, "bus": "inverter", "fault": "noise", "for_s": 5},
    {"at_s": 40, "bus": "meter", "fault": "crc", "for_s": 5},
    {"at_s": 50, "broker": "down"},
    {"at_s": 55, "broker": "up"},
]


def minutes_of(count: int) -> list[dict[str, Any]]:
    return [
        {**event, "at_s": event["at_s"] + 60 * minute} for minute in range(count) for event in BUSY
    ]


def held_bytes(box: Box, minute: int) -> int:
    """Least that was held just after a collection in this minute (counted from 1)."""
    found = [
        int(text.split()[1])
        for t_ms, text in box.lines("chip")
        if text.startswith("heap ") and t_ms // 60_000 == minute - 1
    ]
    assert len(found) >= 5
    return min(found)


@pytest.mark.parametrize("minutes", [14, pytest.param(120, marks=pytest.mark.soak)])
def test_the_heap_does_not_grow(tmp_path: Path, minutes: int) -> None:
    """A leak of one block a second would be 7 kB in the shorter of the two."""
    assert (minutes - 7) * 60 * LEAK_BYTES > 6 * GROWTH_BYTES
    story = document(events=minutes_of(minutes))
    box = Box(tmp_path, story, seconds=60 * minutes, main=DEVICE / "heap.py").whole()
    assert box.code == 0 and quiet(box.output), box.output
    held = [held_bytes(box, minute) for minute in range(1, minutes + 1)]
    assert held[-1] - held[5] < GROWTH_BYTES, held  # events and the like have filled by then
    low = [state["unit"]["heap_low_bytes"] for _, state in box.published("state")]
    known = [held for held in low if held is not None]
    assert len(low) - len(known) <= 2, "it is asked in the first second, and told from then on"
    assert min(known) > 200_000, "of 2 MB; a chip's share is measured by `make bench`"


def test_what_is_held_for_a_moment_is_no_growth() -> None:
    """The probe that tells to the byte: `python -m tools.bench heap`."""
    run = heap.Probed(600, 300)
    for minute, lives in ((1, 700), (1, 720), (4, 732), (4, 700), (9, 732), (9, 716)):
        run.note(minute, lives, 1_000)
    assert run.growth() == [0, 16]
