"""Where islet is better than what one would take else, it stays so: the part `rivals` of `make
bench`, with a sooner end to what has none."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from tools.bench import rivals

DEVICE = Path(__file__).parent / "device"
LIMIT_MS = 300

pytestmark = [pytest.mark.timeout(300), pytest.mark.usefixtures("chip_kept")]


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory, chip_kept: None) -> list[rivals.Found]:
    """Of each part twice, the second time with what islet does made slow."""
    folder = tmp_path_factory.mktemp("rivals")
    return rivals.run(folder, LIMIT_MS, program="slow_rivals", more=[DEVICE / "slow_rivals.py"])


def of(found: list[rivals.Found], part: str) -> list[rivals.Found]:
    both = [one for one in found if one["part"] == part]
    assert len(both) == 2
    return both


@pytest.mark.parametrize("part", rivals.KEPT)
def test_the_advantage_is_kept_and_would_be_missed(found: list[rivals.Found], part: str) -> None:
    as_it_is, slowed = (
        rivals.verdict(part, rivals.ratio(part, one["islet"], one["rival"]))
        for one in of(found, part)
    )
    assert as_it_is == "kept", of(found, part)[0]
    assert slowed.startswith("LOST"), of(found, part)[1]


def test_both_sides_do_the_same(found: list[rivals.Found]) -> None:
    """A rival that computes something else, or is answered, shows nothing."""
    samples, state, broker = (of(found, part)[0] for part in ("samples", "state", "broker"))
    for ours, theirs in zip(samples["islet"]["found"], samples["rival"]["found"], strict=True):
        assert math.isclose(ours, theirs, rel_tol=0.005)
    assert abs(state["islet"]["size"] - state["rival"]["size"]) <= 8
    assert broker["rival"]["endless"] is True


def test_each_figure_names_its_rival_and_says_its_verdict(found: list[rivals.Found]) -> None:
    good, lost = found[: len(rivals.KEPT)], found[len(rivals.KEPT) :]
    for figure in rivals.figures(good, LIMIT_MS):
        assert figure.figure.endswith("kept") and figure.rival and figure.method
    assert all("LOST" in figure.figure for figure in rivals.figures(lost, LIMIT_MS))
