# islet: the energy of each device, and the sessions of a car at those where one is charged.
# GPL-3.0-or-later
#
# Energy is integrated in whole mWs, since device floats have 24 bits. What is a car's place: a
# point of this board, a charger over a line, a converter that speaks with the car itself.

from firmware import image as im
from firmware.base.viper import const

_STALE_MS = const(2_000)
_MWS_PER_WH = const(3_600_000)
_UNMETERED_MOST_S = const(65_535)
_VERSION = const(1)  # of the records: the high byte of their flags
_NAME_BYTES = const(14)  # of a device's name, that a record has room for
RECOVERED = const(1)  # flag: closed at start after a power loss
OPEN, CLOSED, IDLE = const(1), const(2), const(3)  # kinds of records

# The values of a record, in order. After them come the totals of the device, drawn and delivered,
# and the first bytes of its name. While no session is open it says of one only which was the last.
VALUES = (
    "session",
    "start_min",  # wall time, minutes since 2020 plus 1; 0 unknown
    "end_min",
    "duration_s",
    "drawn_wh",
    "delivered_wh",
    "unmetered_s",  # without a fresh measurement: energy is missing
)
SESSION, TOTALS, NAME = const(0), const(7), const(9)


def cut(name):
    """What a record has room for."""
    data = name.encode()
    count = _NAME_BYTES
    while count < len(data) and data[count] & 0xC0 == 0x80:  # not within a letter
        count -= 1
    return data[:count]


class Account:
    """One device's energy: totals, and of the session at a car's place."""

    def __init__(self, image, device, name):
        site = image.site
        self.image = image
        self.device = device
        self.name = cut(name)
        self.flags = _VERSION << 8 | device << 1
        self.point = site[im.DEVICE_CONTACTOR + device]
        kind = site[im.DEVICE_KIND + device]
        self.offered = kind == im.KIND_POINT or kind == im.KIND_CHARGER
        self.is_place = self.offered or site[im.DEVICE_OWNS_PILOT + device] == 1
        at = im.DEVICE_LEG + device * im.LEGS
        self._legs = [site[at + k] for k in range(im.LEGS) if site[at + k] >= 0]
        self._node = site[im.DEVICE_NODE + device] if self.offered and _alone(site, device) else -1
        self.total_wh = [0, 0]  # drawn, delivered
        self._rest_mws = [0, 0]  # not yet a Wh
        self.closed = 0  # its last session that has a record of its end
        self.noted()
        self.open(0)
        self.is_open = False

    def open(self, session):
        self.session = session
        self.is_open = True
        self.wh = [0, 0]
        self._start = self._minute()
        self._duration_ms = self._unmetered_ms = self._unplugs = 0
        if self.point >= 0:
            self._unplugs = self.image.commands[im.POINT_UNPLUGS + self.point]

    def kind(self):
        """Of its next record in the journal."""
        return OPEN if self.is_open else IDLE

    def values(self):
        """Of a record, as things stand."""
        return (
            self.session if self.is_open else self.closed,
            self._start,
            self._minute(),
            self._duration_ms // 1000,
            self.wh[0],
            self.wh[1],
            min(self._unmetered_ms // 1000, _UNMETERED_MOST_S),
            self.total_wh[0],
            self.total_wh[1],
            self.name,
        )

    def noted(self):
        """A record says what stands now."""
        self.since_ms = 0  # its last record in the journal
        self._noted_wh = sum(self.total_wh)

    def moved(self):
        """A record would say something new."""
        return sum(self.total_wh) != self._noted_wh

    def restore(self, total_wh, since_ms):
        """No less than a record says, that is so old."""
        self.total_wh = [max(pair) for pair in zip(self.total_wh, total_wh)]
        if not since_ms:
            self.noted()
        self.since_ms = since_ms

    def _minute(self):
        return self.image.readings[im.WALL_MIN] + 1

    # --- whether a car is there --------------------------------------------------------------

    def begins(self):
        """Power may flow to a car."""
        if self.point >= 0:
            return self._contactor_closed()
        return self._fresh() and self.image.readings[im.DEVICE_PLUGGED + self.device] == 1

    def ends(self):
        """The session lasts through pauses, until the car is gone."""
        image, point = self.image, self.point
        if point >= 0 and self._contactor_closed():
            return False
        if point < 0 or image.site[im.DEVICE_OWNS_PILOT + self.device]:
            return self._fresh() and not image.readings[im.DEVICE_PLUGGED + self.device]
        commands = image.commands
        if commands[im.POINT_UNPLUGS + point] != self._unplugs:  # for less than our second
            return True
        return commands[im.POINT_PILOT_STATE + point] == im.PILOT_A

    def _contactor_closed(self):
        state = self.image.commands[im.POINT_CONTACTOR_STATE + self.point]
        return state == im.CONTACTOR_CLOSED or state == im.CONTACTOR_EMPTYING

    def _fresh(self):
        return self.image.readings[im.DEVICE_AGE_MS + self.device] <= _STALE_MS

    # --- energy -------------------------------------------------------------------------------

    def integrate(self, dt_ms):
        watts = self.watts()
        if self.is_open:
            self._duration_ms += dt_ms
            self._unmetered_ms += dt_ms if watts is None else 0
        self._add(0, max(watts or 0, 0) * dt_ms)
        self._add(1, max(-(watts or 0), 0) * dt_ms)

    def _add(self, which, mws):
        rest = self._rest_mws[which] + mws
        wh = rest // _MWS_PER_WH
        self._rest_mws[which] = rest - wh * _MWS_PER_WH
        self.total_wh[which] += wh
        if self.is_open:
            self.wh[which] += wh

    def watts(self):
        """What it draws, by its node's instrument where nothing else is there; None unknown."""
        site, readings, device = self.image.site, self.image.readings, self.device
        node = self._node
        if node >= 0 and readings[im.NODE_AGE_MS + node] <= _STALE_MS:
            return sum([readings[im.NODE_W + node * im.LEGS + leg] for leg in self._legs])
        if not self._fresh():
            return None
        if not self.offered:
            return readings[im.DEVICE_W + device]
        at = im.DEVICE_MA + device * im.LEGS
        ma = sum([readings[at + k] for k in range(len(self._legs))])
        return ma * (site[im.NOMINAL_MV] // 1000) // 1000


def _alone(site, device):
    """What its node's instrument measures is its own alone."""
    node = site[im.DEVICE_NODE + device]
    for other in range(im.DEVICES):
        if (
            other != device
            and site[im.DEVICE_NODE + other] == node
            and site[im.DEVICE_KIND + other]
        ):
            return False
    for child in range(site[im.NODE_COUNT]):
        if site[im.NODE_PARENT + child] == node:
            return False
    return True
