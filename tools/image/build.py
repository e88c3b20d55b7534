# islet: `make image`: MicroPython for a chip with the firmware frozen in.
# GPL-3.0-or-later
"""python -m tools.image IMAGE [--circuit NAME] [--check]

Builds .cache/<chip>/<IMAGE>/firmware.{bin,uf2,elf} and prints what each room of the firmware
takes; a room above its budget fails the build. The build folder is kept: an edit costs seconds.
With --check nothing is linked: the circuit is packed, the manifest read, and every file that would
be frozen is compiled for the chip. (firmware/image.py is something else: the process image.)
"""

from __future__ import annotations

import argparse
import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from tools.image import fold, freeze, heap, rooms, uf2
from tools.image.images import BUILT, EIGHT, HERE, Image, fits
from tools.micropython import build as interpreter
from tools.micropython import sources
from tools.micropython.sources import BuildError
from tools.workshop import ROOT, Console, SetupError

FIRST_BUILD_S = 70
ARM_GCC = "arm-none-eabi-gcc"


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="make image", description=__doc__)
    parser.add_argument("image", choices=sorted(BUILT), help="which image")
    parser.add_argument("--circuit", help="circuit board by the name of its JSON")
    parser.add_argument("--check", action="store_true", help="compile only what is frozen")
    options = parser.parse_args(arguments)
    image = BUILT[options.image]
    circuit = options.circuit or image.circuit
    try:
        with only_one(image):
            lines = check(image, circuit) if options.check else build(image, circuit)
    except (BuildError, SetupError) as error:
        print(f"image: error: {error}", file=sys.stderr)
        if remedy := getattr(error, "remedy", ""):
            print(f"  remedy: {remedy}", file=sys.stderr)
        return 1
    for line in lines:
        print(f"image: {line}")
    return 0


@contextmanager
def only_one(image: Image) -> Iterator[None]:
    """Two builds at once must not share a build folder."""
    image.folder.mkdir(parents=True, exist_ok=True)
    with (image.folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def build(image: Image, circuit: str) -> list[str]:
    """Bring the image up to date; a line for each file that a person or the emulator takes."""
    has_sources(image)
    console = Console(f"image-{image.name}", FIRST_BUILD_S)
    cross = prepare(console, image, circuit)
    folder = image.folder / "build"
    if image.port == "rp2":
        build_rp2(console, image, cross)
        if image is not EIGHT:
            check_rooms(with_heap(image, folder, rooms.measure(folder)))
        program = (folder / "firmware.bin").read_bytes()
        outputs = {"firmware.bin": program, "firmware.uf2": uf2.convert(program)}
        outputs["firmware.elf"] = (folder / "firmware.elf").read_bytes()
    else:
        build_esp32(console, image, cross)
        program = (folder / "micropython.bin").read_bytes()
        # with boot loader and partition table, for address 0x1000
        outputs = {"firmware.bin": (folder / "firmware.bin").read_bytes()}
    print(room_left(image, len(program)), flush=True)
    paths = [install(image.folder / name, content) for name, content in outputs.items()]
    return [f"{path.relative_to(ROOT)}  {path.stat().st_size:,} bytes" for path in paths]


def check(image: Image, circuit: str) -> list[str]:
    """All that can be done without the port's own sources."""
    console = Console(f"image-{image.name}", FIRST_BUILD_S)
    cross = prepare(console, image, circuit)
    frozen = freeze.files(image, sources.source_tree())
    sizes = freeze.compile_all(image, frozen, cross)
    total = sum(sizes.values())
    return [f"{image.text}: {len(sizes)} files compile for {image.arch}, {total:,} bytes of .mpy"]


def prepare(console: Console, image: Image, circuit: str) -> Path:
    """The compiler, and the data packed for the image; the compiler's path."""
    fits(image, circuit)
    console.run([sys.executable, "-m", "tools.micropython.build"])
    pack = [sys.executable, "-m", "tools.pack", "--circuit", circuit, "--target", image.data]
    pack += ["--image", image.name]
    console.run(pack, remedy="the log names the file and the field")
    fold.tree(ROOT / "firmware", image.data.parent / "firmware", rows=image.rows)
    return interpreter.BIN / "mpy-cross"


def has_sources(image: Image) -> None:
    if not image.needs:
        return
    tree = sources.external_tree()
    if tree is None:
        raise BuildError(
            f"no Debian package has what {image.text} needs: name an upstream MicroPython 1.25 "
            "tree with MPY_TREE=, or compile only what would be frozen with CHECK=1"
        )
    for name in image.needs:
        if not any((tree / name).glob("*")):
            raise BuildError(f"MPY_TREE lacks {name}: git submodule update --init {name} there")


# Port rp2


def build_rp2(console: Console, image: Image, cross: Path) -> None:
    console.run([sys.executable, "-m", "tools.micropython.sources"])
    tree, sdk = sources.rp2_sources()
    folder = image.folder / "build"
    library = image.folder / "micropython-lib"  # only looked for; our manifests take nothing of it
    library.mkdir(exist_ok=True)
    (library / "README.md").touch()
    command: list[str | Path] = [
        *("cmake", "-S", tree / "ports" / "rp2", "-B", folder),
        f"-DPICO_SDK_PATH_OVERRIDE={sdk}",
        "-DPICO_NO_PICOTOOL=1",
        f"-DMICROPY_BOARD={image.board}",
        f"-DMICROPY_BOARD_DIR={HERE / 'boards' / image.board}",
        f"-DMICROPY_FROZEN_MANIFEST={image.manifest}",
        f"-DMICROPY_LIB_DIR={library}",
    ]
    in_ram = (HERE / "boards" / "in_ram.txt").read_text()  # objects once changed stay so
    state = key([*command, in_ram, cross.resolve(), version(ARM_GCC), version("cmake")])
    stamp = folder / "islet.key"  # an edit keeps the folder, other sources or tools do not
    if not stamp.exists() or stamp.read_text() != state:
        console.say(f"configuring the image for {image.text}")
        shutil.rmtree(folder, ignore_errors=True)
        console.run(command, environment(cross))
        stamp.write_text(state)
    console.run(["make", "-s", jobs(), "-C", folder], environment(cross))


def with_heap(image: Image, folder: Path, found: list[rooms.Room]) -> list[rooms.Room]:
    """The rooms with their heap, where the emulated chip can run this image and is set up."""
    why_not = "its radio is not emulated" if image.needs else heap.missing()
    if why_not:
        print(f"image: heap not measured: {why_not}", flush=True)
        return found
    taken = heap.measure(folder / "firmware.bin", rooms.frozen(folder))
    return [replace(room, heap=taken.get(room.name)) for room in found]


def check_rooms(found: Iterable[rooms.Room]) -> None:
    """Print what each room takes; BuildError above a budget."""
    found, allowed = list(found), rooms.budgets()
    print("\n".join(rooms.table(found, allowed)), flush=True)
    if problems := rooms.overspent(found, allowed):
        raise BuildError("\n  ".join(problems))


def room_left(image: Image, size: int) -> str:
    """How far it is from the end; BuildError beyond, where the linker knows of no file system."""
    room, now = image.flash.code, image.flash.code_now
    said = f"{size:,} bytes of flash of {room:,}, {size * 100 // room} %"
    if size > now:
        where = "its part of the flash" if now == room else "the place that files are moved from"
        raise BuildError(f"{said}: it reaches beyond {where} ({now:,}); tools/image/flash.json")
    return f"image: {said}"


# Port esp32


def build_esp32(console: Console, image: Image, cross: Path) -> None:
    """By the port's own makefile; needs Espressif's ESP-IDF in the environment."""
    if shutil.which("idf.py") is None:
        raise BuildError("idf.py is not in PATH: install ESP-IDF 5.2 and source its export.sh")
    tree = sources.source_tree()
    console.say(f"building the image for {image.text}")
    variables = {
        "BOARD": image.board,
        "BOARD_DIR": HERE / "boards" / image.board,
        "BUILD": image.folder / "build",
        "FROZEN_MANIFEST": image.manifest,
    }
    settings = [f"{name}={value}" for name, value in variables.items()]
    command = ["make", jobs(), "-C", tree / "ports" / "esp32", *settings]
    console.run(command, environment(cross))


# Common


def environment(cross: Path) -> Mapping[str, str]:
    """Make's variables of a `make image` above us mean nothing to the makes below."""
    nothing = dict.fromkeys(sources.MAKE_VARIABLES, "")
    return {**nothing, **sources.REPRODUCIBLE, "MICROPY_MPYCROSS": str(cross)}


def jobs() -> str:
    return f"-j{os.cpu_count() or 1}"


def install(path: Path, content: bytes) -> Path:
    """In one step: an emulator may be reading the old."""
    if not path.exists() or path.read_bytes() != content:
        part = path.with_suffix(".part")
        part.write_bytes(content)
        part.replace(path)
    return path


def key(values: Iterable[str | Path]) -> str:
    return hashlib.sha256("\0".join(map(str, values)).encode()).hexdigest()


def version(program: str) -> str:
    try:
        done = subprocess.run([program, "--version"], capture_output=True, text=True, check=True)
    except FileNotFoundError:
        raise BuildError(f"{program} is not installed; `make image` as root installs it") from None
    return done.stdout.splitlines()[0]
