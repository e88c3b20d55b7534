# islet: an older inverter that speaks SunSpec, with a storage by model 124 (Fronius GEN24 and
# others): a family (profiles/sunspec_124.json) whose registers are found by its chain.
# GPL-3.0-or-later
#
# The profile's registers are 256 times the model and the point from its id. Each poll reads the id
# of each model with its points; where one no longer stands, or the factor of what is written is
# another, the chain is walked again before any write, and everything is written anew.
#
# 160's module of the storage are two, one for each direction, and are known by their names alone:
# their number depends on how many strings the inverter has.

from firmware.base.viper import const
from firmware.bus.pdu import READ_HOLDING
from firmware.bus.rtu import EXCEPTION, OK
from firmware.drivers.family import BATTERY_POWER, RATING, SOC, STATE, Family
from firmware.drivers.meter import Block
from firmware.drivers.plans import DEN, MOST, PERCENT, UNIT
from firmware.drivers.plans import REGISTER as REGISTER_OF_WRITE
from firmware.drivers.profile import DEN as DEN_OF_ROW
from firmware.drivers.profile import FACTOR, QUANTITY, REGISTER, SIGN
from firmware.drivers.sunspec_control import WRITE_MS
from firmware.drivers.sunspec_meter import KINDS, Found, kind_of
from firmware.drivers.sunspec_meter import least_of as least_of_inverter
from firmware.drivers.sunspec_models import BASES, FOUND, REFUSED, Walk, later

STORAGE, MODULES = 124, 160
INVERTERS = tuple(
    [model for kind in KINDS if kind[4] < 0 for model in range(kind[0], kind[1] + 1)]
)
NEEDED = (INVERTERS, (STORAGE,), (MODULES,))

_STORE_READ = const(26)  # registers of 124
_RATE_FACTOR = const(25)  # its InOutWRte_SF
_FINEST = const(-2)  # at most so many digits: 100 % has to fit
_HEAD_READ = const(10)  # registers of 160 before its modules
_WATTS_FACTOR = const(4)
_MODULE, _WATTS = const(20), const(11)  # registers of a module; its DCW
_MOST_MODULES = const(5)  # what one request can read
_STEP_MS = const(20)
_BUSY_MS = const(100)
_AGAIN_MS = const(5000)  # after a refused chain
_LOST = const(3)  # time-outs in a row: it may be another device
_DOUBTED = const(2)


def least_of(model):
    if model in (STORAGE, MODULES):
        return _STORE_READ - 2 if model == STORAGE else _HEAD_READ - 2
    return least_of_inverter(model) if model in INVERTERS else 0


class Storage(Family):
    """As Family. profile: the packed sunspec_124, whose registers are to be found."""

    def __init__(self, image, line, profile, device, address, name="storage", write_ms=WRITE_MS):
        Family.__init__(self, image, line, profile, device, address, name, write_ms)
        self._told = self.profile  # the rows as the profile has them
        self._writes = list(self.control.plans.writes)
        self.found = found = Found(1)
        found.packed, found.role = profile, self._told.role
        found.timeout_ms, found.sample_ms = self._told.timeout_ms, self._told.sample_ms
        self.walk = Walk(line.rtu, self.peer, BASES[0], NEEDED, least_of)
        self.placed = False
        self._wanted = []  # models that are still to be looked into
        self._parts = []  # model, its register, registers that are read
        self._rows = []
        self._modules = 0  # registers of 160
        self._factor = 0  # InOutWRte_SF
        self._doubted = False  # not everything was read since it was silent

    # --- discovery ------------------------------------------------------------------------

    def watch(self, now):
        if self.placed and self.peer.silences >= _LOST:
            self._seek()
        if self.peer.silences >= _DOUBTED:
            self._doubted = True
        if self.placed and not self._doubted:
            Family.watch(self, now)
        else:
            self._setpoint.on = self._look.on = False

    def state(self):
        if self.peer.silences or self.placed:
            return Family.state(self)
        return "refused" if "discovery" in self.errors else "discovering"

    def _seek(self):
        """Anew: it may have restarted, or be another."""
        self.placed = False
        self._wanted = []
        self._next = 0
        self.walk.restart()
        self.control.forget()

    def _refuse(self, text, *values):
        self.right("discovery")
        self.wrong("discovery", text, *values)
        self._seek()
        self._poll.after(_AGAIN_MS)

    async def _discover(self):
        """One read: first the chain, then what its models have."""
        self._poll.after(_STEP_MS)
        if self._wanted:
            await self._look_into(self._wanted[0])
            return
        walk = self.walk
        found = await walk.step()
        if found == FOUND:
            inverter = next(model for model in INVERTERS if model in walk.models)
            self._wanted = [inverter, STORAGE, MODULES]
            self._rows, self._parts, self._modules = [], [], _HEAD_READ
        elif found == REFUSED or walk.overdue(walk):
            self._refuse("{}", walk.error)

    async def _look_into(self, model):
        at, rtu = self.walk.models[model], self.rtu
        count = self._modules if model == MODULES else _STORE_READ
        if model in INVERTERS:
            count = _state_of(model) + 1
        code = await rtu.read(self.peer, READ_HOLDING, at, count)
        if code == EXCEPTION and not later(self.peer, code):
            self._refuse("model {}: refused by the device", model)
        if code != OK:
            return
        try:
            if rtu.unsigned16(0) != model:
                raise ValueError("model {}: no longer where it was".format(model))
            if model == STORAGE:
                self._take_storage(at)
            elif model != MODULES:
                self._take_inverter(model, at)
            elif count == _HEAD_READ:
                self._count_modules()
                return
            else:
                count = self._take_modules(at)
        except ValueError as error:
            self._refuse("{}", str(error))
            return
        self._wanted.pop(0)
        self._parts.append((model, at, count))
        if not self._wanted:
            self._place()

    def _take_inverter(self, model, at):
        rtu = self.rtu
        self.found.lay(model, at, self.legs, rtu.frame, rtu.data())
        self._rows.extend(self.found.rows)
        self._rows.extend([_placed(row, at + _state_of(model)) for row in self._of(STATE)])

    def _of(self, quantity):
        """The profile's rows of a quantity."""
        return [row for row in self._told.rows if row[QUANTITY] == quantity]

    def _take_storage(self, at):
        """What 124 has, and the writes with the factor of its rates."""
        factor = self.rtu.signed16(_RATE_FACTOR)
        if not _FINEST <= factor <= 0:
            text = "124.InOutWRte_SF: {}, allowed {}…0"
            raise ValueError(text.format(factor, _FINEST))
        self._factor = factor
        for quantity, point, scale in ((SOC, 8, 22), (RATING, 2, 18)):
            for row in self._of(quantity):
                self._rows.append(_placed(row, at + point, scale - point))
        writes = []
        for write in self._writes:
            columns = list(write)
            columns[REGISTER_OF_WRITE] = at + (write[REGISTER_OF_WRITE] & 0xFF)
            if write[UNIT] == PERCENT:
                columns[DEN], columns[MOST] = 10**-factor, 100 * 10**-factor
            writes.append(tuple(columns))
        self.control.plans.writes = writes

    def _count_modules(self):
        modules = self.rtu.unsigned16(8)
        if not 0 < modules <= _MOST_MODULES:
            text = "160.N: {}, allowed 1…{}"
            raise ValueError(text.format(modules, _MOST_MODULES))
        self._modules = _HEAD_READ + _MODULE * modules

    def _take_modules(self, at):
        """The two of the storage, by their names; registers up to the last of them."""
        rtu = self.rtu
        frame, data = rtu.frame, rtu.data()
        last = 0
        for row in self._of(BATTERY_POWER):
            name = b"STDISCHA" if row[SIGN] < 0 else b"STCHA"
            points = []
            for first in range(_HEAD_READ, self._modules, _MODULE):
                place = data + 2 * (first + 1)
                said = bytes(frame[place : place + 16]).upper()
                if bytes([byte for byte in said if byte > 32]).startswith(name):
                    points.append(first + _WATTS)
            if len(points) != 1:
                text = "model 160: {} modules are named {}…, the storage cannot be told"
                raise ValueError(text.format(len(points), name.decode()))
            self._rows.append(_placed(row, at + points[0], _WATTS_FACTOR - points[0]))
            last = max(last, points[0])
        return last + 1

    def _place(self):
        """Everything is known: read and command it."""
        rows = self.found.rows = self._rows
        blocks = []
        for _, at, count in self._parts:
            within = [i for i in range(len(rows)) if at <= rows[i][REGISTER] < at + count]
            block = Block(rows[within[0]])
            block.first, block.count, block.rows = at, count, within
            blocks.append(block)
        self._describe(self.found, blocks)
        self.placed = True
        self.right("discovery")
        self.control.forget()
        self._poll.after(0)

    # --- readings -------------------------------------------------------------------------

    async def _read(self):
        if not self.placed:
            await self._discover()
            return
        polls, part = self._polls, self._next
        await Family._read(self)
        if self._polls != polls:
            self._doubted = False
        if later(self.peer, self.peer.code):  # on from here, or it would never come to an end
            self._next = part
            self._poll.after(_BUSY_MS)
        elif self.peer.code == EXCEPTION:
            self._seek()

    def _decode(self, block):
        model = self._parts[self._blocks.index(block)][0]
        same = self.rtu.unsigned16(0) == model
        if model == STORAGE:
            same = same and self.rtu.signed16(_RATE_FACTOR) == self._factor
        if not same:
            self._seek()
            return False
        return Family._decode(self, block)


def _state_of(model):
    """The point St of an inverter, of integers or of floats."""
    return 38 if kind_of(model)[6] else 48


def _placed(row, register, to_factor=0):
    """The row at this register, its factor so many further."""
    columns = list(row)
    columns[REGISTER], columns[FACTOR], columns[DEN_OF_ROW] = register, to_factor, 1
    return tuple(columns)
