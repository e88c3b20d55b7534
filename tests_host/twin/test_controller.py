# islet: the firmware in its house when the scenario takes its mind, and levels at its start.
# GPL-3.0-or-later
"""The whole stack in virtual time; short houses, one run each."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests_host.system.kit import Box, document

T2: dict[str, Any] = {"house__relays": {"bond_hold_ms": 500, "switch_excluded": True}}


def ran(folder: Path, story: dict[str, Any], events: list[dict[str, Any]], seconds: float) -> Box:
    return Box(folder, story | {"events": events}, seconds=seconds).whole()


def moves(box: Box, name: str, from_ms: int = 0) -> list[tuple[int, int]]:
    rows = [(t, text.split()) for t, text in box.lines("house")]
    return [(t, int(w[-1])) for t, w in rows if w[:2] == ["contact", name] and t >= from_ms]


@pytest.mark.parametrize("event", [{"controller": "reset"}, {"controller": "off", "for_s": 2}])
def test_in_an_island_the_enable_drops_and_the_bond_stays_until_the_island_is_dead(
    tmp_path: Path, event: dict[str, Any]
) -> None:
    """Hazard test 2 of docs/hazards.md, with a bond held by stored energy."""
    story = document("outage", **T2)
    lost = {"at_s": 12, "set": "grid.outage", "to": True}
    box = ran(tmp_path, story, [lost, {"at_s": 40, **event}], 43)
    assert moves(box, "bond", 12_000)[0][1] == 1, "it was islanded"
    assert moves(box, "enable", 40_000)[0] == (40_000, 0)
    [(dropped_ms, level)] = moves(box, "bond", 40_000)[:1]
    assert (dropped_ms, level) == (40_520, 0)
    dead = next(t for t, on in moves(box, "island_dead", 40_000) if on)
    assert dead < dropped_ms
    assert box.summary["restarts"] == 1
    assert not [row for row in box.summary["findings"] if row["rule"] == "INV-9"]


@pytest.mark.parametrize("name", ["estop", "rcd", "overtemp"])
def test_a_protective_input_is_known_at_the_first_look_after_every_start(
    tmp_path: Path, name: str
) -> None:
    story = document("sunny_day", house__protection={name: True}, site__owner__goal="charge")
    box = ran(tmp_path, story, [{"at_s": 4, "controller": "reset"}], 10)
    for begin_ms in (0, 4_250):
        rows = [text for t, text in box.lines("guard") if begin_ms <= t <= begin_ms + 300]
        trips = [text for text in rows if text.startswith("trips")]
        assert trips and not trips[-1].endswith("none"), "found, or remembered"
    assert moves(box, "contactor") == []
    assert not [text for _, text in box.lines("core") if "closing" in text]
