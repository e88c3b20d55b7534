# islet: sources of MicroPython and of what its ports need, from Debian or from an upstream tree.
# GPL-3.0-or-later
"""Debian's packages lie in .cache/src, so that a rebuild needs no network.

Downloads go through a private apt configuration: the machine's own stays as it is, and it need not
know the suite that we take the sources from.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tarfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from tools.workshop import ROOT

CACHE = ROOT / ".cache"
SOURCES = CACHE / "src"

ETC_APT = Path("/etc/apt")
SUITE = "trixie"
VERSION = "1.25.0+ds-1"
TLS_SERIES = "3.6"
DEBIAN_TREE = SOURCES / f"micropython-{VERSION}"
SDK_SERIES = "2.1"  # 2.2 fails with MicroPython 1.25 and 1.26
DEBIAN_SDK = SOURCES / f"pico-sdk-{SDK_SERIES}"
USB_SERIES = "0.18"
MAKE_VARIABLES = ("MAKEFLAGS", "MFLAGS", "MAKEOVERRIDES", "MAKELEVEL")
REPRODUCIBLE = {
    "SOURCE_DATE_EPOCH": "1744675200",  # 2025-04-15, when 1.25.0 was released
    "PYTHONHASHSEED": "0",  # else the two names of one pin change places at random
    "GIT_CEILING_DIRECTORIES": str(SOURCES),  # the version is MicroPython's, not ours
}


class BuildError(Exception):
    """Something the person at the keyboard can put right; the text says how."""


def external_tree() -> Path | None:
    """The upstream tree that MPY_TREE names."""
    name = os.environ.get("MPY_TREE")
    return Path(name).expanduser().resolve() if name else None


def source_tree() -> Path:
    tree = external_tree()
    if tree is None:
        return debian_tree()
    if not (tree / "ports" / "unix").is_dir():
        raise BuildError("MPY_TREE names no MicroPython source tree (it has no ports/unix)")
    if not (tree / "lib" / "mbedtls" / "library").is_dir():
        raise BuildError("MPY_TREE lacks mbedTLS: git submodule update --init lib/mbedtls there")
    return tree


def debian_tree() -> Path:
    """Debian's tree of MicroPython with Debian's mbedTLS in its place, unpatched."""
    tree = DEBIAN_TREE
    if not tree.exists():
        patterns = (
            f"micropython_{VERSION.rsplit('-', 1)[0]}.orig.tar.*",
            f"mbedtls_{TLS_SERIES}.*.orig.tar.*",
        )
        if not (archives := stored(patterns)):
            wanted = [f"micropython={VERSION}", f"mbedtls/{SUITE}"]
            fetch(["source", "--download-only", *wanted])
            if not (archives := stored(patterns)):
                raise BuildError(f"{SUITE} has no mbedTLS {TLS_SERIES} any more; use MPY_TREE=")
        fresh = SOURCES / "unpacking"
        shutil.rmtree(fresh, ignore_errors=True)
        unpack(archives[0], fresh)
        unpack(archives[1], fresh / "lib" / "mbedtls")
        fresh.rename(tree)
    return tree


def rp2_sources() -> tuple[Path, Path]:
    """(MicroPython's tree with TinyUSB in its place, the Pico SDK) for building port rp2."""
    if tree := external_tree():
        source_tree()
        for name, file in (("pico-sdk", "pico_sdk_init.cmake"), ("tinyusb", "src/tusb.c")):
            if not (tree / "lib" / name / file).exists():
                raise BuildError(
                    f"MPY_TREE lacks {name}: git submodule update --init lib/{name} there"
                )
        return tree, tree / "lib" / "pico-sdk"
    tree, sdk = debian_tree(), DEBIAN_SDK
    usb = tree / "lib" / "tinyusb"
    if not sdk.exists() or not (usb / "src").exists():
        patterns = (f"pico-sdk-source_{SDK_SERIES}.*.deb", f"tinyusb-source_{USB_SERIES}.*.deb")
        if not (archives := stored(patterns)):
            fetch(["download", f"pico-sdk-source/{SUITE}", f"tinyusb-source/{SUITE}"])
            if not (archives := stored(patterns)):
                raise BuildError(
                    f"{SUITE} has no pico-sdk {SDK_SERIES} and tinyusb {USB_SERIES} any more; "
                    "use MPY_TREE="
                )
        unpack_package(archives[0], "usr/src/pico-sdk", sdk)
        unpack_package(archives[1], "usr/src/tinyusb", usb)
    return tree, sdk


def stored(patterns: Sequence[str]) -> list[Path]:
    """The archive for each pattern, or nothing when one is not there yet."""
    found = [sorted(SOURCES.glob(pattern)) for pattern in patterns]
    return [paths[-1] for paths in found] if all(found) else []


# apt


def fetch(command: Sequence[str]) -> None:
    """An apt-get command that downloads into .cache/src, with a private apt configuration."""
    apt = CACHE / "apt"
    for folder in ("parts", "lists/partial", "cache/archives/partial"):
        (apt / folder).mkdir(parents=True, exist_ok=True)
    SOURCES.mkdir(parents=True, exist_ok=True)
    types = "deb-src" if command[0] == "source" else "deb"
    (apt / "parts" / "islet.sources").write_text(private_source(types))
    options = {
        "Dir::Etc::SourceList": os.devnull,
        "Dir::Etc::SourceParts": apt / "parts",
        "Dir::State::Lists": apt / "lists",
        "Dir::Cache": apt / "cache",
        "APT::Sandbox::User": "root",
        "Acquire::Languages": "none",
        "Acquire::Retries": "3",
    }
    apt_get = ["apt-get", "-q", *(f"-o{name}={value}" for name, value in options.items())]
    run([*apt_get, "update"], cwd=SOURCES)
    run([*apt_get, *command], cwd=SOURCES)


def private_source(types: str) -> str:
    """An apt source for the suite, on the mirror that this machine's own apt uses."""
    for mirror, signed_by in machine_mirrors():
        if mirror.rstrip("/").endswith("/debian"):
            text = f"Types: {types}\nURIs: {mirror}\nSuites: {SUITE}\nComponents: main\n"
            return text + (f"Signed-By: {signed_by}\n" if signed_by else "")
    raise BuildError(
        "no Debian mirror in this machine's apt sources; "
        "name an upstream MicroPython 1.25 tree with MPY_TREE="
    )


def machine_mirrors() -> Iterator[tuple[str, str]]:
    """(address, keyring) of every binary source of the machine, in both of apt's formats."""
    etc = ETC_APT
    for file in sorted(etc.glob("sources.list.d/*.sources")):
        for stanza in file.read_text().split("\n\n"):
            lines = (line.partition(":") for line in stanza.splitlines() if line[:1] not in "# ")
            fields = {name.strip().lower(): value.strip() for name, _, value in lines}
            for mirror in fields.get("uris", "").split():
                yield mirror, fields.get("signed-by", "")
    for file in [etc / "sources.list", *sorted(etc.glob("sources.list.d/*.list"))]:
        for line in file.read_text().splitlines() if file.exists() else ():
            words = line.replace("[", " [ ").replace("]", " ] ").split()
            if words[:1] == ["deb"]:
                signed = [w.partition("=")[2] for w in words if w.startswith("signed-by=")]
                rest = words[words.index("]") + 1 :] if "]" in words else words[1:]
                yield rest[0], signed[0] if signed else ""


# Unpacking and running


def unpack(archive: Path, into: Path) -> None:
    """Unpack without the archive's single top folder."""
    print(f"unpacking {archive.name}", flush=True)
    with tarfile.open(archive) as tar:
        for member in tar:
            _, _, member.name = member.name.partition("/")
            if member.islnk():
                _, _, member.linkname = member.linkname.partition("/")
            if member.name:
                tar.extract(member, into)


def unpack_package(package: Path, folder: str, into: Path) -> None:
    """One folder of a Debian binary package, in place of whatever is there."""
    print(f"unpacking {package.name}", flush=True)
    fresh = SOURCES / "unpacking"
    shutil.rmtree(fresh, ignore_errors=True)
    run(["dpkg-deb", "-x", package, fresh])
    shutil.rmtree(into, ignore_errors=True)
    (fresh / folder).rename(into)
    shutil.rmtree(fresh)


def run(
    command: Sequence[str | Path], cwd: Path | None = None, env: Mapping[str, str] | None = None
) -> None:
    """Run with the output straight to ours; setup keeps it in a log.

    The variables given to the make that called us are not for these makes.
    """
    clean = {name: value for name, value in os.environ.items() if name not in MAKE_VARIABLES}
    try:
        subprocess.run(command, cwd=cwd, env={**clean, **REPRODUCIBLE, **(env or {})}, check=True)
    except FileNotFoundError:
        raise BuildError(f"{command[0]} is not installed") from None
    except subprocess.CalledProcessError as error:
        raise BuildError(f"{command[0]} failed with exit code {error.returncode}") from None


def main() -> int:
    """Fetch and unpack what a port is built from: `unix`, or `rp2`, which is all of it."""
    try:
        source_tree() if sys.argv[1:] == ["unix"] else rp2_sources()
    except BuildError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
