# islet: what the transfer makes of its witnesses, the grid, the battery, its own past, and people.
# GPL-3.0-or-later

from firmware import image as im
from firmware.base.timer import grown, longer, shrunk
from firmware.base.viper import const
from firmware.core.grid.island_energy import Charge, Loads
from firmware.core.grid.island_limits import SHED, SHORT, WEAK, WILD, Limits
from firmware.core.grid.island_table import BARRING, CAUSES, PINNING, SOFT, TRIES, bit, cause
from firmware.core.vehicle.rights import ENABLE_ALONE, enable_trips

_OUTAGE = bit("outage")
_BURNING = bit("burning")
_ABLE = bit("able")
_REFILLED = bit("refilled")
_RESERVE = bit("reserve")
_SERVED = bit("served")
_READY = bit("ready")
_BACK = bit("back")
_ROOM = bit("room")
_SETTLED = bit("settled")
_EARLY = bit("early")
_FAILED = bit("failed")
_WAITS = bit("waits")
_HOLDS = bit("holds")
_NAMED = bit("named")
_PINNED = bit("pinned")
_UNRULY = bit("unruly")
_ACK = bit("acknowledged")
_CUT = bit("cut")
_LOOSENED = bit("loosened")
_WILD = bit("wild")
_SHORT = bit("short")
_WEAK = bit("weak")
_NEEDS_BOND = bit("needs_bond")
_CAPABLE = bit("capable")
_FORMING = bit("forming")  # of the witnesses
_PLUGGED = bit("plugged")
_DEAD = bit("dead")
_OPEN = bit("open")
_BOND = bit("bond")
_TIED = bit("tied")

_CLOSING = cause("closing")
_LOAD = cause("load")

_INVERTER_STALE_MS = const(2_000)
_STABLE_MS = const(10_000)  # of an island, before loads come back
_EARLY_MS = const(10_000)
_REFILL_PERMILLE = const(50)
_GATEWAY = const(2)
_LOSS_SHARE = const(16)  # a loss of 1 s is forgotten by 16 s of grid
_CALM_MS = const(60_000)  # in service before the second return of late, then twice as long each
_CALM_MOST_MS = const(1_800_000)
_FORGET_MS = const(1_800_000)  # on the grid for so long: one transfer less of late
_PAUSE_MS = (8_000, 24_000, 72_000)  # before the next island, by the tries used
_CLOSE_PAUSE_MS = const(5_000)  # before the next closing, then twice as long each time
_CLOSE_MOST_MS = const(600_000)
_HEAL_MS = const(60_000)  # on a good grid
_HEAL_ISLAND_MS = const(600_000)
_UNPLUGGED_MS = const(5_000)  # a stop this long before the car was seen unplugged was its doing
_FELL_MS = const(1_800_000)  # loads with which an island fell wait so long
_TURNS = const(5)  # the demand is looked at every so many cycles
_FIT_MS = const(1_000)
_WEAK_MS = const(5_000)
_ANNOUNCE_MS = const(5_000)
_SETTLES_MS = const(10_000)  # no device is declared to go on for longer without its enable
_UNSURE_MS = const(6_000)  # dark since a reset: so long without a grid fit for loads is an outage
_MINE = ENABLE_ALONE + im.TRIP_STALE_PERMIT + im.TRIP_SAMPLING
_SEEN = im.TRIP_INTERLOCK + im.TRIP_BOND + im.TRIP_ISLAND + im.TRIP_NEUTRAL + im.TRIP_SHORT


class Judge:
    """`step` returns the JUDGEMENTS facts; holds this room's faults and tries."""

    def __init__(self, image):
        self._image = image
        self._site = image.site
        self._readings = image.readings
        self._requests = image.requests
        self._commands = image.commands
        self._trips = image.trips
        self.charge = Charge(image)
        self.loads = Loads(image)
        self.limits = Limits(image)
        self.faults = 0
        self.used = 0  # weights of what ended islands, see CAUSES
        self.pause_ms = 0  # before the next island
        self.closings = 0  # that failed, one after another
        self.hold_ms = 0  # before the next closing
        self.early_ms = 0  # left of the watch after closing
        self.weak = 0  # the grid was in a load's window when it was left
        self.off_ms = 0  # since the enable was last permitted
        self.loss_ms = 0  # dead grid, short losses added up
        self.lost = False  # left for an outage, and the grid has not been fit for a load since
        self.dark_ms = 0  # off the grid without one
        self.served_ms = 0
        self.leaves = 0  # transfers of late
        self.forget_ms = 0
        self.heal_ms = 0
        self.announced_ms = 0  # of the next start
        self.acknowledged_seq = 0
        self._turn = 0

    def step(self, dt_ms, state, state_ms, permits, seen):
        site = self._site
        if not site[im.ISLAND_CAPABLE]:
            return self._tied_site()
        self.charge.step(dt_ms)
        made = (
            self._faults(dt_ms, state, state_ms, seen) | self._energy() | self._grid(dt_ms, state)
        )
        made |= self._outage(dt_ms, state, made)
        made |= self._island(dt_ms, state, state_ms, permits, seen)
        if site[im.BOND_NEEDED]:
            made |= _NEEDS_BOND
        made |= _CAPABLE
        self.off_ms = longer(not permits & im.OUT_ENABLE, self.off_ms, dt_ms)
        if self.off_ms >= site[im.DEVICE_STOP_MS + site[im.ISLAND_DEVICE]] + im.BOND_MARGIN_MS:
            made |= _SETTLED
        self.early_ms = shrunk(self.early_ms, dt_ms)
        if self.early_ms:
            made |= _EARLY
        return made

    def _tied_site(self):
        """Without a switch: what the enable on the grid asks about."""
        grid = self._commands[im.GRID_STATE]
        made = _SERVED if grid == im.GRID_WAITING or grid == im.GRID_IN_SERVICE else 0
        if self.faults:
            made |= _NAMED
            if self.faults & BARRING or self.used > TRIES:
                made |= _FAILED
        if self._requests[im.ACKNOWLEDGE_SEQ] != self.acknowledged_seq:
            made |= _ACK
        return made

    def remember(self):
        """The house's demand, now and then, while it is on the grid."""
        self._turn = (self._turn + 1) % _TURNS
        if not self._turn:
            self.loads.on_grid()

    def rests(self):
        """Whether no time runs here: on a good grid, without faults, tries and transfers of late,
        with a state of charge that is believed."""
        charge = self.charge
        soc = self._readings[im.DEVICE_SOC_PERMILLE + self._site[im.ISLAND_DEVICE]]
        if charge.blind_ms or charge.permille != soc or charge.doubted >= 0:
            return False
        if self.served_ms < _WEAK_MS or 0 < self.off_ms < _SETTLES_MS:
            return False
        return not (
            self.used
            or self.pause_ms
            or self.hold_ms
            or self.early_ms
            or self.leaves
            or self.lost
            or self.loss_ms
            or self.dark_ms
            or self.announced_ms
            or self._commands[im.GRID_LOSS]
        )

    # --- what the engine tells ---------------------------------------------------------------

    def name(self, why, permits):
        """A rule's cause, by its number in CAUSES."""
        _, fault, weight, _ = CAUSES[why]
        if fault < 0:
            self.faults = self.used = self.closings = self.pause_ms = self.hold_ms = 0
            return
        self.faults |= fault
        self.heal_ms = 0
        if fault and weight:
            self.acknowledged_seq = self._requests[im.ACKNOWLEDGE_SEQ]
        if why == _CLOSING:
            pause_ms = _CLOSE_PAUSE_MS << (self.closings if self.closings < 8 else 8)
            self.hold_ms = pause_ms if pause_ms < _CLOSE_MOST_MS else _CLOSE_MOST_MS
            self.closings += 1
        elif 0 < weight <= TRIES:
            used = self.used
            self.pause_ms = _PAUSE_MS[used if used < 2 else 2]
            self.used = used + weight if used < 10 else used
            if permits & im.OUT_LOADS:  # what they drew was never seen
                self.loads.wait_ms = _FELL_MS
        if why == _LOAD and not permits & im.OUT_LOADS:
            if self.loads.stayed(self.limits.even_w, self.limits.most_w):
                self.faults |= im.FAULT_LOADS

    def enter(self, state, before):
        """The state changes."""
        if state == im.ISLAND_GRID:
            self.lost = False
            if before == im.ISLAND_CLOSING:
                self.early_ms = _EARLY_MS
                self.closings = 0
        elif state == im.ISLAND_OPENING:
            self.lost = True
            self.weak = self._commands[im.GRID_LOAD_OK]
            self.leaves += 1

    # --- faults, tries, trips ----------------------------------------------------------------

    def _faults(self, dt_ms, state, state_ms, seen):
        if self.faults or self.used:
            self._heal(dt_ms, state, state_ms, seen)
        faults = self.faults
        made = 0
        trips = self._trips[im.TRIPPED]
        if faults:
            made = _NAMED
        # a stop whose scope takes in the house's supply: it returns with a person alone
        if faults & PINNING or (trips & im.TRIP_STOP and self._site[im.STOP_CUTS_SUPPLY]):
            made |= _PINNED
        if faults & BARRING or self.used > TRIES:
            made |= _FAILED
        self.pause_ms = shrunk(self.pause_ms, dt_ms)
        if self.pause_ms:
            made |= _WAITS
        self.hold_ms = shrunk(self.hold_ms, dt_ms)
        stop = self._readings[im.INPUTS] & im.IN_ESTOP
        if self.hold_ms or stop:  # while the stop is pressed nothing energises
            made |= _HOLDS
        if self._requests[im.ACKNOWLEDGE_SEQ] != self.acknowledged_seq:
            made |= _ACK
        if self._commands[im.DEVICE_ENABLE_BAR + self._site[im.ISLAND_DEVICE]] & im.BAR_SWITCH:
            made |= _UNRULY
        if trips:
            if trips & im.TRIP_INTERLOCK:
                made |= _LOOSENED
            if trips & (im.TRIP_ISLAND | im.TRIP_NEUTRAL):
                made |= _WILD
            if trips & im.TRIP_SHORT:
                made |= _SHORT
        if (trips or stop) and self._cuts(trips):
            made |= _CUT
        return made

    def _cuts(self, trips):
        """The stop, what has its meaning, or what breaks the enable besides."""
        if self._readings[im.INPUTS] & im.IN_ESTOP:
            return True
        return trips & _MINE != 0 or enable_trips(self._image) != 0

    def _heal(self, dt_ms, state, state_ms, seen):
        """A try that ended with the car unplugged was none; tries are forgotten; and a house that
        something held is dead at last, unbonded, or the grid's."""
        if self.faults & im.FAULT_NOT_DEAD:
            if state == im.ISLAND_GRID or seen & (_DEAD | _OPEN | _BOND) == _DEAD | _OPEN:
                self.faults &= ~im.FAULT_NOT_DEAD
        if self.used and self.faults & SOFT and not seen & _PLUGGED and self.used <= TRIES:
            ended = (
                state == im.ISLAND_ENDING
                or state == im.ISLAND_UNBONDING
                or state == im.ISLAND_DARK
            )
            if ended and state_ms <= _UNPLUGGED_MS:
                self.faults &= ~SOFT
                self.used -= 1
                self.pause_ms = self.loads.wait_ms = 0
        good = state == im.ISLAND_GRID and self._commands[im.GRID_STATE] == im.GRID_IN_SERVICE
        self.heal_ms = longer(good or state == im.ISLAND_ISLANDED, self.heal_ms, dt_ms)
        if self.heal_ms >= (_HEAL_MS if good else _HEAL_ISLAND_MS) and self.used <= TRIES:
            self.faults &= ~SOFT
            self.used = 0

    # --- energy and grid ---------------------------------------------------------------------

    def _energy(self):
        """The reserve (INV-11) and whether the inverter could carry the house at all."""
        device = self._site[im.ISLAND_DEVICE]
        readings = self._readings
        reserve = self._requests[im.OUTAGE_RESERVE_PERMILLE]
        soc = self.charge.permille
        if soc <= reserve:
            return 0
        made = _RESERVE
        if soc >= reserve + _REFILL_PERMILLE or soc == 1000:
            made |= _REFILLED
        answering = readings[im.DEVICE_AGE_MS + device] <= _INVERTER_STALE_MS
        if (
            answering
            and readings[im.DEVICE_PLUGGED + device]
            and not readings[im.DEVICE_FAULT + device]
        ):
            trips = self._trips[im.TRIPPED]
            cut = (trips or readings[im.INPUTS] & im.IN_ESTOP) and self._cuts(trips)
            if not trips & _SEEN and not cut and self._commands[im.DEVICE_PROVED + device]:
                made |= _ABLE
        return made

    def _grid(self, dt_ms, state):
        commands = self._commands
        grid = commands[im.GRID_STATE]
        wish = self._requests[im.ISLAND_WISH]
        served = grid == im.GRID_WAITING or grid == im.GRID_IN_SERVICE
        made = _SERVED if served else 0
        if commands[im.GRID_LOAD_OK]:
            made |= _READY
        self.served_ms = longer(served, self.served_ms, dt_ms)
        calm = grid == im.GRID_IN_SERVICE and self.served_ms >= self._calm_ms()
        if wish == -1 or (wish == 0 and calm):
            made |= _BACK
        if self.leaves and state == im.ISLAND_GRID:
            self.forget_ms = grown(self.forget_ms, dt_ms)
            if self.forget_ms >= _FORGET_MS:
                self.forget_ms = 0
                self.leaves -= 1
        return made

    def _calm_ms(self):
        """A grid that flaps has to stand for longer before each further return."""
        if self.leaves < 2:
            return 0
        calm_ms = _CALM_MS << (self.leaves - 2 if self.leaves < 8 else 6)
        return calm_ms if calm_ms < _CALM_MOST_MS else _CALM_MOST_MS

    def _outage(self, dt_ms, state, made):
        site = self._site
        loss = self._commands[im.GRID_LOSS]
        found = _BURNING if loss == im.LOSS_BURNING else 0
        if loss == im.LOSS_DEAD:
            self.loss_ms = grown(self.loss_ms, dt_ms)
        elif self.loss_ms:
            self.loss_ms = shrunk(self.loss_ms, dt_ms // _LOSS_SHARE)
        lost = loss != im.LOSS_NONE and (
            loss != im.LOSS_DEAD or self.loss_ms >= site[im.GRID_LOSS_MS]
        )
        apart = (
            state != im.ISLAND_GRID and state != im.ISLAND_STOPPING and state != im.ISLAND_SENSING
        )
        # no island is begun beside its return; a grid left although a load could have used it must
        # be fit for sources: without the house it stands higher, and it would come and go
        if self.weak:
            fit = self.served_ms >= _WEAK_MS
        else:
            fit = made & _READY or self.served_ms >= _FIT_MS
        if fit:
            self.lost = False
        self.dark_ms = longer(apart and not fit, self.dark_ms, dt_ms)
        if apart and (self.lost or self.dark_ms >= _UNSURE_MS):
            lost = True
        wish = self._requests[im.ISLAND_WISH]
        # refilled: a wish that stands must not swing between grid and island about the reserve
        if (wish == 0 and site[im.ISLAND_AUTO] and lost) or (wish == 1 and made & _REFILLED):
            found |= _OUTAGE
        if site[im.ISLAND_ANNOUNCE]:
            begins = state == im.ISLAND_OPENING or state == im.ISLAND_DARK
            begins = begins and found & _OUTAGE and made & (_ABLE | _FAILED | _WAITS) == _ABLE
            self.announced_ms = longer(begins, self.announced_ms, dt_ms)
            if begins and self.announced_ms < _ANNOUNCE_MS:
                found |= _WAITS
        return found

    def _island(self, dt_ms, state, state_ms, permits, seen):
        """Limits, and room for the sheddable loads."""
        loads, limits = self.loads, self.limits
        starting = state == im.ISLAND_STARTING
        if not permits & im.OUT_ENABLE or not (starting or state == im.ISLAND_ISLANDED):
            limits.step(dt_ms, False, False, 0, False)
            if (
                state == im.ISLAND_GRID
                and seen & _TIED
                and self._commands[im.GRID_LOSS] == im.LOSS_NONE
            ):
                self.remember()
            return 0
        heavy = loads.heavy(limits.most_w)
        found = limits.step(dt_ms, True, starting, seen & _FORMING, heavy)
        made = 0
        if found & WILD:
            made = _WILD
        if found & SHORT:
            made |= _SHORT
        if found & WEAK:
            made |= _WEAK
        if starting:
            return made
        if permits & im.OUT_LOADS:
            if found & SHED:
                loads.went(limits.even_w)
            else:
                made |= _ROOM
        elif state_ms >= _STABLE_MS and not found:
            if loads.room(dt_ms, limits.most_w, limits.even_w):
                made |= _ROOM
        return made
