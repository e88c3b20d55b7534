# islet: umqtt.simple and islet's link beside each other, with brokers that mean it ill.
# GPL-3.0-or-later
"""Both in MicroPython on a PC, with its sockets and the same broker: the emulated chip has its
network behind a W5500, where umqtt.simple finds no sockets. What has no end is broken off. A busy
PC adds tens of milliseconds to both; what the chip holds is `tools.bench.board network`'s."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from tools.bench.table import Figure
from tools.image import folded
from tools.workshop import ROOT

MICROPYTHON = ROOT / ".cache/bin/micropython"
DEVICE = Path(__file__).parent / "device"
LIMIT_MS = 10_000
WELCOME = b"\x20\x02\x00\x00"  # CONNACK
Broker = Callable[[socket.socket], None]


def silent(_peer: socket.socket) -> None:
    time.sleep(LIMIT_MS / 1000)


def slow(peer: socket.socket) -> None:
    """A byte a second."""
    for byte in WELCOME:
        time.sleep(1)
        peer.sendall(bytes((byte,)))
    silent(peer)


def leaves(peer: socket.socket) -> None:
    peer.recv(1)


SCENES: dict[str, Broker | None] = {
    "a broker that refuses": None,
    "a broker that takes a connection and leaves": leaves,
    "a broker that takes a connection and is silent": silent,
    "a broker that says a byte a second": slow,
}


def _serve(server: socket.socket, broker: Broker) -> None:
    def one(peer: socket.socket) -> None:
        with peer, contextlib.suppress(OSError):  # it has gone
            broker(peer)

    while True:
        try:
            peer, _ = server.accept()
        except OSError:
            return
        threading.Thread(target=one, args=(peer,), daemon=True).start()


def held_ms(who: str, broker: Broker | None, ms: int = LIMIT_MS) -> float | None:
    """The longest that others waited; None: until it was broken off."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        if broker is None:
            server.close()
        else:
            threading.Thread(target=_serve, args=(server, broker), daemon=True).start()
        path = f"{DEVICE}:{DEVICE / 'rivals'}:{folded.path() if who == 'islet' else ROOT / 'lib'}"
        path += ":.frozen"
        command = [MICROPYTHON, DEVICE / "broker_hold.py", who, str(port), str(ms // 2)]
        try:
            done = subprocess.run(
                command, capture_output=True, text=True, timeout=ms / 1000 + 5, cwd=ROOT,
                env={**os.environ, "MICROPYPATH": path},
            )  # fmt: skip
        except subprocess.TimeoutExpired:
            return None
    if done.returncode:
        raise RuntimeError(done.stdout + done.stderr)
    return int(done.stdout) / 1000


def measure(_quick: bool = False) -> Iterator[Figure]:
    method = f"longest wait of a task that always wants to run; the PC's own time, {LIMIT_MS} ms"
    for name, broker in SCENES.items():
        ours, theirs = held_ms("islet", broker), held_ms("umqtt", broker)
        said = [
            "without end, broken off" if ms is None else f"{ms:.1f} ms" for ms in (ours, theirs)
        ]
        yield Figure(f"loop held by {name}", said[0], "", f"umqtt.simple: {said[1]}", method)
