"""Registers that wear out: what is written to them is counted, and more waits as a day's writes
run out. What is less never does."""

from __future__ import annotations

import asyncio
import struct
from typing import Any, ClassVar

import pytest

from firmware import image as im
from firmware.drivers import wear as wear_module
from firmware.drivers.plans import Plans
from firmware.drivers.profile import HEAD
from firmware.drivers.wear import CYCLES, LIFE_DAYS, Wear
from firmware.ledger.worn import Worn
from firmware.people.worn import shown
from tests_host.bus.wire import run
from tests_host.drivers.families import Own, Quasar, Solax, u16
from tests_host.drivers.test_family import DEVICE, Home
from tests_host.ledger.flash import Flash, blank
from tests_host.ledger.keep_kit import SMALL_RING, started
from tools.pack import PackError, profiles

EEPROM = 1
DAILY = CYCLES[EEPROM] // LIFE_DAYS
DAY_S = 86_400


class Lasting(Own):
    """Keeps its mode 10 and its signed power 11 in an EEPROM, for ever: function 6, + charges."""

    NAME = "lasting"
    FUNCTION = 6

    def __init__(self) -> None:
        super().__init__()
        self.cells: dict[int, int] = {}

    def lapse(self) -> None:
        raise AssertionError("it has no time-out")

    def show(self, words: Any, start: int) -> None:
        words[20 - start] = u16(self.w)

    def take(self, first: int, values: list[int]) -> Any:
        self.cells[first] = self.cells.get(first, 0) + 1
        if first == 11:
            self.aim(values[0] - 0x10000 if values[0] > 0x7FFF else values[0])
        elif first != 10:
            self.sins.append(f"{values} to {first}")
        return None

    DOCUMENT: ClassVar[dict[str, Any]] = {
        "name": "Lasting",
        "role": "converter",
        "ports": {"tcp": {"port": 502}},
        "address": 1,
        "timeout_ms": 500,
        "pause_ms": 0,
        "gap_registers": 0,
        "sample_ms": 0,
        "word_order": "high_first",
        "sources": {"none": "the test's own"},
        "rows": [
            {"quantity": "power", "function": 3, "register": 20, "type": "i16",
             "from": ["none:1"]},
            {"quantity": "state", "function": 3, "register": 21, "type": "u16",
             "states": {"run": [0]}, "from": ["none:1"]},
        ],
        "controls": "ac",
        "writes": [
            {"name": "mode", "function": 6, "register": 10, "type": "u16", "wear": "eeprom",
             "from": ["none:2"]},
            {"name": "power", "function": 6, "register": 11, "type": "i16", "unit": "W", "sign": 1,
             "most": 8000, "wear": "eeprom", "from": ["none:3"]},
        ],
        "plans": {
            "charge": [{"mode": 1}, {"power": "watts"}],
            "discharge": [{"mode": 1}, {"power": "watts"}],
            "zero": [{"power": 0}],
            "release": [{"power": 0}, {"mode": 0}],
        },
        "period_ms": 1000,
        "lease": {"then": "goes_on", "measured": False, "from": ["none:4"]},
        "lacks": [],
    }  # fmt: skip


def test_what_wears_out_in_one_request_with_a_lease_is_no_family() -> None:
    writes = [dict(write, function=16) for write in Lasting.DOCUMENT["writes"]]
    writes[0] = dict(writes[0], unit="s", wear="ram")
    plans = Lasting.DOCUMENT["plans"] | {
        "charge": [{"mode": "lease", "power": "watts"}],
        "discharge": [{"mode": "lease", "power": "watts"}],
    }
    lease = {"write": "mode", "least_s": 10, "most_s": 60, "then": "stops", "measured": False}
    document = Lasting.DOCUMENT | {
        "writes": writes,
        "plans": plans,
        "lease": lease | {"from": ["none:4"]},
    }
    with pytest.raises(PackError, match="wears out by being renewed"):
        profiles.pack(document)
    writes[1] = dict(writes[1], wear="ram")
    profiles.pack(document)


def lasting() -> Home:
    home = Home(Lasting, packed=profiles.pack(Lasting.DOCUMENT), revert_s=0)
    goal(home)
    return home


def goal(home: Home, reason: int = im.REASON_GOAL) -> None:
    home.image.commands[im.CLAIM_REASON + im.MARKET * im.DEVICES + DEVICE] = reason


def cells(home: Home) -> dict[int, int]:
    assert isinstance(home.own, Lasting)
    return home.own.cells


def test_each_write_of_a_register_that_wears_is_counted_once() -> None:
    async def main() -> None:
        home = lasting()
        for w in (0, 3000, 1000, -2500, 0):
            home.ask(w)
            await home.run(15)
            assert home.own.target == w and home.own.sins == []
        wear = home.family.control.wear
        assert wear.count() == cells(home)[11] and wear.count() >= 6

    run(main)


def test_what_is_held_is_not_written_again_and_what_was_lost_is() -> None:
    """Neither by renewal nor at a turn; a device that forgot, or was silent, gets it again."""

    async def main() -> None:
        home = lasting()
        home.ask(2000)
        await home.run(60)
        before = dict(cells(home))
        await home.run(600)
        assert cells(home) == before
        home.ask(-2000)
        await home.run(30)
        assert home.own.target == -2000 and cells(home)[10] == before[10]
        home.answers.registers(1)[10] = 0
        await home.run(30)
        assert cells(home)[10] == before[10] + 1
        home.image.commands[im.DEVICE_OBEDIENCE + DEVICE] = im.OBEY_AGAIN
        await home.run(10)
        assert cells(home)[10] == before[10] + 2

    run(main)


def test_a_lease_is_renewed_and_counted_and_memory_of_no_kind_is_not() -> None:
    async def main() -> None:
        quasar, solax = Home(Quasar), Home(Solax)
        for home in (quasar, solax):
            home.ask(2000)
            await home.run(120)
        own = quasar.own
        assert isinstance(own, Quasar)
        assert quasar.family.control.wear.count() == max(own.writes_of.values()) >= 25
        assert not quasar.family.control.wear.paced
        assert solax.family.control.wear.cycles == solax.family.control.wear.count() == 0

    run(main)


def test_a_days_writes_are_not_overdrawn_by_more_and_more(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A day, here of 24 minutes, of a want that grows and falls 144 times; the second too."""
    monkeypatch.setattr(wear_module, "DAY_MS", 1_440_000)

    async def main() -> None:
        home = lasting()
        counts = []
        for _ in range(2):
            before = cells(home).get(11, 0)
            for i in range(144):
                home.ask(4000 if i % 2 else 3000)
                await home.run(10)
                assert abs(home.own.target) <= (4000 if i % 2 else 3000)
            counts.append(cells(home)[11] - before)
        assert counts[0] <= DAILY and counts[1] <= DAILY + 2
        assert counts[1] >= DAILY // 2

    run(main)


def spent(home: Home) -> None:
    """Nothing is left of today."""
    wear = home.family.control.wear
    wear._spent = wear.budget
    wear._grew = True
    wear._grown_ms = wear._day_ms


def test_less_nothing_and_a_stop_go_out_at_once_when_nothing_is_left() -> None:
    async def main() -> None:
        home = lasting()
        home.ask(4000)
        await home.run(10)
        spent(home)
        home.ask(5000)
        await home.run(60)
        assert home.own.target == 4000  # more waits
        for w in (1900, 0):
            home.ask(w)
            await home.run(0.5)
            assert 0 <= home.own.target <= w and (w < 1900 or home.own.target == 0)
        assert home.own.targets[-2][1] == 0 or home.own.target == 0
        home.ask(4000)
        await home.run(60)
        assert home.own.target == 0
        home.ask(4000, im.MODE_STOP)
        await home.run(5)
        assert home.own.target == 0 and home.own.sins == []

    run(main)


@pytest.mark.parametrize("reason", [im.REASON_RELIEF, im.REASON_PROOF])
def test_relief_of_a_limit_and_a_proof_wait_for_no_budget(reason: int) -> None:
    async def main() -> None:
        home = lasting()
        home.ask(-1000)
        await home.run(10)
        spent(home)
        goal(home, reason)
        home.ask(-3000)
        await home.run(3)
        assert home.own.target == -3000

    run(main)


def test_steps_get_coarser_as_the_day_runs_out() -> None:
    """A slow fall of 2 kW is told in few steps, never above what is wanted."""

    async def main() -> None:
        home = lasting()
        home.ask(7900)
        await home.run(10)
        spent(home)
        before = cells(home)[11]
        for w in range(7900, 5900, -10):
            home.ask(w)
            await home.run(1)
            assert home.own.target <= w
        assert cells(home)[11] - before <= 2 and home.own.target == 4000

    run(main)


# --- over restarts ---------------------------------------------------------------------------


class Called:
    """Names, by their rows."""

    def __init__(self, **rows: int) -> None:
        self.rows = rows

    def device(self, row: int) -> str:
        return next(name for name, at in self.rows.items() if at == row)


def wear_of() -> Wear:
    packed = profiles.pack(Lasting.DOCUMENT)
    return Wear(Plans(packed, struct.unpack_from(HEAD, packed)[9]))


def lives(flash: Flash, names: Called, writes: dict[int, int]) -> dict[int, Wear]:
    """One life: so many writes of each row, a second apart; then the power goes."""
    keep, _, _ = started(flash)
    wears = {row: wear_of() for row in writes}
    worn = Worn(keep, names, wears)
    for i in range(max(writes.values()) + 1):
        for row, count in writes.items():
            if i < count:
                wears[row].wrote(1)
        keep.step(1000)
        worn.step(1000)
    return wears


def test_the_count_outlives_restarts_and_is_never_less_than_what_was_written() -> None:
    async def main() -> None:
        flash = Flash(blank(SMALL_RING))
        written = 0
        for count in (1, 40, 0, 300, 7):
            wear = lives(flash, Called(car=1), {1: count})[1]
            written += count
            assert written <= wear.count() <= 1.2 * written + 8 * 5
        # and follows its name to another row, past another device that takes its own
        wears = lives(flash, Called(other=1, car=0), {1: 3, 0: 0})
        assert wears[0].count() >= written and wears[1].count() == 3
        wears = lives(flash, Called(other=1, car=0), {1: 0, 0: 0})
        assert wears[0].count() >= written and 3 <= wears[1].count() <= 11

    run(main)


def test_our_own_flash_bears_few_records() -> None:
    """Two thousand writes in an hour and more: no record for each."""

    async def main() -> None:
        flash = Flash(blank(SMALL_RING))
        before = len(flash.log)
        lives(flash, Called(car=1), {1: 2000})
        assert len(flash.log) - before < 150

    run(main)


def test_the_owner_reads_writes_a_day_and_what_is_left() -> None:
    async def main() -> None:
        wear = wear_of()
        row = shown(Called(car=1), {1: wear})["car"]
        assert row["days_left"] is None and "whole day" in row["text"]
        for _ in range(20):
            wear.wrote(1)
        await asyncio.sleep(DAY_S + 1)
        Worn(started(Flash(blank(SMALL_RING)))[0], Called(car=1), {1: wear}).step(1000)
        row = shown(Called(car=1), {1: wear})["car"]
        assert (row["writes"], row["writes_a_day"], row["budget_a_day"]) == (20, 20, DAILY)
        assert row["days_left"] == (100_000 - 20) // 20 and "13 more years" in row["text"]
        wear.before = 100_000
        assert "may fail" in shown(Called(car=1), {1: wear})["car"]["text"]

    run(main)
