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

from tools.pack import Document
from tools.pack.circuits.layout import layout
from tools.pack.circuits.rules import check
from tools.pack.circuits.tables import BOARD, INPUTS, OUTPUTS, PROTECTION, SIGNALS

__all__ = ("INPUTS", "OUTPUTS", "PROTECTION", "SIGNALS", "pack", "validate")


def validate(document: Document) -> None:
    """Refuse what the firmware could not run on; PackError names the field."""
    BOARD.check(document, "")
    check(document)


def pack(document: Document) -> bytes:
    """The board as the device reads it; PackError when it is not valid."""
    validate(document)
    return layout(document)
