"""The raw frames of a line: kept when asked for, a minute of them, bounded."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from firmware.bus.frames import Frames, asked
from tests_host.bus.test_diagnosis import Wire, silent
from tests_host.bus.wire import run


def told(wire: Wire, payload: str) -> list[dict[str, Any]]:
    rows = list(asked({"cellar bus": wire.line}, payload.encode()))
    return json.loads(json.dumps(rows))


@pytest.mark.parametrize("tcp", [False, True], ids=["rtu", "tcp"])
def test_what_goes_over_the_line_is_shown_as_it_was(tcp: bool) -> None:
    async def main() -> None:
        wire = Wire(tcp)
        await wire.run(1)
        assert told(wire, "") == [{"line": "cellar bus", "kept": False}]
        assert wire.line.rtu.log is None
        assert told(wire, "on cellar bus") == [{"line": "cellar bus", "kept": True}]
        await wire.run(2)
        *rows, last = told(wire, "")
        assert last == {"line": "cellar bus", "kept": True}
        sent = [row["hex"] for row in rows if row["way"] == "sent"]
        heard = "".join(row["hex"] for row in rows if row["way"] == "heard")
        assert len(sent) >= 12 and len(heard) >= 2 * 25 * 12
        if not tcp:
            assert {frame for _, frame in wire.uart.sent} >= set(map(bytes.fromhex, sent))
        ages = [row["age_ms"] for row in rows]
        assert ages == sorted(ages, reverse=True) and 1900 < ages[0] <= 2000
        assert told(wire, "off") == [{"line": "cellar bus", "kept": False}]
        assert wire.line.rtu.log is None

    run(main)


def test_what_is_older_than_a_minute_is_not_shown() -> None:
    async def main() -> None:
        wire = Wire()
        told(wire, "on")
        await wire.run(1)
        await wire.stop()
        await asyncio.sleep(59.2)
        *rows, _ = told(wire, "")
        assert rows and all(row["age_ms"] <= 60_000 for row in rows)
        await asyncio.sleep(1)
        assert len(told(wire, "")) == 1

    run(main)


def test_it_is_bounded_and_keeps_the_newest() -> None:
    async def main() -> None:
        log = Frames(1024)
        for number in range(1000):
            data = bytes((number & 0xFF, number >> 8)) * (1 + number % 60)
            log.put(number % 2, data, 0, len(data))
            rows = list(log.rows())
            assert rows[-1] == (0, number % 2, data)
            assert sum(7 + len(data) for _, _, data in rows) <= 1024
            firsts = [data[0] | data[1] << 8 for _, _, data in rows]
            assert firsts == list(range(firsts[0], number + 1))
        log.put(1, bytes(300), 20, 280)
        assert list(log.rows())[-1][2] == bytes(260)

    run(main)


def test_what_is_not_understood_is_said() -> None:
    async def main() -> None:
        wire = Wire()
        assert "cellar bus" in told(wire, "maybe")[0]["error"]
        assert "cellar bus" in told(wire, "on attic")[0]["error"]
        wire.devices.fault = silent
        told(wire, "on")
        await wire.run(3)
        assert {row.get("way") for row in told(wire, "")} == {"sent", None}

    run(main)
