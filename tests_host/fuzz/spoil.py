"""Two sides of a line in a time of their own: what comes over a wire or a connection, and answers
of pymodbus that are spoilt on the way (lines.py)."""

from __future__ import annotations

import random
from collections.abc import Coroutine
from typing import Any

from pymodbus.framer import FramerRTU

KINDS = ("random", "cut", "flipped", "foreign", "shape", "glued", "late", "exception")
BAUD = 19_200
HEAD = 9  # bytes of a TCP answer before its values
LOOK_MS = 40  # between two looks at a wire where nothing comes


class Time:
    """In ms; whoever sleeps moves it on, and past what nobody would hear."""

    def __init__(self) -> None:
        self.ms = 1000
        self.coming: list[tuple[int, bytes]] = []  # of the wire

    def ticks_ms(self) -> int:
        return self.ms

    async def sleep_ms(self, ms: int) -> None:
        next_ms = min((at for at, _ in self.coming if at > self.ms), default=self.ms + LOOK_MS)
        self.ms += max(ms, min(next_ms - self.ms, LOOK_MS))

    async def wait_for_ms(self, work: Coroutine[Any, Any, Any], _ms: int) -> Any:
        return await work


class Uart:
    """What comes, comes at its time."""

    def __init__(self, clock: Time, spoil: Spoil) -> None:
        self.clock, self.spoil = clock, spoil

    def write(self, data: Any) -> int:
        request = bytes(data)
        wire_ms = len(request) * 10_000 // BAUD + 1
        for after_ms, answer in self.spoil(request):
            at = self.clock.ms + wire_ms + after_ms
            if self.clock.coming:  # devices answer in order
                at = max(at, self.clock.coming[-1][0])
            self.clock.coming.append((at, answer))
        return len(request)

    def any(self) -> int:
        return sum(len(data) for at, data in self.clock.coming if at <= self.clock.ms)

    def readinto(self, buffer: Any) -> int:
        there = b"".join(data for at, data in self.clock.coming if at <= self.clock.ms)
        self.clock.coming = [row for row in self.clock.coming if row[0] > self.clock.ms]
        count = min(len(buffer), len(there))
        buffer[:count] = there[:count]
        if there[count:]:
            self.clock.coming.insert(0, (self.clock.ms, there[count:]))
        return count


class Connection:
    """As net/link.py's Link and its reader."""

    def __init__(self, clock: Time, spoil: Spoil) -> None:
        self.clock, self.spoil = clock, spoil
        self.reader: Connection | None = None
        self.doubted = False
        self.until_ms = 0
        self.coming: list[tuple[int, bytes]] = []

    async def open(self, first: bytes) -> None:
        self.coming = []
        self.reader = self
        await self.send(first)

    def begin(self) -> None:
        pass

    async def send(self, data: bytes) -> None:
        self.until_ms = self.clock.ms + 400
        for after_ms, answer in self.spoil(bytes(data)):
            self.coming.append((self.clock.ms + after_ms, answer))
        self.coming.sort(key=lambda row: row[0])

    async def close(self) -> None:
        self.reader = None

    async def read(self, count: int) -> bytes:
        if not self.coming or self.coming[0][0] > self.until_ms:
            self.clock.ms = max(self.clock.ms, self.until_ms)
            raise TimeoutError
        at, data = self.coming.pop(0)
        self.clock.ms = max(self.clock.ms, at)
        if len(data) > count:
            self.coming.insert(0, (at, data[count:]))
        return data[:count]


class Spoil:
    """Answers of pymodbus, each kept, and spoilt while `on`."""

    def __init__(self, devices: Any, dice: random.Random, tcp: bool) -> None:
        self.devices, self.dice, self.tcp = devices, dice, tcp
        self.on = False
        self.kind = ""
        self.known: dict[bytes, bytes] = {}
        self.good = b""  # of the last request
        self.said = b""  # all that was sent to it

    def answer(self, request: bytes) -> bytes:
        at = 6 if self.tcp else 0
        body = request[at:]
        found = self.known.get(body)
        if found is None:
            answers = self.devices(request)
            found = answers[0][1] if answers else b""
            if body[1] > 4:
                self.known.clear()
                return found
            if len(self.known) < 500:
                self.known[body] = found
        return request[:2] + found[2:] if self.tcp else found

    def __call__(self, request: bytes) -> list[tuple[int, bytes]]:
        self.good = good = self.answer(request)
        dice = self.dice
        if not self.on or not good:
            self.said = good
            return [(8, good)]
        self.kind = dice.choice(KINDS)
        data = getattr(self, "_" + self.kind)(request, good)
        self.said = data
        after_ms = dice.randrange(500, 3000) if self.kind == "late" else dice.randrange(0, 150)
        if dice.randrange(3) or len(data) < 3:
            return [(after_ms, data)]
        cut = dice.randrange(1, len(data))
        return [(after_ms, data[:cut]), (after_ms + dice.randrange(0, 30), data[cut:])]

    def summed(self, body: bytes) -> bytes:
        return body + FramerRTU.compute_CRC(body).to_bytes(2, "big")

    def framed(self, request: bytes, unit: int, pdu: bytes) -> bytes:
        if self.tcp:
            size = (len(pdu) + 1).to_bytes(2, "big")
            return request[:2] + b"\0\0" + size + bytes((unit,)) + pdu
        return self.summed(bytes((unit,)) + pdu)

    def _random(self, request: bytes, good: bytes) -> bytes:
        return self.dice.randbytes(self.dice.randrange(1, 300))

    def _cut(self, request: bytes, good: bytes) -> bytes:
        return good[: self.dice.randrange(len(good))]

    def _flipped(self, request: bytes, good: bytes) -> bytes:
        data = bytearray(good)
        most = min(HEAD, len(data)) if self.tcp else len(data)
        for _ in range(self.dice.randrange(1, 9)):
            data[self.dice.randrange(most)] ^= 1 << self.dice.randrange(8)
        return bytes(data)

    def _unit(self, request: bytes) -> int:
        return request[6 if self.tcp else 0]

    def _foreign(self, request: bytes, good: bytes) -> bytes:
        unit = self.dice.choice([u for u in range(1, 248) if u != self._unit(request)])
        return self.framed(request, unit, good[7:] if self.tcp else good[1:-2])

    def _shape(self, request: bytes, good: bytes) -> bytes:
        function = self.dice.choice((1, 2, 3, 4, 5, 6, 16, 23))
        count = 2 * self.dice.randrange(0, 60)
        pdu = bytes((function, count)) + self.dice.randbytes(count)
        asked = request[7:] if self.tcp else request[1:]
        if function == asked[0] and (function > 4 or count == 2 * (asked[3] << 8 | asked[4])):
            pdu = b"\x01\x01\x00"
        return self.framed(request, self._unit(request), pdu)

    def _glued(self, request: bytes, good: bytes) -> bytes:
        first = (
            self._foreign(request, good) if self.dice.randrange(2) else self._cut(request, good)
        )
        return first + (good if self.dice.randrange(2) else self._flipped(request, good))

    def _late(self, request: bytes, good: bytes) -> bytes:
        return good

    def _exception(self, request: bytes, good: bytes) -> bytes:
        function = (request[7] if self.tcp else request[1]) | 0x80
        if not self.dice.randrange(3):
            function ^= 1 << self.dice.randrange(7)
        return self.framed(
            request, self._unit(request), bytes((function, self.dice.randrange(256)))
        )
