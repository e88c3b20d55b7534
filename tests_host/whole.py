# islet: one run of the whole firmware in its house, in virtual time and in this process.
# GPL-3.0-or-later
"""What `python -m tools.twin` does with a scenario, but for an interpreter of its own, whose
imports take as long as many a run; tests_host/system tries the command itself."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any, NamedTuple

from tools.twin import chips, commission, run, scenario, scene
from tools.twin.link import port

BOARD = "host"


class Whole(NamedTuple):
    code: int
    summary: dict[str, Any]  # empty when the run broke off
    messages: str

    @property
    def blame(self) -> str:
        """What was found, for a failing test."""
        bad = [e for e in self.summary.get("expectations", []) if e["ok"] is False]
        found = {"findings": self.summary.get("findings"), "expectations": bad}
        return json.dumps(found, indent=1) + self.messages[-2000:]


def play(
    path: Path,
    seconds: float | None = None,
    seed: int = 1,
    events: Path | None = None,
    record: Path | None = None,
) -> Whole:
    story = commission.commissioned(scenario.load(path))
    chip = chips.kind_of(port.read_board(BOARD))
    options = run.Options(str(path), seconds, "max", seed, BOARD, record, events=events)
    out, err = io.StringIO(), io.StringIO()
    one = run.Run(
        options,
        lambda c: scene.build(c, story),
        lambda: chip.command(BOARD),
        out,
        err,
        chip.spread(),
    )
    code = one.go()
    lines = out.getvalue().splitlines()
    return Whole(code, json.loads(lines[-1]) if lines else {}, err.getvalue())
