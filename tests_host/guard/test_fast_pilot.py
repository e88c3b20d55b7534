"""The guard's look at the pilot in each block: INV-2's bound, and the glitches that it leaves."""

from __future__ import annotations

import random

import pytest

from firmware import image as f
from firmware.guard import fast_kernel as k
from tests_host.guard.rig import FRAME_US, FRAMES, Blocks
from tests_host.guard.test_fast import BLOCK_US, CONTACTOR, STEADY_C, Signal, post, pwm, steady

LOST = {"A": 12_000, "B": 9_000, "E": 0, "F": -12_000}


@pytest.mark.parametrize(
    "duty", [0.10, 0.11, 0.112, 0.152, 0.16, 0.192, 0.25, 0.5, 0.8, 0.808, 0.848, 0.96]
)
@pytest.mark.parametrize("high_mv", LOST.values(), ids=LOST)
def test_inv_2_a_lost_pilot_opens_within_20_ms(high_mv: int, duty: float) -> None:
    """INV-2, less the 1 ms that the interrupt may be late (INV-9): at every phase of the PWM and
    of the blocks. It takes what the bound leaves, so that shorter glitches open nothing."""
    dice = random.Random(3)
    for _ in range(25):
        rig = post()
        rig.now_us = dice.randrange(100_000)
        onset = rig.now_us + 6 * BLOCK_US + dice.random() * BLOCK_US
        rig.run(pwm(high_mv, duty, onset_us=onset), steady(0), 20)
        assert rig.tripped & f.TRIP_PILOT
        assert 0 < rig.now_us - onset <= 19_000
        assert not rig.outputs & CONTACTOR


@pytest.mark.parametrize("level", [12_000, 9_000, 0, -12_000])
def test_inv_2_constant_levels(level: int) -> None:
    """INV-2: without PWM too."""
    rig = post()
    took = rig.run(steady(level), steady(0), 10)
    assert took is not None and took <= 19_000
    shown_mv = level if level > 1_000 else -15_260  # below D nothing is looked at
    assert rig.image.trips[f.TRIP_VALUE] == pytest.approx(shown_mv, abs=20)


@pytest.mark.parametrize("duty", [0.10, 0.16, 0.37, 0.5, 0.8, 0.96])
@pytest.mark.parametrize("high_mv", [6_500, 6_000, 5_500, 3_000, 2_400])
def test_c_and_d_are_kept_at_every_duty(high_mv: int, duty: float) -> None:
    """Half a minute: every phase of PWM and samples comes up."""
    dice = random.Random(4)

    def noisy(us: float) -> float:
        return pwm(high_mv, duty)(us) + dice.gauss(0, 20)

    assert post().run(noisy, steady(0), 3_000) is None


def glitch(open_us: float, length_us: float, duty: float, high_mv: int) -> Signal:
    """The pilot of a car in C, once for so long at another high level."""
    return lambda us: pwm(high_mv if open_us <= us < open_us + length_us else STEADY_C, duty)(us)


@pytest.mark.parametrize(("length_ms", "duty"), [(7, 0.1), (10, 0.166), (11, 0.266), (12, 0.53)])
@pytest.mark.parametrize("high_mv", LOST.values(), ids=LOST)
def test_a_glitch_shorter_than_inv_2_leaves_is_ridden_through(
    high_mv: int, length_ms: float, duty: float
) -> None:
    """At any phase of PWM and blocks, ten times a second, loaded or not."""
    dice = random.Random(8)
    for _ in range(60):
        rig = post()
        rig.now_us = dice.randrange(100_000)
        open_us = rig.now_us + 4 * BLOCK_US + dice.random() * BLOCK_US
        assert rig.run(glitch(open_us, length_ms * 1000, duty, high_mv), steady(0), 40) is None


@pytest.mark.parametrize("mistake", ["one sample proves", "a block too long"])
def test_planted_mistakes_in_the_look_at_the_pilot_are_caught(mistake: str) -> None:
    """An edge caught in A counts as C; or the bound forgets that a block comes 2.5 ms late."""
    late = 0
    dice = random.Random(9)
    for _ in range(400):
        rig = post()
        memory = rig.fast.memories[0]
        if mistake == "a block too long":
            memory[k.GONE_MOST] += FRAMES
        rig.now_us = dice.randrange(100_000)
        onset = rig.now_us + 6 * BLOCK_US + dice.random() * BLOCK_US
        signals = Blocks(rig.analog)
        slow = pwm(12_000, dice.choice((0.1, 0.5)), onset_us=onset)
        for _ in range(20):
            if mistake == "one sample proves":
                memory[k.PROOF] = 1
                memory[k.CLEAR] = 17
            rig.one(signals.make(rig.now_us, slow, steady(0)))
            if rig.tripped:
                break
        late += rig.now_us - onset > 19_000
    assert late > 0


def test_one_spike_is_no_lost_pilot() -> None:
    rig = post()

    def pilot(us: float) -> float:
        return 12_000 if us % 50_000 < FRAME_US else pwm(6_000, 0.5)(us)

    assert rig.run(pilot, steady(0), 1_000) is None


def test_a_gateway_owns_its_pilot() -> None:
    assert post(TOPOLOGY=2).run(steady(12_000), steady(0), 40) is None
