# islet: a board's console on TCP as a serial port.
# GPL-3.0-or-later
"""A board's console on TCP as a serial port: .venv/bin/python -m tools.rp2040.pty PORT LINK

Opens a pseudo-terminal, puts a symbolic link to it at LINK and carries bytes between it and
127.0.0.1:PORT, until either end closes or it is told to stop. For tools that want a serial device.
"""

from __future__ import annotations

import argparse
import os
import pty
import select
import signal
import socket
import sys
import tty
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

CHUNK = 4096
HANGUP_ERRNO = 5  # EIO: nobody has the terminal's other end open


@contextmanager
def terminal(link: Path) -> Iterator[int]:
    """A raw pseudo-terminal; its other end stays open here, so clients may come and go."""
    ours, theirs = pty.openpty()
    tty.setraw(ours)
    tty.setraw(theirs)
    if link.is_symlink():
        link.unlink()
    link.symlink_to(os.ttyname(theirs))
    try:
        yield ours
    finally:
        link.unlink(missing_ok=True)
        os.close(ours)
        os.close(theirs)


def carry(ours: int, wire: socket.socket) -> None:
    """Bytes both ways until the board closes."""
    while True:
        readable, _, _ = select.select([ours, wire], [], [])
        if ours in readable:
            try:
                wire.sendall(os.read(ours, CHUNK))
            except OSError as error:
                if error.errno != HANGUP_ERRNO:
                    raise
        if wire in readable:
            data = wire.recv(CHUNK)
            if not data:
                return
            os.write(ours, data)


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="python -m tools.rp2040.pty",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("port", type=int, help="the board's port on 127.0.0.1")
    parser.add_argument("link", type=Path, help="where the link to the terminal goes")
    options = parser.parse_args()
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.default_int_handler)
    try:
        wire = socket.create_connection(("127.0.0.1", options.port))
    except OSError as error:
        print(f"pty: error: no board on port {options.port}: {error}", file=sys.stderr)
        print("  remedy: start one: node tools/rp2040/console.mjs PORT", file=sys.stderr)
        return 1
    if options.link.exists() and not options.link.is_symlink():
        print(f"pty: error: {options.link} is there and is no link", file=sys.stderr)
        return 1
    with suppress(KeyboardInterrupt, ConnectionError), wire, terminal(options.link) as ours:
        print(options.link, flush=True)
        carry(ours, wire)
    return 0


if __name__ == "__main__":
    sys.exit(main())
