# islet: tests of the run loop with a stub house and a stub chip, and of one real run.
# GPL-3.0-or-later
from __future__ import annotations

import io
import itertools
import json
import os
import signal
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests_host.system.kit import processes_of
from tests_host.twin.stubs import StubHouse
from tools.twin import record, run
from tools.twin.link.process import ROOT
from tools.twin.link.session import Session
from tools.twin.link.signals import Instruments, Synthesis
from tools.twin.view import live

CHIP = [sys.executable, str(Path(__file__).with_name("stub_chip.py"))]


class StubJudge:
    """Finds whatever it is told to find, at 0.5 s."""

    def __init__(self, *found: str) -> None:
        self.found = found
        self.seen: list[int] = []
        self.restarts: list[int] = []
        self.sections: set[str] = set()

    def observe(self, t_us, truth, image):
        assert truth["t_us"] == t_us  # of this very moment, never of a prediction
        self.seen.append(t_us)
        self.sections |= set(image)

    def restarted(self, t_us, asked):
        assert not asked
        self.restarts.append(t_us)

    def booted(self, t_us):
        assert t_us == self.restarts[-1] + 250_000

    def findings(self):
        return self.found if self.seen[-1] >= 500_000 else ()

    def summary(self):
        return {"ok": not self.found, "findings": list(self.found)}


class Rig:
    def __init__(self, manner="plain", judge=None, **options):
        self.house = StubHouse()
        self.judge = judge or StubJudge()
        self.out, self.err = io.StringIO(), io.StringIO()
        self.closed = False
        self.folder: Path | None = None
        chosen = run.Options("stub", **{"speed": "max", "seconds": 2.0, **options})
        environment = {"PYTHONPATH": str(ROOT)}

        def build(context):
            self.folder = context.folder
            return run.Scene(
                title="a stub",
                seconds=1.0,
                start=datetime(2026, 6, 15, 9, tzinfo=UTC),
                site={"legs": 3, "devices": [{"name": "evse", "kind": "point"}]},
                session=Session(self.house, Synthesis(Instruments(), 1), truth=self.truth),
                judge=self.judge,
                input_names={10: "contactor"},
                environment=environment,
                close=self._close,
            )

        self.run = run.Run(chosen, build, lambda: [*CHIP, manner], self.out, self.err)
        self.code = self.run.go()

    def truth(self):
        return {"t_us": self.house.t_us, "closed": self.house.closed}

    def _close(self):
        self.closed = True

    def summary(self):
        return json.loads(self.out.getvalue().splitlines()[-1])


def test_a_run_ends_by_itself_with_one_line_of_json_last():
    rig = Rig()
    assert rig.code == 0
    assert rig.err.getvalue() == ""
    summary = rig.summary()
    assert summary["ok"] and summary["seconds"] == 2.0
    assert rig.out.getvalue().count("\n") == 1
    assert rig.house.t_us == 2_000_000


def test_without_seconds_virtual_time_lasts_as_long_as_the_scenario():
    assert Rig(seconds=None).summary()["seconds"] == 1.0


def test_the_end_of_a_run_as_a_picture(tmp_path):
    assert Rig(picture=tmp_path / "end.svg").code == 0
    assert (tmp_path / "end.svg").read_text().startswith("<svg")


def test_a_finding_makes_the_exit_code_1_and_is_in_the_log():
    rig = Rig(judge=StubJudge("the bus melted"))
    assert rig.code == 1
    assert not rig.summary()["ok"]
    assert [(s, t) for _, s, t in rig.run.log.tail if s == "referee"] == [
        ("referee", "the bus melted")
    ]


def test_the_judge_sees_every_100_ms_and_each_edge_with_the_image():
    rig = Rig()
    seen = rig.judge.seen
    assert seen == sorted(seen)
    assert max(b - a for a, b in itertools.pairwise(seen)) <= 100_000
    assert {"site", "readings", "requests", "commands", "trips"} == rig.judge.sections


def test_the_same_seed_gives_the_same_event_log_byte_for_byte(tmp_path):
    logs = []
    for name in ("a", "b"):
        path = tmp_path / name
        rig = Rig(events=path)
        logs.append(path.read_bytes())
        assert rig.run.log.count == logs[-1].count(b"\n")
    assert logs[0] == logs[1]
    text = logs[0].decode()
    times = [int(line.split()[0]) for line in text.splitlines()]
    assert times == sorted(times)
    assert "313 chip contactor on\n" in text
    assert "333 house contact contactor 1\n" in text
    assert " core offer 6 A -> 7 A\n" in text


def test_everything_is_closed_and_removed_whatever_happens():
    for manner in ("plain", "crash", "liar"):
        rig = Rig(manner)
        assert rig.closed
        assert rig.folder is not None and not rig.folder.exists()


@pytest.mark.parametrize(
    ("manner", "words"),
    [
        ("crash", "the firmware's process ended unexpectedly (exit code 1)"),
        ("leave", "the firmware's process ended unexpectedly (exit code 0)"),
        ("liar", "the chip is at"),
        ("babble", "message of"),
    ],
)
def test_a_chip_that_fails_is_told_in_one_line_with_exit_code_2(manner, words):
    rig = Rig(manner)
    assert rig.code == 2
    last = rig.err.getvalue().splitlines()[-1]
    assert last.startswith("islet: ") and words in last
    assert rig.out.getvalue() == ""
    if manner == "crash":
        assert "a bug in the firmware" in rig.err.getvalue()  # the tail of its own log


def test_a_watchdog_restarts_the_chip_and_the_judge_knows(tmp_path):
    rig = Rig("watchdog", events=tmp_path / "events", record=tmp_path / "r.islet")
    assert rig.code == 0
    assert rig.summary()["restarts"] == 1
    assert len(rig.judge.restarts) == 1
    assert "run watchdog: the chip restarts" in (tmp_path / "events").read_text()
    boots = [r for r in record.Recording(tmp_path / "r.islet").records()
             if isinstance(r, record.Boot)]  # fmt: skip
    assert len(boots) == 2


def test_a_missing_interpreter_is_one_line():
    rig = Rig.__new__(Rig)
    err = io.StringIO()

    def build(context):
        raise FileNotFoundError("no MicroPython at .cache/bin/micropython: `make run`")

    rig.run = run.Run(run.Options("stub"), build, lambda: [], io.StringIO(), err)
    assert rig.run.go() == 2
    assert err.getvalue() == "islet: no MicroPython at .cache/bin/micropython: `make run`\n"


def test_the_status_line_and_the_picture_cope_with_nothing_known_yet():
    view = live.View("t", {"legs": 1, "nodes": []}, datetime(2026, 1, 1, tzinfo=UTC))
    assert live.status_line(view).startswith("0 s")
    live.draw(view)


# --- the real chip, house, buses ------------------------------------------------------------


def twin(*arguments):
    command = [sys.executable, "-m", "tools.twin", *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=100)


def test_the_firmware_runs_in_its_house_twice_the_same(tmp_path):
    results = []
    for name in ("a", "b"):
        path = tmp_path / name
        done = twin("--speed", "max", "--seconds", "12", "--seed", "5", "--events", str(path),
                    "--record", f"{path}.islet")  # fmt: skip
        assert "Traceback" not in done.stderr
        results.append((path.read_bytes(), Path(f"{path}.islet").read_bytes()))
        summary = json.loads(done.stdout.splitlines()[-1])
        assert summary["seconds"] == 12.0 and summary["steps"] > 110
        assert done.returncode == (0 if summary["ok"] else 1)
    assert results[0][0] == results[1][0]
    assert results[0][1] == results[1][1]
    recording = record.Recording(tmp_path / "a.islet")
    assert record.replay(recording).difference is None
    assert record.replay_micropython(recording).difference is None


@pytest.mark.parametrize(
    ("length", "code", "ends"),
    [
        ((), 0, (signal.SIGINT,)),
        (("--seconds", "60"), 130, (signal.SIGTERM,)),
        ((), 0, (signal.SIGHUP, signal.SIGHUP, signal.SIGTERM)),  # a closed terminal
    ],
)
def test_whatever_ends_it_in_real_time_ends_it_cleanly(tmp_path, length, code, ends):
    """Ctrl-C, kill, a closed terminal: no process and no file is left."""
    process = subprocess.Popen(
        [sys.executable, "-m", "tools.twin", *length],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        env={**os.environ, "TMPDIR": str(tmp_path)},
    )
    assert process.stderr is not None
    try:
        line = process.stderr.readline()
        assert line.startswith("islet: page at http://127.0.0.1:")
        time.sleep(1)
        assert len(processes_of(tmp_path)) >= 3  # twin, chip, broker
        for each in ends:
            os.killpg(process.pid, each)
        out, err = process.communicate(timeout=30)
        assert process.returncode == code
        assert err.endswith("islet: ended\n") and out == "" and "Traceback" not in err
        assert list(tmp_path.iterdir()) == []
        assert processes_of(tmp_path) == []
    finally:
        for pid, _ in processes_of(tmp_path):
            os.kill(pid, signal.SIGKILL)


def test_a_run_in_real_time_of_some_seconds_ends_with_the_summary():
    done = twin("--seconds", "3")
    assert "Traceback" not in done.stderr
    summary = json.loads(done.stdout.splitlines()[-1])
    assert summary["speed"] == "1" and 20 <= summary["steps"] <= 32


def test_a_late_pc_makes_the_house_stand_still_and_no_trip(tmp_path):
    """The chip's process gets no processor for 0.8 s, twice: the firmware is not late for that."""
    log = tmp_path / "events"
    process = subprocess.Popen(
        [sys.executable, "-m", "tools.twin", "--seconds", "4", "--events", str(log)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "TMPDIR": str(tmp_path)},
    )
    assert process.stderr is not None
    process.stderr.readline()  # the page
    for _ in range(2):
        time.sleep(1.2)
        for pid, command in processes_of(tmp_path):
            if "micropython" in command:
                os.kill(pid, signal.SIGSTOP)
                time.sleep(0.8)
                os.kill(pid, signal.SIGCONT)
    out, err = process.communicate(timeout=60)
    summary = json.loads(out.splitlines()[-1])
    assert summary["stood_still_s"] >= 1.2 and "this PC was late" in err
    assert summary["steps"] >= 38, "each 100 ms of the house was decided on"
    assert "stale_permit" not in log.read_text()
