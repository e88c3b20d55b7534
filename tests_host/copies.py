# islet: a copy of the firmware whose image has other numbers of rows.
# GPL-3.0-or-later
from __future__ import annotations

import shutil
from pathlib import Path

from tools.workshop import ROOT


def copied(folder: Path, numbers: dict[str, int]) -> Path:
    """The firmware with other numbers of rows."""
    target = folder / "firmware"
    shutil.copytree(ROOT / "firmware", target, ignore=shutil.ignore_patterns("__pycache__"))
    image = target / "image.py"
    text = image.read_text()
    for name, number in numbers.items():
        lines = [line for line in text.splitlines() if line.startswith(f"{name} = const(")]
        assert len(lines) == 1, name
        text = text.replace(lines[0], f"{name} = const({number})")
    image.write_text(text)
    return target
