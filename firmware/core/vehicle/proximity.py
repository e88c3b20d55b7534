# islet: the proximity pilot, from the plug's resistor to the cable's rating.
# GPL-3.0-or-later
#
# Ladder of IEC 62196 / 61851-1 as quoted in vendors' pages. Unknown is never "maximum": it is
# 0 A, also with a tethered cable (declare its rating by a resistor at the input).

from array import array

from firmware import image as im
from firmware.base.viper import const
from firmware.core.vehicle.look_kernel import CABLE_STALE_MS, LEAST_OHM, MOST_OHM
from firmware.core.vehicle.rights import set_faults, speaks_itself

_STEPS = const(2)  # the same rung in so many steps

LADDER = (
    # from ohm, rating mA, meaning
    (2_201, im.UNKNOWN, "no cable"),
    (1_000, 13_000, "1.5 kohm"),
    (330, 20_000, "680 ohm"),
    (150, 32_000, "220 ohm"),
    (75, 63_000, "100 ohm"),
    (0, im.UNKNOWN, "short: a fault"),
    (-1_000_000, im.UNKNOWN, "not measured"),
)
_FROM_OHM = array("i", [row[0] for row in LADDER])
_RATING_MA = array("i", [row[1] for row in LADDER])
_SHORT = const(5)  # row of the short


def rung(ohm):
    """Row of LADDER for a resistance in ohm (-1 not measured)."""
    i = 0
    while ohm < _FROM_OHM[i]:
        i += 1
    return i


class Proximity:
    """Cable rating, the same in two consecutive steps."""

    def __init__(self, image, point=0):
        self._image = image
        self._point = point
        self._rung = len(LADDER) - 1
        self._candidate = self._rung
        self._steps = 0

    def step(self, dt_ms):
        """Write CABLE_MA and FAULT_CABLE."""
        image = self._image
        readings = image.readings
        commands = image.commands
        point = self._point
        if image.site[im.POINT_DEVICE + point] < 0 or speaks_itself(image.site, point):
            commands[im.POINT_CABLE_MA + point] = im.UNKNOWN
            return
        fresh = readings[im.POINT_PROXIMITY_AGE_MS + point] <= CABLE_STALE_MS
        self._debounce(rung(readings[im.POINT_PROXIMITY_OHM + point] if fresh else im.UNKNOWN))
        commands[im.POINT_CABLE_MA + point] = _RATING_MA[self._rung]
        short = im.FAULT_CABLE if self._rung == _SHORT else 0
        set_faults(commands, point, im.FAULT_CABLE, short)

    def rests(self, words):
        """Whether a step changes nothing while the resistance stays within `words`."""
        i = self._rung
        words[LEAST_OHM] = _FROM_OHM[i]
        words[MOST_OHM] = _FROM_OHM[i - 1] - 1 if i else im.AGE_MAX_MS
        return self._candidate == i and self._steps >= _STEPS

    def _debounce(self, seen):
        if seen == self._candidate:
            if self._steps < _STEPS:
                self._steps += 1
        else:
            self._candidate = seen
            self._steps = 1
        if self._steps >= _STEPS:
            self._rung = seen
