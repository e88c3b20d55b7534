# islet: `make flash`, `make overlay`.
# GPL-3.0-or-later
from __future__ import annotations

import argparse
import sys

from tools.flash import Voice
from tools.flash.steps import Wish, flash, run_overlay

FLASH = """\
Put islet onto a board: find it, write the image, provision the configuration, verify, and let the
board say itself how it is. Nothing is stopped while something is energised. docs/flashing.md has
the rest.
"""
OVERLAY = """\
Run changed files of the working tree in place of the frozen ones, until Ctrl-C or the next reset.
"""


def arguments(words: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="tools.flash")
    commands = parser.add_subparsers(dest="command", required=True)
    for name, text in (("flash", FLASH), ("overlay", OVERLAY)):
        command = commands.add_parser(name, prog=f"make {name}", description=text)
        command.add_argument(
            "--image", default="pico", help="what it is flashed with (IMAGE=, pico)"
        )
        command.add_argument("--circuit", default="", help="circuit board on it (CIRCUIT=)")
        command.add_argument("--port", default="", help="serial port, or socket://… (PORT=)")
        command.add_argument("--file", default="", help="another image's file (FILE=)")
        command.add_argument(
            "--force", default="", help="interrupt what does not answer (FORCE=1)"
        )
        if name == "flash":
            command.add_argument("--site", default="", help="the site's configuration (SITE=)")
            command.add_argument(
                "--key", default="", help="the installer's, for what is weaker (KEY=)"
            )
            command.add_argument("--drive", default="", help="boot loader's drive (DRIVE=)")
            command.add_argument("--files", default="", help="files, no image (FILES=1)")
        else:
            command.add_argument("--modules", default="", help="files, not by age (MODULES=)")
    return parser.parse_args(words)


def main(words: list[str] | None = None) -> int:
    given = vars(arguments(words))
    command = given.pop("command")
    given["force"] = given["force"] not in ("", "0")
    if command == "flash":
        given["files"] = given["files"] not in ("", "0")
    else:
        given["modules"] = tuple(given["modules"].split())
    voice = Voice(command)
    work = flash if command == "flash" else run_overlay
    return voice.guard(
        lambda: work(Wish(**given), voice),
        "stopped. A file on the board is the old or the new one, never half of it; if the "
        "board is at its prompt, unplug it or flash again to start it",
    )


if __name__ == "__main__":
    sys.exit(main())
