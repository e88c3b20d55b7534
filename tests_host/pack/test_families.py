# islet: registers of meters beside a second transcription, of another project or the maker.
# GPL-3.0-or-later
"""second_sources.json was taken from the files it names by a reader for each kind of file, never
from the profiles: a row here is [register, function, type, word order, unit per step, unit], null
where that file does not say."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

HERE = Path(__file__).parent
PROFILES = HERE.parents[1] / "firmware" / "profiles"
SECOND = json.loads((HERE / "second_sources.json").read_text())
STEPS = {"V": 1000, "A": 1000, "W": 1, "Hz": 1000}


@pytest.mark.parametrize("name", sorted(SECOND))
def test_a_second_reading_agrees(name: str) -> None:
    """Each register that another file has too: same function, type, word order and scale."""
    document = json.loads((PROFILES / f"{name}.json").read_text())
    rows = {row["register"]: row for row in document["rows"]}
    assert SECOND[name]["rows"]
    for register, function, kind, order, step, unit in SECOND[name]["rows"]:
        where = f"{name} {register}, {SECOND[name]['source']}"
        row = rows.get(register)
        assert row is not None, f"{where}: not in the profile"
        assert function in (None, row["function"]), where
        assert row["type"] == kind, where
        assert order in (None, row.get("word_order", document["word_order"])), where
        if step is not None:
            assert row.get("num", 1) / row.get("den", 1) == pytest.approx(step * STEPS[unit]), (
                where
            )
