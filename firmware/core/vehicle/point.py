# islet: a charging point: its pilot, its cable, its contactor, and where they say what is wrong.
# GPL-3.0-or-later

from array import array

from firmware import image as im
from firmware.core.vehicle.contactor import Contactor
from firmware.core.vehicle.look_kernel import SIZE, UNPLUGS, as_ever, unused
from firmware.core.vehicle.pilot import Pilot
from firmware.core.vehicle.proximity import Proximity


class Point:
    """The parts of the board's point `number`; a step looks, and acts once limits have decided."""

    def __init__(self, image, number):
        self.pilot = Pilot(image, number)
        self.proximity = Proximity(image, number)
        self.contactor = Contactor(image, self.pilot, number)
        self._image = image
        self._number = number
        self._words = array("i", [0] * SIZE)
        self._rests = False  # to look changes nothing while what is read stays as it is
        self._idles = False  # nothing lies in its circuit: nor does to act

    def look(self, dt_ms):
        image, words, number = self._image, self._words, self._number
        if self._idles:
            if unused(words, image.site, image.readings, number):
                return
            self._idles = False
        elif self._rests and as_ever(
            words, image.readings, image.requests, image.commands, number
        ):
            return
        self.pilot.step(dt_ms)
        self.proximity.step(dt_ms)
        self._rests = self.pilot.rests(words) and self.proximity.rests(words)

    def act(self, dt_ms):
        """Returns what it permits (OUT_*)."""
        if self._idles:
            return 0
        contactor = self.contactor
        contactor.step(dt_ms)
        self.pilot.drive()
        image, number = self._image, self._number
        if image.site[im.POINT_DEVICE + number] < 0 and contactor.idles():
            self._words[UNPLUGS] = image.readings[im.POINT_PILOT_UNPLUGS + number]
            self._idles = True
        return contactor.permit | contactor.release
