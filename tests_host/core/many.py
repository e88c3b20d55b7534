# islet: the panel's kernels beside their twins in an image with more rows of devices.
# GPL-3.0-or-later
"""python -m tests_host.core.many DEVICES SEEDS: prints where a kernel and its twin differ, and
which planted mistakes in the sharing nobody notices. In a process of its own: an image is read
once."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

from tools.image import constants

ROOT = Path(__file__).resolve().parents[2]
MISTAKES: dict[str, Callable[..., int]] = {
    "promise": lambda *_: 0,
    "after": lambda *_: -1,
    "left": lambda *_: 10_000,
    "spread": lambda *_: 0,
    "admit": lambda *_: 0,
    "lowest": lambda *_: -1,
    "tightest": lambda *_: 0,
}

RELIEF_MISTAKES: dict[str, Callable[..., int]] = {
    "covered": lambda *_: 0,
    "able": lambda *_: 9_000,
    "lacks": lambda *_: 500,
}


def image(devices: int) -> None:
    """Put an image with so many rows in the place of firmware.image."""
    import firmware

    path = ROOT / "firmware/image.py"
    module = ModuleType("firmware.image")
    module.__file__ = str(path)
    sys.modules[module.__name__] = firmware.image = module  # type: ignore[attr-defined]
    text = constants.with_rows(path.read_text(encoding="utf-8"), {"DEVICES": devices})
    exec(compile(text, str(path), "exec"), vars(module))


def main() -> None:
    devices, seeds = int(sys.argv[1]), int(sys.argv[2])
    image(devices)
    from firmware.core.panel import relief_kernel, share_kernel
    from tests_host.core import chance

    pairs: dict[str, Any] = {pair[0].__name__: pair for pair in chance.cases("kernels.py").PAIRS}
    for name in ("panel", "sharing", "reliefs", "witness", "parents"):
        run, kernel, plain = pairs[name]
        for seed in range(seeds):
            if run(kernel, seed) != run(plain, seed):
                print("differ:", name, seed)
    for case, module, mistakes in (
        ("sharing", share_kernel, MISTAKES),
        ("reliefs", relief_kernel, RELIEF_MISTAKES),
    ):
        run, kernel, plain = pairs[case]
        for name, wrong in mistakes.items():
            right = getattr(module, name)
            setattr(module, name, wrong)
            if all(run(kernel, seed) == run(plain, seed) for seed in range(seeds)):
                print("not noticed:", name)
            setattr(module, name, right)


if __name__ == "__main__":
    main()
