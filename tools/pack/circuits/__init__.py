# islet: circuit boards (firmware/circuits/*.json), checked and packed for the device.
# GPL-3.0-or-later
"""A circuit board's JSON says which pin carries what, how codes become volts and amperes, and what
the hardware does without firmware. An output whose protection is not declared is refused: firmware
is the second layer, never the only one.

tables.py has the fields (circuit.schema.json is printed from it), chips.py what a chip can do,
rules.py, pins.py and signals.py what no field says alone, scales.py the arithmetic of resistors
and transformers, layout.py the bytes.
"""

from __future__ import annotations

import json

from tools.pack import Document, PackError
from tools.pack.circuits.layout import layout
from tools.pack.circuits.rules import check
from tools.pack.circuits.tables import BOARD, INPUTS, OUTPUTS, PROTECTION, SIGNALS

__all__ = ("INPUTS", "OUTPUTS", "PROTECTION", "SIGNALS", "pack", "validate")


def validate(document: Document) -> None:
    """Refuse what the firmware could not run on; PackError names the field."""
    _earlier(document)
    BOARD.check(document, "")
    check(document)


def _earlier(document: Document) -> None:
    """A board of the form before says what to write instead."""
    uart = document.get("uart") if isinstance(document, dict) else None
    if isinstance(uart, dict):
        row = {"uart" if name == "id" else name: value for name, value in uart.items()}
        raise PackError(
            "uart", f'a board may have several lines now: "lines": {json.dumps([row])}'
        )


def pack(document: Document) -> bytes:
    """The board as the device reads it; PackError when it is not valid."""
    validate(document)
    return layout(document)
