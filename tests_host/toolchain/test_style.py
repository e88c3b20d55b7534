"""Style and types are part of the tests."""

from __future__ import annotations

import pytest

from tools.setup import lint


@pytest.mark.parametrize("command", lint.CHECKS, ids=" ".join)
def test_clean(command: tuple[str, ...]) -> None:
    done = lint.check(command)
    assert done.returncode == 0, done.stdout + done.stderr
