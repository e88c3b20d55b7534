# islet: what islet once did wrong, smallest input each, run by the whole stack in virtual time.
# GPL-3.0-or-later
"""Each JSON file here is a scenario: its `text` says what was wrong, its `expect` what is right.
The referee's own rules hold as well, and what is said is so (tests_host/people/truth)."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests_host import whole
from tools.twin import scenario

FOLDER = Path(__file__).parent
FILES = sorted(FOLDER.glob("*.json"))
SEED = 3
SOAK_S = 400  # longer ones are left to `make soak`


def params() -> list[Any]:
    marks = {True: [pytest.mark.soak, pytest.mark.timeout(3600)], False: []}
    long = {path: json.loads(path.read_text())["seconds"] > SOAK_S for path in FILES}
    return [pytest.param(path, id=path.stem, marks=marks[long[path]]) for path in FILES]


@pytest.mark.parametrize("path", FILES, ids=[path.stem for path in FILES])
def test_says_what_was_wrong(path: Path) -> None:
    story = scenario.load(path)
    assert len(story.text) > 40 and story.expect
    assert all(expectation.text for expectation in story.expect)


@pytest.mark.parametrize("path", params())
def test_is_right_now(path: Path) -> None:
    played = whole.play(path, seed=SEED, ask=True)
    assert played.summary, played.messages
    assert not played.untrue, played.untrue
    wrong = [e for e in played.summary["expectations"] if e["ok"] is False]
    assert not wrong and not played.summary["findings"], played.blame
    assert played.code == 0, played.messages
