# islet: what becomes of a box's files when another image divides the flash otherwise.
# GPL-3.0-or-later
"""An image moves the files of an image before it at its own first start (islet_move.py), as long
as it is small enough. Here they are read before, kept on this PC, and compared or put back
afterwards; and an image that would not find them is refused."""

from __future__ import annotations

import hashlib
import json
import time
from pathlib import Path, PurePosixPath

from tools.flash import CACHE, FlashError, Voice
from tools.flash.files import FOLDERS
from tools.flash.link import Link
from tools.image.flash import is_new
from tools.image.images import IMAGES

KEPT = CACHE / "flash" / "kept"
NOT_THERE = ("/maintenance",)  # the mark by which the board was stopped is gone after a start

Files = dict[str, bytes]

SIZE = """\
import os
block, _, blocks = os.statvfs("/")[:3]
print(block * blocks)
"""
READ = """\
import os, json
from binascii import hexlify
def tree(folder):
    for name, kind, *_ in os.ilistdir(folder or "/"):
        path = folder + "/" + name
        if kind == 0x4000:
            tree(path)
        else:
            with open(path, "rb") as file:
                while True:
                    data = file.read(256)
                    print(json.dumps([path, hexlify(data).decode()]))
                    if not data:
                        break
tree("")
"""


def before(link: Link, image: bytes, name: str, force: bool, voice: Voice) -> Files:
    """What the board has of files, where this image will move them; none where they stay."""
    layout = IMAGES[name].flash
    if not layout.files_before:
        return {}
    size = _number(link.run(SIZE))
    new = is_new(image, layout)
    if size == layout.files and not new:
        _back(force, voice)
    if size != layout.size_before or not new:
        return {}
    files = read(link)
    folder = keep(files)
    total = sum(map(len, files.values()))
    how = "its first start moves them" if layout.moves else "they are put there from a copy"
    voice.say(
        f"the image has the files {layout.files_at // 1024} kB into the flash and not "
        f"{layout.files_before // 1024}; {how}, the records stay in place"
    )
    voice.say(f"  {len(files)} files, {total:,} bytes, are kept here: {folder}")
    return files


def _number(said: str) -> int:
    return int(said) if said.strip().isdigit() else 0


def _back(force: bool, voice: Voice) -> None:
    problem = "this image is older than the board's: it does not find site and calibration there"
    if not force:
        raise FlashError(
            problem,
            "a newer image; or FORCE=1: then the board starts without a configuration, energises "
            "nothing, and has all of it again with a newer image",
        )
    voice.say(f"{problem}; a newer image finds them again")


def read(link: Link) -> Files:
    """Every file on the board."""
    files: Files = {}
    for line in link.run(READ, wait_s=120).splitlines():
        path, data = json.loads(line)
        files[path] = files.get(path, b"") + bytes.fromhex(data)
    return {path: data for path, data in files.items() if path not in NOT_THERE}


def keep(files: Files) -> Path:
    """A copy on this PC, the installer's key among it; for its owner's eyes."""
    folder = KEPT / time.strftime("%Y-%m-%d-%H%M%S")
    folder.mkdir(parents=True, exist_ok=True)
    folder.chmod(0o700)
    for path, data in files.items():
        target = folder / path.lstrip("/")
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(data)
    return folder


def after(link: Link, files: Files, voice: Voice) -> None:
    """The board has started from the image and is at its prompt: all must be there."""
    if not files:
        return
    lost = [path for path, data in files.items() if link.sha256(path) != _sha256(data)]
    for path in lost:
        folders = [str(folder) for folder in reversed(PurePosixPath(path).parents)][1:]
        link.run(FOLDERS.format(paths=folders))
        link.put(path, files[path])
    voice.say(f"moved: {len(files) - len(lost)} of {len(files)} files read back as they were")
    if lost:
        voice.say(f"  put there from the copy: {', '.join(lost)}")


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
