"""A storage by SunSpec 124 behind an older inverter, found by its chain."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from firmware import image as im
from firmware.drivers.sunspec_storage import Storage
from tests_host.bus.wire import model as file_of
from tests_host.bus.wire import run
from tests_host.drivers.gen24 import OWN_W, Floats, Gen24, Verto
from tests_host.drivers.test_family import DEVICE
from tests_host.drivers.test_hybrids import Roof
from tests_host.pack.test_families import profile

ALL = (Gen24, Floats, Verto)


class Cellar(Roof):
    DRIVER = Storage
    own: Any
    family: Storage


def test_our_offsets_are_those_of_the_model_files() -> None:
    """The profile's registers too: 256 times the model, and the point."""
    document = profile("sunspec_124")
    rows = {row["register"]: row["from"][0] for row in document["rows"] + document["writes"]}
    rows |= {31756: "sunspec: 124.OutWRte"}
    named = 0
    for register, said in rows.items():
        if said.startswith("sunspec: "):
            number, point = said.removeprefix("sunspec: ").split(".")
            assert register == 256 * int(number) + file_of(int(number))[point][0], said
            named += 1
    assert named == 13
    for number, names in {
        124: {"ChaState_SF": 22, "WChaMax_SF": 18, "InOutWRte_SF": 25, "StorCtl_Mod": 5},
        160: {"DCW_SF": 4, "N": 8, "module.ID": 10, "module.IDStr": 11, "module.DCW": 21},
        111: {"St": 48}, 112: {"St": 48}, 113: {"St": 48}, 101: {"St": 38}, 102: {"St": 38},
    }.items():  # fmt: skip
        for name, offset in names.items():
            assert file_of(number)[name][0] == offset


@pytest.mark.parametrize("serial", [False, True], ids=["tcp", "rtu"])
@pytest.mark.parametrize("kind", ALL)
def test_its_battery_obeys_under_any_sun(kind: type[Gen24], serial: bool) -> None:
    async def main() -> None:
        home = Cellar(kind, serial)
        for w, sun_w in ((0, 4000), (3000, 0), (1000, 2500), (-2500, 1000), (-500, 6000), (0, 0)):
            home.own.sun_w = sun_w
            home.ask(w)
            await home.run(25)
            assert home.own.target == pytest.approx(w, abs=1), (home.errors(), home.own.sins)
            assert abs(home.own.target) <= abs(w)
            assert home.reads(im.DEVICE_W) == pytest.approx(w, abs=3)
            assert home.reads(im.DEVICE_SUN_W) == pytest.approx(sun_w, abs=abs(w) * 0.03 + 6)
        assert home.own.sins == [] and home.own.lapses == 0 and home.errors() == []
        assert home.reads(im.DEVICE_SOC_PERMILLE) == 553
        assert home.reads(im.DEVICE_MODE) == im.MODE_FOLLOW
        assert home.family.state() == "ok"

    run(main)


@pytest.mark.parametrize(("factor", "step_w"), [(-2, 0.648), (-1, 6.48), (0, 64.8)])
@pytest.mark.parametrize("w", [1999, -1999])
def test_percent_are_rounded_towards_less(factor: int, step_w: float, w: int) -> None:
    async def main() -> None:
        home = Cellar(Gen24)
        home.own.rate_factor = factor
        home.ask(w)
        await home.run(25)
        assert abs(w) - step_w - 1 <= abs(home.own.target) <= abs(w)
        assert home.own.target * w > 0 and home.own.sins == []

    run(main)


def test_at_first_contact_what_somebody_left_is_taken_back() -> None:
    """Its limits forced 6 kW into the grid: out of the way before anything is switched on."""

    async def main() -> None:
        home = Cellar(Gen24)
        home.own.out, home.own.into, home.own.mode = 10_000, -10_000, 3
        home.ask(1500)
        await home.run(15)
        at = home.own.at[124]
        assert [first - at for first, _ in home.own.seen[:4]] == [15, 12, 5, 12]
        assert home.own.seen[1][1] == [0, 0]
        assert home.own.target == pytest.approx(1500, abs=1) and home.own.sins == []

    run(main)


def test_it_lets_go_when_islet_falls_silent() -> None:
    async def main() -> None:
        home = Cellar(Gen24)
        home.ask(-2000)
        await home.run(20)
        await home.die()
        home.tasks = []
        await asyncio.sleep(14)
        home.own.move()
        assert home.own.target == OWN_W and home.own.lapses == 1

    run(main)


@pytest.mark.parametrize("seconds", [0, 5, 30])
def test_models_that_moved_are_found_again_before_any_write(seconds: float) -> None:
    async def main() -> None:
        home = Cellar(Gen24)
        home.ask(2000)
        await home.run(25)
        if seconds:
            home.answers.fault = lambda request, answers: []
            await home.run(seconds)
            home.answers.fault = lambda request, answers: answers
        home.own.EXTRA = 20
        home.own.rate_factor = -1
        home.own.out = home.own.into = 1000
        home.own.at = {}
        await home.run(60)
        assert home.own.sins == [] and home.errors() == []
        assert 2000 - 8 <= home.own.target <= 2000
        assert home.reads(im.DEVICE_AGE_MS) < 5000

    run(main)


def test_another_factor_is_noticed_before_the_next_setpoint() -> None:
    """Nobody was silent: an update took a second. What is told meanwhile is seen, and mended."""

    async def main() -> None:
        home = Cellar(Gen24)
        home.ask(1000)
        await home.run(25)
        home.own.rate_factor = -1
        home.own.out = home.own.into = 1000
        home.own.sins.clear()
        await home.run(30)
        assert 1000 - 8 <= home.own.target <= 1000

    run(main)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"NAMES": ("MPPT 1", "MPPT 2", "MPPT 3", "MPPT 4")}, "0 modules are named STCHA"),
        ({"NAMES": ("StCha 1", "StCha 2", "StDisCha 3")}, "2 modules are named STCHA"),
        ({"NAMES": ("x",) * 6}, "160.N: 6, allowed 1…5"),
        ({"rate_factor": -3}, "124.InOutWRte_SF: -3, allowed -2…0"),
        ({"rate_factor": -0x8000}, "124.InOutWRte_SF: -32768, allowed -2…0"),
        ({"INVERTER": 101}, "model 101: no current of L2"),
    ],
)
def test_what_cannot_be_commanded_honestly_is_refused_by_name(
    changes: dict[str, Any], reason: str
) -> None:
    async def main() -> None:
        home = Cellar(Gen24)
        for name, value in changes.items():
            setattr(home.own, name, value)
        if "rate_factor" in changes:
            home.own.out = home.own.into = 100
        home.ask(1000)
        await home.run(20)
        assert any(reason in error for error in home.errors()), home.errors()
        assert home.family.state() == "refused"
        assert home.own.seen == [] and home.reads(im.DEVICE_AGE_MS) > 5000

    run(main)


def test_without_a_rating_nothing_is_asked_of_it() -> None:
    async def main() -> None:
        home = Cellar(Gen24)
        home.own.W_MAX = 0xFFFF
        home.ask(1000)
        await home.run(20)
        assert home.own.target == 0 and home.own.sins == []
        assert any(error.startswith("watts: ") for error in home.errors())

    run(main)


def test_a_busy_device_is_asked_again() -> None:
    async def main() -> None:
        home = Cellar(Gen24)
        home.own.busy = 3
        await home.run(10)
        assert home.family.placed and home.reads(im.DEVICE_AGE_MS) < 5000
        home.own.busy = 7
        home.ask(1000)
        await home.run(40)
        assert home.own.target == pytest.approx(1000, abs=1)

    run(main)


def test_a_fault_and_a_rest_are_told() -> None:
    async def main() -> None:
        home = Cellar(Gen24)
        for state, mode, fault in (
            (4, im.MODE_FOLLOW, 0),
            (7, im.MODE_STOP, 1),
            (8, im.MODE_STOP, 0),
        ):
            home.own.state = state
            await home.run(8)
            assert home.image.live[im.DEVICE_MODE + DEVICE] == mode
            assert home.image.live[im.DEVICE_FAULT + DEVICE] == fault

    run(main)


def test_two_powers_that_contradict_each_other_are_not_believed() -> None:
    async def main() -> None:
        home = Cellar(Gen24)
        home.own.words_wrong = True
        home.ask(2000)
        await home.run(40)
        assert home.reads(im.DEVICE_AGE_MS) > 5000
        assert any(error.startswith("sun: its battery at") for error in home.errors())

    run(main)
