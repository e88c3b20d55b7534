# islet: tests of the bridge to a serial port.
# GPL-3.0-or-later
"""A TCP console as a serial port."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import termios
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


class Bridge:
    def __init__(self, process: subprocess.Popen[str], wire: socket.socket, link: Path) -> None:
        self.process = process
        self.wire = wire
        self.link = link


@pytest.fixture
def bridge(tmp_path: Path) -> Iterator[Bridge]:
    """The bridge between a board that the test plays and a terminal."""
    link = tmp_path / "board"
    with socket.create_server(("127.0.0.1", 0)) as server:
        command = [
            sys.executable,
            "-m",
            "tools.rp2040.pty",
            str(server.getsockname()[1]),
            str(link),
        ]
        process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
        server.settimeout(20)
        wire, _ = server.accept()
    assert process.stdout is not None
    assert process.stdout.readline().strip() == str(link)
    with wire:
        wire.settimeout(20)
        yield Bridge(process, wire, link)
    process.terminate()
    process.wait(20)


def read(terminal: int, count: int) -> bytes:
    data = b""
    while len(data) < count:
        data += os.read(terminal, count - len(data))
    return data


def test_bytes_go_both_ways_unchanged(bridge: Bridge) -> None:
    terminal = os.open(bridge.link, os.O_RDWR | os.O_NOCTTY)
    every = bytes(range(256))
    os.write(terminal, every)
    received = b""
    while len(received) < 256:
        received += bridge.wire.recv(256)
    assert received == every
    bridge.wire.sendall(every)
    assert read(terminal, 256) == every
    os.close(terminal)


def test_a_client_may_come_back(bridge: Bridge) -> None:
    for text in (b"one", b"two"):
        terminal = os.open(bridge.link, os.O_RDWR | os.O_NOCTTY)
        termios.tcgetattr(terminal)
        os.write(terminal, text)
        assert bridge.wire.recv(3) == text
        os.close(terminal)
        time.sleep(0.05)
    assert bridge.process.poll() is None


def test_it_ends_with_the_board_and_takes_the_link_away(bridge: Bridge) -> None:
    bridge.wire.shutdown(socket.SHUT_RDWR)
    assert bridge.process.wait(20) == 0
    assert not bridge.link.is_symlink()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_ends_when_told(bridge: Bridge, number: signal.Signals) -> None:
    bridge.process.send_signal(number)
    assert bridge.process.wait(20) == 0
    assert not bridge.link.is_symlink()


def test_without_a_board_it_says_what_to_do(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    command = [sys.executable, "-m", "tools.rp2040.pty", str(port), str(tmp_path / "x")]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "console.mjs PORT" in done.stderr
