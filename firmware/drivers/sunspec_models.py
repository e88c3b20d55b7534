# islet: discovery of a SunSpec device: where its models are, one read at a time.
# GPL-3.0-or-later
#
# "SunS" stands at 40000, 0 or 50000; behind it models follow each other as (id, length, points),
# closed by id 0xFFFF (SunSpec Device Information Model Specification; pysunspec2's client).
# Offsets count from the model's id, as in pysunspec2's model files, where they were read.
#
# Devices are sloppy where it does not matter, and so is this: a chain may end without its end
# model once all that is needed was found (in an exception, zeros, or silence), a model may be
# longer than its file, a device may be busy. What is needed and cannot be used is refused by name,
# and so is a device that answers and never lets it come to an end.

from firmware.base.clock import ticks_diff, ticks_ms
from firmware.base.viper import const
from firmware.bus.pdu import ACKNOWLEDGE, BUSY, READ_HOLDING
from firmware.bus.peer import CODE_NAMES, EXCEPTION, OK

BASES = (40_000, 0, 50_000)
END = 0xFFFF
LONGEST_CHAIN = 60  # models; a ring of bad lengths must end
LAST = 0xFFFF  # register

SET_FACTOR = 55  # offset of 704.WSet_SF

NOT_INT16 = -0x8000  # "not implemented"; also of scale factors
NOT_UINT16 = 0xFFFF
NOT_UINT32 = 0xFFFF  # both words

# model, least length (without id and length)
MODELS = (
    (1, 65),
    (701, 153),
    (702, 50),
    (704, 65),
    (713, 7),
    (715, 7),
)
NEEDED = tuple([(model,) for model, _ in MODELS])
_QUIET = const(2)  # reads in vain behind the last model needed: nothing follows
# A whole discovery, from the first answer on: 40 reads of a device that takes 1.5 s for each and
# needs a pause of 1 s fit in.
_WHOLE_MS = const(120_000)

WALKING, FOUND, REFUSED = 0, 1, 2


def least_of(model):
    """The least length that a model of the inverter may have, 0 of another."""
    for known, length in MODELS:
        if known == model:
            return length
    return 0


def later(peer, code):
    """Whether the answer was an exception that only says "not now": acknowledge, or busy."""
    return code == EXCEPTION and peer.exception in (ACKNOWLEDGE, BUSY)


class Walk:
    """Discovery: call `step` until it returns FOUND or REFUSED; then ask `models` or `error`.

    base: the configured one, tried first. A step that gets no answer is repeated by the next.
    needed: choices of models, of each of which one has to be there. least: least length of a
    model that is of use, 0 of any other.
    """

    def __init__(self, rtu, peer, base, needed=NEEDED, least=least_of):
        self.rtu = rtu
        self.peer = peer
        self.needed = needed
        self.least = least
        self.bases = [base] + [other for other in BASES if other != base]
        self.restart()

    def restart(self):
        self.models = {}  # id -> register of its id
        self.error = ""
        self._base = 0  # index into bases
        self._at = -1  # register of the next model's id; -1: marker not found yet
        self._count = 0
        self._quiet = 0  # reads in vain, in a row
        self._since_ms = -1  # ticks of the first answer; -1: nobody is there

    def overdue(self, part):
        """Whether it, or the `part` behind it, goes on for too long; that has the error then."""
        now = ticks_ms()
        if self._since_ms < 0:
            self._since_ms = -1 if self.peer.silences else now
        if self._since_ms < 0 or ticks_diff(now, self._since_ms) < _WHOLE_MS:
            return False
        text = "not over after {} s, register {}: {}"
        code = self.peer.code
        said = (
            "exception {}".format(self.peer.exception) if code == EXCEPTION else CODE_NAMES[code]
        )
        part.error = text.format(_WHOLE_MS // 1000, part.place(), said)
        return True

    def place(self):
        """The register that is asked for."""
        return self.bases[self._base] if self._at < 0 else self._at

    async def step(self):
        """Make one read; WALKING, FOUND or REFUSED."""
        if self._at < 0:
            return await self._marker()
        return await self._model()

    async def _marker(self):
        base = self.bases[self._base]
        rtu = self.rtu
        code = await rtu.read(self.peer, READ_HOLDING, base, 2)
        if code == OK and rtu.unsigned16(0) == 0x5375 and rtu.unsigned16(1) == 0x6E53:
            self._at = base + 2
        elif code in (OK, EXCEPTION) and not later(self.peer, code):  # somebody, but not here
            self._base += 1
            if self._base == len(self.bases):
                return self._refuse("base: no SunS marker at {}", self.bases)
        return WALKING

    async def _model(self):
        rtu = self.rtu
        code = await rtu.read(self.peer, READ_HOLDING, self._at, 2)
        self._quiet = self._quiet + 1 if code != OK else 0
        whole = not self._missing()
        if code == EXCEPTION and not later(self.peer, code):
            if whole:
                return FOUND
            return self._refuse("register {}: no model and no end marker", self._at)
        if code != OK:
            return FOUND if whole and self._quiet >= _QUIET else WALKING
        model, length = rtu.unsigned16(0), rtu.unsigned16(1)
        if model == END or (whole and model == 0):
            return self._complete()
        least = self.least(model)
        if length < least:
            return self._refuse("model {}.L: {}, at least {}", model, length, least)
        self._count += 1
        if length == 0 or self._at + length + 2 > LAST or self._count > LONGEST_CHAIN:
            return self._refuse("model {}.L: {} leads nowhere", model, length)
        if least and model not in self.models:
            self.models[model] = self._at
        self._at += length + 2
        return WALKING

    def _missing(self):
        """The first choice of which no model was found, () if there is none."""
        for choice in self.needed:
            if not [model for model in choice if model in self.models]:
                return choice
        return ()

    def _complete(self):
        missing = self._missing()
        if not missing:
            return FOUND
        return self._refuse("model {}: missing", " or ".join([str(model) for model in missing]))

    def _refuse(self, text, *values):
        self.error = text.format(*values)
        return REFUSED


class Scales:
    """Scale factors, read once per discovery: a power of ten each, refused outside its range."""

    # name, model, offset, lowest, highest: of the points that are used, and of no others, which a
    # device may well leave "not implemented"
    ROWS = (
        ("A", 701, 113, -3, 2),
        ("W", 701, 116, -3, 4),
        ("W", 702, 45, -3, 4),
        ("WSet", 704, SET_FACTOR, -3, 4),
        ("Pct", 713, 8, -3, 0),
    )

    def __init__(self, rtu, peer, models):
        self.rtu = rtu
        self.peer = peer
        self.models = models
        self.error = ""
        self._values = [0] * len(self.ROWS)
        self._next = 0

    def place(self):
        """The register that is asked for."""
        _, model, offset, _, _ = self.ROWS[self._next]
        return self.models[model] + offset

    async def step(self):
        """Read the next factor; WALKING, FOUND or REFUSED."""
        name, model, offset, low, high = self.ROWS[self._next]
        code = await self.rtu.read(self.peer, READ_HOLDING, self.models[model] + offset, 1)
        if code == EXCEPTION and not later(self.peer, code):
            return self._refuse("{}.{}_SF: refused by the device", model, name)
        if code != OK:
            return WALKING
        value = self.rtu.signed16(0)
        if not low <= value <= high:
            return self._refuse("{}.{}_SF: {}, allowed {}…{}", model, name, value, low, high)
        self._values[self._next] = value
        self._next += 1
        return FOUND if self._next == len(self.ROWS) else WALKING

    def _refuse(self, text, *values):
        self.error = text.format(*values)
        return REFUSED

    def exponent(self, model, name):
        """Power of ten of a point's raw value."""
        for i in range(len(self.ROWS)):
            if self.ROWS[i][0] == name and self.ROWS[i][1] == model:
                return self._values[i]
        raise ValueError("{}.{}_SF: not read".format(model, name))

    def factor(self, model, name, unit):
        """(num, den) from raw to the unit which is 10**-unit of the point's own: 3 for milli."""
        power = self.exponent(model, name) + unit
        return (10**power, 1) if power >= 0 else (1, 10**-power)
