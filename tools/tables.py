"""The one printer of markdown tables."""

from __future__ import annotations

from collections.abc import Iterable, Iterator


def markdown(heads: str, rows: Iterable[Iterable[object]]) -> Iterator[str]:
    """Lines of a table: its heads, written "a | b | c", and a row of cells for each line."""
    count = heads.count("|") + 1
    yield f"| {heads} |"
    yield "|" + "---|" * count
    for row in rows:
        cells = [str(cell) for cell in row]
        assert len(cells) == count, f"{heads}: {len(cells)} cells, {cells}"
        yield f"| {' | '.join(cells)} |"
