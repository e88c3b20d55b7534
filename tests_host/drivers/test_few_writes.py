"""What jitters is not written each time, what must be is at once: from the grant to the line."""

from __future__ import annotations

import asyncio
import itertools
import random
from collections.abc import Callable, Iterator

import pytest

from firmware import image as im
from firmware.core.limits.growth import Setpoint
from firmware.drivers.sunspec_control import WRITE_MS
from tests_host.bus.house import INVERTER, House, errors
from tests_host.bus.wire import Answer, run

DEAD_W = 25
WARM_S, SECONDS = 20, 60
Wish = Iterator[int]


class Paced(House):
    """A converter that is told by core's Setpoint what `wish` grants, each 100 ms."""

    def __init__(self, wish: Wish, write_ms: int = WRITE_MS, dead_w: int = DEAD_W) -> None:
        super().__init__(meter=False)
        site, commands = self.image.site, self.image.commands
        site[im.DEVICE_CHARGE_W + INVERTER] = site[im.DEVICE_DISCHARGE_W + INVERTER] = 5000
        site[im.DEVICE_DEAD_BAND_W + INVERTER] = dead_w
        self.reason(im.REASON_GOAL)
        commands[im.SETPOINT_MODE + INVERTER] = im.MODE_FOLLOW
        self.inverter.control.write_ms = write_ms
        self.setpoint = Setpoint(self.image, INVERTER)
        self.wish = wish

    def reason(self, reason: int) -> None:
        self.image.commands[im.CLAIM_REASON + im.MARKET * im.DEVICES + INVERTER] = reason

    async def live(self) -> None:
        beside = asyncio.ensure_future(super().live())
        commands = self.image.commands
        try:
            for w in self.wish:
                commands[im.GRANT_LOW + INVERTER] = commands[im.GRANT_HIGH + INVERTER] = w
                self.setpoint.step(100)
                await asyncio.sleep(0.1)
        finally:
            beside.cancel()

    def writes(self, since_s: float = 0.0) -> int:
        """Of setpoints and their plans; heartbeats left out."""
        beat = self.sunspec.register(715, "ControllerHb")
        times = [t for t, f in self.uart.sent if f[1] == 16 and f[2] << 8 | f[3] != beat]
        return sum(t >= since_s for t in times)


def jitter(middle: int, by: int) -> Callable[[], Wish]:
    def wish() -> Wish:
        die = random.Random(by)
        while True:
            yield middle + die.randint(-by, by)

    return wish


def ramp() -> Wish:
    """Up and down again between 1 and 4 kW, 50 W a second."""
    while True:
        yield from range(1000, 4000, 5)
        yield from range(4000, 1000, -5)


def drift() -> Wish:
    """A watt in ten seconds, and some noise."""
    die = random.Random(1)
    for i in itertools.count():
        yield 2000 + i // 100 + die.randint(-2, 2)


def an_hour(wish: Wish, write_ms: int = WRITE_MS, dead_w: int = DEAD_W) -> int:
    async def main() -> int:
        house = Paced(wish, write_ms, dead_w)
        await house.run(WARM_S)
        count = house.writes()
        await house.run(SECONDS)
        return (house.writes() - count) * 3600 // SECONDS

    return run(main)


RENEWED = 1080  # an hour: each third of 10 s


@pytest.mark.parametrize(
    ("wish", "before", "most"),
    [
        (jitter(3000, 3), 20_000, 1.1 * RENEWED),
        (jitter(-3000, 3), 20_000, 1.1 * RENEWED),
        (jitter(0, 3), 20_000, 1.1 * RENEWED),
        (jitter(-3000, 30), 20_000, 2 * RENEWED),
        (jitter(30, 30), 20_000, 3 * RENEWED),
        (ramp, 20_000, 9 * RENEWED),
        (drift, 20_000, 1.1 * RENEWED),
    ],
    ids=["3 W in", "3 W out", "3 W about nothing", "30 W out", "30 W in", "ramp", "drift"],
)
def test_what_jitters_makes_few_writes(wish: Callable[[], Wish], before: int, most: float) -> None:
    assert an_hour(wish(), 0, 0) > before
    assert an_hour(wish()) <= most


def steps(*stand: tuple[float, int]) -> Wish:
    """Each W for so many seconds, the last for ever."""
    for seconds, w in stand:
        yield from itertools.repeat(w, round(10 * seconds))
    yield from itertools.repeat(stand[-1][1])


@pytest.mark.parametrize("write_ms", [200, 1000, 5000])
@pytest.mark.parametrize("way", [1, -1], ids=["in", "out"])
def test_more_is_written_once_in_its_interval_and_less_at_once(way: int, write_ms: int) -> None:
    """A ramp of ten seconds; then less, three times within one interval, and a stop."""

    async def main() -> None:
        falls = (3000, 2000, 1000)
        house = Paced(
            steps((5, 0), (35, way * 5000), *[(0.3, way * w) for w in falls], (9, 0)), write_ms
        )
        at = house.sunspec.register(704, "WSetEna")
        begin = house.uart.time()
        await house.run(39.9)
        assert house.sunspec.get(704, "WSet") == -way * 5000
        times = [t for t, f in house.uart.sent if f[1] == 16 and f[2] << 8 | f[3] == at]
        gaps = [b - a for a, b in itertools.pairwise(t for t in times if t > begin + 5)]
        assert min(gaps) > min(write_ms, 3333) / 1000 - 0.1
        seen = set()
        for _ in range(16):
            await house.run(0.1)
            seen.add(-way * house.sunspec.get(704, "WSet"))
        assert seen >= {3000, 0} and len(seen) >= 4

    run(main)


def test_the_proof_and_what_is_not_the_owners_goal_wait_for_no_interval() -> None:
    async def main() -> None:
        for reason in (im.REASON_PROOF, im.REASON_RELIEF):
            house = Paced(steps((60, -1000)), 10_000)
            house.reason(reason)
            await house.run(4.2)
            house.wish = steps((1, -1020), (1, -1040), (9, -1060))
            await house.run(3.5)
            assert house.sunspec.get(704, "WSet") == 1060

    run(main)


@pytest.mark.parametrize("sf", [1, 2])
def test_what_the_device_cannot_tell_apart_is_not_written(sf: int) -> None:
    async def main() -> int:
        house = Paced(steps((9, 3001)), 0, 0)
        house.sunspec.put(704, "WSet_SF", sf)
        await house.run(20)
        count = house.writes()
        house.wish = itertools.cycle((3001, 3009, 3004))
        await house.run(60)
        return house.writes() - count

    assert run(main) <= 20  # renewed


def test_a_device_that_restarts_and_forgets_is_told_all_again() -> None:
    async def main() -> None:
        house = Paced(jitter(-2000, 3)(), 10_000)
        await house.run(20)
        held = house.sunspec.get(704, "WSet")
        assert 1997 - DEAD_W <= held <= 2003
        for point in ("WSetRvrtTms", "WSetEnaRvrt", "WSetEna", "WSet"):
            house.sunspec.put(704, point, 0)
        await house.run(3)
        assert house.sunspec.get(704, "WSetRvrtTms") == 10
        assert abs(house.sunspec.get(704, "WSet") - held) <= 3

    run(main)


@pytest.mark.parametrize("way", [1, -1], ids=["in", "out"])
def test_a_device_that_cuts_its_setpoint_down_is_not_told_all_again(way: int) -> None:
    """Its own limit changed; it was written again, whole, with each check: 10,800 an hour."""

    async def main() -> None:
        house = Paced(steps((9, way * 3000)))
        sunspec = house.sunspec
        await house.run(30)
        for limit in (1500, 0):
            count = house.writes()

            def cut(request: bytes, answers: list[Answer], limit: int = limit) -> list[Answer]:
                if abs(sunspec.get(704, "WSet")) > limit:
                    sunspec.put(704, "WSet", -way * limit)
                return answers

            house.devices.fault = cut
            await house.run(30)
            most = 30 * RENEWED / 3600 + 1
            assert house.writes() - count <= (most if limit else 30 * 4)  # nothing at all is odd
            if limit:
                assert f"704.WSet: {-way * limit} of {-way * 3000} held" in errors(house)[0]
        house.devices.fault = lambda _, answers: answers
        await house.run(5)
        assert sunspec.get(704, "WSet") == -way * 3000 and errors(house) == []

    run(main)


@pytest.mark.parametrize("held", [3001, 0, -100], ids=["more", "nothing", "the other way"])
@pytest.mark.parametrize("way", [1, -1], ids=["in", "out"])
def test_a_setpoint_that_another_hand_changes_is_written_again(way: int, held: int) -> None:
    async def main() -> None:
        house = Paced(steps((9, way * 3000)))
        house.inverter.control.renew_ms = 60_000
        await house.run(30)
        house.sunspec.put(704, "WSet", -way * held)
        await house.run(3)
        assert house.sunspec.get(704, "WSet") == -way * 3000

    run(main)


def test_a_refused_stop_is_not_asked_for_without_end() -> None:
    async def main() -> int:
        house = Paced(steps((9, 0)))
        at = house.sunspec.register(704, "WSetEna")
        house.devices.fault = lambda request, answers: (
            [(0.01, house.devices.exception(request, 3))]
            if request[1] == 16 and request[2] << 8 | request[3] == at
            else answers
        )
        house.image.commands[im.SETPOINT_MODE + INVERTER] = im.MODE_STOP
        await house.run(10)
        count = house.writes()
        await house.run(60)
        assert house.inverter.report()["writes"] >= house.writes()
        return house.writes() - count

    assert run(main) <= 130  # twice a second
