"""Families with a setpoint of their battery against devices with a sun of their own."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from firmware import image as im
from firmware.drivers.family import Family
from tests_host.bus.wire import run
from tests_host.drivers.hybrids import ALL, GoodWe, Growatt, Huawei, Hybrid, Kostal, Solis, Sungrow
from tests_host.drivers.test_family import DEVICE, LEGS, Home

STRINGS_W = 8000
NODE = 2
POLLED_S = 8  # for what is read in a poll or two, and ramps


class Roof(Home):
    """A hybrid with its time-out as long as its family bears it."""

    own: Hybrid

    def __init__(self, kind: type[Hybrid], serial: bool = False) -> None:
        super().__init__(kind, serial, max(kind.LEAST_S, 12))
        self.image.site[im.DEVICE_STRINGS_W + DEVICE] = STRINGS_W

    def reads(self, field: int) -> int:
        return self.image.live[field + DEVICE]


@pytest.mark.parametrize("serial", [False, True], ids=["tcp", "rtu"])
@pytest.mark.parametrize("kind", ALL)
def test_its_battery_obeys_under_any_sun(kind: type[Hybrid], serial: bool) -> None:
    """Charge, less, across zero both ways; the sun is another each time."""

    async def main() -> None:
        home = Roof(kind, serial)
        for w, sun_w in ((0, 4000), (3000, 0), (1000, 2500), (-2500, 1000), (-500, 6000), (0, 0)):
            home.own.sun_w = sun_w
            home.ask(w)
            await home.run(25)
            assert home.own.target == w, (w, home.errors(), home.own.sins)
            assert home.reads(im.DEVICE_W) == pytest.approx(w, abs=2)
            assert home.reads(im.DEVICE_SUN_W) == pytest.approx(sun_w, abs=abs(w) * 0.03 + 4)
        assert home.own.sins == [] and home.own.lapses == 0 and home.errors() == []

    run(main)


@pytest.mark.parametrize("kind", ALL)
def test_a_sun_that_comes_and_goes_changes_no_setpoint(kind: type[Hybrid]) -> None:
    async def main() -> None:
        home = Roof(kind)
        home.ask(-1500)
        await home.run(25)
        aims = len(home.own.targets)
        for sun_w in (0, 7900, 300, 5000, 0):
            home.own.sun_w = sun_w
            await home.run(POLLED_S)
            assert home.reads(im.DEVICE_W) == pytest.approx(-1500, abs=2)
            assert home.reads(im.DEVICE_SUN_W) == pytest.approx(sun_w, abs=50)
            # its currents are its battery's: the sun is the house's
            ma = home.image.live[im.DEVICE_MA + DEVICE * LEGS]
            assert ma == pytest.approx(-1500 / 3 / 230 * 1000, abs=200)
        assert len(home.own.targets) == aims and home.own.sins == [] and home.errors() == []

    run(main)


def test_a_node_that_it_measures_sees_its_sun() -> None:
    async def main() -> None:
        home = Roof(Huawei)
        site = home.image.site
        home.family.node = NODE
        for leg in range(LEGS):
            site[im.DEVICE_LEG + DEVICE * LEGS + leg] = leg
        home.own.sun_w = 6000
        home.ask(0)
        await home.run(POLLED_S)
        node = home.image.live[im.NODE_W + NODE * LEGS : im.NODE_W + NODE * LEGS + LEGS]
        assert list(node) == [-2000] * 3
        ma = home.image.live[im.NODE_MA + NODE * LEGS]
        assert ma == pytest.approx(-2000 / 230 * 1000, abs=20)

    run(main)


@pytest.mark.parametrize("kind", ALL)
def test_a_battery_that_does_the_opposite_is_seen(kind: type[Hybrid]) -> None:
    """By core, which holds it against what it asked: the sun hides nothing of it."""

    async def main() -> None:
        home = Roof(kind)
        home.own.wrong_sign = True
        home.own.sun_w = 2000
        home.ask(2000)
        await home.run(25)
        assert home.reads(im.DEVICE_W) == pytest.approx(-2000, abs=2)

    run(main)


@pytest.mark.parametrize("kind", ALL)
@pytest.mark.parametrize(("w", "sun_w"), [(2000, 0), (-3000, 6000)])
def test_two_powers_that_contradict_each_other_are_not_believed(
    kind: type[Hybrid], w: int, sun_w: int
) -> None:
    """Its battery's sign is another than the profile says: it is nobody's reading for minutes."""

    async def main() -> None:
        home = Roof(kind)
        home.own.words_wrong = True
        home.own.sun_w = sun_w
        home.ask(w)
        await home.run(40)
        assert home.reads(im.DEVICE_AGE_MS) > 5000
        assert any(error.startswith("sun: its battery at") for error in home.errors())
        home.own.words_wrong = False
        await home.run(200)
        assert home.reads(im.DEVICE_AGE_MS) > 5000
        await home.run(140)
        assert home.reads(im.DEVICE_AGE_MS) < 5000 and home.errors() == []

    run(main)


def test_more_sun_than_was_said_is_named_and_less_than_a_loss_is_not() -> None:
    async def main() -> None:
        home = Roof(GoodWe)
        home.image.site[im.DEVICE_STRINGS_W + DEVICE] = 0
        home.own.LOSS = 0.1  # type: ignore[misc]
        home.ask(5000)
        await home.run(40)
        assert home.reads(im.DEVICE_SUN_W) == 0 and home.errors() == []
        home.own.sun_w = 3000
        await home.run(20)
        assert any("its sun_w is 0" in error for error in home.errors())

    run(main)


def test_a_battery_of_which_nobody_knows_the_direction_has_no_power() -> None:
    async def main() -> None:
        home = Roof(Solis)
        await home.run(POLLED_S)
        put = home.own.put

        def other(words: Any) -> None:
            put(words)
            words[33135] = 7

        home.own.put = other  # type: ignore[method-assign]
        await home.run(POLLED_S)
        assert home.reads(im.DEVICE_AGE_MS) > 5000
        assert any(error.startswith("direction:") for error in home.errors())

    run(main)


@pytest.mark.parametrize(
    ("kind", "register"),
    [(Huawei, 47247), (GoodWe, 47511), (Growatt, 30409), (Kostal, 1034), (Sungrow, 13051)],
)
def test_a_refused_setpoint_has_a_name(kind: type[Hybrid], register: int) -> None:
    async def main() -> None:
        home = Roof(kind)
        home.own.refuses = {register}
        home.ask(2000)
        await home.run(15)
        assert home.own.target <= 0
        assert any(f"register {register}: write refused" in each for each in home.errors())
        home.own.refuses = set()
        await home.run(25)
        assert home.own.target == 2000 and home.errors() == []

    run(main)


@pytest.mark.parametrize("kind", ALL)
def test_after_silence_all_begins_from_zero(kind: type[Hybrid]) -> None:
    async def main() -> None:
        home = Roof(kind)
        home.own.sun_w = 3000
        home.ask(2000)
        await home.run(25)
        home.answers.fault = lambda request, answers: []
        await home.run(30)
        assert home.reads(im.DEVICE_AGE_MS) > 5000
        home.answers.fault = lambda request, answers: answers
        before = len(home.own.aims)
        await home.run(40)
        assert home.own.target == 2000 and home.own.aims[before] == 0
        assert home.reads(im.DEVICE_SUN_W) == pytest.approx(3000, abs=70)

    run(main)


@pytest.mark.parametrize("kind", [each for each in ALL if each is not GoodWe])
def test_a_silent_islet_lets_it_go(kind: type[Hybrid]) -> None:
    async def main() -> None:
        home = Roof(kind)
        home.ask(2000)
        await home.run(25)
        least_s = kind.LEAST_S or 30
        assert home.own.lease_s == max(least_s, 12)
        await home.die()
        await asyncio.sleep(home.own.lease_s + 1)
        home.own.move()
        assert home.own.lapses == 1 and home.own.target != 2000

    run(main)


# --- planted mistakes -------------------------------------------------------------------------


def test_a_power_of_the_terminals_taken_for_the_batterys_is_found(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(Family, "_battery_w", Family._power)

    async def main() -> None:
        home = Roof(Kostal)
        home.own.sun_w = 4000
        home.ask(1000)
        await home.run(25)
        assert home.reads(im.DEVICE_W) == pytest.approx(-3000, abs=50)

    run(main)
