"""Which board: by USB ids, by the boot loader's drive, and never by guessing."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest

from tools.flash import FlashError, find

PICO = SimpleNamespace(
    device="/dev/ttyACM0", vid=0x2E8A, pid=0x0005, description="Board in FS", serial_number="e661"
)
OTHER_PICO = SimpleNamespace(
    device="/dev/ttyACM1", vid=0x2E8A, pid=0x0005, description="Board in FS", serial_number="e662"
)
ESP32 = SimpleNamespace(
    device="/dev/ttyUSB0", vid=0x10C4, pid=0xEA60, description="CP2102", serial_number=None
)
MODEM = SimpleNamespace(
    device="/dev/ttyS0", vid=None, pid=None, description="n/a", serial_number=None
)


def plugged(monkeypatch: pytest.MonkeyPatch, *infos: SimpleNamespace) -> None:
    monkeypatch.setattr(find.list_ports, "comports", lambda: list(infos))


def test_a_board_is_known_by_its_usb_ids(monkeypatch: pytest.MonkeyPatch) -> None:
    plugged(monkeypatch, MODEM, ESP32, PICO)
    assert [port.device for port in find.ports("rp2")] == ["/dev/ttyACM0"]
    assert [port.device for port in find.ports("esp32")] == ["/dev/ttyUSB0"]


def test_two_boards_are_not_guessed_between(monkeypatch: pytest.MonkeyPatch) -> None:
    plugged(monkeypatch, PICO, OTHER_PICO)
    with pytest.raises(FlashError, match=r"(?s)more than one.*ttyACM0.*ttyACM1") as caught:
        find.one_port("rp2", "")
    assert "PORT=" in caught.value.remedy
    assert find.one_port("rp2", "/dev/ttyACM1") == find.Port("/dev/ttyACM1", "Board in FS", "e662")
    assert find.one_port("rp2", "socket://127.0.0.1:1") == find.Port("socket://127.0.0.1:1")


def test_no_board(monkeypatch: pytest.MonkeyPatch) -> None:
    plugged(monkeypatch, MODEM)
    assert find.one_port("rp2", "") is None


def test_after_a_reset_it_is_known_by_its_serial_number(monkeypatch: pytest.MonkeyPatch) -> None:
    plugged(monkeypatch, PICO)
    before = find.one_port("rp2", "")
    assert before
    moved = SimpleNamespace(**{**vars(PICO), "device": "/dev/ttyACM3"})
    plugged(monkeypatch, OTHER_PICO, moved)
    assert find.again(before).device == "/dev/ttyACM3"
    plugged(monkeypatch)
    assert find.again(before) == before


def test_the_drive_is_known_by_what_is_on_it(
    drive: Callable[[], Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = drive()
    stick, newer = tmp_path / "stick", tmp_path / "with blank"
    stick.mkdir()
    newer.mkdir()
    (newer / "INFO_UF2.TXT").write_text("Board-ID: RP2350\n")
    (tmp_path / "mounts").write_text(
        f"/dev/sda1 / ext4 rw 0 0\n/dev/sdb1 {stick} vfat rw 0 0\n"
        f"/dev/sdc1 {str(newer).replace(' ', chr(92) + '040')} vfat rw 0 0\n"
        f"/dev/sdd1 {folder} vfat rw 0 0\n"
    )
    assert find.one_drive("") == folder
    with pytest.raises(FlashError, match=r"DRIVE: .* is not the drive of a Pico's boot loader"):
        find.one_drive(str(newer))


def test_a_drive_with_a_blank_in_its_path(drive: Callable[[], Path], tmp_path: Path) -> None:
    folder = drive()
    blank = tmp_path / "my drive"
    folder.rename(blank)
    (tmp_path / "mounts").write_text(f"/dev/sdb1 {tmp_path}/my\\040drive vfat rw 0 0\n")
    assert find.one_drive("") == blank


def test_a_drive_that_does_not_come(drive: Callable[[], Path]) -> None:
    waited: list[float] = []
    with pytest.raises(FlashError, match="did not appear") as caught:
        find.wait_for_drive(5, waited.append)
    assert sum(waited) == 5
    assert "BOOTSEL" in caught.value.remedy


def test_a_drive_that_nobody_mounts(
    drive: Callable[[], Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    label = tmp_path / "label"
    label.touch()
    monkeypatch.setattr(find, "DRIVE_LABEL", label)
    monkeypatch.setattr(find.shutil, "which", lambda _name: None)
    with pytest.raises(FlashError, match="nobody mounted it") as caught:
        find.wait_for_drive(1, lambda _s: None)
    assert str(label) in caught.value.remedy


def test_a_drive_is_mounted_where_udisks_is(
    drive: Callable[[], Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    label = tmp_path / "label"
    label.touch()
    monkeypatch.setattr(find, "DRIVE_LABEL", label)
    monkeypatch.setattr(find.shutil, "which", lambda name: f"/usr/bin/{name}")

    def mount(command: list[str], **_: object) -> None:
        assert command[:2] == ["/usr/bin/udisksctl", "mount"]
        assert command[-1] == str(label)
        drive()

    monkeypatch.setattr(find.subprocess, "run", mount)
    assert find.wait_for_drive(5, lambda _s: None).name == "RPI-RP2"
