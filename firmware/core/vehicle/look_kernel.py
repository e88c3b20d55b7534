# islet: whether pilot and cable of a point are as they were, in viper.
# GPL-3.0-or-later
#
# Asked only when both say that they are at rest; a no may be wrong and costs time. The same text
# runs on CPython.

from firmware import image as im
from firmware.base.viper import const, micropython, ptr32

PILOT_STALE_MS = const(200)
CABLE_STALE_MS = const(2_000)  # INV-4
DIODE_LOW_MV = const(-13_000)  # with a diode the car leaves the low plateau alone
DIODE_HIGH_MV = const(-11_000)
STEADY_HIGH = const(1000)  # permille: X1, steady +12 V

LEAST_MV = const(0)  # within which the high plateau is the present state
MOST_MV = const(1)
LEAST_OHM = const(2)  # and the resistor the present cable
MOST_OHM = const(3)
PWM = const(4)  # 1: there is one
DIODE = const(5)  # 1: the low plateau is looked at
UNPLUGS = const(6)
ACKNOWLEDGED = const(7)
SIZE = const(8)


@micropython.viper
def as_ever(words, readings, requests, commands, point: int) -> int:
    """1: nothing that pilot.py and proximity.py read says anything new."""
    w = ptr32(words)
    r = ptr32(readings)
    q = ptr32(requests)
    c = ptr32(commands)
    if r[im.POINT_PILOT_AGE_MS + point] > PILOT_STALE_MS:
        return 0
    if r[im.POINT_PROXIMITY_AGE_MS + point] > CABLE_STALE_MS:
        return 0
    seen = r[im.POINT_HIGH_MV + point]
    if seen < w[LEAST_MV] or seen > w[MOST_MV]:
        return 0
    seen = r[im.POINT_PROXIMITY_OHM + point]
    if seen < w[LEAST_OHM] or seen > w[MOST_OHM]:
        return 0
    seen = c[im.POINT_DUTY_PERMILLE + point]
    pwm = 0
    if seen > 0 and seen < STEADY_HIGH:
        pwm = 1
    if pwm != w[PWM] or q[im.ACKNOWLEDGE_SEQ] != w[ACKNOWLEDGED]:
        return 0
    if r[im.POINT_PILOT_UNPLUGS + point] != w[UNPLUGS]:
        return 0
    if w[DIODE]:
        seen = r[im.POINT_LOW_MV + point]
        if seen < DIODE_LOW_MV or seen > DIODE_HIGH_MV:
            return 0
    return 1


@micropython.viper
def unused(words, site, readings, point: int) -> int:
    """1: still nothing lies in the point's circuit, nothing ends at its pilot, and its auxiliary
    contact says open."""
    w = ptr32(words)
    s = ptr32(site)
    r = ptr32(readings)
    if s[im.POINT_DEVICE + point] >= 0 or r[im.POINT_PILOT_UNPLUGS + point] != w[UNPLUGS]:
        return 0
    if r[im.INPUTS] & (im.IN_CONTACTOR << im.IN_SHIFT * point):
        return 0
    return 1
