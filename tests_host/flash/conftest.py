"""A fake board that answers on the port "board", and time that costs none."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest
import serial
from mpremote import transport_serial

from tests_host.flash.fake_board import Board, Serial, Unplugged
from tools.flash import find, link, steps


@pytest.fixture
def board(monkeypatch: pytest.MonkeyPatch) -> Board:
    made = Board()

    def open_port(device: str, **_: object) -> Serial:
        if device != "board" or made.state == "gone" or made.broken_after == 0:
            raise Unplugged(f"no such port: {device}")
        return Serial(made)

    monkeypatch.setattr(serial, "serial_for_url", open_port)
    monkeypatch.setattr(find.list_ports, "comports", lambda: [])
    clock = SimpleNamespace(now=0.0)

    def sleep(seconds: float) -> None:
        clock.now += seconds

    def monotonic() -> float:
        clock.now += 0.001
        return clock.now

    for module in (link, steps, transport_serial):
        monkeypatch.setattr(module, "time", SimpleNamespace(sleep=sleep, monotonic=monotonic))
    return made


@pytest.fixture
def drive(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[], Path]:
    """Plug a Pico's boot loader in."""

    def plug() -> Path:
        folder = tmp_path / "RPI-RP2"
        folder.mkdir(exist_ok=True)
        (folder / "INFO_UF2.TXT").write_text(
            "UF2 Bootloader v3.0\nModel: Raspberry Pi RP2\nBoard-ID: RPI-RP2\n"
        )
        monkeypatch.setattr(find, "MOUNTS", tmp_path / "mounts")
        (tmp_path / "mounts").write_text(f"/dev/sdb1 {folder} vfat rw 0 0\n")
        return folder

    monkeypatch.setattr(find, "MOUNTS", tmp_path / "mounts")
    monkeypatch.setattr(find, "VOLUMES", tmp_path / "none")
    monkeypatch.setattr(find, "DRIVE_LABEL", tmp_path / "no label")
    return plug
