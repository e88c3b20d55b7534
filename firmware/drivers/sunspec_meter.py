# islet: a SunSpec meter, 201 to 204 or 211 to 214, or an older inverter, 101 to 103 or 111 to 113,
# as the instrument of a node: found by its chain, then polled like any meter.
# GPL-3.0-or-later
#
# Offsets are those of pysunspec2's model files. A factor is read with the values it belongs to:
# some devices change it while they run. So is the model's id: where it no longer stands, the chain
# is walked again, as after silence.
#
# The models do not say which way + of a meter's W is: import with Fronius, export with SolarEdge
# (evcc turns 203.W of the latter alone), so a site says which. An inverter's W is + where it
# delivers; it says no power of a leg, and is taken to share its own evenly.

from firmware import image as im
from firmware.base.viper import const
from firmware.bus.pdu import READ_HOLDING
from firmware.bus.peer import EXCEPTION, OK
from firmware.bus.registers import INVALID, scaled, signed16, unsigned16
from firmware.drivers.meter import Block, Meter
from firmware.drivers.profile import (
    CURRENT,
    DEN,
    FACTOR,
    FREQUENCY,
    NUM,
    POWER,
    QUANTITIES,
    QUANTITY,
    REGISTER,
    SIGN,
    TYPE,
    VOLTAGE,
    WHOLE,
    Profile,
    value_of,
)
from firmware.drivers.sunspec_models import (
    BASES,
    FOUND,
    NOT_INT16,
    NOT_UINT16,
    REFUSED,
    Walk,
    later,
)

# first and last model, least length, registers that are read, sign of W; first points of voltage,
# current, power of a leg, frequency and power; their factors. 0: there is none
KINDS = (
    (201, 204, 105, 23, 1, (8, 3, 19, 16, 18), (15, 6, 22, 17, 22)),
    (211, 214, 124, 36, 1, (12, 4, 30, 26, 28), ()),
    (101, 103, 50, 18, -1, (10, 3, 0, 16, 14), (13, 6, 15, 17, 15)),
    (111, 113, 60, 26, -1, (16, 4, 0, 24, 22), ()),
)
NEEDED = (tuple([model for kind in KINDS for model in range(kind[0], kind[1] + 1)]),)

_WHOLE = const(4)  # the point of the power of all legs
_FLOAT32, _UINT16, _INT16 = const(0), const(2), const(3)  # types of profile.py
_UNIT = b"\3\3\0\3\0\1\0\0\0\0\0\0"  # by quantity: power of ten from volts, amperes, %, watts
_MOST = (400_000, 400_000, 120_000, 70_000)  # by quantity, in the project's unit
_FACTOR_MOST = const(5)
_TIMEOUT_MS = const(300)
_SAMPLE_MS = const(1000)  # nobody says how old a value is
_STEP_MS = const(20)
_AGAIN_MS = const(5000)  # after a refused chain
_LOST = const(3)  # time-outs in a row: it may be another device


def kind_of(model):
    """The row of KINDS, None of another model."""
    for kind in KINDS:
        if kind[0] <= model <= kind[1]:
            return kind
    return None


def least_of(model):
    kind = kind_of(model)
    return kind[2] if kind else 0


class Found(Profile):
    """The rows of a model, once it is found; `sign` -1 where + of W is the other way."""

    def __init__(self, sign):
        self.sign = sign
        self.timeout_ms = _TIMEOUT_MS
        self.sample_ms = _SAMPLE_MS
        self.model = 0  # none found
        self.rows = []

    def lay(self, model, at, legs, frame, data):
        """The rows of the model at register `at`, whose answer lies in the frame at byte `data`;
        raises ValueError if a leg of the site is not measured."""
        kind, self.rows = kind_of(model), []
        measured = min(model % 10, 3)
        for quantity in (VOLTAGE, CURRENT, POWER, FREQUENCY):
            points = [(quantity, 1)] if kind[5][quantity] else []
            if quantity == POWER and (measured == 1 or not points):
                points.append((_WHOLE, measured))
            for leg in range(1 if quantity == FREQUENCY else legs):
                for point, shared_by in points:
                    row = _row(kind, quantity, point, leg, at, shared_by, self.sign)
                    place = data + 2 * (row[REGISTER] - at)
                    if leg < measured and self.value(row, frame, place) != INVALID:
                        self.rows.append(row)
                        break
                else:
                    if quantity in (CURRENT, POWER):
                        text = "model {}: no {} of L{}"
                        raise ValueError(text.format(model, QUANTITIES[quantity][0], leg + 1))
        self.model = model

    def value(self, row, frame, at):
        """In the project's unit, INVALID where it is not implemented or has no factor."""
        if row[TYPE] == _FLOAT32:
            return value_of(row, frame, at, row[NUM], row[DEN])
        unsigned = row[TYPE] == _UINT16
        raw = unsigned16(frame, at) if unsigned else signed16(frame, at)
        factor = signed16(frame, at + 2 * row[FACTOR])
        if raw == (NOT_UINT16 if unsigned else NOT_INT16) or abs(factor) > _FACTOR_MOST:
            return INVALID
        power = factor + _UNIT[row[QUANTITY]]
        num, den = (10**power, 1) if power > 0 else (1, 10**-power)
        value = scaled(raw, num, den * row[DEN])
        return value if value == INVALID else value * row[SIGN]


def _row(kind, quantity, point, leg, at, shared_by, sign):
    """As in profile.py."""
    floats = not kind[6]
    first = kind[5][point]
    if point not in (FREQUENCY, _WHOLE):
        first += 2 * leg if floats else leg
    type_ = _FLOAT32 if floats else _INT16
    if not floats and kind[4] < 0 and quantity != POWER:  # an inverter's
        type_ = _UINT16
    most = _MOST[quantity]
    low = 0 if quantity in (VOLTAGE, FREQUENCY) else -most
    sign = sign * kind[4] if quantity == POWER else 1
    row = (quantity, WHOLE if quantity == FREQUENCY else leg, READ_HOLDING, type_, at + first, 1)
    row += (sign, 10 ** _UNIT[quantity], shared_by, low, most, 0)
    return row + (0 if floats else kind[6][point] - first, 0)


class SunSpecMeter(Meter):
    """Writes live NODE_* of `node`. sign: -1 where + of its power is export, if it is a meter."""

    def __init__(self, image, line, sign, address, node, name="meter", gap=0):
        self.found = Found(sign)
        Meter.__init__(self, image, line, sign, address, node, name, 0)
        self.walk = Walk(line.rtu, self.peer, BASES[0], NEEDED, least_of)
        self._model = 0  # found, and not laid out yet

    def _profile(self, packed):
        return self.found

    def _describe(self):
        if self.found.model:
            Meter._describe(self)

    def watch(self, now):
        if self.found.model and self.peer.silences >= _LOST:
            self._seek()

    def state(self):
        if self.peer.silences or self.found.model:
            return Meter.state(self)
        return "refused" if "discovery" in self.errors else "discovering"

    # --- discovery ------------------------------------------------------------------------

    def _seek(self):
        """Anew: it may have restarted, or be another."""
        self.found.model = self._model = 0
        self._next = 0
        self.walk.restart()

    async def _poll(self):
        if self.found.model:
            await Meter._poll(self)
            if self.peer.code == EXCEPTION and not later(self.peer, EXCEPTION):
                self._seek()
            return
        self.jobs[0].after(_STEP_MS)
        if self._model:
            await self._lay(self._model, self.walk.models[self._model])
            return
        walk = self.walk
        found = await walk.step()
        if found == FOUND:
            self._model = next(model for model in NEEDED[0] if model in walk.models)
        elif found == REFUSED or walk.overdue(walk):
            self._refuse(walk.error)

    def _refuse(self, text):
        self.right("discovery")
        self.wrong("discovery", "{}", text)
        self._seek()
        self.jobs[0].after(_AGAIN_MS)

    async def _lay(self, model, at):
        """Its first answer says what of the model is there."""
        rtu = self.line.rtu
        count = kind_of(model)[3]
        code = await rtu.read(self.peer, READ_HOLDING, at, count)
        if code == EXCEPTION and not later(self.peer, code):
            self._refuse("model {}: refused by the device".format(model))
        if code != OK:
            return
        try:
            legs = self.image.site[im.LEG_COUNT]
            self.found.lay(model, at, legs, rtu.frame, rtu.data())
        except ValueError as error:
            self._refuse(str(error))
            return
        self._describe()
        rows = self.profile.rows
        block = Block(rows[0])
        block.first, block.count, block.rows = at, count, list(range(len(rows)))
        self._blocks = [block]
        self.right("discovery")

    # --- readings -------------------------------------------------------------------------

    def _decode(self, block):
        if self.line.rtu.unsigned16(0) != self.found.model:
            self._seek()
            return False
        return Meter._decode(self, block)
