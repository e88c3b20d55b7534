# islet: the shipped scenarios: they hold with the firmware, and fail without it.
# GPL-3.0-or-later
"""A scenario that everybody passes proves nothing: each is also run by a box that does nothing and
by one that pays no heed to anything, and must fail both within its first minute."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests_host import whole
from tests_host.scenarios import rows
from tools.twin import record, scenario
from tools.twin.house import House
from tools.twin.referee import Referee

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "tools" / "twin" / "scenarios"
FILES = sorted(FOLDER.glob("*.json"))
NAMES = [path.stem for path in FILES]
MINUTE_S = 60
WHOLE_S = 300  # scenarios up to this length are run whole
STEP_US = 100_000
ALWAYS = {
    "lost_broker", "outage", "outage_long", "overload_25a", "silent_bus", "split_phase_busbar",
    "stale_meter", "sunny_day", "two_batteries", "unplugged",
}  # fmt: skip


def played(story: scenario.Scenario, box: Any) -> dict[str, Any]:
    """The house alone for a minute, with `box(house)` at its outputs before each 100 ms."""
    house, referee = story.new_house(), Referee(story)
    for t_us in range(0, MINUTE_S * 1_000_000 + 1, STEP_US):
        house.advance(t_us)
        house.segments.clear()
        house.edges.clear()
        referee.observe(t_us, house.truth())
        box(house)
    return referee.summary()


def lazy(house: House) -> None:
    """A box without a chip: all outputs float."""


def reckless(house: House) -> None:
    """A box that switches on whatever it can, and never looks."""
    for name in ("contactor", "island", "bond", "enable", "loads"):
        house.set_output(name, True)
    house.set_pilot(1000, 0.2667)
    for inverter in house.converters:
        inverter.operate("start")
        inverter.allow_forming(True)
        inverter.write_setpoint(-inverter.discharge_w, True, 0, 10)


def test_the_scenarios_the_readme_promises_are_there() -> None:
    assert set(NAMES) >= ALWAYS
    readme = (FOLDER / "README.md").read_text(encoding="utf-8")
    assert [name for name in NAMES if f"`{name}`" not in readme] == []


@pytest.mark.parametrize("path", FILES, ids=NAMES)
def test_is_good_and_says_what_it_is(path: Path) -> None:
    story = scenario.load(path)
    assert len(story.text) > 80 and story.expect
    assert all(e.text for e in story.expect), "each expectation says what it expects"
    assert any(e.from_s < MINUTE_S for e in story.expect)


@pytest.mark.parametrize("path", FILES, ids=NAMES)
@pytest.mark.parametrize("box", [lazy, reckless])
def test_fails_with_a_bad_box(path: Path, box: Any) -> None:
    summary = played(scenario.load(path), box)
    assert not summary["ok"]


@pytest.mark.parametrize("path", FILES, ids=NAMES)
@pytest.mark.timeout(300)
def test_holds_with_the_firmware(path: Path, tmp_path: Path) -> None:
    """The whole stack, at least for the minute `make run SECONDS=60` takes; and core commands the
    same when the devices are the last rows of the image, idle ones before them; and what is said
    on the way is so."""
    length_s = scenario.load(path).seconds
    seconds = length_s if length_s <= WHOLE_S else MINUTE_S
    played = whole.play(path, seconds, record=tmp_path / "run", ask=True)
    assert played.summary, played.messages
    assert not played.untrue, played.untrue
    assert played.code == 0, played.blame
    assert played.summary["seconds"] == seconds
    rows.moved(record.Recording(tmp_path / "run"), tmp_path / "moved")
    again = record.replay_micropython(record.Recording(tmp_path / "moved"))
    assert again.difference is None, again.difference
    assert again.steps > 9 * seconds


def test_a_device_that_is_left_behind_is_noticed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The rows that say whose device something is stay as they were."""
    whole.play(FOLDER / "overload_25a.json", 60, record=tmp_path / "run")
    monkeypatch.setattr(rows, "of_site", lambda site, _: site)
    rows.moved(record.Recording(tmp_path / "run"), tmp_path / "moved")
    assert record.replay_micropython(record.Recording(tmp_path / "moved")).difference


def test_what_lies_beyond_the_end_is_not_judged() -> None:
    played = whole.play(FOLDER / "outage_long.json", 10)
    assert played.code == 0, played.blame
    assert any(e["ok"] is None for e in played.summary["expectations"])


@pytest.mark.soak
@pytest.mark.timeout(7000)
@pytest.mark.parametrize("name", ["outage_long", "sunny_day"])
def test_the_long_ones_hold_to_their_end(name: str) -> None:
    played = whole.play(FOLDER / f"{name}.json")
    assert played.code == 0, played.blame
