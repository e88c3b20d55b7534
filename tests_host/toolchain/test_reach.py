"""`make test ROOM=core`: which tests an edit asks for, and what it says of a room there is not."""

from __future__ import annotations

import os
import subprocess

import pytest

from tools import reach
from tools.setup.steps import STEPS
from tools.workshop import ROOT


def make(*words: str) -> subprocess.CompletedProcess[str]:
    """As from a shell: nothing of the make above us."""
    env = {"PATH": os.environ["PATH"]}
    command = ["make", "--no-print-directory", "-n", *words]
    return subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, check=True)


def own(room: str) -> set[str]:
    folder = ROOT / "tests_host" / room
    return {path.relative_to(ROOT).as_posix() for path in folder.rglob("test_*.py")}


@pytest.mark.parametrize("room", reach.rooms(ROOT))
def test_every_room_has_tests(room: str) -> None:
    found = reach.of_room(ROOT, room)
    assert len(found) > 1 or room in {"docs", "bench"}, found
    assert set(found) >= own(room) | set(reach.ALWAYS)
    assert all((ROOT / file).is_file() for file in found)


def test_an_edit_is_felt_in_the_rooms_that_use_it() -> None:
    guard = set(reach.of_room(ROOT, "guard"))
    assert {"tests_host/core/test_core.py", "tests_host/firmware/test_app.py"} <= guard
    assert "tests_host/core/test_limits.py" not in guard
    assert set(reach.of_room(ROOT, "core/vehicle")) >= own("core")
    assert "tests_host/chips/test_schema.py" in reach.of_room(ROOT, "circuits")


def test_what_reaches_the_firmware_only_by_a_tool_is_left_but_for_the_tool_s_room() -> None:
    by_the_house = "tests_host/twin/test_referee.py"
    assert by_the_house not in reach.of_room(ROOT, "core")
    assert by_the_house in reach.of_room(ROOT, "twin")
    assert "tests_host/site/test_house.py" in reach.of_room(ROOT, "twin")


def test_whole_houses_and_chips_are_left_but_for_their_own_room() -> None:
    core = reach.of_room(ROOT, "core")
    left = (*reach.WHOLE, "rp2040/", "image/")
    assert not [f for f in core if f.removeprefix("tests_host/").startswith(left)]
    assert set(reach.of_room(ROOT, "cases")) >= own("cases")


@pytest.mark.parametrize(
    ("room", "said"),
    [("cores", "did you mean core?"), ("Gaurd", "guard?"), ("", "there are access")],
)
def test_an_unknown_room_is_named(
    room: str, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert reach.main([room]) == 2
    printed = capsys.readouterr()
    assert said in printed.err and "no such room" in printed.err and not printed.out


def test_make_runs_them_without_an_image_for_the_chip() -> None:
    lines = make("test", "ROOM=core", "ARGS=-k a").stdout.splitlines()
    assert "tools.setup room" in " ".join(lines)
    assert lines[-2].startswith("files=$(.venv/bin/python -m tools.reach 'core') || exit;")
    assert lines[-1].endswith(" --no-header $files -k a")
    assert "image" not in {step.name for step in STEPS if "room" in step.profiles}
    for words in (("test",), ("test", "ROOM=rp2040")):
        assert "tools.setup test" in make(*words).stdout
