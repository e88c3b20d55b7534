# islet: one line per figure, so that a reader sees what was measured and how.
# GPL-3.0-or-later
from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from rich.console import Console
from rich.table import Table


@dataclass(frozen=True)
class Figure:
    """What was measured: figure and target with units, the rival beside it, and how."""

    name: str
    figure: str
    target: str
    rival: str
    method: str


def show(title: str, figures: Iterable[Figure]) -> None:
    table = Table(title=title, title_justify="left", show_lines=False)
    for heading in ("what", "figure", "target", "rival", "method"):
        table.add_column(heading, overflow="fold")
    console = Console(width=None if Console().is_terminal else 140)
    with console.status(f"measuring {title} …"):
        for row in figures:
            table.add_row(row.name, row.figure, row.target, row.rival, row.method)
    console.print(table)
