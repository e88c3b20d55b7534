# islet: the kernels say what their plain twins say, as text, in C and in machine code.
# GPL-3.0-or-later
from __future__ import annotations

import subprocess
import sys
from array import array
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from firmware import image as f
from firmware.core.limits import arbiter as limits
from firmware.core.limits import kernel as limits_kernel
from firmware.core.panel import layout, witness_kernel
from tests_host.conftest import RunDevice
from tests_host.core import chance

ROOT = Path(__file__).resolve().parents[2]
DEVICE = ROOT / "tests_host/core/device/kernels.py"
SEEDS = 300
TEXT_SEEDS = 60  # of them also by the text itself, which takes much longer
Answers = list[list[list[int]]]  # by seed: what each kernel and its twin say, in turn


pytestmark = pytest.mark.timeout(400)


@pytest.fixture(scope="module")
def cases() -> SimpleNamespace:
    return chance.cases("kernels.py")


@pytest.fixture(scope="module")
def answers(cases: SimpleNamespace) -> Answers:
    return [cases.answers(seed) for seed in range(SEEDS)]


def test_kernels_in_c_are_their_plain_twins(cases: SimpleNamespace, answers: Answers) -> None:
    names = [run.__name__ for run, _, _ in cases.PAIRS]
    for seed, said in enumerate(answers):
        for name, kernel, plain in zip(names, said[::2], said[1::2], strict=True):
            assert kernel == plain, (name, seed)


@pytest.mark.usefixtures("kernels_as_text")
def test_their_text_says_the_same_on_cpython(cases: SimpleNamespace, answers: Answers) -> None:
    for seed in range(TEXT_SEEDS):
        assert cases.answers(seed) == answers[seed], seed


def test_machine_code_says_the_same(
    cases: SimpleNamespace, answers: Answers, run_device: RunDevice
) -> None:
    script = f"import sys; sys.argv.append('{SEEDS}'); exec(open({str(DEVICE)!r}).read())"
    lines = run_device(script, timeout=300, heap="8m").splitlines()
    assert len(lines) == SEEDS
    for seed, line in enumerate(lines):
        said = [cases.checksum(values) for values in answers[seed][::2]]
        assert [int(word) for word in line.split()] == said, seed


def test_values_stay_within_30_bits(answers: Answers) -> None:
    """Beyond, the chip would wrap in the kernel and allocate outside of it."""
    for said in answers:
        for kernel in said[::2]:
            assert all(-(2**30) < value < 2**30 for value in kernel)


PARTS = {
    "": ("judge", "survey", "breakers", "leased", "busbars", "neutral"),
    "pairing": ("ages", "pair", "house"),
    "steps": ("stepped", "appear", "own"),
    "device": ("push", "pace", "moves"),
    "has": ("volts", "occupy"),
    "share": ("serve",),
}


@pytest.mark.parametrize("part,name", [(p, name) for p, names in PARTS.items() for name in names])
def test_a_wrong_kernel_is_found(cases: SimpleNamespace, part: str, name: str) -> None:
    """The comparison can fail: a kernel whose part does nothing differs from its twin."""

    def nothing(*_: Any) -> int:
        return 0

    run, right, plain = cases.PAIRS[0]
    wrong = SimpleNamespace(**vars(right))
    if part:
        setattr(wrong, part, SimpleNamespace(**vars(getattr(right, part))))
    setattr(getattr(wrong, part) if part else wrong, name, nothing)
    assert any(run(wrong, seed) != run(plain, seed) for seed in range(20))


@pytest.mark.parametrize(
    ("module", "name"),
    [
        ("claims_kernel", "claim"),
        ("claims_kernel", "narrow"),
        ("export_kernel", "highest"),
        ("export_kernel", "share"),
        ("relief_kernel", "relieve"),
    ],
)
def test_a_wrong_kernel_of_a_module_of_its_own_is_found(
    cases: SimpleNamespace, module: str, name: str
) -> None:
    ((run, right, plain),) = [
        pair for pair in cases.PAIRS if getattr(pair[1], "__name__", "").endswith("." + module)
    ]
    wrong = SimpleNamespace(**{**vars(right), name: lambda *_: 0})
    assert any(run(wrong, seed) != run(plain, seed) for seed in range(20))


@pytest.mark.parametrize("devices", [3, 6])
def test_kernels_are_their_twins_with_more_devices(devices: int) -> None:
    command = [sys.executable, "-m", "tests_host.core.many", str(devices), "60"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, ""), done.stderr


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


def test_rows_do_not_overlap() -> None:
    """Each word of an array's row is one thing's."""
    for prefix, last in (("P_", "P_ROW"), ("D_", "D_ROW"), ("H_", "H_ROW"), ("C_", "C_ROW")):
        names = [n for n in vars(layout) if n.startswith(prefix) and n not in (last, "P_HEAD")]
        places = [getattr(layout, name) for name in names]
        assert max(places) < getattr(layout, last) or prefix == "P_"
        row = places[places.index(0, 1) :] if prefix == "P_" else places  # after the head
        assert row == sorted(set(row)) and row[-1] < getattr(layout, last), prefix


def test_steps_there_and_back_prove_together() -> None:
    """Two of 2 A are 4 A of evidence, whichever way they went."""
    book = array("i", [0] * (layout.B_HEAD + layout.C_ROW))
    plan = array("i", [0] * (layout.P_HEAD + layout.P_ROW))
    at = layout.B_HEAD
    for own_ma in (8_000, 6_000):
        book[at + layout.C_OPEN] = layout.OPEN
        book[at + layout.C_FROM] = 14_000 - own_ma
        book[at + layout.C_BASE] = book[at + layout.C_HIGHEST] = 15_000 - own_ma
        book[at + layout.C_LOWEST] = book[at + layout.C_HIGHEST] = own_ma + 1_000
        book[at + layout.C_STIR] = 8_000  # a restless place asks for all of 3 A
        witness_kernel.close(book, plan, layout.P_HEAD, at, own_ma + 1_000, own_ma, 0, 2_000)
    assert book[at + layout.C_PROVED] == 6_000
