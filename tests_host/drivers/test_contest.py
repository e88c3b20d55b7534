"""Two hands at one device: named, and left to one of them. And a zero, which waits for no plan."""

from __future__ import annotations

import pytest

from firmware import image as im
from tests_host.bus.wire import run
from tests_host.drivers.families import Quasar
from tests_host.drivers.test_family import DEVICE, Home

POWER = 260  # Quasar's


async def fought(home: Home, seconds: int, register: int, value: int, every_s: int) -> None:
    """Something else writes this, so often."""
    for _ in range(seconds // every_s):
        await home.run(every_s)
        home.answers.registers(1)[register] = value


@pytest.mark.parametrize(
    ("register", "value", "every_s"),
    [(POWER, 5000, 7), (POWER, 5000, 1), (POWER, 0x10000 - 700, 15), (83, 0, 30)],
)
def test_two_hands_are_named_and_islet_lets_go(register: int, value: int, every_s: int) -> None:
    """Seldom or each second, more or the other way, its power or its mode."""

    async def main() -> None:
        home = Home(Quasar)
        home.ask(2000)
        await home.run(30)
        await fought(home, 300, register, value, every_s)
        await home.run(5)
        assert any(error.startswith("other hand: something else") for error in home.errors())
        assert home.image.live[im.DEVICE_FAULT + DEVICE] == 2
        said = len(home.own.seen)
        assert home.own.aims[-1] == 0  # its last word
        await fought(home, 300, register, value, every_s)
        assert len(home.own.seen) == said  # no fight
        await home.run(600)
        assert len(home.own.seen) == said
        home.image.requests[im.ACKNOWLEDGE_SEQ] += 1
        await home.run(10)
        assert home.own.target == 2000 and home.own.sins == [] and home.errors() == []
        assert home.image.live[im.DEVICE_FAULT + DEVICE] == 0

    run(main)


def test_what_is_lost_now_and_then_is_no_second_hand() -> None:
    """Three times in ten minutes, for an hour: written again each time."""

    async def main() -> None:
        home = Home(Quasar)
        home.ask(2000)
        await home.run(30)
        for _ in range(15):
            await fought(home, 220, 83, 0, 220)
        await home.run(60)
        assert home.image.live[im.DEVICE_FAULT + DEVICE] == 0
        assert home.own.target == 2000 and home.errors() == []

    run(main)


def test_a_limit_of_its_own_is_no_second_hand() -> None:
    """It holds less than it is told, each second, and went on with what it was told before."""

    async def main() -> None:
        home = Home(Quasar)
        home.ask(2000)
        await home.run(60)
        await fought(home, 600, POWER, 1500, 1)
        assert home.image.live[im.DEVICE_FAULT + DEVICE] == 0
        assert home.own.target == 2000

    run(main)


# --- a zero and the plan under way -----------------------------------------------------------


@pytest.mark.parametrize("done", range(1, 6))
def test_a_zero_breaks_off_a_plan_at_its_next_request(done: int) -> None:
    """So many requests of it are made; the next one is the zero, and none of it follows."""

    async def main() -> None:
        home = Home(Quasar)
        home.ask(0)
        await home.run(10)
        before = len(home.own.seen)
        home.ask(2000)
        for _ in range(5000):
            await home.run(0.001)
            if len(home.own.seen) - before >= done:
                break
        home.ask(0)
        await home.run(3)
        made = [first for first, _ in home.own.seen[before:]]
        assert made[: done - 1] == [81, 82, 83, 88, POWER][: done - 1]
        words = home.own.seen[before:]
        at = words.index((POWER, [0]))
        assert done <= at <= done + 1, words  # one may have been on the wire
        assert not {81, 82, 83} & set(made[at:]) and home.own.target == 0

    run(main)


def test_a_zero_does_not_wait_for_what_was_refused_before_it() -> None:
    async def main() -> None:
        home = Home(Quasar)
        home.ask(2000)
        await home.run(10)
        home.own.refuses = {83}
        home.image.commands[im.DEVICE_OBEDIENCE + DEVICE] = im.OBEY_AGAIN
        await home.run(5)
        before = len(home.own.seen)
        while len(home.own.seen) == before:  # refused once more: it rests for half a second
            await home.run(0.01)
        assert home.own.target == 2000
        home.ask(0)
        begin = home.own.time()
        while home.own.target:
            await home.run(0.01)
            assert home.own.time() - begin < 0.2

    run(main)
