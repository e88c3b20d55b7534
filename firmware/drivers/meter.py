# islet: the house meter: polls its registers, writes the currents of one node with their age.
# GPL-3.0-or-later
#
# A reading is written as a whole or not at all: a value that cannot be, or a meter that repeats
# itself for ever, leaves the old one to grow old, and the panel becomes stricter (INV-4).

from array import array

from firmware import image as im
from firmware.base.clock import ticks_diff, ticks_ms
from firmware.bus.line import OK, POLL, Device, Job
from firmware.bus.peer import EXCEPTION
from firmware.bus.registers import INVALID
from firmware.drivers.profile import (
    CURRENT,
    EVERY,
    FACTOR,
    FREQUENCY,
    FUNCTION,
    HIGH,
    LEG,
    LOW,
    POWER,
    QUANTITIES,
    QUANTITY,
    REGISTER,
    TYPE,
    TYPES,
    VOLTAGE,
    WHOLE,
    Profile,
)

FROZEN_MS = 4_000  # the same registers for so long: no house is that steady
SLOWEST_MS = 2_400  # between renewals: INV-4's 2 s, a poll and its answer
_SLOW_TIMES = 3  # so often in a row: no chance that two readings were alike
_PERIOD_MS = 250
_SILENCE_MS = 1000  # a longer gap between readings was silence, not stillness
_FRESH_MS = 2000
_DEAD_PERCENT = 10  # of nominal voltage
GAP = 10  # unused registers cheaper to read than another request
_NO_REGISTER = 2  # exception: illegal data address
_LONGEST = 60  # registers in a request: a frame stays below 70 ms at 19 200 baud


class Block:
    """Neighbouring rows read by one request."""

    def __init__(self, row):
        self.function = row[FUNCTION]
        self.every = row[EVERY]
        self.first = row[REGISTER]
        self.count = 0
        self.rows = []
        self.fingerprint = -1

    def takes(self, row, gap):
        """Whether a row (they come by address) can join, over so many unused registers."""
        return (
            row[FUNCTION] == self.function
            and row[EVERY] == self.every
            and row[REGISTER] - self.first - self.count <= gap
            and _end(row) - self.first <= _LONGEST
        )

    def add(self, i, row):
        self.rows.append(i)
        self.count = max(self.count, _end(row) - self.first)


def _end(row):
    """The register behind it, and behind its factor: both are of one moment."""
    return row[REGISTER] + max(TYPES[row[TYPE] & 7][1], row[FACTOR] + 1)


def blocks_of(rows, gap=GAP):
    """Group a profile's rows into requests over at most `gap` unused registers; rows read every
    time come first."""
    blocks = []
    order = [(row[EVERY], row[FUNCTION], row[REGISTER], i) for i, row in enumerate(rows)]
    for _, _, _, i in sorted(order):
        if not blocks or not blocks[-1].takes(rows[i], gap):
            blocks.append(Block(rows[i]))
        blocks[-1].add(i, rows[i])
    return blocks


def field_of(row):
    """What a row measures, for people."""
    name = QUANTITIES[row[QUANTITY]][0]
    return name if row[LEG] == WHOLE else "{} L{}".format(name, row[LEG] + 1)


class Meter(Device):
    """Writes live NODE_MA, NODE_W and NODE_AGE_MS of `node`.

    profile: packed bytes, of islet_data.PROFILES. gap: most unused registers to read across, at
    first. Raises ValueError if a leg is not measured.
    """

    def __init__(self, image, line, profile, address, node, name="meter", gap=GAP):
        self.profile = self._profile(profile)
        Device.__init__(self, name, address, self.profile.timeout_ms)
        self.image = image
        self.line = line
        self.sample_ms = self.profile.sample_ms
        self.node = node
        self.still_ms = 0  # since any register changed
        self._slow = 0  # renewals in a row that came too late
        self.polls = 0
        self._gap = gap
        self._next = 0  # block to read next
        self._begun_ms = 0  # ticks when this poll's first request was sent
        self._written_ms = ticks_ms()
        self._changed = False
        self.jobs.append(Job(self, POLL, _PERIOD_MS, self._poll))
        self._describe()
        line.add(self)

    def _profile(self, packed):
        return Profile(packed, True)

    def _describe(self):
        """What its rows give."""
        rows = self.profile.rows
        self._ma = self._rows(CURRENT)
        self._w = self._rows(POWER)
        self.values = array("i", [0] * len(rows))
        self._blocks = blocks_of(rows, self._gap)
        self._has_hz = any(row[QUANTITY] == FREQUENCY for row in rows)
        self._mv = [i for i, row in enumerate(rows) if row[QUANTITY] == VOLTAGE]

    def _rows(self, quantity):
        """Row of each leg of the site."""
        found = [self.profile.find(quantity, leg) for leg in range(self.image.site[im.LEG_COUNT])]
        if -1 in found:
            raise ValueError(
                "{}.profile: no {} of L{}".format(
                    self.name, QUANTITIES[quantity][0], found.index(-1) + 1
                )
            )
        return found

    def state(self):
        return "frozen" if "registers" in self.errors else Device.state(self)

    async def _poll(self):
        """Read the next block; after the last one of this poll, write the reading."""
        block = self._blocks[self._next]
        rtu = self.line.rtu
        code = await rtu.read(self.peer, block.function, block.first, block.count)
        if self._next == 0:
            self._begun_ms = rtu.sent_ms
        if code == EXCEPTION and self.peer.exception == _NO_REGISTER and self._gap:
            self._gap //= 2  # a hole that it does not read across
            self._blocks = blocks_of(self.profile.rows, self._gap)
        if code != OK or not self._decode(block):
            self._next = 0
            return
        if rtu.fingerprint() != block.fingerprint:
            block.fingerprint = rtu.fingerprint()
            self._changed = True
        self._next = self._following(self._next)
        if self._next:
            self.jobs[0].after(0)
            return
        self.polls = (self.polls + 1) & 0xFFFFFF
        self._write()

    def _following(self, i):
        """The next block whose turn it is in this poll, 0 if there is none."""
        for k in range(i + 1, len(self._blocks)):
            if self.polls % self._blocks[k].every == 0:
                return k
        return 0

    def _decode(self, block):
        """Take the block's values; False if one of them cannot be."""
        rtu = self.line.rtu
        good = True
        for i in block.rows:
            row = self.profile.rows[i]
            value = self.profile.value(
                row, rtu.frame, rtu.data() + 2 * (row[REGISTER] - block.first)
            )
            if value == INVALID:
                good = self.wrong(field_of(row), "not a number")
            elif not row[LOW] <= value <= row[HIGH]:
                good = self.wrong(
                    field_of(row),
                    "{} {}, allowed {}…{}",
                    value,
                    QUANTITIES[row[QUANTITY]][1],
                    row[LOW],
                    row[HIGH],
                )
            else:
                self.values[i] = value
                if self.errors:  # a name for each row would lie on the heap for ever
                    self.right(field_of(row))
        return good

    def _write(self):
        """Publish the reading, unless the meter only repeats itself."""
        now = ticks_ms()
        passed_ms = min(ticks_diff(now, self._written_ms), _SILENCE_MS)
        self.still_ms += passed_ms
        if self._changed:
            self._renewed(self.still_ms)
            self.still_ms = 0
        self._written_ms = now
        self._changed = False
        if self.still_ms >= FROZEN_MS and (self._has_hz or self._flows()):
            self.still_ms = FROZEN_MS  # saturates
            self.wrong("registers", "unchanged for {} s", FROZEN_MS // 1000)
            return
        if self._slow >= _SLOW_TIMES:
            self.wrong("registers", "renewed more seldom than every {} s", SLOWEST_MS // 1000)
            return
        self.right("registers")
        if self._empty():
            self.wrong("voltage", "0 V while the grid is there")
            return
        self.right("voltage")
        live = self.image.live
        for leg in range(len(self._ma)):
            ma = abs(self.values[self._ma[leg]])
            w = self.values[self._w[leg]]
            live[im.NODE_MA + self.node * im.LEGS + leg] = ma if w >= 0 else -ma
            live[im.NODE_W + self.node * im.LEGS + leg] = w
        age_ms = ticks_diff(now, self._begun_ms) + self.sample_ms
        live[im.NODE_AGE_MS + self.node] = age_ms

    def _renewed(self, after_ms):
        """A meter renewed more slowly than INV-4 allows is none, until it comes in time once."""
        if after_ms >= FROZEN_MS:
            self._slow = _SLOW_TIMES
        elif after_ms <= SLOWEST_MS:
            self._slow = 0
        elif self._slow < _SLOW_TIMES:
            self._slow += 1

    def _empty(self):
        """A well-formed frame of zeros: no voltage, beside a grid that is measured alive."""
        image = self.image
        least_mv = image.site[im.NOMINAL_MV] // 100 * _DEAD_PERCENT
        if not self._mv or image.live[im.GRID_AGE_MS] > _FRESH_MS:
            return False
        if image.live[im.GRID_MV] < 5 * least_mv:
            return False
        for i in self._mv:
            if self.values[i] >= least_mv:
                return False
        return True

    def _flows(self):
        """Whether any current flows: an idle meter without frequency may well stand still."""
        for i in self._ma:
            if self.values[i]:
                return True
        return False
