"""Families as data against devices with a will of their own."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from firmware import image as im
from firmware.bus.line import Line
from firmware.bus.rtu import Rtu
from firmware.drivers import family_control
from firmware.drivers.family import Family
from firmware.drivers.plans import Plans
from tests_host.bus.connection import master
from tests_host.bus.house import profile
from tests_host.bus.wire import Devices, Uart, run
from tests_host.drivers.families import Evtec, Own, Quasar, Solax
from tests_host.fields import columns

DEVICE, LEGS, REVERT_S = 1, 3, 12
ALL = (Solax, Quasar, Evtec)


class Home:
    """One device of a family, over a connection or on RS-485."""

    DRIVER = Family

    def __init__(
        self,
        kind: type[Own],
        serial: bool = False,
        revert_s: int = REVERT_S,
        packed: bytes = b"",
    ) -> None:
        self.image = im.Image()
        site = self.image.site
        site[im.LEG_COUNT] = site[im.DEVICE_LEGS + DEVICE] = LEGS
        site[im.DEVICE_KIND + DEVICE] = im.KIND_CONVERTER
        site[im.DEVICE_REVERT_MS + DEVICE] = revert_s * 1000
        site[im.DEVICE_CHARGE_W + DEVICE] = 8000
        site[im.DEVICE_DISCHARGE_W + DEVICE] = 7000
        columns(site)
        self.image.commands[im.ISLAND_STATE] = im.ISLAND_GRID
        self.own = kind()
        self.answers: Any
        if serial:
            self.answers = Devices(self.own.device)
            self.rtu: Any = Rtu(Uart(self.answers, 19_200), 19_200, 10)
        else:
            self.rtu, self.answers, _ = master(self.own.device)
        self.line = Line(self.rtu)
        packed = packed or profile(self.own.NAME)
        self.family = self.DRIVER(self.image, self.line, packed, DEVICE, 1)
        self.core_beats = True
        self.tasks: list[asyncio.Future[Any]] = []

    async def run(self, seconds: float) -> None:
        """On and on: nothing stops between two calls."""
        if not self.tasks:
            self.tasks = [asyncio.ensure_future(work) for work in (self.line.run(), self.live())]
        await asyncio.sleep(seconds)
        for task in self.tasks:
            if task.done():
                task.result()  # show why it does not run

    async def live(self) -> None:
        while True:
            await asyncio.sleep(0.1)
            self.image.age(100)
            self.image.commands[im.BEAT] += self.core_beats

    async def die(self) -> None:
        """Whoever waits for an answer that is just there does not hear it the first time."""
        while not all(task.done() for task in self.tasks):
            for task in self.tasks:
                task.cancel()
            await asyncio.sleep(0.01)

    def ask(self, w: int, mode: int = im.MODE_FOLLOW) -> None:
        self.image.commands[im.SETPOINT_MODE + DEVICE] = mode
        self.image.commands[im.SETPOINT + DEVICE] = w

    def errors(self) -> list[str]:
        return self.family.report()["errors"]

    def targets(self) -> list[int]:
        return [w for _, w in self.own.targets]


@pytest.mark.parametrize("serial", [False, True], ids=["tcp", "rtu"])
@pytest.mark.parametrize("kind", ALL)
def test_it_obeys_and_no_rule_of_its_own_is_broken(kind: type[Own], serial: bool) -> None:
    """Charge, more, less, across zero both ways, stop; each for long enough to be renewed."""

    async def main() -> None:
        home = Home(kind, serial)
        for w in (0, 3000, 3400, 1000, -2500, 2000, -500, 0):
            home.ask(w)
            await home.run(15)
            assert home.own.target == w, (w, home.errors(), home.own.sins)
            assert home.image.live[im.DEVICE_W + DEVICE] == pytest.approx(w, abs=2)
        home.ask(900)
        await home.run(5)
        home.ask(900, im.MODE_STOP)
        await home.run(5)
        assert home.own.target == 0
        assert home.own.sins == [] and home.own.lapses == 0 and home.errors() == []

    run(main)


@pytest.mark.parametrize("kind", ALL)
def test_at_first_contact_zero_is_written_before_anything_else(kind: type[Own]) -> None:
    async def main() -> None:
        home = Home(kind)
        home.ask(-1500)
        await home.run(10)
        assert home.targets() == [0, -1500] and home.own.sins == []

    run(main)


@pytest.mark.parametrize("kind", ALL)
def test_nothing_is_written_before_the_site_is_sensed(kind: type[Own]) -> None:
    async def main() -> None:
        home = Home(kind)
        home.image.commands[im.ISLAND_STATE] = im.ISLAND_SENSING
        home.ask(1500)
        await home.run(10)
        assert home.own.seen == []
        assert home.image.live[im.DEVICE_AGE_MS + DEVICE] < 5000

    run(main)


@pytest.mark.parametrize("kind", ALL)
def test_a_dead_core_is_worth_nothing(kind: type[Own]) -> None:
    async def main() -> None:
        home = Home(kind)
        home.ask(2000)
        await home.run(8)
        assert home.own.target == 2000
        home.core_beats = False
        await home.run(2)
        assert home.own.target == 0

    run(main)


@pytest.mark.parametrize("kind", ALL)
def test_less_is_written_at_once_and_more_by_its_period(kind: type[Own]) -> None:
    async def main() -> None:
        home = Home(kind)
        home.ask(1000)
        await home.run(8)
        for i in range(40):
            home.ask(1000 + 10 * i)
            await home.run(0.2)
        assert home.own.sins == []
        home.ask(300)
        before = home.own.time()
        await home.run(2)
        assert home.targets()[-1] == 300 and home.own.targets[-1][0] - before < 0.5

    run(main)


@pytest.mark.parametrize("kind", ALL)
def test_a_silent_islet_lets_it_go(kind: type[Own]) -> None:
    """Its own time-out is what was declared, no longer."""

    async def main() -> None:
        home = Home(kind)
        home.ask(2000)
        await home.run(8)
        assert home.own.lease_s == REVERT_S
        await home.die()
        await asyncio.sleep(REVERT_S + 1)
        home.own.move()
        assert home.own.lapses == 1 and home.own.target != 2000

    run(main)


@pytest.mark.parametrize("kind", ALL)
def test_it_is_not_spoken_to_while_the_proof_times_it(kind: type[Own]) -> None:
    async def main() -> None:
        home = Home(kind)
        home.ask(2000)
        await home.run(8)
        commands = home.image.commands
        commands[im.PROOF_STATE], commands[im.PROOF_DEVICE] = im.PROOF_SILENT, DEVICE
        await home.run(2)
        said = len(home.own.seen)
        await home.run(REVERT_S + 3)
        assert len(home.own.seen) == said and home.own.lapses == 1
        assert home.image.live[im.DEVICE_AGE_MS + DEVICE] < 5000  # and yet it is read
        commands[im.PROOF_STATE] = im.UNKNOWN
        await home.run(6)
        assert home.own.target == 2000

    run(main)


def test_what_is_constant_is_written_once() -> None:
    async def main() -> None:
        home = Home(Quasar)
        home.ask(2000)
        await home.run(120)
        own = home.own
        assert isinstance(own, Quasar)
        assert [own.writes_of[at] for at in (81, 82, 83)] == [1, 1, 1]
        assert own.writes_of[88] >= 120 // (REVERT_S // 3) - 3

    run(main)


def test_what_it_has_lost_is_written_again() -> None:
    """It holds something else than what it once gave back as written."""

    async def main() -> None:
        home = Home(Quasar)
        home.ask(2000)
        await home.run(30)
        words = home.answers.registers(1)
        assert words[83] == 1
        words[83] = 0
        await home.run(30)
        assert words[83] == 1 and home.own.target == 2000 and home.own.sins == []

    run(main)


@pytest.mark.parametrize("kind", ALL)
def test_after_silence_all_is_written_anew_from_zero(kind: type[Own]) -> None:
    async def main() -> None:
        home = Home(kind)
        home.ask(2000)
        await home.run(8)
        home.answers.fault = lambda request, answers: []
        await home.run(30)
        home.answers.fault = lambda request, answers: answers
        before = len(home.own.aims)
        await home.run(30)
        assert home.own.target == 2000 and home.own.aims[before] == 0

    run(main)


def test_a_refused_write_has_a_name_and_a_stop_goes_past_it() -> None:
    async def main() -> None:
        home = Home(Quasar)
        home.own.refuses = {83}
        home.ask(2000)
        await home.run(10)
        assert home.own.target == 0
        assert any("register 83: write refused" in error for error in home.errors())
        home.own.refuses = set()
        await home.run(10)
        assert home.own.target == 2000 and home.errors() == []
        home.own.refuses = {260}
        home.ask(0)
        await home.run(5)
        assert home.own.target == 0  # by its action
        assert any("register 260" in error for error in home.errors())

    run(main)


def test_nobody_asks_it_to_form_an_island() -> None:
    async def main() -> None:
        home = Home(Solax)
        home.ask(2000)
        await home.run(8)
        home.ask(2000, im.MODE_FORM)
        await home.run(8)
        assert home.own.target == 0
        assert any("form an island" in error for error in home.errors())

    run(main)


def test_told_again_it_is_told_all() -> None:
    async def main() -> None:
        home = Home(Quasar)
        home.ask(2000)
        await home.run(8)
        home.image.commands[im.DEVICE_OBEDIENCE + DEVICE] = im.OBEY_AGAIN
        await home.run(4)
        own = home.own
        assert isinstance(own, Quasar)
        assert own.writes_of[83] == 2 and own.target == 2000

    run(main)


def test_a_wrong_sign_is_seen_in_the_readings() -> None:
    """Which core holds against what it asked (core/limits): the driver hides nothing."""

    async def main() -> None:
        home = Home(Evtec)
        home.own.wrong_sign = True
        home.ask(2000)
        await home.run(8)
        assert home.image.live[im.DEVICE_W + DEVICE] == -2000
        assert home.image.live[im.DEVICE_MA + DEVICE * im.LEGS] < 0

    run(main)


def test_a_car_that_is_gone_is_not_plugged() -> None:
    async def main() -> None:
        home = Home(Quasar)
        await home.run(5)
        readings = home.image.live
        assert readings[im.DEVICE_PLUGGED + DEVICE] == 1
        assert readings[im.DEVICE_SOC_PERMILLE + DEVICE] == 610
        assert readings[im.DEVICE_CHARGE_MAX_W + DEVICE] == 8000
        assert isinstance(home.own, Quasar)
        home.own.locked = False
        await home.run(5)
        assert readings[im.DEVICE_PLUGGED + DEVICE] == 0

    run(main)


# --- planted mistakes: each must be found by the device --------------------------------------


def test_swapped_signs_are_found(monkeypatch: pytest.MonkeyPatch) -> None:
    raw = Plans.raw
    monkeypatch.setattr(
        Plans, "raw", lambda self, item, w, lease_s, rating: raw(self, item, -w, lease_s, rating)
    )

    async def main() -> None:
        home = Home(Solax)
        home.ask(2000)
        await home.run(8)
        assert home.own.target == -2000

    run(main)


@pytest.mark.parametrize("kind", ALL)
def test_a_skipped_zero_is_found(kind: type[Own], monkeypatch: pytest.MonkeyPatch) -> None:
    def turn(self: Any, w: int) -> None:
        if self.way != self._way_of(w):
            self.way = self._way_of(w)
            self._begin()

    monkeypatch.setattr(family_control.FamilyControl, "_turn", turn)

    async def main() -> None:
        home = Home(kind)
        for w in (2000, -2000):
            home.ask(w)
            await home.run(8)
        assert any("without zero" in sin for sin in home.own.sins)

    run(main)


@pytest.mark.parametrize("kind", ALL)
def test_a_forgotten_lease_is_found(kind: type[Own], monkeypatch: pytest.MonkeyPatch) -> None:
    async def main() -> None:
        home = Home(kind)
        home.family.control.renew_ms = 60_000
        home.ask(2000)
        await home.run(REVERT_S + 10)
        assert home.own.lapses > 0

    run(main)
