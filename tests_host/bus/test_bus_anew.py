"""What an answer leaves behind is not taken for the next one."""

from __future__ import annotations

import pytest

from firmware.bus.pdu import READ_INPUT
from firmware.bus.peer import CRC, NOISE, OK
from tests_host.bus.test_rtu import GOOD, VALUES, line, registers
from tests_host.bus.wire import run


@pytest.mark.parametrize("noise", range(1, 13))
def test_the_end_of_an_earlier_answer_does_not_complete_a_broken_one(noise: int) -> None:
    """It is still in the buffer, at the very place where this one stopped."""

    async def main() -> None:
        master, peer, devices, _ = line()
        devices.fault = lambda request, answers: [(0.008, b"\xff" * noise + GOOD)]
        assert await master.read(peer, READ_INPUT, 0, 4) == OK and registers(master) == VALUES
        devices.fault = lambda request, answers: [(0.008, b"\xff" * noise + GOOD[:9])]
        assert await master.read(peer, READ_INPUT, 0, 4) not in (OK, CRC)

    run(main)


@pytest.mark.parametrize(("count", "code"), [(3, NOISE), (4, CRC)])
def test_the_shortest_frame_that_can_be_damaged(count: int, code: int) -> None:
    """Address, function and two bytes of a CRC; less is no frame of anybody."""

    async def main() -> None:
        master, peer, devices, _ = line()
        devices.fault = lambda request, answers: [(0.008, GOOD[:count])]
        assert await master.read(peer, READ_INPUT, 0, 4) == code

    run(main)
