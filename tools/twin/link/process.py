# islet: the chip's process: the real interpreter, two pipes, a private directory.
# GPL-3.0-or-later
"""Starts the firmware under MicroPython and exchanges messages with it."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from tools.image import folded
from tools.twin.link import wire
from tools.workshop import ROOT

MICROPYTHON = ROOT / ".cache" / "bin" / "micropython"
HEAP = "2M"  # the host's; what the firmware needs of it is measured by `make bench`
WATCHDOG_EXIT = 75
TAIL_LINES = 15
PATIENCE_S = 2.0  # for a chip told to end


class ChipDied(RuntimeError):
    """The chip's process ended by itself. `code` is its exit code, `tail` the end of its log."""

    def __init__(self, code: int, tail: str) -> None:
        reason = f"signal {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"
        super().__init__(f"the firmware's process ended unexpectedly ({reason})")
        self.code = code
        self.tail = tail


def firmware_command() -> list[str]:
    if not MICROPYTHON.exists():
        raise FileNotFoundError(f"no MicroPython at {MICROPYTHON.relative_to(ROOT)}: `make run`")
    return [str(MICROPYTHON), "-X", f"heapsize={HEAP}", str(folded.ready() / "main.py")]


class Chip:
    """One life of the chip's process; `environment` is what the link's contract adds."""

    def __init__(
        self, command: Sequence[str], environment: Mapping[str, str], log: Path, cwd: Path = ROOT
    ) -> None:
        self.log = log
        to_chip, ours_out = os.pipe()
        ours_in, from_chip = os.pipe()
        env = {
            "PATH": os.environ.get("PATH", ""),
            "MICROPYPATH": folded.path(ROOT / "tools" / "twin" / "chip"),
            **environment,
            "ISLET_LINK_IN": f"/dev/fd/{to_chip}",
            "ISLET_LINK_OUT": f"/dev/fd/{from_chip}",
        }
        try:
            with log.open("ab") as output:
                self._process = subprocess.Popen(
                    command,
                    cwd=cwd,
                    env=env,
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=subprocess.STDOUT,
                    pass_fds=(to_chip, from_chip),
                    start_new_session=True,  # Ctrl-C is ours to pass on
                )
        except OSError:
            for fd in (ours_out, ours_in):
                os.close(fd)
            raise
        finally:
            os.close(to_chip)
            os.close(from_chip)
        self._in = os.fdopen(ours_in, "rb", buffering=1 << 16)
        self._out = os.fdopen(ours_out, "wb", buffering=1 << 16)

    def receive(self) -> wire.Ask:
        """The chip's next message; ChipDied when there is none."""
        body = wire.read_message(self._in.read)
        if body is None:
            raise self._died()
        return wire.Ask.decode(body)

    def send(self, answer: wire.Answer) -> None:
        try:
            wire.write_message(self._out, answer.encode())
        except BrokenPipeError:
            raise self._died() from None

    def stop(self) -> None:
        """End the process and close the pipes; harmless when it has ended."""
        for pipe in (self._out, self._in):
            with contextlib.suppress(BrokenPipeError):  # the chip was gone before us
                pipe.close()
        try:
            self._process.wait(PATIENCE_S if self._process.poll() is None else 0)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def kill(self) -> None:
        """As a power cut would: not one instruction more."""
        self._process.kill()
        self.stop()

    def tail(self) -> str:
        lines = self.log.read_text(errors="replace").splitlines() if self.log.exists() else []
        return "\n".join(lines[-TAIL_LINES:])

    def _died(self) -> ChipDied:
        try:
            code = self._process.wait(PATIENCE_S)
        except subprocess.TimeoutExpired:  # it closed its pipe and hangs
            self._process.kill()
            code = self._process.wait()
        return ChipDied(code, self.tail())
