# islet: what must outlive a reset and a power cut (safety.md 3), a record per topic.
# GPL-3.0-or-later
#
# A third ring, of 32-byte records: one piece each, so a record is there or it is not. The newest
# of each topic counts. Before a sector is erased, what is newest in it is written again; erasing
# waits until nothing is energised, like the rest of the store (INV-9).
#
# Written on change alone; what is lenient is thinned as the room runs out: WAITS_*. Time without
# power does not count towards a restriction's end: its record says what is left and is renewed
# seldom, so that after a cut it may last longer than ordered, never shorter.

from array import array

from firmware import image as im
from firmware.base.viper import const
from firmware.ledger import JOURNAL_SECTORS, KEEP_SECTORS, SESSION_SECTORS, may_erase
from firmware.ledger.ring import SMALL, Ring, topic

# kinds of records; core's words have one for each four. A wish has one for each device, its flags;
# a lease and what it falls back to for each issuer, device or node, and step: `_flags`
OWNER, STANDING, MEMORIES_OF_CORE = const(5), const(6), const(7)
LEASE, BACK, WISH = const(10), const(11), const(13)
PROOF = const(14)  # proofs.py: what was proved of a device stands before its owner has chosen
WORN = const(15)  # worn.py: how often it was written, likewise
_NODE = const(63)  # in the flags of what limits a node: it has no number among the devices
_NONE = (0, 0, 0, 0)
_NOTHING = array("i", _NONE)
_WORDS = const(4)
_LEASES = const(im.ISSUERS * im.LEASED * (im.LEASE_STEPS + 1))
SHORT_S = const(600)  # a shorter restriction is hardly worth a record
_RENEW_S = const(300)  # the time left is written again after so long, or a sixteenth of it
_GONE_MS = const(10_000)  # a fault or trip that is over is crossed out after so long
_UNTIL_RELEASED = const(-1)
# slots, or as many as there are topics, for what is saved before a sector is erased
_SPARE = const(16)
_TOPICS = const(16)  # that take no heap when they come

# What of a topic waits while less than so many permille of the ring are erased ahead.
WAITS_NEW = const(0)  # a fault or trip that is new
WAITS_LONG = const(0)  # a restriction (lease), until released or above 10 min
WAITS_OWNER = const(0)  # goal, reserves, island: never
WAITS_CORE = const(0)  # a word of core's
WAITS_RELEASE = const(30)  # the release of a restriction
WAITS_OVER = const(60)  # a fault or trip that is over
WAITS_SHORT = const(250)  # a restriction of 10 min and less
WAITS_HAND = const(250)  # an owner's wish by hand
WAITS_LEFT = const(500)  # the time left of a restriction or wish

FIRST, KNOWN, LOST = const(0), const(1), const(2)
STARTS = (
    "Started for the first time.",
    "Started again: what was promised to last still holds.",
    "What held before this start is not known: car and battery stand still until you choose.",
)


class Keep:
    """store: as Ledger's. faults, trips: the bits of FAULTS and TRIPPED that outlive a reset.

    When made it restores what core and guard start with; restore() does the owner's. `start` is
    FIRST, KNOWN or LOST; `trips` what the guard starts with."""

    def __init__(self, store, image, faults, trips, base=None, sectors=KEEP_SECTORS):
        self._image = image
        self._faults, self._trips = faults, trips
        self._waits = False  # a record found no room, or the flash failed
        self._seq = im.UNKNOWN
        # of _lease_row(), a bit each: those that stand, or did by the records
        self._rows = bytearray(_LEASES // 8 + 1)
        self._gone_ms = 0
        self._ring = None
        self._policy = None
        if store is not None:
            if base is None:
                base = (SESSION_SECTORS + JOURNAL_SECTORS) * store.sector
            try:
                self._ring = Ring(store, base, sectors, sectors - 2, SMALL, _TOPICS)
            except OSError:
                pass
        ring = self._ring
        self._known = ring.rows if ring is not None else {}  # topic: row
        self._values = array("i", [0] * (_WORDS * max(_TOPICS, len(self._known))))  # of each row
        if ring is not None:
            for record in ring.latest():
                self._remember(topic(record[1], record[2]), record[4])
        self.start = KNOWN
        if OWNER not in self._known:
            first = ring is not None and not ring.dirty and not any(map(_owners, self._known))
            self.start = FIRST if first else LOST
        requests = image.requests
        standing = self.said(STANDING) or _NONE
        requests[im.REMEMBERED_FAULTS] = standing[0] & faults
        nobodys = standing[0] & im.FAULTS_OF_POINT  # by a record that names no point: every one's
        for point in range(im.POINTS):
            nobodys &= ~standing[2 + point]
        for point in range(im.POINTS):
            its = (standing[2 + point] | nobodys) & faults
            requests[im.POINT_REMEMBERED_FAULTS + point] = its
        self.trips = standing[1] & trips
        for i in range(im.MEMORIES):
            words = self.said(MEMORIES_OF_CORE + i // _WORDS) or _NONE
            requests[im.REMEMBERED + i] = words[i % _WORDS]
        self._restrict()

    # --- start ------------------------------------------------------------------------------

    def _restrict(self):
        """The leases again, for the time that was left."""
        requests = self._image.requests
        for key in self._known:
            values = self.said(key)
            kind, flags = key & 0xFF, key >> 8
            issuer, leased, step = flags >> 8, flags >> 2 & _NODE, flags & 3
            if kind not in (LEASE, BACK) or not values[2] or not _kept(issuer):
                continue
            leased = 0 if leased == _NODE else 1 + leased
            if leased >= im.LEASED or step >= im.LEASE_STEPS:
                continue
            row = issuer * im.LEASED + leased
            if values[3]:
                requests[im.LEASE_NODE + issuer] = values[3] - 1
            if kind == BACK:
                requests[im.LEASE_BACK_LOW + row] = values[0]
                requests[im.LEASE_BACK_HIGH + row] = values[1]
            else:
                row = row * im.LEASE_STEPS + step
                requests[im.LEASE_LOW + row] = values[0]
                requests[im.LEASE_HIGH + row] = values[1]
                left_s = values[2]
                requests[im.LEASE_UNTIL_S + row] = left_s if left_s > 0 else im.AGE_MAX_MS
            requests[im.LEASE_SEQ] += 1

    def restore(self, policy):
        """The owner's goal, wishes and limits. Make Commands before: the configured reserves are
        the lowest allowed. Of a wish only what it takes away is restored."""
        self._policy = policy
        requests = self._image.requests
        if self.start == LOST:
            policy.start_still()
        elif self.start == KNOWN:
            goals, reserve, outage, island = self.said(OWNER) or _NONE
            policy.restore_goal(goals & 0xFF, goals >> 8)
            requests[im.RESERVE_PERMILLE] = max(requests[im.RESERVE_PERMILLE], reserve)
            requests[im.OUTAGE_RESERVE_PERMILLE] = max(
                requests[im.OUTAGE_RESERVE_PERMILLE], outage
            )
            requests[im.ISLAND_WISH] = min(island, 0)
            for device in range(im.DEVICES):
                value, left_s, _, _ = self.said(topic(WISH, device)) or _NONE
                if left_s:
                    policy.set_wish(device, value, left_s * 1000, True)
        self._note_owner()

    # --- running ------------------------------------------------------------------------------

    def watch(self):
        """In every control cycle: a new fault or trip does not wait for a second."""
        if not self._new(_WORDS * self._known.get(STANDING, -1)):
            return
        said = self.said(STANDING) or _NONE
        now = self._standing()
        self.put(STANDING, tuple([now[i] | said[i] for i in range(_WORDS)]), WAITS_NEW)

    def _new(self, at):
        """Whether something stands that has not been said; in every cycle, so without a tuple.
        at: where the words of what has been said begin, below 0 when nothing has."""
        commands = self._image.commands
        said = self._values if at >= 0 else _NONE
        at = max(at, 0)
        if self._image.trips[im.TRIPPED] & self._trips & ~said[at + 1]:
            return True
        for point in range(im.POINTS):
            if commands[im.POINT_FAULTS + point] & self._faults & ~said[at + 2 + point]:
                return True
        return commands[im.FAULTS] & self._faults & ~said[at] != 0

    def _standing(self):
        """What a record shall hold: faults, trips, and each point's own faults."""
        commands = self._image.commands
        words = [commands[im.FAULTS] & self._faults, self._image.trips[im.TRIPPED] & self._trips]
        for point in range(_WORDS - 2):
            used = commands[im.POINT_FAULTS + point] if point < im.POINTS else 0
            words.append(used & self._faults)
        return tuple(words)

    def note(self):
        """Somebody has just given a command."""
        self._waits = False
        self._note_leases()
        for device in range(im.DEVICES):
            self._note_wish(device)
        if self._policy is not None:
            self._note_owner()

    def step(self, dt_ms):
        """Once a second; erases at most one sector."""
        self.note()
        self._note_over(dt_ms)
        for first in range(0, im.MEMORIES, _WORDS):
            kind = MEMORIES_OF_CORE + first // _WORDS
            words = [0] * _WORDS
            for i in range(min(_WORDS, im.MEMORIES - first)):
                words[i] = self._image.commands[im.MEMORY + first + i]
            if any(words) or kind in self._known:
                self.put(kind, tuple(words), WAITS_CORE)
        self._prepare()

    def _note_leases(self):
        """What tightens is written first, what is over last: a cut between two never loosens."""
        seq = self._image.requests[im.LEASE_SEQ]
        if seq != self._seq:
            self._seq = seq
            for number in range(_LEASES):
                row = _lease_row(number)
                stands = row is not None and (any(self._lease(row)) or row[0] in self._known)
                byte = self._rows[number >> 3] & ~(1 << (number & 7))
                self._rows[number >> 3] = byte | stands << (number & 7)
        for rank in range(3):
            for number in _ones(self._rows):
                row = _lease_row(number)
                now = self._lease(row)
                said = self.said(row[0]) or _NONE
                if now != said and rank == _rank(said, now):
                    self._note_lease(row[0], said, now)

    def _note_lease(self, key, said, now):
        left_s = now[2]
        if left_s == 0:
            self.put(key, _NONE, WAITS_RELEASE)
        elif now[:2] != said[:2] or now[3] != said[3] or _shorter(said[2], left_s):
            self.put(key, now, WAITS_SHORT if 0 < left_s <= SHORT_S else WAITS_LONG)
        elif _worth(said[2], left_s):
            self.put(key, now, WAITS_LEFT)

    def _lease(self, row):
        """What its record shall hold: low, high, s left (-1 until released), node + 1."""
        key, issuer, leased, at = row
        requests = self._image.requests
        node = requests[im.LEASE_NODE + issuer] + 1 if leased == 0 else 0
        if key & 0xFF == BACK:
            low, high = requests[im.LEASE_BACK_LOW + at], requests[im.LEASE_BACK_HIGH + at]
            return _NONE if (low, high) == _OPEN else (low, high, _UNTIL_RELEASED, node)
        until_s = requests[im.LEASE_UNTIL_S + at]
        left_s = until_s - self._image.commands[im.UP_S]
        if until_s == im.AGE_MAX_MS:
            left_s = _UNTIL_RELEASED
        elif left_s <= 0:
            return _NONE
        return requests[im.LEASE_LOW + at], requests[im.LEASE_HIGH + at], left_s, node

    def _note_wish(self, device):
        wish = self._policy.wish(device) if self._policy is not None else None
        said = self.said(topic(WISH, device)) or _NONE
        if wish is None:
            if said[1]:
                self.put(topic(WISH, device), _NONE, WAITS_HAND)
            return
        left_s = (min(wish[1], im.AGE_MAX_MS) + 999) // 1000
        if wish[0] != said[0] or left_s > said[1]:
            self.put(topic(WISH, device), (wish[0], left_s, 0, 0), WAITS_HAND)
        elif _worth(said[1], left_s):
            self.put(topic(WISH, device), (wish[0], left_s, 0, 0), WAITS_LEFT)

    def _note_owner(self):
        """`now` for the island is a permission and is not kept."""
        requests = self._image.requests
        chosen, configured = self._policy.goal_numbers()
        reserves = requests[im.RESERVE_PERMILLE], requests[im.OUTAGE_RESERVE_PERMILLE]
        island = min(requests[im.ISLAND_WISH], 0)
        self.put(OWNER, (chosen | configured << 8, reserves[0], reserves[1], island), WAITS_OWNER)

    def _note_over(self, dt_ms):
        now = self._standing()
        if (self.said(STANDING) or _NONE) == now:
            self._gone_ms = 0
            return
        self._gone_ms += dt_ms
        if self._gone_ms >= _GONE_MS:
            self.put(STANDING, now, WAITS_OVER)

    # --- the ring -----------------------------------------------------------------------------

    def put(self, kind, values, least_permille):
        """Write a record unless it is there already, or has to wait for want of room."""
        if self.said(kind) == values:
            return
        ring = self._ring
        try:
            room = ring.room() if ring is not None else 0
            spare = max(_SPARE, len(self._known))
            fits = room > spare and 1000 * room >= least_permille * ring.slots
            if fits and ring.append(kind & 0xFF, kind >> 8, values):
                self._remember(kind, values)
                return
        except OSError:
            pass
        self._waits = True

    def _prepare(self):
        """Erase a sector ahead, but first save what is newest in it."""
        ring = self._ring
        if ring is None:
            return
        erase = may_erase(self._image)
        sector = ring.next_sector() if erase else -1
        if sector >= 0:
            for kind in self._known:
                if ring.place(kind) // ring.per_sector == sector and not ring.append(
                    kind & 0xFF, kind >> 8, self.said(kind)
                ):
                    return  # never lose it
        ring.prepare(erase)

    def said(self, key):
        """The newest record of a topic, or None."""
        at = _WORDS * self._known.get(key, -1)
        return tuple(self._values[at : at + _WORDS]) if at >= 0 else None

    def _remember(self, key, values):
        at = _WORDS * self._known[key]
        while at >= len(self._values):
            self._values.extend(_NOTHING)
        for i in range(_WORDS):
            self._values[at + i] = values[i]

    def state(self):
        """For the published state: changes that fit without an erase, and what has to wait."""
        return {
            "start": ("first", "known", "lost")[self.start],
            "text": STARTS[self.start],
            "room": self._ring.room() if self._ring is not None else 0,
            "waiting": self._waits,
        }


def _owners(key):
    """Whether a record speaks of what an owner, a fault or core left; a proof does not, nor
    how often a device was written."""
    return key & 0xFF not in (PROOF, WORN)


_OPEN = (-2_000_000, 2_000_000)  # limits nothing


def _kept(issuer):
    return issuer < im.ISSUERS and im.ISSUERS_KEPT >> issuer & 1


def _lease_row(number):
    """Of the record of a lease: its topic, issuer, what is leased, place in its block; None of an
    issuer whose are not kept."""
    at, step = number // (im.LEASE_STEPS + 1), number % (im.LEASE_STEPS + 1)
    issuer, leased = at // im.LEASED, at % im.LEASED
    if not _kept(issuer):
        return None
    flags = issuer << 8 | (leased - 1 if leased else _NODE) << 2
    if step == 0:
        return topic(BACK, flags), issuer, leased, at
    step -= 1
    return topic(LEASE, flags + step), issuer, leased, at * im.LEASE_STEPS + step


def _ones(bits):
    """Numbers of the bits that are set."""
    for i in range(len(bits)):
        if bits[i]:
            for bit in range(8):
                if bits[i] >> bit & 1:
                    yield 8 * i + bit


def _rank(said, now):
    """0 what is at least as strict for at least as long as its record, or new; 2 what is over."""
    if not now[2]:
        return 2
    if not said[2]:
        return 0
    tighter = now[0] >= said[0] and now[1] <= said[1] and not _shorter(now[2], said[2])
    return 0 if tighter else 1


def _shorter(left_s, than_s):
    """A restriction that ends sooner; -1 never ends."""
    return left_s >= 0 and (than_s < 0 or left_s < than_s)


def _worth(said_s, left_s):
    """So much of its time has passed that a record is due; an end always is."""
    return left_s == 0 or said_s < 0 or said_s - left_s >= max(_RENEW_S, said_s // 16)


def days(changes_a_day, sectors=KEEP_SECTORS, sector=4096):
    """How many days the ring takes so many records a day while nothing may be erased."""
    return ((sectors - 2) * (sector // SMALL) - _SPARE) // changes_a_day
