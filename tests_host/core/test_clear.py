"""The short cut before the hardware's tables never says that nothing stands against a device when
a row holds, on CPython and in machine code; and it is a short cut."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from firmware.core.limits import hardware
from tests_host.conftest import RunDevice
from tests_host.core import chance

DEVICE = Path(__file__).parent / "device" / "clear_cases.py"
SEEDS = 150


@pytest.fixture(scope="module")
def cases() -> SimpleNamespace:
    return chance.cases(DEVICE.name)


def test_it_never_hides_a_row(cases: SimpleNamespace) -> None:
    found = [cases.run(seed) for seed in range(SEEDS)]
    said, table = (sum(column) for column in zip(*found, strict=True))
    assert said > 0.8 * table > 0, (said, table)


def test_machine_code_says_the_same(cases: SimpleNamespace, run_device: RunDevice) -> None:
    script = f"import sys; sys.argv.append('{SEEDS}'); exec(open({str(DEVICE)!r}).read())"
    lines = run_device(script, timeout=300).splitlines()
    assert [tuple(map(int, line.split())) for line in lines] == [
        cases.run(seed) for seed in range(SEEDS)
    ]


@pytest.mark.parametrize("kind", ["POINT", "CHARGER", "CONVERTER", "SOURCE"])
def test_every_row_is_asked_about(
    cases: SimpleNamespace, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    """The comparison can fail: a short cut that always says yes hides every row of the table."""
    monkeypatch.setitem(cases.run.__globals__, "clear", lambda *_: 1)
    name = f"{kind}_BLOCKS"
    rows: Any = getattr(hardware, name)
    for row in rows:
        monkeypatch.setattr(hardware, name, (row,))
        with pytest.raises(AssertionError):
            for seed in range(SEEDS):
                cases.run(seed)
