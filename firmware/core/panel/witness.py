# islet: the witness: every instrument is judged by what islet's own steps do to it (INV-15).
# GPL-3.0-or-later
#
# A step of islet's own of 3 A or more, as its device measures it, has to appear in every
# instrument above. What does not appear, or wrongly, is a miss: growth stops, and what was not
# seen is taken back, which is the second piece of evidence. Two misses of one gain name the
# instrument; where other loads switch often it takes more, for two may agree by chance.
# The passes are in witness_kernel.py; witness_parent.py holds instruments against one another.
# Rules: safety.md, section 1.

from array import array

from firmware import image as im
from firmware.base.viper import const
from firmware.core.panel import witness_kernel as kernel
from firmware.core.panel import witness_rooms
from firmware.core.panel.kernel import BELOW_EVSE, BELOW_INVERTER, P_SOURCES
from firmware.core.panel.witness_kernel import (
    B_BEGAN,
    B_COLUMNS,
    B_DRAW_MA,
    B_DT_MS,
    B_EVSE_MA,
    B_EVSE_MOVES_MS,
    B_FEED_MA,
    B_INVERTER_LEGS,
    B_INVERTER_MOVES_MS,
    B_KNOWN,
    B_LATE_MS,
    B_LEG,
    B_MA64_PER_W,
    B_MA64_PER_W_INVERTER,
    B_NODE,
    B_STALE_MS,
    B_TAKES,
    B_TICK,
    C_MISSES,
    COLUMNS,
    END_LEG,
    END_NODE,
    HEAL,
    TAKES_ALWAYS,
    TAKES_NOTHING,
    TAKES_SOURCE,
    TICK_LATCH,
    TICK_STIR,
    WIDE_MA,
)
from firmware.core.panel.witness_parent import Parents

_STALE_MS = const(2_000)  # INV-4
# How much later than its age, at least, an instrument may show a step that its device reports: a
# meter's filter, unchecked; a window of samples or a metering chip's mean beside the device's own.
_METER_LATE_MS = const(1_000)
_CT_LATE_MS = const(500)
_REGULATES = const(1)
_LATCH_MS = const(500)
_STIR_LATCHES = const(4)
_BEGIN_MA = const(100)  # a command that moves by so much in a cycle moves
_MOVES_MA = const(700)  # by so much from its rest: it is no trim
_REST_MS = const(500)


class _Command:
    """When a command of islet's begins to move, and for how long it has been moving."""

    def __init__(self):
        self._last = self._rest = 0
        self._rest_ms = 0
        self._moving_ms = 0
        self.began = False
        self.moves_ms = 0  # 0 while it rests or is but trimmed
        self.falls = False

    def step(self, dt_ms, value_ma):
        by_ma = value_ma - self._last
        away_ma = self._last - self._rest
        self.began = False
        if -_BEGIN_MA < by_ma < _BEGIN_MA:
            self._rest_ms += dt_ms
            if self._rest_ms >= _REST_MS:
                self._rest_ms = _REST_MS
                self._rest = value_ma
                self._moving_ms = 0
        else:
            turns = (by_ma > _MOVES_MA and away_ma < 0) or (by_ma < -_MOVES_MA and away_ma > 0)
            if turns or self._moving_ms == 0:
                self._rest = self._last
                self._moving_ms = 0
                self.began = True
            self._rest_ms = 0
        if self.began or self._moving_ms:
            self._moving_ms += dt_ms
        self._last = value_ma
        away_ma = value_ma - self._rest
        self.falls = away_ma < 0
        self.moves_ms = self._moving_ms if away_ma > _MOVES_MA or away_ma < -_MOVES_MA else 0


def _book(nodes):
    return array("i", [0] * (B_COLUMNS + COLUMNS * im.LEGS * nodes))


class Witness:
    """Sets P_STATE of a named node to STALE, FAULT_INSTRUMENT in `faults`, and the rooms of book.

    image, plan: the panel's, with what is metered and below what.
    """

    def __init__(self, image, plan):
        self._site = image.site
        self._readings = image.readings
        self._requests = image.requests
        self._commands = image.commands
        self._plan = plan
        self.book = _book(image.site[im.NODE_COUNT])
        self.parents = Parents(image.site)
        self._nodes = 0
        self._offer = _Command()
        self._setpoint = _Command()
        self._latch_ms = 0
        self._latches = 0
        self._acknowledged = 0
        self._volts = 0

    def declare(self):
        """Read the site. Where one was named before a reset, all are: nobody knows which."""
        site = self._site
        self._nodes = nodes = site[im.NODE_COUNT]
        places = nodes * im.LEGS
        if len(self.book) < B_COLUMNS + COLUMNS * places:
            self.book = _book(nodes)
        book = self.book
        book[B_STALE_MS] = _STALE_MS
        book[B_INVERTER_LEGS] = site[im.DEVICE_LEGS + im.INVERTER]
        for node in range(nodes):
            meter = site[im.NODE_INSTRUMENT + node] == im.INSTRUMENT_METER
            book[B_LATE_MS + node] = _METER_LATE_MS if meter else _CT_LATE_MS
            if self._plan[P_SOURCES + node] and book[B_TAKES + node] == TAKES_NOTHING:
                book[B_TAKES + node] = TAKES_SOURCE
            if site[im.NODE_REGULATES + node] == _REGULATES:
                above = node
                while 0 <= above < nodes:
                    book[B_TAKES + above] = TAKES_ALWAYS
                    above = site[im.NODE_PARENT + above]
        self.parents.declare(site, self._plan)
        self._scale(book)
        self._name_all(HEAL if self._requests[im.REMEMBERED_FAULTS] & im.FAULT_INSTRUMENT else 0)
        self._acknowledged = self._requests[im.ACKNOWLEDGE_SEQ]

    def _name_all(self, misses):
        places = self._nodes * im.LEGS
        first = B_COLUMNS + C_MISSES * places
        for at in range(first, first + places):
            self.book[at] = misses

    def step(self, dt_ms, evse_known, inverter_known):
        """Once a cycle, after the panel has judged what is fresh."""
        book = self.book
        commands = self._commands
        acknowledged = self._requests[im.ACKNOWLEDGE_SEQ]
        if acknowledged != self._acknowledged:
            self._acknowledged = acknowledged
            self._name_all(0)
            self.parents.forget()
        offer, setpoint = self._offer, self._setpoint
        offer.step(dt_ms, commands[im.SETPOINT + im.EVSE])
        setpoint.step(
            dt_ms, commands[im.SETPOINT + im.INVERTER] * book[B_MA64_PER_W_INVERTER] >> 6
        )
        book[B_DT_MS] = dt_ms
        known = (BELOW_EVSE if evse_known else 0) | (BELOW_INVERTER if inverter_known else 0)
        # behind an open switch nothing of it reaches the service
        fed = commands[im.ISLAND_STATE] == im.ISLAND_GRID
        book[B_KNOWN] = known if fed else 0
        book[B_BEGAN] = 1 if offer.began or setpoint.began else 0
        # a rising offer is growth, a falling one may answer something else
        book[B_EVSE_MOVES_MS] = offer.moves_ms if offer.falls else 0
        book[B_INVERTER_MOVES_MS] = setpoint.moves_ms
        self._tick(dt_ms, book)
        kernel.watch(book, self._plan, self._readings, self._nodes)
        self.parents.step(book, self._readings, fed, inverter_known)
        witness_rooms.rooms(book, self._plan, self._readings, self._nodes)
        named = im.FAULT_INSTRUMENT if book[B_NODE] >= 0 else 0
        commands[im.FAULTS] = commands[im.FAULTS] & ~im.FAULT_INSTRUMENT | named
        commands[im.DOUBTED_NODE] = book[B_NODE]
        commands[im.DOUBTED_LEG] = book[B_LEG]

    def _scale(self, book):
        """mA per W, by the voltage of the first leg."""
        site = self._site
        volts = site[im.NOMINAL_MV] // 1000
        if self._readings[im.GRID_AGE_MS] <= _STALE_MS:
            measured = self._readings[im.GRID_MV] // 1000
            if volts * 4 // 5 < measured < volts * 5 // 4:
                volts = measured
        self._volts = volts
        book[B_MA64_PER_W] = 64_000 // volts
        book[B_MA64_PER_W_INVERTER] = 64_000 // (volts * site[im.DEVICE_LEGS + im.INVERTER])

    def _tick(self, dt_ms, book):
        book[B_TICK] = 0
        self._latch_ms += dt_ms
        if self._latch_ms >= _LATCH_MS:
            self._latch_ms = 0
            self._scale(book)
            book[B_TICK] = TICK_LATCH
            self._latches += 1
            if self._latches >= _STIR_LATCHES:
                self._latches = 0
                book[B_TICK] = TICK_LATCH + TICK_STIR

    def narrow(self, limits):
        """Leave the devices, of what the panel claims, only what is proved."""
        book = self.book
        commands = self._commands
        at = im.CLAIM_HIGH + im.PANEL * im.DEVICES
        room_ma = book[B_EVSE_MA]
        if room_ma < commands[at + im.EVSE]:
            node, leg = book[B_EVSE_MA + END_NODE], book[B_EVSE_MA + END_LEG]
            limits.claim(im.PANEL, im.EVSE, 0, room_ma, im.REASON_UNPROVED, node, leg, room_ma)
        at += im.INVERTER
        draw_w, feed_w = self._inverter_w(B_DRAW_MA), self._inverter_w(B_FEED_MA)
        low_w, high_w = commands[im.CLAIM_LOW - im.CLAIM_HIGH + at], commands[at]
        if draw_w >= high_w and -feed_w <= low_w:
            return
        reason = commands[im.CLAIM_REASON - im.CLAIM_HIGH + at]
        low_reason = commands[im.CLAIM_LOW_REASON - im.CLAIM_HIGH + at]
        tight = B_FEED_MA
        if draw_w < high_w:
            high_w, reason = draw_w, im.REASON_UNPROVED
            tight = B_DRAW_MA
        if -feed_w > low_w:
            low_w, low_reason = -feed_w, im.REASON_UNPROVED
        node, leg = book[tight + END_NODE], book[tight + END_LEG]
        limits.claim(im.PANEL, im.INVERTER, low_w, high_w, reason, node, leg, 0, low_reason)

    def _inverter_w(self, room):
        """A room of the book as the inverter's total."""
        room_ma = self.book[room]
        if room_ma >= WIDE_MA:
            return WIDE_MA
        return (
            room_ma * self._volts // 1000 * self._site[im.DEVICE_LEGS + im.INVERTER]
            if room_ma > 0
            else 0
        )

    # --- for the panel ------------------------------------------------------------------------

    def doubts(self, node):
        """Whether the node's instrument is named."""
        book = self.book
        if book[B_NODE] < 0 or node < 0:
            return False
        if self.parents.doubts(node):
            return True
        first = B_COLUMNS + (C_MISSES * self._nodes + node) * im.LEGS
        return book[first] < 0 or book[first + 1] < 0 or book[first + 2] < 0

    def missed(self, node):
        """Whether a step below the node was not shown, and nothing has told since."""
        book = self.book
        first = B_COLUMNS + (C_MISSES * self._nodes + node) * im.LEGS
        return book[first] > 0 or book[first + 1] > 0 or book[first + 2] > 0
