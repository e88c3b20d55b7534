# islet: healthy houses: one run of the whole firmware, and what came of it.
# GPL-3.0-or-later
from __future__ import annotations

import json
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests_host import whole
from tests_host.healthy.document import house
from tools.twin import run

REFUSED = "chip configuration: "


@dataclass
class Result:
    """What the referee, the expectations and the log say of one house; `wrong` is what must not
    be there: findings, expectations that failed, what is latched at the end, a refused
    configuration, a run that broke off."""

    seed: int
    text: str
    seconds: float = 0.0
    wall_s: float = 0.0
    wrong: list[str] = field(default_factory=list)  # "rule: text"
    alarms: list[str] = field(default_factory=list)
    faults: set[str] = field(default_factory=set)
    latched: set[str] = field(default_factory=set)  # faults and trips that stand at the end
    operations: int = 0
    did: set[str] = field(default_factory=set)  # what islet did at all

    @property
    def per_hour(self) -> float:
        """Operations of the charging contactor, in and out counted as one each."""
        return self.operations / self.seconds * 3600 if self.seconds else 0.0

    def lines(self) -> list[str]:
        again = f"python -m tests_host.healthy --first {self.seed} --houses 1 --keep DIR"
        return [f"house {self.seed} ({self.text})", *self.wrong, f"again: {again}"]


def play(
    seed: int,
    seconds: float | None = None,
    keep: Path | None = None,
    document: dict[str, Any] | None = None,
    anew: bool = False,
) -> Result:
    """Run the house of `seed`, or another `document` as if it were; `keep`: leave its scenario and
    event log there; `anew`: whatever is known of it already."""
    document = document or house(seed)
    result = Result(seed, document["text"].removeprefix("A healthy house: ").rstrip("."))
    begin = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="islet-healthy-") as private:
        folder = keep or Path(private)
        folder.mkdir(parents=True, exist_ok=True)
        path, events = folder / f"house_{seed}.json", folder / f"house_{seed}.events"
        path.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
        played = whole.play(path, seconds, seed, events, anew=anew)
        log = events.read_text(encoding="utf-8").splitlines()
    result.wall_s = time.monotonic() - begin
    if played.code not in (0, run.FINDING) or not played.summary:
        result.wrong.append(f"run: ended with {played.code}: {played.messages.strip()[-600:]}")
        return result
    _judge(result, played.summary)
    _read(result, log)
    return result


def _judge(result: Result, summary: dict[str, Any]) -> None:
    figures = summary["figures"]
    result.seconds = summary["seconds"]
    result.wrong += [f"{f['rule']}: {f['t_s']} s {f['text']}" for f in summary["findings"]]
    result.alarms += [f"{f['rule']}: {f['t_s']} s {f['text']}" for f in summary["alarms"]]
    for row in summary["expectations"]:
        if row["ok"] is False:
            result.wrong.append(f"expected {row['that']}: {row['text']}, found {row['figure']}")
    result.operations = figures["contactor_closings"] + figures["contactor_openings"]
    for name, did in (
        ("charges a car", figures["car_wh"] > 1),
        ("charges a battery", figures["charged_wh"] > 1),
        ("discharges one", figures["discharged_wh"] > 1),
        ("moves its contactor", result.operations > 0),
    ):
        if did:
            result.did.add(name)


def _read(result: Result, log: list[str]) -> None:
    """Faults that were named, those that still are, islands, refusals."""
    standing: dict[str, str] = {}
    for line in log:
        _, source_and_text = line.split(" ", 1)
        if source_and_text.startswith(REFUSED):
            result.wrong.append(source_and_text)
        for label in ("core faults ", "guard trips "):
            if source_and_text.startswith(label):
                now = source_and_text.removeprefix(label).rsplit("-> ", 1)[-1]
                standing[label] = now
                if now != "none" and label == "core faults ":
                    result.faults |= set(now.split("+"))
        if source_and_text.startswith("core island ") and source_and_text.endswith("islanded"):
            result.did.add("forms an island")
        if source_and_text.startswith("run scenario: "):
            result.did.add("starts again")
    for label, now in standing.items():
        if now != "none":
            result.latched |= {f"{label.split()[1]} {name}" for name in now.split("+")}
    result.wrong += [f"latched: {name}" for name in sorted(result.latched)]
