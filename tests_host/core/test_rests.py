"""A step leaves out what nothing has changed for: a grid, a transfer, a converter that obeys, a
pilot and a reserve that are as they were, a point that no device uses. It commands what a step
does that leaves nothing out, on random houses, on CPython and in machine code; and it does leave
out most of it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest

from firmware import image as im
from firmware.core.grid import gridcode, island
from firmware.core.limits import obedience, reserve
from firmware.core.vehicle import point
from tests_host.conftest import RunDevice
from tests_host.core import chance

DEVICE = Path(__file__).parent / "device" / "rests.py"
SEEDS = 4
GATES = (  # what says that nothing has changed, and how often it does at least, of a hundred steps
    (gridcode, "within", 60),
    (island, "same", 40),
    (obedience, "obeys", 60),
    (reserve, "charged", 60),
    (point, "as_ever", 30),
    (point, "unused", 60),
)

pytestmark = pytest.mark.timeout(400)


@pytest.fixture(scope="module")
def cases() -> SimpleNamespace:
    return chance.cases(DEVICE.name)


@pytest.fixture(scope="module")
def whole(cases: SimpleNamespace) -> list[list[int]]:
    """What is commanded when nothing is left out."""
    with pytest.MonkeyPatch.context() as patch:
        for module, name, _ in GATES:
            patch.setattr(module, name, lambda *_: 0)
        return [cases.walk(seed) for seed in range(SEEDS)]


def test_what_is_left_out_changes_nothing(
    cases: SimpleNamespace, whole: list[list[int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    left_out = dict.fromkeys([name for _, name, _ in GATES], 0)

    def counted(name: str, gate: Callable[..., int]) -> Callable[..., int]:
        def ask(*arguments: object) -> int:
            said = gate(*arguments)
            left_out[name] += said
            return said

        return ask

    for module, name, _ in GATES:
        monkeypatch.setattr(module, name, counted(name, getattr(module, name)))
    for seed in range(SEEDS):
        assert cases.walk(seed) == whole[seed], seed
    for _, name, percent in GATES:
        assert left_out[name] > SEEDS * cases.STEPS * percent // 100, (name, left_out)


def test_machine_code_says_the_same(
    cases: SimpleNamespace, whole: list[list[int]], run_device: RunDevice
) -> None:
    script = f"import sys; sys.argv.append('{SEEDS}'); exec(open({str(DEVICE)!r}).read())"
    lines = run_device(script, timeout=300).splitlines()
    sums = []
    for said in whole:
        total = 0
        for value in said:
            total = (total * 31 + value) % 1000003
        sums.append(total)
    assert [int(line) for line in lines] == sums


@pytest.mark.parametrize(("module", "name", "_"), GATES, ids=[name for _, name, _ in GATES])
def test_one_that_never_sees_a_change_is_found(
    cases: SimpleNamespace, whole: list[list[int]], monkeypatch: pytest.MonkeyPatch,
    module: object, name: str, _: int,
) -> None:  # fmt: skip
    """The comparison can fail."""
    gate = getattr(module, name)
    monkeypatch.setattr(module, name, lambda *arguments: gate(*arguments) or 1)
    assert any(cases.walk(seed) != whole[seed] for seed in (2, 1, 3, 0))


def test_a_weld_where_nothing_lies_is_said_until_somebody_acknowledges(
    cases: SimpleNamespace,
) -> None:
    walk = cases.Walk(1)
    for number in range(cases.WELL):
        walk.step(number)
    image, core, closed = walk.image, walk.core, im.IN_CONTACTOR << im.IN_SHIFT * cases.UNUSED

    def welded_after(inputs: int, acknowledged: int) -> bool:
        image.readings[im.INPUTS] = image.readings[im.INPUTS] & ~closed | inputs
        image.requests[im.ACKNOWLEDGE_SEQ] += acknowledged
        for _ in range(10):
            core.step(100)
        return image.commands[im.POINT_FAULTS + cases.UNUSED] & im.FAULT_WELD != 0

    course = ((0, 0, False), (closed, 0, True), (0, 0, True), (0, 1, False), (closed, 0, True))
    for inputs, acknowledged, welded in course:
        assert welded_after(inputs, acknowledged) is welded
