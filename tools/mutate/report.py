# islet: what `make mutate` says.
# GPL-3.0-or-later
from __future__ import annotations

import json
import re
from pathlib import Path

from tools.mutate.choose import SHARES
from tools.mutate.operators import OPERATORS
from tools.mutate.run import Verdict
from tools.workshop import ROOT

KNOWN = Path(__file__).with_name("known.json")  # name of a mistake: why no test finds it
PAGE = ROOT / "docs" / "measured.md"
TITLE = "## Mistakes planted"
EQUAL = "equal: "  # such a reason begins so: the mistake changes nothing that is promised


def known() -> dict[str, str]:
    return json.loads(KNOWN.read_text())


def table(verdicts: list[Verdict]) -> list[str]:
    """Room × operator: planted, and of these survived."""
    lines = [f"| room | {' | '.join(OPERATORS)} | planted | survived |"]
    lines.append("|---" * (len(OPERATORS) + 3) + "|")
    rooms = [room for room, _ in SHARES if any(v.mistake.room == room for v in verdicts)]
    for room in [*rooms, "all"]:
        own = [v for v in verdicts if room in ("all", v.mistake.room)]
        cells: list[str] = []
        for operator in OPERATORS:
            some = [v for v in own if v.mistake.operator == operator]
            lost = sum(not v.by for v in some)
            cells.append((f"{len(some)}, **{lost}**" if lost else str(len(some))) if some else "")
        lost = sum(not v.by for v in own)
        lines.append(f"| {room} | {' | '.join(cells)} | {len(own)} | {lost} |")
    return lines


def survivors(verdicts: list[Verdict], why: dict[str, str]) -> list[str]:
    lost = [v.mistake for v in verdicts if not v.by]
    if not lost:
        return []
    lines = ["| survivor | line | change | why |", "|---|---|---|---|"]
    for m in lost:
        change = m.change.replace("|", "\\|")
        lines.append(f"| {m.name} | {m.line} | `{change}` | {why.get(m.name, 'not yet known')} |")
    return lines


def summary(verdicts: list[Verdict]) -> str:
    why = known()
    lost = [v for v in verdicts if not v.by]
    equal = [v for v in lost if why.get(v.mistake.name, "").startswith(EQUAL)]
    share = 100 * (len(lost) - len(equal)) / max(1, len(verdicts) - len(equal))
    return (
        f"{len(verdicts)} planted, {len(lost)} survived, of which {len(equal)} change nothing "
        f"that is promised: {share:.1f} % of those that do"
    )


def section(verdicts: list[Verdict], how: str) -> str:
    lines = [TITLE, "", f"`{how}`: {summary(verdicts)}.", "", *table(verdicts)]
    if rows := survivors(verdicts, known()):
        lines += ["", *rows]
    return "\n".join(lines) + "\n"


def write(verdicts: list[Verdict], how: str, page: Path = PAGE) -> None:
    """The section of the page, in place of the one that is there."""
    text = page.read_text()
    new = section(verdicts, how)
    old = re.search(rf"^{TITLE}\n.*?(?=^## |\Z)", text, re.M | re.S)
    if old:
        tail = "\n" if old.end() < len(text) else ""
        page.write_text(text[: old.start()] + new + tail + text[old.end() :])
    else:
        page.write_text(text.rstrip("\n") + "\n\n" + new)
