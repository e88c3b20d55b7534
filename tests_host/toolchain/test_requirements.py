"""What a run takes of Python's packages is little, and what it needs: the locks, and the days that
are shipped with the scenarios."""

from __future__ import annotations

import importlib.metadata
import json
import re
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from tools.setup import steps
from tools.twin import scenario
from tools.twin.house import profiles
from tools.workshop import ROOT

SCENES = sorted((ROOT / "tools/twin/scenarios").glob("*.json"))
LOCKS = {"run": steps.REQUIREMENTS, **{name: steps.more_lock(name) for name in steps.MORE}}
WITHOUT = """
import sys
blocked = set(sys.argv.pop(1).split())
class Missing:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in blocked:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
sys.meta_path.insert(0, Missing())
from tools.twin.__main__ import main
sys.exit(main(sys.argv[1:]))
"""


def same(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def pinned(lock: str) -> set[str]:
    return {same(line.split("==")[0]) for line in LOCKS[lock].read_text().split()}


def needed(package: str) -> set[str]:
    """What it says that it needs, here."""
    asked = (Requirement(text) for text in importlib.metadata.requires(package) or [])
    return {same(r.name) for r in asked if not r.marker or r.marker.evaluate({"extra": ""})}


def test_each_package_stands_in_one_lock_with_all_it_needs() -> None:
    there: set[str] = set()
    for lock in LOCKS:
        assert not there & pinned(lock), lock
        there |= pinned(lock)
        for package in sorted(pinned(lock)):
            assert needed(package) <= there, f"{package} in the lock of {lock}"
    assert len(pinned("run")) < len(there) / 2


def test_the_names_asked_for_stand_in_the_lock_they_are_meant_for() -> None:
    lock = ""
    asked: dict[str, set[str]] = {}
    for line in (ROOT / "requirements.in").read_text().splitlines():
        if found := re.match(r"# requirements(?:-(\w+))?\.lock\b", line):
            lock = found[1] or "run"
        elif line and not line.startswith("#"):
            asked.setdefault(lock, set()).add(same(line))
    assert set(asked) == set(LOCKS)
    for name, names in asked.items():
        assert names <= pinned(name), name


@cache
def blocked() -> str:
    """Top-level modules of every package that a run does not install."""
    tops = importlib.metadata.packages_distributions()
    own = pinned("run")
    return " ".join(top for top, of in tops.items() if not own & {same(name) for name in of})


def run(*words: str | Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", WITHOUT, blocked(), *map(str, words)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120)


def test_a_run_takes_nothing_else(tmp_path: Path) -> None:
    """A shipped scenario goes; a day of one's own is computed by packages of their own."""
    assert {"pandas", "pvlib", "pytest", "_pytest"} <= set(blocked().split())
    done = run("--scenario", "sunny_day", "--seconds", "1", "--speed", "max")
    assert done.returncode == 0, done.stderr
    story = json.loads((SCENES[0].parent / "sunny_day.json").read_text())
    story["house"]["place"]["latitude"] = 51.23
    (tmp_path / "own.json").write_text(json.dumps(story))
    done = run("--scenario", tmp_path / "own.json", "--seconds", "1", "--speed", "max")
    assert done.returncode == 2 and "python3 -m tools.setup own" in done.stderr, done.stderr


@pytest.mark.parametrize("path", SCENES, ids=lambda path: path.stem)
def test_the_days_of_a_shipped_scenario_are_shipped(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(profiles, "CACHE", tmp_path / "none")
    profiles.household.cache_clear()
    profiles.days_of(scenario.load(path))
    assert not (tmp_path / "none").exists(), "python -m tools.twin.house.profiles"


def test_a_shipped_day_is_what_the_libraries_say(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = profiles.shipped()
    monkeypatch.setattr(profiles, "CACHE", tmp_path)
    monkeypatch.setattr(profiles, "shipped", lambda: {})
    profiles.household.cache_clear()
    story = scenario.load(SCENES[-4])
    assert story.house.sources
    profiles.days_of(story)
    computed = [json.loads(path.read_text()) for path in sorted(tmp_path.glob("*.json"))]
    assert {text.split('"what": ')[1][:6] for text in kept} == {'"house', '"sun"}'}
    for values in computed:
        assert any(values == pytest.approx(day, abs=1e-6) for day in kept.values())
    assert len(computed) >= 2
