"""What setup says, and how it runs commands: one line a step, a bar when it takes longer."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO, ClassVar

ROOT = Path(__file__).resolve().parents[1]
CACHE = ROOT / ".cache"
LOGS = CACHE / "logs"

PATIENCE = 2.0  # seconds without a bar
PLAIN_EVERY = 15.0  # seconds between lines where there is no terminal
TAIL = 20
BAR = 24

stopping = threading.Event()  # all that run for a Console are to end


class SetupError(Exception):
    """A step cannot go on; `remedy` is what the person can do about it."""

    def __init__(self, problem: str, remedy: str = "") -> None:
        super().__init__(problem)
        self.remedy = remedy


class Console:
    """One step's voice: its line, its bar, its log."""

    def __init__(self, name: str, about: float) -> None:
        self.log = LOGS / f"{name}.log"
        self.log.parent.mkdir(parents=True, exist_ok=True)
        self.log.write_text("")
        self._bar = Bar(name, about)

    def say(self, text: str) -> None:
        Bar.wipe()
        print(f"setup: {text}\n", end="", flush=True)

    def run(
        self, command: Sequence[str | Path], env: Mapping[str, str] | None = None, remedy: str = ""
    ) -> None:
        """Run a command with its output in the log; a failure shows the end of it."""
        words = [str(word) for word in command]
        with self.log.open("a") as log:
            log.write(f"$ {Path(words[0]).name} {' '.join(words[1:])}\n")
            log.flush()
            code = self._wait(words, log, {**os.environ, **(env or {})})
        if code:
            raise SetupError(f"{Path(words[0]).name} failed ({code})\n{self._tail()}", remedy)

    def _wait(self, words: list[str], log: IO[str], env: Mapping[str, str]) -> int:
        try:
            process = subprocess.Popen(
                words,
                cwd=ROOT,
                env=env,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        except FileNotFoundError:
            raise SetupError(f"{words[0]} is not installed") from None
        try:
            while (code := _poll(process)) is None:
                self._bar.show()
                if stopping.is_set():
                    raise KeyboardInterrupt
        except KeyboardInterrupt:
            process.terminate()
            process.wait()
            raise
        finally:
            self._bar.clear()
        return code

    def _tail(self) -> str:
        with self.log.open(errors="replace") as log:
            lines = "".join(f"    {line}" for line in deque(log, TAIL))
        return f"{lines}  the whole log: {self.log.relative_to(ROOT)}"


class Bar:
    """Elapsed time against the usual time; plain lines where there is no terminal. Of several at
    once one is drawn."""

    _drawn: ClassVar[Bar | None] = None

    def __init__(self, name: str, about: float) -> None:
        self._name, self._about = name, about
        self._start = time.monotonic()
        self._next = PATIENCE

    def show(self) -> None:
        elapsed = time.monotonic() - self._start
        if elapsed < self._next:
            return
        text = f"{self._name}: {elapsed:.0f} s of about {self._about:.0f}"
        if sys.stdout.isatty():
            if Bar._drawn in (None, self):
                full = round(BAR * min(0.96, elapsed / self._about))
                print(f"\r  [{'#' * full}{'.' * (BAR - full)}] {text} ", end="", flush=True)
                Bar._drawn = self
        else:
            if elapsed >= PLAIN_EVERY:
                print(f"setup:   {text}\n", end="", flush=True)
            self._next = max(elapsed, PLAIN_EVERY - 0.1) + PLAIN_EVERY * (elapsed >= PLAIN_EVERY)

    def clear(self) -> None:
        if Bar._drawn is self:
            self.wipe()

    @staticmethod
    def wipe() -> None:
        if Bar._drawn:
            print("\r\033[K", end="", flush=True)
            Bar._drawn = None


def _poll(process: subprocess.Popen[bytes]) -> int | None:
    try:
        return process.wait(timeout=0.1)
    except subprocess.TimeoutExpired:
        return None
