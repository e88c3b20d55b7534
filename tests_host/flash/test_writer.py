"""The image: what is on a UF2, what is dropped onto the drive, what esptool is told."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from tools.flash import FlashError, Voice, boards, writer
from tools.image import uf2

IMAGE = bytes(range(256)) * 9 + b"the end"


def test_a_uf2_says_what_lies_in_flash(tmp_path: Path) -> None:
    path = tmp_path / "firmware.uf2"
    path.write_bytes(uf2.convert(IMAGE))
    dropped, flash = writer.read_image(path)
    assert dropped == path.read_bytes()
    assert flash.startswith(IMAGE)
    assert set(flash[len(IMAGE) :]) == {0}


def test_a_bin_is_made_a_uf2(tmp_path: Path) -> None:
    path = tmp_path / "firmware.bin"
    path.write_bytes(IMAGE)
    assert writer.read_image(path) == (uf2.convert(IMAGE), IMAGE)


def _wrong(content: bytes) -> dict[str, bytes]:
    other_chip = uf2.convert(IMAGE, family=0xE48B_FF59)
    return {
        "is no UF2": content[:-1],
        "block 3 is damaged": content[: 3 * 512] + b"X" + content[3 * 512 + 1 :],
        "made for another chip": other_chip,
        "block 4 leaves a gap": content[: 4 * 512] + content[5 * 512 :],
    }


@pytest.mark.parametrize("text", _wrong(uf2.convert(IMAGE)))
def test_a_wrong_uf2_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "firmware.uf2"
    path.write_bytes(_wrong(uf2.convert(IMAGE))[text])
    with pytest.raises(FlashError, match=text):
        writer.read_image(path)


def test_all_of_it_is_dropped(drive: Callable[[], Path]) -> None:
    content = uf2.convert(IMAGE * 400)
    folder = drive()
    writer.drop(content, folder, Voice())
    assert (folder / "islet.uf2").read_bytes() == content


@pytest.mark.parametrize(("parts", "fails"), [(1, True), (3, False)])
def test_a_drive_that_goes_away(
    drive: Callable[[], Path], monkeypatch: pytest.MonkeyPatch, parts: int, fails: bool
) -> None:
    """With the last block the board starts anew, often before the drive has said so."""
    content = uf2.convert(bytes(256 * 3 * writer.COPY // 512))
    calls = []

    def fsync(_file: int) -> None:
        calls.append(1)
        if len(calls) == parts:
            raise OSError(5, "Input/output error")

    monkeypatch.setattr(writer.os, "fsync", fsync)
    if fails:
        with pytest.raises(FlashError, match="broke off") as caught:
            writer.drop(content, drive(), Voice())
        assert "BOOTSEL" in caught.value.remedy
    else:
        writer.drop(content, drive(), Voice())


def test_what_esptool_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    told = tmp_path / "told"
    tool = tmp_path / "esptool"
    tool.write_text(f'#!/bin/sh\necho "$@" > {told}\n')
    tool.chmod(tool.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    monkeypatch.setattr(writer, "ROOT", tmp_path)
    image = tmp_path / "firmware.bin"
    image.write_bytes(IMAGE)
    writer.write_esp32("/dev/ttyUSB0", image)
    assert told.read_text() == (
        f"--chip esp32 --port /dev/ttyUSB0 --baud 460800 write_flash -z 0x1000 {image}\n"
    )
    tool.write_text("#!/bin/sh\nexit 2\n")
    with pytest.raises(FlashError, match=r"esptool failed \(2\)"):
        writer.write_esp32("/dev/ttyUSB0", image)


def test_without_esptool(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writer, "ROOT", tmp_path)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(FlashError, match="esptool is not installed") as caught:
        writer.check(boards.named("esp32", image=str(tmp_path / "any")))
    assert "pip install esptool" in caught.value.remedy


def test_without_an_image(tmp_path: Path) -> None:
    with pytest.raises(FlashError, match="is not there") as caught:
        writer.check(boards.named("pico", image=str(tmp_path / "none.bin")))
    assert caught.value.remedy == "make image IMAGE=pico CIRCUIT=pico builds it"
