# islet: how a run ends, and what happens when the firmware hangs or dies.
# GPL-3.0-or-later
from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests_host.system.kit import (
    PATIENCE_S,
    ROOT,
    Box,
    ask,
    document,
    processes_of,
    quiet,
    until,
    written,
)

DEVICE = Path(__file__).resolve().parent / "device"
HANG_MS = 12_000  # device/hang.py
WATCHDOG_MS = 2_000
BOOT_MS = 250
STALE_MS = 300  # a permit nobody renewed (INV-13)
OPEN_MS = 60  # the contactor's travel, and a block


class Command:
    """`python -m tools.twin` as a person starts it, with a temporary folder of its own."""

    def __init__(self, folder: Path, *arguments: str) -> None:
        self.tmp = folder / "tmp"
        self.tmp.mkdir()
        story = written(folder, document(site__name=folder.name))
        command = [sys.executable, "-m", "tools.twin", "--scenario", str(story), *arguments]
        self.process = subprocess.Popen(
            command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            start_new_session=True, env={**os.environ, "TMPDIR": str(self.tmp)},
        )  # fmt: skip
        assert self.process.stderr is not None
        line = self.process.stderr.readline()
        assert line.startswith("islet: page at "), line
        self.page = line.split()[-1]
        until(self._answers, "the page answers")

    def _answers(self) -> bool:
        try:
            return ask(self.page + "api/state")[0] == 200
        except OSError:
            return False

    def chip(self) -> int:
        """Process id of the firmware."""
        return next(pid for pid, name in processes_of(self.tmp) if "micropython" in name)

    def ptys(self) -> int:
        files = Path(f"/proc/{self.process.pid}/fd").iterdir()
        return sum(os.readlink(file) == "/dev/ptmx" for file in files)

    def end(self) -> tuple[int, str, str]:
        out, err = self.process.communicate(timeout=PATIENCE_S)
        return self.process.returncode, out, err

    def nothing_is_left(self) -> bool:
        return not list(self.tmp.iterdir()) and not processes_of(self.tmp)


Start = Callable[..., Command]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Starts runs, and ends what a failed test left."""
    begun: list[Command] = []

    def kept(*arguments: str) -> Command:
        folder = tmp_path / f"run{len(begun)}"
        folder.mkdir()
        begun.append(Command(folder, *arguments))
        return begun[-1]

    yield kept
    for one in begun:
        for pid, _ in processes_of(one.tmp):
            os.kill(pid, signal.SIGKILL)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_ctrl_c_ends_everything(start: Start, number: signal.Signals) -> None:
    """Exit code 130 before the run's own end; no process, pseudo-terminal or folder stays."""
    one = start("--seconds", "100")
    assert one.ptys() == 2 and len(processes_of(one.tmp)) >= 3
    begin = time.monotonic()
    os.killpg(one.process.pid, number) if number == signal.SIGINT else one.process.send_signal(
        number
    )
    code, out, err = one.end()
    assert (code, out) == (130, "")
    assert err.splitlines()[-1].startswith("islet: ended") and quiet(err)
    assert time.monotonic() - begin < PATIENCE_S
    assert one.nothing_is_left()


def test_ctrl_c_while_the_firmware_hangs(start: Start) -> None:
    one = start()
    os.kill(one.chip(), signal.SIGSTOP)
    os.killpg(one.process.pid, signal.SIGINT)
    code, _, err = one.end()
    assert code == 0, "a run in real time without a length has no other end"
    assert quiet(err) and one.nothing_is_left()


def test_a_firmware_that_dies_is_told_in_one_line(start: Start) -> None:
    one = start()
    os.kill(one.chip(), signal.SIGKILL)
    code, out, err = one.end()
    assert (code, out) == (2, "")
    last = err.splitlines()[-1]
    assert last == "islet: the firmware's process ended unexpectedly (signal SIGKILL)"
    assert quiet(err) and one.nothing_is_left()


def test_two_runs_side_by_side(start: Start) -> None:
    """Ports, serial lines, brokers and folders are each run's own; one ends, the other goes on."""
    one, two = start(), start()
    assert one.page != two.page
    names = [ask(run.page + "api/state")[1]["site"]["name"] for run in (one, two)]
    assert names == ["run0", "run1"]
    os.killpg(one.process.pid, signal.SIGINT)
    one.end()
    assert one.nothing_is_left() and not two.nothing_is_left()
    state = until(
        lambda: (
            (s := ask(two.page + "api/state")[1])["devices"]["inverter"]["age_ms"] is not None
            and s
        ),
        "its meter and inverter still answer",
    )
    assert "mqtt" in state
    os.killpg(two.process.pid, signal.SIGINT)
    assert two.end()[0] == 0 and two.nothing_is_left()


@pytest.fixture(scope="module")
def hung(tmp_path_factory: pytest.TempPathFactory) -> Box:
    """The car charges, the battery charges; then the firmware hangs, in virtual time."""
    story = document(site__owner__goal="charge", house__converters__0__soc_percent=20)
    box = Box(tmp_path_factory.mktemp("hung"), story, seconds=30, main=DEVICE / "hang.py").whole()
    assert box.code == 1 and quiet(box.output), box.output
    return box


def contact(box: Box, name: str) -> list[tuple[int, int]]:
    """(ms, level) of a contact of the house."""
    return [
        (t_ms, int(text.split()[-1]))
        for t_ms, text in box.lines("house")
        if text.startswith(f"contact {name} ")
    ]


def test_a_hanging_firmware_is_switched_off_by_its_guard(hung: Box) -> None:
    """INV-13: nobody renews the permits, so contactor and inverter go within 300 ms, long before
    the watchdog bites."""
    moves = contact(hung, "contactor")
    closed = [t_ms for t_ms, level in moves if level == 1 and t_ms < HANG_MS]
    assert closed, "it charged before"
    opened = [t_ms for t_ms, level in moves if level == 0 and t_ms >= HANG_MS]
    assert HANG_MS <= opened[0] <= HANG_MS + 100 + STALE_MS + OPEN_MS + BOOT_MS
    rules = [(row["rule"], row["text"]) for row in hung.summary["findings"]]
    assert rules == [("INV-9", "the watchdog reset the chip")], "the referee saw it, and only it"


def test_the_watchdog_restarts_it_and_nothing_is_energised_meanwhile(hung: Box) -> None:
    """INV-12: from the guard's cut to the new life's own decision all is off, but for the
    islanding switch, which holds: the house keeps its supply."""
    assert hung.summary["restarts"] == 1
    bite = next(t_ms for t_ms, text in hung.lines("run") if "watchdog" in text)
    assert HANG_MS + WATCHDOG_MS - 100 <= bite <= HANG_MS + WATCHDOG_MS + BOOT_MS + 200
    between = [
        level for t_ms, level in contact(hung, "contactor") if bite <= t_ms < bite + BOOT_MS
    ]
    assert 1 not in between
    assert contact(hung, "island") == [], "never moved"
    again = [t for t, level in contact(hung, "contactor") if level == 1 and t > bite + BOOT_MS]
    assert again, "and it charges again by itself"
