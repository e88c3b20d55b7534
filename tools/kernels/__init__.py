# islet: on CPython, the kernels of core as compiled C.
# GPL-3.0-or-later
"""The chip compiles a kernel's text to machine code; on CPython the same text runs plainly, which
is most of a step. `install()` puts C made of it in its place, for all who import it. That text, C
and machine code say the same is shown by tests_host/core/test_kernels.py."""

from __future__ import annotations

import contextlib
import importlib
import importlib.util
import sys
from collections.abc import Callable, Iterator
from typing import Any

from tools.kernels import build

_pairs: list[tuple[Callable[..., Any], Callable[..., Any]]] = []  # the text's function, and C's


def install() -> bool:
    """From here on all of the firmware has the kernels in C; not without a C compiler and Python's
    headers: then they stay text, and all is as it was but slower."""
    if not _pairs:
        made = build.ready()
        if made is None:
            return False
        spec = importlib.util.spec_from_file_location(build.NAME, made)
        assert spec is not None and spec.loader is not None
        for place, function in vars(importlib.util.module_from_spec(spec)).items():
            module, dot, name = place.rpartition(".")
            if dot:
                _pairs.append((getattr(importlib.import_module(module), name), function))
    _put({id(text): compiled for text, compiled in _pairs})
    return True


@contextlib.contextmanager
def as_text() -> Iterator[None]:
    """The kernels' own text meanwhile, for who changes something in it."""
    _put({id(compiled): text for text, compiled in _pairs})
    try:
        yield
    finally:
        _put({id(text): compiled for text, compiled in _pairs})


def _put(instead: dict[int, Callable[..., Any]]) -> None:
    for name, module in list(sys.modules.items()):
        if name.partition(".")[0] == "firmware":
            for key, value in list(vars(module).items()):
                if id(value) in instead:
                    setattr(module, key, instead[id(value)])
