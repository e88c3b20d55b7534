"""Islet ends in order: each family is given back to its own mode, after zero, in bounded time."""

from __future__ import annotations

import asyncio

import pytest

from firmware import image as im
from firmware.bus import line as bus_line
from firmware.bus.line import leave, stay
from tests_host.bus.wire import run
from tests_host.drivers.families import Own
from tests_host.drivers.test_family import ALL, DEVICE, Home

# what each maker's own mode is, as the fake's registers have it (hand-written, not by a profile)
GIVEN_BACK = {"solax_g4": (124, [0]), "wallbox_quasar": (81, [0]), "evtec_bidipro": (186, [0, 0])}


def now() -> float:
    return asyncio.get_running_loop().time()


@pytest.mark.parametrize("serial", [False, True], ids=["tcp", "rtu"])
@pytest.mark.parametrize("kind", ALL)
def test_it_is_given_back_after_zero(kind: type[Own], serial: bool) -> None:
    async def main() -> None:
        home = Home(kind, serial)
        home.ask(2000)
        await home.run(10)
        assert home.own.target == 2000
        home.ask(0)  # nothing is energised: before, nobody may stop it
        await home.run(0.3)
        begun = now()
        await leave([home.line])
        assert now() - begun <= bus_line._LEAVE_MS / 1000 + 0.1
        assert home.family.left() and home.own.aims[-1] == 0
        assert home.own.seen[-1] == GIVEN_BACK[home.own.NAME]
        said = len(home.own.seen)
        home.ask(3000)
        await home.run(60)
        assert len(home.own.seen) == said, "nothing after the last word"
        assert home.own.target == getattr(home.own, "OWN_W", 0) and home.own.sins == []

    run(main)


@pytest.mark.parametrize("kind", ALL)
def test_who_was_never_told_anything_is_left_alone(kind: type[Own]) -> None:
    async def main() -> None:
        home = Home(kind)
        home.image.commands[im.ISLAND_STATE] = im.ISLAND_SENSING
        await home.run(5)
        begun = now()
        await leave([home.line])
        assert now() - begun < 0.1
        await home.run(5)
        assert home.own.seen == []

    run(main)


@pytest.mark.parametrize("silent", [False, True])
@pytest.mark.parametrize("kind", ALL)
def test_one_that_takes_no_word_does_not_hold_up_the_end(kind: type[Own], silent: bool) -> None:
    async def main() -> None:
        home = Home(kind)
        home.ask(0)
        await home.run(10)
        if silent:
            home.answers.fault = lambda request, answers: []
        else:
            home.own.refuses = set(range(700))
        begun = now()
        await leave([home.line])
        assert now() - begun <= bus_line._LEAVE_MS / 1000 + 0.1

    run(main)


@pytest.mark.parametrize("kind", ALL)
def test_where_islet_stays_it_goes_on_by_zero(kind: type[Own]) -> None:
    async def main() -> None:
        home = Home(kind)
        home.ask(0)
        await home.run(10)
        await leave([home.line])
        stay([home.line])
        home.ask(1500)
        before = len(home.own.aims)
        await home.run(15)
        assert home.own.target == 1500 and home.own.sins == []
        assert home.own.aims[before] == 0, "through zero, as at first contact"

    run(main)


@pytest.mark.parametrize("w", [1800, -1800])
def test_a_setpoint_that_still_stands_is_taken_back_first(w: int) -> None:
    """Nobody may stop islet so; if it is done all the same, zero comes before own mode."""

    async def main() -> None:
        for kind in ALL:
            home = Home(kind)
            home.ask(w)
            await home.run(10)
            assert home.own.target == w
            await leave([home.line])
            assert home.own.aims[-1] == 0 and home.family.left()
            assert home.image.commands[im.SETPOINT + DEVICE] == w
            await home.die()

    run(main)
