# islet: does the car draw what it may: offer and cable followed, nothing through an open contact.
# GPL-3.0-or-later
#
# A car may take the declared response to follow a lower offer, and is then cut off at once: INV-3
# counts that time. Beyond its offer is 0.5 A or 5 % more, and the declared error of what measures
# it (INV-16); the cable's 105 % are what a car's own meter may be off by. A contactor that counts
# as open and carries current is welded, whatever its auxiliary contact says.

from array import array

from firmware import image as im
from firmware.base.viper import const, micropython, ptr32
from firmware.core.vehicle.rights import speaks_itself

_MEASURED_MS = const(2_000)  # INV-4
_FLOWS_MA = const(1_000)  # less is noise, or a filter's
_FLOWS_MS = const(500)  # so long through an open contact: welded
_LAG_MS = const(1_000)  # a metering chip shows a step after 0.84 s; a gateway's report:
_REPORT_MS = const(4_000)
_CONFIRM_MS = const(100)
_SLACK_MA = const(500)
_WINDOW = const(10)  # tenths of the response
CABLE_SHARE = const(20)  # of its rating that may flow beyond it
REFUSALS = const(2)  # stops that it ignored until the contactor opened under load


@micropython.viper
def most(readings, device: int) -> int:
    """The largest of a device's currents, whatever their direction."""
    r = ptr32(readings)
    at = im.DEVICE_MA + device * im.LEGS
    end = at + im.LEGS
    most_ma = 0
    while at < end:
        ma = r[at]
        if ma < 0:
            ma = 0 - ma
        if ma > most_ma:
            most_ma = ma
        at += 1
    return most_ma


class Draw:
    """`ignored`: the car does not follow; `welded`: current flows through what is open; `flows`:
    1 A or more, or not known."""

    def __init__(self, image, point=0):
        self._image = image
        self._point = point
        self._device = -1  # in its circuit
        self.ignored = self.welded = False
        self.flows = True
        self._most_ma = 0
        self._over_ms = 0
        self._through_ms = 0
        self._off_ms = 0
        self._refusals = 0
        self._offers = array("i", [0] * _WINDOW)
        self._at = 0
        self._slot_ms = 0

    def forget(self):
        """Another car, or a person says so."""
        self.ignored = False
        self._refusals = 0
        self._over_ms = 0

    def step(self, dt_ms, permit):
        image = self._image
        readings = image.readings
        device = self._device = image.site[im.POINT_DEVICE + self._point]
        gateway = speaks_itself(image.site, self._point)
        most_ma = most(readings, device) if device >= 0 else 0
        self._most_ma = most_ma
        age_ms = readings[im.DEVICE_AGE_MS + device] if device >= 0 else im.AGE_MAX_MS
        known = age_ms <= _MEASURED_MS
        self.flows = not known or most_ma >= _FLOWS_MA
        lag_ms = _REPORT_MS if gateway else _LAG_MS
        self._look_through(dt_ms, permit, known and most_ma >= _FLOWS_MA, lag_ms + age_ms)
        if device >= 0 and not gateway:
            self._follow(dt_ms, known)

    def refused(self):
        """The contactor opens because the car went on, 6 s after it was told to stop."""
        if self._most_ma >= _FLOWS_MA:
            self._refusals += 1
            if self._refusals >= REFUSALS:
                self.ignored = True

    def _look_through(self, dt_ms, permit, carries, lag_ms):
        if permit:
            self._off_ms = self._through_ms = 0
            self.welded = False
            return
        if self._off_ms <= lag_ms:
            self._off_ms += dt_ms
        elif carries:
            if self._through_ms < _FLOWS_MS:
                self._through_ms += dt_ms
            else:
                self.welded = True
        elif self._through_ms:
            self._through_ms -= dt_ms
        else:
            self.welded = False

    def _follow(self, dt_ms, known):
        """Beyond what was offered for the whole of the response, longer than it."""
        image = self._image
        commands = image.commands
        response_ms = image.site[im.DEVICE_RESPONSE_MS + self._device]
        offer_ma = commands[im.SETPOINT + self._device]
        offers = self._offers
        at = self._at
        if offer_ma > offers[at]:
            offers[at] = offer_ma
        self._slot_ms += dt_ms
        if self._slot_ms * _WINDOW >= response_ms:
            self._slot_ms = 0
            self._at = at = at + 1 if at + 1 < _WINDOW else 0
            offers[at] = offer_ma
        over = known and self._most_ma > self._limit_ma(offer_ma)
        if over and commands[im.DEVICE_OVERDUE + self._device]:
            self.ignored = True  # the panel has waited as long as INV-3 lets it
        if offer_ma == 0:  # told to stop: how long it may take is the contactor's to say
            self._over_ms = 0
        elif over:
            if self._over_ms <= response_ms + _CONFIRM_MS:
                self._over_ms += dt_ms
            else:
                for i in range(_WINDOW):
                    if offers[i] > offer_ma:
                        offer_ma = offers[i]
                if self._most_ma > self._limit_ma(offer_ma):
                    self.ignored = True
        elif self._over_ms > dt_ms:
            self._over_ms -= dt_ms
        else:
            self._over_ms = 0

    def _limit_ma(self, offer_ma):
        image = self._image
        site = image.site
        slack_ma = offer_ma // 20
        if slack_ma < _SLACK_MA:
            slack_ma = _SLACK_MA
        limit_ma = offer_ma + slack_ma
        node = site[im.DEVICE_NODE + self._device]
        limit_ma += offer_ma * site[im.NODE_ERROR_PERMILLE + node] // 1000
        cable_ma = image.commands[im.POINT_CABLE_MA + self._point]
        if cable_ma > 0 and limit_ma > cable_ma + cable_ma // CABLE_SHARE:
            return cable_ma + cable_ma // CABLE_SHARE
        return limit_ma
