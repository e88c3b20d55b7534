"""INV-9: no sector is erased while anything is energised, whoever asks and whatever holds it."""

from __future__ import annotations

import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from firmware import image as im
from firmware import ledger
from firmware.core import KEPT_FAULTS, KEPT_TRIPS
from firmware.ledger import SECTORS, Ledger, keep, open_store, ring, store
from firmware.ledger.keep import Keep
from tests_host.conftest import ROOT
from tests_host.core.planted import NOTICED, plant
from tests_host.ledger.flash import Flash
from tests_host.ledger.keep_kit import Policy, image_of

SIZE = 256 * 1024
RP2 = ROOT / "firmware" / "chips" / "rp2_flash.py"


class Chip:
    """rp2.Flash, as the firmware uses it."""

    erased = 0

    def __init__(self, start: int = 0, len: int = SIZE) -> None:
        self.data = bytearray(b"\xff" * len)
        self.start = start

    def __len__(self) -> int:
        return len(self.data)

    def __buffer__(self, flags: int) -> memoryview:  # pragma: no cover
        return memoryview(self.data)

    def ioctl(self, what: int, sector: int) -> None:
        assert what == 6
        Chip.erased += 1

    def writeblocks(self, block: int, data: bytes, offset: int) -> None:
        self.data[block * 4096 + offset :][: len(data)] = data


def record_flash(monkeypatch: pytest.MonkeyPatch, old: str = "", new: str = "") -> Any:
    """The RP2040's, on a chip of Python; in its text `old` is made `new`."""
    rp2 = ModuleType("rp2")
    vars(rp2).update(Flash=Chip)
    monkeypatch.setitem(sys.modules, "rp2", rp2)
    module = ModuleType("rp2_flash")
    vars(module)["memoryview"] = lambda chip: memoryview(chip.data)
    text = RP2.read_text()
    assert old in text
    exec(compile(text.replace(old, new), str(RP2), "exec"), vars(module))
    Chip.erased = 0
    return vars(module)["RecordFlash"]()


SIGNS = [
    ("commands", im.PERMITS, im.OUT_CONTACTOR),
    ("trips", im.OUTPUTS, im.OUT_CONTACTOR),
    ("readings", im.INPUTS, im.IN_CONTACTOR),
    ("commands", im.ISLAND_STATE, im.ISLAND_ISLANDED),
    ("commands", im.ISLAND_STATE, im.ISLAND_LOCKOUT),
]


@pytest.mark.parametrize(("section", "field", "value"), SIGNS)
@pytest.mark.parametrize("kind", ["rp2", "file"])
def test_inv_9_the_last_place_before_the_chip_asks_again(
    kind: str,
    section: str,
    field: int,
    value: int,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    """INV-9: even for somebody who does not ask at all."""
    last_place(
        record_flash(monkeypatch) if kind == "rp2" else str(tmp_path), section, field, value
    )


def last_place(storage: Any, section: str, field: int, value: int) -> None:
    image = image_of()
    there: Any = open_store(storage, image)
    there.erase(0)
    getattr(image, section)[field] = value
    with pytest.raises(RuntimeError, match="no erase"):
        there.erase(0)
    getattr(image, section)[field] = im.ISLAND_GRID if field == im.ISLAND_STATE else 0
    there.erase(4096)
    assert isinstance(storage, str) or (Chip.erased, there.refused) == (2, 1)


def test_inv_9_until_somebody_says_so_the_chip_erases_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    flash = record_flash(monkeypatch)
    with pytest.raises(RuntimeError, match="no erase"):
        flash.erase(0)
    assert Chip.erased == 0


def test_inv_9_the_part_in_front_of_the_records(monkeypatch: pytest.MonkeyPatch) -> None:
    """It ends where the records begin, and is asked about as they are."""
    flash = record_flash(monkeypatch)
    image = image_of()
    open_store(flash, image)
    size = 16 * 4096
    front = flash.before(size)
    assert front._flash.start + size == flash._flash.start == SIZE - flash.size
    assert (front.size, len(front._flash.data)) == (size, size)
    front.erase(0)
    image.commands[im.PERMITS] = im.OUT_CONTACTOR
    with pytest.raises(RuntimeError, match="no erase"):
        front.erase(0)
    front.program(256, b"\0")
    assert bytes(flash.read(0, 512)) == b"\xff" * 512, "the records are not touched"


class Big(Flash):
    sector = 4096


@pytest.mark.parametrize(("section", "field", "value"), SIGNS)
def test_inv_9_ledger_and_keep_do_not_even_ask(section: str, field: int, value: int) -> None:
    """INV-9: with every sector written over and nothing blank ahead."""
    flash = Big(b"\x00" * (SECTORS * 4096))
    image = image_of()
    getattr(image, section)[field] = value
    flash.erases_allowed = False
    kept = Keep(flash, image, KEPT_FAULTS, KEPT_TRIPS)
    kept.restore(Policy())  # type: ignore[arg-type]
    book = Ledger(flash, image)
    for _ in range(3):
        kept.step(1000)
        book.step(1000)
    assert not flash.log
    getattr(image, section)[field] = im.ISLAND_GRID if field == im.ISLAND_STATE else 0
    flash.erases_allowed = True
    kept.step(1000)
    book.step(1000)
    assert flash.log, "and once all is off they do"


ENERGISED = "(image.commands[im.PERMITS] | image.trips[im.OUTPUTS]) & im.OUT_CONTACTORS"
ASKED = "if self.may_erase is None or not self.may_erase():"
MISTAKES = (
    (ledger, "return image.commands[im.ISLAND_STATE] == im.ISLAND_GRID", "return True"),
    (ledger, "[im.ISLAND_STATE] == im.ISLAND_GRID", "[im.ISLAND_STATE] != im.ISLAND_GRID"),
    (ledger, "if image.readings[im.INPUTS] & im.IN_CONTACTORS:", "if False:"),
    (ledger, ENERGISED, "image.commands[im.PERMITS] & im.OUT_CONTACTORS"),
    (ledger, ENERGISED, "image.trips[im.OUTPUTS] & im.OUT_CONTACTORS"),
    (ledger, "storage.may_erase = lambda: may_erase(image)", "storage.may_erase = lambda: True"),
    (ledger, "erase = may_erase(self.image)", "erase = True"),
    (keep, "erase = may_erase(self._image)", "erase = True"),
    (ring, "if not blank and not may_erase:", "if False:"),
    (store, "if callable(self.may_erase) and not self.may_erase():", "if False:"),
)


@pytest.mark.parametrize(("module", "old", "new"), MISTAKES)
def test_a_planted_mistake_is_noticed(
    module: ModuleType, old: str, new: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    plant(monkeypatch, module, old, new)
    with pytest.raises((*NOTICED, RuntimeError)):
        for sign in SIGNS:
            last_place(str(tmp_path), *sign)
            test_inv_9_ledger_and_keep_do_not_even_ask(*sign)


@pytest.mark.parametrize("new", ["if False:", "if self.may_erase and not self.may_erase():"])
def test_one_planted_in_the_chips_own_is_noticed(
    new: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(NOTICED):
        flash = record_flash(monkeypatch, ASKED, new)
        with pytest.raises(RuntimeError, match="no erase"):
            flash.erase(0)
        last_place(flash, *SIGNS[0])
