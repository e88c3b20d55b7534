"""Feeds spoilt messages to the firmware's own readers in MicroPython, and says what they did.

Held against them: an exception that a reader does not declare, an answer 500, an address or time
that cannot be; a change of requests, commands or site by who has no right to it; heap that is not
free again afterwards."""

from __future__ import annotations

import os
import subprocess
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tests_host.fuzz.messages import KINDS, allowed, spoilt
from tools.image import folded
from tools.workshop import ROOT

MICROPYTHON = ROOT / ".cache/bin/micropython"
SCRIPT = Path(__file__).parent / "device/take.py"
GROWTH_BYTES = 1_024  # MicroPython's collector is conservative, so what is free wavers
_WARM = 1 / 10  # of the messages, until everything that stays has been made
_LEAST_WARM = 300
_ASK = b"\0\0\0\0\0\0\xff\xff"


@dataclass
class Report:
    seed: int
    taken: int = 0
    findings: list[str] = field(default_factory=list)
    free: list[int] = field(default_factory=list)
    answers: str = ""
    rest: str = ""  # whatever else was said

    @property
    def wrong(self) -> list[str]:
        """Findings, each with how to repeat it; and the heap."""
        found = [f"{text} (--seed {self.seed})" for text in self.findings]
        if len(self.free) == 2 and self.free[0] - self.free[1] > GROWTH_BYTES:
            found.append(f"heap: {self.free[0] - self.free[1]} bytes are not free again")
        if self.rest:
            found.append(self.rest)
        return found


def frames(seed: int, numbers: range, kinds: Sequence[str]) -> Iterator[bytes]:
    warm = max(_LEAST_WARM, int(len(numbers) * _WARM))
    for place, number in enumerate(numbers):
        if place == warm:
            yield _ASK
        kind = kinds[number % len(kinds)]
        data = spoilt(seed, kind, number)
        head = bytes((KINDS.index(kind), allowed(kind, data)))
        yield head + number.to_bytes(4, "big") + len(data).to_bytes(2, "big") + data
    yield _ASK


def fuzz(
    seed: int,
    numbers: range,
    kinds: Sequence[str] = KINDS,
    planted: str = "",
    told: Callable[[int], None] = lambda _: None,
) -> Report:
    """Messages `numbers` of a seed; `planted`: a mistake, as text for the device's script; `told`
    hears how many have gone."""
    script = SCRIPT.read_text().replace("PLANTED = None", planted or "pass", 1)
    path = "__import__('sys').path.remove('')\n"  # the working folder is not folded
    device = subprocess.Popen(
        [MICROPYTHON, "-X", "heapsize=4m", "-c", path + script],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env={**os.environ, "MICROPYPATH": folded.path()},
        cwd=ROOT,
    )
    assert device.stdin and device.stdout
    lines: list[str] = []
    stdout = device.stdout
    reading = threading.Thread(target=lambda: lines.extend(each.decode() for each in stdout))
    reading.start()
    try:
        for gone, frame in enumerate(frames(seed, numbers, kinds)):
            device.stdin.write(frame)
            if gone % 1_000 == 0:
                told(gone)
        device.stdin.close()
    except BrokenPipeError:
        pass
    finally:
        reading.join(600)
        device.kill()
        device.wait()
    return _report(seed, lines)


def _report(seed: int, lines: Sequence[str]) -> Report:
    report = Report(seed)
    for line in lines:
        what, _, text = line.strip().partition(" ")
        if what == "found":
            report.findings.append(text)
        elif what == "free":
            report.free.append(int(text))
        elif what == "taken":
            count, _, report.answers = text.partition(" ")
            report.taken = int(count)
        else:
            report.rest += line
    return report
