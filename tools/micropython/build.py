"""Build islet's own MicroPython: the unix port on virtual time, 32 bits where the compiler can.

    python3 -m tools.micropython.build

The sources are Debian's (kept in .cache/src, so that a rebuild needs no network), or the upstream
tree that MPY_TREE names. The result is .cache/bin/micropython and .cache/bin/mpy-cross.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
CACHE = ROOT / ".cache"
SOURCES = CACHE / "src"
BUILDS = CACHE / "micropython"
BIN = CACHE / "bin"

ETC_APT = Path("/etc/apt")
SUITE = "trixie"
VERSION = "1.25.0+ds-1"
TLS_SERIES = "3.6"
INPUTS = (HERE / "build.py", HERE / "manifest.py", HERE / "variant", HERE / "vclock")
MAKE_VARIABLES = ("MAKEFLAGS", "MFLAGS", "MAKEOVERRIDES", "MAKELEVEL")
PROGRAMS = ("micropython", "mpy-cross")


class BuildError(Exception):
    """Something the person at the keyboard can put right; the text says how."""


def main() -> int:
    try:
        install(build())
    except BuildError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


def build() -> Path:
    """The folder with both programs, built now unless these very inputs were built before."""
    result = BUILDS / key()
    if not all((result / name).exists() for name in PROGRAMS):
        work = BUILDS / "work"
        shutil.rmtree(work, ignore_errors=True)
        work.mkdir(parents=True)
        compile_programs(source_tree(), work)
        result.mkdir(exist_ok=True)
        for name in PROGRAMS:
            (work / name / name).replace(result / name)
        shutil.rmtree(work)
    return result


def install(result: Path) -> None:
    """Point the stable names at the build, each in one step: somebody may be running the old."""
    BIN.mkdir(parents=True, exist_ok=True)
    for name in PROGRAMS:
        fresh = BIN / f".{name}.new"
        fresh.unlink(missing_ok=True)
        fresh.symlink_to(os.path.relpath(result / name, BIN))
        fresh.replace(BIN / name)


def key() -> str:
    """Names a build by all that goes into it."""
    digest = hashlib.sha256(f"{VERSION} {external_tree()} m32={m32_works()}".encode())
    for path in input_files():
        digest.update(path.relative_to(HERE).as_posix().encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()[:16]


def input_files() -> list[Path]:
    return sorted(
        file for path in INPUTS for file in ([path] if path.is_file() else path.iterdir())
    )


def external_tree() -> Path | None:
    name = os.environ.get("MPY_TREE")
    return Path(name).expanduser().resolve() if name else None


def m32_works() -> bool:
    """Whether gcc makes 32-bit programs here: the flag, the headers and the libraries."""
    program = "#include <stdio.h>\nint main(void) { return puts(0); }\n"
    gcc = ["gcc", "-m32", "-x", "c", "-", "-o", os.devnull]
    try:
        done = subprocess.run(gcc, input=program, text=True, capture_output=True, check=False)
    except FileNotFoundError:
        return False
    return done.returncode == 0


def bits() -> int:
    """Word size of the installed interpreter, asked of itself."""
    ask = [BIN / "micropython", "-c", "import sys; print(64 if sys.maxsize >> 32 else 32)"]
    return int(subprocess.run(ask, capture_output=True, text=True, check=True).stdout)


# Sources


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
    """Debian's tree of MicroPython with Debian's mbedTLS in its place."""
    tree = SOURCES / f"micropython-{VERSION}"
    if not tree.exists():
        archives = debian_archives() or fetch_debian()
        fresh = SOURCES / "unpacking"
        shutil.rmtree(fresh, ignore_errors=True)
        unpack(archives[0], fresh)
        unpack(archives[1], fresh / "lib" / "mbedtls")
        fresh.rename(tree)
    return tree


def debian_archives() -> list[Path]:
    """The two archives, or nothing when one is not there yet."""
    upstream = VERSION.rsplit("-", 1)[0]
    patterns = (f"micropython_{upstream}.orig.tar.*", f"mbedtls_{TLS_SERIES}.*.orig.tar.*")
    found = [sorted(SOURCES.glob(pattern)) for pattern in patterns]
    return [paths[-1] for paths in found] if all(found) else []


def fetch_debian() -> list[Path]:
    """Download the source packages with a private apt configuration: the machine's stays as is."""
    apt = CACHE / "apt"
    for folder in ("parts", "lists/partial", "cache/archives/partial"):
        (apt / folder).mkdir(parents=True, exist_ok=True)
    SOURCES.mkdir(parents=True, exist_ok=True)
    (apt / "parts" / "islet.sources").write_text(private_source())
    options = {
        "Dir::Etc::SourceList": os.devnull,
        "Dir::Etc::SourceParts": apt / "parts",
        "Dir::State::Lists": apt / "lists",
        "Dir::Cache": apt / "cache",
        "APT::Sandbox::User": "root",
        "Acquire::Languages": "none",
        "Acquire::Retries": "3",
    }
    command = ["apt-get", "-q", *(f"-o{name}={value}" for name, value in options.items())]
    run([*command, "update"], cwd=SOURCES)
    wanted = [f"micropython={VERSION}", f"mbedtls/{SUITE}"]
    run([*command, "source", "--download-only", *wanted], cwd=SOURCES)
    if not (archives := debian_archives()):
        raise BuildError(f"{SUITE} has no mbedTLS {TLS_SERIES} any more; use MPY_TREE=")
    return archives


def private_source() -> str:
    """An apt source for the suite, on the mirror that this machine's own apt uses."""
    for mirror, signed_by in machine_mirrors():
        if mirror.rstrip("/").endswith("/debian"):
            text = f"Types: deb-src\nURIs: {mirror}\nSuites: {SUITE}\nComponents: main\n"
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


# Compiling


def compile_programs(tree: Path, work: Path) -> None:
    """Build outside the tree, which may be somebody's own."""
    jobs = f"-j{os.cpu_count() or 1}"
    run(["make", jobs, "-C", tree / "mpy-cross", f"BUILD={work / 'mpy-cross'}"])
    cross = work / "mpy-cross" / "mpy-cross"
    library = work / "micropython-lib"  # only looked for; the manifest takes nothing from it
    library.mkdir()
    (library / "README.md").touch()
    settings = {
        "BUILD": work / "micropython",
        "VARIANT": "islet",
        "VARIANT_DIR": HERE / "variant",
        "USER_C_MODULES": HERE,
        "FROZEN_MANIFEST": HERE / "manifest.py",
        "MICROPY_FORCE_32BIT": int(m32_works()),
        "MICROPY_MPYCROSS": cross,
        "MICROPY_MPYCROSS_DEPENDENCY": cross,
        "MPY_LIB_DIR": library,
    }
    variables = [f"{name}={value}" for name, value in settings.items()]
    run(["make", jobs, "-C", tree / "ports" / "unix", *variables])


def run(command: list[str | Path], cwd: Path | None = None) -> None:
    """Run with the output straight to ours; setup keeps it in a log.

    The variables given to the make that called us are not for these makes.
    """
    env = {name: value for name, value in os.environ.items() if name not in MAKE_VARIABLES}
    try:
        subprocess.run(command, cwd=cwd, env=env, check=True)
    except FileNotFoundError:
        raise BuildError(f"{command[0]} is not installed") from None
    except subprocess.CalledProcessError as error:
        raise BuildError(f"{command[0]} failed with exit code {error.returncode}") from None


if __name__ == "__main__":
    sys.exit(main())
