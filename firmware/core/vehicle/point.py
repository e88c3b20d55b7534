# islet: a charging point: its pilot, its cable, its contactor, and where they say what is wrong.
# GPL-3.0-or-later

from array import array

from firmware.core.vehicle.contactor import Contactor
from firmware.core.vehicle.look_kernel import SIZE, as_ever
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

    def look(self, dt_ms):
        image, words = self._image, self._words
        if self._rests and as_ever(
            words, image.readings, image.requests, image.commands, self._number
        ):
            return
        self.pilot.step(dt_ms)
        self.proximity.step(dt_ms)
        self._rests = self.pilot.rests(words) and self.proximity.rests(words)

    def act(self, dt_ms):
        """Returns what it permits (OUT_*)."""
        contactor = self.contactor
        contactor.step(dt_ms)
        self.pilot.drive()
        return contactor.permit | contactor.release
