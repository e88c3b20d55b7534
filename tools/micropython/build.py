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
from pathlib import Path

from tools.micropython.sources import (
    CACHE,
    ROOT,
    VERSION,
    BuildError,
    external_tree,
    run,
    source_tree,
)

HERE = ROOT / "tools" / "micropython"
BUILDS = CACHE / "micropython"
BIN = CACHE / "bin"

BOARDS = ROOT / "tools" / "image" / "boards"
HEAP = tuple(BOARDS / name for name in ("free.c", "mark.c", "sweep.c"))  # an image's, and inner's
INPUTS = (
    *HEAP,
    *(HERE / name for name in ("build.py", "manifest.py", "variant", "vclock", "inner")),
)
PROGRAMS = ("micropython", "mpy-cross")
UNUSED = ("MICROPY_VFS_FAT", "MICROPY_VFS_LFS1")  # files are this PC's


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
        digest.update(path.relative_to(ROOT).as_posix().encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()[:16]


def input_files() -> list[Path]:
    return sorted(
        file for path in INPUTS for file in ([path] if path.is_file() else path.iterdir())
    )


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


# Compiling


def compile_programs(tree: Path, work: Path) -> None:
    """Build outside the tree, which may be somebody's own."""
    jobs = f"-j{os.cpu_count() or 1}"
    # which compiles seven files here, and an image's in seconds: not worth optimising
    cross_options = [f"BUILD={work / 'mpy-cross'}", "COPT=-O0 -DNDEBUG"]
    run(["make", jobs, "-C", tree / "mpy-cross", *cross_options])
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
        **dict.fromkeys(UNUSED, 0),
    }
    variables = [f"{name}={value}" for name, value in settings.items()]
    run(["make", jobs, "-C", tree / "ports" / "unix", *variables])


if __name__ == "__main__":
    sys.exit(main())
