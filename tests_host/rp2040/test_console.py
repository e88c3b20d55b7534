# islet: tests of the emulated board's console on TCP.
# GPL-3.0-or-later
"""The console server: a client talks to the board, the flash outlives the process."""

from __future__ import annotations

import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SERVER = ["node", "tools/rp2040/console.mjs"]
IMAGE = ROOT / ".cache/rp2040/pico/firmware.bin"
WRITE = "with open('/note', 'w') as file: file.write('kept')\nprint(2**40)"
SECONDS = 60  # the machine may be busy

Start = Callable[..., tuple[subprocess.Popen[str], int]]


@pytest.fixture
def start() -> Iterator[Start]:
    """Starts boards on free ports; those still running at the end are ended."""
    assert IMAGE.exists(), "no image for the chip: make one with `make image IMAGE=pico`"
    running: list[subprocess.Popen[str]] = []

    def board(*options: str | Path) -> tuple[subprocess.Popen[str], int]:
        command = [*SERVER, "0", *map(str, options)]
        process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
        running.append(process)
        assert process.stdout is not None
        line = process.stdout.readline()
        assert line.startswith("board on socket://127.0.0.1:"), line
        return process, int(line.rsplit(":", 1)[1])

    yield board
    for process in running:
        process.kill()
        process.wait(SECONDS)


def until(wire: socket.socket, text: bytes) -> bytes:
    received = b""
    while text not in received:
        data = wire.recv(4096)
        assert data, f"the board hung up after {received!r}"
        received += data
    return received


def execute(port: int, code: str) -> str:
    """Run code in the raw REPL as a client does; what it printed."""
    with socket.create_connection(("127.0.0.1", port), timeout=SECONDS) as wire:
        wire.sendall(b"\r\x03\x03")
        time.sleep(0.3)
        wire.sendall(b"\r\x01")
        until(wire, b"raw REPL; CTRL-B to exit\r\n>")
        wire.sendall(code.encode() + b"\x04")
        answer = until(wire, b"\x04>")
        wire.sendall(b"\r\x02")
        until(wire, b">>>")
    output, trouble = answer.removeprefix(b"OK").split(b"\x04")[:2]
    assert not trouble, trouble.decode()
    return output.decode().replace("\r\n", "\n")


@pytest.mark.timeout(3 * SECONDS)
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_the_flash_is_saved_and_read_again(
    start: Start, tmp_path: Path, number: signal.Signals
) -> None:
    flash = tmp_path / "flash.bin"
    process, port = start("--fast", "--flash", flash)
    assert execute(port, WRITE) == "1099511627776\n"
    assert execute(port, "print('a second client')") == "a second client\n"
    process.send_signal(number)
    assert process.wait(SECONDS) == 0
    assert flash.stat().st_size == 2 * 1024 * 1024
    _, port = start("--fast", "--flash", flash)
    assert execute(port, "print(open('/note').read())") == "kept\n"


@pytest.mark.timeout(3 * SECONDS)
def test_it_listens_at_the_pace_of_real_time_too(start: Start) -> None:
    """Late timers must not keep it from its socket and its signals."""
    process, port = start()
    time.sleep(3)
    assert execute(port, "print('here')") == "here\n"
    process.send_signal(signal.SIGTERM)
    assert process.wait(SECONDS) == 0


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        ([], "PORT: one number"),
        (["99999"], "PORT: one number"),
        (["0", "--ppm", "fast"], "--ppm: fast is no number"),
        (["0", "--image", "/nowhere.bin"], "make one with `make image IMAGE=pico`"),
        (["0", "--imaeg", "x"], "--imaeg"),
    ],
)
def test_a_wrong_call_says_what_is_wrong(arguments: list[str], problem: str) -> None:
    done = subprocess.run(
        [*SERVER, *arguments], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert problem in done.stderr


def test_help_names_every_option() -> None:
    done = subprocess.run(
        [*SERVER, "--help"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0
    for option in ("PORT", "--image", "--flash", "--bootrom", "--ppm", "--fast"):
        assert option in done.stdout
