# islet: a mistake planted in a module's text, for tests that show that they would notice it.
# GPL-3.0-or-later
from __future__ import annotations

import sys
import types
from pathlib import Path

import pytest

NOTICED = (AssertionError, pytest.fail.Exception)  # what a test that notices a mistake raises


def plant(patch: pytest.MonkeyPatch, module: types.ModuleType, old: str, new: str) -> None:
    """Run the module's text with `old`, which stands in it once, made `new`; whoever has imported
    something of it gets the spoiled one."""
    path = Path(str(module.__file__))
    text = path.read_text()
    assert text.count(old) == 1, f"{path.name}: {text.count(old)} times {old!r}"
    spoiled = types.ModuleType(module.__name__)
    exec(compile(text.replace(old, new), str(path), "exec"), vars(spoiled))
    others = [
        m for name, m in sys.modules.items() if name.startswith(("firmware.", "tests_host."))
    ]
    for name, value in vars(spoiled).items():
        was = getattr(module, name, None)
        if getattr(value, "__module__", "") != module.__name__:
            continue
        for other in others:
            if getattr(other, name, None) is was:
                patch.setattr(other, name, value)
