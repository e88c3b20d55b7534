# islet: the RS-485 line in real time: a pseudo-terminal served by pymodbus' serial server.
# GPL-3.0-or-later
"""At SPEED=1 the chip opens a pseudo-terminal and pymodbus' own serial server answers on another.

Between the two runs a cable with the line's byte timing (a pseudo-terminal has none) and the
faults of a real line. Both ends are private to this run.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import select
import threading
import time
import tty

from pymodbus.framer import FramerType
from pymodbus.server import ModbusSerialServer
from pymodbus.simulator import SimDevice

from tools.twin.buses.line import LATE_US, Responder, Timing

_CHUNK_US = 2_000  # bytes are released in steps of about two milliseconds


class Pty:
    """A raw pseudo-terminal: `path` for one end, `fd` for ours."""

    def __init__(self) -> None:
        self.fd, self._other = os.openpty()
        tty.setraw(self.fd)
        tty.setraw(self._other)
        os.set_blocking(self.fd, False)
        self.path = os.ttyname(self._other)

    def close(self) -> None:
        for fd in (self.fd, self._other):
            with contextlib.suppress(OSError):
                os.close(fd)


class SerialBus:
    """The line, its server and its cable; start() and stop() it."""

    def __init__(self, responder: Responder, devices: list[SimDevice], timing: Timing) -> None:
        self._responder = responder
        self._devices = devices
        self._timing = timing
        self.chip = Pty()
        self._server = Pty()
        self._stop = threading.Event()
        self._ready = threading.Event()
        self._threads = [
            threading.Thread(target=self._serve, name="modbus", daemon=True),
            threading.Thread(target=self._cable, name="cable", daemon=True),
        ]
        self._loop: asyncio.AbstractEventLoop | None = None

    @property
    def path(self) -> str:
        """The serial device that the chip opens."""
        return self.chip.path

    def start(self) -> None:
        for thread in self._threads:
            thread.start()
        if not self._ready.wait(10):
            raise RuntimeError("the Modbus server did not start")

    def stop(self) -> None:
        self._stop.set()
        if self._loop is not None:
            self._loop.call_soon_threadsafe(lambda: None)
        for thread in self._threads:
            thread.join(3)
        self.chip.close()
        self._server.close()

    # --- pymodbus -------------------------------------------------------------------------

    def _serve(self) -> None:
        asyncio.run(self._serving())

    async def _serving(self) -> None:
        self._loop = asyncio.get_running_loop()
        server = ModbusSerialServer(
            self._devices,
            framer=FramerType.RTU,
            port=self._server.path,
            baudrate=self._timing.baud,  # a terminal has no parity: that is the cable's timing
            ignore_missing_devices=True,
        )
        await server.serve_forever(background=True)
        self._ready.set()
        while not self._stop.is_set():
            await asyncio.sleep(0.05)
        await server.shutdown()

    # --- cable ----------------------------------------------------------------------------

    def _cable(self) -> None:
        while not self._stop.is_set():
            request = self._read_frame(self.chip.fd, 0.1)
            if not request:
                continue
            t_us = time.monotonic_ns() // 1000
            kind, reply = self._ask(request)
            if reply:
                self._wait_us(LATE_US if kind == "late" else 0, t_us)
                self._release(reply)

    def _ask(self, request: bytes) -> tuple[str, bytes]:
        """The server's reply, with the fault of the addressed device applied."""
        name = self._responder.name_of(request)
        kind = self._responder.active_fault(name, self._responder.now_us())
        if kind == "silent":
            return kind, b""
        if kind and kind != "late":
            found = self._responder.answer(self._responder.now_us(), request)
            return kind, found[1] if found else b""
        os.write(self._server.fd, request)
        return kind, self._read_frame(self._server.fd, 0.5)

    def _read_frame(self, fd: int, patience_s: float) -> bytes:
        """Bytes up to a silence of 3.5 characters; they take their time on the wire."""
        if not select.select([fd], [], [], patience_s)[0]:
            return b""
        frame = b""
        silence_s = max(self._timing.silence_us / 1e6, 0.002)
        while select.select([fd], [], [], silence_s)[0]:
            with contextlib.suppress(BlockingIOError):
                data = os.read(fd, 256)
                if not data:
                    break
                frame += data
        if fd == self.chip.fd:  # a request is known when its last character has passed
            time.sleep(len(frame) * self._timing.char_us / 1e6)
        return frame

    def _wait_us(self, delay_us: int, since_us: int) -> None:
        left_us = since_us + delay_us - time.monotonic_ns() // 1000
        if left_us > 0:
            self._stop.wait(left_us / 1e6)

    def _release(self, frame: bytes) -> None:
        start_us = time.monotonic_ns() // 1000
        step = max(1, _CHUNK_US // self._timing.char_us)
        for at in range(0, len(frame), step):
            self._wait_us((at + step) * self._timing.char_us, start_us)
            with contextlib.suppress(OSError):
                os.write(self.chip.fd, frame[at : at + step])
