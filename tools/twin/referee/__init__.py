# islet: the referee: judges a run from physical truth, which the firmware cannot see.
# GPL-3.0-or-later
"""`Referee(scenario)` is told each agreed moment and every restart, and has a summary at the end.

It shares no code with the firmware. `python -m tools.twin.referee` prints its rules.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from tools.tables import markdown
from tools.twin.referee import (
    case,
    contract,
    goals,
    island,
    lasting,
    names,
    obedience,
    panel,
    point,
    promises,
    quality,
    supply,
    vehicle,
)
from tools.twin.referee.expect import Check
from tools.twin.referee.figures import Figures
from tools.twin.referee.flow import Flow, Flows
from tools.twin.referee.published import Published
from tools.twin.referee.row import Row
from tools.twin.referee.rule import LEAST_DRAIN, RECOVER_S, Moment, Rule, Truth
from tools.twin.scenario import Scenario

__all__ = ["RULES", "Referee", "documentation"]

RULES: tuple[type[Rule], ...] = (
    *vehicle.RULES,
    *point.RULES,
    *panel.RULES,
    *island.RULES,
    *quality.RULES,
    *supply.RULES,
    *names.RULES,
    *obedience.RULES,
    *contract.RULES,
    *promises.RULES,
    *lasting.RULES,
    *goals.RULES,
)
MOST_LISTED = 50  # a run that goes wrong for hours need not say so a thousand times


class Referee:
    """Judge of one run; `known` replaces what the scenario tells about the site. `board`: the
    circuit's JSON, for the delays it states."""

    def __init__(
        self,
        scenario: Scenario,
        known: case.Case | None = None,
        board: Mapping[str, Any] | None = None,
    ) -> None:
        self.case = known or case.of(scenario, board)
        self._rows = [Row(kind(self.case)) for kind in RULES]
        self._checks = [Check(e) for e in scenario.expect]
        self._figures = Figures(self.case)
        self._findings: list[dict[str, Any]] = []
        self._alarms: list[dict[str, Any]] = []
        self._texts: list[str] = []
        self._flows = Flows(self.case)
        self._before: Truth | None = None
        self._flows_before: list[Flow] = []
        self._t_us = 0
        self._count = {"findings": 0, "alarms": 0}

    def observe(
        self, t_us: int, truth: Truth, image: Mapping[str, array[int]] | None = None
    ) -> None:
        """The house's truth at an agreed moment; `image`: sections as published, if any."""
        published = Published(image) if image and "commands" in image else None
        before = truth if self._before is None else self._before
        flows = self._flows.of(truth)
        dt_s = (t_us - self._t_us) / 1e6
        m = Moment(t_us, truth, before, dt_s, published, flows, self._flows_before or flows)
        for row in self._rows:
            for text in row.look(m):
                self._add(t_us, row.rule, text)
        for check in self._checks:
            check.observe(m.t_s, truth, published)
        self._figures.observe(m)
        self._before, self._flows_before, self._t_us = truth, flows, t_us

    def event(self, t_us: int, kind: str, text: str = "") -> None:
        """Something the run knows: "start", "restart" (by the watchdog), "reset" (by the
        scenario), "died"."""
        for row in self._rows:
            for wrong in row.rule.event(t_us, kind, text):
                self._add(t_us, row.rule, wrong.text)

    def restarted(self, t_us: int, asked: bool = False) -> None:
        self.event(t_us, "reset" if asked else "restart")

    def booted(self, t_us: int) -> None:
        self.event(t_us, "start")

    def findings(self) -> Sequence[str]:
        """Findings and alarms as sentences, oldest first."""
        return self._texts

    def summary(self) -> dict[str, Any]:
        """Of the whole run, for JSON."""
        end_s = self._t_us / 1e6
        expectations = [check.result(end_s) for check in self._checks]
        good = not self._count["findings"]
        return {
            "ok": good and all(e["ok"] is not False for e in expectations),
            "findings": self._findings,
            "alarms": self._alarms,
            "counts": dict(self._count),
            "figures": self._figures.result(self._rule(panel.Heat), self._rule(obedience.Obeys)),
            "expectations": expectations,
        }

    def _rule(self, kind: type[Rule]) -> Any:
        return next(row.rule for row in self._rows if type(row.rule) is kind)

    def _add(self, t_us: int, rule: Rule, text: str) -> None:
        kind = "alarms" if rule.alarm else "findings"
        self._count[kind] += 1
        rows = self._alarms if rule.alarm else self._findings
        if len(rows) < MOST_LISTED:
            rows.append({"t_s": round(t_us / 1e6, 3), "rule": rule.inv, "text": text})
        label = "alarm" if rule.alarm else "finding"
        self._texts.append(f"{label} {rule.inv}: {text}")


def documentation() -> Iterable[str]:
    """The rules as a Markdown table."""
    rows = (
        (
            rule.inv,
            rule.title + (" (alarm)" if rule.alarm else ""),
            rule.text + (f" At most {rule.per_hour_s:g} s in an hour." if rule.per_hour_s else ""),
        )
        for rule in RULES
    )
    yield from markdown("rule | judged | how", rows)
    yield ""
    yield (
        "Times are permitted in all, not at a stretch: what was wrong is forgotten over "
        f"{RECOVER_S:g} s of being right, where less than {LEAST_DRAIN * RECOVER_S:g} s are "
        f"permitted in {1 / LEAST_DRAIN:g} times as long as it lasted."
    )
