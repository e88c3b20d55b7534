# islet: from this repository onto a board, and the board's own word that it worked.
# GPL-3.0-or-later
"""`make flash` and `make overlay`; docs/flashing.md says what they do, in which order.

    find     which board: serial ports by USB ids, the drive of a Pico's boot loader
    link     talking to it: the firmware's console, MicroPython's raw REPL, files (mpremote)
    site     site.json, checked here by the firmware's own code before it goes anywhere
    writer   the image: UF2 onto the drive, esptool for an ESP32
    move     the board's files, where another image has them elsewhere
    files    compiled files over a stock image, for a board with the memory
    overlay  changed files of the working tree in place of the frozen ones, until the next reset
    steps    the order of it all

Nothing here energises anything, and nothing is stopped while something is energised: the board is
asked first (firmware/net/console.py).
"""

from __future__ import annotations

import sys
from collections.abc import Callable

from tools.workshop import ROOT

CACHE = ROOT / ".cache"


class FlashError(Exception):
    """It cannot go on; `remedy` is what the person can do about it."""

    def __init__(self, problem: str, remedy: str = "") -> None:
        super().__init__(problem)
        self.remedy = remedy


class Voice:
    """One line a step; on a terminal a line that counts while something is copied."""

    def __init__(self, name: str = "flash") -> None:
        self._name = name
        self._drawn = False

    def say(self, text: str) -> None:
        self._clear()
        print(f"{self._name}: {text}", flush=True)

    def progress(self, done: int, total: int) -> None:
        if sys.stdout.isatty():
            print(f"\r  {100 * done // max(1, total):3} %", end="", flush=True)
            self._drawn = True

    def guard(self, work: Callable[[], int], stopped: str = "stopped") -> int:
        """The exit code of `work`: 1 for what it could not do, which is said with its remedy, 130
        after Ctrl-C, with what that leaves."""
        try:
            return work()
        except FlashError as error:
            self.say(f"error: {error}")
            if error.remedy:
                print(f"  remedy: {error.remedy}", flush=True)
            return 1
        except (KeyboardInterrupt, EOFError):
            print()
            self.say(stopped)
            return 130

    def _clear(self) -> None:
        if self._drawn:
            print("\r\033[K", end="", flush=True)
            self._drawn = False
