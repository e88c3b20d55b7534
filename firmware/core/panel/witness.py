# islet: the witness: every instrument is judged by what islet's own steps do to it (INV-15).
# GPL-3.0-or-later
#
# A step of islet's own of 3 A or more, as its device measures it, has to appear in every
# instrument above. What does not appear, or wrongly, is a miss: growth stops, and what was not
# seen is taken back, which is the second piece of evidence. Two misses of one gain name the
# instrument; where other loads switch often it takes more, for two may agree by chance.
# The passes are in witness_kernel.py; witness_parent.py holds instruments against one another.
# Rules: safety.md, section 1.


from firmware import image as im
from firmware.base.noughts import noughts
from firmware.base.viper import const
from firmware.core.panel import claims_kernel, device_kernel, witness_rooms, witness_sees
from firmware.core.panel import witness_kernel as kernel
from firmware.core.panel.layout import (
    B_BEGAN,
    B_DT_MS,
    B_HEAD,
    B_KNOWN,
    B_LEG,
    B_MA64_PER_W,
    B_NODE,
    B_STALE_MS,
    B_TICK,
    C_MISSES,
    C_ROW,
    D_LEGS,
    D_MA64_PER_W,
    D_OFFERS,
    D_ROW,
    HEAL,
    P_BELOW,
    P_FRESH_BITS,
    P_MANY,
    P_SHOWS_MS,
    P_SOURCES,
    P_TAKES,
    TAKES_ALWAYS,
    TAKES_NOTHING,
    TAKES_SOURCE,
    TICK_LATCH,
    TICK_STIR,
    node_at,
    place_at,
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


def _book(nodes):
    return noughts(B_HEAD + C_ROW * im.LEGS * nodes)


class Witness:
    """Sets P_STATE of a named node to STALE, FAULT_INSTRUMENT in `faults`, and what is proved."""

    def __init__(self, image, devices):
        self._site = image.site
        self._readings = image.readings
        self._requests = image.requests
        self._commands = image.commands
        self._devices = devices
        self._plan = None
        self.book = _book(image.site[im.NODE_COUNT])
        self.parents = Parents(image.site)
        self._nodes = 0
        self._latch_ms = 0
        self._latches = 0
        self._acknowledged = 0
        self._volts = 0

    def declare(self, plan):
        """Read the site. Where one was named before a reset, all are: nobody knows which."""
        site = self._site
        self._plan = plan
        self._nodes = nodes = site[im.NODE_COUNT]
        if len(self.book) != B_HEAD + C_ROW * im.LEGS * nodes:
            self.book = _book(nodes)
        book = self.book
        book[B_STALE_MS] = _STALE_MS
        for node in range(nodes):
            at = node_at(node)
            meter = site[im.NODE_INSTRUMENT + node] == im.INSTRUMENT_METER
            plan[at + P_SHOWS_MS] = _METER_LATE_MS if meter else _CT_LATE_MS
            plan[at + P_MANY] = self._many(plan[at + P_BELOW])
            if plan[at + P_SOURCES] and plan[at + P_TAKES] == TAKES_NOTHING:
                plan[at + P_TAKES] = TAKES_SOURCE
            if site[im.NODE_REGULATES + node] == _REGULATES:
                above = node
                while 0 <= above < nodes:
                    plan[node_at(above) + P_TAKES] = TAKES_ALWAYS
                    above = site[im.NODE_PARENT + above]
        self.parents.declare(site, plan, self._devices)
        self._scale(book)
        self._name_all(HEAL if self._requests[im.REMEMBERED_FAULTS] & im.FAULT_INSTRUMENT else 0)
        self._acknowledged = self._requests[im.ACKNOWLEDGE_SEQ]

    def _many(self, below):
        """P_MANY of a node with these devices below."""
        rows = self._devices.rows
        offers = powers = 0
        for device in range(self._devices.many):
            if below >> device & 1:
                if rows[device * D_ROW + D_OFFERS]:
                    offers += 1
                else:
                    powers += 1
        return (1 if offers > 1 else 0) | (2 if powers > 1 else 0)

    def _name_all(self, misses):
        for at in range(B_HEAD + C_MISSES, len(self.book), C_ROW):
            self.book[at] = misses

    def step(self, dt_ms):
        """Once a cycle, after the panel has judged what is fresh."""
        book = self.book
        plan = self._plan
        rows = self._devices.rows
        commands = self._commands
        readings = self._readings
        acknowledged = self._requests[im.ACKNOWLEDGE_SEQ]
        if acknowledged != self._acknowledged:
            self._acknowledged = acknowledged
            self._name_all(0)
            self.parents.forget()
        book[B_DT_MS] = dt_ms
        # behind an open switch nothing of it reaches the service
        fed = commands[im.ISLAND_STATE] == im.ISLAND_GRID
        book[B_KNOWN] = plan[P_FRESH_BITS] if fed else 0
        book[B_BEGAN] = device_kernel.moves(rows, self._devices.many, commands, dt_ms)
        self._tick(dt_ms, book)
        witness_sees.sees(plan, rows, self._nodes, self._devices.many, readings)
        kernel.watch(book, plan, rows, readings, self._nodes)
        self.parents.step(book, readings, fed)
        witness_rooms.places(book, plan, rows, self._nodes, readings)
        witness_rooms.rooms(plan, rows, self._devices.order, self._devices.count)
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
        rows = self._devices.rows
        for at in range(0, len(rows), D_ROW):
            if rows[at + D_LEGS]:
                rows[at + D_MA64_PER_W] = 64_000 // (volts * rows[at + D_LEGS])

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

    def narrow(self):
        """Leave the devices, of what the panel claims, only what is proved."""
        devices = self._devices
        claims_kernel.narrow(
            devices.rows, devices.order, devices.count, self._commands, self._volts
        )

    # --- for the panel ------------------------------------------------------------------------

    def named(self):
        """Whether any instrument is named."""
        return self.book[B_NODE] >= 0

    def doubts(self, node):
        """Whether the node's instrument is named."""
        if not self.named() or node < 0:
            return False
        book = self.book
        if self.parents.doubts(node):
            return True
        at = place_at(node, 0) + C_MISSES
        return book[at] < 0 or book[at + C_ROW] < 0 or book[at + 2 * C_ROW] < 0

    def missed(self, node):
        """Whether a step below the node was not shown, and nothing has told since."""
        book = self.book
        at = place_at(node, 0) + C_MISSES
        return book[at] > 0 or book[at + C_ROW] > 0 or book[at + 2 * C_ROW] > 0
