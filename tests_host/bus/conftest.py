"""umodbus asks for the module `micropython`; CPython gets one for the length of that import."""

from __future__ import annotations

import sys
import types
from pathlib import Path

LIB = Path(__file__).resolve().parents[2] / "lib"


def import_umodbus() -> None:
    """Import umodbus.functions as the chip does; leave nothing else behind."""
    shim = types.ModuleType("micropython")
    shim.const = lambda value: value  # type: ignore[attr-defined]
    kept = sys.modules.get("micropython")
    sys.modules["micropython"] = shim
    sys.path.insert(0, str(LIB))
    try:
        import umodbus.functions  # noqa: F401  # pyright: ignore
    finally:
        sys.path.remove(str(LIB))
        if kept is None:
            del sys.modules["micropython"]
        else:
            sys.modules["micropython"] = kept


import_umodbus()
