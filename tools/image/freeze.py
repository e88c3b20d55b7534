# islet: what a manifest freezes, and whether all of it compiles for the chip.
# GPL-3.0-or-later
from __future__ import annotations

import importlib.util
import subprocess
import tempfile
from pathlib import Path
from typing import NamedTuple

from tools.image.images import HERE, Image
from tools.micropython.sources import BuildError


class Frozen(NamedTuple):
    """One file: where it lies, its name in the image, optimisation (None: as mpy-cross does)."""

    path: Path
    name: str
    opt: int | None


def files(image: Image, tree: Path) -> list[Frozen]:
    """The files of an image in their order, found by MicroPython's own reader of manifests."""
    path = tree / "tools" / "manifestfile.py"
    spec = importlib.util.spec_from_file_location("manifestfile", path)
    if spec is None or spec.loader is None:
        raise BuildError(f"{path} cannot be loaded")
    reader = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(reader)
    variables = {
        "MPY_DIR": str(tree),
        "MPY_LIB_DIR": "",
        "PORT_DIR": str(tree / "ports" / image.port),
        "BOARD_DIR": str(HERE / "boards" / image.board),
    }
    manifest = reader.ManifestFile(reader.MODE_FREEZE, variables)
    try:
        manifest.execute(str(image.manifest))
    except reader.ManifestFileError as error:
        raise BuildError(f"manifest of {image.name}: {error}") from None
    return [Frozen(Path(f.full_path), f.target_path, f.opt) for f in manifest.files()]


def compile_all(image: Image, frozen: list[Frozen], cross: Path) -> dict[str, int]:
    """Bytes of each file's .mpy for the image's chip; BuildError names what does not compile."""
    sizes = {}
    with tempfile.TemporaryDirectory() as folder:
        output = Path(folder) / "out.mpy"
        for file in frozen:
            command = [cross, f"-march={image.arch}", f"-O{file.opt or 0}", "-s", file.name]
            done = subprocess.run(
                [*command, "-o", output, file.path], capture_output=True, text=True, check=False
            )
            if done.returncode:
                raise BuildError(f"{file.name} does not compile for {image.arch}:\n{done.stderr}")
            sizes[file.name] = output.stat().st_size
    return sizes
