# islet: one run of the whole firmware in its house, in virtual time and in this process.
# GPL-3.0-or-later
"""What `python -m tools.twin` does with a scenario, but for an interpreter of its own, whose
imports take as long as many a run; tests_host/system tries the command itself."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from tests_host import kept
from tools.twin import chips, commission, run, scenario, scene
from tools.twin.link import port
from tools.twin.referee import Referee

if TYPE_CHECKING:
    from tests_host.people.truth.asked import Asked

BOARD = "host"


class Whole(NamedTuple):
    code: int
    summary: dict[str, Any]  # empty when the run broke off
    messages: str
    untrue: str = ""  # sentences that were not so, with how often and an example, if asked

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
    ask: bool = False,
    anew: bool = False,
) -> Whole:
    """`ask`: whether the house agrees with what is said (tests_host/people/truth). Kept, with what
    it writes, as long as nothing changes of what it is made of, unless it is to run `anew`."""
    if anew:
        return _play(path, seconds, seed, events, record, ask)
    told = path.read_bytes()
    beside = [path.parent] if b'"csv"' in told else []
    inputs = [*kept.HOUSE, told, *beside, path.name, seconds, seed, ask]
    files = {"events": events, "record": record}
    wanted = {name: place for name, place in files.items() if place is not None}

    def make() -> tuple[Whole, dict[str, bytes]]:
        played = _play(path, seconds, seed, events, record, ask)
        return played, {n: place.read_bytes() for n, place in wanted.items() if place.exists()}

    played, written = kept.kept(
        "run", [*inputs, sorted(wanted)], make, lambda made: bool(made[0].summary)
    )
    for name, content in written.items():
        wanted[name].write_bytes(content)
    return played


def _play(
    path: Path,
    seconds: float | None,
    seed: int,
    events: Path | None,
    record: Path | None,
    ask: bool,
) -> Whole:
    story = commission.commissioned(scenario.load(path))
    chip = chips.kind_of(port.read_board(BOARD))
    options = run.Options(str(path), seconds, "max", seed, BOARD, record, events=events)
    out, err = io.StringIO(), io.StringIO()
    heard: list[Asked] = []
    ask_of = _asked() if ask else None

    def build(context: run.Context) -> run.Scene:
        made = scene.build(context, story)
        if ask_of is not None:
            assert isinstance(made.judge, Referee)
            heard.append(ask_of(made.judge, tuple(story.proofs or ())))
            made.judge = heard[0]
        return made

    one = run.Run(
        options,
        build,
        lambda: chip.command(BOARD),
        out,
        err,
        chip.spread(),
    )
    code = one.go()
    lines = out.getvalue().splitlines()
    summary = json.loads(lines[-1]) if lines else {}
    return Whole(code, summary, err.getvalue(), "\n".join(_untrue(one) for one in heard))


def _asked() -> type[Asked]:
    """What asks needs the data packed for an image, which a sweep runs without."""
    from tests_host.people.truth.asked import Asked

    return Asked


def _untrue(asked: Asked) -> str:
    return "\n".join(f"{name} ({n}×): {asked.examples[name]}" for name, n in asked.untrue.items())
