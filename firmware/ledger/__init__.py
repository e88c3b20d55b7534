# islet: charging sessions and energy, kept through a power loss at any byte of any write.
# GPL-3.0-or-later
#
# Two rings on flash. `sessions` gets one record per closed session. `journal` gets the open
# session and the meter totals every 50 s, so a power loss costs an open session less than 60 s
# (INV-10). On start, a journal newer than the last closed session is a session that was cut: it is
# closed with the flag RECOVERED. Closing is one record, so it happened or it did not.
#
# Nothing is erased while the contactor is closed or the house is off the grid (INV-9).
# Energy is integrated in whole mWs, since device floats have 24 bits.

from firmware import image as im
from firmware.ledger.ring import Ring
from firmware.ledger.store import FileStore

# the store, in sectors of 4 kB: sessions, journal, and what must outlive a reset (keep.py)
SESSION_SECTORS = 16  # 1 024 sessions of 64 bytes, the oldest 64 go first
JOURNAL_SECTORS = 40
KEEP_SECTORS = 8
SECTORS = SESSION_SECTORS + JOURNAL_SECTORS + KEEP_SECTORS
CHECKPOINT_MS = 50_000  # and not 60: a cut during the write must not cost more than 60 s
IDLE_CHECKPOINT_MS = 3_600_000

# While nothing may be erased the journal's room runs out, so the checkpoints of an open session
# are thinned; those of one that moves no energy always are, for they lose nothing.
THINNING = (
    # room at most (permille), a checkpoint every ... s while energy moves
    (250, 200),
    (125, 800),
    (62, 3600),
)
_STALE_MS = 2_000
_MWS_PER_WH = 3_600_000

OPEN, CLOSED, IDLE = 1, 2, 3  # kinds of records
RECOVERED = 1  # flag: closed at start after a power loss

# The integers of a record, in order.
VALUES = (
    "session",
    "start_min",  # wall time, minutes since 2020 plus 1; 0 unknown
    "end_min",
    "duration_s",
    "evse_wh",
    "inverter_charge_wh",  # of the session: T2 only, else 0
    "inverter_discharge_wh",
    "unmetered_s",  # closed without a fresh measurement: energy is missing
    "total_evse_wh",
    "total_inverter_charge_wh",
    "total_inverter_discharge_wh",
)
_SESSION, _START, _END, _DURATION, _EVSE, _CHARGE, _DISCHARGE, _UNMETERED = range(8)
_TOTALS = 8


def may_erase(image):
    """INV-9: no flash is erased while the contactor is closed or the house is not on the grid.

    Permitted, written and fed back must all say open.
    """
    if image.commands[im.PERMITS] & im.OUT_CONTACTOR or image.trips[im.OUTPUTS] & im.OUT_CONTACTOR:
        return False
    if image.readings[im.INPUTS] & im.IN_CONTACTOR:
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
    """storage: as for open_store()."""

    def __init__(self, storage, image, sectors=(SESSION_SECTORS, JOURNAL_SECTORS)):
        storage = open_store(storage, image)
        self.image = image
        self.sessions = Ring(storage, 0, sectors[0], 1)
        base = sectors[0] * storage.sector
        self.journal = Ring(storage, base, sectors[1], sectors[1] - 2)
        self.now = [0] * len(VALUES)  # the open session, or the totals alone
        self.is_open = False
        self._rest_mws = [0, 0, 0]  # evse, charge, discharge: not yet a Wh
        self._rest_ms = [0, 0]  # duration, unmetered: not yet a second
        self._since_ms = 0
        self._noted_wh = 0  # at the last checkpoint
        self._unplugs = 0  # UNPLUGS at the session's start
        self._unclosed = []  # (flags, values) that found no erased slot yet
        self._restore()

    # --- start ------------------------------------------------------------------------------

    def _restore(self):
        closed, latest = self.sessions.last, self.journal.last
        for record in (closed, latest):
            if record:
                for i in range(_TOTALS, len(VALUES)):
                    self.now[i] = max(self.now[i], record[4][i])
                self.now[_SESSION] = max(self.now[_SESSION], record[4][_SESSION])
        if not latest or (closed and latest[4][_SESSION] <= closed[4][_SESSION]):
            return
        cut = {}
        for record in self.journal.records():
            session = record[4][_SESSION]
            if record[1] == OPEN and not (closed and session <= closed[4][_SESSION]):
                cut[session] = record[4]
        for session in sorted(cut):
            self._close(RECOVERED, cut[session])

    # --- every second -------------------------------------------------------------------------

    def step(self, dt_ms):
        """Integrate, open and close the session, write what is due; erases at most one sector."""
        self._integrate(dt_ms)
        self._write_closed()
        if not self.is_open and self._contactor_closed():
            self._open()
        elif self.is_open and self._unplugged():
            self._end()
        self._since_ms += dt_ms
        # the next step must not come too late
        if self._since_ms + dt_ms > self._due_ms():
            self._checkpoint()
        erase = may_erase(self.image)
        if not self.sessions.prepare(erase):
            self.journal.prepare(erase)

    def _due_ms(self):
        """From one checkpoint to the next. Nothing moved: less than a Wh is lost without one."""
        if not self.is_open or sum(self.now[_TOTALS:]) == self._noted_wh:
            return IDLE_CHECKPOINT_MS
        permille = 1000 * self.journal.room() // self.journal.slots
        every_s = CHECKPOINT_MS // 1000
        for at_most, thinned_s in THINNING:
            if permille <= at_most:
                every_s = thinned_s
        return every_s * 1000

    def _contactor_closed(self):
        return self.image.commands[im.POINT_CONTACTOR_STATE] in (
            im.CONTACTOR_CLOSED,
            im.CONTACTOR_EMPTYING,
        )

    def _unplugged(self):
        """The session lasts through pauses, until the car is gone."""
        if self._contactor_closed():
            return False
        readings = self.image.readings
        if self.image.site[im.TOPOLOGY] == 2:
            return (
                readings[im.DEVICE_AGE_MS + im.INVERTER] <= _STALE_MS
                and not readings[im.DEVICE_PLUGGED + im.INVERTER]
            )
        if self.image.commands[im.POINT_UNPLUGS] != self._unplugs:  # for less than our second
            return True
        return self.image.commands[im.POINT_PILOT_STATE] == im.PILOT_A

    def _open(self):
        totals = self.now[_TOTALS:]
        self.now = [self.now[_SESSION] + 1, self._minute(), self._minute(), 0, 0, 0, 0, 0] + totals
        self._rest_ms = [0, 0]
        self._unplugs = self.image.commands[im.POINT_UNPLUGS]
        self.is_open = True
        self._checkpoint()

    def _end(self):
        self._checkpoint()  # should closing fail, this is what a restart finds
        self.is_open = False
        self._close(0, tuple(self.now))

    def _close(self, flags, values):
        """One record makes the session closed; without room it is tried again each step."""
        self._unclosed.append((flags, values))
        self._write_closed()

    def _write_closed(self):
        while self._unclosed and self.sessions.append(CLOSED, *self._unclosed[0]):
            self._unclosed.pop(0)

    def _checkpoint(self):
        self.now[_END] = self._minute()
        self.journal.append(OPEN if self.is_open else IDLE, 0, self.now)
        self._since_ms = 0
        self._noted_wh = sum(self.now[_TOTALS:])

    def _minute(self):
        return self.image.readings[im.WALL_MIN] + 1

    # --- energy -------------------------------------------------------------------------------

    def _integrate(self, dt_ms):
        evse_w, inverter_w = self._evse_w(), self._inverter_w()
        in_session = self.is_open and self.image.site[im.TOPOLOGY] == 2
        self._add(0, max(evse_w or 0, 0), dt_ms, self.is_open)
        self._add(1, max(inverter_w or 0, 0), dt_ms, in_session)
        self._add(2, max(-(inverter_w or 0), 0), dt_ms, in_session)
        if self.is_open:
            self._count(0, _DURATION, dt_ms)
            if evse_w is None or (in_session and inverter_w is None):
                self._count(1, _UNMETERED, dt_ms)

    def _add(self, which, watts, dt_ms, in_session):
        rest = self._rest_mws[which] + watts * dt_ms
        wh = rest // _MWS_PER_WH
        self._rest_mws[which] = rest - wh * _MWS_PER_WH
        self.now[_TOTALS + which] += wh
        if in_session:
            self.now[_EVSE + which] += wh

    def _count(self, which, field, dt_ms):
        rest = self._rest_ms[which] + dt_ms
        self.now[field] += rest // 1000
        self._rest_ms[which] = rest % 1000

    def _evse_w(self):
        """Power of the charging point, None if unknown; T2's is the inverter's, so 0 here."""
        site, readings = self.image.site, self.image.readings
        node = site[im.DEVICE_NODE + im.EVSE]
        if node < 0 or site[im.TOPOLOGY] == 2:
            return 0
        if readings[im.NODE_AGE_MS + node] <= _STALE_MS:
            return sum(
                readings[im.NODE_W + node * im.LEGS + leg]
                for leg in range(site[im.DEVICE_LEGS + im.EVSE])
            )
        if readings[im.DEVICE_AGE_MS + im.EVSE] <= _STALE_MS:
            ma = sum(
                readings[im.DEVICE_MA + im.EVSE * im.LEGS + leg]
                for leg in range(site[im.DEVICE_LEGS + im.EVSE])
            )
            return ma * (site[im.NOMINAL_MV] // 1000) // 1000
        return None

    def _inverter_w(self):
        if self.image.site[im.DEVICE_NODE + im.INVERTER] < 0:
            return 0
        readings = self.image.readings
        return (
            readings[im.DEVICE_W + im.INVERTER]
            if readings[im.DEVICE_AGE_MS + im.INVERTER] <= _STALE_MS
            else None
        )

    # --- for the links ------------------------------------------------------------------------

    def state(self):
        """Totals, the open session, and how long the journal lasts without an erase."""
        return {
            "open": named(self.now, False) if self.is_open else None,
            "total_evse_wh": self.now[_TOTALS],
            "total_inverter_charge_wh": self.now[_TOTALS + 1],
            "total_inverter_discharge_wh": self.now[_TOTALS + 2],
            "journal_room_s": lasts_s(self.journal.room(), self.journal.slots),
            "unwritten": len(self._unclosed),
        }

    def closed(self):
        """Every closed session as a dict, oldest first."""
        for _, _, flags, _, values, _ in self.sessions.records():
            yield named(values, bool(flags & RECOVERED))


def lasts_s(room, slots):
    """How long `room` records of a journal of `slots` last while energy moves without a pause."""
    seconds = 0
    rows = ((1000, CHECKPOINT_MS // 1000),) + THINNING + ((0, 0),)
    for i in range(len(rows) - 1):
        highest, lowest = rows[i][0] * slots // 1000, rows[i + 1][0] * slots // 1000
        seconds += max(min(room, highest) - lowest, 0) * rows[i][1]
    return seconds


def named(values, recovered):
    """A record's integers by name; unknown wall times are None."""
    session = {"recovered": recovered}
    session.update(zip(VALUES, values))
    for name in ("start_min", "end_min"):
        session[name] = session[name] - 1 if session[name] else None
    return session
