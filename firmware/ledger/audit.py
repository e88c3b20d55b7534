# islet: who did what, and when: a ring of its own beside the records.
# GPL-3.0-or-later
#
# It lies in front of them, in what a layout keeps for what comes; a layout that keeps nothing (an
# ESP32's) has no trail. The oldest go, sector by sector, and as everywhere nothing is erased while
# anything is energised. Machines that repeat themselves must not push the rest out, so the trail
# has a pace, of which what was refused gets half; what was done by presence is always kept.

import struct

from firmware import image as im
from firmware.base.viper import const
from firmware.ledger import may_erase
from firmware.ledger.ring import SMALL, Ring
from firmware.ledger.store import FileStore

SECTORS = const(16)  # of 128 records; one is kept erased
MOST_AT_ONCE = const(16)
EVERY_S = const(900)  # one more
NAME = const(8)  # bytes of the name
_KIND = const(1)
_DONE, _MISSED = const(1 << 6), const(1 << 10)
_ROLE = const(7)  # where it begins in the second word


def open_trail(storage, image):
    """storage: as of the ledger; None where there is no room for a trail. It is read by `scan`."""
    if isinstance(storage, str):
        store = FileStore(storage + "/audit.bin", SECTORS * FileStore.sector)
    elif hasattr(storage, "before"):
        store = storage.before(SECTORS * storage.sector)
    else:
        return None
    store.may_erase = lambda: may_erase(image)
    return Audit(store, image)


class Audit:
    """store: as the ledger's. `scan` to its end before anything else, `step` once a second."""

    def __init__(self, store, image):
        self._ring = Ring(store, 0, store.size // store.sector, 1, SMALL, at_once=False)
        self._image = image
        self._may = MOST_AT_ONCE
        self._ms = 0
        self.missed = False

    def scan(self):
        """Find the newest, a sector a turn."""
        return self._ring.scan()

    def note(self, what, who, role, done, always=False):
        """what: a number below 64; role: one below 8; always: whatever the pace."""
        if not always and self._may <= (0 if done else MOST_AT_ONCE // 2):
            self.missed = True
            return
        self._may -= 0 if always else 1
        word = what | role << _ROLE
        word |= (_DONE if done else 0) | (_MISSED if self.missed else 0)
        name = who.encode()
        name = (name[-NAME:] if who[:1].isdigit() else name[:NAME]) + bytes(NAME)
        minute = self._image.readings[im.WALL_MIN] + 1
        try:
            values = (minute, word) + struct.unpack("<2i", name[:NAME])
            self.missed = not self._ring.append(_KIND, 0, values)
        except OSError:  # the flash fails: control must not
            self.missed = True

    def step(self, dt_ms):
        self._ring.prepare(may_erase(self._image))
        self._ms += dt_ms
        if self._ms >= EVERY_S * 1000:
            self._ms = 0
            self._may = min(self._may + 1, MOST_AT_ONCE)

    def rested(self):
        """Whether its pace would be no slower if it began anew."""
        return self._may >= MOST_AT_ONCE

    def entries(self):
        """(minute since 2020 or None, what, who, role, done, whether some before it were not
        kept), oldest first; None for each slot that is empty."""
        for record in self._ring.each():
            if record is None:
                yield None
                continue
            minute, word = record[4][:2]
            name = struct.pack("<2i", *record[4][2:]).rstrip(b"\0")
            yield (
                minute - 1 if minute > 0 else None,
                word & 63,
                "".join([chr(byte) if 32 <= byte < 127 else "?" for byte in name]),
                word >> _ROLE & 7,
                word & _DONE != 0,
                word & _MISSED != 0,
            )
