# islet: the tests' part of `make mutate`, a plugin of pytest in the copy.
# GPL-3.0-or-later
"""ISLET_WATCH names a JSON file: `seconds` of each test (none: they are measured), `near` (the
nearest files), `budget` in seconds, `out`. The nearest and quickest run first; what is beyond the
budget does not run. Tests that plant their own mistakes are left out: they look for a text, which
a mistake changes."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

PLAN: dict[str, Any] = json.loads(Path(os.environ["ISLET_WATCH"]).read_text())
_took: dict[str, float] = {}
_skipped: set[str] = set()
_failed: list[str] = []


def own_mistakes(nodeid: str) -> bool:
    return "planted" in nodeid or "mistake" in nodeid


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    seconds: dict[str, float] = PLAN["seconds"]
    near = tuple(PLAN["near"])

    def place(item: pytest.Item) -> tuple[bool, float]:
        return not item.nodeid.startswith(near), seconds.get(item.nodeid, 1.0)

    left: float = PLAN["budget"]
    chosen: list[pytest.Item] = []
    for item in sorted(items, key=place):
        left -= seconds.get(item.nodeid, 0.0)
        known = not seconds or item.nodeid in seconds
        if left > 0 and known and not own_mistakes(item.nodeid):
            chosen.append(item)
    items[:] = chosen


def pytest_runtest_setup(item: pytest.Item) -> None:
    if not PLAN["seconds"] and sum(_took.values()) > PLAN["budget"]:
        pytest.skip("beyond the budget")


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    if report.skipped:
        _took.pop(report.nodeid, None)
        _skipped.add(report.nodeid)
    elif report.nodeid not in _skipped:
        _took[report.nodeid] = _took.get(report.nodeid, 0.0) + report.duration
    if report.failed:
        _failed.append(report.nodeid)


def pytest_sessionfinish() -> None:
    Path(PLAN["out"]).write_text(json.dumps({"took": _took, "failed": _failed}))
