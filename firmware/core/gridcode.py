# islet: the grid's side: is it dead, abnormal, being waited for, or in service.
# GPL-3.0-or-later
#
# The numbers are data (firmware/gridcodes/*.json, packed into SITE). The inverter is certified and
# trips by itself; this room only decides what may be asked of it, and never claims to be its
# protection. Ride-through: once in service an excursion changes nothing until a trip row's time
# has run out, so islet does not take away power that the code obliges to stay.

from array import array

from firmware.image import (
    AGE_MAX_MS,
    DEAD_GRID_MS,
    ENTER_DELAY_MS,
    ENTER_HIGH_MHZ,
    ENTER_HIGH_PERMILLE,
    ENTER_LOW_MHZ,
    ENTER_LOW_PERMILLE,
    ENTER_RAMP_MS,
    EVSE,
    EVSE_MAX_MA,
    GRID_ABNORMAL,
    GRID_AGE_MS,
    GRID_CODE,
    GRID_DEAD,
    GRID_IN_SERVICE,
    GRID_LOAD_OK,
    GRID_LOSS,
    GRID_MHZ,
    GRID_MV,
    GRID_OF,
    GRID_OV,
    GRID_REMAIN_MS,
    GRID_STATE,
    GRID_TRIPS,
    GRID_UF,
    GRID_UNKNOWN,
    GRID_UV,
    GRID_WAITING,
    INVERTER,
    INVERTER_CHARGE_W,
    INVERTER_DISCHARGE_W,
    ISLAND_GRID,
    ISLAND_ISLANDED,
    ISLAND_SENSING,
    ISLAND_STARTING,
    ISLAND_STATE,
    LEG_COUNT,
    LOSS_DEAD,
    LOSS_NONE,
    NOMINAL_MV,
    REASON_BOOT,
    REASON_GRID_ABNORMAL,
    REASON_GRID_RAMP,
    REASON_GRID_WAIT,
    REASON_ISLAND,
    REASON_NONE,
    TRIP_KIND,
    TRIP_LEVEL,
    TRIP_TIME_MS,
    const,
)

_STALE_MS = const(500)  # sense refreshes every 100 ms; five lost in a row is no measurement
_RESTART_MS = const(50)  # an excursion this long restarts the delay (UL 1741 SB test: 50-100 ms)
_LOAD_MS = const(5_000)  # in a load's window before the house may be closed to the grid
_DEAD_PERMILLE = const(100)  # all legs below: dead
_FREQUENCY_PERMILLE = const(300)  # below it a frequency means nothing (IEEE 1547 accuracy range)


class GridCode:
    """GRID_STATE and GRID_REMAIN_MS from the grid-side readings; claims as source GRID_CODE.

    Trip rows are read at the first step and taken as constant from there.
    """

    def __init__(self, image, limits):
        self.limits = limits
        self._site = image.site
        self._readings = image.readings
        self._commands = image.commands
        self._rows = -1  # trip rows in use, -1 not read yet
        self._kinds = array("i", [0] * GRID_TRIPS)
        self._levels = array("i", [0] * GRID_TRIPS)  # as _now has them: beyond is above
        self._times_ms = array("i", [0] * GRID_TRIPS)
        self._beyond_ms = array("i", [0] * GRID_TRIPS)  # time beyond each row's level
        self._now = array("i", [0] * 5)  # by kind: mV or mHz; negative where less is worse
        self._state = GRID_UNKNOWN
        self._lowest_mv = 0  # of the configured legs now: the loss of a single one counts
        self._highest_mv = 0
        self._outside_ms = 0  # outside the enter-service window
        self._dead_ms = 0
        self._waited_ms = 0  # inside the window, without interruption
        self._ramp_ms = 0  # since in service
        self._tied = False  # the house was on the grid in the last step
        self._fit_ms = 0  # in a load's window
        self._excursion = False  # beyond some trip level now, whatever its time

    def step(self, dt_ms):
        if self._rows < 0:
            self._read_rows()
        commands = self._commands
        island = commands[ISLAND_STATE]
        tied = island == ISLAND_GRID
        if tied and not self._tied:
            self._restart()  # INV-7: after closing, the full delay governs the sources
        self._tied = tied
        self._state = self._next(dt_ms)
        commands[GRID_STATE] = self._state
        commands[GRID_REMAIN_MS] = self._remain_ms()
        self._supply(dt_ms)
        self._claim_inverter(island)
        self._claim_evse(island)

    # --- state ------------------------------------------------------------------------------

    def _next(self, dt_ms):
        if self._readings[GRID_AGE_MS] > _STALE_MS:
            self._restart()
            return GRID_UNKNOWN
        self._look()
        tripped = self._watch_trips(dt_ms)
        outside = self._outside()
        self._outside_ms = self._grow(self._outside_ms, dt_ms) if outside else 0
        dead = self._below(_DEAD_PERMILLE)
        self._dead_ms = self._grow(self._dead_ms, dt_ms) if dead else 0

        if self._state == GRID_IN_SERVICE:
            # Riding through needs sources that were running: not so while the house is apart.
            lost = tripped or self._dead_ms >= self._dead_after_ms()
            if not lost and (self._tied or self._outside_ms < _RESTART_MS):
                self._ramp_ms = self._grow(self._ramp_ms, dt_ms)
                return GRID_IN_SERVICE
        if dead:
            self._restart()
            return GRID_DEAD
        if tripped or self._outside_ms >= _RESTART_MS:
            self._restart()
            return GRID_ABNORMAL
        if outside:  # shorter than 50 ms: the delay stands still
            return GRID_WAITING if self._state == GRID_WAITING else GRID_ABNORMAL
        if self._state == GRID_WAITING:
            self._waited_ms = self._grow(self._waited_ms, dt_ms)
            if self._waited_ms >= self._site[ENTER_DELAY_MS]:
                self._ramp_ms = 0
                return GRID_IN_SERVICE
        return GRID_WAITING

    def _restart(self):
        self._waited_ms = 0
        self._ramp_ms = 0
        if self._state == GRID_IN_SERVICE:
            self._state = GRID_WAITING

    def _dead_after_ms(self):
        after_ms = self._site[DEAD_GRID_MS]
        return after_ms if after_ms > 1 else 1

    def _grow(self, timer_ms, dt_ms):
        timer_ms += dt_ms
        return timer_ms if timer_ms < AGE_MAX_MS else AGE_MAX_MS

    def _remain_ms(self):
        if self._state == GRID_IN_SERVICE:
            return 0
        left_ms = self._site[ENTER_DELAY_MS] - self._waited_ms
        return left_ms if left_ms > 0 else 0

    def _supply(self, dt_ms):
        """GRID_LOSS and GRID_LOAD_OK (safety.md sections 5 and 7)."""
        commands = self._commands
        known = self._readings[GRID_AGE_MS] <= _STALE_MS
        dead = known and self._below(_DEAD_PERMILLE)
        commands[GRID_LOSS] = LOSS_DEAD if dead else LOSS_NONE
        fit = known and self._fits_a_load()
        self._fit_ms = self._grow(self._fit_ms, dt_ms) if fit else 0
        commands[GRID_LOAD_OK] = 1 if self._fit_ms >= _LOAD_MS else 0

    def _fits_a_load(self):
        nominal_mv = self._site[NOMINAL_MV]
        mhz = self._readings[GRID_MHZ]
        return (
            self._lowest_mv * 10 >= nominal_mv * 8
            and self._highest_mv * 10 <= nominal_mv * 11
            and (self._highest_mv - self._lowest_mv) * 10 <= nominal_mv
            and (47_000 <= mhz <= 52_000 or 57_000 <= mhz <= 62_000)
        )

    # --- what the readings say ----------------------------------------------------------------

    def _look(self):
        """Lowest and highest voltage of the configured legs."""
        readings = self._readings
        lowest_mv = highest_mv = readings[GRID_MV]
        for leg in range(1, self._site[LEG_COUNT]):
            mv = readings[GRID_MV + leg]
            if mv < lowest_mv:
                lowest_mv = mv
            if mv > highest_mv:
                highest_mv = mv
        self._lowest_mv = lowest_mv
        self._highest_mv = highest_mv

    def _below(self, permille):
        """All legs are below permille of the nominal voltage."""
        return self._highest_mv < self._site[NOMINAL_MV] * permille // 1000

    def _outside(self):
        """Outside the enter-service window. An unknown frequency (0) is outside."""
        site = self._site
        nominal_mv = site[NOMINAL_MV]
        mhz = self._readings[GRID_MHZ]
        return (
            mhz < site[ENTER_LOW_MHZ]
            or mhz > site[ENTER_HIGH_MHZ]
            or self._lowest_mv < nominal_mv * site[ENTER_LOW_PERMILLE] // 1000
            or self._highest_mv > nominal_mv * site[ENTER_HIGH_PERMILLE] // 1000
        )

    def _watch_trips(self, dt_ms):
        """Advance each trip row's timer; True when one has run out."""
        now = self._now
        mhz = self._readings[GRID_MHZ]
        now[GRID_OV] = self._highest_mv
        now[GRID_UV] = -self._lowest_mv
        now[GRID_OF] = mhz
        now[GRID_UF] = -mhz
        if self._below(_FREQUENCY_PERMILLE):
            now[GRID_OF] = now[GRID_UF] = -AGE_MAX_MS
        beyond_ms = self._beyond_ms
        tripped = excursion = False
        for row in range(self._rows):
            if now[self._kinds[row]] <= self._levels[row]:
                beyond_ms[row] = 0
                continue
            excursion = True
            beyond_ms[row] = self._grow(beyond_ms[row], dt_ms)
            if beyond_ms[row] >= self._times_ms[row]:
                tripped = True
        self._excursion = excursion
        return tripped

    def _read_rows(self):
        site = self._site
        self._rows = 0
        for row in range(GRID_TRIPS):
            kind = site[TRIP_KIND + row]
            if kind == 0:
                continue
            level = site[TRIP_LEVEL + row]
            if kind == GRID_OV or kind == GRID_UV:
                nominal_mv = site[NOMINAL_MV]  # as a sum, which stays within 30 bits
                level = nominal_mv // 1000 * level + nominal_mv % 1000 * level // 1000
            self._kinds[self._rows] = kind
            self._levels[self._rows] = -level if kind == GRID_UV or kind == GRID_UF else level
            self._times_ms[self._rows] = site[TRIP_TIME_MS + row]
            self._rows += 1

    # --- claims -------------------------------------------------------------------------------

    def _claim_inverter(self, island):
        limits = self.limits
        site = self._site
        charge_w = site[INVERTER_CHARGE_W]
        discharge_w = site[INVERTER_DISCHARGE_W]
        if island == ISLAND_ISLANDED or island == ISLAND_STARTING:
            # It forms; the grid's rules bind it again when the switch has closed.
            limits.claim(GRID_CODE, INVERTER, -discharge_w, charge_w, REASON_NONE)
        elif island != ISLAND_GRID:
            limits.claim(GRID_CODE, INVERTER, 0, 0, self._apart(island))
        elif self._state == GRID_WAITING:
            left_ms = self._remain_ms()
            limits.claim(GRID_CODE, INVERTER, 0, 0, REASON_GRID_WAIT, -1, -1, left_ms)
        elif self._state != GRID_IN_SERVICE:
            limits.claim(GRID_CODE, INVERTER, 0, 0, REASON_GRID_ABNORMAL)
        else:
            share = self._ramp_permille()
            low_w = discharge_w // 1000 * share + discharge_w % 1000 * share // 1000
            why = REASON_GRID_RAMP if share < 1000 else REASON_NONE
            limits.claim(GRID_CODE, INVERTER, -low_w, charge_w, REASON_NONE, -1, -1, low_w, why)

    def _apart(self, island):
        return REASON_BOOT if island == ISLAND_SENSING else REASON_ISLAND

    def _ramp_permille(self):
        unit_ms = self._site[ENTER_RAMP_MS] // 1000  # ms per permille: no product to overflow
        if unit_ms == 0:
            return 1000
        share = self._ramp_ms // unit_ms
        return share if share < 1000 else 1000

    def _claim_evse(self, island):
        """A load needs no enter-service delay, and may stay on between window and trip levels."""
        if island != ISLAND_GRID:
            self.limits.claim(GRID_CODE, EVSE, 0, 0, self._apart(island))
        elif self._state == GRID_UNKNOWN or self._state == GRID_DEAD:
            self.limits.claim(GRID_CODE, EVSE, 0, 0, REASON_GRID_ABNORMAL)
        elif self._state == GRID_ABNORMAL and self._excursion:
            self.limits.claim(GRID_CODE, EVSE, 0, 0, REASON_GRID_ABNORMAL)
        else:
            self.limits.claim(GRID_CODE, EVSE, 0, self._site[EVSE_MAX_MA], REASON_NONE)
