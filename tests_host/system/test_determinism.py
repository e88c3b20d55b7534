# islet: the same seed gives the same run to the byte, and a recording replays to the byte.
# GPL-3.0-or-later
from __future__ import annotations

import json
import subprocess
import sys
from array import array
from collections.abc import Callable
from pathlib import Path

import pytest

from tests_host.fields import at
from tests_host.system.kit import ROOT, SCENARIOS, quiet
from tools.twin import record

SECONDS = "25"  # the grid goes, the house runs alone, the grid comes back


def start(folder: Path, name: str, seed: int) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "tools.twin", "--scenario", str(SCENARIOS / "outage.json")]
    command += ["--speed", "max", "--seconds", SECONDS, "--seed", str(seed)]
    command += ["--events", f"{folder / name}.txt", "--record", f"{folder / name}.islet"]
    return subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Runs a and b with one seed, side by side, then c with another."""
    folder = tmp_path_factory.mktemp("runs")
    for batch in ((("a", 5), ("b", 5)), (("c", 6),)):
        started = [start(folder, name, seed) for name, seed in batch]
        for one in started:
            out, err = one.communicate(timeout=100)
            assert one.returncode in (0, 1) and quiet(err), err
            assert json.loads(out.splitlines()[-1])["seconds"] == float(SECONDS)
    return folder


def test_the_same_seed_gives_the_same_bytes_even_side_by_side(runs: Path) -> None:
    for ending in ("txt", "islet"):
        a, b = ((runs / f"{name}.{ending}").read_bytes() for name in "ab")
        assert len(a) > 1_000 and a == b, ending


def test_another_seed_gives_another_run(runs: Path) -> None:
    """Else the tests above would compare constants."""
    a, c = (list(record.Recording(runs / f"{name}.islet").records()) for name in "ac")
    assert len(a) == len(c) and a != c


@pytest.mark.parametrize("replay", [record.replay, record.replay_micropython])
def test_a_recording_replays_to_the_byte(
    runs: Path, replay: Callable[[record.Recording], record.Replay]
) -> None:
    found = replay(record.Recording(runs / "a.islet"))
    assert found.steps > 200 and found.difference is None


PLANTED = [  # section, field, its offset, change
    ("commands", "SETPOINT[0]", 0, 1),
    ("commands", "CLAIM_HIGH", 3, -1),
    ("readings", "DEVICE_AGE_MS[0]", 0, 5_000),
]


@pytest.mark.parametrize(("section", "field", "offset", "change"), PLANTED)
def test_a_planted_change_is_found_and_named(
    runs: Path, tmp_path: Path, section: str, field: str, offset: int, change: int
) -> None:
    """One integer of one step, in the middle: of a command the field is named, of a reading at
    least one command that follows from it."""
    path = tmp_path / "planted.islet"
    source = record.Recording(runs / "a.islet")
    recorder = record.Recorder(path, "planted", 5)
    steps = 0
    for item in source.records():
        if isinstance(item, record.Step):
            steps += 1
            if steps == 50:
                values = array("i", getattr(item, section))
                values[at(field) + offset] += change
                setattr(item, section, values.tobytes())
        recorder.write(item)
    recorder.close()
    difference = record.replay(record.Recording(path)).difference
    assert difference is not None and difference.step >= 50
    if section == "commands":
        name = f"{field}[{offset}]" if field == "CLAIM_HIGH" else field
        assert difference.step == 50
        assert [row[0] for row in difference.fields] == [name]
    done = subprocess.run(
        [sys.executable, "-m", "tools.twin", "replay", str(path)],
        cwd=ROOT, capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert done.returncode == 1 and quiet(done.stderr)
    assert f"differs at step {difference.step} (" in done.stdout
    assert difference.fields[0][0] in done.stdout


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "not a recording"),
        (b"\x00\xff" * 400, "not a recording"),
        (b'{"format": "islet recording", "version": 99}\n', "version 99, expected 1"),
        (None, "damaged"),
        (b"cut", "ends within a record"),
    ],
)
def test_a_bad_recording_is_told_in_one_line(
    runs: Path, tmp_path: Path, content: bytes | None, words: str
) -> None:
    path = tmp_path / "bad.islet"
    good = (runs / "a.islet").read_bytes()
    if content is None:
        head = good.index(b"\n") + 1
        content = good[:head] + b"nothing zlib knows" + good[head:]
    elif content == b"cut":
        content = good[: len(good) // 2]
    path.write_bytes(content)
    done = subprocess.run(
        [sys.executable, "-m", "tools.twin", "replay", str(path)],
        cwd=ROOT, capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert done.returncode == 2 and done.stdout == ""
    assert done.stderr.startswith("islet: ") and done.stderr.count("\n") == 1
    assert words in done.stderr
