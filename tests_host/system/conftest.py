"""The end-to-end tests need the interpreter `make test` builds."""

from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture(scope="session", autouse=True)
def _interpreter(micropython: Path) -> Path:
    return micropython
