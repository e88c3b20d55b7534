"""What tests keep for the next time holds as long as nothing it is made of changes, no longer."""

from __future__ import annotations

import fcntl
import gc
import os
import shutil
import threading
import time
from pathlib import Path

import pytest

from tests_host import kept, order, whole

FILES = (
    "firmware/core/limits/arbiter.py", "firmware/image.py", "tools/twin/house/grid.py",
    "tools/twin/scenarios/outage.json", "tools/image/fold.py", "lib/umqtt/simple.py",
    ".cache/data/islet_data.py", "tests_host/whole.py", "tests_host/people/truth/asked.py",
)  # fmt: skip


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(kept, "FOLDER", tmp_path / "kept")
    return tmp_path / "kept"


def test_made_once_and_again_when_an_input_changes(tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.mkdir()
    made: list[int] = []

    def make() -> int:
        made.append(1)
        return len(made)

    def ask(*more: object) -> int:
        return kept.kept("try", [source, *more], make)

    (source / "a").write_text("1")
    assert [ask(), ask(), ask(2.5), ask(2.5), ask()] == [1, 1, 2, 2, 1]
    (source / "a").write_text("2")
    assert ask() == 3
    (source / "b").touch()  # a new file, though empty
    assert ask() == 4
    (source / "b").rename(source / "c")
    assert ask() == 5
    (source / "c").unlink()
    assert ask() == 3  # as it was before


def test_what_is_not_good_or_was_edited_meanwhile_is_not_kept(tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.write_text("1")
    said = iter(range(9))
    assert [kept.kept("bad", [], lambda: next(said), lambda made: made > 0) for _ in "12"] == [
        0,
        1,
    ]

    def edited() -> str:
        source.write_text("22")
        return "of both"

    assert kept.kept("edited", [source], edited) == "of both"
    for text in ("1", "22"):
        source.write_text(text)
        assert kept.kept("edited", [source], lambda: "anew") == "anew"


def test_half_a_file_is_made_anew(folder: Path) -> None:
    kept.kept("half", [], lambda: "x" * 1000)
    (place,) = folder.glob("half-*")
    place.write_bytes(place.read_bytes()[:10])
    assert kept.kept("half", [], lambda: "whole") == "whole"
    old = time.time() - 15 * 86_400
    os.utime(place, (old, old))
    kept.tidy()
    assert not place.exists()


def test_two_that_want_it_at_once_get_one() -> None:
    made: list[float] = []

    def make() -> float:
        time.sleep(0.2)
        made.append(time.monotonic())
        return made[-1]

    got: list[float] = []
    both = [threading.Thread(target=lambda: got.append(kept.kept("at", [], make))) for _ in "12"]
    for one in both:
        one.start()
    for one in both:
        one.join()
    assert len(made) == 1 and got == [made[0]] * 2


@pytest.mark.parametrize("file", FILES)
def test_a_run_depends_on_all_it_is_made_of(file: str, tmp_path: Path) -> None:
    """An edit anywhere in the firmware, the twin, the packages or the truth that is asked."""
    (place,) = [p for p in kept.HOUSE if (kept.ROOT / file).is_relative_to(p)]
    copy = tmp_path / place.name
    if place.is_dir():
        shutil.copytree(place, copy, ignore=shutil.ignore_patterns("__pycache__"))
    else:
        shutil.copy(place, copy)
    before = kept.digest([copy])
    edited = copy / (kept.ROOT / file).relative_to(place) if place.is_dir() else copy
    edited.write_bytes(edited.read_bytes() + b"\n")
    assert kept.digest([copy]) != before


def test_a_run_that_is_kept_is_the_run(tmp_path: Path) -> None:
    """Verdict, log and recording; another seed or length is another run."""
    path = kept.ROOT / "tools/twin/scenarios/overload_25a.json"
    places = [(tmp_path / f"{name}.events", tmp_path / f"{name}.record") for name in "abc"]
    first, again = (whole.play(path, 2, 1, *places[i], ask=True) for i in (0, 1))
    fresh = whole._play(path, 2, 1, *places[2], ask=True)
    assert first == again and first.summary == fresh.summary and first.untrue == fresh.untrue
    for kind in (0, 1):
        assert len({each[kind].read_bytes() for each in places}) == 1
    count = len(list(kept.FOLDER.glob("run-*")))
    whole.play(path, 2, 2)
    assert len(list(kept.FOLDER.glob("run-*"))) == count + 1


def test_a_file_of_tests_is_compiled_by_one_process_at_a_time(
    request: pytest.FixtureRequest,
) -> None:
    file = request.node.getparent(pytest.Module)
    reading = order.pytest_make_collect_report(file)
    with file.path.open() as other:
        next(reading)
        with pytest.raises(BlockingIOError):
            fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)
        reading.close()
        fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)


def test_what_was_read_of_the_tests_is_no_garbage_to_look_through() -> None:
    assert gc.isenabled() and gc.get_freeze_count() > 50_000
