# islet: which board is plugged in, and where its boot loader's drive is.
# GPL-3.0-or-later
from __future__ import annotations

import shutil
import subprocess
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from serial.tools import list_ports

from tools.flash import FlashError

# family -> USB (vendor, product); product None: any of this vendor's
USB_IDS: dict[str, tuple[tuple[int, int | None], ...]] = {
    "rp2": ((0x2E8A, 0x0005), (0x2E8A, 0x000A), (0x2E8A, None)),
    "esp32": (
        (0x303A, None),  # Espressif's own USB
        (0x10C4, 0xEA60),  # CP210x
        (0x1A86, None),  # CH34x, CH910x
        (0x0403, None),  # FTDI
    ),
}
DRIVE_BOARD = "Board-ID: RPI-RP2"  # line of INFO_UF2.TXT on the drive of the RP2040's boot ROM
DRIVE_LABEL = Path("/dev/disk/by-label/RPI-RP2")
MOUNTS = Path("/proc/mounts")
VOLUMES = Path("/Volumes")  # macOS

HOLD_BOOTSEL = "hold BOOTSEL while plugging the board in, then again"


@dataclass(frozen=True)
class Port:
    """A serial port: what to open, and how people and the USB know it."""

    device: str
    text: str = ""
    serial_number: str | None = None

    def __str__(self) -> str:
        return f"{self.device} ({self.text})" if self.text else self.device


def ports(family: str) -> list[Port]:
    """Serial ports that may be a board of this family, by their USB ids."""
    found = []
    for info in list_ports.comports():
        for vendor, product in USB_IDS[family]:
            if info.vid == vendor and product in (None, info.pid):
                found.append(Port(info.device, info.description or "", info.serial_number))
                break
    return sorted(found, key=lambda port: port.device)


def one_port(family: str, wanted: str) -> Port | None:
    """The port that was asked for, or the only one there is; None when there is none."""
    if wanted:
        known = [port for port in ports(family) if port.device == wanted]
        return known[0] if known else Port(wanted)
    found = ports(family)
    if len(found) > 1:
        listed = "\n".join(f"    {port}" for port in found)
        raise FlashError(f"more than one board is plugged in:\n{listed}", "name one: PORT=…")
    return found[0] if found else None


def again(port: Port) -> Port:
    """The same board after a reset: its USB serial number may stand behind another name."""
    for info in list_ports.comports():
        if port.serial_number and info.serial_number == port.serial_number:
            return Port(info.device, port.text, port.serial_number)
    return port


def drives() -> list[Path]:
    """Mounted drives of a Pico's boot loader."""
    return [folder for folder in _mount_points() if _is_boot_loader(folder)]


def _mount_points() -> Iterable[Path]:
    if MOUNTS.exists():
        for line in MOUNTS.read_text().splitlines():
            words = line.split()
            if len(words) > 2 and words[2] in ("vfat", "msdos"):
                # blanks in a path are written \040
                yield Path(words[1].encode().decode("unicode_escape"))
    if VOLUMES.is_dir():
        yield from VOLUMES.iterdir()


def _is_boot_loader(folder: Path) -> bool:
    try:
        text = (folder / "INFO_UF2.TXT").read_text(errors="replace")
    except OSError:
        return False
    return any(line.strip() == DRIVE_BOARD for line in text.splitlines())


def one_drive(wanted: str) -> Path | None:
    """The boot loader's drive that was asked for, or the only one there is; None without one."""
    if wanted:
        folder = Path(wanted)
        if not _is_boot_loader(folder):
            raise FlashError(
                f"DRIVE: {folder} is not the drive of a Pico's boot loader", HOLD_BOOTSEL
            )
        return folder
    found = drives()
    if len(found) > 1:
        listed = " ".join(map(str, found))
        raise FlashError(
            f"more than one Pico is in its boot loader: {listed}", "name one: DRIVE=…"
        )
    return found[0] if found else None


def wait_for_drive(wait_s: float, sleep: Callable[[float], None] = time.sleep) -> Path:
    """The drive of a board that was just sent to its boot loader."""
    tried = False
    for _ in range(max(1, round(wait_s / 0.5))):
        if drive := one_drive(""):
            return drive
        if DRIVE_LABEL.exists() and not tried:
            tried = True
            _mount()
        sleep(0.5)
    if DRIVE_LABEL.exists():
        remedy = f"mount {DRIVE_LABEL} somewhere, then again with DRIVE=…"
        raise FlashError("the boot loader's drive is there, but nobody mounted it", remedy)
    raise FlashError("the boot loader's drive did not appear", HOLD_BOOTSEL)


def _mount() -> None:
    """Desktops mount by themselves; where udisks is without one, ask it to."""
    if program := shutil.which("udisksctl"):
        command = [program, "mount", "--no-user-interaction", "-b", str(DRIVE_LABEL)]
        subprocess.run(command, capture_output=True, check=False)
