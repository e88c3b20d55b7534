# islet: the supply on the grid's side: good, bad, burning or dead, and fit for a load or not.
# GPL-3.0-or-later
#
# What a leg's voltage and the frequency have been, and for how long (safety.md sections 5 and 7).
# Nothing is decided here about the sources: that is gridcode.py. Times count from the first
# reading that shows an excursion, so that none counts as longer than it was.

from array import array

from firmware import image as im
from firmware.base.timer import lasting
from firmware.base.viper import const
from firmware.core.grid.switch_kernel import (
    APART_MV,
    HIGH_MHZ,
    HIGH_MV,
    LEGS,
    LOW_MHZ,
    LOW_MV,
    STALE_MS,
)

_STALE_MS = const(500)  # sense refreshes every 100 ms; five lost in a row is no measurement
_DEAD_PERMILLE = const(100)  # all legs below: dead
_FREQUENCY_PERMILLE = const(300)  # below it a frequency means nothing (IEEE 1547 accuracy range)
_FREQUENCY_MS = const(200)  # nothing changes for a frequency sooner
_BLIND_MS = const(2_000)  # voltage without a frequency is an invalid input (INV-4)
_STILL_MA = const(1_000)  # a charging point or an inverter's filter at rest
_STILL_W = const(100)

# a load's window: the house may be closed to it (section 7), and is lost outside it (section 5)
_LOAD_LOW, _LOAD_HIGH, _LOAD_APART = const(800), const(1_100), const(100)  # permille
_LOAD_BELOW_MHZ, _LOAD_ABOVE_MHZ = const(3_000), const(2_000)
_LOAD_MS = const(5_000)
_STRAIN_MS = const(30_000)  # a device of islet's that pushes it out steps back long before

# what lasts: index, and the time after which it counts
_LOW, _HIGH, _HIGH_15, _OVER_20, _OVER_25, _NEUTRAL = range(6)
_BAD_MS = array("i", (60_000, 60_000, 15_000))
_BURNING_MS = array("i", (6_000, 1_000, 3_000))

# after so many recent losses it is used again this much later, s
_PAUSE_S = array("i", (0, 0, 15, 60, 240, 900))
_FORGET_MS = const(600_000)  # without a loss one of them is forgotten


class Rows:
    """Rows (kind, level, ms) of a grid code in SITE, and for how long each has been exceeded."""

    def __init__(self, most):
        self.count = 0
        self._kinds = array("i", [0] * most)
        self._levels = array("i", [0] * most)  # signed so that beyond is above, as Supply.now
        self._times_ms = array("i", [0] * most)
        self._beyond_ms = array("i", [-1] * most)
        self.beyond = 0  # kinds (1 << GRID_OV ...) with a row exceeded now
        self.out = 0  # with a row exceeded for its time
        self.held = 0  # whose furthest exceeded row is not: the rows lie furthest first

    def read(self, site, kind, level, time_ms, least_ms):
        """From three blocks of SITE; frequencies last at least `least_ms`. Allocates nothing."""
        nominal_mv = site[im.NOMINAL_MV]
        at = 0
        for row in range(len(self._kinds)):
            what = site[kind + row]
            if what == 0:
                continue
            far = site[level + row]
            ms = site[time_ms + row]
            if what == im.GRID_OV or what == im.GRID_UV:  # as a sum, which stays within 30 bits
                far = nominal_mv // 1000 * far + nominal_mv % 1000 * far // 1000
            elif ms < least_ms:
                ms = least_ms
            self._kinds[at] = what
            self._levels[at] = -far if what == im.GRID_UV or what == im.GRID_UF else far
            self._times_ms[at] = ms
            at += 1
        self.count = at

    def level(self, kind, least):
        """The nearest level of a kind, at most `least`."""
        for row in range(self.count):
            if self._kinds[row] == kind and self._levels[row] < least:
                least = self._levels[row]
        return least

    def step(self, now, dt_ms):
        beyond = out = held = 0
        timers = self._beyond_ms
        for row in range(self.count):
            kind = self._kinds[row]
            if now[kind] <= self._levels[row]:
                timers[row] = -1
                continue
            bit = 1 << kind
            timers[row] = timer_ms = lasting(True, timers[row], dt_ms)
            if timer_ms >= self._times_ms[row]:
                out |= bit
            elif not beyond & bit:
                held |= bit
            beyond |= bit
        self.beyond = beyond
        self.out = out
        self.held = held

    def clear(self):
        for row in range(self.count):
            self._beyond_ms[row] = -1
        self.beyond = self.out = self.held = 0


class Supply:
    """The facts about the grid, renewed by step(); writes GRID_LOSS and GRID_LOAD_OK.

    Trip and ride-through rows are read at the first step and taken as constant from there."""

    def __init__(self, image):
        self._site = image.site
        self._readings = image.readings
        self._commands = image.commands
        self._fresh = True  # the rows are not read yet
        self._trips = Rows(im.GRID_TRIPS)
        self._rides = Rows(im.GRID_RIDES)
        # by kind: mV or mHz, negative where less is worse
        self.now = array("i", [-im.AGE_MAX_MS] * 5)
        self.levels = array("i", [0] * 5)  # nearest level of a trip row or a load's window
        self._near = array("i", [0] * 5)  # nearest level of any row: within it nothing counts
        self.known = False
        self.calm = True  # within all levels
        self.lowest_mv = self.highest_mv = 0  # of the legs now: a single one counts
        self.out = 0  # kinds with a trip row run out, the house's limits as a load included
        self.over = False  # one of them has outlasted the ride-through curve too
        self.rides = False  # beyond a level, and neither row nor curve is over
        self.dead = False  # all legs below a tenth
        self.dead_long = False  # for as long as the guard lets the enable stand
        self.lost = True  # a load is off: no supply, or not to be had
        self.idle = True  # islet's own devices stand still
        self.strain = 0  # kinds in which the supply asks islet's devices to step back
        self.pause_ms = 0  # how long it is to be good before it is used again
        self.wait_ms = 0  # of these, left
        self._recent = 0  # losses not forgotten
        self._good_ms = 0
        self._forget_ms = 0
        self._dead_ms = -1
        self._blind_ms = -1
        self._bad_ms = -1
        self._fit_ms = -1
        self._lasting = array("i", [-1] * 6)
        self._dead_mv = self._heard_mv = 0  # all legs below: dead, without a frequency
        self._load_low_mv = self._load_high_mv = self._load_apart_mv = 0

    def step(self, dt_ms, tied):
        """`tied`: the house is on the grid, where islet's own devices must stand still before it
        counts as bad."""
        if self._fresh:
            self._read()
        self.known = self._readings[im.GRID_AGE_MS] <= _STALE_MS
        if not self.known:
            self._forget()
            return
        self._look()
        dead = self.dead = self.highest_mv < self._dead_mv
        self._dead_ms = lasting(dead, self._dead_ms, dt_ms)
        self.dead_long = dead and self._dead_ms >= self._site[im.DEAD_GRID_MS]
        self._times(dt_ms)
        self.idle = self._idle()
        self._count(dt_ms)
        commands = self._commands
        commands[im.GRID_LOSS] = self._loss(dt_ms, tied)
        self._fit_ms = lasting(self._fits_a_load(), self._fit_ms, dt_ms)
        commands[im.GRID_LOAD_OK] = 1 if self._fit_ms >= _LOAD_MS else 0

    def _read(self):
        site, trips = self._site, self._trips
        trips.read(site, im.TRIP_KIND, im.TRIP_LEVEL, im.TRIP_TIME_MS, _FREQUENCY_MS)
        self._rides.read(site, im.RIDE_KIND, im.RIDE_LEVEL, im.RIDE_TIME_MS, 0)
        self._fresh = False
        self._dead_mv = self._mv(_DEAD_PERMILLE)
        self._heard_mv = self._mv(_FREQUENCY_PERMILLE)
        self._load_low_mv = self._mv(_LOAD_LOW)
        self._load_high_mv = self._mv(_LOAD_HIGH)
        self._load_apart_mv = self._mv(_LOAD_APART)
        for kind in range(1, 5):
            least = im.AGE_MAX_MS
            if kind == im.GRID_OV:
                least = self._load_high_mv
            elif kind == im.GRID_UV:
                least = -self._load_low_mv
            self.levels[kind] = trips.level(kind, least)
            self._near[kind] = self._rides.level(kind, self.levels[kind])

    def _mv(self, permille):
        return self._site[im.NOMINAL_MV] * permille // 1000

    def _forget(self):
        """Nothing is known, so nothing has lasted."""
        self._trips.clear()
        self._rides.clear()
        self._dead_ms = self._blind_ms = self._bad_ms = self._fit_ms = -1
        for at in range(6):
            self._lasting[at] = -1
        self.out = self.strain = 0
        self.over = self.rides = self.dead = self.dead_long = False
        self.calm = True
        self._commands[im.GRID_LOSS] = im.LOSS_NONE
        self._commands[im.GRID_LOAD_OK] = 0

    def rests(self, bounds):
        """Whether a step changes nothing while the readings stay within `bounds`, which are filled
        in (switch_kernel.py): inside every window there is all timers stand where they begin or
        where they end."""
        if not self.calm or self._recent or self._fit_ms < _LOAD_MS:
            return False
        site, near = self._site, self._near
        low_mv = max(self._load_low_mv, -near[im.GRID_UV], self._mv(site[im.ENTER_LOW_PERMILLE]))
        high_mv = min(self._load_high_mv, near[im.GRID_OV], self._mv(site[im.ENTER_HIGH_PERMILLE]))
        nominal_mhz = site[im.NOMINAL_MHZ]
        low_mhz = max(-near[im.GRID_UF], site[im.ENTER_LOW_MHZ], nominal_mhz - _LOAD_BELOW_MHZ)
        high_mhz = min(near[im.GRID_OF], site[im.ENTER_HIGH_MHZ], nominal_mhz + _LOAD_ABOVE_MHZ)
        bounds[LOW_MV], bounds[HIGH_MV], bounds[APART_MV] = low_mv, high_mv, self._load_apart_mv
        bounds[LOW_MHZ], bounds[HIGH_MHZ] = low_mhz, high_mhz
        bounds[LEGS], bounds[STALE_MS] = site[im.LEG_COUNT], _STALE_MS
        return True

    # --- what the readings say ----------------------------------------------------------------

    def _look(self):
        """Lowest and highest voltage of the configured legs, and the frequency where it counts."""
        readings = self._readings
        lowest_mv = highest_mv = readings[im.GRID_MV]
        for leg in range(1, self._site[im.LEG_COUNT]):
            mv = readings[im.GRID_MV + leg]
            if mv < lowest_mv:
                lowest_mv = mv
            if mv > highest_mv:
                highest_mv = mv
        self.lowest_mv = lowest_mv
        self.highest_mv = highest_mv
        now = self.now
        now[im.GRID_OV] = highest_mv
        now[im.GRID_UV] = -lowest_mv
        mhz = readings[im.GRID_MHZ]
        if mhz == 0 or highest_mv < self._heard_mv:
            now[im.GRID_OF] = now[im.GRID_UF] = -im.AGE_MAX_MS  # unknown is beyond no level
        else:
            now[im.GRID_OF] = mhz
            now[im.GRID_UF] = -mhz

    def _times(self, dt_ms):
        now, near = self.now, self._near
        trips, rides = self._trips, self._rides
        calm = (
            now[im.GRID_OV] <= near[im.GRID_OV]
            and now[im.GRID_UV] <= near[im.GRID_UV]
            and now[im.GRID_OF] <= near[im.GRID_OF]
            and now[im.GRID_UF] <= near[im.GRID_UF]
        )
        if not (calm and self.calm):
            trips.step(now, dt_ms)
            rides.step(now, dt_ms)
            self._last(dt_ms)
        self.calm = calm
        unseen = self._readings[im.GRID_MHZ] == 0 and self.highest_mv >= self._heard_mv
        self._blind_ms = lasting(unseen, self._blind_ms, dt_ms)
        blind = self._blind_ms >= _BLIND_MS
        self.out = trips.out
        self.over = trips.out & ~rides.held != 0 or blind
        self.rides = not self.over and (trips.beyond | rides.held) != 0
        self.strain = trips.out | self._strained()

    def _last(self, dt_ms):
        lowest, highest = self.lowest_mv, self.highest_mv
        timers = self._lasting
        above_15 = highest > self._mv(1_150)
        timers[_LOW] = lasting(lowest < self._load_low_mv, timers[_LOW], dt_ms)
        timers[_HIGH] = lasting(highest > self._load_high_mv, timers[_HIGH], dt_ms)
        timers[_HIGH_15] = lasting(above_15, timers[_HIGH_15], dt_ms)
        timers[_OVER_20] = lasting(highest > self._mv(1_200), timers[_OVER_20], dt_ms)
        timers[_OVER_25] = lasting(highest > self._mv(1_250), timers[_OVER_25], dt_ms)
        timers[_NEUTRAL] = lasting(above_15 and lowest < self._mv(850), timers[_NEUTRAL], dt_ms)

    def _strained(self):
        timers = self._lasting
        strain = 1 << im.GRID_UV if timers[_LOW] >= _STRAIN_MS else 0
        return strain | 1 << im.GRID_OV if timers[_HIGH] >= _STRAIN_MS else strain

    def _idle(self):
        """islet's own devices are told to stand still, and are seen to where they are measured."""
        site, commands, readings = self._site, self._commands, self._readings
        for device in range(im.DEVICES):
            kind = site[im.DEVICE_KIND + device]
            if kind == im.KIND_NONE:
                continue
            if commands[im.SETPOINT + device]:
                return False
            age_ms = readings[im.DEVICE_AGE_MS + device]
            if kind == im.KIND_POINT or kind == im.KIND_CHARGER:
                first = im.DEVICE_MA + device * im.LEGS
                for leg in range(im.LEGS):
                    if age_ms <= _STALE_MS and readings[first + leg] > _STILL_MA:
                        return False
            elif age_ms <= 4 * _STALE_MS:
                most_w = site[im.DEVICE_CHARGE_W + device] // 32
                if most_w < _STILL_W:
                    most_w = _STILL_W
                if not -most_w <= readings[im.DEVICE_W + device] <= most_w:
                    return False
        return True

    def moved(self, own, dt_ms, kind, power, rating, least, ma):
        """`own`, an OwnTrip, learns what a device's power did in the direction of a trip row."""
        pressed = self.strain & 1 << kind != 0
        mv, level_mv = self.now[kind], self.levels[kind]
        nominal_mv = self._site[im.NOMINAL_MV]
        if power < 0:
            power = 0
        own.step(dt_ms, pressed, power, rating, least, self.idle, mv, level_mv, nominal_mv, ma)

    # --- what follows -------------------------------------------------------------------------

    def _count(self, dt_ms):
        """Losses that come again and again are each waited out longer."""
        lost = self.out != 0 or self.dead_long
        if lost:
            if not self.lost and self._recent < len(_PAUSE_S) - 1:
                self._recent += 1
            self._good_ms = self._forget_ms = 0
        else:
            self._good_ms = lasting(True, self._good_ms, dt_ms)
            if self._recent:
                self._forget_ms += dt_ms
                if self._forget_ms >= _FORGET_MS:
                    self._forget_ms = 0
                    self._recent -= 1
        self.lost = lost
        self.pause_ms = _PAUSE_S[self._recent] * 1000
        left_ms = self.pause_ms - self._good_ms
        self.wait_ms = left_ms if left_ms > 0 else 0

    def _loss(self, dt_ms, tied):
        standing = self.over and (self.idle or not tied)
        self._bad_ms = lasting(standing, self._bad_ms, dt_ms)
        timers = self._lasting
        for at in range(3):
            if timers[_OVER_20 + at] >= _BURNING_MS[at]:
                return im.LOSS_BURNING
        if self.dead:
            return im.LOSS_DEAD
        if self._bad_ms >= self._site[im.GRID_LOSS_MS]:
            return im.LOSS_BAD
        for at in range(3):
            if timers[at] >= _BAD_MS[at]:
                return im.LOSS_BAD
        return im.LOSS_NONE

    def _fits_a_load(self):
        lowest, highest = self.lowest_mv, self.highest_mv
        mhz, nominal_mhz = self._readings[im.GRID_MHZ], self._site[im.NOMINAL_MHZ]
        return (
            lowest >= self._load_low_mv
            and highest <= self._load_high_mv
            and highest - lowest <= self._load_apart_mv
            and nominal_mhz - _LOAD_BELOW_MHZ <= mhz <= nominal_mhz + _LOAD_ABOVE_MHZ
        )
