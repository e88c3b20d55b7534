# islet: charging sessions and energy, kept through a power loss at any byte of any write.
# GPL-3.0-or-later
#
# Two rings on flash. `sessions` gets one record per closed session. `journal` gets each open
# session, with its device's totals, every 50 s, so a power loss costs an open session less than
# 60 s (INV-10), and the totals of the other devices every hour. On start, a session of the journal
# that has no record of its end is one that was cut: it is closed with the flag RECOVERED. Closing
# is one record, so it happened or it did not.
#
# Nothing is erased while the contactor is closed or the house is off the grid (INV-9). What is
# newest of a device in a sector of the journal is written again before that is erased.
#
# Records of before (version 0) belong to the one car and inverter that there were.

from firmware import image as im
from firmware.base.viper import const
from firmware.ledger.accounts import (
    CLOSED,
    IDLE,
    NAME,
    OPEN,
    RECOVERED,
    SESSION,
    TOTALS,
    VALUES,
    Account,
    cut,
)
from firmware.ledger.ring import Ring, topic
from firmware.ledger.store import FileStore

# the store, in sectors of 4 kB: sessions, journal, and what must outlive a reset (keep.py)
SESSION_SECTORS = const(16)  # 1 024 sessions of 64 bytes, the oldest 64 go first
JOURNAL_SECTORS = const(40)
KEEP_SECTORS = const(8)
SECTORS = const(SESSION_SECTORS + JOURNAL_SECTORS + KEEP_SECTORS)
CHECKPOINT_MS = const(50_000)  # and not 60: a cut during the write must not cost more than 60 s
IDLE_CHECKPOINT_MS = const(3_600_000)

# While nothing may be erased the journal's room runs out, so the checkpoints of an open session
# are thinned; those of one that moves no energy always are, for they lose nothing.
THINNING = (
    # room at most (permille), a checkpoint every ... s while energy moves
    (250, 200),
    (125, 800),
    (62, 3600),
)


def may_erase(image):
    """INV-9: no flash is erased while the contactor is closed or the house is not on the grid.

    Permitted, written and fed back must all say open.
    """
    if (image.commands[im.PERMITS] | image.trips[im.OUTPUTS]) & im.OUT_CONTACTORS:
        return False
    if image.readings[im.INPUTS] & im.IN_CONTACTORS:
        return False
    return image.commands[im.ISLAND_STATE] == im.ISLAND_GRID


def open_store(storage, image):
    """storage: a folder, or an object with size, sector, read, program and erase; such a one is
    given `may_erase`, to ask in its turn. ValueError for None, a board that has no such place."""
    if storage is None:
        raise ValueError("needs the partition 'records' of islet's own image (make flash)")
    if isinstance(storage, str):
        storage = FileStore(storage + "/ledger.bin", SECTORS * FileStore.sector)
    storage.may_erase = lambda: may_erase(image)
    return storage


class Ledger:
    """storage: as for open_store(). names: of the devices, by their rows."""

    def __init__(self, storage, image, sectors=(SESSION_SECTORS, JOURNAL_SECTORS), names=()):
        storage = open_store(storage, image)
        self.image = image
        self.names = names
        site = image.site
        self.accounts = [
            Account(image, device, self._name(device))
            for device in range(im.DEVICES)
            if site[im.DEVICE_KIND + device] and site[im.DEVICE_NODE + device] >= 0
        ]
        topics = 2 * len(self.accounts)  # closed or recovered; open or idle
        self.sessions = Ring(storage, 0, sectors[0], 1, topics=topics)
        base = sectors[0] * storage.sector
        self.journal = Ring(storage, base, sectors[1], sectors[1] - 2, topics=topics)
        self._last = 0  # session of any device
        self._unclosed = []  # (flags, values) that found no erased slot yet
        self._restore()

    def _name(self, device):
        return self.names[device] if device < len(self.names) else str(device)

    # --- start ------------------------------------------------------------------------------

    def _restore(self):
        ended = {}  # the last session that has a record of its end, by version and device
        newest = {}  # the last one that was open
        for ring in (self.sessions, self.journal):
            for record in ring.latest():
                values, of = record[4], record[2] & ~RECOVERED
                self._last = max(self._last, values[SESSION])
                known = newest if record[1] == OPEN else ended
                if record[1] != IDLE or of:  # version 0's say nothing of an end
                    known[of] = max(known.get(of, 0), values[SESSION])
                self._restore_totals(of, values)
        for account in self.accounts:
            account.closed = ended.get(account.flags, 0)
        if any(newest[of] > ended.get(of, 0) for of in newest):
            self._recover(ended)

    def _restore_totals(self, of, values):
        """A device's go with its name, whatever row it had; version 0's with its kind."""
        if of:
            for account in self.accounts:
                if account.name == values[NAME].rstrip(b"\0"):
                    account.restore(values[TOTALS : TOTALS + 2], 0)
            return
        for place, total_wh in ((True, (values[8], 0)), (False, values[9:11])):
            for account in [a for a in self.accounts if a.offered == place][:1]:
                account.restore(total_wh, IDLE_CHECKPOINT_MS)  # in a record of its own, soon

    def _recover(self, ended):
        lost = {}
        for _, kind, of, _, values, _ in self.journal.records():
            if kind == OPEN and values[SESSION] > ended.get(of, 0):
                lost[values[SESSION]] = (of | RECOVERED, values)
        for session in sorted(lost):
            self._close(*lost[session])

    # --- every second -------------------------------------------------------------------------

    def step(self, dt_ms):
        """Integrate, open and close sessions, write what is due; erases at most one sector."""
        self._write_closed()
        for account in self.accounts:
            account.integrate(dt_ms)
            if account.is_place:
                self._follow(account)
            if account.since_ms < IDLE_CHECKPOINT_MS:
                account.since_ms += dt_ms
            # the next step must not come too late
            due = account.since_ms + dt_ms > self._due_ms(account)
            if due and (account.is_open or account.moved()):
                self._note(account)
        erase = may_erase(self.image)
        if not self.sessions.prepare(erase) and self._saved(erase):
            self.journal.prepare(erase)

    def _follow(self, account):
        if not account.is_open and account.begins():
            self._last += 1
            account.open(self._last)
            self._note(account)
        elif account.is_open and account.ends():
            self._note(account)  # should closing fail, this is what a restart finds
            values = account.values()
            account.is_open = False
            self._close(account.flags, values)

    def _due_ms(self, account):
        """From one record to the next. Nothing moved: less than a Wh is lost without one."""
        if not account.is_open or not account.moved():
            return IDLE_CHECKPOINT_MS
        permille = 1000 * self.journal.room() // self.journal.slots
        every_s = CHECKPOINT_MS // 1000
        for at_most, thinned_s in THINNING:
            if permille <= at_most:
                every_s = thinned_s
        return every_s * 1000

    def _close(self, flags, values):
        """One record makes the session closed; without room it is tried again each step."""
        self._unclosed.append((flags, values))
        self._write_closed()

    def _write_closed(self):
        while self._unclosed and self.sessions.append(CLOSED, *self._unclosed[0]):
            flags, values = self._unclosed.pop(0)
            for account in self.accounts:
                if account.flags == flags & ~RECOVERED:
                    account.closed = values[SESSION]

    def _note(self, account):
        account.noted()
        return self.journal.append(account.kind(), account.flags, account.values())

    def _saved(self, erase):
        """What is newest of a device in the sector to be erased is written again; and nothing is
        erased before each session that has ended has its record."""
        sector = self.journal.next_sector() if erase else -1
        if sector < 0 or self._unclosed:
            return sector < 0
        for account in self.accounts:
            slot = self.journal.place(topic(account.kind(), account.flags))
            if slot // self.journal.per_sector == sector and not self._note(account):
                return False
        return True

    # --- for the links ------------------------------------------------------------------------

    def state(self):
        """Totals, the open sessions, and how long the journal lasts without an erase."""
        opened = [account for account in self.accounts if account.is_open]
        room_s = lasts_s(self.journal.room(), self.journal.slots)
        return {
            "open": [self.named(account.flags, account.values()) for account in opened],
            "devices": {
                self._name(account.device): dict(zip(VALUES[4:6], account.total_wh))
                for account in self.accounts
            },
            "journal_room_s": room_s // max(len(opened), 1),
            "unwritten": len(self._unclosed),
        }

    def closed(self):
        """Every closed session as a dict, oldest first."""
        for _, _, flags, _, values, _ in self.sessions.records():
            yield self.named(flags, values)

    def named(self, flags, values):
        """A session's record by name; unknown wall times are None, and so is whose it was where
        nobody had to ask."""
        session: dict = {"recovered": flags & RECOVERED == 1, "row": None, "name": None}
        if flags >> 8:
            row = session["row"] = (flags & 0xFF) >> 1
            name, short = self._name(row), values[NAME].rstrip(b"\0")
            session["name"] = name if cut(name) == short else short.decode()
        else:
            values = values[:4] + (values[4] + values[5], values[6], values[7])
        session.update(zip(VALUES, values))
        for name in ("start_min", "end_min"):
            session[name] = session[name] - 1 if session[name] else None
        return session


def lasts_s(room, slots):
    """How long `room` records of a journal of `slots` last while energy moves without a pause."""
    seconds = 0
    rows = ((1000, CHECKPOINT_MS // 1000),) + THINNING + ((0, 0),)
    for i in range(len(rows) - 1):
        highest, lowest = rows[i][0] * slots // 1000, rows[i + 1][0] * slots // 1000
        seconds += max(min(room, highest) - lowest, 0) * rows[i][1]
    return seconds
