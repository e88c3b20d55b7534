# islet: the calibration file: rows merged, checked by the firmware's own code, put onto the board.
# GPL-3.0-or-later
from __future__ import annotations

import json
from datetime import date
from pathlib import Path
from typing import Any

from firmware.chips.circuit import Circuit
from firmware.sense import calibration
from firmware.sense.atm90e32_setup import Scales
from tools.calibrate import Doubt
from tools.calibrate.targets import Target
from tools.flash import FlashError, Voice
from tools.flash.link import Link
from tools.workshop import CACHE

Document = dict[str, Any]
Key = tuple[tuple[str, Any], ...]

FOLDER = CACHE / "calibrate"  # what could not be stored at once waits here


def parse(text: str | None, circuit: Circuit) -> Document:
    """The board's present file; Doubt when the firmware would not take it."""
    if not text:
        return {"circuit": circuit.name, "date": "", "channels": [], "meters": []}
    if found := mistakes(text, circuit):
        raise Doubt("the board's present calibration is damaged: " + "; ".join(found))
    return {"channels": [], "meters": [], **json.loads(text)}


def value(document: Document, target: Target, field: str, default: int = 0) -> int:
    """A field of a target's row."""
    for row in document[target.section]:
        if _is(row, target.key):
            return row.get(field, default)
    return default


def _is(row: dict[str, Any], key: Key) -> bool:
    """A row that names no point is the first's."""
    wanted = {"point": 1, **dict(key)}
    return all({"point": 1, **row}.get(name) == wanted[name] for name in wanted)


def put(document: Document, section: str, key: Key, **fields: int) -> None:
    """Set fields of the row with this key, and date the whole."""
    document["date"] = date.today().isoformat()
    for row in document[section]:
        if _is(row, key):
            row.update(fields)
            return
    document[section].append({**dict(key), **fields})


def text_of(document: Document) -> str:
    return json.dumps(document, separators=(",", ":")) + "\n"


def mistakes(text: str, circuit: Circuit) -> list[str]:
    """What the firmware says against it."""
    scales = [Scales(row) for row in circuit.meters]
    return calibration.load(text, circuit.name, circuit.analog, scales).errors


def waiting(circuit: Circuit) -> Path:
    return FOLDER / f"{circuit.name}.json"


def keep(document: Document, circuit: Circuit) -> Path:
    """Written on this PC first: what took an hour in the cellar must not be lost."""
    path = waiting(circuit)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text_of(document))
    return path


def bring(link: Link, document: Document, circuit: Circuit, voice: Voice) -> None:
    """Onto the board: it stops (unless something is energised), takes the file, starts again."""
    text = text_of(document)
    if found := mistakes(text, circuit):
        raise Doubt("; ".join(found))
    path = keep(document, circuit)
    try:
        link.stop()
    except FlashError as error:
        remedy = f"it is kept in {path}: make calibrate WHAT=store brings it when nothing is"
        raise FlashError(str(error), remedy) from None
    try:
        link.put(calibration.PATH, text.encode())
    finally:
        link.start()
    path.unlink()
    voice.say(f"stored on the board, dated {document['date']}")
