# islet: the limits of an island: what is watched while the house runs alone, and what is done.
# GPL-3.0-or-later
#
# One table (safety.md section 5). Over-rows begin at the enable, under-rows at the first good
# voltage. Levels move inwards by the instrument's error. Here they are watched on each cycle's
# readings; where a board samples the house's legs, the guard has the fast rows too.

from array import array

from firmware import image as im
from firmware.base.timer import grown
from firmware.base.viper import const

# what is done
SHED = const(1)  # the sheddable loads go
WILD = const(2)  # stop; not without a person
SHORT = const(4)  # stop; tried again once
WEAK = const(8)  # stop; tried again

# what is compared, greater is worse
_HIGH, _LOW, _SPLIT, _SLOW, _FAST, _LOAD = range(6)

LIMITS = (
    # quantity, permille of nominal (or mHz), for ms, from the first good voltage, what, meaning
    (_HIGH, 1200, 160, False, WILD, "a leg over 1.20"),
    (_HIGH, 1100, 2_000, False, WILD, "a leg over 1.10"),
    (_SPLIT, 0, 100, False, WILD, "one leg over 1.15 and another under 0.90: lost neutral"),
    (_LOW, 850, 200, True, SHED, "a leg under 0.85"),
    (_LOW, 850, 5_000, True, WEAK, "a leg under 0.85"),
    (_LOW, 500, 200, True, SHORT, "a leg under 0.50"),
    (_SLOW, 2_000, 200, True, SHED, "2 Hz below nominal"),
    (_SLOW, 2_000, 2_000, True, WEAK, "2 Hz below nominal"),
    (_FAST, 2_000, 2_000, False, WILD, "2 Hz above nominal, or 0.5 Hz above its declared shift"),
    (_LOAD, 0, 400, False, SHED, "more than island.max_w, or a leg beyond its circuit"),
    (_LOAD, 0, 2_000, False, WEAK, "more than island.max_w, or a leg beyond its circuit"),
)

ERROR_PERMILLE = const(10)  # of the voltages: what calibration promises
_FRESH_MS = const(500)
_DRAIN = const(10)  # of a time beyond a limit, for each as long within it
_INVERTER_MS = const(2_000)
_OVER_PERMILLE = const(1_030)  # of power and current: the inverter's own reading and short peaks
_NO_GOOD_MS = const(5_000)  # forming for so long without a good voltage: under-rows begin
_SOFT_PERMILLE = const(300)  # below it a soft start says nothing yet


class Limits:
    """`step` returns SHED, WILD, SHORT, WEAK as bits; 0 while nothing is enabled to form."""

    def __init__(self, image):
        self._site = image.site
        self._readings = image.readings
        self._beyond_ms = array("i", [0] * len(LIMITS))
        self._now = array("i", [0] * 6)
        self._good = False  # the first good voltage was seen
        self._running = False
        self._poor_ms = 0
        self.watts = 0  # what the inverter delivers, mean of nothing
        self.even_w = 0  # the same, or what it would with every leg as the worst
        self.most_w = 0  # what it may

    def declare(self):
        """The most an island carries, W: as declared, else the inverter's own rating."""
        site = self._site
        most_w = site[im.ISLAND_MAX_W]
        if most_w <= 0:
            most_w = site[im.DEVICE_DISCHARGE_W + site[im.ISLAND_DEVICE]]
        self.most_w = most_w

    def begin(self):
        """No enable any more: all timers at zero."""
        for row in range(len(LIMITS)):
            self._beyond_ms[row] = 0
        self._good = self._running = False
        self._poor_ms = 0

    def step(self, dt_ms, enabled, starting, forming, heavy):
        """`heavy`: the house drew more on the grid than the island may carry, so that a start is
        given up at the first sign that it still does."""
        if not enabled:
            if self._running:
                self.begin()
            return 0
        self._running = True
        self.declare()
        self._look()
        self._load(starting)
        if starting and heavy and self._now[_LOAD] > _OVER_PERMILLE:
            return WEAK
        lowest = self._now[_LOW]
        self._poor_ms = self._poor_ms + dt_ms if forming else 0
        if lowest >= 850 + ERROR_PERMILLE or self._poor_ms >= _NO_GOOD_MS:
            self._good = True
        if self._readings[im.HOUSE_AGE_MS] > _FRESH_MS:
            return 0  # no proof: the enable goes for that
        found = 0
        row = 0
        for what, level, for_ms, later, act, _ in LIMITS:
            if (self._good or not later) and self._beyond(what, level):
                beyond_ms = grown(self._beyond_ms[row], dt_ms)
                self._beyond_ms[row] = beyond_ms
                if beyond_ms >= for_ms:
                    found |= act
            else:  # what ends it comes back slowly: a gap is no end; loads go for what is now
                beyond_ms = self._beyond_ms[row] - dt_ms // _DRAIN
                self._beyond_ms[row] = beyond_ms if beyond_ms > 0 and act != SHED else 0
            row += 1
        return found

    def _look(self):
        """Lowest and highest leg in permille of nominal, and the frequency's distance."""
        readings = self._readings
        site = self._site
        unit_mv = site[im.NOMINAL_MV] // 1000
        lowest_mv = highest_mv = readings[im.HOUSE_MV]
        for leg in range(1, site[im.LEG_COUNT]):
            mv = readings[im.HOUSE_MV + leg]
            if mv < lowest_mv:
                lowest_mv = mv
            if mv > highest_mv:
                highest_mv = mv
        now = self._now
        now[_LOW] = lowest_mv // unit_mv
        now[_HIGH] = highest_mv // unit_mv
        mhz = readings[im.HOUSE_MHZ]
        now[_FAST] = mhz - site[im.NOMINAL_MHZ] if mhz else 0

    def _load(self, starting):
        """_LOAD: how far the inverter is beyond what it may, in permille; in a soft start, how far
        it will be at full voltage."""
        readings = self._readings
        site = self._site
        device = site[im.ISLAND_DEVICE]
        self._now[_LOAD] = 0
        age_ms = readings[im.DEVICE_AGE_MS + device]
        if age_ms > _INVERTER_MS:
            return
        share = 1000
        if starting:  # resistive, and the voltage is newer than the current: rather too little
            share = self._now[_LOW]
            if share < _SOFT_PERMILLE:
                return
            if share > 1000:
                share = 1000
        watts = -readings[im.DEVICE_W + device]
        self.watts = watts * 1000 // share * 1000 // share if watts < 100_000 else watts
        worst = 0
        if self.most_w:
            worst = self.watts * 1000 // self.most_w if self.watts < 1_000_000 else im.AGE_MAX_MS
        most_ma = 0
        for leg in range(im.LEGS):
            ma = readings[im.DEVICE_MA + device * im.LEGS + leg]
            if ma < 0:
                ma = -ma
            if ma > most_ma:
                most_ma = ma
        most_ca = most_ma // 10 * 1000 // share
        even_w = most_ca * (site[im.NOMINAL_MV] // 1000) // 100 * site[im.LEG_COUNT]
        self.even_w = even_w if even_w > self.watts else self.watts
        rating_ma = (
            site[im.NODE_RATING_MA + site[im.DEVICE_NODE + device]]
            if site[im.DEVICE_NODE + device] >= 0
            else 0
        )
        if rating_ma:
            part = most_ca * 100 // (rating_ma // 100)
            if part > worst:
                worst = part
        self._now[_LOAD] = worst

    def _beyond(self, what, level):
        now = self._now
        if what == _HIGH:
            return now[_HIGH] > level - ERROR_PERMILLE
        if what == _LOW:
            return now[_LOW] < level + ERROR_PERMILLE
        if what == _SPLIT:
            return now[_HIGH] > 1150 - ERROR_PERMILLE and now[_LOW] < 900 + ERROR_PERMILLE
        if what == _SLOW:
            return now[_FAST] < -level
        if what == _FAST:
            site = self._site
            shift_mhz = site[im.DEVICE_SHIFT_MHZ + site[im.ISLAND_DEVICE]] + 500
            return now[_FAST] > (level if level > shift_mhz else shift_mhz)
        return now[_LOAD] > _OVER_PERMILLE
