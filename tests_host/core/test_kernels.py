# islet: the kernels say what their plain twins say, on CPython and in machine code.
# GPL-3.0-or-later
from __future__ import annotations

import runpy
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from firmware import image as f
from firmware.core.limits import arbiter as limits
from firmware.core.limits import kernel as limits_kernel
from firmware.core.panel import kernel as panel_kernel
from firmware.core.panel import pairing_kernel, witness_kernel, witness_rooms
from tests_host.conftest import RunDevice

ROOT = Path(__file__).resolve().parents[2]
DEVICE = ROOT / "tests_host/core/device/kernels.py"
SEEDS = 300


@pytest.fixture(scope="module")
def cases() -> SimpleNamespace:
    return SimpleNamespace(**runpy.run_path(str(DEVICE), run_name="cases"))


def test_kernels_are_their_plain_twins_on_cpython(cases: SimpleNamespace) -> None:
    for seed in range(SEEDS):
        for run, kernel, plain in cases.PAIRS:
            assert run(kernel, seed) == run(plain, seed), (run.__name__, seed)


def test_machine_code_says_the_same(cases: SimpleNamespace, run_device: RunDevice) -> None:
    script = f"import sys; sys.argv.append('{SEEDS}'); exec(open({str(DEVICE)!r}).read())"
    lines = run_device(script, timeout=300).splitlines()
    assert len(lines) == SEEDS
    for seed, line in enumerate(lines):
        assert [int(word) for word in line.split()] == cases.checksums(seed), seed


def test_values_stay_within_30_bits(cases: SimpleNamespace) -> None:
    """Beyond, the chip would wrap in the kernel and allocate outside of it."""
    for seed in range(SEEDS):
        for run, kernel, _ in cases.PAIRS:
            assert all(-(2**30) < value < 2**30 for value in run(kernel, seed))


PAIRING = ("measured", "backdate", "ages", "pair", "house", "appear")
TREE = ("judge", "survey", "breakers", "busbars", "tightest")


@pytest.mark.parametrize("name", PAIRING + TREE)
def test_a_wrong_kernel_is_found(cases: SimpleNamespace, name: str) -> None:
    """The comparison can fail: a kernel whose part does nothing differs from its twin."""

    def nothing(*_: Any) -> int:
        return 0

    run, right, plain = cases.PAIRS[0]
    pairing = SimpleNamespace(**vars(right.pairing))
    wrong = SimpleNamespace(**{**vars(right), "pairing": pairing})
    setattr(pairing if name in PAIRING else wrong, name, nothing)
    assert any(run(wrong, seed) != run(plain, seed) for seed in range(20))


def test_the_blocks_of_claims_and_leases_follow_one_another() -> None:
    """limits_kernel relies on it."""
    for size, first, names in (
        (f.SOURCES * f.DEVICES, "CLAIM_LOW", "HIGH REASON LOW_REASON NODE LEG VALUE"),
        (f.DEVICES, "GRANT_LOW", "GRANT_HIGH WINNER_LOW WINNER_HIGH"),
        (f.ISSUERS * f.LEASED * f.LEASE_STEPS, "LEASE_LOW", "HIGH UNTIL_S"),
        (f.ISSUERS * f.LEASED, "LEASE_BACK_LOW", "LEASE_BACK_HIGH"),
        (f.ISSUERS * f.LEASED, "HELD_LOW", "HELD_HIGH"),
    ):
        block = first.partition("_")[0]
        places = [
            getattr(f, name, None) or getattr(f, f"{block}_{name}") for name in names.split()
        ]
        start = getattr(f, first)
        assert places == [start + i * size for i in range(1, len(places) + 1)]
    assert limits_kernel._WIDEST == limits.OPEN and limits_kernel._RELEASED == f.AGE_MAX_MS


def test_the_plan_holds_every_node_of_the_image() -> None:
    assert f.NODES == panel_kernel.NODES
    assert f.NODES * f.LEGS == panel_kernel.PLACES


def test_the_pairing_kernels_offsets_are_the_panels() -> None:
    """A kernel's constants are folded in its own file alone."""
    own = {name: value for name, value in vars(pairing_kernel).items() if name.startswith("_")}
    same = {"RING": "RING", "SLOT": "SLOT_SIZE", "FRESH": "FRESH"}
    same |= {name: name for name in ("BELOW_EVSE", "BELOW_INVERTER")}
    same |= {name: "H_" + name for name in ("EVSE_HIGH", "INVERTER_LOW", "INVERTER_HIGH")}
    same |= {"W_LOW": "H_INVERTER_W_LOW", "W_HIGH": "H_INVERTER_W_HIGH"}
    checked = 0
    for name, value in own.items():
        plain = same.get(name[1:], "P_" + name[1:])
        if isinstance(value, int) and hasattr(panel_kernel, plain):
            assert value == getattr(panel_kernel, plain), name
            checked += 1
    assert checked == 31


def test_the_witness_rooms_read_the_book_that_is_written() -> None:
    shared = [n for n in vars(witness_rooms) if n in vars(witness_kernel) and n.isupper()]
    assert len(shared) > 15
    for name in shared:
        assert getattr(witness_rooms, name) == getattr(witness_kernel, name), name


def test_the_witness_s_parts_agree_on_their_constants() -> None:
    """A kernel's constants must stand in its own file; each of the part's is the kernel's own."""
    from firmware.core.panel import witness_parent, witness_weigh
    from tests_host.core.plain import witness_parent as witness_parent_plain

    for part, least in ((witness_weigh, 10), (witness_parent, 18)):
        names = [name for name in vars(part) if name[0] == "_" and name[1].isupper()]
        assert len(names) > least
        for name in names:
            own = part is witness_parent and hasattr(witness_parent_plain, name[1:])
            whose = witness_parent_plain if own else witness_kernel
            assert getattr(part, name) == getattr(whose, name[1:]), name
