"""A twin of a hundred lines: runs a script on the simulated chip and answers its messages.

It is written from the protocol alone, shares nothing with the real twin, and keeps every message.
"""

from __future__ import annotations

import contextlib
import os
import struct
import subprocess
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from tools.image import folded

ROOT = Path(__file__).resolve().parents[2]
CHANNELS = 19
RATE_HZ = 4800


@dataclass
class Message:
    """One of the chip's messages; items are (tag, payload)."""

    t_us: int
    why: int
    next_frame: int
    items: list[tuple[int, bytes]]

    def all(self, tag: int) -> list[bytes]:
        return [payload for t, payload in self.items if t == tag]


def at(t_us: int) -> bytes:
    return struct.pack("<IH", t_us // 1000, t_us % 1000)


def silence(first: int, count: int) -> bytes:
    """Frames of a quiet board: the frame's number in channel 0, so that order can be checked."""
    frames = [[(first + i) & 0xFFF] + [2048] * (CHANNELS - 1) for i in range(count)]
    return b"".join(struct.pack(f"<{CHANNELS}H", *frame) for frame in frames)


@dataclass
class Happening:
    """Something the twin announces: an item of `tag`, due at t_us, payload after the time."""

    t_us: int
    build: Callable[[], tuple[int, bytes]]


@dataclass
class StubTwin:
    quit_us: int = 1_000_000
    codes: Callable[[int, int], bytes] = silence
    horizon_us: int = 100_000
    env: dict[str, str] = field(default_factory=dict)
    messages: list[Message] = field(default_factory=list)
    coming: list[Happening] = field(default_factory=list)
    at_once: list[tuple[int, bytes]] = field(default_factory=list)
    react: Callable[[StubTwin, Message], None] = lambda twin, message: None
    predict: Callable[[StubTwin, int, int], list[tuple[int, bytes]]] = lambda twin, now, until: []
    rtc_min: int | None = 3_600_000
    stdout: str = ""
    stderr: str = ""
    code: int = -1

    def edge(self, t_us: int, pin: int, level: int) -> None:
        self.coming.append(Happening(t_us, lambda: (2, at(t_us) + bytes((pin, level)))))

    def serial(self, t_us: int, char_us: int, data: bytes) -> None:
        """Characters towards the chip, each its own happening."""
        for i in range(len(data)):
            t = t_us + i * char_us
            one = b"\x01" + at(t) + struct.pack("<H", char_us) + data[i : i + 1]
            self.coming.append(Happening(t, lambda one=one: (3, one)))

    def net(self, t_us: int, conn: int, data: bytes) -> None:
        self.coming.append(Happening(t_us, lambda: (4, bytes((conn,)) + at(t_us) + data)))

    def run(self, script: str | Path, timeout: float = 60) -> StubTwin:
        """Run the script to its end; `code`, `stdout` and `messages` then tell what it did."""
        to_chip, from_chip = os.pipe(), os.pipe()
        chip_fds = to_chip[0], from_chip[1]
        env = {
            **os.environ,
            "ISLET_LINK_IN": f"/dev/fd/{chip_fds[0]}",
            "ISLET_LINK_OUT": f"/dev/fd/{chip_fds[1]}",
            "ISLET_SPEED": "max",
            "MICROPYPATH": folded.path(ROOT / "tools/twin/chip"),
            **self.env,
        }
        command = [str(ROOT / ".cache/bin/micropython"), "-X", "heapsize=512k"]
        command += [str(script)] if isinstance(script, Path) else ["-c", script]
        with subprocess.Popen(
            command,
            env=env,
            cwd=ROOT,
            pass_fds=chip_fds,
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        ) as process:
            for fd in chip_fds:
                os.close(fd)
            timer = threading.Timer(timeout, process.kill)
            timer.start()
            with (
                os.fdopen(to_chip[1], "wb") as out,
                os.fdopen(from_chip[0], "rb") as source,
                contextlib.suppress(BrokenPipeError),
            ):
                self._serve(source, out)
            self.stdout, self.stderr = process.communicate()
            timer.cancel()
        self.code = process.returncode
        return self

    def _serve(self, source, out) -> None:
        while head := source.read(4):
            body = source.read(struct.unpack("<I", head)[0])
            message = self._decode(body)
            self.messages.append(message)
            if message.why == 9:
                self.react(self, message)
                return
            out.write(self._answer(message))
            out.flush()

    @staticmethod
    def _decode(body: bytes) -> Message:
        ms, us, why, next_frame = struct.unpack_from("<IHBI", body)
        items, i = [], 11
        while i < len(body):
            tag, length = struct.unpack_from("<BH", body, i)
            items.append((tag, body[i + 3 : i + 3 + length]))
            i += 3 + length
        assert i == len(body) and us < 1000
        return Message(ms * 1000 + us, why, next_frame, items)

    def _answer(self, message: Message) -> bytes:
        now = message.t_us
        self.react(self, message)
        until = min(now // self.horizon_us * self.horizon_us + self.horizon_us, self.quit_us)
        items = list(self.at_once)
        self.at_once.clear()
        if now >= self.quit_us:
            items.append((7, b""))
            until = now
        if self.rtc_min is not None and len(self.messages) == 1:
            items.append((6, struct.pack("<I", self.rtc_min)))
        count = until * RATE_HZ // 1_000_000 - message.next_frame
        if count > 0:
            data = self.codes(message.next_frame, count)
            items.append((1, struct.pack("<I", message.next_frame) + data))
        self.coming.sort(key=lambda happening: happening.t_us)
        items += [h.build() for h in self.coming if now < h.t_us <= until]
        items += self.predict(self, now, until)
        packed = b"".join(struct.pack("<BH", tag, len(p)) + p for tag, p in items)
        body = at(until) + packed
        return struct.pack("<I", len(body)) + body
