"""The loop: a part that fails takes no other with it."""

from __future__ import annotations

from pathlib import Path

from tests_host.conftest import ROOT, RunDevice

DEVICE = Path(__file__).parent / "device"


def test_a_failing_ledger_leaves_the_owners_wishes_alone(run_device: RunDevice) -> None:
    said = run_device(DEVICE / "failing_ledger.py", ROOT / ".cache" / "data")
    assert said.split("\n")[0] == "True True ledger: OSError 28"


def test_inv_4_the_control_cycle_lets_ages_grow(run_device: RunDevice) -> None:
    """INV-4: what the bus said is 300 ms old after three cycles in which it was silent."""
    said = run_device(DEVICE / "control_ages.py", ROOT / ".cache" / "data")
    assert said.split("\n")[0] == "{300} {0}"


def test_what_is_configured_of_a_device_s_pace_is_where_it_begins(run_device: RunDevice) -> None:
    said = run_device(DEVICE / "paces.py", ROOT / ".cache" / "data").split("\n")
    assert said[:2] == ["house 200 0 10", "battery 300 0 500"]
    assert said[2:4] == ["house 900 40 4", "battery 900 40 2000"]
