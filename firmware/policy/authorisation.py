# islet: for how long the user of a point stays authorised.
# GPL-3.0-or-later

from firmware import image as im

try:
    from micropython import const
except ImportError:
    from firmware.base.viper import const

_LAPSE_MS = const(300_000)  # without a car
_STALE_MS = const(2_000)  # as INV-4


class Authorisation:
    """INV-8: it is for one connection, and ends with it, however short the car was away; unused
    it lapses."""

    def __init__(self, image, point):
        self._image = image
        self._point = point
        self._session = False  # a car has been seen since the user was authorised
        self._unused_ms = 0

    def step(self, dt_ms):
        image, point = self._image, self._point
        requests, commands = image.requests, image.commands
        given = requests[im.POINT_AUTHORISED + point]
        ended = requests[im.POINT_AUTHORISED_FOR + point] != commands[im.POINT_UNPLUGS + point]
        if not given or self._plugged():
            seen = commands[im.POINT_PILOT_STATE + point] != im.PILOT_UNKNOWN
            self._session = self._session or seen
            self._unused_ms = 0
        else:
            self._unused_ms += dt_ms
            ended = ended or self._session
        if ended or self._unused_ms > _LAPSE_MS:
            given = requests[im.POINT_AUTHORISED + point] = 0
        if not given:
            self._session = False

    def _plugged(self):
        """A car is there, or nobody knows."""
        image, point = self._image, self._point
        site, readings = image.site, image.readings
        device = site[im.POINT_DEVICE + point]
        if site[im.DEVICE_OWNS_PILOT + device]:
            silent = readings[im.DEVICE_AGE_MS + device] > _STALE_MS
            return silent or readings[im.DEVICE_PLUGGED + device] == 1
        return image.commands[im.POINT_PILOT_STATE + point] != im.PILOT_A
