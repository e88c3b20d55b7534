# islet: the fast path: trips, and the only code that writes the power outputs.
# GPL-3.0-or-later
#
# pins = permits & ~what the latched trips drop. Runs inside the sampling interrupt after sense:
# no allocation, no float, waits for nothing. It is silent until core has sensed the site and
# beats: until then the hardware holds every output (INV-12).
#
# Three ways in, one latch: tick() every 10 ms looks at every cause; trip() is called between
# ticks, in the same interrupt, by whoever looks at each block of samples (fast.py); strike() comes
# from a pin's interrupt and may cut into the other two anywhere, so it only marks, and drops.

from array import array

from firmware.guard import drops
from firmware.guard.kernel import (
    BEAT_LATE_MS,
    BLANK_MS,
    DIODE_HIGH_MV,
    DIODE_LOW_MV,
    GATEWAY,
    LOST,
    ON_MS,
    OVERDUE,
    OWN,
    PILOT_B_MV,
    PILOT_C_MV,
    PILOT_D_MV,
    PILOT_HIGHEST_MV,
    PILOT_LOST_MS,
    PILOT_LOWEST_MV,
    SAMPLES_LATE_MS,
    SEES,
    SWING_MV,
    causes,
)
from firmware.image import (
    AGE_MAX_MS,
    BEAT,
    BEAT_AGE_MS,
    BOND_NEEDED,
    CONTACTOR_BREAKING_MA,
    CROSSING_AGE_MS,
    DEAD_GRID_MS,
    EVSE_MAX_MA,
    FAST_AGE_MS,
    FAST_GRID_MV,
    FAST_MA,
    GUARD_TICKS,
    IN_BOND,
    IN_ESTOP,
    IN_ISLAND_OPEN,
    IN_OVERTEMP,
    IN_RCD,
    IN_VENTILATION,
    INPUTS,
    INVERTER_FORM,
    ISLAND_CAPABLE,
    ISLAND_SENSING,
    ISLAND_STATE,
    LEG_COUNT,
    LEGS,
    NOMINAL_MHZ,
    NOMINAL_MV,
    OUT_BOND,
    OUT_CONTACTOR,
    OUT_ENABLE,
    OUT_ISLAND,
    OUTPUTS,
    OVERCURRENT_MS,
    PERMITS,
    PILOT_AGE_MS,
    PILOT_HIGH_MV,
    PILOT_LOW_MV,
    PROTECTION_INPUTS,
    SEES_CROSSINGS,
    SEES_VOLTAGE,
    SETPOINT_MODE,
    TOPOLOGY,
    TRIP_ACK,
    TRIP_COUNT,
    TRIP_DEAD_GRID,
    TRIP_HEAT,
    TRIP_INTERLOCK,
    TRIP_OVERCURRENT,
    TRIP_PILOT,
    TRIP_RCD,
    TRIP_SAMPLING,
    TRIP_STALE_PERMIT,
    TRIP_STOP,
    TRIP_VALUE,
    TRIP_VEHICLE,
    TRIPPED,
    const,
)

_PILOT_HIGH_MV = PILOT_B_MV
_PILOT_LOW_MV = PILOT_D_MV
_PILOT_LOST_MS = const(20)
_BLANK_MS = const(100)  # inrush after closing
_BEAT_MS = const(300)
_SAMPLES_MS = const(50)
_LATER_MS = const(100)  # the enable has taken effect; only now may the bond go
_UNFIT_MS = const(20)  # a tick sees 10 ms, the third in a row latches: 30 ms, and 60 to open
_BEATS = const(2)  # the first beat after a trip may come from a step that began before it


class Guard:
    """`tick(dt_ms)` at least every 10 ms; `board` needs write_outputs(bits of OUT_*), and says in
    `sees_grid` (SEES_*, else by voltage) how its guard can tell a dead grid."""

    def __init__(self, image, board):
        self._image = image
        self._board = board
        self._armed = False
        self._beat = image.commands[BEAT]
        self._time_ms = array("i", [0] * len(TABLE))  # of the cause, or since the trip
        self._beats = bytearray(len(TABLE))  # core's beats since the trip
        self.own = own = array("i", [0] * OWN)
        own[BLANK_MS], own[PILOT_LOST_MS], own[BEAT_LATE_MS] = _BLANK_MS, _PILOT_LOST_MS, _BEAT_MS
        own[PILOT_HIGHEST_MV], own[PILOT_LOWEST_MV] = _PILOT_HIGH_MV, _PILOT_LOW_MV
        own[SAMPLES_LATE_MS] = _SAMPLES_MS
        own[LOST] = -1
        own[SEES] = getattr(board, "sees_grid", SEES_VOLTAGE)
        self._waiting = 0  # TRIP_* whose cause is there, but not for long enough
        self._found = 0  # TRIP_* whose cause is there in this tick
        self._struck = 0  # OUT_* dropped by strike() since the last tick began
        self._marks = bytearray(len(TABLE))  # rows struck, until tick() has latched them
        self._now, self._later = drops.of(TABLE, image.site)
        self.value = 0  # what the last cause measured

    def tick(self, dt_ms):
        """Look for trips and write the outputs; allocates nothing."""
        image = self._image
        trips = image.trips
        ticks = trips[GUARD_TICKS]
        trips[GUARD_TICKS] = ticks + 1 if ticks < AGE_MAX_MS else 0
        self._listen(dt_ms)
        if not self._armed:
            return
        if self._struck:
            self._take_marks()
        commands = image.commands
        own = self.own
        found = self._found = causes(image.site, image.live, commands, trips, own)
        drops = 0
        concerned = found | trips[TRIPPED] | self._waiting
        if concerned:
            for i in range(len(TABLE)):
                if concerned & TABLE[i][0]:
                    drops |= self._row(i, dt_ms)
        outputs = commands[PERMITS] & ~drops
        if not outputs & trips[OUTPUTS] & OUT_CONTACTOR:
            own[ON_MS] = 0
        elif own[ON_MS] < _BLANK_MS:
            own[ON_MS] += dt_ms
        self._write(outputs)

    def trip(self, bit, value):
        """Latch this TRIP_* now, whoever found its cause, and drop its outputs. Called in the
        interrupt that also calls tick()."""
        trips = self._image.trips
        if not self._armed or trips[TRIPPED] & bit:
            return
        for i in range(len(TABLE)):
            if TABLE[i][0] == bit:
                self.value = value
                self._write(trips[OUTPUTS] & ~self._latch(i))

    def strike(self, bit):
        """The same from an interrupt that may cut into tick() at any instruction: the outputs go
        now, the trip is latched by the next tick."""
        for i in range(len(TABLE)):
            if TABLE[i][0] == bit:
                self._marks[i] = 1
                self._struck |= self._now[i]
        if self._armed:
            self._board.write_outputs(self._image.trips[OUTPUTS] & ~self._struck)

    def strike_by(self, inputs):
        """The same for the protective inputs (IN_*) that a pin's interrupt has seen."""
        self.strike(drops.protection_trip(inputs))

    def _write(self, outputs):
        """The pins, less what strike() drops meanwhile: looked at again when they are written."""
        self._image.trips[OUTPUTS] = outputs
        struck = self._struck
        self._board.write_outputs(outputs & ~struck)
        if self._struck != struck:
            self._board.write_outputs(outputs & ~self._struck)

    def _take_marks(self):
        """Latch what was struck. A strike that comes in between stays for the next tick, and in
        _struck, which therefore is cleared first."""
        self._struck = 0
        for i in range(len(TABLE)):
            if self._marks[i]:
                self._marks[i] = 0
                if not self._image.trips[TRIPPED] & TABLE[i][0]:
                    TABLE[i][1](self)
                    self._latch(i)

    def _listen(self, dt_ms):
        """Core's beat: its age, and how many came since each trip."""
        commands = self._image.commands
        trips = self._image.trips
        beat = commands[BEAT]
        if beat == self._beat:
            trips[BEAT_AGE_MS] = _longer(trips[BEAT_AGE_MS], dt_ms)
            return
        self._beat = beat
        trips[BEAT_AGE_MS] = 0
        if commands[ISLAND_STATE] != ISLAND_SENSING:
            self._armed = True
        if trips[TRIPPED]:
            for i in range(len(TABLE)):
                if self._beats[i] < _BEATS:
                    self._beats[i] += 1

    def _row(self, i, dt_ms):
        """Advance one row of TABLE; returns the outputs (OUT_*) it drops now."""
        row = TABLE[i]
        bit = row[0]
        trips = self._image.trips
        cause = self._found & bit
        if trips[TRIPPED] & bit:
            time_ms = _longer(self._time_ms[i], dt_ms)
            acknowledged = self._image.commands[TRIP_ACK] & bit
            if not cause and acknowledged and self._beats[i] >= _BEATS:
                trips[TRIPPED] &= ~bit
                self._time_ms[i] = 0
                return 0
            self._time_ms[i] = time_ms
            now = self._now[i]
            return now | self._later[i] if time_ms >= _LATER_MS else now
        if not cause:
            self._waiting &= ~bit
            self._time_ms[i] = 0
            return 0
        confirm_ms = row[2] if row[2] >= 0 else self._image.site[-row[2]]
        if self._time_ms[i] < confirm_ms:
            self._waiting |= bit
            self._time_ms[i] = _longer(self._time_ms[i], dt_ms)
            return 0
        row[1](self)
        return self._latch(i)

    def _latch(self, i):
        """The row's trip, with `value`; returns what it drops now."""
        row = TABLE[i]
        trips = self._image.trips
        self._waiting &= ~row[0]
        self._time_ms[i] = 0
        self._beats[i] = 0
        trips[TRIPPED] |= row[0]
        trips[TRIP_COUNT] = _longer(trips[TRIP_COUNT], 1)
        trips[TRIP_VALUE] = self.value
        return self._now[i]

    # --- causes ------------------------------------------------------------------------------

    def overcurrent(self):
        """Twice the rating over a whole cycle; a current the contacts cannot break is left to
        the breaker."""
        if self.own[ON_MS] < _BLANK_MS:
            return False
        live = self._image.live
        most_ma = 0
        for leg in range(LEGS):
            if live[FAST_MA + leg] > most_ma:
                most_ma = live[FAST_MA + leg]
        self.value = most_ma
        site = self._image.site
        return 2 * site[EVSE_MAX_MA] < most_ma <= site[CONTACTOR_BREAKING_MA]

    def pilot_lost(self):
        """Contactor permitted, and the pilot not in C or D, or not seen (INV-2). Where the samples
        themselves are looked at (fast.py), they tell: a block's plateau is that of its worst."""
        image = self._image
        if not image.commands[PERMITS] & OUT_CONTACTOR or image.site[TOPOLOGY] == GATEWAY:
            return False
        high_mv = image.live[PILOT_HIGH_MV]
        self.value = high_mv
        if image.live[PILOT_AGE_MS] > _PILOT_LOST_MS:
            return True
        if self.own[LOST] >= 0:
            return self.own[LOST] > 0
        return high_mv >= _PILOT_HIGH_MV or high_mv < _PILOT_LOW_MV

    def vehicle_unfit(self):
        """Contactor permitted, and the car in D without ventilation, or without its diode."""
        image = self._image
        if not image.commands[PERMITS] & OUT_CONTACTOR or image.site[TOPOLOGY] == GATEWAY:
            return False
        live = image.live
        high_mv = live[PILOT_HIGH_MV]
        low_mv = live[PILOT_LOW_MV]
        self.value = low_mv
        if high_mv - low_mv >= SWING_MV and not DIODE_LOW_MV <= low_mv <= DIODE_HIGH_MV:
            return True
        self.value = high_mv
        return PILOT_D_MV <= high_mv < PILOT_C_MV and not live[INPUTS] & IN_VENTILATION

    def grid_dead(self):
        """On the grid, and every leg below 20 % of nominal; or the next zero crossing overdue,
        where the board sees those: only while the enable is permitted, for at start nobody shows
        any yet."""
        image = self._image
        site = image.site
        if site[ISLAND_CAPABLE] and not image.commands[PERMITS] & OUT_ISLAND:
            return False
        if self.own[SEES] == SEES_CROSSINGS:
            self.value = image.live[CROSSING_AGE_MS]
            if not image.commands[PERMITS] & OUT_ENABLE:
                return False
            return self.value > 1000 or self.value * site[NOMINAL_MHZ] > OVERDUE
        if self.own[SEES] != SEES_VOLTAGE or image.live[FAST_AGE_MS] > _SAMPLES_MS:
            return False
        dead_mv = site[NOMINAL_MV] // 5
        for leg in range(site[LEG_COUNT]):
            self.value = image.live[FAST_GRID_MV + leg]
            if self.value >= dead_mv:
                return False
        return True

    def stop(self):
        self.value = self._image.live[INPUTS] & PROTECTION_INPUTS
        return self.value & IN_ESTOP != 0

    def rcd(self):
        """Alone: what shares the stop's loop has the stop's meaning."""
        self.value = self._image.live[INPUTS] & PROTECTION_INPUTS
        return self.value & (IN_ESTOP | IN_RCD) == IN_RCD

    def heat(self):
        self.value = self._image.live[INPUTS] & PROTECTION_INPUTS
        return self.value == IN_OVERTEMP

    def beat_late(self):
        self.value = self._image.trips[BEAT_AGE_MS]
        return self.value > _BEAT_MS

    def unproved(self):
        """Bond closed while the islanding switch is not proved open (INV-6), or forming asked
        for without switch and bond proved (INV-5)."""
        image = self._image
        inputs = image.live[INPUTS]
        self.value = inputs
        apart = inputs & IN_ISLAND_OPEN != 0
        bonded = inputs & IN_BOND != 0
        if bonded and not apart:
            return True
        commands = image.commands
        if commands[SETPOINT_MODE] != INVERTER_FORM or not commands[PERMITS] & OUT_ENABLE:
            return False
        return not apart or (image.site[BOND_NEEDED] == 1 and not bonded)

    def samples_stopped(self):
        self.value = self._image.live[FAST_AGE_MS]
        return self.value > _SAMPLES_MS


def _longer(time_ms, dt_ms):
    time_ms += dt_ms
    return time_ms if time_ms < AGE_MAX_MS else AGE_MAX_MS


# A cause that lasts for `confirm` ms (0: at once; below it: the site's field of that number)
# drops `now` at once and `later` 100 ms after: islanded, the inverter's enable goes first and the
# bond last. The islanding switch is held.
TABLE = (
    # trip, cause, confirm ms, now, later, meaning
    (
        TRIP_OVERCURRENT,
        Guard.overcurrent,
        -OVERCURRENT_MS,
        OUT_CONTACTOR,
        0,
        "twice the rating, one cycle",
    ),
    (TRIP_PILOT, Guard.pilot_lost, 0, OUT_CONTACTOR, 0, "pilot not in C or D"),
    (
        TRIP_DEAD_GRID,
        Guard.grid_dead,
        -DEAD_GRID_MS,
        OUT_ENABLE,
        0,
        "grid below 20 %, all legs; where the board sees crossings: 1.2 half cycles without",
    ),
    (
        TRIP_STOP,
        Guard.stop,
        10,
        OUT_CONTACTOR + OUT_ENABLE,
        OUT_BOND,
        "emergency stop, or the loop it shares",
    ),
    (
        TRIP_STALE_PERMIT,
        Guard.beat_late,
        0,
        OUT_CONTACTOR + OUT_ENABLE,
        OUT_BOND,
        "no beat for 300 ms",
    ),
    (TRIP_INTERLOCK, Guard.unproved, 20, OUT_ENABLE + OUT_BOND, 0, "contacts disagree"),
    (
        TRIP_SAMPLING,
        Guard.samples_stopped,
        0,
        OUT_CONTACTOR + OUT_ENABLE,
        OUT_BOND,
        "no samples for 50 ms",
    ),
    (TRIP_RCD, Guard.rcd, 10, OUT_CONTACTOR, 0, "RCD of the charger's circuit"),
    (TRIP_HEAT, Guard.heat, 10, OUT_CONTACTOR, 0, "over-temperature, with an input of its own"),
    (
        TRIP_VEHICLE,
        Guard.vehicle_unfit,
        _UNFIT_MS,
        OUT_CONTACTOR,
        0,
        "D without ventilation, or no diode",
    ),
)


def table():
    """The trips as lines of markdown."""
    return drops.table(TABLE)
