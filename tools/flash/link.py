# islet: a connection to a board: its firmware's console, its prompt, its files.
# GPL-3.0-or-later
"""Everything goes through mpremote's serial transport, used as a library: one connection for the
whole of `make flash`, and its errors with a remedy.

A board is in one of three states: it runs islet (and answers `islet report`), it shows a prompt
(nothing runs), or neither, and then it is left alone.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import struct
import time
from collections.abc import Iterator
from typing import Any

from mpremote.transport import TransportError, TransportExecError
from mpremote.transport_serial import SerialTransport

from tools.flash import FlashError, Voice, find

Report = dict[str, Any]

REPLY_S = 12  # the console answers within a second; an emulated board takes longer
BOOT_S = 30
READ_S = 15  # within a transfer
CHUNK = 1024
ISLET = b'"islet"'
PROMPT = b">>> "
RESET = "import machine; machine.reset()"
REPLUG = "unplug the board, plug it in, then again"


class Silent(FlashError):
    """Neither islet nor a prompt answers."""


class Link:
    """An open port. Use it in a with statement: however it ends, the port is closed."""

    def __init__(self, port: find.Port, voice: Voice) -> None:
        self.port = port
        self._voice = voice
        self._transport = _open(port)

    def __enter__(self) -> Link:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        with contextlib.suppress(OSError, TransportError):
            self._transport.close()

    @property
    def _serial(self) -> Any:  # while a folder is mounted, mpremote's stand-in for the port
        return self._transport.serial

    # --- the firmware's console ----------------------------------------------------------------

    def report(self) -> Report | None:
        """What islet says of itself; None when the board is at its prompt."""
        return self.ask("report")

    def stop(self) -> None:
        """Ask islet to make room; it refuses while something is energised."""
        answer = self.ask("stop")
        if answer is not None:
            refuse(answer.get("refused", []))
            self.reconnect()
        self._await_prompt()

    def ask(self, what: str) -> Report | None:
        """The firmware's answer to `islet what`; None when a prompt answers instead."""
        with _plain_errors():
            serial = self._serial
            serial.read(serial.inWaiting())  # what was said before is no answer
            # \x02 leaves a raw prompt that somebody left behind; islet ignores it
            serial.write(b"\r\x02\r" + f"islet {what}\r".encode())
            text = b""
            for text in self._received(REPLY_S):
                *lines, last = text.split(b"\n")
                for line in lines:
                    if ISLET in line and (answer := _parse(line[line.find(b"{") :])):
                        return answer
                if last.endswith(PROMPT) and b"Error" in text:
                    return None
        raise Silent(
            f"{self.port} answers neither as islet nor with a prompt"
            + (f": {text[-80:]!r}" if text else ""),
            "another program may run on it, or islet hangs. See yourself that nothing is "
            "energised, then unplug it and hold BOOTSEL while plugging it in (Pico), or again "
            "with FORCE=1, which interrupts what runs",
        )

    def _received(self, wait_s: float) -> Iterator[bytes]:
        """All that has come so far, again and again until the time is up."""
        serial = self._serial
        text = b""
        end = time.monotonic() + wait_s
        while time.monotonic() < end:
            if waiting := serial.inWaiting():
                text += serial.read(waiting)
                yield text
            else:
                time.sleep(0.02)

    def _await_prompt(self) -> None:
        """The board starts again and comes to its prompt."""
        end = time.monotonic() + BOOT_S
        while True:
            try:
                with _plain_errors():
                    self._serial.write(b"\r")
                    for text in self._received(1.0):
                        if text.endswith(PROMPT):
                            return
            except FlashError:
                self.reconnect()  # the port went away while the board started
            if time.monotonic() > end:
                raise FlashError("the board does not come to its prompt", REPLUG)

    # --- resets ---------------------------------------------------------------------------------

    def reconnect(self) -> None:
        """Open the port again after a reset; it may have gone and come back under another name."""
        self.close()
        end = time.monotonic() + BOOT_S
        time.sleep(0.5)  # a port that is about to vanish can still be opened
        while True:
            self.port = find.again(self.port)
            try:
                self._transport = _open(self.port)
                return
            except FlashError:
                if time.monotonic() > end:
                    raise
                time.sleep(0.5)

    def start(self) -> None:
        """Leave the prompt by a reset, so that the firmware runs."""
        self.leave(RESET)
        self.reconnect()

    def leave(self, code: str) -> None:
        """Run what ends the connection, whatever was going on before."""
        with contextlib.suppress(FlashError), _plain_errors():
            self._transport.in_raw_repl = False  # an answer may be half read
            self.enter()
            self._transport.exec_raw_no_follow(code)
            time.sleep(0.2)  # a pseudo-terminal drops what nobody has read when it is closed

    # --- the prompt -----------------------------------------------------------------------------

    def enter(self) -> None:
        """Into the raw prompt with a fresh interpreter, once; boot.py runs, main.py does not."""
        if self._transport.in_raw_repl:
            return
        with _plain_errors(), contextlib.redirect_stdout(io.StringIO()):  # it prints when it fails
            self._transport.enter_raw_repl(timeout_overall=BOOT_S)

    def run(self, code: str, wait_s: int = READ_S) -> str:
        """Run code at the prompt; what it printed."""
        self.enter()
        with _plain_errors():
            out, error = self._transport.exec_raw(code, timeout=wait_s)
            if error:
                raise FlashError(f"the board says:\n{error.decode(errors='replace').strip()}")
            return out.decode(errors="replace").strip()

    # --- files ----------------------------------------------------------------------------------

    def sha256(self, path: str) -> str | None:
        """Of a file on the board; None when there is none."""
        self.enter()
        with _plain_errors():
            if not self._transport.fs_exists(path):
                return None
            return bytes(self._transport.fs_hashfile(path, "sha256", CHUNK)).hex()

    def put(self, path: str, content: bytes) -> bool:
        """Bring a file onto the board; False when it was there already.

        It is written aside, read back, and takes the old one's place in one step: whatever
        happens on the way, `path` is either the old file or the new."""
        wanted = hashlib.sha256(content).hexdigest()
        if self.sha256(path) == wanted:
            return False
        aside = path + ".new"
        with _plain_errors():
            self._transport.fs_writefile(aside, content, CHUNK, self._voice.progress)
        if self.sha256(aside) != wanted:
            raise FlashError(f"{path}: what was written does not read back", "again")
        self.run(f"import os; os.rename({aside!r}, {path!r})")
        return True

    # --- the working tree -----------------------------------------------------------------------

    def mount(self, folder: str) -> None:
        """Let the board read a folder of this PC, as /remote."""
        self.enter()
        with _plain_errors():
            self._transport.mount_local(folder)

    def unmount(self) -> None:
        with _plain_errors():
            self._transport.umount_local()

    def begin(self, code: str) -> None:
        """Run code at the prompt that goes on for ever; `lines` gives what it says."""
        self.enter()
        with _plain_errors():
            self._transport.exec_raw_no_follow(code)

    def lines(self) -> Iterator[str]:
        """What the board prints, line by line, until the code that prints it ends."""
        rest = b""
        with _plain_errors():
            serial = self._serial
            while True:
                rest += serial.read(max(1, serial.inWaiting()))
                *lines, rest = rest.split(b"\n")
                for line in lines:
                    yield line.decode(errors="replace").rstrip("\r")
                if b"\x04" in rest:
                    yield rest.replace(b"\x04", b"").decode(errors="replace")
                    return


def refuse(reasons: list[str]) -> None:
    """Raise, saying what is energised, if anything is."""
    if reasons:
        raise FlashError(
            f"not now: {', '.join(reasons)}",
            "end the charge or wait for the grid, then again; nothing was changed",
        )


def _open(port: find.Port) -> SerialTransport:
    try:
        return SerialTransport(port.device, timeout=READ_S)
    except (TransportError, OSError, ValueError) as error:
        remedy = "is it plugged in, and no other program has it open? May you open serial ports?"
        raise FlashError(f"cannot open {port}: {error}", remedy) from None


def _parse(line: bytes) -> Report | None:
    try:
        answer = json.loads(line)
    except ValueError:
        return None
    return answer if isinstance(answer, dict) else None


@contextlib.contextmanager
def _plain_errors() -> Iterator[None]:
    """mpremote's and the port's errors, for people."""
    try:
        yield
    except TransportExecError as error:
        raise FlashError(f"the board says:\n{error.error_output.strip()}") from None
    except (TransportError, OSError, struct.error, IndexError) as error:
        text = str(error) or type(error).__name__
        raise FlashError(f"the connection to the board broke: {text}", REPLUG) from None
