# islet: compiled size of each room.
# GPL-3.0-or-later
from __future__ import annotations

import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

from tools.bench.table import Figure
from tools.workshop import ROOT

MPY_CROSS = ROOT / ".cache" / "bin" / "mpy-cross"
FIRMWARE = ROOT / "firmware"


def compiled(path: Path, folder: Path) -> int:
    """Bytes of a file's .mpy for RP2040 (viper kernels need the architecture)."""
    out = folder / "out.mpy"
    subprocess.run(
        [MPY_CROSS, "-O2", "-march=armv6m", "-o", out, path], check=True, capture_output=True
    )
    return out.stat().st_size


def rooms() -> dict[str, list[Path]]:
    found: dict[str, list[Path]] = {"app, config, image": sorted(FIRMWARE.glob("*.py"))}
    for folder in sorted(p for p in FIRMWARE.iterdir() if p.is_dir()):
        if files := sorted(folder.glob("*.py")):
            found[folder.name] = files
    return found


def measure(quick: bool) -> Iterator[Figure]:
    total = total_source = 0
    with tempfile.TemporaryDirectory() as name:
        for room, files in rooms().items():
            size = sum(compiled(path, Path(name)) for path in files)
            source = sum(path.stat().st_size for path in files)
            total, total_source = total + size, total_source + source
            yield Figure(
                room, f"{size:,} B", "–", f"source {source:,} B", f"{len(files)} files, mpy-cross"
            )
    yield Figure(
        "all rooms",
        f"{total:,} B",
        "125,000 B for 10 000 lines",
        f"source {total_source:,} B",
        "mpy-cross -O2 -march=armv6m; frozen it takes 1.24 B of flash for each byte",
    )
