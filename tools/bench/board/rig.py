# islet: what a measurement on the emulated board is started with, and the node process it runs in.
# GPL-3.0-or-later
from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from firmware import ledger
from firmware.ledger import ring
from firmware.ledger.store import FileStore
from tools.flash.site import sealed
from tools.image import fold, layout
from tools.image.images import REFERENCE, Image
from tools.twin import chips, flash
from tools.workshop import ROOT

HERE = Path(__file__).parent
JS = ROOT / "tools" / "bench" / "board" / "emulated"
BOARD = "pico"
SITE = HERE / "site.json"
LINE = {"baud": 19_200, "parity": "N", "stop": 1, "silence_us": 2_100}
SENSORS: dict[str, Any] = {"noise_codes": 1.5}  # LSB of the converter, standard deviation
KEY = b"bench"  # of the installer, who stands by what is for tests alone
TOPICS_KEPT = 30  # of keep.py: leases, wishes, what the owner said
MODEL: dict[str, Any] = {}  # of every setup; "cache": as tools/rp2040/cache.mjs takes it
MARK = "maintenance"  # firmware/net/console.py: the board stays at its prompt


class BoardBenchError(RuntimeError):
    """A measurement did not come to its end; the text says how far it came."""


def fields(image: Image) -> dict[str, tuple[int, int]]:
    """Where each field of the process image is: (section, index)."""
    sections = layout.tables(image.rows)
    return {row[0]: (n, row[1]) for n, table in enumerate(sections) for row in table.rows}


def board_file(name: str = BOARD) -> Path:
    """The circuit board's JSON."""
    return ROOT / "firmware" / "circuits" / f"{name}.json"


def setup(
    folder: Path,
    programs: Iterable[Path],
    site: Path | None = SITE,
    seed: int = 1,
    sensors: dict[str, Any] = SENSORS,
    held: bool = True,
    board: Path | None = None,
    records: bytes = b"",
    image: Image = REFERENCE,
    more: Mapping[str, bytes] | None = None,
    network: Mapping[str, Any] | None = None,
) -> Path:
    """Write flash and setup; the file to start a script of tools/bench/board/emulated with.

    `held`: the board stays at its prompt, where a program is started; else it runs as delivered.
    `records`: what is on the last part of the flash, of years before.
    `more`: further files, as they are. `network`: what is at the cable of a circuit's Ethernet
    chip (tools/rp2040/house/ethernet.mjs).
    """
    command = chips.emulator_command(image.circuit)  # says what is missing
    assert command
    rows = dict(image.rows)
    files = {path.name: fold.script(path.read_text(), rows).encode() for path in programs}
    files |= more or {}
    if held:
        files[MARK] = b"bench\n"
    if site is not None:
        files["site.json"] = sealed(site.read_bytes(), KEY)
        files["installer.key"] = KEY
    whole = flash.whole((image.folder / "firmware.bin").read_bytes(), files)
    (folder / "flash.bin").write_bytes(whole[: len(whole) - len(records)] + records)
    content = {
        "board": str(board or board_file(image.circuit)),
        "flash": str(folder / "flash.bin"),
        "line": LINE,
        "nominal_hz": 50,
        "sensors": sensors,
        "seed": seed,
        "fields": fields(image),
        "network": network,
        **MODEL,
    }
    path = folder / "setup.json"
    path.write_text(json.dumps(content))
    return path


def full_records() -> bytes:
    """The records' flash after years: each ring full but for a sector."""
    rings = (
        (ledger.SESSION_SECTORS, ring.RECORD, 1),
        (ledger.JOURNAL_SECTORS, ring.RECORD, 2),
        (ledger.KEEP_SECTORS, ring.SMALL, TOPICS_KEPT),
    )
    data = b""
    for sectors, size, topics in rings:
        count = (sectors - 1) * FileStore.sector // size
        values = (1,) * (11 if size == ring.RECORD else 4)
        made = [ring.encode(1 + i % topics, 0, 1 + i, 0, values, size) for i in range(count)]
        data += b"".join(made).ljust(sectors * FileStore.sector, b"\xff")
    return data


def lines(script: str, *arguments: object) -> Iterator[dict[str, Any]]:
    """Run a script of tools/bench/board/emulated; its JSON lines as they come."""
    node = shutil.which("node") or "node"
    command = [node, str(JS / script), *map(str, arguments)]
    process = subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stdout is not None and process.stderr is not None
    try:
        for line in process.stdout:
            yield json.loads(line)
        trouble = process.stderr.read()
        if process.wait():
            raise BoardBenchError(f"{script} ended with {process.returncode}\n{trouble[-3000:]}")
    finally:
        process.kill()
        process.wait()
        process.stdout.close()
        process.stderr.close()
