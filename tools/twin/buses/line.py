# islet: the RS-485 line in virtual time: pymodbus decodes and answers, byte times are true.
# GPL-3.0-or-later
"""At SPEED=max pymodbus' own framer, decoder and datastore are called in lockstep.

A request is complete when its last character and 3.5 characters of silence have passed (Modbus
over serial line V1.02, 2.5.1.1): that is when the chip tells of it. The device then answers after
its turn-around time. Faults are
those of a real line: silence, a late answer, a wrong CRC, an exception, noise, another's answer.
"""

from __future__ import annotations

import logging
import random
import struct
from collections.abc import Callable, Coroutine, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, cast

from pymodbus.constants import ExcCodes
from pymodbus.exceptions import ModbusException
from pymodbus.framer import FramerBase, FramerRTU
from pymodbus.pdu import DecodePDU, ExceptionResponse, ModbusPDU
from pymodbus.simulator import SimDevice
from pymodbus.simulator.simcore import SimCore

from tools.twin.link.interfaces import Copy

logging.getLogger("pymodbus").setLevel(logging.CRITICAL)

FAULTS = ("silent", "late", "crc", "exception", "noise", "other", "busy", "acknowledge")
READS = 4  # functions up to this one change nothing
TURNAROUND_US = 4_000  # a device's own delay before it answers
REQUEST = 8  # bytes of one that only reads
OFTEN = 3  # what was read so often has copies
KEPT = 100  # frames of one request
WRITE_SEVERAL = 16  # the function
MOST = 4  # changes within a prediction that copies are made of
LATE_US = 900_000  # far beyond any sensible time-out


@dataclass
class Timing:
    """Byte timing of the line: 8 data bits, start and stop bits, parity."""

    baud: int = 19_200
    parity: str = "N"

    @property
    def char_us(self) -> int:
        return round((11 if self.parity != "N" else 10) * 1_000_000 / self.baud)

    @property
    def silence_us(self) -> int:
        """3.5 characters, fixed at 1750 µs above 19 200 baud."""
        return 1_750 if self.baud > 19_200 else self.char_us * 7 // 2


def run_now(work: Coroutine[Any, Any, Any]) -> Any:
    """Result of a coroutine that never really waits (pymodbus' datastore)."""
    try:
        work.send(None)
    except StopIteration as done:
        return done.value
    raise RuntimeError("the datastore waited for something")


Part = Callable[[bytes, Any], Any]  # what of all that devices show answers a read of one


class Sight:
    """What the devices show (House.readings) at the moment they are asked of; None: now."""

    shown: Any = None


class Responder:
    """Requests in, answers out, by pymodbus; and the faults of each device."""

    def __init__(
        self, devices: dict[str, SimDevice], seed: int = 0, sight: Sight | None = None
    ) -> None:
        self._sight = sight or Sight()
        self.parts: dict[str, Part] = {}
        self.settled: dict[str, Callable[[], bool]] = {}  # no restart waits to be noticed
        self.asleep: dict[str, Callable[[], bool]] = {}  # as a device that answers nobody
        self.framer: FramerBase = FramerRTU(DecodePDU(True))
        self._core = SimCore(list(devices.values()))
        self._names = {device.id: name for name, device in devices.items()}
        self._faults: dict[str, tuple[str, int]] = {}
        self._random = random.Random(seed)
        self.now_us: Callable[[], int] = lambda: 0  # the house's time, for the real-time cable
        self.log: Callable[[int, str], None] = lambda t_us, text: None

    @property
    def names(self) -> list[str]:
        return list(self._names.values())

    def fault(self, name: str, kind: str, until_us: int) -> None:
        """Make a device (or "all") behave badly until a time. Errors name what is allowed."""
        names = [*self._names.values(), "all"]
        if name not in names:
            raise ValueError(f"bus: {name!r} is not one of {', '.join(names)}")
        if kind not in FAULTS:
            raise ValueError(f"fault: {kind!r} is not one of {', '.join(FAULTS)}")
        for each in self._names.values() if name == "all" else [name]:
            self._faults[each] = (kind, until_us)

    def active_fault(self, name: str, t_us: int) -> str:
        kind, until_us = self._faults.get(name, ("", 0))
        return kind if t_us < until_us else ""

    def name_of(self, request: bytes) -> str:
        """The device a request is for, "" if none."""
        return self._names.get(request[0], "") if request else ""

    def faulty_us(self, name: str = "") -> int:
        """Until when a device, or any, may answer otherwise."""
        untils = [until for each, (_, until) in self._faults.items() if name in ("", each)]
        return max(untils, default=0)

    def copy(self, t_us: int, request: bytes, shown: Any) -> bytes:
        """The frame that answers a read, of a device without a fault; empty: not to be known."""
        self._sight.shown = shown
        if not self.settled.get(self.name_of(request), lambda: True)():
            return b""
        found = self.answer(t_us, request, shown)
        return found[1] if found else b""

    def answer(self, t_us: int, request: bytes, shown: Any = None) -> tuple[int, bytes] | None:
        """(delay µs, bytes) for a complete request, None for silence."""
        self._sight.shown = shown
        try:
            _, pdu = self.framer.handleFrame(request, 0, 0)
        except ModbusException:
            return None
        if pdu is None or pdu.dev_id not in self._names:
            return None
        name = self._names[pdu.dev_id]
        kind = self.active_fault(name, t_us)
        if kind:
            self.log(t_us, f"{name}: {kind}")
        if kind == "silent" or self.asleep.get(name, lambda: False)():
            return None
        return self._spoilt(kind, pdu)

    def _spoilt(self, kind: str, pdu: ModbusPDU) -> tuple[int, bytes]:
        delay_us = TURNAROUND_US
        if kind == "exception":
            reply: ModbusPDU = ExceptionResponse(pdu.function_code, ExcCodes.DEVICE_FAILURE)
        elif kind == "busy":
            reply = ExceptionResponse(pdu.function_code, ExcCodes.DEVICE_BUSY)
        else:
            reply = run_now(pdu.datastore_update(cast(Any, self._core), pdu.dev_id))
            accepted = kind == "acknowledge" and not reply.isError()
            if accepted and pdu.function_code > READS:  # done, and to be looked at later
                reply = ExceptionResponse(pdu.function_code, ExcCodes.ACKNOWLEDGE)
        reply.dev_id = pdu.dev_id
        if kind == "other":
            reply.dev_id = pdu.dev_id % 247 + 1
        frame = self.frame(reply, pdu)
        if kind == "crc":
            frame = self.damaged(frame)
        elif kind == "noise":
            frame = self._random.randbytes(self._random.randint(1, 6)) + frame
        elif kind == "late":
            delay_us = LATE_US
        return delay_us, frame

    def frame(self, reply: ModbusPDU, to: ModbusPDU) -> bytes:
        """The bytes of an answer to a request."""
        return self.framer.buildFrame(reply)

    def damaged(self, frame: bytes) -> bytes:
        return frame[:-1] + bytes([frame[-1] ^ 0x55])


class Line:
    """The virtual wire between the chip's UART and the devices (an endpoint of the link)."""

    def __init__(self, responder: Responder, timing: Timing) -> None:
        self._responder = responder
        self._char_us = timing.char_us
        self._answers: list[tuple[int, bytes, int]] = []
        self._reads: dict[bytes, int] = {}  # requests that only read, how often
        self._told: dict[bytes, list[tuple[int, bytes]]] = {}  # copies the chip has
        self._made: dict[bytes, dict[Any, bytes]] = {}  # frames by request and what is shown
        self._last: dict[bytes, list[tuple[Any, bytes]]] = {}  # the same, of the last look
        self._so: Any = None  # what was shown at the last look, and was to stay

    def transmit(self, t_us: int, data: bytes, shown: Any) -> None:
        """A frame, ended by 3.5 characters of silence at t_us: the device acts now."""
        self._so = None
        if not self.only_reads(data):
            self._spoil(data)
        elif len(data) == REQUEST and self._responder.name_of(data) in self._responder.parts:
            self._reads[data] = self._reads.get(data, 0) + 1
        found = self._responder.answer(t_us, data, shown)
        if found:
            delay_us, frame = found
            self._answers.append((t_us + delay_us + self._char_us, frame, self._char_us))

    def only_reads(self, data: bytes) -> bool:
        """Functions 01 to 04, or nothing that a device would understand."""
        return len(data) < 2 or data[1] <= READS

    def copies(self, now_us: int, shown: Sequence[tuple[int, Any]]) -> list[Copy]:
        """Of what is read often; none where a device may answer otherwise."""
        found: list[Copy] = []
        stays = len(shown) == 1 and now_us >= self._responder.faulty_us()
        if stays and shown[0][1] is self._so:
            return found  # nothing since the last look
        self._so = shown[0][1] if stays else None
        for request in [r for r, times in self._reads.items() if times >= OFTEN]:
            told = [row for row in self._told.get(request, ()) if row[0] <= now_us][-1:]
            faulty_us = self._responder.faulty_us(self._responder.name_of(request))
            known = shown if now_us >= faulty_us else ()
            for since_us, frame in self._frames(now_us, request, known):
                since_us = max(since_us, now_us)
                if frame != (told[-1][1] if told else b""):
                    told.append((since_us, frame))
                    found.append((since_us, request, frame, TURNAROUND_US, self._char_us))
            self._told[request] = told
        return found

    def prepare(self, now_us: int, shown: Sequence[tuple[int, Any]]) -> None:
        """Make the frames that copies() may ask for at now_us; of no effect on what it says."""
        for request in [r for r, times in self._reads.items() if times >= OFTEN]:
            if now_us >= self._responder.faulty_us(self._responder.name_of(request)):
                for _ in self._frames(now_us, request, shown):
                    pass

    def _frames(
        self, now_us: int, request: bytes, shown: Sequence[tuple[int, Any]]
    ) -> Iterator[tuple[int, bytes]]:
        """What answers a request, and from when on."""
        before, last = self._last.get(request, ()), []
        self._last[request] = last
        for since_us, each in shown[:MOST]:
            frame = next((frame for one, frame in before if one is each), b"")
            frame = frame or self._frame(now_us, request, each)
            if frame:
                last.append((each, frame))
            yield since_us, frame
        if len(shown) > MOST or not shown:
            yield (shown[MOST][0] if shown else 0), b""

    def _frame(self, now_us: int, request: bytes, each: Any) -> bytes:
        made = self._made.setdefault(request, {})
        if len(made) > KEPT:
            made.clear()
        key = self._responder.parts[self._responder.name_of(request)](request, each)
        frame = made.get(key) or self._responder.copy(now_us, request, each)
        if frame:
            made[key] = frame
        return frame

    def _spoil(self, data: bytes) -> None:
        """What is written lies in some of the copies."""
        several = len(data) > REQUEST and data[1] == WRITE_SEVERAL
        first, count = struct.unpack_from(">HH", data, 2) if len(data) >= REQUEST else (0, 0)
        for request, made in self._made.items():
            start, length = struct.unpack_from(">HH", request, 2)
            apart = start + length <= first or first + count <= start
            if not (several and apart) and data[0] in (0, request[0]):
                made.clear()
                self._last.pop(request, None)

    def forget(self) -> None:
        """The chip has lost its copies."""
        self._told.clear()
        self._so = None

    def next_us(self) -> int | None:
        return None  # it only ever answers

    def act(self, t_us: int) -> None:
        """Nothing of its own."""

    def due(self, until_us: int) -> list[tuple[int, bytes, int]]:
        answers, self._answers = self._answers, []
        return answers
