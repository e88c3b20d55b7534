"""INV-10 with sessions at several places at once; records of before; whose energy it is."""

from __future__ import annotations

import random
import struct
from typing import Any

import pytest

from firmware import image as im
from firmware.ledger import Ledger
from firmware.ledger.accounts import CLOSED, IDLE, OPEN, RECOVERED, cut
from firmware.ledger.ring import Ring, encode
from tests_host.fields import columns
from tests_host.ledger.flash import Flash, blank, cuts
from tests_host.ledger.test_ledger import SECTORS, STEP_MS, WATTS, plug

POINT, GATEWAY = 0, 1
NAMES = ("garage", "Einfahrt über dem Hof")
WH_A_SECOND = {POINT: WATTS // 3600, GATEWAY: 1}


def site() -> im.Image:
    """A point, and a gateway that no contactor of this board isolates."""
    image = im.Image()
    image.site[im.DEVICE_NODE + POINT] = 1
    image.site[im.DEVICE_NODE + GATEWAY] = 2
    columns(image.site)
    image.site[im.DEVICE_OWNS_PILOT + GATEWAY] = 1
    image.commands[im.ISLAND_STATE] = im.ISLAND_GRID
    image.readings[im.DEVICE_AGE_MS + GATEWAY] = 100
    plug(image, False)
    return image


def ledger_of(flash: Flash, names: tuple[str, ...] = NAMES) -> Ledger:
    return Ledger(flash, site(), SECTORS, names)


class Run:
    """Two places in use; per step: writes so far, sessions closed, seconds of those that run."""

    def __init__(self, flash: Flash, seed: int, seconds: int) -> None:
        self.flash = flash
        self.ledger = ledger_of(flash)
        self.image = self.ledger.image
        self.closed: list[tuple[int, int, int]] = []  # number, row, Wh
        self.truth: list[tuple[int, int, dict[int, tuple[int, int]]]] = []
        die = random.Random(seed)
        charging = {POINT: False, GATEWAY: False}
        self.running: dict[int, tuple[int, int]] = {}  # number: row, seconds
        self.note()
        for _ in range(seconds):
            for row in charging:
                if die.random() < (0.012 if charging[row] else 0.05):
                    charging[row] = not charging[row]
            self.second(charging)

    def second(self, charging: dict[int, bool]) -> None:
        image, accounts = self.image, self.ledger.accounts
        plug(image, charging[POINT])
        self.flash.erases_allowed = not charging[POINT]
        image.readings[im.DEVICE_PLUGGED + GATEWAY] = charging[GATEWAY]
        image.readings[im.DEVICE_W + GATEWAY] = 3600 if charging[GATEWAY] else 0
        for row in charging:
            if accounts[row].is_open and not charging[row]:
                self.closed.append((accounts[row].session, row, accounts[row].wh[0]))
                del self.running[accounts[row].session]
        # what is written in this step counts from its end: until then the sessions before it run
        before = len(self.closed)
        self.ledger.step(STEP_MS)
        assert len(self.closed) == before
        for row in charging:
            if accounts[row].is_open:
                number = accounts[row].session
                row_s = self.running.get(number, (row, -1))
                self.running[number] = (row, row_s[1] + 1)
        self.note()

    def note(self) -> None:
        self.truth.append((len(self.flash.log), len(self.closed), dict(self.running)))


def found(ledger: Ledger) -> list[dict[str, Any]]:
    return list(ledger.closed())


def check_cut(data: bytes, run: Run, writes: int) -> Flash:
    """After a restart: each session closed before once, those that ran less 60 s at most."""
    _, count, running = [row for row in run.truth if row[0] <= writes][-1]
    flash = Flash(data)
    ledger = ledger_of(flash)
    while ledger.state()["unwritten"]:
        ledger.step(STEP_MS)
    sessions = found(ledger)
    numbers = [s["session"] for s in sessions]
    assert len(set(numbers)) == len(numbers), f"doubled: {numbers}"
    whole = [(s["session"], s["row"], s["drawn_wh"]) for s in sessions if not s["recovered"]]
    known = run.closed[:count]
    kept = [c for c in known if c in whole]
    assert kept == known[len(known) - len(kept) :], f"lost: {known} != {whole}"
    # with what was recovered they fill the ring
    assert len(kept) >= min(len(known), 6), "too little history"
    by_number = {s["session"]: s for s in sessions}
    for number, (row, seconds) in running.items():
        session = by_number.get(number, {"drawn_wh": 0, "row": row})
        assert session["row"] == row
        assert session["drawn_wh"] >= (seconds - 60) * WH_A_SECOND[row], (number, session)
    assert all(s["name"] == NAMES[s["row"]] for s in sessions)
    assert ledger.sessions.broken_chain() is None
    assert found(ledger_of(Flash(bytes(flash.data)))) == sessions
    return flash


def busy(seed: int, seconds: int = 1200) -> tuple[bytes, Run]:
    start = blank(sum(SECTORS))
    return start, Run(Flash(start), seed, seconds)


@pytest.mark.parametrize("seed", [1, 2])
def test_power_loss_with_two_open_sessions(seed: int) -> None:
    """INV-10, at every 7th byte of every write."""
    start, run = busy(seed)
    assert max(len(running) for _, _, running in run.truth) == 2
    assert len(run.closed) > 12, "the ring of sessions wraps"
    assert any(data == b"\xff" * Flash.sector for _, data in run.flash.log), "nothing was erased"
    for at, (writes, data) in enumerate(cuts(start, run.flash.log, seed)):
        if at % 7 == 0:
            check_cut(data, run, writes)


def test_power_loss_while_recovering_two() -> None:
    start, run = busy(3, 400)
    for at, (writes, data) in enumerate(cuts(start, run.flash.log, 3)):
        if at % 401 == 0:
            for again, (_, twice) in enumerate(cuts(data, check_cut(data, run, writes).log, at)):
                if again % 5 == 0:
                    check_cut(twice, run, writes)


def test_the_check_of_two_can_fail(monkeypatch: pytest.MonkeyPatch) -> None:
    """Planted: a checkpoint every two minutes."""
    monkeypatch.setattr("firmware.ledger.CHECKPOINT_MS", 120_000)
    start, run = busy(1)
    with pytest.raises(AssertionError):
        for at, (writes, data) in enumerate(cuts(start, run.flash.log, 1)):
            if at % 7 == 0:
                check_cut(data, run, writes)


def test_one_counter_for_all_places_is_needed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Planted: a session ends what is open elsewhere."""
    real = Ledger._write_closed

    def wrong(self: Ledger) -> None:
        for account in self.accounts:
            account.flags = 1 << 8
        real(self)

    monkeypatch.setattr(Ledger, "_write_closed", wrong)
    start, run = busy(1, 400)
    with pytest.raises(AssertionError):
        for at, (writes, data) in enumerate(cuts(start, run.flash.log, 1)):
            if at % 7 == 0:
                check_cut(data, run, writes)


def test_a_journal_that_forgets_who_is_idle_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Planted: what is newest in a sector is not saved before it is erased."""
    monkeypatch.setattr(Ledger, "_saved", lambda *_: True)
    with pytest.raises(AssertionError, match="delivered_wh': 0"):
        test_the_totals_of_who_stands_still_outlive_the_journal()


def test_the_totals_of_who_stands_still_outlive_the_journal() -> None:
    flash = Flash(blank(sum(SECTORS)))
    ledger = ledger_of(flash)
    image = ledger.image
    image.readings[im.DEVICE_W + GATEWAY] = -3600
    for _ in range(40):
        ledger.step(STEP_MS)
    image.readings[im.DEVICE_W + GATEWAY] = 0
    ledger._note(ledger.accounts[GATEWAY])
    for _ in range(40):
        plug(image, True)
        ledger.step(STEP_MS)
        plug(image, False)
        for _ in range(4):
            ledger.step(STEP_MS)
    again = ledger_of(Flash(bytes(flash.data))).state()["devices"]
    assert again == ledger.state()["devices"]
    assert again[NAMES[GATEWAY]]["delivered_wh"] == 40


def test_totals_go_with_the_name_and_sessions_keep_theirs() -> None:
    """A row means no device: what is moved in the configuration takes its energy along."""
    _, run = busy(1, 300)
    before = run.ledger.state()["devices"]
    run.ledger._note(run.ledger.accounts[POINT])
    run.ledger._note(run.ledger.accounts[GATEWAY])
    swapped = ledger_of(Flash(bytes(run.flash.data)), NAMES[::-1])
    assert swapped.state()["devices"] == before
    old = found(swapped)
    assert {s["name"] for s in old} <= {"garage", "Einfahrt über"}, "as far as there was room"
    assert {s["row"] for s in old} == {POINT, GATEWAY}


def test_a_name_is_cut_between_letters() -> None:
    assert cut("Einfahrt über dem Hof").decode() == "Einfahrt über"
    assert cut("äääääääää").decode() == "äääääää"
    assert cut("garage") == b"garage"


def before_version_1(sessions: list[int], open_session: int) -> Flash:
    """As version 0 left it: so many Wh a session, and one that was cut."""
    flash = Flash(blank(sum(SECTORS)))
    rings = [Ring(flash, 0, SECTORS[0], 1)]
    rings.append(Ring(flash, SECTORS[0] * flash.sector, SECTORS[1], SECTORS[1] - 2))
    for ring in rings:
        while ring.next_sector() >= 0:
            ring.prepare(True)
    total, values = 0, (0,) * 11
    for number, wh in enumerate(sessions, 1):
        total += wh
        values = (number, 100, 160, 3600, wh, 0, 0, 5, total, 70, 30)
        assert rings[1].append(OPEN, 0, values) and rings[0].append(CLOSED, 0, values)
    number = len(sessions) + 1
    if open_session:
        values = (number, 0, 0, 60, open_session, 0, 0, 0, total + open_session, 80, 40)
        assert rings[1].append(OPEN, 0, values)
    assert rings[1].append(IDLE, 0, values)
    return flash


@pytest.mark.parametrize("cut_wh", [0, 250])
def test_records_of_before_stay_readable(cut_wh: int) -> None:
    """Version 0: whose it was nobody had to ask; totals are the first point's and converter's."""
    flash = before_version_1([1000, 2000], cut_wh)
    ledger = ledger_of(flash)
    sessions = found(ledger)
    assert [(s["session"], s["drawn_wh"]) for s in sessions][:2] == [(1, 1000), (2, 2000)]
    assert sessions[0] == {
        "recovered": False, "row": None, "name": None, "session": 1, "start_min": 99,
        "end_min": 159, "duration_s": 3600, "drawn_wh": 1000, "delivered_wh": 0, "unmetered_s": 5,
    }  # fmt: skip
    assert len(sessions) == 2 + bool(cut_wh)
    if cut_wh:
        assert (sessions[2]["drawn_wh"], sessions[2]["recovered"]) == (cut_wh, True)
    devices = ledger.state()["devices"]
    assert devices[NAMES[POINT]]["drawn_wh"] == 3000 + cut_wh
    assert devices[NAMES[GATEWAY]] == {"drawn_wh": 80, "delivered_wh": 40} or not cut_wh
    for charging in (True, False):
        plug(ledger.image, charging)
        for _ in range(3):
            ledger.step(STEP_MS)
    again = ledger_of(Flash(bytes(flash.data)))
    assert found(again)[: len(sessions)] == sessions
    assert found(again)[-1]["session"] == 3 + bool(cut_wh) and found(again)[-1]["row"] == POINT
    assert again.state()["devices"] == ledger.state()["devices"]


def test_the_bytes_of_a_record_of_version_0() -> None:
    """As they lie on boards in use."""
    data = encode(CLOSED, RECOVERED, 7, 9, tuple(range(11)))
    assert data[:56] == struct.pack("<BBHII11I", 0xA5, CLOSED, RECOVERED, 7, 9, *range(11))
