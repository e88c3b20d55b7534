"""docs/reference.md is what the code's own tables print."""

from __future__ import annotations

from tools.docs import reference


def test_the_reference_is_up_to_date() -> None:
    assert reference.PAGE.read_text() == reference.page(), "run: python -m tools.docs.reference"
