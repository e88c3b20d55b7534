# islet: a converter of each family in the twin, with every fault of its line.
# GPL-3.0-or-later
"""The scenario `family_…` of each, its events replaced: another setpoint each minute, and in each
minute a fault of the line; at the end islet is without power. What is measured is the house's own
truth: how far from what is asked, how late, what is written, and what a dead islet leaves behind.
"""

from __future__ import annotations

import dataclasses
import io
import statistics
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from tools.bench.table import Figure
from tools.twin import chips, commission, run, scenario, scene
from tools.twin.buses.families import NAMES, table
from tools.twin.link import port
from tools.twin.referee import Referee
from tools.twin.scenario import Event
from tools.twin.scenario_schema import BUS_FAULTS
from tools.workshop import ROOT

SCENARIOS = ROOT / "tools" / "twin" / "scenarios"
DEVICE, BOARD = "battery", "host"
HOUR_S, QUICK_S, DAY_S = 3600, 255, 86_400
BEGIN_S, TURN_S, SETTLED_S = 15, 60, 30  # a setpoint each turn; it stands by then
FAULT_S, FAULTY_S, SHORT_S = 45, 3.0, 0.6  # within a turn
DEAD_S, BOX = 180, "controller"
SHARES = (0.5, 0.8, 0.3, -0.4, -0.8, 0.2)
NEAR_W = 60
YEAR_DAYS = 365


@dataclasses.dataclass
class Seen:
    """Of one run: W asked by turn; (s, W, setpoint) of the device; the referee's summary."""

    asked: dict[int, float]
    rows: list[tuple[float, float]]
    writes: int
    worn: int
    alive_s: float
    left_w: tuple[float, float]  # at once, and at the end
    stopped_s: float | None  # after the last word of islet
    summary: dict[str, Any]

    def errors(self) -> list[float]:
        """W from what is asked, in the quiet part of each turn."""
        found = []
        for turn, w in self.asked.items():
            begin, end = turn + SETTLED_S, turn + FAULT_S
            found += [abs(is_w - w) for t_s, is_w in self.rows if begin <= t_s < end]
        return found

    def reactions(self) -> list[float]:
        """s from what is asked until it is near it; the whole turn where it never is."""
        found = []
        for turn, w in self.asked.items():
            near = (t_s for t_s, is_w in self.rows if t_s >= turn and abs(is_w - w) <= NEAR_W)
            found.append(min(next(near, turn + TURN_S) - turn, TURN_S))
        return found


class Witness(Referee):
    """The referee, who also writes down what the device does."""

    rows: list[tuple[float, float]]
    counts: list[tuple[int, int]]

    def observe(self, t_us: int, truth: Any, image: Any = None) -> None:
        super().observe(t_us, truth, image)
        self.rows.append((t_us / 1e6, float(truth[f"{DEVICE}.w"])))
        self.counts.append((truth[f"{DEVICE}.writes"], truth[f"{DEVICE}.worn"]))


def turns(story: scenario.Scenario, seconds: float) -> tuple[list[Event], dict[int, float]]:
    """Events of so many seconds, and what is asked by turn."""
    own = next(row for row in story.site["devices"] if row["name"] == DEVICE)
    topic = f"{story.site['mqtt']['prefix']}/set/target_w"
    shares = [s for s in SHARES if s > 0 or own.get("may_discharge", True)]
    gateway = bool(own.get("owns_pilot"))
    events, asked = [], {}
    for k, at_s in enumerate(range(BEGIN_S, round(seconds) - TURN_S + 1, TURN_S)):
        share = shares[k % len(shares)]
        w = round(share * own["charge_w" if share > 0 else "discharge_w"])
        asked[at_s] = w
        events.append(Event(at_s, "mqtt", topic, {"target_w": w, "ttl_s": 600}))
        lasts_s = SHORT_S if gateway else FAULTY_S
        fault = BUS_FAULTS[k % len(BUS_FAULTS)]
        events.append(Event(at_s + FAULT_S, "bus", "all", fault, lasts_s))
    return events, asked


def play(name: str, seconds: float, seed: int = 1, dead: bool = True) -> Seen:
    """A family's device for so long, then islet without power."""
    story = commission.commissioned(scenario.load(SCENARIOS / f"family_{name}.json"))
    events, asked = turns(story, seconds)
    if dead:
        events.append(Event(seconds, BOX, "", "off", DEAD_S + 1.0))
    length_s = seconds + (DEAD_S if dead else 0)
    story = dataclasses.replace(story, events=events, expect=[], seconds=length_s)
    found: list[Witness] = []

    def build(context: run.Context) -> run.Scene:
        made = scene.build(context, story)
        assert isinstance(made.judge, Referee)
        witness = Witness(story, known=made.judge.case)
        witness.rows, witness.counts = [], []
        found.append(witness)
        made.judge = witness
        return made

    options = run.Options(str(story.path), length_s, "max", seed, BOARD)
    command = chips.kind_of(port.read_board(BOARD)).command
    run.Run(options, build, lambda: command(BOARD), io.StringIO(), io.StringIO()).go()
    witness = found[-1]
    alive = [row for row in witness.rows if row[0] < seconds]
    left = [row for row in witness.rows if row[0] >= seconds] or alive[-1:]
    writes, worn = witness.counts[len(alive) - 1]
    stopped = next((t_s - seconds for t_s, w in left if abs(w) <= NEAR_W), None)
    return Seen(
        asked, alive, writes, worn, seconds, (left[0][1], left[-1][1]),
        stopped if dead else None, witness.summary(),
    )  # fmt: skip


def breaches(summary: Mapping[str, Any]) -> Sequence[str]:
    """What was written against the maker's word."""
    return [row["text"] for row in summary["findings"] if row["rule"] == "contract"]


def measure(quick: bool) -> Iterator[Figure]:
    seconds = QUICK_S if quick else HOUR_S
    for name in NAMES:
        seen, known = play(name, seconds), table(name)
        errors, late = seen.errors(), seen.reactions()
        a_day = DAY_S / seen.alive_s
        worn = seen.worn * a_day
        days = known.cycles / worn if known.cycles else 0
        lasts = "not worn" if not days else f"{days:.0f} days = {days / YEAR_DAYS:.2f} years"
        first_w, last_w = seen.left_w
        left = f"{first_w:.0f} W, after {DEAD_S} s {last_w:.0f} W"
        if seen.stopped_s is not None:
            left = f"{first_w:.0f} W, gone after {seen.stopped_s:.0f} s"
        findings = seen.summary["findings"]
        yield Figure(
            f"family {name}",
            f"error {statistics.median(errors):.0f} / {max(errors):.0f} W, reaction "
            f"{statistics.median(late):.1f} / {max(late):.1f} s, {seen.writes * a_day:.0f} writes "
            f"a day, {worn:.0f} of one register: {lasts}; left: {left}",
            "nothing its maker forbids",
            "–",
            f"median / worst; {seconds} s of virtual time, a setpoint and a fault each minute; "
            f"memory {known.memory}, {known.cycles or 'no'} writes assumed; "
            f"{len(breaches(seen.summary))} breaches, {len(findings)} findings",
        )
