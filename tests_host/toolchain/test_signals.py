"""What starts the tests may have signals ignored, which programs inherit: theirs are as always."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests_host import conftest
from tools.workshop import ROOT

IGNORED = (signal.SIGINT, signal.SIGHUP, signal.SIGTERM, signal.SIGQUIT)
INNER = "ISLET_INNER"
SLEEPS = "import time; print(flush=True); time.sleep(600)"


def sleeper(**more: str) -> subprocess.Popen[bytes]:
    """A program that lasts until a signal ends it, once it has begun."""
    one = subprocess.Popen(
        [sys.executable, "-c", SLEEPS], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
        env={**os.environ, **more},
    )  # fmt: skip
    assert one.stdout is not None and one.stdout.readline()
    return one


@pytest.mark.parametrize("number", IGNORED, ids=lambda number: number.name)
def test_what_a_test_starts_can_be_ended(number: signal.Signals) -> None:
    if INNER in os.environ:
        os.kill(os.getpid(), number)  # and the tests go on
    one = sleeper()
    one.send_signal(number)
    try:
        assert one.wait(20) != 0
    finally:
        one.kill()


def test_with_signals_ignored_as_nohup_does() -> None:
    def ignore() -> None:
        for each in IGNORED:
            signal.signal(each, signal.SIG_IGN)

    test = f"{__file__}::{test_what_a_test_starts_can_be_ended.__name__}"
    command = ["-m", "pytest", "-q", "-p", "no:xdist", "-p", "no:cacheprovider", test]
    done = subprocess.run(
        [sys.executable, *command], cwd=ROOT, env={**os.environ, INNER: "1"}, preexec_fn=ignore,
        capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-2000:]
    assert f"{len(IGNORED)} passed" in done.stdout, done.stdout[-2000:]


def test_the_tests_end_what_they_left() -> None:
    mark = f"{conftest.MARK}={os.getpid()}"
    before = set(conftest.started(mark))
    one, other = sleeper(), sleeper(**{conftest.MARK: "0"})
    try:
        assert set(conftest.started(mark)) - before == {one.pid}
    finally:
        one.kill()
        other.kill()


def test_none_of_the_tests_own_processes_would_be_ended() -> None:
    """The one that gives out the tests has another mark, or none."""
    assert os.getpid() not in conftest.started(f"{conftest.MARK}={os.getpid()}")
    environment = Path(f"/proc/{os.getppid()}/environ").read_bytes().split(b"\0")
    assert f"{conftest.MARK}={os.getpid()}".encode() not in environment
