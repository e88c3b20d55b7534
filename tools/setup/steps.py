"""The table of what has to be there, for which command, and how it gets there."""

from __future__ import annotations

import hashlib
import os
import shutil
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from tools.image import images
from tools.micropython import build, sources
from tools.setup import debian, packages
from tools.workshop import CACHE, ROOT, Console, SetupError

PROFILES = ("run", "own", "room", "test", "bench", "image", "board")
STAMPS = CACHE / "stamps"
VENV = ROOT / ".venv"
PYTHON = VENV / "bin" / "python"
# Bytecode is written at first use: compiling it all takes as long as the whole installation.
PIP = [PYTHON, "-m", "pip", "install", "-q", "--no-deps", "--no-compile"]
REQUIREMENTS = ROOT / "requirements.lock"
MORE = {  # of Python's packages: for whom, and the usual seconds
    "days": (("own", "room", "test", "bench", "board"), 6),
    "test": (("room", "test", "bench"), 9),
}
STUBS = CACHE / "stubs"
STUBS_LOCK = ROOT / "requirements-stubs.lock"
NODE = CACHE / "node"
NODE_LOCK = ("package.json", "package-lock.json")
OWN_TREE = "see the log; MPY_TREE=/path/to/micropython builds from an upstream 1.25 tree"
IMAGE = ("test", "bench", "board")
ON_CHIP = ("test", "bench", "image", "board")  # profiles that run something on the emulated chip


@dataclass(frozen=True)
class Step:
    """Done when its product is there and its stamp still matches its inputs. An action that leaves
    no product has failed, unless it returns False: it said why there can be none here."""

    name: str
    profiles: Iterable[str]
    about: float  # usual seconds, for the bar
    inputs: Callable[[str], Iterable[object]]
    product: Callable[[], bool]
    action: Callable[[Console, str], bool | None]
    after: tuple[str, ...] = ()

    def perform(self, profile: str) -> None:
        stamp = STAMPS / self.name
        state = fingerprint(self.inputs(profile))
        if self.product() and stamp.exists() and stamp.read_text() == state:
            return
        stamp.unlink(missing_ok=True)
        skipped = self.action(Console(self.name, self.about), profile) is False
        if not skipped and not self.product():
            raise SetupError(
                f"step {self.name} ended well and left nothing",
                f"see .cache/logs/{self.name}.log; its product is named in tools/setup/steps.py",
            )
        STAMPS.mkdir(parents=True, exist_ok=True)
        stamp.write_text(fingerprint(self.inputs(profile)))


def fingerprint(inputs: Iterable[object]) -> str:
    """One hash of files (by content) and other values (by text)."""
    digest = hashlib.sha256()
    for value in inputs:
        digest.update(value.read_bytes() if isinstance(value, Path) else repr(value).encode())
        digest.update(b"\0")
    return digest.hexdigest()


def compilers(console: Console, profile: str) -> None:
    """What the other steps wait for: as little as a run needs."""
    debian_packages(console, "run")


def debian_packages(console: Console, profile: str) -> None:
    if wanted := debian.missing(profile):
        debian.install(console, wanted)


def missing_packages(profile: str) -> list[object]:
    return [os.geteuid() == 0, *(package.name for package in debian.missing(profile))]


def unpacked_sources(console: Console, _profile: str) -> None:
    console.run([sys.executable, "-m", "tools.micropython.sources", "unix"], remedy=OWN_TREE)


def pico_sources(console: Console, _profile: str) -> bool:
    if debian.missing("image"):
        return False  # the image's own step says what for
    console.run([sys.executable, "-m", "tools.micropython.sources", "rp2"], remedy=OWN_TREE)
    return True


def python_packages(console: Console, _profile: str) -> None:
    console.say("Python packages of requirements.lock into .venv")
    console.run([sys.executable, "-m", "venv", "--clear", VENV])
    console.run([*PIP, "-r", REQUIREMENTS], remedy="see that pip can reach its package index")


def more_lock(name: str) -> Path:
    return ROOT / f"requirements-{name}.lock"


def more_there(name: str) -> Path:
    """What says that they are in .venv: gone with it."""
    return VENV / f"{name}.installed"


def more_packages(name: str) -> Step:
    """Beside those that a run needs, which stay as they are."""

    def action(console: Console, _profile: str) -> None:
        console.say(f"Python packages of {more_lock(name).name} into .venv")
        console.run([*PIP, "-r", more_lock(name)], remedy="see that pip can reach its index")
        more_there(name).touch()

    profiles, about = MORE[name]
    inputs = [more_lock(name), sys.version, str(ROOT)]
    present = more_there(name).exists
    return Step(
        f"python-{name}", profiles, about, lambda _: inputs, present, action, after=("python",)
    )


def micropython(console: Console, _profile: str) -> None:
    origin = "MPY_TREE" if build.external_tree() else "Debian's source package"
    console.say(f"MicroPython 1.25 on virtual time, from {origin}")
    console.run([sys.executable, "-m", "tools.micropython.build"], remedy=OWN_TREE)
    console.say(f"  built with {build.bits()} bits: .cache/bin/micropython")


def device_packages(console: Console, _profile: str) -> None:
    packages.install(console)


def rivals(console: Console, _profile: str) -> None:
    packages.install_rivals(console)


def packed_data(console: Console, _profile: str) -> None:
    console.run([PYTHON, "-m", "tools.pack"], remedy="the log names the file and the field")


def data_sources() -> Iterable[Path]:
    """What `tools.pack` reads, and the packer itself."""
    folders = ("firmware/circuits", "firmware/profiles", "firmware/gridcodes", "firmware/web")
    for folder in folders:
        yield from sorted(p for p in (ROOT / folder).glob("*") if p.suffix in (".json", ".html"))
    yield from sorted((ROOT / "tools/pack").rglob("*.py"))
    yield ROOT / "pyproject.toml"  # its version
    yield ROOT / "firmware/image.py"  # its fields


def device_stubs(console: Console, _profile: str) -> None:
    console.say("type stubs of the device's modules into .cache/stubs")
    shutil.rmtree(STUBS, ignore_errors=True)
    console.run([*PIP, "--target", STUBS, "-r", STUBS_LOCK])
    (STUBS / "__builtins__.pyi").unlink()  # ours, in tools/micropython/typings, knows viper too


def node_packages(console: Console, _profile: str) -> bool:
    if missing := [name for name in ("node", "npm") if not shutil.which(name)]:
        console.say(f"no emulated chip without {' and '.join(missing)}")
        return False
    console.say("rp2040js, the chip's emulator, into .cache/node")
    NODE.mkdir(parents=True, exist_ok=True)
    for name in NODE_LOCK:
        shutil.copy(ROOT / "tools/rp2040" / name, NODE)
    command = ["npm", "ci", "--silent", "--ignore-scripts", "--prefix", NODE]
    console.run(command, remedy="see that npm can reach its registry")
    return True


def boot_rom(console: Console, _profile: str) -> None:
    console.say("the RP2040's boot ROM into .cache/rp2040")
    console.run([PYTHON, "-m", "tools.rp2040.bootrom"], remedy="the log says what and why")


def chip_image(console: Console, _profile: str) -> bool:
    if missing := [p.name for p in debian.missing("image")]:
        console.say(f"no image for the chip without {' '.join(missing)}")
        return False
    console.say("MicroPython for the RP2040 with the firmware frozen in")
    for image in images.EMULATED:
        console.run([PYTHON, "-m", "tools.image", image.name])
    return True


# What one comes after stands before it.
STEPS = (
    Step(
        "sources",
        PROFILES,
        10,
        lambda _: [sources.VERSION, sources.external_tree()],
        lambda: sources.external_tree() is not None or sources.DEBIAN_TREE.exists(),
        unpacked_sources,
    ),
    Step(
        "compilers",
        PROFILES,
        20,
        lambda _: missing_packages("run"),
        lambda: True,
        compilers,
    ),
    Step(
        "debian",
        PROFILES,
        60,
        missing_packages,
        lambda: True,
        debian_packages,
        after=("compilers",),
    ),
    Step(
        "micropython",
        PROFILES,
        40,
        lambda _: [build.key()],
        lambda: all((build.BIN / name).exists() for name in build.PROGRAMS),
        micropython,
        after=("compilers", "sources"),
    ),
    Step(
        "python",
        PROFILES,
        9,
        lambda _: [REQUIREMENTS, sys.version, str(ROOT)],
        PYTHON.exists,
        python_packages,
        after=("compilers",),
    ),
    *(more_packages(name) for name in MORE),
    Step(
        "lib",
        PROFILES,
        3,
        lambda _: [packages.LOCK],
        packages.there,
        device_packages,
        after=("python",),
    ),
    Step(
        "rivals",
        ["test", "bench"],
        2,
        lambda _: [packages.RIVALS_LOCK],
        packages.rivals_there,
        rivals,
        after=("python",),
    ),
    Step(
        "data",
        PROFILES,
        1,
        lambda _: data_sources(),
        (CACHE / "data" / "islet_data.py").exists,
        packed_data,
        after=("python",),
    ),
    Step(
        "node",
        ON_CHIP,
        3,
        lambda _: [*(ROOT / "tools/rp2040" / name for name in NODE_LOCK), shutil.which("npm")],
        lambda: shutil.which("npm") is None or (NODE / "node_modules/rp2040js").exists(),
        node_packages,
        after=("debian",),
    ),
    Step(
        "bootrom",
        ON_CHIP,
        4,
        lambda _: [ROOT / "tools/rp2040/bootrom.py"],
        (CACHE / "rp2040" / "bootrom.bin").exists,
        boot_rom,
        after=("python",),
    ),
    Step(
        "sdk",
        IMAGE,
        6,
        lambda _: [sources.SDK_SERIES, sources.USB_SERIES, sources.external_tree()],
        lambda: sources.external_tree() is not None or sources.DEBIAN_SDK.exists(),
        pico_sources,
        after=("debian", "sources"),
    ),
    Step(
        "image",
        IMAGE,
        100,
        lambda _: images.inputs(),
        lambda: all((image.folder / "firmware.bin").exists() for image in images.EMULATED),
        chip_image,
        after=("micropython", "lib", "data", "node", "bootrom", "sdk"),
    ),
    Step(
        "stubs",
        ["room", "test"],
        3,
        lambda _: [STUBS_LOCK],
        STUBS.exists,
        device_stubs,
        after=("python",),
    ),
)
