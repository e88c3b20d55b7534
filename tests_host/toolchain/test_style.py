"""Style and types are part of the tests."""

from __future__ import annotations

import pytest

from tests_host import kept
from tools.setup import lint
from tools.workshop import CACHE, ROOT

# What a verdict depends on. The checks' versions and those of what they look into are pinned.
READ = (
    *(ROOT / name for name in ("firmware", "tools", "tests_host", "examples", "docs", "lib")),
    *sorted(ROOT.glob("*.py")), *sorted(ROOT.glob("*.json")), *sorted(ROOT.glob("*.lock")),
    ROOT / "pyproject.toml", CACHE / "stubs", CACHE / "data", CACHE / "bin",
)  # fmt: skip


@pytest.mark.parametrize("command", lint.CHECKS, ids=" ".join)
def test_clean(command: tuple[str, ...]) -> None:
    done = kept.kept("style", [*READ, command], lambda: lint.check(command), lint.passed)
    assert lint.passed(done), done.stdout + done.stderr
