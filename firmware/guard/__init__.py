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

from firmware import image as im
from firmware.base.timer import grown
from firmware.base.viper import const
from firmware.guard import drops, island
from firmware.guard.causes import BEAT_MS, INRUSH_MS, SAMPLES_MS, UNSEEN_MS, Causes
from firmware.guard.kernel import (
    BEAT_LATE_MS,
    BLANK_MS,
    GOOD,
    HOUSE,
    LOST,
    ON_MS,
    PILOT_B_MV,
    PILOT_D_MV,
    PILOT_HIGHEST_MV,
    PILOT_LOST_MS,
    PILOT_LOWEST_MV,
    SAMPLES_LATE_MS,
    SEES,
    causes,
)

_LATER_MS = const(100)  # the enable has taken effect; only now may the bond go
_UNFIT_MS = const(20)  # a tick sees 10 ms, the third in a row latches: 30 ms, and 60 to open
_ADDS_UP = im.TRIP_ISLAND + im.TRIP_NEUTRAL + im.TRIP_SHORT  # what ends these comes back slowly:
_DRAIN = const(10)  # a tenth of the time within the limit, as in core/grid/island_limits.py
_BEATS = const(2)  # the first beat after a trip may come from a step that began before it


class Guard(Causes):
    """`tick(dt_ms)` at least every 10 ms; `board` needs write_outputs(bits of OUT_*), and says in
    `sees_grid` (SEES_*, else by voltage) how its guard can tell a dead grid. Where pins interrupt,
    hold() keeps them off until resume(what hold() gave)."""

    def __init__(self, image, board):
        super().__init__(image)
        self._board = board
        self._hold = getattr(board, "hold", _nothing)
        self._resume = getattr(board, "resume", _nothing)
        self._armed = False
        self._beat = image.commands[im.BEAT]
        self._time_ms = array("i", [0] * len(TABLE))  # of the cause, or since the trip
        self._beats = bytearray(len(TABLE))  # core's beats since the trip
        own = self.own
        own[BLANK_MS], own[PILOT_LOST_MS], own[BEAT_LATE_MS] = INRUSH_MS, UNSEEN_MS, BEAT_MS
        own[PILOT_HIGHEST_MV], own[PILOT_LOWEST_MV] = PILOT_B_MV, PILOT_D_MV
        own[SAMPLES_LATE_MS] = SAMPLES_MS
        for point in range(im.POINTS):
            own[LOST + point] = -1
        own[SEES] = getattr(board, "sees_grid", im.SEES_VOLTAGE)
        own[HOUSE] = island.samples_house(board, image.site[im.LEG_COUNT])
        self._waiting = 0  # TRIP_* whose cause is there, but not for long enough
        self._found = 0  # TRIP_* whose cause is there in this tick
        self._struck = 0  # OUT_* dropped by strike() since the last tick began
        self._marks = bytearray(len(TABLE))  # rows struck, until tick() has latched them
        self._now, self._later = drops.of(TABLE, image.site)

    def recall(self, tripped):
        """Start with the trips (TRIP_*) that stood before a reset: their outputs stay off."""
        self.image.trips[im.TRIPPED] |= tripped

    def tick(self, dt_ms):
        """Look for trips and write the outputs; allocates nothing."""
        image = self.image
        trips = image.trips
        ticks = trips[im.GUARD_TICKS]
        trips[im.GUARD_TICKS] = ticks + 1 if ticks < im.AGE_MAX_MS else 0
        self._listen(dt_ms)
        if not self._armed:
            return
        if self._struck:
            self._take_marks()
        commands = image.commands
        own = self.own
        if own[HOUSE]:
            if not island.forms(image):
                own[GOOD] = 0
            elif not own[GOOD] and island.first_good(self):
                own[GOOD] = 1
        found = self._found = causes(image.site, image.live, commands, trips, own)
        drops = 0
        concerned = found | trips[im.TRIPPED] | self._waiting
        if concerned:
            for i in range(len(TABLE)):
                if concerned & TABLE[i][0]:
                    drops |= self._row(i, dt_ms)
        outputs = commands[im.PERMITS] & ~drops
        on = outputs & trips[im.OUTPUTS]
        for point in range(im.POINTS):
            if not on & im.OUT_CONTACTOR << im.OUT_SHIFT * point:
                own[ON_MS + point] = 0
            elif own[ON_MS + point] < INRUSH_MS:
                own[ON_MS + point] += dt_ms
        self._write(island.order(self, outputs, dt_ms))

    def trip(self, bit, value):
        """Latch this TRIP_* now, whoever found its cause, and drop its outputs. Called in the
        interrupt that also calls tick()."""
        trips = self.image.trips
        if not self._armed or trips[im.TRIPPED] & bit:
            return
        for i in range(len(TABLE)):
            if TABLE[i][0] == bit:
                self.value = value
                self._write(trips[im.OUTPUTS] & ~self._latch(i))

    def strike(self, bit):
        """The same from an interrupt that may cut into tick() at any instruction: the outputs go
        now, the trip is latched by the next tick."""
        for i in range(len(TABLE)):
            if TABLE[i][0] == bit:
                self._marks[i] = 1
                self._struck |= self._now[i]
        if self._armed:
            self._board.write_outputs(self.image.trips[im.OUTPUTS] & ~self._struck)

    def strike_by(self, inputs):
        """The same for the protective inputs (IN_*) that a pin's interrupt has seen."""
        self.strike(drops.protection_trip(inputs))

    def _write(self, outputs):
        """The pins, less what strike() drops; nothing cuts in from the look to the write, or what
        a strike dropped in between would come up again for some 20 us."""
        self.image.trips[im.OUTPUTS] = outputs
        state = self._hold()
        self._board.write_outputs(outputs & ~self._struck)
        self._resume(state)

    def _take_marks(self):
        """Latch what was struck. A strike that comes in between stays for the next tick, and in
        _struck, which therefore is cleared first."""
        self._struck = 0
        for i in range(len(TABLE)):
            if self._marks[i]:
                self._marks[i] = 0
                if not self.image.trips[im.TRIPPED] & TABLE[i][0]:
                    TABLE[i][1](self)
                    self._latch(i)

    def _listen(self, dt_ms):
        """Core's beat: its age, and how many came since each trip."""
        commands = self.image.commands
        trips = self.image.trips
        beat = commands[im.BEAT]
        if beat == self._beat:
            trips[im.BEAT_AGE_MS] = grown(trips[im.BEAT_AGE_MS], dt_ms)
            return
        self._beat = beat
        trips[im.BEAT_AGE_MS] = 0
        if commands[im.ISLAND_STATE] != im.ISLAND_SENSING:
            self._armed = True
        if trips[im.TRIPPED]:
            for i in range(len(TABLE)):
                if self._beats[i] < _BEATS:
                    self._beats[i] += 1

    def _row(self, i, dt_ms):
        """Advance one row of TABLE; returns the outputs (OUT_*) it drops now."""
        row = TABLE[i]
        bit = row[0]
        trips = self.image.trips
        cause = self._found & bit
        if trips[im.TRIPPED] & bit:
            time_ms = grown(self._time_ms[i], dt_ms)
            acknowledged = self.image.commands[im.TRIP_ACK] & bit
            if not cause and acknowledged and self._beats[i] >= _BEATS:
                trips[im.TRIPPED] &= ~bit
                self._time_ms[i] = 0
                return 0
            self._time_ms[i] = time_ms
            now = self._now[i]
            return now | self._later[i] if time_ms >= _LATER_MS else now
        if not cause:
            time_ms = self._time_ms[i] - (dt_ms + _DRAIN - 1) // _DRAIN if bit & _ADDS_UP else 0
            if time_ms <= 0:
                time_ms = 0
                self._waiting &= ~bit
            self._time_ms[i] = time_ms
            return 0
        confirm_ms = row[2] if row[2] >= 0 else self.image.site[-row[2]]
        if self._time_ms[i] < confirm_ms:
            self._waiting |= bit
            self._time_ms[i] = grown(self._time_ms[i], dt_ms)
            return 0
        row[1](self)
        return self._latch(i)

    def _latch(self, i):
        """The row's trip, with `value`; returns what it drops now."""
        row = TABLE[i]
        trips = self.image.trips
        self._waiting &= ~row[0]
        self._time_ms[i] = 0
        self._beats[i] = 0
        trips[im.TRIPPED] |= row[0]
        trips[im.TRIP_COUNT] = grown(trips[im.TRIP_COUNT], 1)
        trips[im.TRIP_VALUE] = self.value
        return self._now[i]


def _nothing(state=0):
    return state


# A cause that lasts for `confirm` ms (0: at once; below it: the site's field of that number)
# drops `now` at once and `later` 100 ms after: islanded, the inverter's enable goes first and the
# bond last, when island.order lets it. The islanding switch is held.
TABLE = (
    # trip, cause, confirm ms, now, later, meaning
    (
        im.TRIP_OVERCURRENT,
        Guard.overcurrent,
        -im.POINT_OVERCURRENT_MS,
        im.OUT_CONTACTOR,
        0,
        "twice the rating, one cycle",
    ),
    (im.TRIP_PILOT, Guard.pilot_lost, 0, im.OUT_CONTACTOR, 0, "pilot not in C or D"),
    (
        im.TRIP_DEAD_GRID,
        Guard.grid_dead,
        -im.DEAD_GRID_MS,
        im.OUT_ENABLE,
        0,
        "grid below 20 %, all legs; where the board sees crossings: 1.2 half cycles without",
    ),
    (
        im.TRIP_STOP,
        Guard.stop,
        10,
        im.OUT_CONTACTORS + im.OUT_ENABLE,
        im.OUT_BOND,
        "emergency stop, or the loop it shares",
    ),
    (
        im.TRIP_STALE_PERMIT,
        Guard.beat_late,
        0,
        im.OUT_CONTACTORS + im.OUT_ENABLE,
        im.OUT_BOND,
        "no beat for 300 ms",
    ),
    (
        im.TRIP_INTERLOCK,
        island.unproved,
        20,
        im.OUT_ENABLE,
        im.OUT_BOND,
        "forming, and switch not proved open or bond not proved closed",
    ),
    (
        im.TRIP_SAMPLING,
        Guard.samples_stopped,
        0,
        im.OUT_CONTACTORS + im.OUT_ENABLE,
        im.OUT_BOND,
        "no samples for 50 ms",
    ),
    (im.TRIP_RCD, Guard.rcd, 10, im.OUT_CONTACTORS, 0, "RCD of the charger's circuit"),
    (
        im.TRIP_HEAT,
        Guard.heat,
        10,
        im.OUT_CONTACTORS,
        0,
        "over-temperature, with an input of its own",
    ),
    (
        im.TRIP_VEHICLE,
        Guard.vehicle_unfit,
        _UNFIT_MS,
        im.OUT_CONTACTOR,
        0,
        "D without ventilation, or no diode",
    ),
    (
        im.TRIP_BOND,
        island.both_closed,
        -im.RELAY_FEEDBACK_MS,
        im.OUT_ENABLE,
        im.OUT_BOND,
        "bond and islanding switch read closed together",
    ),
    (im.TRIP_ISLAND, island.over, 140, im.OUT_ENABLE, im.OUT_BOND, "island: a leg over 1.20"),
    (
        im.TRIP_NEUTRAL,
        island.neutral_lost,
        80,
        im.OUT_ENABLE,
        im.OUT_BOND,
        "island: a leg over 1.15 and another under 0.90",
    ),
    (im.TRIP_SERVICE, Guard.serviced, 10, im.OUT_ENABLE, im.OUT_BOND, "service switch pulled"),
    (
        im.TRIP_ENABLE,
        Guard.enable_lost,
        -im.RELAY_FEEDBACK_MS,
        im.OUT_ENABLE,
        im.OUT_BOND,
        "enable not seen at the inverter: something in its wire has opened it",
    ),
    (
        im.TRIP_SHORT,
        island.broken_down,
        180,
        im.OUT_ENABLE,
        im.OUT_BOND,
        "island: a leg under 0.50, after its first good voltage",
    ),
)


def _at(row, point):
    """The row of a further point: its own trip, cause, time and contactor."""
    bit, cause, confirm_ms, now, later, text = row
    return (
        bit << im.TRIP_SHIFT * point,
        lambda guard: cause(guard, point),
        confirm_ms - point if confirm_ms < 0 else confirm_ms,
        now << im.OUT_SHIFT * point,
        later,
        text,
    )


for _point in range(1, im.POINTS):
    TABLE += tuple([_at(_row, _point) for _row in TABLE if _row[0] & im.POINT_TRIPS])
