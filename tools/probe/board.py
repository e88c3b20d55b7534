# islet: a line of a board, asked by its own transceiver, over the board's prompt.
# GPL-3.0-or-later
"""Nothing is energised, whatever happens: islet is stopped first, by its own `stop`, which refuses
while anything is (firmware/net/console.py) and is a reset, so that each output is as the circuit
board's pull-downs and hold circuits leave it. From then on the board is at its prompt: boot.py has
run and touches no pin, main.py has not. What runs there is AGENT below: it drives the line's own
pins, no other, and is told frames that read. At the end a reset starts islet again.

It needs MicroPython and no module of islet's, so a board that was never flashed with islet will do
if --circuit says where its transceiver is.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Protocol

from pymodbus.client import ModbusSerialClient

from tools.flash import FlashError, Voice, boards, find, site
from tools.flash.link import Link, Silent

# The enable is dropped a character after the queue is empty: until then the last one is sent.
AGENT = """
import time
from binascii import hexlify
from machine import UART, Pin
class _Line:
    def __init__(self, number, tx, rx, de, baud, parity, stop):
        self.de = None if de < 0 else Pin(de, Pin.OUT, value=0)
        Pin(rx, Pin.IN, Pin.PULL_UP)
        self.uart = UART(number, baudrate=baud, bits=8, parity=parity, stop=stop,
                         tx=Pin(tx), rx=Pin(rx), txbuf=264, rxbuf=512)
        self.char_us = 12 * 1000000 // baud + 1
    def ask(self, request, wait_ms):
        uart, gap_ms = self.uart, max(30, 4 * self.char_us // 1000)
        while uart.any():
            uart.read()
        if self.de:
            self.de(1)
        uart.write(request)
        uart.flush()
        if self.de:
            time.sleep_us(self.char_us)
            self.de(0)
        answer = b""
        end = time.ticks_add(time.ticks_ms(), wait_ms)
        while time.ticks_diff(end, time.ticks_ms()) > 0 and len(answer) < 512:
            if uart.any():
                answer += uart.read()
                end = time.ticks_add(time.ticks_ms(), gap_ms)
        print(hexlify(answer).decode())
    def end(self):
        if self.de:
            self.de(0)
        self.uart.deinit()
"""
PARITY = {"N": None, "E": 0, "O": 1}
READS = (3, 4)  # functions that are passed on
NEEDED_S = 5  # beyond the answer itself


class Prompt(Protocol):
    """What is needed of a Link."""

    def run(self, code: str, wait_s: int = ...) -> str: ...


@dataclass(frozen=True)
class Board:
    """A board at its prompt: its name for people, and its lines as (uart, tx, rx, de)."""

    prompt: Prompt
    name: str
    lines: tuple[tuple[int, int, int, int], ...]


@dataclass(frozen=True)
class Through:
    """A line of a board, counted from 0 as the circuit's, and how fast."""

    board: Board = field(compare=False)
    line: int
    baud: int = 9600
    parity: str = "N"
    stop_bits: int = 1

    def __str__(self) -> str:
        speed = f"{self.baud} baud 8{self.parity}{self.stop_bits}"
        return f"line {self.line + 1} of {self.board.name} at {speed}"


class BoardClient(ModbusSerialClient):
    """pymodbus' own client, its bytes carried by the board."""

    def __init__(self, where: Through, timeout_s: float) -> None:
        super().__init__(str(where), baudrate=where.baud, timeout=timeout_s, retries=0)
        self._where = where
        self._wait_ms = round(1000 * timeout_s)
        self._answer = b""

    def connect(self) -> bool:
        if self.socket is None:
            where = self._where
            pins = ", ".join(map(str, where.board.lines[where.line]))
            how = f"{where.baud}, {PARITY[where.parity]}, {where.stop_bits}"
            where.board.prompt.run(f"{AGENT}\nline = _Line({pins}, {how})")
            self.socket = _Held()  # type: ignore[assignment]
        return True

    def close(self) -> None:
        if self.socket is not None:
            self.socket = None
            self._where.board.prompt.run("line.end()")

    def send(self, request: bytes, addr: tuple[Any, ...] | None = None) -> int:
        if request[1] not in READS:
            raise FlashError(f"function {request[1]} is no read: it is not sent")
        wait_s = self._wait_ms // 1000 + NEEDED_S
        code = f"line.ask({bytes(request)!r}, {self._wait_ms})"
        said = self._where.board.prompt.run(code, wait_s).split()
        self._answer = _from(bytes.fromhex(said[-1]) if said else b"", request)
        return len(request)

    def recv(self, size: int | None) -> bytes:
        answer, self._answer = self._answer, b""
        return answer

    def is_socket_open(self) -> bool:
        return self.socket is not None


def _from(heard: bytes, request: bytes) -> bytes:
    """What was heard, from the first character that may be the answer's: the line moves as its
    driver lets go."""
    for i in range(len(heard) - 1):
        if heard[i] == request[0] and heard[i + 1] & 0x7F == request[1]:
            return heard[i:]
    return heard


class _Held:
    """In the place of a serial port: pymodbus asks whether there is one."""

    is_open = True


class Session:
    """A board stopped for as long as the block lasts; what ran is started again at its end."""

    def __init__(self, image: str, circuit: str, port: str, voice: Voice) -> None:
        found = find.one_port(boards.named(image, circuit).family, port)
        if found is None:
            raise FlashError("no board is plugged in", "plug it in, or name its port: BOARD=…")
        self._circuit, self._voice = circuit, voice
        self._link = Link(found, voice)
        self._ran = False

    def __enter__(self) -> Board:
        try:
            return self._stopped()
        except BaseException:
            self.__exit__()
            raise

    def _stopped(self) -> Board:
        link = self._link
        try:
            report = link.report()
        except Silent as silent:
            raise FlashError(str(silent), "see that nothing is energised, and replug it") from None
        if report is not None:
            link.stop()
            self._ran = True
            self._voice.say("islet is stopped: nothing is energised until it starts again")
        name = self._circuit or (report or {}).get("circuit") or self._own()
        rows = site.circuit(name).lines
        if not rows:
            raise FlashError(f"{name} has no RS-485 line", "CIRCUIT= names another board")
        lines = tuple((number, tx, rx, de) for number, tx, rx, de in rows)
        return Board(link, f"the board on {link.port}", lines)

    def _own(self) -> str:
        try:
            return self._link.run("import islet_data; print(islet_data.CIRCUIT)")
        except FlashError:
            raise FlashError("which circuit board is it?", "CIRCUIT= names it") from None

    def __exit__(self, *_: object) -> None:
        try:
            if self._ran:
                self._link.start()
                self._voice.say("islet runs again")
        finally:
            self._link.close()
