# islet: microdot as it is and islet's server around it beside each other, with visitors that mean
# it ill.
# GPL-3.0-or-later
"""Both in MicroPython on a PC, with its sockets, serving the same page of 7 kB. Beside the ill
ones comes a good visitor, one request after the other. What has no end is broken off. A busy PC
adds tens of milliseconds to both; what the chip holds is `tools.bench.board network`'s."""

from __future__ import annotations

import contextlib
import http.client
import os
import select
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from tools.bench.hostile import DEVICE, MICROPYTHON
from tools.bench.table import Figure
from tools.image import folded
from tools.workshop import ROOT

RUN_MS = 8_000
PATIENCE_S = 3.0  # of the good visitor
MANY = 20
MEGABYTE = 1_000_000
Visitor = Callable[[int, threading.Event], None]


def loris(port: int, over: threading.Event) -> None:
    """The head of a request, a byte a second."""
    with socket.create_connection(("127.0.0.1", port)) as peer:
        for byte in b"GET / HTTP/1.1\r\nHost: house\r\nX-Slow: " + b"x" * 100:
            peer.sendall(bytes((byte,)))
            if over.wait(1):
                return


def heavy(port: int, over: threading.Event) -> None:
    """A body of 1 MB, as fast as it is taken, again and again."""
    head = f"POST / HTTP/1.1\r\nHost: house\r\nContent-Length: {MEGABYTE}\r\n\r\n".encode()
    while not over.is_set():
        with socket.create_connection(("127.0.0.1", port)) as peer:
            peer.settimeout(1)
            with contextlib.suppress(OSError):  # it is refused, or dropped
                peer.sendall(head + bytes(MEGABYTE))
                peer.recv(1)
        over.wait(0.05)


def asks_and_waits(port: int, over: threading.Event) -> None:
    """A whole request, and nothing of the answer is taken."""
    with socket.socket() as peer:
        peer.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
        peer.connect(("127.0.0.1", port))
        peer.sendall(b"GET / HTTP/1.1\r\nHost: house\r\n\r\n")
        over.wait()


SCENES: dict[str, tuple[Visitor, int]] = {
    "20 that send a byte a second": (loris, MANY),
    "20 that take no answer": (asks_and_waits, MANY),
    "3 that send bodies of 1 MB": (heavy, 3),
}


@dataclass
class Found:
    """`held_ms`: the longest that others waited; None: broken off."""

    held_ms: float | None = None
    alive: int = 0  # bytes of heap at most
    answers: list[float] = field(default_factory=list)  # s each took of the good visitor
    missed: int = 0  # refused, or not within PATIENCE_S

    def __str__(self) -> str:
        tries = len(self.answers) + self.missed
        held = "without end, broken off" if self.held_ms is None else f"{self.held_ms:.0f} ms"
        slowest = f", the slowest {max(self.answers):.1f} s" if self.answers else ""
        return f"{held}; page {len(self.answers)} of {tries}{slowest}; {self.alive / 1000:.0f} kB"


def _one(visitor: Visitor, port: int, over: threading.Event) -> None:
    with contextlib.suppress(OSError):  # the server has ended, or throws it out
        visitor(port, over)


def _good(port: int, found: Found, end: float) -> None:
    while time.monotonic() < end:
        begun = time.monotonic()
        client = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE_S)
        try:
            client.request("GET", "/")
            whole = client.getresponse()
            if whole.status == 200 and len(whole.read()) > 5_000:
                found.answers.append(time.monotonic() - begun)
            else:
                found.missed += 1
        except (OSError, http.client.HTTPException):
            found.missed += 1
        finally:
            client.close()
        time.sleep(0.1)


def _started(command: list[str], who: str) -> subprocess.Popen[str]:
    path = f"{DEVICE}:{DEVICE / 'rivals'}:{folded.path() if who == 'islet' else ROOT / 'lib'}"
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, cwd=ROOT,
        env={**os.environ, "MICROPYPATH": path + ":.frozen"},
    )  # fmt: skip
    assert process.stdout
    if not select.select([process.stdout], [], [], 20)[0]:
        process.kill()
        raise RuntimeError(f"{who} does not begin to serve")
    if (line := process.stdout.readline()) != "serving\n":
        raise RuntimeError(line + process.communicate()[0])
    return process


def _run(who: str, visitor: Visitor, many: int, ms: int, found: Found) -> int | None:
    """What page_hold.py prints; None: broken off."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    command = [str(MICROPYTHON), "-X", "heapsize=8M", str(DEVICE / "page_hold.py"), who]
    process = _started([*command, str(port), str(ms)], who)
    over = threading.Event()
    time.sleep(0.2)
    threads = [threading.Thread(target=_one, args=(visitor, port, over)) for _ in range(many)]
    for thread in threads:
        thread.start()
    try:
        if ms > 0:
            time.sleep(0.5)  # the ill ones are there first
            _good(port, found, time.monotonic() + ms / 1000 - 1.5)
        said, _ = process.communicate(timeout=abs(ms) / 1000 + 5)
    except subprocess.TimeoutExpired:
        return None
    finally:
        over.set()
        process.kill()
        process.communicate()
        for thread in threads:
            thread.join()
    if process.returncode:
        raise RuntimeError(said)
    return int(said.split()[-1])


def tried(who: str, visitor: Visitor, many: int, ms: int = RUN_MS) -> Found:
    """Twice: what others wait and what a good visitor gets; then what lives of the heap, for a
    look at it holds the loop itself."""
    found = Found()
    held_us = _run(who, visitor, many, ms, found)
    found.held_ms = None if held_us is None else held_us / 1000
    found.alive = _run(who, visitor, many, -ms // 2, found) or 0
    return found


def measure(quick: bool = False) -> Iterator[Figure]:
    ms = RUN_MS // 2 if quick else RUN_MS
    method = (
        f"longest wait of a task that always wants to run, the pages that one good visitor got "
        f"within {PATIENCE_S:.0f} s each, most heap alive; the PC's own time, {ms} ms"
    )
    for name, (visitor, many) in SCENES.items():
        ours, theirs = (tried(who, visitor, many, ms) for who in ("islet", "microdot"))
        yield Figure(f"page beside {name}", str(ours), "", f"microdot: {theirs}", method)
