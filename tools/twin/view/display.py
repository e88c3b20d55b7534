# islet: what a run shows while it lasts: a line of progress, the live view, or lines of status.
# GPL-3.0-or-later
from __future__ import annotations

import contextlib
import time
from collections.abc import Callable
from typing import IO, Protocol

from tools.twin.view import live

STATUS_S = 10.0
PATIENCE_S = 2.0  # at SPEED=max without a progress line
PROGRESS_S = 0.5


def times(speed: float) -> str:
    """A speed against real time, in figures that mean something."""
    return f"{speed:.0f}" if speed >= 10 else f"{speed:.2g}"


class Display(Protocol):
    def tick(self, t_us: int) -> None: ...

    def close(self) -> None: ...


class Progress:
    """At SPEED=max: nothing at first, then a line that says how far and how fast."""

    def __init__(self, err: IO[str], end_us: int | None) -> None:
        self._err, self._end_us = err, end_us
        self._begin = time.monotonic()
        self._next = self._begin + PATIENCE_S
        self._shown = False

    def tick(self, t_us: int) -> None:
        now = time.monotonic()
        if now < self._next:
            return
        terminal = self._err.isatty()
        self._next = now + (PROGRESS_S if terminal else STATUS_S)
        self._shown = terminal
        of = f" of {self._end_us / 1e6:.0f}" if self._end_us is not None else ""
        speed = t_us / 1e6 / (now - self._begin)
        text = f"islet: {t_us / 1e6:.0f}{of} s, {times(speed)} times real time"
        print(f"\r{text:<70}" if terminal else text, end="" if terminal else "\n", file=self._err)
        self._err.flush()

    def close(self) -> None:
        if self._shown:
            print("\r" + " " * 70 + "\r", end="", file=self._err, flush=True)


class Terminal:
    def __init__(self, screen: live.Screen, view: Callable[[], live.View]) -> None:
        self._screen, self._view = screen, view
        self._next = 0.0

    def tick(self, t_us: int) -> None:
        now = time.monotonic()
        if now >= self._next:
            self._next = now + 1 / live.FRESH_PER_S
            self._screen.show(self._view())

    def close(self) -> None:
        self._screen.show(self._view())


class StatusLines:
    def __init__(self, err: IO[str], view: Callable[[], live.View]) -> None:
        self._err, self._view = err, view
        self._next = time.monotonic() + STATUS_S

    def tick(self, t_us: int) -> None:
        now = time.monotonic()
        if now >= self._next:
            self._next = now + STATUS_S
            with contextlib.suppress(BrokenPipeError):
                print("islet: " + live.status_line(self._view()), file=self._err, flush=True)

    def close(self) -> None:
        pass
