# islet: the cases of the kernels, with their chance in C.
# GPL-3.0-or-later
from __future__ import annotations

import importlib.util
import runpy
import shutil
import tempfile
from functools import cache
from pathlib import Path
from types import SimpleNamespace

from tests_host import kept
from tests_host.core.device import die
from tools.kernels import build
from tools.kernels.translate import Text

DEVICE = Path(__file__).parent / "device"


@cache
def compiled() -> bool:
    """Put C in the place of the draws' text, which takes most of a case; not where nothing
    compiles it."""
    if not shutil.which(build.compiler()[0]) or not (build.INCLUDE / "Python.h").exists():
        return False
    text = Path(die.__file__).read_text()

    def make() -> bytes:
        with tempfile.TemporaryDirectory() as folder:
            place = Path(folder) / "die.so"
            build.compile_text(build.module([Text("die", text)]), place)
            return place.read_bytes()

    library = kept.kept("die", [text, Path(build.__file__).parent], make)
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder) / "die.so"
        place.write_bytes(library)
        spec = importlib.util.spec_from_file_location(build.NAME, place)
        assert spec is not None and spec.loader is not None
        found = vars(importlib.util.module_from_spec(spec))
    for name in ("draw", "current", "spread", "total"):
        setattr(die, name, found[f"die.{name}"])
    return True


def cases(file: str) -> SimpleNamespace:
    """What a script for the device defines."""
    compiled()
    return SimpleNamespace(**runpy.run_path(str(DEVICE / file), run_name="cases"))
