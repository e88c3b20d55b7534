"""What only Debian's packages can give: known by what is missing, installed where we are root."""

from __future__ import annotations

import importlib.util
import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tools.micropython.build import m32_works
from tools.workshop import Console, SetupError

NEWLIB = Path("/usr/lib/arm-none-eabi/newlib/nosys.specs")
FONTS = Path("/usr/share/fonts/truetype/dejavu")


@dataclass(frozen=True)
class Package:
    name: str
    profiles: frozenset[str]
    present: Callable[[], bool]
    without: str = ""  # what is done without it; empty: nothing goes


def program(name: str) -> Callable[[], bool]:
    """Daemons live in sbin, which a plain user's PATH leaves out."""
    path = os.environ.get("PATH", os.defpath) + os.pathsep + "/usr/sbin"
    return lambda: shutil.which(name, path=path) is not None


def thirty_two_bits() -> bool:
    """Elsewhere than on x86-64 there is no such package to install."""
    return platform.machine() != "x86_64" or m32_works()


def venv_works() -> bool:
    return importlib.util.find_spec("ensurepip") is not None


ALL = frozenset({"run", "own", "room", "test", "bench", "image", "board"})
IMAGE = frozenset({"test", "bench", "image", "board"})
TEST = frozenset({"test"})
NO_IMAGE = "there is no image for the chip"
NO_CHIP = "there is no emulated chip: what needs one fails"

PACKAGES = (
    Package("gcc", ALL, program("gcc")),
    Package("libc6-dev", ALL, lambda: Path("/usr/include/stdio.h").exists()),
    Package("make", ALL, program("make")),
    Package(f"python3.{sys.version_info.minor}-venv", ALL, venv_works),
    Package("gcc-multilib", ALL, thirty_two_bits, "MicroPython is built with 64 bits"),
    Package("mosquitto", ALL, program("mosquitto"), "the embedded MQTT broker serves"),
    # Not libstdc++-arm-none-eabi-newlib, 1.6 GB: tools/image/boards/common.cmake
    Package("gcc-arm-none-eabi", IMAGE, program("arm-none-eabi-gcc"), NO_IMAGE),
    Package("libnewlib-arm-none-eabi", IMAGE, NEWLIB.exists, NO_IMAGE),
    Package("cmake", IMAGE, program("cmake"), NO_IMAGE),
    Package("nodejs", IMAGE, program("node"), NO_CHIP),
    Package("npm", IMAGE, program("npm"), NO_CHIP),
    Package("chromium", TEST, program("chromium"), "the tests of pages fail"),
    Package("chromium-driver", TEST, program("chromedriver"), "the tests of pages fail"),
    Package("openssl", TEST, program("openssl"), "the tests of TLS are left out"),
    Package("fonts-dejavu-core", TEST, FONTS.exists, "pages may show boxes for letters"),
)


def missing(profile: str) -> list[Package]:
    return [p for p in PACKAGES if profile in p.profiles and not p.present()]


def install(console: Console, wanted: list[Package]) -> None:
    """Install as root; otherwise say how, and stop only where nothing goes without."""
    names = " ".join(package.name for package in wanted)
    if shutil.which("apt-get") is None:
        console.say(f"not a Debian machine; missing, by Debian's names: {names}")
    elif os.geteuid() != 0:
        console.say(f"not root; for all of it: sudo apt-get install {names}")
    else:
        env = {"DEBIAN_FRONTEND": "noninteractive"}
        remedy = f"see that `apt-get update && apt-get install {names}` works, then again"
        console.run(["apt-get", "-q", "update"], env, remedy)
        command = ["apt-get", "install", "-q", "--no-install-recommends", *names.split()]
        console.say(f"Debian packages: installing {names}")
        for line in sizes(command):
            console.say(f"  {line}")
        console.run([*command, "-y"], env, remedy)
        return
    for without in dict.fromkeys(package.without for package in wanted if package.without):
        console.say(f"  until then {without}")
    if needed := [package.name for package in wanted if not package.without]:
        raise SetupError(f"nothing goes without {' '.join(needed)}", "install that, then again")


def sizes(install_command: list[str]) -> list[str]:
    """What apt says of the download and of the disk before it asks whether to go on."""
    asked = subprocess.run(
        [*install_command, "--assume-no"],
        env={**os.environ, "LC_ALL": "C"},
        capture_output=True,
        text=True,
        check=False,
    )
    return [line for line in asked.stdout.splitlines() if "archives." in line or "space" in line]
