# islet: every rule of the referee catches its violation, and is silent on what is right.
# GPL-3.0-or-later
"""Truth is synthetic here: a good state, and for each rule a timeline that breaks it alone and one
that comes close to it and is right. No house, no firmware."""

from __future__ import annotations

import json
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any, cast

import pytest

from tests_host.twin.referee_goals import TABLE as GOALS_TABLE
from tests_host.twin.referee_island import TABLE as ISLAND_TABLE
from tests_host.twin.referee_kit import (
    CHARGING,
    Timeline,
    at,
    case,
    hot,
    legs,
    play,
    truth,
)
from tests_host.twin.referee_point import TABLE as POINT_TABLE
from tests_host.twin.referee_quality import TABLE as QUALITY_TABLE
from tests_host.twin.referee_supply import TABLE as SUPPLY_TABLE
from tests_host.twin.referee_table import TABLE as RULE_TABLE
from tools.twin.referee import RULES, Referee, documentation, obedience, panel
from tools.twin.referee.case import Case

TABLE = RULE_TABLE | ISLAND_TABLE | SUPPLY_TABLE | QUALITY_TABLE | POINT_TABLE | GOALS_TABLE


def outcome(referee: Referee, rule: type) -> list[str]:
    kind = "alarm" if rule.alarm else "finding"  # type: ignore[attr-defined]
    title = f"{kind} {rule.inv}: "  # type: ignore[attr-defined]
    own = {id(r.rule): r for r in referee._rows if type(r.rule) is rule}
    assert own
    return [text for text in referee.findings() if text.startswith(title)]


ROWS = [
    pytest.param(rule, known, timeline, bad, id=f"{rule.__name__}-{name}")
    for rule, (wrong, right) in TABLE.items()
    for bad, rows in ((True, wrong), (False, right))
    for name, known, timeline in rows
]


FIGURES = (panel.Heat, obedience.Obeys)  # rules that also measure


@pytest.mark.parametrize(("rule", "known", "timeline", "bad"), ROWS)
def test_rule(rule: type, known: Case, timeline: Callable[[], Timeline], bad: bool) -> None:
    """INV-1…INV-13: each rule catches a planted violation, and a near miss is none."""
    alone = [r for r in RULES if r is rule]
    referee = Referee(cast(Any, SimpleNamespace(expect=())), known)
    referee._rows = [row for row in referee._rows if type(row.rule) in (*alone, *FIGURES)]
    for t_s, changes in timeline():
        row = dict(changes)
        image, event = row.pop("image", None), row.pop("event", None)
        if event:
            referee.event(round(t_s * 1e6), event)
        referee.observe(round(t_s * 1e6), truth(row), image)
    texts = outcome(referee, rule)
    assert bool(texts) == bad, texts or "nothing found"


def test_every_rule_has_its_tests() -> None:
    assert set(TABLE) == set(RULES)
    assert all(wrong and right for wrong, right in TABLE.values())


def test_a_good_day_finds_nothing() -> None:
    referee = play([*at(0, 70), *at(70.1, 90, **CHARGING)], case())
    assert referee.summary()["ok"] and not referee.findings()


def test_a_lasting_wrong_is_told_once_and_again_when_it_returns() -> None:
    wrong = {"ne_bonds": 2}
    referee = play([*at(0, 5, **wrong), *at(5.1, 6), *at(6.1, 7, **wrong)], case())
    assert len(referee.findings()) == 2


def test_an_alarm_is_no_finding() -> None:
    summary = play(at(0, 20, **legs(service=30)), case()).summary()
    assert summary["ok"] and summary["alarms"] and not summary["findings"]


def test_summary_is_json_with_times_rules_and_figures() -> None:
    summary = json.loads(json.dumps(play(at(0, 20, **hot(30)), case()).summary()))
    assert not summary["ok"]
    finding = summary["findings"][0]
    assert finding["rule"] == "INV-3" and 7 <= finding["t_s"] <= 7.3
    assert summary["figures"]["max_breaker_percent"]["service"] == 120.0
    assert summary["figures"]["least_soc_percent"] == 60.0


def test_documentation_names_every_rule() -> None:
    text = "\n".join(documentation())
    # docs/safety.md, or docs/architecture.md, or owner.goal of docs/reference.md, or a device's
    # maker (tools/twin/buses/families)
    kinds = ("INV-", "safety §", "rule ", "goal", "contract")
    assert all(rule.title in text and rule.inv.startswith(kinds) for rule in RULES)
