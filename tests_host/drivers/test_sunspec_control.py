"""What is written to the inverter: order, lease, modes, and who stands behind it."""

from __future__ import annotations

import asyncio
import itertools

import pytest

from firmware import image as im
from firmware.drivers.sunspec_control import PLANS, WRITES
from tests_host.bus.house import INVERTER, House, errors
from tests_host.bus.wire import Answer, run


def written(house: House) -> list[tuple[str, list[int]]]:
    """Writes by the name of their first point, heartbeats left out."""
    names = {
        house.sunspec.at[m] + offset: f"{m}.{text.split(' ')[0]}" for m, offset, text in WRITES
    }
    beat = house.sunspec.register(715, "ControllerHb")
    return [(names[at], values) for at, values in house.devices.writes() if at != beat]


def test_follow_is_armed_in_the_documented_order() -> None:
    """Reversion value and time first, then the value, then its enable (facts: SunSpec 704)."""

    async def main() -> None:
        house = House()
        house.ask(im.MODE_FOLLOW, 3000)
        await house.run(4)
        minus = [0xFFFF, 0x10000 - 3000]
        assert written(house)[:6] == [
            ("704.AntiIslEna", [1]),
            ("704.WSetRvrt", [0, 0]),
            ("704.WSetEnaRvrt", [1, 0, 10]),
            ("704.WSetMod", [1, *minus]),
            ("704.WSetEna", [1, 1, *minus]),
            ("715.OpCtl", [1]),
        ]
        sunspec = house.sunspec
        assert sunspec.get(704, "WSet") == -3000  # + is generation there
        assert (sunspec.get(704, "WSetRvrt"), sunspec.get(704, "WSetRvrtTms")) == (0, 10)

    run(main)


SHEDS = (200, 0.137, 1, 0.1)  # changes, s between them, requests before it and s until it is sent
GROWS = (45, 0.637, 6, 0.6)


@pytest.mark.parametrize(
    ("begin_w", "step_w", "how"),
    [(-300, 1, SHEDS), (300, -1, SHEDS), (-100, -1, GROWS), (100, 1, GROWS)],
    ids=["less out", "less in", "more out", "more in"],
)
def test_how_long_a_new_setpoint_waits(
    begin_w: int, step_w: int, how: tuple[int, float, int, float]
) -> None:
    """One that sheds for one request at most; one that only grows for what is due, and no longer
    than half a second."""
    changes, pause_s, most, longest_s = how

    async def main() -> None:
        house = House()
        house.ask(im.MODE_FOLLOW, begin_w)
        await house.run(4.2)  # not in the middle of a frame
        beside = house.run(31)
        waits: list[float] = []

        async def change() -> None:
            await asyncio.sleep(0.5)
            for i in range(1, changes + 1):
                asked, requests = house.uart.time(), len(house.uart.sent)
                house.ask(im.MODE_FOLLOW, begin_w + step_w * i)
                await asyncio.sleep(pause_s)
                later = house.uart.sent[requests:]
                sent = next(
                    i
                    for i, (_, f) in enumerate(later)
                    if f[1] == 16 and f[7:9] == b"\0\1" and f[6] == 8
                )
                assert sent <= most  # one may already wait for the line to fall silent
                waits.append(later[sent][0] - asked)

        await asyncio.gather(beside, change())
        assert house.sunspec.get(704, "WSet") == -(begin_w + step_w * changes)
        assert max(waits) < longest_s and min(house.uart.silences) >= 3.5

    run(main)


def test_the_setpoint_is_rewritten_well_before_it_reverts() -> None:
    async def main() -> None:
        house = House()
        house.image.site[im.DEVICE_REVERT_MS + INVERTER] = 6000
        house.inverter.control.__init__(house.image, INVERTER, house.inverter)  # type: ignore[misc]
        house.ask(im.MODE_FOLLOW, -2000)
        await house.run(30)
        at = house.sunspec.register(704, "WSetEna")
        times = [t for t, f in house.uart.sent if f[1] == 16 and f[2] << 8 | f[3] == at]
        gaps = [b - a for a, b in itertools.pairwise(times)]
        assert len(gaps) >= 12 and max(gaps) < 2.2
        assert house.sunspec.get(704, "WSetRvrtTms") == 6

    run(main)


def test_a_dead_core_is_worth_nothing() -> None:
    """Without core's beat the bus asks for 0 W: it must not keep a dead mind's wish alive."""

    async def main() -> None:
        house = House()
        house.ask(im.MODE_FOLLOW, -2000)
        await house.run(4)
        assert house.sunspec.get(704, "WSet") == 2000
        house.core_beats = False
        await house.run(1)
        assert house.sunspec.get(704, "WSet") == 0
        house.core_beats = True
        await house.run(1)
        assert house.sunspec.get(704, "WSet") == 2000

    run(main)


def test_stop_is_zero_then_stop() -> None:
    async def main() -> None:
        house = House()
        house.ask(im.MODE_FOLLOW, -2000)
        await house.run(4.2)  # not in the middle of a frame
        count = len(written(house))
        house.image.commands[im.SETPOINT + INVERTER] = -2000
        house.ask(im.MODE_STOP, -2000)
        await house.run(2)
        assert written(house)[count : count + 3] == [
            ("704.WSetEna", [1, 1, 0, 0]),
            ("715.OpCtl", [0]),
            ("704.AntiIslEna", [1]),
        ]

    run(main)


def test_forming_is_asked_for_only_of_a_device_that_can() -> None:
    async def main() -> None:
        house = House()
        house.ask(im.MODE_FORM, 0)
        await house.run(4)
        assert written(house)[4:7] == [
            ("715.OpCtl", [0]),
            ("704.AntiIslEna", [0]),
            ("715.OpCtl", [1]),
        ]
        house.ask(im.MODE_STOP, 0)
        await house.run(2)
        assert (house.sunspec.get(704, "AntiIslEna"), house.sunspec.get(715, "OpCtl")) == (1, 0)

        other = House()
        other.sunspec.put(702, "IntIslandCatRtg", 0)
        other.ask(im.MODE_FORM, 0)
        await other.run(4)
        assert "702.IntIslandCatRtg: does not say it can form an island" in errors(other)
        assert other.sunspec.get(704, "AntiIslEna") == 1 and other.sunspec.get(715, "OpCtl") == 0

    run(main)


def test_inv_12_a_restart_does_not_darken_an_island() -> None:
    """INV-12: a device that forms already is not stopped on the way to forming."""

    async def main() -> None:
        house = House()
        for number, point, value in (
            (701, "DERMode", 2),
            (704, "AntiIslEna", 0),
            (715, "OpCtl", 1),
        ):
            house.sunspec.put(number, point, value)
        house.ask(im.MODE_FORM, 0)
        await house.run(6)
        house.sunspec.put(704, "WSetRvrtTms", 0)  # and neither is it when it forgets
        await house.run(10)
        assert house.sunspec.get(704, "WSetRvrtTms") == 10
        assert ("715.OpCtl", [0]) not in written(house)
        assert ("704.AntiIslEna", [1]) not in written(house)

    run(main)


def test_anti_islanding_is_off_only_in_the_plan_of_forming() -> None:
    """In every plan the guard is off only behind a stop, and every other plan switches it on."""
    for mode, plan in enumerate(PLANS):
        points = [WRITES[what][2] for what in plan]
        if mode == im.MODE_FORM:
            assert points.index("AntiIslEna = 0") > points.index("OpCtl = STOP")
        else:
            assert "AntiIslEna = 1" in points and "AntiIslEna = 0" not in points


def test_inv_12_nothing_is_changed_before_the_site_is_sensed() -> None:
    """INV-12: heartbeats go on, for an island must survive islet's restart; settings stay."""

    async def main() -> None:
        house = House()
        house.image.commands[im.ISLAND_STATE] = im.ISLAND_SENSING
        house.ask(im.MODE_STOP, 0)
        await house.run(6)
        assert written(house) == []
        assert house.sunspec.get(715, "ControllerHb") >= 4

    run(main)


@pytest.mark.parametrize("sf", [-1, 0, 1, 2])
def test_setpoint_scale_rounds_towards_zero(sf: int) -> None:
    async def main() -> None:
        house = House()
        house.sunspec.put(704, "WSet_SF", sf)
        house.ask(im.MODE_FOLLOW, 2999)
        await house.run(4)
        raw = house.sunspec.get(704, "WSet")
        assert -2999 <= raw * 10**sf <= -2900 and raw < 0

    run(main)


def test_refused_writes_have_names_and_a_lease_is_a_must() -> None:
    async def main() -> None:
        house = House()
        lease = house.sunspec.register(704, "WSetEnaRvrt")

        def refuse(request: bytes, answers: list[Answer]) -> list[Answer]:
            if request[1] == 16 and request[2] << 8 | request[3] == lease:
                return [(0.01, house.devices.exception(request, 3))]
            return answers

        house.devices.fault = refuse
        house.ask(im.MODE_FOLLOW, -2000)
        await house.run(6)
        assert "704.WSetEnaRvrt: write refused, illegal data value" in errors(house)
        assert house.sunspec.get(704, "WSetEna") == 0  # no setpoint without its lease
        house.ask(im.MODE_STOP, 0)
        await house.run(2)
        assert house.sunspec.get(715, "OpCtl") == 0

    run(main)


def test_lost_settings_are_written_again() -> None:
    async def main() -> None:
        house = House()
        house.ask(im.MODE_FOLLOW, -2000)
        await house.run(4)
        for point in ("WSetRvrtTms", "WSetEnaRvrt", "WSetEna", "WSet"):
            house.sunspec.put(704, point, 0)  # the device has restarted
        await house.run(6)
        assert house.sunspec.get(704, "WSetRvrtTms") == 10
        assert house.sunspec.get(704, "WSet") == 2000

    run(main)
