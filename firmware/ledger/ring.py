# islet: an append-only ring of fixed records on flash, each with a sequence, a chain and a CRC32.
# GPL-3.0-or-later
#
# Appending programs a slot erased beforehand, in pieces of at most 32 bytes so that nothing is
# held up for long (safety.md 3), and so is allowed while power flows; erasing is not (INV-9) and
# happens one sector per call, ahead of need, when the caller says so.
# A record cut by a power loss fails its CRC and its slot is passed over for ever. The newest is
# the valid one with the highest sequence, so no pointer is kept that could be torn.
#
# Of the newest of each topic only the place is held, in what is made at the start: a topic that
# comes later takes no heap.

import struct
from array import array
from binascii import crc32

from firmware.base.viper import const
from firmware.ledger.scan_kernel import find

RECORD, SMALL = const(64), const(32)  # bytes of a record; a sector holds a whole number of them
PIECE = const(32)  # bytes programmed at once
_HEAD = "<BBHII"  # magic, kind, flags, sequence, CRC of the record before
_BODY = {RECORD: "<11I", SMALL: "<4i"}  # the integers that the user fills
_VERSION_1 = "<6IH2I14s"  # of a large record whose flags' high byte is its version
_MAGIC = const(0xA5)
_TOPICS = const(96)  # told apart at once; further ones are looked at one by one
_PAGE = const(256)  # compared at once
_BLANK = b"\xff" * _PAGE


def encode(kind, flags, sequence, before, values, size=RECORD):
    """`size` bytes: head, values, CRC32 of all before it."""
    data = struct.pack(_HEAD, _MAGIC, kind, flags, sequence, before)
    data += struct.pack(_body(size, flags), *values)
    data += b"\0" * (size - 4 - len(data))
    return data + struct.pack("<I", crc32(data))


def decode(data):
    """(sequence, kind, flags, CRC before, values, own CRC), or None if it is no whole record."""
    if data[0] != _MAGIC:
        return None
    end = len(data) - 4
    crc = struct.unpack("<I", data[end:])[0]
    if crc32(data[:end]) != crc:
        return None
    _, kind, flags, sequence, before = struct.unpack(_HEAD, data[:12])
    values = struct.unpack_from(_body(len(data), flags), data, 12)
    return sequence, kind, flags, before, values, crc


def _body(size, flags):
    return _VERSION_1 if size == RECORD and flags >> 8 else _BODY[size]


def topic(kind, flags):
    """Kind and flags as one whole number."""
    return kind | flags << 8


def roomy(count):
    """An empty dict that takes so many keys before it needs more heap."""
    made = dict.fromkeys(range(count), 0)
    for key in range(count):
        made.pop(key)
    return made


class Ring:
    """Records of `size` bytes in `sectors` sectors of `store` from byte `base`; keeps `ahead`
    sectors erased. There is room for so many `topics` (kind and flags); more take heap. Not
    `at_once`: it is nothing before `scan` has come to its end, which may take 35 ms.

    sequence  of the newest record, 0 when there is none
    rows      each topic's, counted as they were met
    places    by row: the slot of the topic's newest record
    dirty     something is there, and no record"""

    def __init__(self, store, base, sectors, ahead, size=RECORD, topics=1, at_once=True):
        if not 1 <= ahead <= sectors - 2:
            raise ValueError("ledger: ahead {} does not fit {} sectors".format(ahead, sectors))
        self.store = store
        self.base = base
        self.sectors = sectors
        self.ahead = ahead
        self.size = size
        self.per_sector = store.sector // size
        self.slots = sectors * self.per_sector
        self._blank = b"\xff" * size
        self.sequence = 0
        self.rows = roomy(topics)
        self.places = array("H", [0] * topics)
        self.dirty = False
        self._crc = array("I", [0])  # the newest record's own
        self._newest = 0  # its slot
        self._slot = 0  # next to try
        self._clean = 0  # sectors after the current one known to be erased
        self._written = -1  # the one behind them, known not to be
        if at_once:
            for _ in self.scan():
                pass

    # --- reading ----------------------------------------------------------------------------

    def _read(self, slot):
        return self.store.read(self.base + slot * self.size, self.size)

    def latest(self):
        """The newest record of each topic."""
        for row in range(len(self.rows)):
            record = decode(self._read(self.places[row]))
            if record:
                yield record

    def place(self, of):
        """The slot of a topic's newest record, or -1."""
        row = self.rows.get(of, -1)
        return self.places[row] if row >= 0 else -1

    def _met(self, of, slot):
        """The newest record of a topic lies here."""
        row = self.rows.setdefault(of, len(self.rows))
        if row == len(self.places):
            self.places.append(0)
        self.places[row] = slot

    def scan(self):
        """What is newest, of all and of each topic, from the end, where it is found at once; a
        sector a turn."""
        used = bytearray(self.sectors)
        newest = array("i", [0] * (1 + 2 * _TOPICS))
        for sector in range(self.sectors - 1, -1, -1):
            if not self._is_blank(sector):
                used[sector] = 1
                self._look(sector, newest)
            yield
        self.dirty = not self.sequence and any(used)
        self._slot = (self._newest + 1) % self.slots if self.sequence else 0
        sector = self.next_sector()
        while sector >= 0 and not used[sector]:
            self._clean += 1
            sector = self.next_sector()

    def _look(self, sector, newest):
        """Keep each record that is the newest of its topic so far, and whole."""
        first = sector * self.per_sector
        data = self.store.read(self.base + sector * self.store.sector, self.store.sector)
        at = find(data, self.size, self.per_sector * self.size, _MAGIC, newest)
        while at >= 0:
            record = decode(data[at : at + self.size])
            if record:
                of = topic(record[1], record[2])
                row = self.rows.get(of, len(self.rows))
                slot = first + at // self.size
                if row < _TOPICS:  # then it is newer, or the first
                    newest[0] = max(newest[0], row + 1)
                    newest[1 + 2 * row] = of
                    newest[2 + 2 * row] = record[0] & 0x3FFFFFFF
                elif row < len(self.rows):
                    known = decode(self._read(self.places[row]))
                    if known and record[0] < known[0]:
                        slot = self.places[row]
                self._met(of, slot)
                if record[0] > self.sequence:
                    self.sequence, self._crc[0], self._newest = record[0], record[5], slot
            at = find(data, self.size, at, _MAGIC, newest)

    def records(self):
        """Every whole record, oldest first."""
        for record in self.each():
            if record:
                yield record

    def each(self):
        """Every slot, oldest first: its record, or None."""
        if not self.sequence:
            return
        # what follows the newest within its sector is left from an erase that was cut
        following = (self._newest // self.per_sector + 1) * self.per_sector
        for i in range(self.slots - (following - self._newest - 1)):
            yield decode(self._read((following + i) % self.slots))

    # --- writing ----------------------------------------------------------------------------

    def append(self, kind, flags, values):
        """Program one record; False if no erased slot is there (then `prepare` must run first).
        `values`: as many integers as a record of this size has."""
        if not self._find_slot():
            return False
        sequence = self.sequence + 1
        data = encode(kind, flags, sequence, self._crc[0], values, self.size)
        slot = self._slot
        self._slot = (slot + 1) % self.slots
        if slot % self.per_sector == 0 and self._clean:
            self._clean -= 1
        for at in range(0, self.size, PIECE):
            self.store.program(self.base + slot * self.size + at, data[at : at + PIECE])
        self.sequence, self._newest = sequence, slot
        self._crc[0] = struct.unpack("<I", data[-4:])[0]
        self._met(topic(kind, flags), slot)
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
        """Whether it holds a record; an erased one is told by far fewer reads."""
        if self._is_blank(sector):
            return False
        first = sector * self.per_sector
        return any(decode(self._read(slot)) for slot in range(first, first + self.per_sector))

    def prepare(self, may_erase):
        """Look at one sector ahead and, unless it is blank, erase it, if `may_erase`: only when
        nothing is energised. One a call: looking takes some ms, and the loop must not be held
        (INV-9). True if one was erased."""
        sector = self.next_sector()
        if sector < 0:
            return False
        if sector == self._written and not may_erase:
            return False  # has been looked at
        blank = self._is_blank(sector)
        if not blank and not may_erase:
            self._written = sector
            return False
        self._clean += 1
        self._written = -1
        if blank:
            return False
        self.store.erase(self.base + sector * self.store.sector)
        return True

    def next_sector(self):
        """The sector that `prepare` looks at next, -1 when enough are erased."""
        if self._clean >= self.ahead:
            return -1
        current = self._slot // self.per_sector
        if self._slot % self.per_sector == 0:
            current -= 1
        return (current + self._clean + 1) % self.sectors

    def _is_blank(self, sector):
        at = self.base + sector * self.store.sector
        return all(
            self.store.read(at + i, _PAGE) == _BLANK for i in range(0, self.store.sector, _PAGE)
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
