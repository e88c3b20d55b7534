"""The fake board of tests_host/flash, whose instruments look at a simulated house."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests_host.flash.conftest import board as board  # the fixture
from tools.calibrate import sampler, store


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No waiting, and nothing left in the repository's cache."""
    monkeypatch.setattr(sampler, "EVERY_S", 0.0001)
    monkeypatch.setattr(sampler.Sampler, "take", take)
    monkeypatch.setattr(store, "FOLDER", tmp_path / "waiting")


def take(self: sampler.Sampler, seconds: float) -> sampler.Readings:
    """As many readings as in so many seconds, at once."""
    taken = []
    for _ in range(max(1, round(seconds / 0.4))):
        answer = self._link.ask("readings")
        assert answer is not None
        taken.append(answer)
    return taken
