"""The time from the network: what is believed of an answer, and by how much it moves the clock."""

from __future__ import annotations

import asyncio
import struct
from typing import Any

import pytest

from firmware.local import sntp
from firmware.people import events
from tests_host.lan.kit import Rig
from tests_host.lan.test_ethernet import World, addressed, world

__all__ = ("world",)
COOKIE = b"12345678"
SINCE_1900 = 3_786_825_600
NOON = 200_000_000  # s since 2020, in 2026


def answer(seconds: int = NOON, **changed: Any) -> bytes:
    """RFC 4330, section 4."""
    row = {"leap": 0, "mode": 4, "stratum": 2, "cookie": COOKIE} | changed
    head = bytes((row["leap"] << 6 | 4 << 3 | row["mode"], row["stratum"], 6, 0xEC))
    sent = struct.pack(">II", (seconds + SINCE_1900) % 2**32, 0)
    return head + bytes(20) + row["cookie"] + sent + sent


def test_an_answer_to_our_question() -> None:
    out = bytearray(b"\xaa" * 48)
    sntp.build(out, COOKIE)
    assert out == b"\x23" + bytes(39) + COOKIE
    assert sntp.parse(answer(), COOKIE) == NOON
    assert sntp.parse(answer(600_000_000), COOKIE) == 600_000_000  # 2039: the next era


@pytest.mark.parametrize(
    "lie",
    [
        {"leap": 3},
        {"mode": 3},
        {"stratum": 0},
        {"stratum": 16},
        {"cookie": b"12345679"},
        {"seconds": -1},
        {"seconds": 2_600_000_000},
    ],
)
def test_an_answer_that_is_not_believed(lie: dict[str, Any]) -> None:
    assert sntp.parse(answer(**lie), COOKIE) is None
    assert sntp.parse(answer()[:47], COOKIE) is None


class Wall:
    def __init__(self, seconds: int) -> None:
        self.seconds = seconds
        self.said: list[str] = []
        self.clock = sntp.Clock(None, "", lambda: self.seconds, self.put, self.note)

    def put(self, seconds: int) -> None:
        self.seconds = seconds

    def note(self, step: int, off_s: int) -> None:
        what, sentence = events.KINDS[events.CLOCK_SET + step]
        assert what == "clock"
        self.said.append(sentence.format(value=off_s))


def test_a_clock_that_is_not_set_is_set() -> None:
    wall = Wall(-1)
    assert wall.clock.take(NOON)
    assert (wall.seconds, wall.said) == (NOON, ["The clock was set from the network."])


@pytest.mark.parametrize("off", [-900, -3, 3, 900])
def test_a_step_is_said(off: int) -> None:
    wall = Wall(NOON)
    assert wall.clock.take(NOON + off) and wall.seconds == NOON + off
    assert wall.said == [f"The clock was moved by {off} s, as the network says."]


@pytest.mark.parametrize("off", [-2, 0, 2])
def test_what_the_network_may_be_late_moves_nothing(off: int) -> None:
    wall = Wall(NOON)
    assert wall.clock.take(NOON + off)
    assert (wall.seconds, wall.said) == (NOON, [])


def test_a_leap_needs_three_that_agree() -> None:
    wall = Wall(NOON)
    for off in (90_000, 90_002, -5_000, 90_000, 90_001):
        assert not wall.clock.take(NOON + off)
        assert wall.seconds == NOON
    assert wall.clock.take(NOON + 90_002) and wall.seconds == NOON + 90_002
    assert len(wall.said) == 4  # a doubt each time it is another, and the step


def test_the_clock_over_the_network(world: World) -> None:
    """Asked for by name; a server that is silent is asked ever more rarely."""

    async def main(rig: Rig) -> None:
        wall = Wall(-1)
        clock = sntp.Clock(rig.lan, "router", lambda: wall.seconds, wall.put, wall.note)
        task = asyncio.create_task(clock.run())
        await addressed(rig)
        await asyncio.sleep(40)
        assert wall.seconds == NOON
        heard = rig.chip.heard()
        assert heard.count(["ntp", ""]) == 1
        rig.chip.silent("ntp")
        await asyncio.sleep(7200)
        assert 2 <= rig.chip.heard().count(["ntp", ""]) <= 12
        assert not task.done()
        task.cancel()

    options = {"hosts": {"router": "192.168.77.1"}, "unixMs": 1_577_836_800_000 + NOON * 1000}
    world.run(main, **options)
