"""Several converters on a line: each has its row, its legs and, as an instrument, its node."""

from __future__ import annotations

import asyncio

import pytest

from firmware import image as im
from firmware.drivers.sunspec_inverter import Inverter
from tests_host.bus.house import House
from tests_host.bus.wire import Devices, SunSpecDevice, meter_device, run, set_meter

UPSTAIRS, CELLAR = 0, 1  # rows
ROTATED, ALONE = (2, 0, 1), (1,)  # the legs of the site that theirs are on


def two(baud: int = 19_200) -> House:
    """One of three legs, rotated, that measures node 1; another alone on L2, whose node 0 does
    not measure it."""
    house = House(inverter=False, baud=baud)
    site = house.image.site
    for device, legs in ((UPSTAIRS, ROTATED), (CELLAR, ALONE)):
        site[im.DEVICE_KIND + device] = im.KIND_CONVERTER
        site[im.DEVICE_NODE + device] = 1 - device
        site[im.DEVICE_LEGS + device] = len(legs)
        site[im.DEVICE_REVERT_MS + device] = 10_000 + 2_000 * device
        for k in range(im.LEGS):
            leg = legs[k] if k < len(legs) else -1
            site[im.DEVICE_LEG + device * im.LEGS + k] = leg
    site[im.NODE_INSTRUMENT_ROW + 1] = UPSTAIRS
    first, second = SunSpecDevice(2), SunSpecDevice(3)
    second.put(701, "W", 700)
    second.put(713, "SoC", 700)
    house.devices = Devices(meter_device(1), first.device, second.device)
    for each in (first, second):
        each.live_in(house.devices)
    house.registers = house.devices.registers(1)
    set_meter(house.registers, [10, 5, 0], [2200, -1100, 0])
    house.uart.answer = house.devices
    for device, address in ((UPSTAIRS, 2), (CELLAR, 3)):
        Inverter(house.image, house.line, device, address, name=f"converter {device}")
    return house


def test_each_reads_into_its_own_row_and_node() -> None:
    async def main() -> None:
        house = two()
        await house.run(8)
        live = house.image.live
        assert list(live[im.DEVICE_W : im.DEVICE_W + 2]) == [-1500, -700]
        assert list(live[im.DEVICE_SOC_PERMILLE : im.DEVICE_SOC_PERMILLE + 2]) == [550, 700]
        assert list(live[im.DEVICE_MA : im.DEVICE_MA + 6]) == [-2200, -2200, -2100, -2200, 0, 0]
        at = im.NODE_MA + im.LEGS
        assert [live[at + leg] for leg in ROTATED] == [-2200, -2200, -2100], "the site's legs"
        assert max(live[im.DEVICE_AGE_MS : im.DEVICE_AGE_MS + 2]) < 2_000
        assert live[im.NODE_MA + 2] == 0, "the meter's node is the meter's"

    run(main)


def test_each_is_told_its_own_setpoint_and_reverts_by_its_own_time() -> None:
    async def main() -> None:
        house = two()
        commands = house.image.commands
        for device, w in ((UPSTAIRS, -1_000), (CELLAR, 2_500)):
            commands[im.SETPOINT_MODE + device] = im.MODE_FOLLOW
            commands[im.SETPOINT + device] = w
        await house.run(12)
        told: dict[int, set[tuple[int, ...]]] = {2: set(), 3: set()}
        for request in house.devices.requests:
            if request.function_code == 16:
                told[request.dev_id].add(tuple(request.registers))
        assert (1, 1, 0, 1_000) in told[2] and (1, 1, 0xFFFF, 0x10000 - 2_500) in told[3]
        assert (1, 0, 10) in told[2] and (1, 0, 12) in told[3]
        assert not told[2] & {(1, 1, 0xFFFF, 0x10000 - 2_500), (1, 0, 12)}

    run(main)


def growing(step_w: int) -> tuple[int, list[int]]:
    """Two converters at 9,600 baud whose setpoints move every 100 ms: the oldest that a reading of
    the meter's became, ms, and the last setpoint that each was told."""
    oldest_ms, told = 0, {2: 0, 3: 0}

    async def live(house: House) -> None:
        nonlocal oldest_ms
        while True:
            await asyncio.sleep(0.1)
            for device in (UPSTAIRS, CELLAR):
                house.image.commands[im.SETPOINT + device] += step_w
            oldest_ms = max(oldest_ms, house.image.live[im.NODE_AGE_MS])

    async def main() -> None:
        house = two(baud=9_600)
        for device in (UPSTAIRS, CELLAR):
            house.image.commands[im.SETPOINT_MODE + device] = im.MODE_FOLLOW
        await house.run(12)
        moving = asyncio.ensure_future(live(house))
        await house.run(10)
        moving.cancel()
        for request in house.devices.requests:
            if request.function_code == 16 and len(request.registers) == 4:
                told[request.dev_id] = request.registers[3]

    run(main)
    return oldest_ms, [told[2], told[3]]


@pytest.mark.parametrize("step_w", [20, -20])
def test_no_reading_grows_old_for_a_setpoint_that_only_grows(step_w: int) -> None:
    oldest_ms, told = growing(step_w)
    assert oldest_ms < 2_000, "INV-4"
    wanted = [-100 * step_w % 0x10000] * 2
    assert all(abs(a - b) < 25 * 20 for a, b in zip(told, wanted, strict=True)), told
