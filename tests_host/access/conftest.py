"""A box at which nobody has been yet, and one that anna has claimed."""

from __future__ import annotations

from pathlib import Path

import pytest

import tests_host.net.conftest  # noqa: F401  (the device packages)
from tests_host.access.kit import Box


@pytest.fixture
def box(tmp_path: Path) -> Box:
    return Box(tmp_path)


@pytest.fixture
def owned(box: Box) -> Box:
    box.claimed()
    return box
