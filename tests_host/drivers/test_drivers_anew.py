"""The very edges of requests and of what is asked again."""

from __future__ import annotations

import json

import pytest

from firmware import image as im
from firmware.drivers.meter import blocks_of
from firmware.drivers.profile import Profile
from tests_host.bus.house import PROFILES, House
from tests_host.bus.wire import run
from tools.pack.profiles import pack


@pytest.mark.parametrize(("gap", "requests"), [(7, 2), (8, 1), (9, 1)])
def test_a_request_reads_across_so_many_unused_registers(gap: int, requests: int) -> None:
    document = json.loads((PROFILES / "sdm630.json").read_text())
    for row in document["rows"]:
        row["register"] += 8 if row["quantity"] == "power" else 0
    blocks = blocks_of(Profile(pack(document), True).rows, gap)
    assert sum(block.every == 1 for block in blocks) == requests


def test_a_stop_that_is_refused_later_on_is_asked_for_in_peace() -> None:
    """It stood; then the device refuses what renews it: no more than twice a second."""

    async def main() -> int:
        house = House()
        house.ask(im.MODE_STOP, 0)
        await house.run(5)
        at = house.sunspec.register(704, "WSetEna")
        house.devices.fault = lambda request, answers: (
            [(0.01, house.devices.exception(request, 3))]
            if request[1] == 16 and request[2] << 8 | request[3] == at
            else answers
        )
        await house.run(20)
        count = asked(house, at)
        await house.run(10)
        return asked(house, at) - count

    assert 1 <= run(main) <= 21


def asked(house: House, at: int) -> int:
    return sum(first == at for first, _ in house.devices.writes())
