# islet: the driver of families against the twin's devices, which tell its mistakes.
# GPL-3.0-or-later
"""The twin's tables were written apart from the profiles: where both agree the driver is right, or
both were read wrong. A planted mistake of each kind has to be seen."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import Any

import pytest

from firmware import image as im
from firmware.bus.line import Line
from firmware.drivers.family import Family
from firmware.drivers.plans import CHARGE, FUNCTION
from tests_host.bus.connection import master
from tests_host.bus.house import profile
from tests_host.bus.wire import run
from tests_host.fields import columns
from tools.twin.buses import families
from tools.twin.buses.families.device import FamilyDevice
from tools.twin.house import House, HouseSpec, from_dict

DEVICE, LEGS, ADDRESS = 1, 3, 1
REVERT_S = 12
TOLERANCE_W = 2


class Home:
    """One device of the twin, in a house whose time is the loop's, and its driver."""

    def __init__(self, name: str) -> None:
        self.name = name
        row = {
            "name": "battery", "circuit": "service", "family": name, "enable": None,
            "response_s": 0, "charge_w": 2500, "discharge_w": 2500, "ramp_w_per_s": 5000,
        }  # fmt: skip
        data = {
            "circuits": [{"name": "service", "breaker_a": 63}],
            "loads": {"annual_kwh": 0},
            "converters": [row],
        }
        self.house = House(from_dict(HouseSpec, data), datetime(2026, 1, 1, tzinfo=UTC), 0)
        self.inverter = self.house.converters[0]
        self.shell = FamilyDevice(self.inverter, families.table(name), ADDRESS)
        self.shell.clock = self.now_us
        answer = self.shell.device.action
        assert answer is not None

        async def act(*asked: Any) -> Any:
            self.advance()
            return await answer(*asked)

        self.shell.device.action = act
        self.image = im.Image()
        site = self.image.site
        site[im.LEG_COUNT] = site[im.DEVICE_LEGS + DEVICE] = LEGS
        site[im.DEVICE_KIND + DEVICE] = im.KIND_CONVERTER
        site[im.DEVICE_REVERT_MS + DEVICE] = REVERT_S * 1000
        site[im.DEVICE_CHARGE_W + DEVICE] = site[im.DEVICE_DISCHARGE_W + DEVICE] = 2500
        columns(site)
        self.image.commands[im.ISLAND_STATE] = im.ISLAND_GRID
        self.rtu, _, _ = master(self.shell.device)
        self.line = Line(self.rtu)
        self.family = Family(self.image, self.line, profile(name), DEVICE, ADDRESS)
        self.tasks: list[asyncio.Future[Any]] = []

    def now_us(self) -> int:
        return round(asyncio.get_running_loop().time() * 1e6)

    def advance(self) -> None:
        self.house.advance(max(self.now_us(), self.house.now_us))
        self.house.segments.clear()
        self.house.edges.clear()

    async def live(self) -> None:
        while True:
            await asyncio.sleep(0.1)
            self.image.age(100)
            self.image.commands[im.BEAT] += 1

    async def follow(self, w: int, seconds: float = 15) -> float:
        """What it does so long after it is asked."""
        if not self.tasks:
            self.tasks = [asyncio.ensure_future(work) for work in (self.line.run(), self.live())]
        self.image.commands[im.SETPOINT_MODE + DEVICE] = im.MODE_FOLLOW
        self.image.commands[im.SETPOINT + DEVICE] = w
        await asyncio.sleep(seconds)
        for task in self.tasks:
            if task.done():
                task.result()
        self.advance()
        return self.inverter.w

    async def die(self) -> None:
        """Whoever waits for an answer that is just there does not hear it the first time."""
        while not all(task.done() for task in self.tasks):
            for task in self.tasks:
                task.cancel()
            await asyncio.sleep(0.01)

    @property
    def breach(self) -> str:
        return self.inverter.ways.breach


@pytest.mark.parametrize("name", families.NAMES)
def test_a_driver_of_this_family_breaks_no_rule(name: str) -> None:
    """Charge, more, less, both ways across zero, stop; each long enough to be renewed."""

    async def main() -> None:
        home = Home(name)
        for w in (0, 1500, 1900, 700, -1200, 900, -500, 0):
            did = await home.follow(w)
            assert did == pytest.approx(w, abs=TOLERANCE_W), (w, home.family.report()["errors"])
            shown = home.image.live[im.DEVICE_W + DEVICE]
            assert shown == pytest.approx(w, abs=TOLERANCE_W), "what it is said to do"
        assert not home.inverter.ways.breaches, home.breach
        await home.die()

    run(main)


def planted(name: str, plant: Any, said: str, seconds: float = 6) -> None:
    async def main() -> None:
        home = Home(name)
        plant(home.family.control)
        for w in (0, 1000, 1100, 1200, -900, 0):
            await home.follow(w, seconds)
        assert home.inverter.ways.breaches and said in home.breach, home.breach
        await home.die()

    run(main)


def test_a_wrong_order_is_seen() -> None:
    def turned(control: Any) -> None:
        for requests in control.plans.plans[CHARGE : CHARGE + 2]:
            requests.sort(key=lambda request: request[0][0] != 4)  # watts first

    planted("wallbox_quasar", turned, "260 written before")


def test_a_wrong_function_is_seen() -> None:
    def other(control: Any) -> None:
        rows = control.plans.writes
        rows[3] = (16, *rows[3][1:])
        assert rows[3][FUNCTION] == 16

    planted("wallbox_quasar", other, "register 88 written by function 16")


def test_a_forbidden_value_is_seen() -> None:
    def never(control: Any) -> None:
        control.lease_s = 2

    planted("solax_g4", never, "2 written to 130")


def test_too_short_a_period_is_seen() -> None:
    def hasty(control: Any) -> None:
        control.write_ms = 0
        control.grows = lambda now: False

    planted("solax_g4", hasty, " s after ", 0.5)


def test_no_zero_between_directions_is_seen() -> None:
    def straight(control: Any) -> None:
        def turn(w: int) -> None:
            wanted = control._way_of(w)
            if control.way != wanted:
                control.way = wanted
                control._begin()

        control._turn = turn

    planted("wallbox_quasar", straight, "without zero")
