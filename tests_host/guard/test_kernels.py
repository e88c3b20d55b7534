"""The guard's kernels equal their plain twins: on CPython, and in viper under MicroPython."""

from __future__ import annotations

import json

from firmware.guard import TABLE, Guard, fast_kernel, kernel
from tests_host.conftest import ROOT, RunDevice
from tests_host.guard import cases
from tests_host.guard.plain import fast_kernel as fast_kernel_plain

DEVICE = ROOT / "tests_host/guard/device"


class Board:
    sees_grid = 0

    def write_outputs(self, bits: int) -> None:
        raise AssertionError("a cause writes nothing")


class Plain:
    """The rows of the table, asked one by one."""

    @staticmethod
    def causes(site, live, commands, trips, own) -> int:
        image = cases.image(cases.Dice(1))
        image.site, image.live, image.commands, image.trips = site, live, commands, trips
        guard = Guard(image, Board())
        guard.own = own
        return sum(row[0] for row in TABLE if row[1](guard))


def test_all_causes_at_once_are_the_rows_one_by_one() -> None:
    seeds = range(1, 6000)
    found = cases.causes_of(kernel, seeds)
    assert found == cases.causes_of(Plain, seeds)
    for row in TABLE:  # the vectors reach both sides of each
        share = sum(1 for bits in found if bits & row[0]) / len(found)
        assert 0.02 < share < 0.98, row[5]


def test_a_block_is_looked_at_as_the_plain_twin_does() -> None:
    seeds = range(1, 120)
    answers = cases.looks_of(fast_kernel, seeds)
    assert answers == cases.looks_of(fast_kernel_plain, seeds)
    assert {0, 1, 2, 3} <= set(answers)


def test_sums_of_squares_stay_within_30_bits() -> None:
    """The widest ring of blocks at the rail."""
    assert 4095**2 * cases.FRAMES * 2 < 2**30  # a middle may be at an end until it has settled
    assert 2048**2 * cases.FRAMES * fast_kernel.RING_SIZE < 2**30


def test_viper_agrees_under_micropython(run_device: RunDevice) -> None:
    lines = run_device(DEVICE / "kernels.py").splitlines()
    found, viper, plain = (json.loads(line) for line in lines)
    assert found == cases.causes_of(kernel, range(1, 1500))
    assert viper == plain == cases.looks_of(fast_kernel_plain, range(1, 25))


def test_a_wrong_kernel_is_found() -> None:
    """The comparison can fail."""

    class Deaf:
        @staticmethod
        def look(*given) -> int:
            return fast_kernel.look(*given) & ~fast_kernel.LOST_PILOT

    seeds = range(1, 30)
    assert cases.looks_of(Deaf, seeds) != cases.looks_of(fast_kernel_plain, seeds)
