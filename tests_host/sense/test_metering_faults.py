"""Metering chips: sags, outages, ages, and what happens when a chip or its bus fails."""

from __future__ import annotations

import pytest

from firmware import image as im
from firmware.sense import atm90e32
from tests_host.sense.metering_bench import ONE, READY_S, STEP_MS, Site, bench, three, within

MEANS = (0xB1, 0xC1, 0xB2, 0xC2, 0xB3, 0xC3, 0xD9, 0xDA, 0xDB, 0xDD, 0xDE, 0xDF)


# --- sags and outages ------------------------------------------------------------------------


def test_a_dead_grid_is_seen_within_two_steps() -> None:
    """The mean of 16 periods would take 640 ms."""
    with bench() as b:
        b.wave(three(230), three(10))
        b.run(READY_S)
        b.wave(three(0), three(0), chip=0)
        b.run(0.2)
        for leg in range(im.LEGS):
            assert b.reading(im.GRID_MV + leg) < 23_000, leg
        assert b.reading(im.HOUSE_MV) > 229_000
        assert b.reading(im.GRID_MHZ) == 0
        b.run(1.0)
        assert b.reading(im.GRID_MV) < 1_000


def test_a_dead_grid_is_no_stale_one() -> None:
    """Nothing flickers on quiet inputs: that is no frozen chip, and the age stays small."""
    with bench(Site(build={"noise": 0})) as b:
        b.wave(three(0), three(0))
        b.run(READY_S)
        for _ in range(60):
            b.step()
            assert b.reading(im.GRID_AGE_MS) <= 420
            assert b.reading(im.HOUSE_AGE_MS) <= 420


def test_a_deep_sag_is_seen_within_two_steps_and_ends_by_itself() -> None:
    with bench(Site(chips=ONE)) as b:
        b.wave(three(230), three(10))
        b.run(READY_S)
        b.wave(three(100), three(10))
        b.run(0.2)
        assert b.reading(im.GRID_MV) < 230_000 * 0.45
        b.wave(three(230), three(10))
        b.run(1.0)
        assert within(b.reading(im.GRID_MV), 230_000, 0.5)


def test_the_frequency_comes_from_a_leg_that_is_there() -> None:
    with bench(Site(chips=ONE)) as b:
        volts = three(230)
        b.wave(volts, three(10), 50.2)
        b.run(READY_S)
        b.wave([0, 0, *volts[2:]], three(10), 50.2)
        b.run(1)
        assert b.reading(im.GRID_MV) < 1_000
        assert abs(b.reading(im.GRID_MHZ) - 50_200) <= 15


def test_legs_are_read_though_the_first_is_dead_quiet() -> None:
    """Its low word is what tells of a renewal."""
    with bench(Site(chips=ONE, build={"noise": 0})) as b:
        volts = [0.0, 0.0, *three(230)[2:]]
        b.wave(volts, three(0))
        b.run(READY_S)
        b.wave(volts, [0.0, 0.0, *three(25)[2:]])
        b.run(1.2)
        assert within(b.reading(im.NODE_MA + 1), 25_000, 0.5)
        assert within(b.reading(im.NODE_W + 2), 5_750, 1)


def test_a_current_without_voltage_has_no_direction() -> None:
    with bench(Site(chips=ONE)) as b:
        b.wave(three(230), three(10))
        b.run(READY_S)
        b.wave(three(0), three(10))
        b.run(1)
        assert b.reading(im.GRID_AGE_MS) <= 420
        assert b.reading(im.NODE_AGE_MS) >= 1_000


# --- ages ------------------------------------------------------------------------------------


@pytest.mark.parametrize("hz", [45, 50, 60, 65])
def test_a_healthy_chip_is_never_stale(hz: int) -> None:
    """Below the 500 ms at which a grid counts as unknown, with uneven control cycles."""
    with bench(Site(hz=60 if hz > 55 else 50)) as b:
        b.wave(three(230), three(10), hz + 0.033)  # its register flickers
        b.run(READY_S)
        oldest = 0
        for k in range(80):
            b.cycle_ns = (87_000_000, 113_000_000, 100_000_000)[k % 3]
            b.step()
            oldest = max(oldest, b.reading(im.GRID_AGE_MS), b.reading(im.NODE_AGE_MS))
        assert 300 <= oldest <= 440


def test_the_age_is_that_of_the_mean() -> None:
    """A step of the current shows at the age at which it must: whole after the second renewal."""
    with bench(Site(chips=ONE)) as b:
        b.wave(three(230), three(10))
        b.run(READY_S)
        for _ in range(12):
            b.wave(three(230), three(30))
            changed = b.models.nanos
            for _ in range(30):
                b.step()
                # latched: as old as said, counted from the end of a mean of 16 periods
                taken = b.models.nanos - b.cycle_ns - b.reading(im.NODE_AGE_MS) * 1_000_000
                if taken - 320_000_000 > changed:
                    assert within(b.reading(im.NODE_MA), 30_000, 0.5)
            b.wave(three(230), three(10))
            b.run(1.03)


def test_a_new_frequency_makes_no_mean_fresh() -> None:
    """It is measured in each period; the age is that of voltages, currents and powers."""
    with bench(Site(chips=ONE)) as b:
        b.wave(three(230), three(10), 50.033)
        b.run(READY_S)
        means: list[int] = []
        same = younger = 0
        for _ in range(60):
            age_ms = b.reading(im.GRID_AGE_MS)
            b.step()
            before, means = means, [b.models.ask("result", 0, r) for r in MEANS]
            if means == before:
                same += 1
                younger += b.reading(im.GRID_AGE_MS) <= age_ms
        assert same > 20 and younger <= 2  # a renewal may come while a poll is reading


def test_the_means_of_two_chips_are_read_in_turn() -> None:
    """Renewed together, they are read in two cycles; the age knows."""
    with bench(Site(evse_node=True)) as b:
        b.wave(three(230), three(16))
        b.run(READY_S)
        together = 0
        for _ in range(30):
            for select in b.selects:
                select.transfers = 0
            b.step()
            assert sum(s.transfers for s in b.selects) <= 21 + 5
            if b.drivers[1].read_all:
                together += b.drivers[1].age_ms == STEP_MS
                assert b.drivers[1].age_ms <= STEP_MS
        assert together >= 5


# --- faults ----------------------------------------------------------------------------------


@pytest.mark.parametrize("fault", ["absent", "driven_low"])
def test_a_chip_that_is_not_there_ages(fault: str) -> None:
    with bench() as b:
        b.wave(three(230), three(10))
        b.run(READY_S)
        b.models.tell("fault", 0, {"absent": True})
        if fault == "driven_low":
            b.models.tell("lowMiso", 0, True)
        b.run(1)
        assert b.reading(im.GRID_AGE_MS) >= 1_000 and b.reading(im.NODE_AGE_MS) >= 1_000
        assert b.reading(im.HOUSE_AGE_MS) <= 420  # the other one goes on
        b.models.tell("fault", 0, {"absent": False})
        if fault == "driven_low":
            b.models.tell("lowMiso", 0, False)
        b.run(4)
        assert b.reading(im.GRID_AGE_MS) <= 420
        assert b.drivers[0].state == atm90e32.OK


def test_a_chip_that_never_answers_is_absent() -> None:
    with bench() as b:
        b.models.tell("fault", 1, {"absent": True})
        b.run(5)
        assert b.drivers[1].state == atm90e32.ABSENT or b.drivers[1].state == atm90e32.STARTING
        assert b.reading(im.HOUSE_AGE_MS) >= 1_000_000_000
        assert b.drivers[0].valid


def test_a_brown_out_is_noticed_at_once_and_mended() -> None:
    with bench() as b:
        b.wave(three(230), three(40))
        b.run(READY_S)
        seen = []
        b.models.tell("brownOut", 0, b.models.nanos - 50_000_000)
        for _ in range(25):
            b.step()
            seen.append(b.reading(im.GRID_AGE_MS))
            assert within(b.reading(im.GRID_MV), 230_000, 0.5)  # never the reset chip's own scale
            assert within(b.reading(im.NODE_MA), 40_000, 0.5)
        assert max(seen) >= 1_000  # not renewed meanwhile
        assert seen[-1] <= 420
        assert b.drivers[0].resets == 1 and b.drivers[1].resets == 0
        assert b.models.ask("register", 0, 0x61) != 0x8000


def test_a_lost_setting_is_found_and_mended() -> None:
    with bench(Site(chips=ONE)) as b:
        b.wave(three(230), three(40))
        b.run(READY_S)
        b.models.tell("lose", 0, [0x62, 0x9000])
        b.run(8)
        assert b.drivers[0].resets == 1
        assert within(b.reading(im.NODE_MA), 40_000, 0.5)


def test_a_stuck_chip_is_invalid_within_two_seconds() -> None:
    with bench(Site(chips=ONE)) as b:
        b.wave(three(230), three(10))
        b.run(READY_S)
        b.models.tell("fault", 0, {"stuck": True})
        b.run(2.5)
        assert b.drivers[0].state == atm90e32.FROZEN
        assert b.reading(im.GRID_AGE_MS) > 500
        b.models.tell("fault", 0, {"stuck": False})
        b.run(1)
        assert b.reading(im.GRID_AGE_MS) <= 420


@pytest.mark.parametrize("share", [1e-4, 1e-3])
def test_disturbed_transfers_are_not_believed(share: float) -> None:
    """A wrong bit in 10 000 or 1 000: no reading is off by more than what a jump may hide."""
    with bench(Site(chips=ONE)) as b:
        b.wave(three(230), three(40))
        b.run(READY_S)
        b.models.tell("flips", 0, share)
        fresh = 0
        for _ in range(300):
            b.step()
            for leg in range(im.LEGS):
                assert within(b.reading(im.GRID_MV + leg), 230_000, 13)
                assert within(b.reading(im.NODE_MA + leg), 40_000, 13)
                assert within(b.reading(im.NODE_W + leg), 9_200, 1)
            fresh += b.reading(im.GRID_AGE_MS) <= 500
        assert b.drivers[0].disturbed > 0
        assert b.drivers[0].resets <= (0 if share < 5e-4 else 3)
        assert fresh > (250 if share < 5e-4 else 100)


def watts(pair: list[int]) -> float:
    high, low = pair
    return ((high << 16 | low) - ((high & 0x8000) << 17)) * 0.00032 * 2


def test_a_power_is_never_put_together_from_two_means() -> None:
    """Late polls that meet the next renewal while they read, at every moment of theirs: once with
    another power since long, once with one that comes with this renewal."""
    with bench(Site(chips=ONE)) as b:
        b.run(READY_S)
        torn = 0
        for shift in range(90):
            b.wave(three(230), three(10 + shift * 0.613))
            b.run(1.0)
            end = b.models.ask("windowEnd", 0)
            while end < b.models.nanos + 340_000_000:
                end += 320_000_000
            if shift % 2:
                b.models.nanos = end - 319_000_000
            b.wave(three(230), three(30 - shift * 0.177))
            b.models.nanos = end - 1_300_000 + shift * 15_000
            before = watts(b.models.ask("pair", 0, b.models.nanos - 1_000_000))
            last_w, dropped = b.reading(im.NODE_W), b.drivers[0].disturbed
            b.step()
            torn += b.drivers[0].disturbed - dropped
            after = watts(b.models.ask("pair", 0, end + 1_000_000))
            w = b.reading(im.NODE_W)
            assert min(abs(w - known) for known in (last_w, before, after)) <= 2, shift
        assert torn > 0
