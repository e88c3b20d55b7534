"""A board behind a serial port: islet's console, MicroPython's prompts and files, faults at will.

Code sent to its raw prompt is run by CPython with the few modules of MicroPython that the tools
use, over files in a dict; anything else fails as on the chip.
"""

from __future__ import annotations

import binascii
import builtins
import contextlib
import hashlib
import io
import json
import traceback
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

RAW_BANNER = b"raw REPL; CTRL-B to exit\r\n"
PROMPT = b">>> "
FLASH_START = 0x1000_0000


class Unplugged(OSError):
    """The cable is out."""


class Board:
    """`state`: islet, prompt, raw, silent, gone; `broken_after`: bytes until the cable is out."""

    def __init__(self, state: str = "islet", circuit: str = "pico", flash: bytes = b"") -> None:
        self.state = state
        self.circuit = circuit
        self.flash = flash
        self.files: dict[str, bytes] = {}
        self.folders = {"/"}
        self.energised: list[str] = []
        self.errors_from: Callable[[bytes], list[str]] = lambda _site: []
        self.readings: Callable[[], dict[str, Any]] = dict
        self.heap = 240_000
        self.files_bytes = 512 * 1024  # the file system's; that of images before has 896 kB
        self.broken_after: int | None = None
        self.spoil: Callable[[str, bytes], bytes] = lambda _path, data: data
        self.events: list[str] = []
        self.ticks = 0
        self.out = bytearray()
        self._line = bytearray()
        self._globals: dict[str, Any] = {}

    # --- the cable ------------------------------------------------------------------------------

    def receive(self, data: bytes) -> None:
        for byte in data:
            if self.broken_after is not None:
                if self.broken_after <= 0:
                    raise Unplugged("unplugged")
                self.broken_after -= 1
            if self.state in ("silent", "gone"):
                if byte == 3 and self.state == "silent":
                    self._prompt()
                continue
            getattr(self, f"_in_{self.state}")(bytes((byte,)))

    def _in_islet(self, byte: bytes) -> None:
        if byte != b"\r":
            self._line += byte
            return
        line, self._line = bytes(self._line), bytearray()
        if line.endswith(b"islet report"):
            self._say(self.report())
        elif line.endswith(b"islet readings"):
            self._say({"islet": "readings", **self.readings()})
        elif line.endswith(b"islet calibration"):
            text = self.files.get("/calibration.json", b"").decode()
            self._say({"islet": "calibration", "text": text})
        elif line.endswith(b"islet stop"):
            self._say({"islet": "stop", "refused": self.energised})
            if not self.energised:
                self.events.append("stopped")
                self._prompt()

    def _in_prompt(self, byte: bytes) -> None:
        if byte == b"\x01":
            self.state = "raw"
            self._line.clear()
            self.out += RAW_BANNER + b">"
        elif byte in b"\x02\x03":
            self._line.clear()
            self.out += b"\r\n" + PROMPT
        elif byte == b"\r":
            text = self._line.decode()
            self.out += b"\r\n"
            if text.strip():
                self.out += b"Traceback (most recent call last):\r\nSyntaxError: invalid\r\n"
            self.out += PROMPT
            self._line.clear()
        else:
            self._line += byte
            self.out += byte

    def _in_raw(self, byte: bytes) -> None:
        if byte == b"\x02":
            self._prompt()
        elif byte == b"\x01" and self._line == b"\x05A":
            self._line.clear()
            self.out += b"R\x00"  # no raw paste here
        elif byte == b"\x01":
            self._line.clear()
            self.out += RAW_BANNER + b">"
        elif byte == b"\x04" and not self._line:
            self._globals = {}
            self.out += b"OK\r\nMPY: soft reboot\r\n" + RAW_BANNER + b">"
        elif byte == b"\x04":
            code, self._line = self._line.decode(), bytearray()
            self.out += b"OK"
            self._run(code)
        elif byte not in (b"\r", b"\x03") or self._line:
            self._line += byte

    # --- what it says ---------------------------------------------------------------------------

    def report(self) -> dict[str, Any]:
        self.ticks += 100
        site = self.files.get("/site.json", b"")
        errors = self.errors_from(site) if site else ["topology: is missing"]
        return {
            "islet": "report",
            "name": "islet",
            "version": "0.1.0",
            "circuit": self.circuit,
            "platform": "rp2",
            "micropython": "1.25.0",
            "heap_free": 150_000,
            "heap_total": self.heap,
            "guard_ticks": self.ticks,
            "energised": self.energised,
            "outputs": [],
            "inputs": [],
            "trips": [],
            "errors": errors,
            "instruments": [["inputs", "ok"]],
            "overlay": [],
        }

    def _say(self, document: dict[str, Any]) -> None:
        self.out += b"some log line\r\n" + json.dumps(document).encode() + b"\r\n"

    def _prompt(self) -> None:
        self.state = "prompt"
        self._line.clear()
        self.out += b"\r\nMicroPython v1.25.0\r\n" + PROMPT

    # --- what it runs ---------------------------------------------------------------------------

    def _run(self, code: str) -> None:
        if not self._globals:
            self._globals = {"__builtins__": self._builtins()}
        said, wrong = io.StringIO(), ""
        with contextlib.redirect_stdout(said):
            try:
                exec(code, self._globals)
            except Exception as error:
                wrong = "".join(traceback.format_exception_only(error))
        if self.state == "raw":  # no reset
            self.out += said.getvalue().replace("\n", "\r\n").encode()
            self.out += b"\x04" + wrong.replace("\n", "\r\n").encode() + b"\x04>"

    def _builtins(self) -> dict[str, Any]:
        modules = {
            "os": SimpleNamespace(
                stat=self._stat,
                remove=self._remove,
                rename=self._rename,
                mkdir=self._mkdir,
                listdir=lambda _folder="/": sorted(self.files),
                ilistdir=self._ilistdir,
                statvfs=lambda _path: (4096, 4096, self.files_bytes // 4096),
            ),
            "machine": SimpleNamespace(
                reset=lambda: self._reset("islet"), bootloader=lambda: self._reset("gone")
            ),
            "gc": SimpleNamespace(
                collect=lambda: None, mem_free=lambda: self.heap, mem_alloc=lambda: 0
            ),
            "uctypes": SimpleNamespace(bytearray_at=self._at),
            "hashlib": SimpleNamespace(sha256=hashlib.sha256),
            "json": json,
            "binascii": binascii,
        }

        def load(name: str, *_: object) -> Any:
            if name not in modules:
                raise ImportError(f"no module named '{name}'")
            return modules[name]

        return {**vars(builtins), "__import__": load, "open": self._open}

    def _at(self, address: int, count: int) -> bytes:
        start = address - FLASH_START
        return self.flash[start : start + count].ljust(count, b"\xff")

    def _open(self, path: str, mode: str = "r") -> io.BytesIO:
        board = self

        class File(io.BytesIO):
            def close(self) -> None:
                if "w" in mode and not self.closed:
                    board.files[path] = board.spoil(path, self.getvalue())
                super().close()

        if "w" in mode:
            self.files[path] = b""
            return File()
        if path not in self.files:
            raise OSError("[Errno 2] ENOENT")
        return File(self.files[path])

    def _ilistdir(self, folder: str) -> Iterator[tuple[str, int, int, int]]:
        inside = folder.rstrip("/") + "/"
        names = {path[len(inside) :] for path in self.files if path.startswith(inside)}
        for name in sorted({name.split("/")[0] for name in names}):
            yield name, 0x8000 if inside + name in self.files else 0x4000, 0, 0

    def _stat(self, path: str) -> tuple[int, ...]:
        if path in self.folders:
            return (0x4000, *[0] * 9)
        if path not in self.files:
            raise OSError("[Errno 2] ENOENT")
        return (0x8000, 0, 0, 0, 0, 0, len(self.files[path]), 0, 0, 0)

    def _remove(self, path: str) -> None:
        if self.files.pop(path, None) is None:
            raise OSError("[Errno 2] ENOENT")
        self.events.append(f"remove {path}")

    def _rename(self, old: str, new: str) -> None:
        self.files[new] = self.files.pop(old)
        self.events.append(f"rename {new}")

    def _mkdir(self, path: str) -> None:
        if path in self.folders:
            raise OSError("[Errno 17] EEXIST")
        self.folders.add(path)

    def _reset(self, state: str) -> None:
        self.events.append("reset" if state == "islet" else "boot loader")
        self.state = state
        self._line.clear()
        self._globals = {}


class Serial:
    """Of pyserial's port just what mpremote and tools/flash use."""

    def __init__(self, board: Board) -> None:
        self._board = board
        self.rts = self.dtr = True
        self.timeout: float | None = None
        self.closed = False

    def isOpen(self) -> bool:
        return not self.closed

    def inWaiting(self) -> int:
        self._check()
        return len(self._board.out)

    def read(self, count: int) -> bytes:
        self._check()
        data = bytes(self._board.out[:count])
        del self._board.out[:count]
        return data

    def write(self, data: bytes) -> int:
        self._check()
        self._board.receive(data)
        return len(data)

    def close(self) -> None:
        self.closed = True

    def _check(self) -> None:
        if self.closed or self._board.state == "gone" or self._board.broken_after == 0:
            raise Unplugged("unplugged")
