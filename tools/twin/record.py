# islet: a run as its process images, and its replay through core.step().
# GPL-3.0-or-later
"""Recording: a JSON line, then a zlib stream of records.

    S  site section                                  a boot: replay starts a fresh core
    T  u16 dt_ms, readings, requests, trips          as they were before the step
       commands                                      as they were after it

Sections are differences from the previous ones (int32, wrapping), which zlib packs to a few bytes.
The header names the image's layout by a hash: a recording is only replayed through its own layout.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import struct
import subprocess
import threading
import time
import zlib
from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, BinaryIO

import numpy as np

from firmware import image as image_tables
from tools import kernels
from tools.image import folded
from tools.twin.link import wire
from tools.twin.link.process import MICROPYTHON
from tools.workshop import ROOT

HERE = Path(__file__).resolve().parent
VERSION = 1
FORMAT = "islet recording"
SITE, READINGS, REQUESTS, COMMANDS, TRIPS = range(5)
STEP_SECTIONS = (READINGS, REQUESTS, TRIPS, COMMANDS)
SIZES = tuple(table.size for table in image_tables.TABLES)


class RecordingError(ValueError):
    """A file that is no recording, or one of another image layout."""


@dataclass(slots=True)
class Boot:
    site: bytes


@dataclass(slots=True)
class Step:
    dt_ms: int
    readings: bytes
    requests: bytes
    trips: bytes
    commands: bytes


def layout_hash() -> str:
    """Hash of every row's name, place and count: what a buffer means."""
    rows = [[t.name, *([r[0], r[1], r[2]] for r in t.rows)] for t in image_tables.TABLES]
    return hashlib.sha256(json.dumps(rows).encode()).hexdigest()[:16]


def field_at(section: int, index: int) -> str:
    """Name of the element of a section, with its index inside a block."""
    for name, start, count, *_ in image_tables.TABLES[section].rows:
        if start <= index < start + count:
            return name if count == 1 else f"{name}[{index - start}]"
    raise IndexError(index)


class Assembler:
    """Turns the link's items into boots and steps: a step is whole with its commands."""

    def __init__(self) -> None:
        self._parts: dict[int, bytes] = {}
        self._dt_ms: int | None = None

    def take(self, item: wire.Section | wire.Step) -> Boot | Step | None:
        if isinstance(item, wire.Step):
            self._dt_ms = item.dt_ms
        else:
            if len(item.data) != 4 * SIZES[item.section]:
                name = image_tables.TABLES[item.section].name
                raise wire.WireError(
                    f"Section {name}: {len(item.data)} bytes, expected {4 * SIZES[item.section]}"
                )
            if item.section == SITE:
                return Boot(item.data)
            self._parts[item.section] = item.data
        if self._dt_ms is None or len(self._parts) < len(STEP_SECTIONS):
            return None
        step = Step(self._dt_ms, *(self._parts[s] for s in STEP_SECTIONS))
        self._parts.clear()
        self._dt_ms = None
        return step


class Recorder:
    """Writes a recording; close() completes the file."""

    def __init__(self, path: Path, scenario: str, seed: int) -> None:
        self._file = path.open("wb")
        self._pack = zlib.compressobj(1)
        self._last = {s: np.zeros(SIZES[s], "<i4") for s in STEP_SECTIONS}
        sizes = {table.name: table.size for table in image_tables.TABLES}
        header = {
            "format": FORMAT,
            "version": VERSION,
            "sections": sizes,
            "layout": layout_hash(),
            "scenario": scenario,
            "seed": seed,
        }
        self._file.write(json.dumps(header).encode() + b"\n")

    def write(self, record: Boot | Step) -> None:
        if isinstance(record, Boot):
            self._put(b"S" + record.site)
            return
        parts = [b"T", struct.pack("<H", record.dt_ms)]
        for section in STEP_SECTIONS:
            new = np.frombuffer(getattr(record, image_tables.TABLES[section].name), "<i4")
            parts.append((new - self._last[section]).tobytes())
            self._last[section] = new
        self._put(b"".join(parts))

    def close(self) -> None:
        if not self._file.closed:
            self._file.write(self._pack.flush())
            self._file.close()

    def _put(self, data: bytes) -> None:
        packed = self._pack.compress(data)
        if packed:
            self._file.write(packed)


class Recording:
    """Reads one: `header`, then records() in order."""

    def __init__(self, path: Path) -> None:
        self.path = path
        with path.open("rb") as file:
            self.header = _header(path, file)
            self._start = file.tell()

    def records(self) -> Iterator[Boot | Step]:
        last = {s: np.zeros(SIZES[s], "<i4") for s in STEP_SECTIONS}
        with self.path.open("rb") as file:
            file.seek(self._start)
            stream = _Unpacked(file, self.path)
            while kind := stream.read(1):
                if kind == b"S":
                    yield Boot(stream.exactly(4 * SIZES[SITE]))
                elif kind == b"T":
                    (dt_ms,) = struct.unpack("<H", stream.exactly(2))
                    for section in STEP_SECTIONS:
                        change = np.frombuffer(stream.exactly(4 * SIZES[section]), "<i4")
                        last[section] = last[section] + change
                    yield Step(dt_ms, *(last[s].tobytes() for s in STEP_SECTIONS))
                else:
                    raise RecordingError(f"{self.path}: record {kind!r}, allowed S or T")
            stream.ended()


def _header(path: Path, file: BinaryIO) -> dict[str, Any]:
    try:
        header = json.loads(file.readline(10_000))
    except ValueError:
        header = None
    if not isinstance(header, dict) or header.get("format") != FORMAT:
        raise RecordingError(f"{path}: not a recording of islet")
    if header.get("version") != VERSION:
        raise RecordingError(f"{path}: version {header.get('version')}, expected {VERSION}")
    if header.get("layout") != layout_hash():
        raise RecordingError(f"{path}: made with another layout of the process image")
    return header


class _Unpacked:
    """The zlib stream as a file; a run that was killed leaves one without an end."""

    def __init__(self, file: BinaryIO, path: Path) -> None:
        self._file, self._path = file, path
        self._zlib = zlib.decompressobj()
        self._buffer = memoryview(b"")

    def ended(self) -> None:
        """Nothing is left: was that the recording's own end, or the run's?"""
        if not self._zlib.eof:
            raise RecordingError(f"{self._path}: ends within a record, or before the last one")

    def read(self, count: int) -> bytes:
        while len(self._buffer) < count and not self._zlib.eof:
            packed = self._file.read(1 << 16)
            try:
                new = self._zlib.decompress(packed) if packed else self._zlib.flush()
            except zlib.error as error:
                raise RecordingError(f"{self._path}: damaged: {error}") from None
            self._buffer = memoryview(bytes(self._buffer) + new)
            if not packed:
                break
        data = bytes(self._buffer[:count])
        self._buffer = self._buffer[len(data) :]
        return data

    def exactly(self, count: int) -> bytes:
        data = self.read(count)
        if len(data) < count:
            raise RecordingError(f"{self._path}: ends within a record")
        return data


# --- replay --------------------------------------------------------------------------------


@dataclass
class Difference:
    """Where a replay first left the recording."""

    step: int
    t_ms: int
    fields: list[tuple[str, int, int]]  # name, recorded, replayed

    def __str__(self) -> str:
        text = ", ".join(f"{name} was {old}, is {new}" for name, old, new in self.fields[:5])
        more = f" and {len(self.fields) - 5} more" if len(self.fields) > 5 else ""
        return f"step {self.step} ({self.t_ms} ms): {text}{more}"


@dataclass
class Replay:
    steps: int
    simulated_ms: int
    core_s: float  # of the processor, inside core.step alone
    difference: Difference | None

    @property
    def speed(self) -> float:
        """Times real time of the core alone."""
        return self.simulated_ms / 1000 / self.core_s if self.core_s else 0.0


def replay(recording: Recording) -> Replay:
    """Feed a fresh Core with the recorded images; stop at the first command that differs."""
    from firmware.core import Core

    kernels.install()
    image = image_tables.Image()
    core: Any = None
    steps = simulated_ms = spent_ns = 0
    for record in recording.records():
        if isinstance(record, Boot):
            image = image_tables.Image()
            _set(image.site, record.site)
            core = Core(image)
            continue
        if core is None:
            raise RecordingError(f"{recording.path}: a step before the site section")
        _set(image.readings, record.readings)
        _set(image.requests, record.requests)
        _set(image.trips, record.trips)
        start = time.process_time_ns()
        core.step(record.dt_ms)
        spent_ns += time.process_time_ns() - start
        steps += 1
        simulated_ms += record.dt_ms
        if image.commands.tobytes() != record.commands:
            fields = differences(COMMANDS, record.commands, image.commands)
            found = Difference(steps, simulated_ms, fields)
            return Replay(steps, simulated_ms, spent_ns / 1e9, found)
    return Replay(steps, simulated_ms, spent_ns / 1e9, None)


def replay_micropython(recording: Recording) -> Replay:
    """The same under the real interpreter, fed through a pipe (device/replay.py)."""
    environment = {"MICROPYPATH": folded.path()}
    command = [str(MICROPYTHON), "-X", "heapsize=4M", str(HERE / "device" / "replay.py")]
    process = subprocess.Popen(
        command,
        env=environment,
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert process.stdin is not None
    feeder = threading.Thread(target=_feed, args=(recording, process.stdin), daemon=True)
    feeder.start()
    feeder.join()
    assert process.stdout is not None and process.stderr is not None
    out, error = process.stdout.read(), process.stderr.read()
    if process.wait() != 0:
        raise RecordingError(f"{recording.path}: the interpreter failed: {error.decode()[-500:]}")
    result = json.loads(out)
    found = None
    if result["fields"]:
        fields = [(field_at(COMMANDS, i), was, now) for i, was, now in result["fields"]]
        found = Difference(result["steps"], result["ms"], fields)
    return Replay(result["steps"], result["ms"], result["core_s"], found)


def _feed(recording: Recording, pipe: IO[bytes]) -> None:
    with contextlib.suppress(BrokenPipeError), pipe:
        for record in recording.records():
            if isinstance(record, Boot):
                pipe.write(b"S" + record.site)
            else:
                parts = [getattr(record, image_tables.TABLES[s].name) for s in STEP_SECTIONS]
                pipe.write(b"T" + struct.pack("<H", record.dt_ms) + b"".join(parts))


def differences(section: int, old: bytes, new: Sequence[int]) -> list[tuple[str, int, int]]:
    pairs = enumerate(zip(array("i", old), new, strict=True))
    return [(field_at(section, i), a, b) for i, (a, b) in pairs if a != b]


def _set(target: array[int], data: bytes) -> None:
    target[:] = array("i", data)
