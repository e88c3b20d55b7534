"""A discovery comes to an end whatever the device answers: found, or refused with a reason and
begun again; and a device that mends itself is found by that."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable

import pytest

from firmware.drivers import sunspec_models
from tests_host.bus.house import House, errors
from tests_host.bus.wire import Answer, run
from tests_host.drivers.test_sunspec_again import heard

Plant = Callable[[House, int, bytes, list[Answer]], list[Answer]]


def busy(house: House, count: int, request: bytes, answers: list[Answer]) -> list[Answer]:
    return [(0.01, house.devices.exception(request, 6))]


def at_the_models(house: House, count: int, request: bytes, answers: list[Answer]) -> list[Answer]:
    """Who begins with its marker and has no time for more."""
    at = int.from_bytes(request[2:4], "big")
    return answers if at == 40_000 else busy(house, count, request, answers)


def at_the_factors(
    house: House, count: int, request: bytes, answers: list[Answer]
) -> list[Answer]:
    """Only what is two registers long is answered: models, no factors."""
    return answers if request[5] != 1 else busy(house, count, request, answers)


def cut(house: House, count: int, request: bytes, answers: list[Answer]) -> list[Answer]:
    """Each answer but the marker's is damaged."""
    if int.from_bytes(request[2:4], "big") == 40_000:
        return answers
    return [(delay, answer[:-1] + bytes((answer[-1] ^ 1,))) for delay, answer in answers]


def once_in_a_while(
    house: House, count: int, request: bytes, answers: list[Answer]
) -> list[Answer]:
    """Each step gets through at last: one answer in three hundred."""
    return answers if count % 300 == 0 else busy(house, count, request, answers)


@pytest.mark.parametrize(
    ("plant", "reason"),
    [
        (busy, "not over after 12 s, register 40000: exception 6"),
        (at_the_models, "not over after 12 s, register 40002: exception 6"),
        (at_the_factors, "exception 6"),
        (cut, "not over after 12 s, register 40002: crc"),
        (once_in_a_while, "exception 6"),
    ],
)
def test_a_discovery_that_gets_nowhere_ends_with_a_reason(
    plant: Plant, reason: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sunspec_models, "_WHOLE_MS", 12_000)

    async def main() -> None:
        house = House(meter=False)
        asked: list[float] = []

        def fault(request: bytes, answers: list[Answer]) -> list[Answer]:
            if request[0] != 2:
                return answers
            asked.append(house.uart.time())
            return plant(house, len(asked), request, answers)

        house.devices.fault = fault
        running = asyncio.ensure_future(house.run(25))
        await asyncio.sleep(11)
        assert house.inverter.state() == "discovering" and errors(house) == []
        await asyncio.sleep(3)
        report = house.line.report()["inverter"]
        (error,) = report["errors"]
        assert report["state"] == "refused"
        assert error.startswith("discovery: not over after 12 s") and error.endswith(reason)
        await asyncio.sleep(7)
        assert max(b - a for a, b in itertools.pairwise(asked)) >= 5  # it rests
        heard(house)
        await running
        assert house.inverter.state() == "ok" and errors(house) == []

    run(main)


def test_nobody_there_is_silent_for_as_long_as_it_lasts() -> None:
    """A night is no discovery: the deadline begins with the first answer."""

    async def main() -> None:
        house = House(meter=False)
        house.devices.fault = lambda request, answers: []
        await house.run(130)
        assert house.inverter.state() == "silent" and errors(house) == []
        heard(house)
        await house.run(12)
        assert house.inverter.state() == "ok" and errors(house) == []

    run(main)


def test_who_is_busy_behind_all_that_is_needed_is_found() -> None:
    async def main() -> None:
        house = House(meter=False)
        end = max(house.sunspec.at.values())
        house.devices.fault = lambda request, answers: (
            busy(house, 0, request, answers)
            if request[5] == 2 and int.from_bytes(request[2:4], "big") > end
            else answers
        )
        await house.run(5)
        assert house.inverter.ready and errors(house) == []

    run(main)


def test_a_slow_device_is_found_in_time() -> None:
    """Every other answer is busy, and each comes late."""

    async def main() -> None:
        house = House(meter=False)
        count = 0

        def fault(request: bytes, answers: list[Answer]) -> list[Answer]:
            nonlocal count
            count += 1
            given = answers if count % 2 else busy(house, 0, request, answers)
            return [(0.25, answer) for _, answer in given]

        house.devices.fault = fault
        await house.run(60)
        assert house.inverter.ready

    run(main)
