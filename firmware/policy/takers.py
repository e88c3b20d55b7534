# islet: who takes part in what is shared: what takes an offer, and converters.
# GPL-3.0-or-later
#
# `able`: what stricter sources leave it now. Whoever can do nothing (no car, a fault, a lease) is
# asked last and takes nothing from the others. The panel's claim is left out: what it leaves one
# depends on what is wished of the others.

from firmware import image as im

try:
    from micropython import const
except ImportError:
    from firmware.base.viper import const

_LEAST_MA = const(6_000)  # IEC 61851-1: no offer below 6 A
_PAYS = const(3)  # a second of shade is made good by so many of sun,
_REPAYS = const(2)  # one that is owed since a stop by so many,
_FORGETS = const(20)  # or by so many of standing still
_OWES = const(3)  # stops' worth, at most
_UNUSED_MS = const(60_000)  # an offer not used for so long is free for the others
_UNUSED_MA = const(1_000)  # by more than this
_SOC_STALE_MS = const(120_000)  # as INV-11
_RESERVE_BAND_PERMILLE = const(20)  # discharge again when so far above the reserve
_STRICTER = (im.HARDWARE, im.GRID_CODE, im.OPERATOR, im.RESERVE)

# why a device is wished what it is
WHY_NAMES = (
    "off_grid",  # nothing is wished beside the grid
    "goal",
    "hand",  # a wish by hand, or what is left of one after a reset
    "meter",  # the meter or a device is silent, so nobody knows what is left over
    "short",  # too little is left over for its least
    "waits",  # enough is left over, but not for long enough yet
    "holds",  # too little is left over, and it goes on at its least for a while
    "before",  # others are served before it
    "reserve",  # the battery is at its owner's reserve
    "rests",  # enough is left over, but it has stopped for too little only just now
)
WHY_OFF_GRID, WHY_GOAL, WHY_HAND, WHY_METER = const(0), const(1), const(2), const(3)
WHY_SHORT, WHY_WAITS, WHY_HOLDS, WHY_BEFORE = const(4), const(5), const(6), const(7)
WHY_RESERVE, WHY_RESTS = const(8), const(9)


class Taker:
    """One device: `value` is its wish, mA per leg or W, None where it cannot be known; `why` a
    WHY_*; `hand` a wish by hand: [value, ms left, only takes away] or None."""

    def __init__(self, image, device, legs):
        self.image = image
        self.device = device
        self.legs = legs
        self.rank = image.site[im.DEVICE_RANK + device]
        self.volts = image.site[im.NOMINAL_MV] // 1000 * len(legs)  # of all its legs together
        self.value = None
        self.why = WHY_OFF_GRID
        self.hand: list | None = None
        self.draw_w = 0

    def by_hand(self):
        """A wish by hand stands instead of the goal."""
        return self.hand is not None and not self.hand[2]

    def set(self, value, why):
        self.value = value
        self.why = why

    def left_ms(self) -> int:
        """For how long its reason stands, where that has an end."""
        return 0

    def left(self, block):
        """What the stricter sources leave at CLAIM_LOW or CLAIM_HIGH."""
        commands = self.image.commands
        ends = [commands[block + source * im.DEVICES + self.device] for source in _STRICTER]
        return max(ends) if block == im.CLAIM_LOW else min(ends)


class Offered(Taker):
    """A point or charger; `on` by the sun. sun: the owner's sun_start and sun_stop, ms, ms, W, W.

    An account instead of timers that a blip resets. Off, enough counts towards the start, and a
    second of shade takes three off. On, a second at its least with too little counts towards the
    stop, and three of enough take one off. What a stop has counted is owed: the next start waits
    for so much more sun, half of the sun it then charges by repays it, and it is forgotten in
    twenty times as long. So the seconds that the grid pays for are at most a stop's worth more
    than those of sun it has waited for, half of those the sun pays for, and a twentieth of those
    it stands still."""

    def __init__(self, image, device, legs, most_ma, sun):
        super().__init__(image, device, legs)
        site = image.site
        self.most_ma = min(most_ma, site[im.DEVICE_MAX_MA + device])
        self.least_ma = max(site[im.DEVICE_LEAST + device], _LEAST_MA)
        self.least_w = -(-self.least_ma * self.volts // 1000)
        self.most_w = -(-self.most_ma * self.volts // 1000)
        self.on = False
        self.enough = False
        self._sun = sun
        self._turn_ms = 0  # towards the start, or the stop
        self._owed_ms = 0
        self._rest_ms = 0
        self._unused_ms = 0

    def able(self):
        """A car is there, and nobody stricter forbids it."""
        high_ma = self.left(im.CLAIM_HIGH)
        return high_ma >= self.least_ma and self.most_ma >= self.least_ma

    def still(self):
        """It stands still for another reason than the sun: the next start is a new one."""
        self.on = False
        self._turn_ms = 0

    def turn(self, left_w, dt_ms):
        """Start or stop by what is left over for it."""
        start_ms, stop_ms, start_w, stop_w = self._sun
        short_w = self._needs_w() - left_w
        self.enough = enough = short_w <= (stop_w if self.on else -start_w)
        self._rest_ms = max(self._rest_ms - dt_ms, 0)
        turn_ms = self._turn_ms
        if not self.on:
            self._owed_ms = max(self._owed_ms - dt_ms // _FORGETS, 0)
            start_ms += self._owed_ms
            turn_ms = max(min(turn_ms + (dt_ms if enough else -_PAYS * dt_ms), start_ms), 0)
            if enough and turn_ms >= start_ms and not self._rest_ms:
                self.on = True
                turn_ms = 0
        elif enough:
            if not turn_ms:
                self._owed_ms = max(self._owed_ms - dt_ms // _REPAYS, 0)
            turn_ms = max(turn_ms - dt_ms // _PAYS, 0)
        else:
            turn_ms += dt_ms
            if turn_ms >= stop_ms:
                self.on = False
                if self.draw_w > 0 and not self.by_hand():
                    self._owed_ms = min(self._owed_ms + turn_ms, _OWES * stop_ms)
                    self._rest_ms = self.image.site[im.DEVICE_PAUSE_MS + self.device]
                turn_ms = 0
        self._turn_ms = turn_ms

    def _needs_w(self):
        """Its least, or what a car draws at that on fewer of its legs."""
        draws = self.on and self.draw_w > _UNUSED_MA * self.volts // 1000
        return min(self.draw_w, self.least_w) if draws else self.least_w

    def give(self, watts, dt_ms):
        """Of what is left over it may have so much; what the others have to leave it."""
        if not self.on:
            why = WHY_RESTS if self._rest_ms else WHY_WAITS
            self.set(0, why if self.enough else WHY_SHORT)
            return self.least_w if self.why == WHY_WAITS else 0
        ma = max(watts * 1000 // self.volts, self.least_ma)
        self.set(min(ma, self.most_ma), WHY_GOAL if self.enough else WHY_HOLDS)
        promised_w = self.value * self.volts // 1000
        used_w = self.draw_w + _UNUSED_MA * self.volts // 1000
        unused_ms = self._unused_ms + (dt_ms if used_w < promised_w else -dt_ms)
        self._unused_ms = max(min(unused_ms, 2 * _UNUSED_MS), 0)
        return used_w if self._unused_ms > _UNUSED_MS else promised_w

    def left_ms(self):
        """Until it starts or stops, should all stay as it is."""
        start_ms, stop_ms, _, _ = self._sun
        if self.why == WHY_RESTS:
            return self._rest_ms
        if self.why == WHY_WAITS:
            return start_ms + self._owed_ms - self._turn_ms
        return stop_ms - self._turn_ms if self.why == WHY_HOLDS else 0


class Converter(Taker):
    """A battery, of the house or of a car behind a gateway."""

    def __init__(self, image, device, legs):
        super().__init__(image, device, legs)
        self._low = False

    def most_w(self, delivers):
        """By its rating and the reserve."""
        site = self.image.site
        if not delivers:
            return site[im.DEVICE_CHARGE_W + self.device]
        return 0 if self.at_reserve() else site[im.DEVICE_DISCHARGE_W + self.device]

    def able_w(self, delivers):
        """And by what the stricter sources leave it now."""
        left_w = -self.left(im.CLAIM_LOW) if delivers else self.left(im.CLAIM_HIGH)
        return max(min(self.most_w(delivers), left_w), 0)

    def bound(self):
        """Its wish within rating and reserve."""
        if self.value is None:
            return
        site = self.image.site
        value = min(self.value, site[im.DEVICE_CHARGE_W + self.device])
        self.value = max(value, -site[im.DEVICE_DISCHARGE_W + self.device])
        if self.value < 0 and self.at_reserve():
            self.set(0, WHY_RESERVE)

    def at_reserve(self):
        """It must not be discharged; with a band, so that it does not flutter."""
        readings = self.image.readings
        soc = readings[im.DEVICE_SOC_PERMILLE + self.device]
        if soc < 0 or readings[im.DEVICE_SOC_AGE_MS + self.device] > _SOC_STALE_MS:
            return True
        reserve = self.image.requests[im.RESERVE_PERMILLE]
        if soc <= reserve:
            self._low = True
        elif soc >= reserve + _RESERVE_BAND_PERMILLE:
            self._low = False
        return self._low
