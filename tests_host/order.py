"""Which process runs which tests, and in which order, where several share them (pytest -n).

A file stays together, so that what its tests share is made once; the tests of APART share nothing
and take long, so each of them goes by itself. What takes longest begins first: else one process
ends long after the others.

Each process reads all tests. From an empty cache that is mostly compiling them: whoever comes to a
file first does, and the others wait for it."""

from __future__ import annotations

import fcntl
import gc
from collections.abc import Generator
from typing import Any

import pytest
from xdist.scheduler import LoadScopeScheduling

APART = {
    f"tests_host/{name}.py"
    for name in (
        "cases/test_cases", "scenarios/test_shipped", "healthy/test_healthy",
        "system/test_commission", "core/test_machine", "core/test_late", "core/test_obedience",
        "rp2040/test_latency", "image/test_fold", "toolchain/test_style",
    )
}  # fmt: skip
TOGETHER = {"tests_host/system/test_page_sites.py": "tests_host/system/test_page.py"}
LONG = tuple(
    f"tests_host/{name}"
    for name in (
        "toolchain/test_style", "flash/test_emulated", "rp2040/test_trips", "core/test_kernels",
        "system/", "access/test_board", "core/test_rows", "rp2040/", "twin/test_run", "net/",
        "core/test_proof", "core/test_island_dark", "core/test_panel", "twin/",
    )
)  # fmt: skip


def unit(nodeid: str) -> str:
    """What runs in one process, one test after the other."""
    file = nodeid.partition("::")[0]
    return nodeid if file in APART else TOGETHER.get(file, file)


class Shares(LoadScopeScheduling):
    def _split_scope(self, nodeid: str) -> str:
        return unit(nodeid)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Shares:
    config.option.loadscopereorder = False  # the order of collection, as made below
    return Shares(config, log)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    def place(item: pytest.Item) -> int:
        at = [i for i, prefix in enumerate(LONG) if item.nodeid.startswith(prefix)]
        return at[0] if at else len(LONG)

    items.sort(key=place)


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(
    collector: pytest.Collector,
) -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    if not isinstance(collector, pytest.Module):
        return (yield)
    with collector.path.open() as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        return (yield)


def pytest_collection(session: pytest.Session) -> None:
    """What is read now stays to the end: nobody need look through it for garbage."""
    gc.disable()


def pytest_collection_finish(session: pytest.Session) -> None:
    gc.collect()
    gc.freeze()
    gc.enable()
