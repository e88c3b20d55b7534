# islet: what the guard trips for, row by row.
# GPL-3.0-or-later
#
# kernel.py asks all of them at once, every 10 ms; a row's own method here says the same in plain
# words, and is called when there is something to do, for what it measured. Both are tested for
# equality.

from array import array

from firmware import image as im
from firmware.base.viper import const
from firmware.guard.kernel import (
    DIODE_HIGH_MV,
    DIODE_LOW_MV,
    LOST,
    ON_MS,
    OVERDUE,
    OWN,
    PILOT_B_MV,
    PILOT_C_MV,
    PILOT_D_MV,
    SEES,
    SWING_MV,
)

UNSEEN_MS = const(20)  # a pilot without a sample for so long is lost
INRUSH_MS = const(100)  # after closing
BEAT_MS = const(300)
SAMPLES_MS = const(50)


def by_pilot(site, point):
    """The point has a device, and asks the car by its own pilot."""
    device = site[im.POINT_DEVICE + point]
    return device >= 0 and not site[im.DEVICE_OWNS_PILOT + device]


def asks(image, point):
    """It does, and its contactor is permitted."""
    coil = im.OUT_CONTACTOR << im.OUT_SHIFT * point
    return image.commands[im.PERMITS] & coil != 0 and by_pilot(image.site, point)


class Causes:
    """Each method: is the cause there now? `value` is what it measured."""

    def __init__(self, image):
        self.image = image
        self.own = array("i", [0] * OWN)
        self.value = 0

    def overcurrent(self, point=0):
        """Twice the rating over a whole cycle; a current the contacts cannot break is left to
        the breaker."""
        if self.own[ON_MS + point] < INRUSH_MS:
            return False
        live = self.image.live
        most_ma = 0
        first = im.POINT_FAST_MA + point * im.LEGS
        for at in range(first, first + im.LEGS):
            if live[at] > most_ma:
                most_ma = live[at]
        self.value = most_ma
        site = self.image.site
        device = site[im.POINT_DEVICE + point]
        if device < 0:
            return False
        return 2 * site[im.DEVICE_MAX_MA + device] < most_ma <= site[im.POINT_BREAKING_MA + point]

    def pilot_lost(self, point=0):
        """Contactor permitted, and the pilot not in C or D, or not seen (INV-2). Where the samples
        themselves are looked at (fast.py), they tell: a block's plateau is that of its worst."""
        image = self.image
        if not asks(image, point):
            return False
        high_mv = image.live[im.POINT_HIGH_MV + point]
        self.value = high_mv
        if image.live[im.POINT_PILOT_AGE_MS + point] > UNSEEN_MS:
            return True
        if self.own[LOST + point] >= 0:
            return self.own[LOST + point] > 0
        return high_mv >= PILOT_B_MV or high_mv < PILOT_D_MV

    def vehicle_unfit(self, point=0):
        """Contactor permitted, and the car in D without ventilation, or without its diode."""
        image = self.image
        if not asks(image, point):
            return False
        live = image.live
        high_mv = live[im.POINT_HIGH_MV + point]
        low_mv = live[im.POINT_LOW_MV + point]
        self.value = low_mv
        if high_mv - low_mv >= SWING_MV and not DIODE_LOW_MV <= low_mv <= DIODE_HIGH_MV:
            return True
        self.value = high_mv
        return PILOT_D_MV <= high_mv < PILOT_C_MV and not live[im.INPUTS] & im.IN_VENTILATION

    def grid_dead(self):
        """On the grid, and every leg below 20 % of nominal; or the next zero crossing overdue,
        where the board sees those: only while the enable is permitted, for at start nobody shows
        any yet."""
        image = self.image
        site = image.site
        if site[im.ISLAND_CAPABLE] and not image.commands[im.PERMITS] & im.OUT_ISLAND:
            return False
        if self.own[SEES] == im.SEES_CROSSINGS:
            self.value = image.live[im.CROSSING_AGE_MS]
            if not image.commands[im.PERMITS] & im.OUT_ENABLE:
                return False
            return self.value > 1000 or self.value * site[im.NOMINAL_MHZ] > OVERDUE
        if self.own[SEES] != im.SEES_VOLTAGE or image.live[im.FAST_AGE_MS] > SAMPLES_MS:
            return False
        dead_mv = site[im.NOMINAL_MV] // 5
        for leg in range(site[im.LEG_COUNT]):
            self.value = image.live[im.FAST_GRID_MV + leg]
            if self.value >= dead_mv:
                return False
        return True

    def stop(self):
        self.value = self.image.live[im.INPUTS] & im.PROTECTION_INPUTS
        return self.value & im.IN_ESTOP != 0

    def rcd(self):
        """Alone: what shares the stop's loop has the stop's meaning."""
        self.value = self.image.live[im.INPUTS] & im.PROTECTION_INPUTS
        return self.value & (im.IN_ESTOP | im.IN_RCD) == im.IN_RCD

    def heat(self):
        self.value = self.image.live[im.INPUTS] & im.PROTECTION_INPUTS
        return self.value == im.IN_OVERTEMP

    def serviced(self):
        self.value = inputs = self.image.live[im.INPUTS]
        return inputs & im.IN_SERVICE != 0

    def enable_lost(self):
        """Its output is on, and it is not seen at the inverter; a pulled service switch that is
        read says so itself."""
        image = self.image
        self.value = inputs = image.live[im.INPUTS]
        if (
            inputs & (im.IN_SERVICE | im.IN_ENABLE)
            or not image.site[im.ENABLE_INPUTS] & im.IN_ENABLE
        ):
            return False
        return image.trips[im.OUTPUTS] & im.OUT_ENABLE != 0

    def beat_late(self):
        self.value = self.image.trips[im.BEAT_AGE_MS]
        return self.value > BEAT_MS

    def samples_stopped(self):
        self.value = self.image.live[im.FAST_AGE_MS]
        return self.value > SAMPLES_MS
