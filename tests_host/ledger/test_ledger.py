"""INV-10: no closed session lost or doubled by a power loss anywhere; an open one loses 60 s."""

from __future__ import annotations

import binascii
import struct
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from firmware import image as im
from firmware.ledger import CHECKPOINT_MS, Ledger, may_erase
from firmware.ledger.ring import Ring, decode
from firmware.ledger.store import FileStore
from tests_host.conftest import ROOT, RunDevice
from tests_host.fields import columns
from tests_host.ledger.flash import Flash, blank, cuts

EVSE, INVERTER = 0, 1
SECTORS = (4, 9)
WATTS = 7200  # 2 Wh a second
STEP_MS = 1000


def site() -> im.Image:
    image = im.Image()
    image.site[im.DEVICE_NODE + EVSE] = 1
    image.site[im.DEVICE_NODE + INVERTER] = 2
    columns(image.site)
    image.commands[im.ISLAND_STATE] = im.ISLAND_GRID
    image.commands[im.POINT_PILOT_STATE] = im.PILOT_A
    image.readings[im.DEVICE_AGE_MS + INVERTER] = 100
    image.readings[im.WALL_MIN] = 3_000_000
    return image


def plug(image: im.Image, charging: bool) -> None:
    """Charge with WATTS, or unplug."""
    closed = im.CONTACTOR_CLOSED if charging else im.CONTACTOR_OPEN
    image.commands[im.POINT_CONTACTOR_STATE] = closed
    image.commands[im.PERMITS] = im.OUT_CONTACTOR if charging else 0
    image.trips[im.OUTPUTS] = im.OUT_CONTACTOR if charging else 0
    image.commands[im.POINT_PILOT_STATE] = im.PILOT_C if charging else im.PILOT_A
    image.readings[im.NODE_AGE_MS + 1] = 100
    image.readings[im.NODE_W + im.LEGS] = WATTS if charging else 0


class Run:
    """A ledger in use; `truth` holds, per step: writes so far, sessions closed, open seconds."""

    def __init__(self, flash: Flash) -> None:
        self.flash = flash
        self.image = site()
        self.ledger = Ledger(flash, self.image, SECTORS)
        self.closed: list[tuple[int, int]] = []
        self.truth: list[tuple[int, int, int, int]] = []
        self.note(0)

    def note(self, open_s: int) -> None:
        point = self.ledger.accounts[EVSE]
        session = point.session if point.is_open else 0
        self.truth.append((len(self.flash.log), len(self.closed), session, open_s))

    def session(self, seconds: int, pause: int = 3) -> None:
        plug(self.image, True)
        self.flash.erases_allowed = False
        for second in range(seconds):
            self.ledger.step(STEP_MS)
            self.note(second)
        plug(self.image, False)
        self.flash.erases_allowed = True
        number = self.ledger.accounts[EVSE].session
        self.ledger.step(STEP_MS)
        self.closed.append((number, self.ledger.accounts[EVSE].wh[0]))
        self.note(0)
        for _ in range(pause):
            self.ledger.step(STEP_MS)
            self.note(0)


def sessions(ledger: Ledger) -> list[tuple[int, int]]:
    return [(s["session"], s["drawn_wh"]) for s in ledger.closed()]


def check_cut(data: bytes, closed: list[tuple[int, int]], session: int, open_s: int) -> Flash:
    """After a restart on `data`: every closed session once, the open one minus 60 s at most."""
    flash = Flash(data)
    ledger = Ledger(flash, site(), SECTORS)
    while ledger.state()["unwritten"]:  # at start everything is open: erasing is allowed
        ledger.step(STEP_MS)
    found = sessions(ledger)
    numbers = [number for number, _ in found]
    assert len(set(numbers)) == len(numbers), f"doubled: {numbers}"
    kept = [c for c in closed if c[0] >= numbers[0]] if numbers else closed
    assert len(kept) >= min(len(closed), 4), "too little history"
    assert found[: len(kept)] == kept, f"lost: {closed} != {found}"
    if session:
        wh = dict(found).get(session, 0)
        assert wh >= (open_s - 60) * 2, f"open session {session}: {wh} Wh after {open_s} s"
    assert ledger.sessions.broken_chain() is None
    # and once more: starting again changes nothing
    assert sessions(Ledger(Flash(bytes(flash.data)), site(), SECTORS)) == found
    return flash


def at_cut(run: Run, writes: int) -> tuple[list[tuple[int, int]], int, int]:
    """What was true before the write number `writes` (0 the first) was under way."""
    truth = [row for row in run.truth if row[0] <= writes][-1]
    return run.closed[: truth[1]], truth[2], truth[3]


def a_busy_week() -> tuple[bytes, Run]:
    start = blank(sum(SECTORS))
    run = Run(Flash(start))
    for seconds in (130, 20, 75, 260, 40, 110, 15, 15, 200, 30, 30, 30, 30, 30, 95):
        run.session(seconds)
    return start, run


def test_power_loss_at_every_byte_of_every_write() -> None:
    """INV-10, on a flash whose rings wrap several times."""
    start, run = a_busy_week()
    assert any(data == b"\xff" * Flash.sector for _, data in run.flash.log), "nothing was erased"
    count = 0
    for writes, data in cuts(start, run.flash.log, seed=1):
        check_cut(data, *at_cut(run, writes))
        count += 1
    assert count > 5000


def test_power_loss_while_recovering() -> None:
    """INV-10: the restart may be cut too."""
    start, run = a_busy_week()
    for number, (writes, data) in enumerate(cuts(start, run.flash.log, seed=2)):
        truth = at_cut(run, writes)
        if number % 97 or not truth[1]:
            continue
        recovered = check_cut(data, *truth)
        for _, again in cuts(data, recovered.log, seed=number):
            check_cut(again, *truth)


@given(st.lists(st.integers(1, 200), min_size=1, max_size=8), st.integers(0, 10**6))
@settings(max_examples=40, deadline=None)
def test_power_loss_anywhere_in_any_sequence(lengths: list[int], seed: int) -> None:
    start = blank(sum(SECTORS))
    run = Run(Flash(start))
    for seconds in lengths:
        run.session(seconds, pause=seed % 5)
    points = list(cuts(start, run.flash.log, seed))
    for writes, data in points[seed % 50 :: 50]:
        check_cut(data, *at_cut(run, writes))


def test_the_check_can_fail(monkeypatch: pytest.MonkeyPatch) -> None:
    """Planted: a record counted as whole without its CRC; the check must see it."""

    def trusting(data: bytes) -> object:
        good = data[:60] + struct.pack("<I", binascii.crc32(data[:60]))
        return decode(good)

    monkeypatch.setattr("firmware.ledger.ring.decode", trusting)
    start, run = a_busy_week()
    with pytest.raises((AssertionError, struct.error, UnicodeDecodeError)):
        for writes, data in cuts(start, run.flash.log, seed=1):
            check_cut(data, *at_cut(run, writes))


def test_long_checkpoint_interval_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    """Planted: a checkpoint every two minutes loses more than 60 s."""
    monkeypatch.setattr("firmware.ledger.CHECKPOINT_MS", 120_000)
    start, run = a_busy_week()
    with pytest.raises(AssertionError, match="open session"):
        for writes, data in cuts(start, run.flash.log, seed=1):
            check_cut(data, *at_cut(run, writes))


def test_a_full_session_ring_waits_for_an_erase() -> None:
    """INV-9: without right to erase, records wait in RAM and come out in order."""
    flash = Flash(blank(sum(SECTORS)))
    image = site()
    ledger = Ledger(flash, image, SECTORS)
    image.commands[im.ISLAND_STATE] = im.ISLAND_ISLANDED
    flash.erases_allowed = False
    for _ in range(20):
        plug(image, True)
        for _ in range(3):
            ledger.step(STEP_MS)
        plug(image, False)
        ledger.step(STEP_MS)
    assert ledger.state()["unwritten"] == 4
    image.commands[im.ISLAND_STATE] = im.ISLAND_GRID
    flash.erases_allowed = True
    for _ in range(9):
        ledger.step(STEP_MS)
    assert ledger.state()["unwritten"] == 0
    assert [n for n, _ in sessions(ledger)][-8:] == list(range(13, 21))


@pytest.mark.parametrize(
    ("section", "field", "value"),
    [
        ("commands", im.PERMITS, im.OUT_CONTACTOR),
        ("trips", im.OUTPUTS, im.OUT_CONTACTOR),
        ("readings", im.INPUTS, im.IN_CONTACTOR),
        *[("commands", im.ISLAND_STATE, s) for s in range(12) if s != im.ISLAND_GRID],
    ],
)
def test_when_flash_may_be_erased(section: str, field: int, value: int) -> None:
    """INV-9: any sign of a closed contactor, and any state off the grid, forbids it."""
    image = site()
    assert may_erase(image)
    getattr(image, section)[field] = value
    assert not may_erase(image)


def test_energy_is_exact_and_missing_measurement_is_counted() -> None:
    image = site()
    ledger = Ledger(Flash(blank(sum(SECTORS))), image, SECTORS)
    plug(image, True)
    ledger.step(1000)  # opens
    image.readings[im.NODE_W + im.LEGS] = 333  # 92.5 mWh a second: remainders must add up
    for _ in range(3600):
        ledger.step(1000)
    assert ledger.accounts[EVSE].wh[0] in (
        333,
        334,
        335,
    )  # with the 2 Wh of the first second's end
    image.readings[im.NODE_AGE_MS + 1] = 5000
    for _ in range(30):
        ledger.step(1000)
    (open_session,) = ledger.state()["open"]
    assert open_session["unmetered_s"] == 30
    assert open_session["duration_s"] == 3630
    image.readings[im.DEVICE_W + INVERTER] = -1800
    for _ in range(60):
        ledger.step(1000)
    assert ledger.state()["devices"]["1"] == {"drawn_wh": 0, "delivered_wh": 30}
    assert ledger.accounts[EVSE].wh[1] == 0  # not the car's


def test_a_pause_does_not_end_the_session() -> None:
    image = site()
    ledger = Ledger(Flash(blank(sum(SECTORS))), image, SECTORS)
    plug(image, True)
    ledger.step(1000)
    image.commands[im.POINT_CONTACTOR_STATE] = im.CONTACTOR_OPEN
    image.commands[im.POINT_PILOT_STATE] = im.PILOT_B
    for _ in range(300):
        ledger.step(1000)
    assert ledger.accounts[EVSE].is_open
    image.commands[im.POINT_PILOT_STATE] = im.PILOT_A
    ledger.step(1000)
    assert not ledger.accounts[EVSE].is_open
    assert len(list(ledger.closed())) == 1


def test_file_store(tmp_path: Path) -> None:
    image = site()
    ledger = Ledger(str(tmp_path), image)
    plug(image, True)
    for _ in range(100):
        ledger.step(1000)
    assert CHECKPOINT_MS < 60_000
    again = Ledger(str(tmp_path), site())
    ((number, wh),) = sessions(again)
    assert (number, wh) == (1, 2 * 99)  # the last checkpoint was in the hundredth second
    assert next(iter(again.closed()))["recovered"]
    path = tmp_path / "other.bin"
    path.write_bytes(b"short")
    with pytest.raises(ValueError, match=r"ledger: .*other.bin has 5 bytes, needs 8192"):
        FileStore(str(path), 8192)


def test_ring_refuses_an_impossible_reserve() -> None:
    with pytest.raises(ValueError, match="ahead 3 does not fit 4 sectors"):
        Ring(Flash(blank(4)), 0, 4, 3)


def test_the_same_on_micropython(run_device: RunDevice, tmp_path: Path) -> None:
    script = ROOT / "tests_host/ledger/device/week.py"
    text = script.read_text().replace("FOLDER", str(tmp_path))
    first, second = run_device(text).splitlines()
    ledger = Ledger(str(tmp_path), site())  # the file written there is read here
    assert str(sessions(ledger)) == first
    assert str(max(ledger.sessions.latest())[5]) == second
