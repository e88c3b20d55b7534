# islet: the image onto the chip: a file onto the boot loader's drive, or esptool.
# GPL-3.0-or-later
from __future__ import annotations

import hashlib
import os
import shutil
import struct
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from tools.flash import FlashError, Voice
from tools.flash.boards import Board
from tools.image import uf2
from tools.workshop import ROOT

BLOCK = 512
COPY = 64 * BLOCK
ESP32_START = 0x1000  # where the ESP32's ROM looks for the boot loader, first in firmware.bin
AGAIN = "make image builds it anew"
ESPTOOL = ("esptool", "esptool.py")  # since version 5, and before
ESPTOOL_REMEDY = ".venv/bin/python -m pip install esptool, then again"


def check(board: Board) -> None:
    """Everything that writing will need is there; FlashError before anything is touched."""
    if board.family == "esp32":
        find_esptool()
    if not board.image.exists():
        raise FlashError(f"{board.image} is not there", f"{board.make()} builds it")
    if board.family == "rp2":
        read_image(board.image)


def read_image(path: Path) -> tuple[bytes, bytes]:
    """(the file to drop onto the drive, what then lies in flash) of a .uf2 or a .bin."""
    content = path.read_bytes()
    if path.suffix == ".uf2":
        return content, _flash_of(content, path)
    return uf2.convert(content), content


def _flash_of(content: bytes, path: Path) -> bytes:
    """What a UF2 puts into an RP2040's flash; FlashError where it is not meant for one."""
    if not content or len(content) % BLOCK:
        raise FlashError(f"{path}: is no UF2: {len(content)} bytes", AGAIN)
    flash = bytearray()
    for at in range(0, len(content), BLOCK):
        head = struct.unpack_from("<8I", content, at)
        end = struct.unpack_from("<I", content, at + BLOCK - 4)[0]
        if head[:2] != uf2.MAGIC or end != uf2.MAGIC_END:
            raise FlashError(f"{path}: block {at // BLOCK} is damaged", AGAIN)
        if not head[2] & uf2.FAMILY_PRESENT or head[7] != uf2.FAMILY_RP2040:
            raise FlashError(f"{path}: is made for another chip", AGAIN)
        if head[3] != uf2.FLASH_START + len(flash):
            raise FlashError(f"{path}: block {at // BLOCK} leaves a gap", AGAIN)
        flash += content[at + 32 : at + 32 + head[4]]
    return bytes(flash)


def drop(content: bytes, drive: Path, voice: Voice) -> None:
    """Copy a UF2 onto the boot loader's drive; with the last block the board starts anew."""
    target = drive / "islet.uf2"
    done = 0
    try:
        # unbuffered, and each part brought to the board before the next: the bar tells the truth
        with target.open("wb", buffering=0) as file:
            while done < len(content):
                file.write(content[done : done + COPY])
                done += len(content[done : done + COPY])
                os.fsync(file.fileno())
                voice.progress(done, len(content))
    except OSError as error:
        # the drive is gone as soon as the last block has arrived, often before it says so
        if done < len(content):
            problem = f"the boot loader's drive broke off at {done:,} bytes: {error.strerror}"
            raise FlashError(
                problem, "plug the board in with BOOTSEL held, then again; nothing runs on it yet"
            ) from None


CODE = """\
import hashlib, uctypes
def digest(at, count):
    h = hashlib.sha256()
    while count:
        part = min(count, 4096)
        h.update(uctypes.bytearray_at(at, part))
        at += part
        count -= part
    return h.digest().hex()
print(digest({start}, {count}))
"""


def same(run: Callable[[str], str], flash: bytes) -> bool:
    """Whether an RP2040's flash holds just this: it reads itself, byte by byte."""
    said = run(CODE.format(start=uf2.FLASH_START, count=len(flash)))
    return said.strip() == hashlib.sha256(flash).hexdigest()


def esptool_command(port: str, image: Path, program: str) -> list[str]:
    """Not exercised here: no ESP32 has seen it. The tool compares what it wrote by itself.

    The old spelling with an underscore is understood by all versions of the tool."""
    own = [sys.executable, program] if program.endswith(".py") else [program]
    where = ["--chip", "esp32", "--port", port, "--baud", "460800"]
    return [*own, *where, "write_flash", "-z", hex(ESP32_START), str(image)]


def find_esptool() -> str:
    for name in ESPTOOL:
        own = ROOT / ".venv" / "bin" / name
        if program := (str(own) if own.exists() else shutil.which(name)):
            return program
    raise FlashError("esptool is not installed", ESPTOOL_REMEDY)


def write_esp32(port: str, image: Path) -> None:
    """Its own bar and its own messages; only the exit code is ours to judge."""
    command = esptool_command(port, image, find_esptool())
    done = subprocess.run(command, check=False)
    if done.returncode:
        raise FlashError(
            f"esptool failed ({done.returncode})",
            "its last lines say why; most boards want BOOT held while they start",
        )
