# islet: an append-only ring of fixed records on flash, each with a sequence, a chain and a CRC32.
# GPL-3.0-or-later
#
# Appending is one page program into a slot erased beforehand, so it is allowed while power flows;
# erasing is not (INV-9) and happens one sector per call, ahead of need, when the caller says so.
# A record cut by a power loss fails its CRC and its slot is passed over for ever. The newest is
# the valid one with the highest sequence, so no pointer is kept that could be torn.

import struct
from binascii import crc32

RECORD = 64  # bytes; a sector holds a whole number of them
_HEAD = "<BBHII"  # magic, kind, flags, sequence, CRC of the record before
_BODY = "<11I"
_MAGIC = 0xA5
FIELDS = 11  # integers of 32 bits that the user fills


def encode(kind, flags, sequence, before, values):
    """64 bytes: head, values, CRC32 of all before it."""
    data = struct.pack(_HEAD, _MAGIC, kind, flags, sequence, before)
    data += struct.pack(_BODY, *values)
    data += b"\0" * (RECORD - 4 - len(data))
    return data + struct.pack("<I", crc32(data))


def decode(data):
    """(sequence, kind, flags, CRC before, values, own CRC), or None if it is no whole record."""
    if data[0] != _MAGIC:
        return None
    crc = struct.unpack("<I", data[RECORD - 4 :])[0]
    if crc32(data[: RECORD - 4]) != crc:
        return None
    _, kind, flags, sequence, before = struct.unpack(_HEAD, data[:12])
    return sequence, kind, flags, before, struct.unpack(_BODY, data[12 : 12 + 4 * FIELDS]), crc


class Ring:
    """Records in `sectors` sectors of `store` from byte `base`; keeps `ahead` sectors erased."""

    def __init__(self, store, base, sectors, ahead):
        if not 1 <= ahead <= sectors - 2:
            raise ValueError("ledger: ahead {} does not fit {} sectors".format(ahead, sectors))
        self.store = store
        self.base = base
        self.sectors = sectors
        self.ahead = ahead
        self.per_sector = store.sector // RECORD
        self.slots = sectors * self.per_sector
        self._blank = b"\xff" * RECORD
        self.last = None  # newest record, decoded
        self._newest = 0  # its slot
        self._slot = 0  # next to try
        self._clean = 0  # sectors after the current one known to be erased
        self._scan()

    # --- reading ----------------------------------------------------------------------------

    def _read(self, slot):
        return self.store.read(self.base + slot * RECORD, RECORD)

    def _scan(self):
        for slot in range(self.slots):
            record = decode(self._read(slot))
            if record and (self.last is None or record[0] > self.last[0]):
                self.last = record
                self._newest = slot
        self._slot = (self._newest + 1) % self.slots if self.last else 0

    def records(self):
        """Every whole record, oldest first."""
        if not self.last:
            return
        # what follows the newest within its sector is left from an erase that was cut
        following = (self._newest // self.per_sector + 1) * self.per_sector
        for i in range(self.slots - (following - self._newest - 1)):
            record = decode(self._read((following + i) % self.slots))
            if record:
                yield record

    # --- writing ----------------------------------------------------------------------------

    def append(self, kind, flags, values):
        """Program one record; False if no erased slot is there (then `prepare` must run first)."""
        if not self._find_slot():
            return False
        sequence, before = (self.last[0] + 1, self.last[5]) if self.last else (1, 0)
        data = encode(kind, flags, sequence, before, values)
        slot = self._slot
        self._slot = (slot + 1) % self.slots
        if slot % self.per_sector == 0 and self._clean:
            self._clean -= 1
        self.store.program(self.base + slot * RECORD, data)
        self.last = decode(data)
        self._newest = slot
        return True

    def _find_slot(self):
        """Move on to an erased slot; into a next sector only if it holds no record."""
        for _ in range(2 * self.per_sector):
            slot = self._slot
            if slot % self.per_sector == 0 and self._used(slot // self.per_sector):
                return False
            if self._read(slot) == self._blank:
                return True
            self._slot = (slot + 1) % self.slots
        return False

    def _used(self, sector):
        first = sector * self.per_sector
        return any(decode(self._read(slot)) for slot in range(first, first + self.per_sector))

    def prepare(self):
        """Look at one sector ahead and erase it unless it is blank; only when nothing is
        energised. One a call: looking takes some ms, and the loop must not be held (INV-9).
        True if one was erased."""
        if self._clean >= self.ahead:
            return False
        current = self._slot // self.per_sector
        if self._slot % self.per_sector == 0:
            current -= 1
        sector = (current + self._clean + 1) % self.sectors
        self._clean += 1
        if self._is_blank(sector):
            return False
        self.store.erase(self.base + sector * self.store.sector)
        return True

    def _is_blank(self, sector):
        first = sector * self.per_sector
        return all(
            self._read(slot) == self._blank for slot in range(first, first + self.per_sector)
        )

    def room(self):
        """Records that fit before a sector must be erased, at least."""
        rest = -self._slot % self.per_sector
        return rest + self._clean * self.per_sector

    def broken_chain(self):
        """Sequence of the first record that does not continue the one before it, or None."""
        previous = None
        for record in self.records():
            if previous and (record[0] != previous[0] + 1 or record[3] != previous[5]):
                return record[0]
            previous = record
        return None
