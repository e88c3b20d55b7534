"""INV-9: no sector is erased while anything is energised, whoever asks and whatever holds it."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from firmware import image as im
from firmware.core import KEPT_FAULTS, KEPT_TRIPS
from firmware.ledger import SECTORS, Ledger, open_store
from firmware.ledger.keep import Keep
from tests_host.ledger.flash import Flash
from tests_host.ledger.keep_kit import Policy, image_of

SIZE = 256 * 1024


class Chip:
    """rp2.Flash, as the firmware uses it."""

    erased = 0

    def __init__(self, start: int = 0, len: int = SIZE) -> None:
        self.data = bytearray(b"\xff" * len)

    def __len__(self) -> int:
        return len(self.data)

    def __buffer__(self, flags: int) -> memoryview:  # pragma: no cover
        return memoryview(self.data)

    def ioctl(self, what: int, sector: int) -> None:
        assert what == 6
        Chip.erased += 1

    def writeblocks(self, block: int, data: bytes, offset: int) -> None:
        self.data[block * 4096 + offset :][: len(data)] = data


def record_flash(monkeypatch: pytest.MonkeyPatch) -> Any:
    rp2 = ModuleType("rp2")
    vars(rp2).update(Flash=Chip)
    monkeypatch.setitem(sys.modules, "rp2", rp2)
    monkeypatch.delitem(sys.modules, "firmware.boards.rp2_flash", raising=False)
    module = importlib.import_module("firmware.boards.rp2_flash")
    monkeypatch.setattr(module, "memoryview", lambda chip: memoryview(chip.data), raising=False)
    Chip.erased = 0
    return module.RecordFlash()


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
    image = image_of()
    storage = record_flash(monkeypatch) if kind == "rp2" else str(tmp_path)
    store = open_store(storage, image)
    store.erase(0)
    getattr(image, section)[field] = value
    with pytest.raises(RuntimeError, match="no erase"):
        store.erase(0)
    getattr(image, section)[field] = im.ISLAND_GRID if field == im.ISLAND_STATE else 0
    store.erase(4096)
    assert kind == "file" or (Chip.erased, getattr(store, "refused", 0)) == (2, 1)


def test_inv_9_until_somebody_says_so_the_chip_erases_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    flash = record_flash(monkeypatch)
    with pytest.raises(RuntimeError, match="no erase"):
        flash.erase(0)
    assert Chip.erased == 0


class Big(Flash):
    sector = 4096


@pytest.mark.parametrize(("section", "field", "value"), SIGNS)
def test_inv_9_ledger_and_keep_do_not_even_ask(section: str, field: int, value: int) -> None:
    """INV-9: with every sector written over and nothing blank ahead."""
    flash = Big(b"\x00" * (SECTORS * 4096))
    image = image_of()
    getattr(image, section)[field] = value
    flash.erases_allowed = False
    keep = Keep(flash, image, KEPT_FAULTS, KEPT_TRIPS)
    keep.restore(Policy())  # type: ignore[arg-type]
    ledger = Ledger(flash, image)
    for _ in range(3):
        keep.step(1000)
        ledger.step(1000)
    assert not flash.log
    getattr(image, section)[field] = im.ISLAND_GRID if field == im.ISLAND_STATE else 0
    flash.erases_allowed = True
    keep.step(1000)
    ledger.step(1000)
    assert flash.log, "and once all is off they do"
